"""Words with a tone: what every row, line and pane is made of before a widget draws it.

A cell says *what* to show and *what it means*; which colour a tone has is the theme's business, and the glyph beside it
carries the same meaning for those who see no colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """Meaning of a piece of text. One colour each (ui.md, Look)."""

    PLAIN = "plain"
    """Ordinary text."""
    DIM = "dim"
    """Well, or secondary: recedes."""
    BRIGHT = "bright"
    """A heading, or what the eye should find first."""
    BROKEN = "broken"
    """Red: broken."""
    WARN = "warn"
    """Yellow: under way, or soon trouble."""
    WELL = "well"
    """Green: just recovered, newly well."""
    ACCENT = "accent"
    """Focus, selection, a key to press."""


@dataclass(frozen=True, slots=True)
class Span:
    """A tone over a part of a cell's text, in code points, end exclusive."""

    start: int
    end: int
    tone: Tone


@dataclass(frozen=True, slots=True)
class Cell:
    """Finished text of one cell: cleaned, one line, not yet cut to a width."""

    text: str
    tone: Tone = Tone.PLAIN
    spans: tuple[Span, ...] = ()


EMPTY = Cell("")
MISSING = Cell("–", Tone.DIM)
UNKNOWN = Cell("?", Tone.DIM)


def joined(*cells: Cell, gap: str = " ") -> Cell:
    """Cells one after the other as one, each keeping its tone; empty ones take no room."""
    shown = [cell for cell in cells if cell.text]
    text, spans = "", list[Span]()
    for cell in shown:
        text += gap if text else ""
        start = len(text)
        text += cell.text
        spans.append(Span(start, len(text), cell.tone))
        spans += [Span(start + s.start, start + s.end, s.tone) for s in cell.spans]
    return shown[0] if len(shown) == 1 else Cell(text, Tone.PLAIN, tuple(spans))
