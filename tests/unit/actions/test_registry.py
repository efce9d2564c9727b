"""The table of actions is whole, and no key means two things in one place."""

from __future__ import annotations

import re

import pytest

from agentdash.actions.action import PARENTS, Danger, key_label, key_name, scope_chain
from agentdash.actions.keymap import clashes
from agentdash.actions.registry import CURSOR_KEYS, REGISTRY, action, actions_for, footer, palette


def test_ids_are_unique_and_kebab_case() -> None:
    ids = [entry.id for entry in REGISTRY]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name) for name in ids)


def test_every_scope_is_known_and_used() -> None:
    used = {scope for entry in REGISTRY for scope in entry.scopes}
    assert used == set(PARENTS)


def test_no_key_means_two_things_in_one_place() -> None:
    assert clashes(REGISTRY) == []


def test_planned_views_keep_their_keys_free() -> None:
    planned = {key for entry in REGISTRY if not entry.available for key in entry.keys}
    taken = {key for entry in REGISTRY if entry.available for key in entry.keys}
    assert planned == {"L"}
    assert not planned & taken


def test_keys_are_in_the_spelling_the_screen_reports() -> None:
    assert [k for entry in REGISTRY for k in entry.keys if key_name(k) != k] == []


def test_cursor_keys_stay_with_the_cursor() -> None:
    assert not {k for entry in REGISTRY for k in entry.keys} & CURSOR_KEYS


def test_help_is_a_sentence_and_title_is_short() -> None:
    for entry in REGISTRY:
        assert entry.help.endswith("."), entry.id
        assert len(entry.title) <= 20, entry.id


def test_what_harms_writes_and_says_that_it_asks() -> None:
    for entry in REGISTRY:
        if entry.danger is not Danger.NONE:
            assert entry.writes, entry.id
            assert entry.title.endswith("…"), entry.id
        if entry.writes:
            assert entry.right, entry.id


def test_read_only_takes_away_what_writes() -> None:
    writing = {entry.id for entry in REGISTRY if entry.writes}
    assert {"restart", "delete", "stop", "devcontainer-recreate"} <= writing
    assert {a.id for a in REGISTRY if a.right == "ssh"} <= writing
    for scope in PARENTS:
        assert not writing & {a.id for a in actions_for(scope, read_only=True)}
    assert "restart" in {a.id for a in actions_for("fleet")}


def test_a_pane_has_its_own_actions_first_then_its_screens() -> None:
    ids = [a.id for a in actions_for("logs")]
    assert ids[0] == "log-follow"
    assert ids.index("log-follow") < ids.index("zoom") < ids.index("help")
    assert len(ids) == len(set(ids))


def test_typing_into_a_shell_leaves_one_key_to_us() -> None:
    assert [a.id for a in actions_for("shell")] == ["terminal-leave"]
    assert scope_chain("shell") == ("shell",)


def test_a_key_pressed_while_choosing_text_neither_quits_nor_closes() -> None:
    ids = {a.id for a in actions_for("choosing")}
    assert {"choice-begin", "choice-lines", "choice-copy", "choice-end", "help"} <= ids
    assert not ids & {"quit", "terminal-close", "back", "terminal-enter", "pane-6"}


def test_footer_and_palette_come_from_the_same_table() -> None:
    assert {a.id for a in footer("fleet")} <= {a.id for a in palette("fleet")} | {"command-line", "palette"}
    assert "view-tail" not in {a.id for a in palette("fleet")}
    assert "favorite" in {a.id for a in palette("fleet")}


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("ctrl+right_square_bracket", "ctrl+]"),
        ("escape", "esc"),
        ("F", "F"),
        ("+", "+"),
        ("shift+tab", "shift+tab"),
    ],
)
def test_key_labels(key: str, label: str) -> None:
    assert key_label(key) == label


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ctrl+]", "ctrl+right_square_bracket"),
        ("esc", "escape"),
        ("slash", "/"),
        ("ctrl+A", "ctrl+a"),
        ("ctrl++", "ctrl+plus"),
        ("F", "F"),
        ("ctrl+", ""),
        ("+", "+"),
    ],
)
def test_key_names(written: str, name: str) -> None:
    assert key_name(written) == name


def test_action_by_id() -> None:
    assert action("restart").title == "restart…"
    with pytest.raises(KeyError):
        action("no-such")
