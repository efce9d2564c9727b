"""A virtual table of keyed rows whose cursor stays on the thing.

The owner hands over the order of keys and a function that makes a row; rows are made only for keys in sight, so ten
thousand rows and a thousand updates a second cost what the visible ones cost. Cursor and viewport are kept by key through
sorting, filtering, arrivals and removals. The grid knows nothing of what a row means.

Example::

    grid = Grid(empty="No agents yet: press n to make one.")
    grid.set_columns([Column("verdict", "VERDICT", min_width=12, flex=2), Column("rtt", "RTT", width=5, align="right")])
    grid.set_rows(["a", "b"], lambda key: GridRow(key, (Cell("✗ broken", Tone.BROKEN), Cell("34"))))
    grid.update_rows({"b"})      # b looks different now
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.columns import GAP, Column, Placed, lay_out
from agentdash.ui.widgets.follow import follow, steady_top
from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.lineview import LineView
from agentdash.ui.widgets.painting import Ground, fit, line_strip, segments, strip_of

__all__ = ["Column", "Grid", "GridRow"]

GUTTER = 2
"""Cells left of the first column: the cursor's sign, then mark or change."""
INDENT = 2
"""Cells of one step of indentation."""


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row, finished: a cell for each column set with `Grid.set_columns`.

    Attributes:
        key: What the row stands for; cursor and marks hold on to it.
        cells: As many as there are columns, in their order.
        indent: Steps of indentation of the indented column.
        marked: Shows the sign of a marked row.
        changed: Shows the sign of a row that changed in the last seconds.
        tone: Tone of cells that are plain, e.g. dim for a row that recedes.
    """

    key: str
    cells: tuple[Cell, ...]
    indent: int = 0
    marked: bool = False
    changed: bool = False
    tone: Tone | None = None


class Grid(LineView):
    """Virtual table.

    Args:
        empty: The sentence shown when there are no rows.
        has_header: Headings stand above the rows; a list inside a pane has none.
        keeps_cursor: The selected row is marked without the focus too; in one pane of many it is not.
        signs: The set of signs to draw with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open_row", "Open", show=False, id="grid-open"),
    ]

    class RowHighlighted(Message):
        """The cursor is on another row (or on none)."""

        def __init__(self, grid: Grid, key: str | None) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> Grid:
            """The grid that says so."""
            return self.grid

    class RowOpened(Message):
        """Enter or a double click on a row."""

        def __init__(self, grid: Grid, key: str) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> Grid:
            """The grid that says so."""
            return self.grid

    class HeaderClicked(Message):
        """A click on a heading: the owner may sort by it."""

        def __init__(self, grid: Grid, column_id: str) -> None:
            super().__init__()
            self.grid = grid
            self.column_id = column_id

        @property
        def control(self) -> Grid:
            """The grid that says so."""
            return self.grid

    def __init__(
        self,
        *,
        empty: str = "",
        has_header: bool = True,
        keeps_cursor: bool = True,
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(empty=empty, signs=signs, name=name, id=id, classes=classes)
        self.header_lines = 1 if has_header else 0
        self.keeps_cursor = keeps_cursor
        self._columns: tuple[Column, ...] = ()
        self._placed: tuple[Placed, ...] | None = None
        self._indented = 0
        self._sort: tuple[str, bool] | None = None
        self.empty_margin = GUTTER
        self._keys: tuple[str, ...] = ()
        self._row_of: Callable[[str], GridRow] = _no_row
        self._rows: dict[str, GridRow] = {}
        self._strips: dict[tuple[str, Ground], tuple[GridRow, Strip]] = {}
        self._cursor = 0
        self._moved = False

    # What the owner tells

    def set_columns(self, columns: Iterable[Column], *, indented: str | None = None) -> None:
        """Set all columns, left to right; which of them are shown depends on the width.

        Args:
            columns: The columns; rows have one cell for each.
            indented: Id of the column that shows a row's indentation; without it the first.
        """
        self._columns = tuple(columns)
        self._indented = next((i for i, c in enumerate(self._columns) if c.id == indented), 0)
        self.forget_strips()
        self._rows.clear()
        self._painted = []
        self.sync()

    def set_sort(self, column_id: str | None, *, descending: bool = False) -> None:
        """Show which column the rows are sorted by; the grid itself sorts nothing."""
        self._sort = None if column_id is None else (column_id, descending)
        self.sync()

    def set_rows(self, keys: Sequence[str], row_of: Callable[[str], GridRow]) -> None:
        """Set the order of rows; the cursor stays on its key, or goes to the nearest neighbour if that is gone.

        Args:
            keys: All keys in order, each once.
            row_of: Makes the row of a key; asked only for keys in sight.
        """
        before = self._keys
        highlighted = self.cursor_key
        top, cursor = self.top, self._cursor
        self._keys = keys = tuple(keys)
        self._row_of = row_of
        self._rows.clear()
        self._cursor = self._follow(before, highlighted)
        self.top = steady_top(top, cursor, self._cursor, before, keys, height=self.body_height)
        self.sync()
        self._tell(highlighted)

    def update_rows(self, keys: Iterable[str]) -> None:
        """Say that rows may look different; only those in sight are made again, and painted only if they differ."""
        rows = self._rows
        for key in keys:
            if rows.pop(key, None) is not None:
                self.sync_soon()

    def move_to(self, key: str) -> bool:
        """Put the cursor on a key; False if there is no such row."""
        try:
            index = self._keys.index(key)
        except ValueError:
            return False
        self._go(index)
        return True

    # What the owner asks

    @property
    def cursor_key(self) -> str | None:
        """Key of the row under the cursor, None without rows."""
        return self._keys[self._cursor] if self._cursor < len(self._keys) else None

    @property
    def cursor_index(self) -> int:
        """Position of the cursor, from 0."""
        return self._cursor

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self._keys)

    @property
    def visible_keys(self) -> tuple[str, ...]:
        """Keys in sight, from above."""
        return self._keys[self.top : self.top + self.body_height]

    @property
    def visible_columns(self) -> tuple[str, ...]:
        """Ids of the columns that are shown."""
        return tuple(placed.column.id for placed in self.placed)

    @property
    def placed(self) -> tuple[Placed, ...]:
        """The shown columns and where they stand."""
        if self._placed is None:
            self._placed = lay_out(self._columns, self.body_width - GUTTER) if self._columns else ()
        return self._placed

    # The cursor

    def _follow(self, before: Sequence[str], key: str | None) -> int:
        if key is None or not self._keys or not self._moved:
            # Until the user has moved, the cursor waits on the first row: rows that arrive at start-up would
            # otherwise carry it, and the view with it, away from the top.
            return 0
        return follow(key, self._cursor, before, self._keys)

    def _go(self, index: int) -> None:
        highlighted = self.cursor_key
        if not self._keys:
            return
        self._moved = True
        self._cursor = max(0, min(index, len(self._keys) - 1))
        self.show_line(self._cursor)
        self._tell(highlighted)

    def _tell(self, before: str | None) -> None:
        if self.cursor_key != before and self.is_running:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def action_move(self, lines: int) -> None:
        """Move the cursor."""
        self._go(self._cursor + lines)

    def action_move_page(self, pages: float) -> None:
        """Move the cursor by pages, the view with it."""
        lines = self.page_lines(pages)
        self.top = max(0, min(self.top + lines, self.last_top))
        self._go(self._cursor + lines)

    def action_move_first(self) -> None:
        """Move the cursor to the first row."""
        self._go(0)

    def action_move_last(self) -> None:
        """Move the cursor to the last row."""
        self._go(len(self._keys) - 1)

    def action_open_row(self) -> None:
        """Open the row under the cursor."""
        key = self.cursor_key
        if key is not None:
            self._moved = True
            self.post_message(self.RowOpened(self, key))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor by a click, open by a double click, tell clicks on headings."""
        spot = event.get_content_offset(self)
        if spot is None or spot.x >= self.body_width:
            return
        if spot.y < self.header_lines:
            for placed in self.placed:
                if placed.x <= spot.x - GUTTER < placed.x + placed.width + GAP:
                    self.post_message(self.HeaderClicked(self, placed.column.id))
            return
        index = self.top + spot.y - self.header_lines
        if index < len(self._keys):
            self._go(index)
            if event.chain == 2:
                self.action_open_row()

    # Lines

    def line_count(self) -> int:
        """One line a row."""
        return len(self._keys)

    def _row_at(self, index: int) -> GridRow:
        key = self._keys[index]
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._row_of(key)
        return row

    def _ground_at(self, index: int) -> Ground:
        return self.cursor_ground if index == self._cursor else Ground.BASE

    def line_token(self, index: int) -> object:
        """A row and what lies under it."""
        return (self._ground_at(index), self._row_at(index))

    def sync(self) -> None:
        """Forget rows that went out of sight, then compare."""
        height = self.body_height
        if len(self._rows) > 4 * height + 16:
            self._rows = {key: self._rows[key] for key in self.visible_keys if key in self._rows}
        if len(self._strips) > 8 * height + 32:
            self._strips.clear()
        super().sync()

    def draw_line(self, index: int, width: int) -> Strip:
        """Draw a row, from the cache if it was drawn before with the same content."""
        row, ground = self._row_at(index), self._ground_at(index)
        found = self._strips.get((row.key, ground))
        if found is not None and (found[0] is row or found[0] == row):
            return found[1]
        strip = self._draw_row(row, ground, width)
        self._strips[row.key, ground] = (row, strip)
        return strip

    def _draw_row(self, row: GridRow, ground: Ground, width: int) -> Strip:
        style_of = self.palette.on(ground)
        signs = self.signs
        plain = row.tone or Tone.PLAIN
        sign = signs.marked if row.marked else signs.changed if row.changed else " "
        drawn = [
            Segment(" " if ground is Ground.BASE else signs.cursor, style_of(Tone.ACCENT)),
            Segment(sign, style_of(Tone.ACCENT)),
        ]
        at = 0
        for placed in self.placed:
            if placed.x > at:
                drawn.append(Segment(" " * (placed.x - at), style_of(plain)))
            cell = row.cells[placed.index] if placed.index < len(row.cells) else Cell("")
            room = placed.width
            if placed.index == self._indented and row.indent:
                step = min(row.indent * INDENT, room // 2)
                drawn.append(Segment(" " * step, style_of(plain)))
                room -= step
            column = placed.column
            fitted = fit(cell, room, align=column.align, keep=column.cut, ellipsis=signs.ellipsis)
            drawn += segments(fitted, style_of, plain=plain)
            at = placed.x + placed.width
        rest = width - GUTTER - at
        if rest > 0:
            drawn.append(Segment(" " * rest, style_of(plain)))
        strip = strip_of(drawn, max(width, GUTTER + at))
        return strip if rest >= 0 else strip.crop(0, width)

    def header_token(self, y: int) -> object:
        """Columns and sort order."""
        del y
        return (self.placed, self._sort)

    def draw_header(self, y: int, width: int) -> Strip:
        """Draw the headings."""
        del y
        cells = [Cell(" " * GUTTER, Tone.DIM)]
        at = 0
        for placed in self.placed:
            cells.append(Cell(" " * (placed.x - at), Tone.DIM))
            cells.append(self._heading(placed))
            at = placed.x + placed.width
        return line_strip(cells, width, self.palette.on(Ground.BASE), ellipsis=self.signs.ellipsis)

    def _heading(self, placed: Placed) -> Cell:
        column = placed.column
        title, tone = column.title, Tone.DIM
        if self._sort is not None and self._sort[0] == column.id:
            arrow = self.signs.descending if self._sort[1] else self.signs.ascending
            tone = Tone.PLAIN
            title = (
                f"{title} {arrow}" if len(title) + 2 <= placed.width else title[: placed.width - 1] + arrow
            )
        return fit(Cell(title, tone), placed.width, align=column.align, ellipsis=self.signs.ellipsis)

    def forget_strips(self) -> None:
        """Lay out again and draw again."""
        self._placed = None
        self._strips.clear()


def _no_row(key: str) -> GridRow:
    raise KeyError(key)
