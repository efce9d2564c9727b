"""Painting lines of a widget without a turn of the compositor, and moving lines on the terminal instead of sending them.

The library repaints by regions: a scrolled view is a view in which every line differs, and each repaint waits for a timer
and puts the whole screen together. A widget over which nothing lies can do better, for the library keeps no copy of what
the terminal shows: it only ever asks a widget for its lines as they are now.

Everything here that is not the library's public face is in this file; wherever something is in the way (another widget
above it, a layout or a repaint that waits, no terminal, or one that cannot take an update as a whole) the answer is False
and the caller asks for an ordinary repaint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import eq
from typing import TYPE_CHECKING, Any, TypeVar

from textual._compositor import CompositorUpdate
from textual.geometry import Region

if TYPE_CHECKING:
    from rich.console import Console
    from textual.geometry import Offset
    from textual.screen import Screen
    from textual.strip import Strip
    from textual.widget import Widget

LEAST_SAVED = 3
"""Lines that a move must save: it costs a few itself."""
_MOST_ALIKE = 4
"""A line that stands in more places than this says nothing about where it moved."""

Line = TypeVar("Line")

# ruff: noqa: SLF001 - see above


class _Written(CompositorUpdate):
    """Strips at places of the screen, one after the other."""

    def __init__(self, strips: Iterable[tuple[int, int, Strip]]) -> None:
        self._strips = strips

    def render_segments(self, console: Console) -> str:
        """As the terminal gets it."""
        return "".join([f"\x1b[{y + 1};{x + 1}H{strip.render(console)}" for x, y, strip in self._strips])


class _Moved(CompositorUpdate):
    """Lines of the screen that move, and then what else differs."""

    def __init__(self, first: int, last: int, lines: int, rest: CompositorUpdate) -> None:
        self._move = f"\x1b[0m\x1b[{first + 1};{last + 1}r\x1b[{abs(lines)}{'S' if lines > 0 else 'T'}\x1b[r"
        self._rest = rest

    def render_segments(self, console: Console) -> str:
        """As the terminal gets it."""
        return self._move + self._rest.render_segments(console)


class Direct:
    """The short way of one widget to the terminal."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._arranged: object = None
        self._place: Offset | None = None
        self._has_rows = False

    def paint(self, regions: Sequence[Region]) -> bool:
        """Paint parts of the widget now, in its own coordinates; True if that was possible.

        The widget's own `render_lines` is asked, so it must not keep old strips for those parts.
        """
        screen = self._free_screen()
        if screen is None or (place := self._look_for_place(screen)) is None:
            return False
        strips = []
        for region in regions:
            lines = self._widget.render_lines(region)
            strips += [
                (place.x + region.x, place.y + y, strip)
                for y, strip in zip(region.line_range, lines, strict=True)
            ]
        _show(screen, _Written(strips))
        return True

    def move(self, first: int, stop: int, lines: int, regions: Sequence[Region]) -> bool:
        """Move lines of the widget up (down if negative) on the terminal, then paint; True if that was possible.

        Only when the terminal's lines hold nothing but this widget between borders that go straight down, since what a
        terminal moves are its whole lines.

        Args:
            first: First line of the content that moves.
            stop: The line after the last.
            lines: How far.
            regions: What differs after the move, in coordinates of the content; the lines that came in need not be named.
        """
        screen = self._free_screen()
        if screen is None or (place := self._look_for_place(screen)) is None or not self._has_rows:
            return False
        widget, compositor = self._widget, screen._compositor
        kin = [widget, *widget.ancestors]
        if (
            not screen.app._sync_available
            or screen._dirty_widgets
            or compositor._dirty_regions
            or any(getattr(one, "_repaint_regions", None) for one in kin)
        ):
            return False
        inner = place + widget.content_offset
        came = range(stop - lines, stop) if lines > 0 else range(first, first - lines)
        compositor._dirty_regions.update([region.translate(inner) for region in regions])
        compositor._dirty_regions.update(
            [Region(0, inner.y + line, screen.size.width, 1) for line in came if first <= line < stop]
        )
        widget._styles_cache.clear()
        rest: Any = compositor.render_update(screen_stack=screen.app._background_screens)
        _show(screen, _Moved(inner.y + first, inner.y + stop - 1, lines, rest))
        return True

    def _free_screen(self) -> Screen[Any] | None:
        """The screen if it is the one in sight, and nothing else is about to happen to all of it."""
        widget = self._widget
        if not widget.is_attached:
            return None
        screen, app = widget.screen, widget.app
        if (
            not screen.is_current
            or app.is_headless
            or app.is_inline
            or app._batch_count
            or screen._layout_required
            or screen._scroll_required
            or screen._repaint_required
        ):
            return None
        return screen

    def _look_for_place(self, screen: Screen[Any]) -> Offset | None:
        """Where the widget stands on the screen if it is whole; looked for again after each layout."""
        arranged = screen._compositor.visible_widgets
        if arranged is not self._arranged:
            self._arranged = arranged
            self._place, self._has_rows = _place(self._widget, screen)
        return self._place


def _show(screen: Screen[Any], update: Any) -> None:
    """Write to the terminal as one update; the library's annotation forgets its own kind of updates."""
    screen.app._display(screen, update)


def _place(widget: Widget, screen: Screen[Any]) -> tuple[Offset | None, bool]:
    """Its upper left corner, None if a part of it is out of sight or covered; and whether nothing stands beside it."""
    arranged = screen._compositor.visible_widgets
    if widget not in arranged:
        return None, False
    region, clip = arranged[widget]
    if region.intersection(clip) != region:
        return None, False
    kin = set(widget.ancestors)
    rows = Region(0, region.y, screen.size.width, region.height)
    has_rows, is_above = not any(one.styles.outline for one in kin if one is not widget.app), True
    for other, (its_region, its_clip) in arranged.items():  # from above to below
        if other is widget:
            is_above = False
            continue
        shown = its_region.intersection(its_clip)
        if is_above and shown.overlaps(region):
            return None, False
        if shown.overlaps(rows) and other not in kin:
            has_rows = False
    return region.offset, has_rows


def move_of(before: Sequence[object], now: Sequence[object]) -> int:
    """How many lines up (down if negative) most lines went, 0 if a move would save too little.

    Args:
        before: What stood on each line.
        now: What stands there now; as many.
    """
    height = len(now)
    step = max(1, height // 6)
    ways: set[int] = set()
    for y in range(0, height, step):
        places = [x for x in range(height) if before[x] == now[y]]
        if len(places) <= _MOST_ALIKE:
            ways.update(x - y for x in places)
    ways.discard(0)
    if not ways:
        return 0
    saved = {way: _alike(before, now, way) for way in ways}
    best = max(ways, key=lambda way: (saved[way], -abs(way)))
    return best if saved[best] - _alike(before, now, 0) >= LEAST_SAVED else 0


def _alike(before: Sequence[object], now: Sequence[object], way: int) -> int:
    """Lines that are right after a move."""
    return sum(map(eq, before[way:], now)) if way >= 0 else sum(map(eq, before, now[-way:]))


def moved(before: Sequence[Line], way: int, blank: Line) -> list[Line]:
    """What stands on each line after a move."""
    if way >= 0:
        return [*before[way:], *([blank] * min(way, len(before)))]
    return [*([blank] * min(-way, len(before))), *before[:way]]
