"""A user's keys: remapped, unbound, and told what is wrong."""

from __future__ import annotations

from agentdash.actions.keymap import apply_keymap
from agentdash.actions.registry import REGISTRY


def keys(keymap: dict[str, str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    actions, problems = apply_keymap(REGISTRY, keymap)
    return {a.id: a.keys for a in actions}, problems


def test_remap_and_unbind() -> None:
    found, problems = keys({"terminal-leave": "ctrl+\\, ctrl+b", "restart": "none", "delete": ""})
    assert problems == []
    assert found["terminal-leave"] == ("ctrl+backslash", "ctrl+b")
    assert found["restart"] == ()
    assert found["delete"] == ()
    assert found["stop"] == ("H",)


def test_keys_may_come_as_a_list() -> None:
    actions, problems = apply_keymap(REGISTRY, {"restart": ("f5", "ctrl+]"), "stop": (), "start": ("none",)})
    found = {a.id: a.keys for a in actions}
    assert problems == []
    assert found["restart"] == ("f5", "ctrl+right_square_bracket")
    assert found["stop"] == found["start"] == ()


def test_unknown_action_names_the_nearest() -> None:
    _, problems = keys({"restrt": "r"})
    assert problems == ["Key map: there is no action 'restrt'. Did you mean restart?"]
    _, problems = keys({"zzzzzzzz": "r"})
    assert problems == ["Key map: there is no action 'zzzzzzzz'."]


def test_clash_is_reported_and_both_stay() -> None:
    found, problems = keys({"restart": "S"})
    assert problems == ["Key map: S is both restart and start in fleet."]
    assert found["start"] == found["restart"] == ("S",)


def test_clash_through_the_scope_around() -> None:
    _, problems = keys({"help": "f"})
    assert problems == [f"Key map: f is both help and log-follow in {scope}." for scope in ("logs",)]


def test_same_key_in_places_that_never_meet_is_fine() -> None:
    assert keys({"open": "f"})[1] == []


def test_key_of_the_cursor_is_refused_in_words() -> None:
    assert keys({"open": "j"})[1] == ["Key map: j of open moves the cursor and never reaches it."]


def test_what_is_no_key_leaves_the_shipped_one() -> None:
    found, problems = keys({"open": "ctrl+"})
    assert problems == ["Key map: 'ctrl+' of open is not a key."]
    assert found["open"] == ("enter",)
