"""The equal command: right, quoted, without a token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdash.actions.command import command_for
from agentdash.actions.registry import REGISTRY, action
from agentdash.actions.target import Target
from tests.unit.actions.known import a_state, a_workspace

MAIN = Target("w1/main")


@pytest.mark.parametrize(
    ("action_id", "command"),
    [
        ("restart", "coder restart ada/dev-w1"),
        ("start", "coder start ada/dev-w1"),
        ("stop", "coder stop ada/dev-w1"),
        ("delete", "coder delete ada/dev-w1"),
        ("shell", "coder ssh ada/dev-w1.main"),
        ("favorite", "coder favorite ada/dev-w1"),
        ("extend", "coder schedule extend ada/dev-w1 1h"),
        ("zoom", ""),
    ],
)
def test_commands(action_id: str, command: str) -> None:
    assert command_for(action(action_id), MAIN, a_state()) == command


def test_favourite_goes_both_ways() -> None:
    state = a_state(a_workspace(favorite=True))
    assert command_for(action("favorite"), MAIN, state) == "coder unfavorite ada/dev-w1"


def test_cancel_is_a_call_without_a_token() -> None:
    command = command_for(action("cancel-build"), MAIN, a_state())
    assert command.startswith("curl -X PATCH ")
    assert command.endswith('"$CODER_URL/api/v2/workspacebuilds/b1/cancel"')
    assert "$CODER_SESSION_TOKEN" in command


def test_hostile_names_and_ids_stay_inside_their_quotes() -> None:
    workspace = a_workspace(name="x; rm -rf ~")
    workspace = replace(workspace, build=replace(workspace.build, id='b"; rm -rf ~; "'))
    state = a_state(workspace)
    assert command_for(action("stop"), MAIN, state) == "coder stop 'ada/x; rm -rf ~'"
    call = command_for(action("cancel-build"), MAIN, state)
    assert ";" not in call
    assert call.count('"') == 4


def test_what_is_gone_has_no_command() -> None:
    assert command_for(action("stop"), Target("w9/main"), a_state()) == ""


def test_every_writing_action_on_a_workspace_has_a_command() -> None:
    for entry in REGISTRY:
        if entry.writes and entry.right != "ssh":
            target = Target("w1/main", devcontainer="d1" if entry.id.startswith("devcontainer-") else "")
            assert command_for(entry, target, a_state()), entry.id
