"""The command line understands names, words and beginnings, and says when it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.ui.commands import WORDS, Command, understand
from agentdash.ui.keys import KeyTable

FLEET = KeyTable({}, read_only=False).in_scope("fleet")


@pytest.mark.parametrize(
    ("text", "action_id"),
    [
        ("restart", "restart"),
        (":restart", "restart"),
        ("  RESTART  ", "restart"),
        ("copy-command", "copy-command"),
        ("copy command", "copy-command"),
        ("view-fleet", "view-fleet"),
        ("fleet", "view-fleet"),
        ("shells", "view-shells"),
        ("stay up 1 h longer", "extend"),
        ("resta", "restart"),
        ("sort-n", "sort-next"),
    ],
)
def test_actions_by_id_title_or_beginning(text: str, action_id: str) -> None:
    command = understand(text, FLEET)
    assert command.action is not None, command
    assert command.action.id == action_id


@pytest.mark.parametrize(
    ("text", "word", "argument"),
    [
        ("filter template:web health:bad", "filter", "template:web health:bad"),
        ("filter", "filter", ""),
        ("sort", "sort", ""),
        ("Sort Agent", "sort", "Agent"),
        ("theme terminal", "theme", "terminal"),
        ("theme", "theme", ""),
        ("open ada/go-7f3a", "open", "ada/go-7f3a"),
        ("columns agent,owner", "columns", "agent,owner"),
    ],
)
def test_words_with_an_argument(text: str, word: str, argument: str) -> None:
    command = understand(text, FLEET)
    assert (command.word, command.argument, command.action) == (word, argument, None)


def test_words_without_their_argument_are_actions_where_there_is_one() -> None:
    columns = understand("columns", FLEET)
    assert columns.action is not None
    assert columns.action.id == "columns"


def test_an_ambiguous_beginning_names_the_candidates() -> None:
    command = understand("copy", FLEET)
    assert command.action is None
    assert "copy-command" in command.problem
    assert "copy-locator" in command.problem


def test_a_typing_error_is_met_with_what_was_perhaps_meant() -> None:
    assert understand("restrat", FLEET).problem == "no command 'restrat'; did you mean restart?"
    assert "ctrl+p" in understand("xyzzy", FLEET).problem


def test_nothing_is_nothing() -> None:
    assert understand("  ", FLEET) == Command()
    assert understand(":", FLEET) == Command()


def test_what_is_not_offered_cannot_be_named() -> None:
    read_only = KeyTable({}, read_only=True).in_scope("fleet")
    assert understand("restart", read_only).action is None


@given(st.text(max_size=40))
def test_any_text_is_an_action_a_word_or_a_problem(text: str) -> None:
    command = understand(text, FLEET)
    given = [command.action is not None, bool(command.word), bool(command.problem)]
    assert sum(given) <= 1
    assert sum(given) == 1 or not text.strip().lstrip(":").strip()
    assert not command.word or command.word in WORDS
