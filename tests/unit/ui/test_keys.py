"""Which key does what, where."""

from __future__ import annotations

import pytest

from agentdash.actions.action import PARENTS, Action
from agentdash.actions.registry import REGISTRY
from agentdash.ui.keys import KeyTable


def table(*, read_only: bool = False, **keymap: str) -> KeyTable:
    return KeyTable({name.replace("_", "-"): keys for name, keys in keymap.items()}, read_only=read_only)


@pytest.mark.parametrize(
    ("scope", "key", "action_id"),
    [
        ("fleet", "enter", "open"),
        ("fleet", "R", "restart"),
        ("fleet", "q", "quit"),
        ("logs", "/", "log-find"),
        ("logs", "s", "log-source"),
        ("logs", "z", "zoom"),
        ("logs", "R", "restart"),
        ("logs", "F", "view-fleet"),
        ("shell", "ctrl+right_square_bracket", "terminal-leave"),
        ("shell", "q", None),
        ("fleet", "F12", None),
        ("global", "R", None),
    ],
)
def test_the_innermost_scope_wins(scope: str, key: str, action_id: str | None) -> None:
    found = table().find(scope, key)
    assert (found.id if found else None) == action_id


def test_the_users_keys_replace_ours_and_may_be_none() -> None:
    keys = table(restart="ctrl+t", stop="none", quit="Q")
    assert keys.find("fleet", "R") is None
    assert keys.find("fleet", "ctrl+t") is not None
    assert keys.find("fleet", "H") is None
    assert keys.get("stop") is not None  # the palette still has it
    assert keys.find("logs", "Q") is not None
    assert keys.problems == []


def test_a_clash_is_told_and_the_earlier_action_keeps_the_key() -> None:
    keys = table(shell="l")
    assert any("l is both shell and logs in fleet" in text for text in keys.problems)
    found = keys.find("fleet", "l")
    assert found is not None
    assert found.id == "shell"


@pytest.mark.parametrize("scope", PARENTS)
def test_read_only_leaves_nothing_that_writes(scope: str) -> None:
    keys = table(read_only=True)
    assert not [action for action in keys.in_scope(scope) if action.writes]
    assert all(keys.get(action.id) is None for action in REGISTRY if action.writes)


def test_help_says_things_at_the_place_whose_work_they_are() -> None:
    rings = dict(table().by_ring("health"))
    assert list(rings) == ["health", "agent", "global"]
    assert "restart" in [action.id for action in rings["agent"]]
    assert "copy-command" in [action.id for action in rings["health"]]


@pytest.mark.parametrize("scope", PARENTS)
def test_the_footer_names_keys_that_work_there(scope: str) -> None:
    keys = table()
    for action in keys.footer(scope):
        found = keys.find(scope, action.keys[0])
        assert found is not None
        assert found.id == action.id


def test_what_is_planned_is_offered_nowhere() -> None:
    planned = Action("later", "later", ("global",), ("f9",), "Do it later.", available=False)
    keys = KeyTable({}, read_only=False, registry=(*REGISTRY, planned))
    assert keys.get("later") is None
    assert keys.find("fleet", "f9") is None
