"""Choosing the fleet's columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from agentdash.present.cells import Cell, Tone
from agentdash.present.columns import COLUMNS
from agentdash.ui.widgets.columns import Column
from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.grid import Grid, GridRow


class ColumnsScreen(ModalScreen["tuple[str, ...] | None"]):
    """A list of all columns; the result is those chosen, in order, or None. Empty means: the usual ones.

    Args:
        shown: Columns shown at present.
        signs: The set of signs.
    """

    AUTO_FOCUS = "Grid"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "switch", "On or off", show=False),
        Binding("enter", "accept", "Use", show=False, priority=True),
        Binding("escape,q", "dismiss(None)", "Cancel", show=False),
        Binding("r", "usual", "The usual ones", show=False),
    ]

    def __init__(self, shown: Iterable[str], *, signs: Signs) -> None:
        super().__init__()
        self._shown = list(shown)
        self._signs = signs

    def compose(self) -> ComposeResult:
        """A framed list."""
        pane = Pane("Columns", signs=self._signs)
        with pane:
            yield Grid(signs=self._signs)
        pane.set_freshness("space on/off · enter use · r usual · esc cancel")

    def on_mount(self) -> None:
        """Fill the list: the shown ones first, in their order."""
        grid = self.query_one(Grid)
        grid.set_columns(
            [Column("name", "COLUMN", 12, priority=2), Column("help", "", min_width=10, flex=1, priority=1)]
        )
        grid.set_rows([*self._shown, *(c for c in COLUMNS if c not in self._shown)], self._row)

    def _row(self, key: str) -> GridRow:
        column = COLUMNS[key]
        on = key in self._shown
        tone = Tone.PLAIN if on else Tone.DIM
        return GridRow(key, (Cell(column.title.strip(), tone), Cell(column.help, Tone.DIM)), marked=on)

    def action_switch(self) -> None:
        """space"""
        grid = self.query_one(Grid)
        key = grid.cursor_key
        if key is None:
            return
        if key in self._shown:
            self._shown.remove(key)
        else:
            self._shown.append(key)
        grid.update_rows({key})

    def action_accept(self) -> None:
        """enter"""
        self.dismiss(tuple(self._shown))

    def action_usual(self) -> None:
        """r"""
        self.dismiss(())
