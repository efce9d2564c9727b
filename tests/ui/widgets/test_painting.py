from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style

from agentdash.present.cells import Cell, Span, Tone
from agentdash.text.width import cell_width
from agentdash.ui.widgets.painting import fit, line_strip, segments, strip_of

# Whole letters, as the gate for foreign text lets them through: nothing waits at the end to join what follows.
TEXT = st.lists(st.sampled_from([*"ab/é漢字👩.… ", "e\u0301", "👩\u200d💻", "❤\ufe0f"]), max_size=20).map(
    "".join
)


def marked(cell: Cell, tone: Tone) -> list[str]:
    return [cell.text[span.start : span.end] for span in cell.spans if span.tone is tone]


@pytest.mark.parametrize(
    ("text", "width", "align", "keep", "expected"),
    [
        ("abc", 5, "left", "end", "abc  "),
        ("abc", 5, "right", "end", "  abc"),
        ("abcdef", 4, "left", "end", "abc…"),
        ("abcdef", 5, "left", "middle", "ab…ef"),
        ("漢字", 3, "left", "end", "漢…"),
        ("漢字漢", 4, "left", "end", "漢… "),
        ("abc", 0, "left", "end", ""),
    ],
)
def test_cells_are_cut_and_padded_by_cells(
    text: str, width: int, align: str, keep: str, expected: str
) -> None:
    assert fit(Cell(text), width, align=align, keep=keep).text == expected  # type: ignore[arg-type]


def test_spans_stay_on_their_letters() -> None:
    cell = Cell("abcdefghij", spans=(Span(0, 2, Tone.WARN), Span(8, 10, Tone.BROKEN)))
    assert marked(fit(cell, 7, keep="middle"), Tone.WARN) == ["ab"]
    assert marked(fit(cell, 7, keep="middle"), Tone.BROKEN) == ["ij"]
    assert marked(fit(cell, 14, align="right"), Tone.BROKEN) == ["ij"]
    assert marked(fit(cell, 4, keep="end"), Tone.BROKEN) == []


@given(TEXT, st.integers(0, 20), st.sampled_from(["left", "right"]), st.sampled_from(["end", "middle"]))
def test_a_fitted_cell_has_exactly_its_width(text: str, width: int, align: str, keep: str) -> None:
    cell = Cell(
        text, spans=(Span(0, len(text) // 2, Tone.WARN), Span(len(text) // 2, len(text), Tone.BROKEN))
    )
    fitted = fit(cell, width, align=align, keep=keep)  # type: ignore[arg-type]
    assert cell_width(fitted.text) == width
    assert all(0 <= span.start <= span.end <= len(fitted.text) for span in fitted.spans)


@given(TEXT, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5))
def test_segments_hold_the_text_whatever_the_spans(text: str, places: list[tuple[int, int]]) -> None:
    cell = Cell(text, spans=tuple(Span(a, b, Tone.WARN) for a, b in places))
    assert "".join(s.text for s in segments(cell, lambda tone: Style())) == text


@given(st.lists(TEXT.map(Cell), max_size=4), st.integers(1, 30))
def test_a_line_has_exactly_its_width(cells: list[Cell], width: int) -> None:
    strip = line_strip(cells, width, lambda tone: Style())
    assert sum(cell_width(s.text) for s in strip) == width


def test_markup_is_only_text() -> None:
    strip = line_strip([Cell("[red]x[/] [/nothing]")], 25, lambda tone: Style())
    assert strip.text.rstrip() == "[red]x[/] [/nothing]"


def test_blanks_join_what_stands_beside_them_on_the_same_ground() -> None:
    red, dim, tint = Style(color="red"), Style(color="blue"), Style(color="red", bgcolor="green")
    under = Style(color="red", underline=True)

    def joined(*parts: tuple[str, Style]) -> list[str]:
        strip = strip_of([Segment(*part) for part in parts], sum(len(text) for text, _ in parts))
        return [segment.text for segment in strip]

    assert joined((" ", dim), ("a", red), ("  ", dim), ("b", red)) == [" a  b"]
    assert joined(("a", red), ("  ", dim), ("b", dim)) == ["a  ", "b"]
    assert joined(("a", red), (" ", tint), ("b", tint)) == ["a", " b"]
    assert joined(("a", under), (" ", red), ("b", red)) == ["a", " b"]
    assert joined(("a", red), ("", dim), ("b", red)) == ["ab"]
