"""Fleet: one row per agent, worst first, the evidence of the row under the cursor below."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events, on
from textual.widget import Widget

from agentdash.present.cells import Cell, Tone
from agentdash.present.columns import COLUMNS, Column, columns_of, default_columns, row_cells
from agentdash.present.describe import empty_fleet, evidence
from agentdash.present.times import ago
from agentdash.state.query import QueryError
from agentdash.state.state import Changes
from agentdash.ui.context import Context
from agentdash.ui.fleet_rows import keys_of_workspaces
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.screens.columns import ColumnsScreen
from agentdash.ui.widgets.columns import Column as GridColumn
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.grid import Grid, GridRow
from agentdash.ui.widgets.later import later
from agentdash.ui.widgets.statusbar import StatusLine

ORDER_S = 0.25
"""The order is made anew at most this often; what changes in place is painted at once."""
CHANGED_S = 8.0
"""How long a row that changed carries its mark when nobody looks at it."""


class FleetScreen(BaseScreen):
    """The fleet."""

    SCOPE: ClassVar[str] = "fleet"
    VIEW: ClassVar[str] = "fleet"
    AUTO_FOCUS = "#fleet-grid"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._columns: tuple[Column, ...] = ()
        self._chosen: tuple[str, ...] | None = None
        self._sort: str | None = None
        self._query = ""
        self._order_planned = False
        self._changed: dict[str, float] = {}

    def compose_content(self) -> Iterable[Widget]:
        """Filter line, table, rule, evidence."""
        signs = self.context.signs
        yield StatusLine(id="filter-line", signs=signs)
        yield FilterBar("/", id="filter-input", signs=signs)
        yield Grid(id="fleet-grid", signs=signs)
        yield StatusLine(id="evidence-title", classes="evidence", signs=signs)
        yield StatusLine(id="evidence-facts", classes="evidence", signs=signs, margin=3)
        yield StatusLine(id="evidence-next", classes="evidence", signs=signs, margin=3)

    @property
    def grid(self) -> Grid:
        """The table."""
        return self.query_one("#fleet-grid", Grid)

    def on_mount(self) -> None:
        """Lay out for the first size."""
        self.query_one("#filter-input").display = False
        self._choose_columns(self.size.width)
        super().on_mount()

    def on_resize(self, event: events.Resize) -> None:
        """Other columns fit another width."""
        self._choose_columns(event.size.width)
        self.set_class(event.size.height < 20, "-low")

    def _choose_columns(self, width: int) -> None:
        columns = columns_of(self._chosen) if self._chosen else default_columns(width)
        if columns == self._columns:
            return
        self._columns = columns
        self.grid.set_columns([_grid_column(c) for c in columns], indented="agent")
        self._show_rows()

    # Rows

    def refresh_content(self, changes: Changes, touched: set[str]) -> None:
        """Repaint touched rows in place; make the order anew when it may have changed."""
        fleet = self.context.fleet
        if touched and changes.workspaces and fleet.keys:
            now = self.context.clock().timestamp()
            for key in touched:
                if key in self._moved_verdicts(key):
                    self._changed[key] = now
        self.grid.update_rows(touched)
        if fleet.needs_order or not changes:
            self._plan_order()
        elif not fleet.keys:
            self._refresh_empty()
        self._refresh_filter_line()
        self._refresh_evidence()

    def _moved_verdicts(self, key: str) -> tuple[str, ...]:
        history = self.context.state.history.get(key, ())
        fresh = history and (self.context.now() - history[-1].at).total_seconds() < CHANGED_S
        return (key,) if fresh else ()

    def _plan_order(self) -> None:
        if self._order_planned:
            return
        if not self.grid.row_count:
            self._show_rows()
            return
        self._order_planned = True
        later(self, ORDER_S, self._reorder)

    def _reorder(self) -> None:
        self._order_planned = False
        self._show_rows()

    def _show_rows(self) -> None:
        context = self.context
        keys = context.fleet.order()
        self._refresh_empty()
        self.grid.set_rows(keys, self._row)
        self._refresh_filter_line()
        self._refresh_evidence()
        self._tell_visible()

    def _refresh_empty(self) -> None:
        state = self.context.state
        self.grid.set_empty(
            empty_fleet(state.server, state.fleet, query=self._query, total=self.context.fleet.total)
        )

    def _row(self, key: str) -> GridRow:
        context = self.context
        row, judged = context.fleet.row(key), context.fleet.verdict(key)
        if row is None or judged is None:
            return GridRow(key, (Cell(""),) * len(self._columns))
        return GridRow(
            key,
            row_cells(row, self._columns, judged, context.now(), context.glyphs),
            indent=0,
            marked=key in context.marks,
            changed=key in self._changed,
        )

    def _tell_visible(self) -> None:
        if self.context.feed is not None:
            self.context.feed.set_visible(keys_of_workspaces(self.grid.visible_keys))

    def session_opened(self) -> None:
        """Say what is in sight."""
        self._tell_visible()

    def time_passed(self, touched: set[str]) -> None:
        """Ages move; marks of what changed fade."""
        now = self.context.clock().timestamp()
        faded = [key for key, at in self._changed.items() if now - at > CHANGED_S]
        for key in faded:
            del self._changed[key]
        self.grid.update_rows(self.grid.visible_keys)
        super().time_passed(touched | set(faded))
        self._tell_visible()

    # Lines around the table

    def _refresh_filter_line(self) -> None:
        context = self.context
        shown, total = len(context.fleet.keys), context.fleet.total
        title = COLUMNS[self._sort].title.strip().lower() if self._sort else "severity"
        # Severity sorts worst first, a column from its least: `reverse` turns each around.
        descending = context.fleet.reverse is (self._sort is not None)
        arrow = context.signs.descending if descending else context.signs.ascending
        left = [Cell(f"/ {self._query}", Tone.ACCENT)] if self._query else [Cell("/", Tone.DIM)]
        right = [Cell(f"sort {title} {arrow}", Tone.DIM)]
        read_at = context.state.fleet.at
        if context.state.server.problem is not None and read_at is not None:
            right.insert(0, Cell(f"as of {ago(read_at, context.now())}", Tone.WARN))
        if context.marks:
            right.append(Cell(f"{len(context.marks)} marked", Tone.ACCENT))
        counted = context.state.counts.total
        if (
            context.state.fleet.value is None
            and counted is not None
            and len(context.state.workspaces) < counted
        ):
            right.append(Cell(f"reading {len(context.state.workspaces)} of {counted} workspaces", Tone.DIM))
        right.append(Cell(f"{shown} of {total}" if self._query else f"{total}", Tone.DIM))
        self.query_one("#filter-line", StatusLine).show(left, right)

    def _refresh_evidence(self) -> None:
        context, key = self.context, self.grid.cursor_key
        row = None if key is None else context.fleet.row(key)
        judged = None if key is None else context.fleet.verdict(key)
        if row is None or judged is None:
            lines: list[Sequence[Cell]] = [(), (), ()]
        else:
            found = evidence(
                context.state,
                row,
                judged,
                context.now(),
                group=context.fleet.group_of(row.key),
                glyphs=context.glyphs,
            )
            command = Cell(found.command, Tone.ACCENT) if found.next.text else Cell("")
            lines = [(found.title,), found.facts, (found.next, command)]
        for name, cells in zip(("title", "facts", "next"), lines, strict=True):
            self.query_one(f"#evidence-{name}", StatusLine).show(cells)

    @on(Grid.RowHighlighted, "#fleet-grid")
    def show_evidence(self) -> None:
        """Another row is under the cursor."""
        self._refresh_evidence()
        self._tell_visible()

    @on(Grid.RowOpened, "#fleet-grid")
    def open_row(self, message: Grid.RowOpened) -> None:
        """Enter on a row."""
        self._changed.pop(message.key, None)
        self.dash.open_row(message.key)

    # Actions

    def target_keys(self) -> list[str]:
        """The marked rows, else the one under the cursor."""
        marks = [key for key in self.context.fleet.keys if key in self.context.marks]
        if marks:
            return marks
        key = self.grid.cursor_key
        return [] if key is None else [key]

    def do_open(self) -> None:
        """enter"""
        self.grid.action_open_row()

    def do_logs(self) -> None:
        """l"""
        if (key := self.grid.cursor_key) is not None:
            self.dash.open_row(key, "logs")

    def do_shell(self) -> None:
        """s"""
        if (key := self.grid.cursor_key) is not None:
            self.dash.open_row(key, "shell")

    def do_build_log(self) -> None:
        """b"""
        if (key := self.grid.cursor_key) is not None:
            self.dash.open_build_log(key)

    def do_filter(self) -> None:
        """/"""
        bar = self.query_one("#filter-input", FilterBar)
        self.query_one("#filter-line").display = False
        bar.open(self._query)

    def do_clear_filter(self) -> None:
        """Show all rows again."""
        self._filter("")

    def do_back(self) -> None:
        """esc: first the filter, then the marks."""
        if self._query:
            self._filter("")
        elif self.context.marks:
            self.do_clear_marks()

    @on(FilterBar.Changed, "#filter-input")
    def filter_as_typed(self, message: FilterBar.Changed) -> None:
        """Every letter filters; what cannot be understood yet waits for the next one."""
        with contextlib.suppress(QueryError):
            self._use_filter(message.text)

    @on(FilterBar.Closed, "#filter-input")
    def close_filter(self, message: FilterBar.Closed) -> None:
        """Enter keeps the filter, esc restores the one before; one with a mistake stays to be mended."""
        if not self._filter(message.text):
            self.query_one("#filter-input", FilterBar).open(message.text)
            return
        self.query_one("#filter-input").display = False
        self.query_one("#filter-line").display = True
        self.grid.focus()

    def _filter(self, text: str) -> bool:
        """Filter, or say what is wrong with the query."""
        try:
            self._use_filter(text)
        except QueryError as error:
            self.say(str(error), Tone.WARN)
            return False
        return True

    def _use_filter(self, text: str) -> None:
        self.context.fleet.set_query(text)
        self._query = text.strip()
        self._show_rows()

    def do_mark(self) -> None:
        """space"""
        key = self.grid.cursor_key
        if key is None:
            return
        marks = self.context.marks
        marks.symmetric_difference_update({key})
        self.grid.update_rows({key})
        self.grid.action_move(1)
        self._marks_changed()

    def do_mark_all(self) -> None:
        """*"""
        self.context.marks.update(self.context.fleet.keys)
        self.grid.update_rows(self.grid.visible_keys)
        self._marks_changed()

    def do_clear_marks(self) -> None:
        """u"""
        self.context.marks.clear()
        self.grid.update_rows(self.grid.visible_keys)
        self._marks_changed()

    def _marks_changed(self) -> None:
        if self.context.feed is not None:
            self.context.feed.set_marked(keys_of_workspaces(self.context.marks))
        self._refresh_filter_line()

    def do_sort_next(self) -> None:
        """o"""
        ids = [None, *(c.id for c in self._columns if c.sort_key is not None)]
        at = ids.index(self._sort) if self._sort in ids else 0
        self._sort_by(ids[(at + 1) % len(ids)])

    def do_sort_reverse(self) -> None:
        """O"""
        self._sort_by(self._sort, reverse=not self.context.fleet.reverse)

    @on(Grid.HeaderClicked, "#fleet-grid")
    def sort_by_click(self, message: Grid.HeaderClicked) -> None:
        """A click on a heading sorts by it, a second one the other way."""
        chosen = None if COLUMNS[message.column_id].sort_key is None else message.column_id
        same = chosen == self._sort
        self._sort_by(chosen, reverse=not self.context.fleet.reverse if same else None)

    def _sort_by(self, column_id: str | None, *, reverse: bool | None = None) -> None:
        column = COLUMNS[column_id] if column_id else None
        turned = reverse if reverse is not None else bool(column and column.largest_first)
        self._sort = column_id
        self.context.fleet.set_sort(column.sort_key if column else None, reverse=turned)
        self.grid.set_sort(column_id, descending=turned)
        self._show_rows()

    def restore_focus(self) -> None:
        """To the table."""
        self.grid.focus()

    def obey(self, word: str, argument: str) -> None:
        """Commands with words: filter, sort, columns."""
        if word == "filter":
            self._filter(argument)
        elif word == "sort":
            column = COLUMNS.get(argument.lower()) if argument else None
            if argument.lower() in ("severity", "verdict"):
                self._sort_by(None)
            elif argument and (column is None or column.sort_key is None):
                known = ", ".join(c.id for c in COLUMNS.values() if c.sort_key is not None)
                self.say(f"no column {argument!r} to sort by; there are severity, {known}", Tone.WARN)
            else:
                chosen = column.id if column else None
                same = chosen == self._sort
                self._sort_by(chosen, reverse=not self.context.fleet.reverse if same else None)
        elif word == "columns":
            ids = tuple(argument.replace(",", " ").lower().split())
            unknown = [name for name in ids if name not in COLUMNS]
            if unknown:
                self.say(f"no column {unknown[0]!r}; there are {', '.join(COLUMNS)}", Tone.WARN)
            else:
                self._chosen = ids or None
                self._choose_columns(self.size.width)
        else:
            super().obey(word, argument)

    def do_columns(self) -> None:
        """w"""

        def chosen(ids: tuple[str, ...] | None) -> None:
            if ids is not None:
                self._chosen = ids or None
                self._choose_columns(self.size.width)

        self.app.push_screen(
            ColumnsScreen(tuple(c.id for c in self._columns), signs=self.context.signs), chosen
        )


def _grid_column(column: Column) -> GridColumn:
    return GridColumn(
        column.id,
        column.title,
        column.width,
        column.min_width,
        column.flex,
        column.align,
        column.priority,
        column.cut,
    )
