"""The rows of a log: where one is, following the end, breaking long lines, painting only what differs."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.lineview import LineView
from agentdash.ui.widgets.loglines import ListSource, LogLine, LogSource, window, wrap
from agentdash.ui.widgets.logpaint import SIGN_WIDTH, LogPainter, prefix_width
from agentdash.ui.widgets.logplace import end_place, rows_from, walk
from agentdash.ui.widgets.logsearch import Hits
from agentdash.ui.widgets.painting import Ground, line_strip, strip_of

SHIFT_STEP = 16
"""Cells that one key moves sideways when lines are not wrapped."""


def coarse(count: int) -> int:
    """A count in steps that are worth a repaint: two leading digits from a hundred on, never more than there are."""
    step = 1
    while count // step >= 100:
        step *= 10
    return count // step * step


class LogRows(LineView):
    """Rows of a log source. The place is a line, held by its key, and which of its rows stands at the upper edge.

    Args:
        source: The lines.
        empty: The sentence shown when there are no lines.
        signs: The set of signs to draw with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "shift(-1)", "Left", show=False, id="log-left"),
        Binding("right", "shift(1)", "Right", show=False, id="log-right"),
    ]

    class StateChanged(Message, namespace="log_view"):
        """Following began or ended, or lines arrived out of sight."""

        def __init__(self, view: LogRows, *, is_following: bool, new_lines: int) -> None:
            super().__init__()
            self.view = view
            self.is_following = is_following
            self.new_lines = new_lines

        @property
        def control(self) -> LogRows:
            """The view that says so."""
            return self.view

    def __init__(
        self,
        source: LogSource | None = None,
        *,
        empty: str = "",
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(empty=empty, signs=signs, name=name, id=id, classes=classes)
        self._source: LogSource = source if source is not None else ListSource()
        self.is_following = True
        self.is_wrapping = False
        self.new_lines = 0
        self._row = 0
        self._shift = 0
        self._anchor: int | None = None
        self._last_key: int | None = None
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
        elif self._anchor is not None:
            # The line that was chosen, or the nearest that is left; it stays chosen while a filter hides it.
            top = max(0, min(self._source.position(self._anchor), count - 1))
            if top >= count or self._source.line(top).key != self._anchor:
                self._row = 0
            self.new_lines = self._count_new()
            self.top, self._row = min((top, self._row), self._end_place())
        self.sync()
        self._tell()

    def toggle_wrap(self) -> None:
        """Break long lines, or cut them."""
        self.is_wrapping = not self.is_wrapping
        self._row = self._shift = 0
        self.source_changed()

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
        self._drop_anchor()
        self._tell()

    def _drop_anchor(self) -> None:
        """Hold on to the line at the upper edge, whatever becomes of the others."""
        if self._map:
            self._anchor = self._map[0][2].key

    def _release(self) -> None:
        if self.is_following:
            self.is_following = False
            self.new_lines = 0
            self._drop_anchor()

    def _count_new(self) -> int:
        count = len(self._source)
        if self._last_key is None:
            return count
        place = self._source.position(self._last_key)
        if place < count and self._source.line(place).key == self._last_key:
            place += 1
        return coarse(max(0, count - place))

    def _tell(self) -> None:
        state = (self.is_following, self.new_lines)
        if state != self._told and self.is_running:
            self._told = state
            self.post_message(self.StateChanged(self, is_following=state[0], new_lines=state[1]))

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.is_following = True
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

    # Painting

    def _tokens(self) -> list[object]:
        count = len(self._source)
        place = (min(self.top, max(0, count - 1)), self._row)
        lines = self._source.line
        self._map = [
            (index, row, lines(index))
            for index, row in rows_from(place, count, self.body_height, self._height_of)
        ]
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
                self._hits(line),
                self._shift,
                self.is_wrapping,
            )
        if self._is_notice(y):
            return (bar, self.new_lines)
        return (bar, self.blank_token(y))

    def _ground_of(self, index: int) -> Ground:
        """What lies under a line."""
        del index
        return Ground.BASE

    def _hits(self, line: LogLine) -> Hits:
        """What is highlighted in a line."""
        del line
        return ()

    def _key_in_sight(self, key: int | None) -> bool:
        return any(line.key == key for _, _, line in self._map)

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
        else:
            strip = self.draw_blank(y, width)
        return strip_of([*strip, Segment(self._bar_sign(y), self.palette.style(Tone.DIM))], width + 1)

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
        strip = self._painter.row(line, piece, ground, self._hits(line), width, row=row)
        if piece[1] < len(line.text) and not self.is_wrapping and not line.is_gap:
            return self._painter.cut_mark(strip, ground, width)
        return strip

    def forget_strips(self) -> None:
        """Draw again."""
        self._strips.clear()
        self._breaks.clear()
        self._painter = None
