"""From a cell to segments of an exact width: cutting, padding, colours by tone.

Colours come from component classes of the widget that paints (`line--broken`, ...), hence from the theme; nothing
here names a colour. Text stays text: segments are built directly, no markup is ever parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from agentdash.present.cells import Cell, Span, Tone
from agentdash.text.width import cell_width, cut, cut_middle
from agentdash.ui.widgets.colours import legible

if TYPE_CHECKING:
    from textual.widget import Widget

Align = Literal["left", "right"]
Cut = Literal["end", "middle"]


class Ground(StrEnum):
    """What lies under the text of a line."""

    BASE = "base"
    CURSOR = "cursor"
    """The selected row of the widget that has the focus."""
    RESTING = "resting"
    """The selected row of a widget without the focus."""
    MATCH = "match"
    """A hit of a search."""
    CHOSEN = "chosen"
    """A line chosen to be copied."""


COMPONENTS = frozenset({f"line--{tone}" for tone in Tone} | {f"line--ground-{ground}" for ground in Ground})
"""Component classes that a widget must have to be painted by a `Palette`."""

TONE_CSS = """
    & > .line--plain { color: $foreground; }
    & > .line--dim { color: $text-muted; }
    & > .line--bright { color: $text; text-style: bold; }
    & > .line--broken { color: $text-error; }
    & > .line--warn { color: $text-warning; }
    & > .line--well { color: $text-success; }
    & > .line--accent { color: $text-accent; }
    & > .line--ground-cursor { background: $primary-muted; }
    & > .line--ground-resting { background: $surface; }
    & > .line--ground-match { background: $warning-muted; }
    & > .line--ground-chosen { background: $secondary-muted; }
    &:ansi > .line--dim { color: ansi_default; text-style: dim; }
    &:ansi > .line--ground-cursor { background: transparent; text-style: reverse; }
    &:ansi > .line--ground-resting { background: transparent; }
    &:ansi > .line--ground-match { background: transparent; text-style: reverse; }
    &:ansi > .line--ground-chosen { background: transparent; text-style: reverse; }
    &:nocolor > .line--ground-match { text-style: reverse; }
    &:nocolor > .line--ground-chosen { text-style: reverse; }
"""
"""Rules for `COMPONENTS`, to be put inside a widget's own rule."""


class Palette:
    """Rich styles of one widget under its present theme, made on demand.

    Args:
        widget: A widget that has the component classes `COMPONENTS`.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[tuple[Tone, Ground], Style] = {}
        self._grounds: dict[Ground, Color] = {}
        _, self._background = widget.background_colors
        self.key = (
            self._background,
            tuple(self.style(tone) for tone in Tone),
            self.style(Tone.PLAIN, Ground.CURSOR),
        )

    def style(self, tone: Tone, ground: Ground = Ground.BASE) -> Style:
        """Style of a tone on a ground: foreground, background and text attributes, complete."""
        found = self._styles.get((tone, ground))
        if found is None:
            found = self._styles[tone, ground] = self._resolve(tone, ground)
        return found

    def on(self, ground: Ground) -> Callable[[Tone], Style]:
        """The styles of one ground as a function of the tone."""
        return lambda tone: self.style(tone, ground)

    def ground_color(self, ground: Ground) -> Color:
        """Colour of a ground."""
        found = self._grounds.get(ground)
        if found is None:
            under = self._widget.get_component_styles(f"line--ground-{ground}")
            found = self._grounds[ground] = _over(self._background, under.background)
        return found

    def _resolve(self, tone: Tone, ground: Ground) -> Style:
        text = self._widget.get_component_styles(f"line--{tone}")
        under = self._widget.get_component_styles(f"line--ground-{ground}")
        background = self.ground_color(ground)
        is_auto = text.auto_color and background.ansi is None
        color = _over(background, background.get_contrast_text(text.color.a) if is_auto else text.color)
        color = legible(color, background)
        return Style.from_color(color.rich_color, background.rich_color) + text.text_style + under.text_style


def _over(background: Color, color: Color) -> Color:
    """A colour laid over a background; terminal colours cannot be mixed and stay what they are."""
    if color.ansi is not None:
        return color
    if color.a == 0 or background.ansi is not None:
        return background if color.a == 0 else color.with_alpha(1.0)
    return background + color


def fit(cell: Cell, width: int, *, align: Align = "left", keep: Cut = "end", ellipsis: str = "…") -> Cell:
    """Cut and pad a cell to an exact width, its spans kept on their letters.

    Args:
        cell: Text of any width.
        width: Wanted width in terminal cells.
        align: Where the text stands when there is room.
        keep: Where text is taken away when there is none.
        ellipsis: One sign of one cell.
    """
    if width <= 0:
        return Cell("", cell.tone)
    text, spans = cell.text, cell.spans
    wide = cell_width(text)
    if wide > width:
        shorter = cut_middle(text, width, ellipsis) if keep == "middle" else cut(text, width, ellipsis)
        spans = _moved(spans, text, shorter, ellipsis) if spans else spans
        text = shorter
        wide = cell_width(text)
    blank = " " * (width - wide)
    if not blank:
        return Cell(text, cell.tone, spans)
    if align == "right":
        shift = len(blank)
        return Cell(
            blank + text,
            cell.tone,
            tuple(Span(s.start + shift, s.end + shift, s.tone) for s in spans) if spans else spans,
        )
    return Cell(text + blank, cell.tone, spans)


def _moved(spans: tuple[Span, ...], text: str, shorter: str, ellipsis: str) -> tuple[Span, ...]:
    """Spans of a text after a part of it gave way to an ellipsis."""
    head = shorter.find(ellipsis)
    while head >= 0 and not (
        text.startswith(shorter[:head]) and text.endswith(shorter[head + len(ellipsis) :])
    ):
        head = shorter.find(ellipsis, head + 1)
    if head < 0:
        head = len(shorter)
    tail = max(0, len(shorter) - head - len(ellipsis))
    gone_until = len(text) - tail
    shift = len(shorter) - len(text)
    moved = []
    for span in spans:
        if span.start < head:
            moved.append(Span(span.start, min(span.end, head), span.tone))
        if span.end > gone_until:
            moved.append(Span(max(span.start, gone_until) + shift, span.end + shift, span.tone))
    return tuple(moved)


def part_of(cell: Cell, start: int, end: int) -> Cell:
    """A part of a cell, from a character to before another, with the spans that lie in it."""
    if start <= 0 and end >= len(cell.text):
        return cell
    spans = (Span(max(s.start, start) - start, min(s.end, end) - start, s.tone) for s in cell.spans)
    return Cell(cell.text[start:end], cell.tone, tuple(span for span in spans if span.start < span.end))


def segments(cell: Cell, style_of: Callable[[Tone], Style], *, plain: Tone = Tone.PLAIN) -> list[Segment]:
    """Segments of a fitted cell.

    Args:
        cell: What to draw.
        style_of: Style of a tone.
        plain: Tone that stands for `Tone.PLAIN` (a row that recedes as a whole).
    """
    tone = plain if cell.tone is Tone.PLAIN else cell.tone
    base = style_of(tone)
    text = cell.text
    if not cell.spans:
        return [Segment(text, base)] if text else []
    drawn: list[Segment] = []
    at = 0
    for span in sorted(cell.spans, key=lambda s: s.start):
        start, end = max(span.start, at), min(span.end, len(text))
        if start >= end:
            continue
        if start > at:
            drawn.append(Segment(text[at:start], base))
        drawn.append(Segment(text[start:end], style_of(span.tone)))
        at = end
    if at < len(text):
        drawn.append(Segment(text[at:], base))
    return drawn


def strip_of(parts: Iterable[Segment], width: int) -> Strip:
    """A strip whose segments are known to be `width` cells wide, with as few segments as show the same.

    Neighbours of one style become one segment, and so do blanks with what stands beside them on the same ground: a
    style is some forty bytes on the way to the terminal, and a blank has no colour of its own.
    """
    joined: list[Segment] = []
    for part in parts:
        if not part.text:
            continue
        if joined:
            text, style, _ = joined[-1]
            if style is part.style or style == part.style:
                joined[-1] = Segment(text + part.text, style)
                continue
            if (part.text.isspace() or text.isspace()) and _is_one_ground(style, part.style):
                joined[-1] = Segment(text + part.text, part.style if text.isspace() else style)
                continue
        joined.append(part)
    return Strip(joined, width)


@lru_cache(maxsize=4096)
def _is_one_ground(one: Style | None, other: Style | None) -> bool:
    """Whether blanks look the same in both styles."""
    if one is None or other is None:
        return False
    marks = (one.reverse, one.underline, one.strike, other.reverse, other.underline, other.strike)
    return one.bgcolor == other.bgcolor and not any(marks)


def line_strip(
    cells: Iterable[Cell], width: int, style_of: Callable[[Tone], Style], *, ellipsis: str = "…"
) -> Strip:
    """Cells one after the other, cut or padded to one line."""
    drawn: list[Segment] = []
    left = width
    for cell in cells:
        if left <= 0:
            break
        wide = cell_width(cell.text)
        shown = cell if wide <= left else fit(cell, left, ellipsis=ellipsis)
        drawn += segments(shown, style_of)
        left -= min(wide, left)
    if left > 0:
        drawn.append(Segment(" " * left, style_of(Tone.PLAIN)))
    return strip_of(drawn, width)
