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
