"""What is noted of a change, matched by key: agents get new ids at every start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentdash.state.history import agent_transitions, workspace_transitions
from tests.unit.model_factory import NOW, make_agent, make_app, make_build, make_script, make_workspace


@pytest.mark.parametrize(
    ("change", "noted"),
    [
        ({"status": "disconnected"}, ("status", "connected", "disconnected")),
        ({"lifecycle": "start_error"}, ("lifecycle", "ready", "start_error")),
        ({"id": "another"}, ("agent", "w1-main", "another")),
        (
            {"scripts": (make_script(status="exit_failure", exit_code=1),)},
            ("script:install-deps", "ok", "exit_failure"),
        ),
        ({"apps": (make_app(health="unhealthy"),)}, ("app:web", "disabled", "unhealthy")),
    ],
)
def test_one_change_gives_one_transition(change: dict[str, Any], noted: tuple[str, str, str]) -> None:
    old = make_agent(scripts=(make_script(),), apps=(make_app(),))
    found = agent_transitions(old, replace(old, **change), NOW)
    assert [(t.what, t.old, t.new) for t in found] == [noted]
    assert found[0].at == NOW


def test_what_moves_all_the_time_is_not_noted() -> None:
    old = make_agent()
    assert agent_transitions(old, replace(old, last_connected_at=NOW, logs_length=99), NOW) == []


def test_scripts_and_apps_that_come_or_go_are_no_change_of_theirs() -> None:
    old = make_agent(scripts=(make_script("a"),), apps=(make_app("x"),))
    new = replace(old, scripts=(make_script("b"),), apps=(make_app("y"),))
    assert agent_transitions(old, new, NOW) == []


def test_builds_and_owners_are_noted_on_the_workspace() -> None:
    old = make_workspace(is_prebuild=True)
    new = replace(old, owner_id="u2", owner_name="kofi", build=make_build("starting", id="b2", number=4))
    found = {t.what: (t.old, t.new) for t in workspace_transitions(old, new, NOW)}
    assert found == {"build": ("3 start running", "4 start starting"), "owner": ("ada", "kofi")}


def test_a_workspace_that_stayed_as_it_was_has_no_transition() -> None:
    assert workspace_transitions(make_workspace(), make_workspace(), NOW) == []
