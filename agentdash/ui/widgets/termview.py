"""The picture of an emulator, and the way of keys, pastes and the mouse into it.

Knows nothing of where the bytes come from: it draws the emulator it is given, says `Typed` for what a person enters, and
`Left` when the leave key is pressed. Only rows that changed are painted, at most once a frame.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.binding import BindingType
from textual.geometry import Offset, Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from agentdash.term.emulator import Emulator
from agentdash.term.keys import asks_before_paste, encode_key, paste
from agentdash.term.mouse import Mouse, encode_focus, encode_mouse, encode_wheel_as_keys
from agentdash.term.style import Color, Style

FRAME_S = 1 / 60
WHEEL_LINES = 3


@lru_cache(maxsize=512)
def _color(color: Color) -> RichColor | None:
    if color is None:
        return None
    if isinstance(color, int):
        return RichColor.from_ansi(color)
    return RichColor.from_rgb(*color)


@lru_cache(maxsize=4096)
def _style(style: Style, base: RichStyle) -> RichStyle:
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


_CURSOR = RichStyle(reverse=True)
_RESTING_CURSOR = RichStyle(underline=True)


class TermView(Widget, can_focus=True, inherit_bindings=False):
    """A terminal's screen with its scrollback.

    Args:
        leave_key: The one key that is not sent to the program, in Textual's spelling.
        scope: Name of the place while keys go to the program, and otherwise.
    """

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = "TermView { width: 1fr; height: 1fr; }"

    class Typed(Message):
        """Text for the program."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The leave key was pressed."""

    class Resized(Message):
        """The picture has another size now."""

        def __init__(self, rows: int, columns: int) -> None:
            super().__init__()
            self.rows = rows
            self.columns = columns

    class PasteAsked(Message):
        """A paste that would run commands at once: the owner asks before it is typed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        *,
        leave_key: str = "ctrl+right_square_bracket",
        scopes: tuple[str, str] = ("", ""),
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self.leave_key = leave_key
        self.scopes = scopes
        self.emulator: Emulator | None = None
        self.is_typing = False
        self.back = 0
        """Lines scrolled back into the history."""
        self._cursor_row = -1
        self._planned = False
        self._button = 0
        self._sought = ""
        self._found: int | None = None

    @property
    def scope(self) -> str:
        """Where keys belong at present."""
        return self.scopes[1] if self.is_typing else self.scopes[0]

    def show(self, emulator: Emulator | None) -> None:
        """Draw another emulator."""
        self.emulator = emulator
        self.back = 0
        if emulator is not None:
            emulator.take_changes()
            self._tell_size()
        self.refresh()

    def set_typing(self, typing: bool) -> None:
        """Send keys to the program, or leave them to the program around."""
        if typing is self.is_typing:
            return
        self.is_typing = typing
        if self.emulator is not None:
            self._send(encode_focus(typing, self.emulator.modes))
            if typing:
                self.scroll_back_to(0)
            self._refresh_rows({self.emulator.cursor.y})

    # Painting

    def update(self) -> None:
        """Say that the emulator has changed; painted at most once a frame."""
        if not self._planned and self.is_mounted and self.emulator is not None:
            self._planned = True
            self.set_timer(FRAME_S, self._paint)

    def _paint(self) -> None:
        self._planned = False
        emulator = self.emulator
        if emulator is None or not self.is_mounted:
            return
        if emulator.modes.synchronized:
            self.update()  # the program says when its picture is whole
            return
        scrolled, rows = emulator.take_changes()
        if self.back:
            self.back = min(self.back + scrolled, emulator.history_len)
            self.refresh()
        elif scrolled:
            self.refresh()
        else:
            self._refresh_rows(set(rows) | {self._cursor_row, emulator.cursor.y})
        self._cursor_row = emulator.cursor.y

    def _refresh_rows(self, rows: set[int]) -> None:
        width, height = self.size
        regions = [Region(0, y, width, 1) for y in rows if 0 <= y < height]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """One row of the screen or of the scrollback."""
        width = self.size.width
        base = self.rich_style
        emulator = self.emulator
        if emulator is None:
            return Strip.blank(width, base)
        index = emulator.history_len - self.back + y
        if index < emulator.history_len:
            runs = emulator.history_row(index)
        elif index - emulator.history_len < emulator.lines:
            runs = emulator.row(index - emulator.history_len)
        else:
            return Strip.blank(width, base)
        segments = [Segment(text, _style(style, base)) for text, style in runs]
        strip = Strip(segments).adjust_cell_length(width, base)
        if self._sought:
            strip = _with_hits(strip, self._sought)
        cursor = emulator.cursor
        is_here = not self.back and y == cursor.y and emulator.modes.cursor_visible
        if is_here and self.has_focus:
            strip = _with_cursor(strip, min(cursor.x, width - 1), self.is_typing)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            end = width if end == -1 else end
            parts = list(strip.divide([start, min(end, width), width]))
            if len(parts) == 3:
                chosen = self.screen.get_component_rich_style("screen--selection")
                parts[1] = parts[1].apply_style(chosen)
                strip = Strip.join(parts)
        return strip.apply_offsets(0, y)

    # Selection

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text of what is selected."""
        return selection.extract("\n".join(self.visible_text())), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        del selection
        self.refresh()

    def visible_text(self) -> list[str]:
        """The lines in sight as text."""
        emulator = self.emulator
        if emulator is None:
            return []
        first = emulator.history_len - self.back
        return [self._line_text(index).rstrip() for index in range(first, first + emulator.lines)]

    # Scrollback

    def find(self, text: str, direction: int = -1, *, begin: bool = False) -> bool:
        """Highlight a text and show its next occurrence above (-1) or below (1); an empty text ends the search.

        Args:
            text: What to look for, upper and lower case alike.
            direction: Which way.
            begin: Start at the last line instead of where the last search ended.
        """
        self._sought = text.lower()
        emulator = self.emulator
        if emulator is None or not text:
            self.refresh()
            return False
        total = emulator.history_len + emulator.lines
        index = (total if begin or self._found is None else self._found) + direction
        while 0 <= index < total:
            if self._sought in self._line_text(index).lower():
                self._found = index
                self.scroll_back_to(emulator.history_len + emulator.lines // 2 - index)
                self.refresh()
                return True
            index += direction
        self.refresh()
        return False

    def _line_text(self, index: int) -> str:
        emulator = self.emulator
        if emulator is None:
            return ""
        past = index < emulator.history_len
        runs = emulator.history_row(index) if past else emulator.row(index - emulator.history_len)
        return "".join(text for text, _ in runs)

    def scroll_back_to(self, back: int) -> None:
        """Show the picture so many lines before its end."""
        limit = 0 if self.emulator is None else self.emulator.history_len
        back = max(0, min(back, limit))
        if back != self.back:
            self.back = back
            self.refresh()

    # Input

    async def on_key(self, event: events.Key) -> None:
        """Every key belongs to the program while typing, except the one that leaves."""
        emulator = self.emulator
        if emulator is None:
            return
        if not self.is_typing:
            steps = {"up": 1, "k": 1, "down": -1, "j": -1, "pageup": emulator.lines - 1}
            steps |= {"pagedown": 1 - emulator.lines, "home": 1_000_000, "end": -1_000_000}
            if event.key in steps:
                event.stop()
                event.prevent_default()
                self.scroll_back_to(self.back + steps[event.key])
            return
        event.stop()
        event.prevent_default()
        if event.key == self.leave_key:
            self.set_typing(False)
            self.post_message(self.Left())
            return
        if event.key in ("shift+pageup", "shift+pagedown") and not emulator.modes.alternate_screen:
            self.scroll_back_to(self.back + (1 if event.key == "shift+pageup" else -1) * (emulator.lines - 1))
            return
        text = encode_key(event.key, event.character, emulator.modes)
        if text:
            self.scroll_back_to(0)
            self._send(text)

    def on_paste(self, event: events.Paste) -> None:
        """A paste; one with line ends is asked about when the program did not ask for brackets."""
        emulator = self.emulator
        if emulator is None or not self.is_typing:
            return
        event.stop()
        if asks_before_paste(event.text, emulator.modes):
            self.post_message(self.PasteAsked(event.text))
        else:
            self.paste(event.text)

    def paste(self, text: str) -> None:
        """Type a text as a paste."""
        if self.emulator is not None:
            self._send(paste(text, self.emulator.modes))

    def _send(self, text: str | None) -> None:
        if text:
            self.post_message(self.Typed(text))

    def on_resize(self, event: events.Resize) -> None:
        """The program follows the size of the pane."""
        del event
        self._tell_size()

    def _tell_size(self) -> None:
        if self.size.width > 1 and self.size.height > 0:
            self.post_message(self.Resized(self.size.height, self.size.width))

    # Mouse

    def _mouse(self, what: Mouse, event: events.MouseEvent, button: int) -> bool:
        emulator = self.emulator
        if emulator is None or not self.is_typing:
            return False
        spot: Offset = event.get_content_offset_capture(self)
        text = encode_mouse(
            what,
            spot.x,
            spot.y,
            emulator.modes,
            button=button,
            shift=event.shift,
            alt=event.meta,
            ctrl=event.ctrl,
        )
        if text is None:
            return False
        event.stop()
        event.prevent_default()
        self._send(text)
        return True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press."""
        if self._mouse(Mouse.PRESS, event, event.button):
            self._button = event.button
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Release."""
        if self._button:
            self._mouse(Mouse.RELEASE, event, self._button)
            self._button = 0
            self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move or drag."""
        self._mouse(Mouse.MOVE, event, self._button)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel towards the past."""
        self._wheel(Mouse.WHEEL_UP, event, WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel towards the present."""
        self._wheel(Mouse.WHEEL_DOWN, event, -WHEEL_LINES)

    def _wheel(self, what: Mouse, event: events.MouseEvent, lines: int) -> None:
        event.stop()
        emulator = self.emulator
        if emulator is None or self._mouse(what, event, 0):
            return
        keys = encode_wheel_as_keys(what, emulator.modes) if self.is_typing else None
        if keys:
            self._send(keys)
        else:
            self.scroll_back_to(self.back + lines)


def _with_hits(strip: Strip, sought: str) -> Strip:
    """Occurrences in reverse video. Cells and characters agree where no wide character stands before."""
    text = strip.text.lower()
    if len(text) != strip.cell_length or sought not in text:
        return strip
    cuts: list[int] = []
    at = text.find(sought)
    while at >= 0:
        cuts += [at, at + len(sought)]
        at = text.find(sought, at + len(sought))
    parts = list(strip.divide([*cuts, strip.cell_length]))
    marked = [part.apply_style(_CURSOR) if i % 2 else part for i, part in enumerate(parts)]
    return Strip.join(marked)


def _with_cursor(strip: Strip, x: int, typing: bool) -> Strip:
    parts = list(strip.divide([x, x + 1, strip.cell_length]))
    if len(parts) < 2:
        return strip
    look = _CURSOR if typing else _RESTING_CURSOR
    parts[1] = Strip(Segment.apply_style(list(parts[1]), post_style=look), parts[1].cell_length)
    return Strip.join(parts)
