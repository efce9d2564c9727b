"""Rows of a terminal as strips: made once for each content, and repainted only in the cells that differ.

The library repaints what it is told to, changed or not, and makes every strip anew on its way through a widget's
styles; a terminal pane without border and padding needs none of that. A strip that is kept keeps its escape
sequences too.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color as Background
from textual.filter import LineFilter
from textual.strip import Strip

from agentdash.term.style import PLAIN, Color, Style
from agentdash.ui.widgets.termlines import snap, width_of

KEPT = 1024
"""Strips that are kept: some screens full."""


class Mark(StrEnum):
    """What a stretch of cells is, beyond its text."""

    CURSOR = "cursor"
    RESTING = "resting"
    UNDERLINE = "underline"
    HIT = "hit"
    HERE = "here"
    CHOSEN = "chosen"


Stretch = tuple[int, int, Mark]
"""Cells from the first to before the second."""


class Look(NamedTuple):
    """All that a row shows."""

    runs: tuple[tuple[str, Style], ...] = ()
    marks: tuple[Stretch, ...] = ()


class Ground(NamedTuple):
    """All that a row's colours depend on."""

    width: int
    base: RichStyle
    background: Background
    filters: tuple[LineFilter, ...]
    marks: tuple[tuple[Mark, RichStyle], ...]


BLANK = Look()


class RowPainter:
    """Makes strips of rows and keeps them."""

    def __init__(self) -> None:
        self._ground: Ground | None = None
        self._marks: dict[Mark, RichStyle] = {}
        self._kept: dict[Look, Strip] = {}

    def use(self, ground: Ground) -> None:
        """Paint on this ground from now on."""
        if ground != self._ground:
            self._ground = ground
            self._marks = dict(ground.marks)
            self._kept.clear()

    def strip(self, look: Look) -> Strip:
        """The strip of a row, as wide as the ground."""
        found = self._kept.get(look)
        if found is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            found = self._kept[look] = self._make(look)
        return found

    def _make(self, look: Look) -> Strip:
        ground = self._ground
        assert ground is not None
        base = ground.base
        segments = [Segment(text, style_of(style, base)) for text, style in look.runs]
        strip = Strip(segments).adjust_cell_length(ground.width, base)
        if look.marks:
            text = "".join([text for text, _ in look.runs])
            for start, stop, mark in look.marks:
                strip = _marked(strip, *snap(text, start, stop), self._marks[mark])
        for line_filter in ground.filters:
            strip = strip.apply_filter(line_filter, ground.background)
        return strip


def _marked(strip: Strip, start: int, stop: int, style: RichStyle) -> Strip:
    start, stop = max(0, start), min(stop, strip.cell_length)
    if start >= stop:
        return strip
    middle = strip.crop(start, stop)
    drawn = Strip(Segment.apply_style(list(middle), post_style=style), stop - start)
    return Strip.join([strip.crop(0, start), drawn, strip.crop(stop, strip.cell_length)])


def changed_cells(old: Look, new: Look, width: int) -> tuple[int, int]:
    """The cells, first and one after the last, in which two rows differ; (0, 0) if in none."""
    if old == new:
        return 0, 0
    start, stop = width, 0
    if old.runs != new.runs:
        olds, news = _padded(old.runs, width), _padded(new.runs, width)
        start = _alike(olds, news)
        stop = width - _alike(olds[::-1], news[::-1], from_end=True)
    if old.marks != new.marks:
        for first, last, _ in set(old.marks) ^ set(new.marks):
            start, stop = min(start, first), max(stop, last)
    for look in (old, new):  # half a wide character cannot be painted
        start, stop = snap("".join([text for text, _ in look.runs]), start, stop)
    return max(0, start), min(stop, width)


def _padded(runs: tuple[tuple[str, Style], ...], width: int) -> list[tuple[str, Style]]:
    blank = width - sum([width_of(text) for text, _ in runs])
    return [*runs, (" " * blank, PLAIN)] if blank > 0 else list(runs)


def _alike(
    olds: Sequence[tuple[str, Style]], news: Sequence[tuple[str, Style]], *, from_end: bool = False
) -> int:
    """Cells that are equal before the first difference."""
    cells = 0
    for (old, old_style), (new, new_style) in zip(olds, news, strict=False):
        if old_style != new_style:
            break
        if old != new:
            if old.isascii() and new.isascii():
                step = -1 if from_end else 1
                cells += _equal(old[::step], new[::step])
            break
        cells += width_of(old)
    return cells


def _equal(old: str, new: str) -> int:
    """Characters at the start of two texts that are equal."""
    for index, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return index
    return min(len(old), len(new))


@lru_cache(maxsize=512)
def _color(color: Color) -> RichColor | None:
    if color is None:
        return None
    if isinstance(color, int):
        return RichColor.from_ansi(color)
    return RichColor.from_rgb(*color)


@lru_cache(maxsize=4096)
def style_of(style: Style, base: RichStyle) -> RichStyle:
    """An emulator's style on the colours of the widget."""
    return base + RichStyle(
        color=_color(style.fg),
        bgcolor=_color(style.bg),
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
        underline=style.underline or None,
        strike=style.strike or None,
        reverse=style.reverse or None,
        conceal=style.conceal or None,
        blink=style.blink or None,
    )
