"""A virtual log: any number of lines, follow, search, choose and copy; only lines that differ are repainted.

The owner keeps the lines in a `LogSource` (filtered as the user wants it) and calls `source_changed` after a change, at
most once a frame. The view holds its place by the key of a line, so filtering and trimming keep the context.

Example::

    view = LogView(ListSource([LogLine(1, "npm ci", source=Cell("install-deps"), hue=0)]), empty="No output yet.")
    view.source_changed()
    view.search("npm")           # highlights and goes to the hit; view.find(1) goes to the next
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.lineview import LineView
from agentdash.ui.widgets.loglines import ListSource, LogLine, LogSource, window, wrap
from agentdash.ui.widgets.logpaint import SIGN_WIDTH, LogPainter, prefix_width
from agentdash.ui.widgets.logplace import end_place, rows_from, walk
from agentdash.ui.widgets.logsearch import Search
from agentdash.ui.widgets.painting import Ground, line_strip

__all__ = ["ListSource", "LogLine", "LogSource", "LogView"]

SHIFT_STEP = 16
"""Cells that one key moves sideways when lines are not wrapped."""

Jump = Callable[[int, int], int | None]
"""From a line's index and a direction (1, -1) to the index of the next place, None if there is none."""


class LogView(LineView):
    """Virtual log.

    Args:
        source: The lines.
        empty: The sentence shown when there are no lines.
        find_error: Finds the next error from an index in a direction, for `jump_error`.
        signs: The set of signs to draw with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "shift(-1)", "Left", show=False, id="log-left"),
        Binding("right", "shift(1)", "Right", show=False, id="log-right"),
        Binding("shift+up", "extend(-1)", "Choose up", show=False, id="log-choose-up"),
        Binding("shift+down", "extend(1)", "Choose down", show=False, id="log-choose-down"),
    ]

    class StateChanged(Message):
        """Following began or ended, or lines arrived out of sight."""

        def __init__(self, view: LogView, *, is_following: bool, new_lines: int) -> None:
            super().__init__()
            self.view = view
            self.is_following = is_following
            self.new_lines = new_lines

        @property
        def control(self) -> LogView:
            """The view that says so."""
            return self.view

    class SearchEnded(Message):
        """A search came to an end: at a hit, or there is none."""

        def __init__(self, view: LogView, text: str, *, is_found: bool, has_wrapped: bool) -> None:
            super().__init__()
            self.view = view
            self.text = text
            self.is_found = is_found
            self.has_wrapped = has_wrapped

        @property
        def control(self) -> LogView:
            """The view that says so."""
            return self.view

    class LinesCopied(Message):
        """Lines are to be copied: the owner brings the text to the clipboard."""

        def __init__(self, view: LogView, text: str, lines: int) -> None:
            super().__init__()
            self.view = view
            self.text = text
            self.lines = lines

        @property
        def control(self) -> LogView:
            """The view that says so."""
            return self.view

    def __init__(
        self,
        source: LogSource | None = None,
        *,
        empty: str = "",
        find_error: Jump | None = None,
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(signs=signs, name=name, id=id, classes=classes)
        self._source: LogSource = source if source is not None else ListSource()
        self._empty = empty
        self.find_error = find_error
        self.is_following = True
        self.is_wrapping = False
        self.new_lines = 0
        self._row = 0
        self._shift = 0
        self._top_key: int | None = None
        self._last_key: int | None = None
        self._cursor_key: int | None = None
        self._chosen_from: int | None = None
        self._dragging = False
        self._search = Search()
        self._told: tuple[bool, int] = (True, 0)
        self._map: list[tuple[int, int, LogLine]] = []
        self._breaks: dict[tuple[int, str, int], tuple[tuple[int, int], ...]] = {}
        self._strips: dict[tuple[int, int], tuple[object, Strip]] = {}
        self._painter: LogPainter | None = None

    # What the owner tells

    def set_source(self, source: LogSource) -> None:
        """Show other lines (another filter, another agent); the context stays if its line is among them."""
        self._source = source
        self.source_changed()

    def source_changed(self) -> None:
        """Show what the source holds now: call it after lines were added, dropped or changed."""
        count = len(self._source)
        if self.is_following:
            self._go_to_end()
        elif self._top_key is not None:
            self.top = max(0, min(self._source.position(self._top_key), count - 1))
            if self.top >= count or self._source.line(self.top).key != self._top_key:
                self._row = 0
            self.new_lines = self._count_new()
        self.sync()
        self._tell()

    def set_empty(self, sentence: str) -> None:
        """Set the sentence shown when there are no lines."""
        self._empty = sentence
        self.sync()

    def search(self, text: str, *, is_regex: bool = False) -> None:
        """Highlight a text and go to its next hit; an empty text ends the search and keeps the place.

        Raises:
            re.error: `is_regex` and the pattern is not one.
        """
        self._search = Search(text, is_regex=is_regex)
        self.sync()
        if text:
            self.run_worker(self._find(1, stay=True), exclusive=True, group="find")

    def find(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) hit; the end comes after the beginning."""
        if self._search:
            self.run_worker(self._find(direction), exclusive=True, group="find")

    def jump_error(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) error as the owner finds it."""
        if self.find_error is None:
            return
        found = self.find_error(self._start_index(direction), direction)
        if found is not None:
            self.show_index(found)

    def toggle_wrap(self) -> None:
        """Break long lines, or cut them."""
        self.is_wrapping = not self.is_wrapping
        self._row = self._shift = 0
        self.source_changed()

    def copy_lines(self) -> None:
        """Send `LinesCopied` with the chosen lines, or the one under the cursor."""
        if self._cursor_key is None or not len(self._source):
            return
        low, high = self._chosen_range()
        texts = [self._source.line(i).text for i in range(low, min(high, len(self._source) - 1) + 1)]
        self._chosen_from = None
        self.sync()
        self.post_message(self.LinesCopied(self, "\n".join(texts), len(texts)))

    def end_choice(self) -> bool:
        """Choose no lines any more and take the cursor away; False if there was neither."""
        had = self._cursor_key is not None
        self._cursor_key = self._chosen_from = None
        self.sync()
        return had

    def show_index(self, index: int) -> None:
        """Put the cursor on a line and show it with context; following ends."""
        if not 0 <= index < len(self._source):
            return
        self._cursor_key = self._source.line(index).key
        self.sync()
        if not any(at == index for at, _, _ in self._map):
            self._release()
            self.top, self._row = index, 0
            self._walk(-(self.body_height // 3))
        elif index < len(self._source) - 1:
            self._release()
        self._settle()

    @property
    def cursor_key(self) -> int | None:
        """Key of the line last found, clicked or jumped to."""
        return self._cursor_key

    @property
    def visible_lines(self) -> tuple[LogLine, ...]:
        """Lines in sight, from above, each once."""
        seen = {line.key: line for _, _, line in self._map}
        return tuple(seen.values())

    # Place

    @property
    def body_height(self) -> int:
        """Rows for lines: one less while the notice of new lines stands below."""
        return max(0, self.size.height - self._notice_height)

    @property
    def _notice_height(self) -> int:
        return 1 if self.new_lines and not self.is_following and self.size.height > 1 else 0

    def line_count(self) -> int:
        """Lines of the source."""
        return len(self._source)

    def _rows(self, line: LogLine) -> tuple[tuple[int, int], ...]:
        """The pieces of a line's text that stand below each other."""
        width = self.body_width - SIGN_WIDTH - prefix_width(line)
        if not self.is_wrapping or line.is_gap:
            return (window(line.text, self._shift, max(1, width)),)
        key = (line.key, line.text, width)
        found = self._breaks.get(key)
        if found is None:
            if len(self._breaks) > 2_000:
                self._breaks.clear()
            found = self._breaks[key] = wrap(line.text, max(1, width))
        return found

    def _height_of(self, index: int) -> int:
        return len(self._rows(self._source.line(index))) if self.is_wrapping else 1

    def _end_place(self) -> tuple[int, int]:
        return end_place(len(self._source), self.body_height, self._height_of)

    def _go_to_end(self) -> None:
        self.new_lines = 0
        self.top, self._row = self._end_place()
        count = len(self._source)
        self._last_key = self._source.line(count - 1).key if count else None

    def _walk(self, rows: int) -> None:
        place = (self.top, self._row)
        self.top, self._row = walk(place, rows, len(self._source), self._height_of)

    def _settle(self) -> None:
        """Take the place within the lines and say what changed."""
        self.top, self._row = min((self.top, self._row), self._end_place())
        self.sync()
        self._tell()

    def _release(self) -> None:
        if self.is_following:
            self.is_following = False
            self.new_lines = 0

    def _count_new(self) -> int:
        count = len(self._source)
        if self._last_key is None:
            return count
        place = self._source.position(self._last_key)
        if place < count and self._source.line(place).key == self._last_key:
            place += 1
        return max(0, count - place)

    def _tell(self) -> None:
        state = (self.is_following, self.new_lines)
        if state != self._told and self.is_running:
            self._told = state
            self.post_message(self.StateChanged(self, is_following=state[0], new_lines=state[1]))

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.is_following = True
        self._chosen_from = None
        self._go_to_end()
        self.sync()
        self._tell()

    def _scroll_rows(self, rows: int) -> None:
        before = (self.top, self._row)
        self._walk(rows)
        if rows > 0 and (self.top, self._row) >= self._end_place():
            self.follow()
        elif (self.top, self._row) != before:
            self._release()
            self._settle()

    def scrolled_by_hand(self, top: int) -> None:
        """Scroll by wheel or bar."""
        if abs(top - self.top) <= 2 * self.body_height:
            self._scroll_rows(top - self.top)
            return
        self.top, self._row = max(0, min(top, len(self._source) - 1)), 0
        if (self.top, self._row) >= self._end_place():
            self.follow()
        else:
            self._release()
            self._settle()

    def resized(self) -> None:
        """Keep the end at the edge, or the place."""
        self.source_changed()

    # Keys

    def action_move(self, lines: int) -> None:
        """Scroll by rows."""
        self._scroll_rows(lines)

    def action_move_first(self) -> None:
        """Go to the first line."""
        self._release()
        self.top = self._row = 0
        self._settle()

    def action_move_last(self) -> None:
        """Go to the end and follow."""
        self.follow()

    def action_shift(self, steps: int) -> None:
        """Look further right, or back."""
        if not self.is_wrapping:
            self._shift = max(0, self._shift + steps * SHIFT_STEP)
            self.sync()

    def action_extend(self, lines: int) -> None:
        """Choose lines up or down from the cursor, or from the last line in sight."""
        if not self._map:
            return
        if self._chosen_from is None:
            if self._cursor_key not in {line.key for _, _, line in self._map}:
                self._cursor_key = self._map[-1][2].key
                lines = 0
            self._chosen_from = self._cursor_key
        if self._cursor_key is not None:
            index = self._source.position(self._cursor_key) + lines
            self._move_cursor(max(0, min(index, len(self._source) - 1)))

    def _move_cursor(self, index: int) -> None:
        self._cursor_key = self._source.line(index).key
        self._release()
        self.sync()
        shown = [at for at, _, _ in self._map]
        if index < self.top or (shown and index < shown[0]):
            self.top, self._row = index, 0
        elif shown and index > shown[-1]:
            self._walk(index - shown[-1])
        self._settle()

    def _chosen_range(self) -> tuple[int, int]:
        """First and last index of the chosen lines; of the cursor if none are chosen, (1, 0) without a cursor."""
        if self._cursor_key is None:
            return (1, 0)
        cursor = self._source.position(self._cursor_key)
        start = cursor if self._chosen_from is None else self._source.position(self._chosen_from)
        return (min(start, cursor), max(start, cursor))

    # Search

    def _start_index(self, direction: int) -> int:
        keys = [line.key for _, _, line in self._map]
        if self._cursor_key in keys:
            return self._source.position(self._cursor_key)
        if not self._map:
            return 0
        return self.top - 1 if direction > 0 else self._map[-1][0] + 1

    async def _find(self, direction: int, *, stay: bool = False) -> None:
        search = self._search
        start = self._start_index(direction)
        at = start if stay and start >= 0 else start + direction
        index = await search.next_line(self._source, at, direction)
        if search is not self._search:
            return
        if index is not None:
            self.show_index(index)
        has_wrapped = index is not None and (index - at) * direction < 0
        self.post_message(
            self.SearchEnded(self, search.text, is_found=index is not None, has_wrapped=has_wrapped)
        )

    # Mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to choose lines by dragging."""
        index = self._index_under(event)
        if index is not None:
            self._cursor_key = self._source.line(index).key
            self._chosen_from = None
            self._dragging = True
            self.capture_mouse()
            self.sync()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Choose up to the line under the mouse."""
        if not self._dragging:
            return
        index = self._index_under(event)
        if index is None:
            return
        key = self._source.line(index).key
        if key != self._cursor_key:
            self._chosen_from = self._cursor_key if self._chosen_from is None else self._chosen_from
            self._cursor_key = key
            self._release()
            self.sync()
            self._tell()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Lines stay chosen until they are copied or something else is."""
        del event
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def _index_under(self, event: events.MouseEvent) -> int | None:
        spot = event.get_content_offset_capture(self)
        if 0 <= spot.x < self.body_width and 0 <= spot.y < len(self._map):
            return self._map[spot.y][0]
        return None

    # Painting

    def _tokens(self) -> list[object]:
        count = len(self._source)
        place = (min(self.top, max(0, count - 1)), self._row)
        lines = self._source.line
        self._map = [
            (index, row, lines(index))
            for index, row in rows_from(place, count, self.body_height, self._height_of)
        ]
        self._top_key = self._map[0][2].key if self._map else self._top_key
        return super()._tokens()

    def _token_at(self, y: int) -> object:
        bar = self._bar_sign(y)
        if y < len(self._map):
            index, row, line = self._map[y]
            return (
                bar,
                row,
                line,
                self._ground_of(index),
                self._search.hits(line),
                self._shift,
                self.is_wrapping,
            )
        if self._is_notice(y):
            return (bar, self.new_lines)
        return (bar, self._empty if y == 0 else None)

    def _ground_of(self, index: int) -> Ground:
        low, high = self._chosen_range()
        if not low <= index <= high:
            return Ground.BASE
        return self.cursor_ground if self._chosen_from is None else Ground.CHOSEN

    def _is_notice(self, y: int) -> bool:
        return bool(self._notice_height) and y == self.size.height - 1

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        width = self.body_width
        if y < len(self._map):
            index, row, line = self._map[y]
            strip = self._row_strip(y, index, row, line, width)
        elif self._is_notice(y):
            text = f"+{self.new_lines} new line{'' if self.new_lines == 1 else 's'}: End follows"
            strip = line_strip((Cell(" "), Cell(text, Tone.ACCENT)), width, self.palette.on(Ground.BASE))
        elif y == 0 and self._empty and not self._map:
            cells = (Cell(" "), Cell(self._empty, Tone.DIM))
            strip = line_strip(cells, width, self.palette.on(Ground.BASE), ellipsis=self.signs.ellipsis)
        else:
            strip = self.draw_blank(y, width)
        return Strip([*strip, Segment(self._bar_sign(y), self.palette.style(Tone.DIM))], width + 1)

    def _row_strip(self, y: int, index: int, row: int, line: LogLine, width: int) -> Strip:
        token = self._painted[y] if y < len(self._painted) else None
        found = self._strips.get((line.key, row))
        look = token[1:] if isinstance(token, tuple) else token
        if found is not None and found[0] == look:
            return found[1]
        strip = self._draw_row(index, row, line, width)
        if len(self._strips) > 8 * self.size.height + 64:
            self._strips.clear()
        self._strips[line.key, row] = (look, strip)
        return strip

    def _draw_row(self, index: int, row: int, line: LogLine, width: int) -> Strip:
        if self._painter is None:
            terminal = None if self.app.native_ansi_color else self.app.ansi_theme
            self._painter = LogPainter(self.palette, self.signs, terminal)
        ground = self._ground_of(index)
        pieces = self._rows(line)
        piece = pieces[min(row, len(pieces) - 1)]
        strip = self._painter.row(line, piece, ground, self._search.hits(line), width, row=row)
        if piece[1] < len(line.text) and not self.is_wrapping and not line.is_gap:
            return self._painter.cut_mark(strip, ground, width)
        return strip

    def forget_strips(self) -> None:
        """Draw again."""
        self._strips.clear()
        self._breaks.clear()
        self._painter = None
