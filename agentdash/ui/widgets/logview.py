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

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.loglines import ListSource, LogLine, LogSource
from agentdash.ui.widgets.logrows import LogRows
from agentdash.ui.widgets.logsearch import Hits, Search
from agentdash.ui.widgets.painting import Ground

__all__ = ["ListSource", "LogLine", "LogSource", "LogView"]

Jump = Callable[[int, int], int | None]
"""From a line's index and a direction (1, -1) to the index of the next place, None if there is none."""


class LogView(LogRows):
    """Virtual log with a cursor line, search and chosen lines.

    Args:
        source: The lines.
        empty: The sentence shown when there are no lines.
        find_error: Finds the next error from an index in a direction, for `jump_error`.
        signs: The set of signs to draw with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+up", "extend(-1)", "Choose up", show=False, id="log-choose-up"),
        Binding("shift+down", "extend(1)", "Choose down", show=False, id="log-choose-down"),
    ]

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
        super().__init__(source, empty=empty, signs=signs, name=name, id=id, classes=classes)
        self.find_error = find_error
        self._cursor_key: int | None = None
        self._chosen_from: int | None = None
        self._dragging = False
        self._search = Search()

    # What the owner tells

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

    def follow(self) -> None:
        """Go to the end and stay there; no lines are chosen any more."""
        self._chosen_from = None
        super().follow()

    # Choosing

    def action_extend(self, lines: int) -> None:
        """Choose lines up or down from the cursor, or from the last line in sight."""
        if not self._map:
            return
        if self._chosen_from is None:
            if not self._key_in_sight(self._cursor_key):
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
        if self._cursor_key is not None and self._key_in_sight(self._cursor_key):
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

    def _ground_of(self, index: int) -> Ground:
        low, high = self._chosen_range()
        if not low <= index <= high:
            return Ground.BASE
        return self.cursor_ground if self._chosen_from is None else Ground.CHOSEN

    def _hits(self, line: LogLine) -> Hits:
        return self._search.hits(line)
