"""Signs in two sets."""

from __future__ import annotations

import pytest

from agentdash.present.cells import Cell, Span, Tone
from agentdash.present.glyphs import ASCII, UNICODE, Glyphs
from agentdash.text.width import cell_width

SIGNS = (
    "well",
    "moving",
    "broken",
    "off",
    "unknown",
    "changed",
    "missing",
    "ellipsis",
    "into",
    "separator",
    "bar",
    "tick",
)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("name", SIGNS)
def test_every_sign_is_one_cell(glyphs: Glyphs, name: str) -> None:
    assert cell_width(getattr(glyphs, name)) == 1


def test_states_are_told_apart_without_colour() -> None:
    for glyphs in (UNICODE, ASCII):
        signs = [glyphs.of(kind) for kind in ("well", "moving", "broken", "off", "unknown")]
        assert len(set(signs)) == 5
        assert glyphs.of("never heard of") == glyphs.unknown
    assert [ASCII.of(k) for k in ("well", "moving", "broken", "off", "unknown")] == ["*", "o", "x", ".", "?"]


def test_ascii_says_the_same_in_as_many_characters() -> None:
    text = "✗ go-7f…3a › main · 3 – “x”"
    said = ASCII.say(text)
    assert said.isascii()
    assert len(said) == len(text)
    assert UNICODE.say(text) == text


def test_spans_stay_on_their_letters() -> None:
    cell = Cell("a › b", Tone.PLAIN, (Span(0, 3, Tone.DIM),))
    assert ASCII.cell(cell) == Cell("a > b", Tone.PLAIN, (Span(0, 3, Tone.DIM),))


def test_every_sign_of_the_unicode_set_has_a_stand_in() -> None:
    signs = "".join(getattr(UNICODE, name) for name in SIGNS) + UNICODE.enter + UNICODE.open_bar
    assert ASCII.say(signs).isascii()
