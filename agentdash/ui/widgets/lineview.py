"""A scrolling widget made of lines that repaints only the lines that differ.

Every line has a token, a value that says what is drawn there. After any change `sync` compares the tokens of what should
be on screen with those of what is, and asks Textual for exactly the lines that differ; equal values cost nothing. Textual's
own scroll view is not used because a new virtual size makes it lay out and repaint everything, also for one appended line.
"""

from __future__ import annotations

import textwrap
from functools import lru_cache
from typing import ClassVar, Self

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.direct import LEAST_SAVED, Direct, move_of, moved
from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.painting import COMPONENTS, TONE_CSS, Ground, Palette, line_strip, strip_of

WHEEL_LINES = 3
"""Lines that one notch of the wheel moves."""


class LineView(Widget, can_focus=True):
    """Base of tables, logs and fact lists: lines below an optional header, a position, a scroll bar one cell wide.

    A subclass says how many lines there are (`line_count`), what is drawn on each (`line_token`) and draws it
    (`draw_line`); it calls `sync` after each change. `top` is the first line shown, `header_lines` how many stand still
    above it; without `keeps_cursor` the selected line is marked only while the widget has the focus.

    Args:
        empty: The sentence shown when there are no lines.
        signs: The set of signs to draw with.
    """

    ALLOW_SELECT = False
    ALLOW_MAXIMIZE = True
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)
    DEFAULT_CSS = "LineView { height: 1fr; width: 1fr; " + TONE_CSS + "}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="lines-up"),
        Binding("down,j", "move(1)", "Down", show=False, id="lines-down"),
        Binding("pageup", "move_page(-1)", "Page up", show=False, id="lines-page-up"),
        Binding("pagedown", "move_page(1)", "Page down", show=False, id="lines-page-down"),
        Binding("ctrl+u", "move_page(-0.5)", "Half a page up", show=False, id="lines-half-up"),
        Binding("ctrl+d", "move_page(0.5)", "Half a page down", show=False, id="lines-half-down"),
        Binding("g,home", "move_first", "First", show=False, id="lines-first"),
        Binding("G,end", "move_last", "Last", show=False, id="lines-last"),
    ]

    def __init__(
        self,
        *,
        empty: str = "",
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.signs = signs
        self.header_lines = 0
        self.keeps_cursor = True
        self.empty = empty
        self.empty_margin = 1
        self.top = 0
        self._painted: list[object] = []
        self._palette: Palette | None = None
        self._look: object = None
        self._bar_grabbed = False
        self._sync_pending = False
        self._direct = Direct(self)

    # What a subclass says

    def line_count(self) -> int:
        """How many lines there are below the header."""
        raise NotImplementedError

    def line_token(self, index: int) -> object:
        """What is drawn on a line: equal tokens promise equal pictures."""
        raise NotImplementedError

    def draw_line(self, index: int, width: int) -> Strip:
        """Draw a line, exactly `width` cells wide."""
        raise NotImplementedError

    def header_token(self, y: int) -> object:
        """What is drawn on a line of the header."""
        raise NotImplementedError

    def draw_header(self, y: int, width: int) -> Strip:
        """Draw a line of the header, exactly `width` cells wide."""
        raise NotImplementedError

    def forget_strips(self) -> None:
        """Drop cached strips: the width or the colours changed."""

    # Geometry

    @property
    def body_height(self) -> int:
        """Lines of the viewport below the header."""
        return max(0, self.size.height - self.header_lines)

    @property
    def body_width(self) -> int:
        """Cells of a line left of the scroll bar."""
        return max(0, self.size.width - 1)

    @property
    def last_top(self) -> int:
        """The lowest position: the last line stands at the lower edge."""
        return max(0, self.line_count() - self.body_height)

    def set_top(self, top: int) -> None:
        """Scroll so that `top` is the first line shown, as far as there are lines."""
        self.top = max(0, min(top, self.last_top))
        self.sync()

    def show_line(self, index: int) -> None:
        """Scroll as little as possible so that a line is in sight."""
        height = self.body_height
        if index < self.top:
            self.set_top(index)
        elif height and index >= self.top + height:
            self.set_top(index - height + 1)
        else:
            self.sync()

    # Painting

    @property
    def palette(self) -> Palette:
        """The colours of the present theme."""
        if self._palette is None:
            self._palette = Palette(self)
        return self._palette

    def sync(self) -> None:
        """Ask for a repaint of the lines whose token is not the one that was painted."""
        width, height = self.size
        if not (width and height and self.is_mounted):
            return
        before = self._painted
        if len(before) != height:
            self._look = None
            self.refresh()
            return
        now = self._painted = self._tokens()
        differing = _differing(before, now)
        if len(differing) > LEAST_SAVED and self._move(before, now):
            return
        if differing:
            self.refresh(*(Region(0, y, width, 1) for y in differing))

    def _move(self, before: list[object], now: list[object]) -> bool:
        """Have the terminal move its lines, if the view has scrolled."""
        head, (width, height) = self.header_lines, self.size
        way = move_of(before[head:], now[head:])
        if not way:
            return False
        after = [*before[:head], *moved(before[head:], way, None)]
        regions = [Region(0, y, width, 1) for y in _differing(after, now)]
        return self._direct.move(head, height, way, regions)

    def sync_soon(self) -> None:
        """Compare once after the messages that are waiting now: a burst of changes costs one comparison."""
        if not self._sync_pending and self.is_running:
            self._sync_pending = True
            self.call_later(self._sync_now)

    def _sync_now(self) -> None:
        self._sync_pending = False
        self.sync()

    def _token_at(self, y: int) -> object:
        if y < self.header_lines:
            return self.header_token(y)
        index = self.top + y - self.header_lines
        bar = self._bar_sign(y)
        if index < self.line_count():
            return (bar, self.line_token(index))
        return (bar, self.blank_token(y))

    def set_empty(self, sentence: str) -> None:
        """Set the sentence shown when there are no lines."""
        self.empty = sentence
        self.sync()

    def blank_token(self, y: int) -> object:
        """What is drawn on line `y` of the widget below the last line."""
        return self._sentence_at(y) or None

    def draw_blank(self, y: int, width: int) -> Strip:
        """Draw line `y` of the widget below the last line: nothing, or a part of the sentence of an empty place."""
        cells = (Cell(" " * self.empty_margin), Cell(self._sentence_at(y), Tone.DIM))
        return line_strip(cells, width, self.palette.on(Ground.BASE), ellipsis=self.signs.ellipsis)

    def _sentence_at(self, y: int) -> str:
        if not self.empty or self.line_count():
            return ""
        lines = _wrapped(self.empty, max(8, self.body_width - self.empty_margin))
        at = y - self.header_lines - (1 if self.header_lines and self.body_height > len(lines) else 0)
        return lines[at] if 0 <= at < len(lines) else ""

    def render_line(self, y: int) -> Strip:
        """Draw one line of the widget."""
        width = self.size.width
        if y < self.header_lines:
            return self.draw_header(y, width)
        index = self.top + y - self.header_lines
        body = self.body_width
        strip = self.draw_line(index, body) if index < self.line_count() else self.draw_blank(y, body)
        bar = Segment(self._bar_sign(y), self.palette.style(Tone.DIM))
        return strip_of([*strip, bar], width)

    def _bar_sign(self, y: int) -> str:
        height, lines = self.body_height, self.line_count()
        if lines <= height or not height:
            return self.signs.track
        thumb = max(1, height * height // lines)
        room = height - thumb
        start = round(room * self.top / max(1, lines - height))
        return self.signs.thumb if start <= y - self.header_lines < start + thumb else self.signs.track

    # What Textual tells

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Repaint; a call without regions repaints all only if the look changed.

        Textual asks for everything at each change of focus and each look at the style sheet, because it cannot know
        what a line shows. Tokens know, so all that is left for a whole repaint are colours, frame and size.
        """
        if regions or layout or recompose or not repaint or not self.is_mounted or not self.size:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        palette = Palette(self)
        look = (palette.key, self.size, self.styles.border, self.styles.outline, self.opacity)
        if self._painted and look == self._look:
            self.sync()
            return self
        self._look, self._palette = look, palette
        self.forget_strips()
        self._painted = self._tokens()
        return super().refresh()

    def _tokens(self) -> list[object]:
        return [self._token_at(y) for y in range(self.size.height)]

    def on_resize(self, event: events.Resize) -> None:
        """Keep the position within the lines; Textual repaints a resized widget whole."""
        del event
        self.forget_strips()
        self._painted = []
        self.resized()

    def resized(self) -> None:
        """Find the position that fits the new size."""
        self.set_top(self.top)

    @property
    def cursor_ground(self) -> Ground:
        """Ground of the selected line."""
        if self.has_focus:
            return Ground.CURSOR
        return Ground.RESTING if self.keeps_cursor else Ground.BASE

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll by the wheel without moving the selection."""
        event.stop()
        self.scrolled_by_hand(self.top + WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll by the wheel without moving the selection."""
        event.stop()
        self.scrolled_by_hand(self.top - WHEEL_LINES)

    def scrolled_by_hand(self, top: int) -> None:
        """Scroll because the user wants to see another place."""
        self.set_top(top)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the scroll bar."""
        spot = event.get_content_offset(self)
        if spot is not None and spot.x == self.size.width - 1 and self.line_count() > self.body_height:
            self._bar_grabbed = True
            self.capture_mouse()
            self._drag_bar(spot.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the scroll bar."""
        if self._bar_grabbed:
            self._drag_bar(event.get_content_offset_capture(self).y)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of the scroll bar."""
        del event
        if self._bar_grabbed:
            self._bar_grabbed = False
            self.release_mouse()

    def _drag_bar(self, y: int) -> None:
        share = (y - self.header_lines) / max(1, self.body_height - 1)
        self.scrolled_by_hand(round(share * self.last_top))

    # Keys; without a cursor they scroll

    def action_move(self, lines: int) -> None:
        """Go up or down."""
        self.scrolled_by_hand(self.top + lines)

    def action_move_page(self, pages: float) -> None:
        """Go up or down by pages."""
        self.action_move(self.page_lines(pages))

    def page_lines(self, pages: float) -> int:
        """Lines of a part of a page, at least one, one line of a whole page kept for the eye."""
        lines = max(1, int(abs(pages) * (self.body_height - 1)))
        return lines if pages > 0 else -lines

    def action_move_first(self) -> None:
        """Go to the first line."""
        self.scrolled_by_hand(0)

    def action_move_last(self) -> None:
        """Go to the last line."""
        self.scrolled_by_hand(self.last_top)


def _differing(before: list[object], now: list[object]) -> list[int]:
    return [y for y in range(len(now)) if now[y] is not before[y] and now[y] != before[y]]


@lru_cache(maxsize=64)
def _wrapped(text: str, width: int) -> tuple[str, ...]:
    """A sentence of ours on as many lines as it needs; its letters are one cell wide."""
    return tuple(textwrap.wrap(text, width)) or ("",)
