"""Keys with alt on a terminal that puts an escape before them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual import _parser, events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.message import Message

from agentdash.term.keys import encode_key
from agentdash.term.modes import Modes
from agentdash.ui.keyparse import KeyParser, as_textual_has_it, is_other_for_textual

BEGINNINGS = "[O]P_^X"
"""What may begin more than a key with alt."""
MENDED = {"\x08", "\x1b[1;2R", "\x1b[1;5R", "\x1b[1;6R", *(f"\x1b[{number}~" for number in range(25, 35))}
CHARACTERS = [chr(point) for point in range(0x80) if chr(point) not in "\x1b\t"] + ["é", "Ж", "好"]


class Clock:
    """Seconds, told by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(_parser, "get_time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def messages(parser: XTermParser, text: str, clock: Clock) -> list[Message]:
    """What is read from a text after which nothing comes for a while."""
    found: list[Message] = [*parser.feed(text)]
    clock.now += 1
    found += parser.tick()
    return found


def keys(parser: XTermParser, text: str, clock: Clock) -> list[events.Key]:
    """The same for a text that is keys alone."""
    found = messages(parser, text, clock)
    assert all(isinstance(event, events.Key) for event in found)
    return [event for event in found if isinstance(event, events.Key)]


def sent(found: list[events.Key]) -> str:
    return "".join(encode_key(key.key, key.character, Modes()) or "" for key in found)


@pytest.mark.parametrize("character", CHARACTERS, ids=repr)
def test_a_shell_gets_what_was_typed_with_alt(character: str, clock: Clock) -> None:
    found = keys(KeyParser(), "\x1b" + character, clock)
    assert len(found) == 1
    assert found[0].key.startswith("alt+")
    assert is_other_for_textual(found[0])
    assert not found[0].is_printable
    assert sent(found) == "\x1b" + character


@pytest.mark.parametrize(
    "character", [c for c in CHARACTERS if c not in BEGINNINGS and len(c.encode()) == 1], ids=repr
)
def test_a_key_that_is_held_down_with_alt_loses_none(character: str, clock: Clock) -> None:
    text = f"\x1b{character}" * 3
    assert sent(keys(KeyParser(), text, clock)) == text


def test_what_is_typed_after_escape_in_one_piece_is_in_order(clock: Clock) -> None:
    assert sent(keys(KeyParser(), "\x1b:qa!\r", clock)) == "\x1b:qa!\r"
    assert sent(keys(KeyParser(), "\x1b_ls", clock)) == "\x1b_ls"
    assert sent(keys(KeyParser(), "\x1b\x1b", clock)) == "\x1b\x1b"


@pytest.mark.parametrize("character", CHARACTERS, ids=repr)
def test_elsewhere_it_is_what_it_is_for_textual(character: str, clock: Clock) -> None:
    (key,) = keys(KeyParser(), "\x1b" + character, clock)
    plain = keys(XTermParser(), "\x1b" + character, clock)
    assert [(k.key, k.character) for k in as_textual_has_it(key)] == [(k.key, k.character) for k in plain]


@pytest.mark.parametrize(
    ("erase", "key", "typed"), [("\x7f", "ctrl+h", "\x08"), ("\x08", "backspace", "\x7f")]
)
def test_ctrl_h_is_no_backspace_unless_the_terminals_backspace_is_that(
    erase: str, key: str, typed: str, clock: Clock
) -> None:
    found = keys(KeyParser(erase=erase), "\x08", clock)
    assert [one.key for one in found] == [key]
    assert sent(found) == typed
    assert [k.key for k in as_textual_has_it(found[0])] == ["backspace"]
    assert sent(keys(KeyParser(), "\x7f", clock)) == "\x7f"


@pytest.mark.parametrize(
    ("sequence", "name"),
    [
        ("\x1b[25~", "f13"),
        ("\x1b[26~", "f14"),
        ("\x1b[28~", "f15"),
        ("\x1b[29~", "f16"),
        ("\x1b[31~", "f17"),
        ("\x1b[32~", "f18"),
        ("\x1b[33;5~", "ctrl+f19"),
        ("\x1b[34~", "f20"),
        ("\x1b[1;2R", "shift+f3"),
        ("\x1b[1;5R", "ctrl+f3"),
        ("\x1b[1;8R", "alt+ctrl+shift+f3"),
    ],
)
def test_function_keys_are_neither_controls_nor_answers(sequence: str, name: str, clock: Clock) -> None:
    assert [key.key for key in keys(KeyParser(), sequence, clock)] == [name]


@pytest.mark.parametrize("answer", ["\x1b[2;5R", "\x1b[1;1R", "\x1b[1;80R"])
def test_where_the_cursor_is_remains_an_answer(answer: str, clock: Clock) -> None:
    (found,) = messages(KeyParser(), answer, clock)
    assert isinstance(found, events.CursorPosition)


def test_no_other_key_is_read_differently(clock: Clock) -> None:
    for sequence in ANSI_SEQUENCES_KEYS:
        is_alt = len(sequence) == 2 and sequence[0] == "\x1b" and sequence != "\x1b\t"
        if is_alt or sequence in MENDED:
            continue
        ours, stock = messages(KeyParser(), sequence, clock), messages(XTermParser(), sequence, clock)
        assert [repr(message) for message in ours] == [repr(message) for message in stock]


@given(
    st.lists(
        st.text(st.sampled_from("\x1b[]OP;:<?0123456789~uARMmtIa\x00\x9b好"), min_size=1, max_size=40),
        max_size=3,
    )
)
@example(["\x1b[:1A"])
@example(["\x1b[99999999999u"])
def test_a_noisy_line_ends_nothing(texts: list[str]) -> None:
    parser = KeyParser()
    for text in texts:
        list(parser.feed(text))
    assert any(isinstance(m, events.Key) and m.key == "x" for m in parser.feed("\x1b[201~" + "x" * 40))


def test_after_a_sequence_without_sense_keys_are_read_at_once(clock: Clock) -> None:
    assert [key.key for key in keys(KeyParser(), "\x1b[99999999999ux\x1b[:1Ay", clock)] == ["x", "y"]


@given(
    st.lists(
        st.text(st.sampled_from("ab\x1b[201~0;m\r\n.")).filter(lambda t: "\x1b[201~" not in t), max_size=3
    ),
    st.lists(st.integers(0, 80), max_size=6),
)
@example(["\x1b[31mrm -rf x\r\x1b[m", ""], [])
@example(["a"], list(range(16)))
def test_nothing_pasted_is_typed(texts: list[str], cuts: list[int]) -> None:
    # a text that ends as the mark begins would be the mark's: terminals take care of that
    texts = [text.rstrip("\x1b[201~") for text in texts]
    whole = "x" + "".join(f"\x1b[200~{text}\x1b[201~y" for text in texts)
    parser, found = KeyParser(), []
    for start, end in pairwise([0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]):
        if start < end:
            found += parser.feed(whole[start:end])
    assert [m.text for m in found if isinstance(m, events.Paste)] == texts
    assert [m.key for m in found if not isinstance(m, events.Paste) and isinstance(m, events.Key)] == [
        "x",
        *"y" * len(texts),
    ]


def test_a_large_paste_is_read_in_pieces_without_looking_at_it_again() -> None:
    parser = KeyParser()
    list(parser.feed("\x1b[200~"))
    for _ in range(1000):
        assert not list(parser.feed("line of a log\n" * 200))
    (paste,) = parser.feed("\x1b[201~")
    assert isinstance(paste, events.Paste)
    assert len(paste.text) == 1000 * 200 * len("line of a log\n")
