"""Shells: the terminals that are open, whichever agent they are in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.widget import Widget

from agentdash.feed.shells import Shell
from agentdash.present.cells import Cell, Tone
from agentdash.present.times import age
from agentdash.state.state import Changes
from agentdash.text.safe import clean
from agentdash.ui.panes.terminal_words import kind_of
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.widgets.columns import Column
from agentdash.ui.widgets.grid import Grid, GridRow

EMPTY = "Open terminals would be here: press F, choose an agent, and s opens a shell in it."
LOOK_S = 1.0


class ShellsScreen(BaseScreen):
    """The open terminals."""

    SCOPE: ClassVar[str] = "shells"
    VIEW: ClassVar[str] = "shells"
    AUTO_FOCUS = "#shells-grid"

    def compose_content(self) -> Iterable[Widget]:
        """The list."""
        yield Grid(id="shells-grid", empty=EMPTY, signs=self.context.signs)

    @property
    def grid(self) -> Grid:
        """The list."""
        return self.query_one("#shells-grid", Grid)

    def on_mount(self) -> None:
        """Set the columns."""
        self.grid.set_columns(
            [
                Column("sign", "", 1, priority=100),
                Column("agent", "SHELL IN", min_width=16, flex=2, priority=90, cut="middle"),
                Column("title", "TITLE", min_width=10, flex=2, priority=40),
                Column("state", "STATE", 12, min_width=9, priority=80),
                Column("age", "OPEN", 4, align="right", priority=60),
                Column("says", "", min_width=10, flex=3, priority=30),
            ],
            indented="agent",
        )
        super().on_mount()
        self.set_interval(LOOK_S, self._look)

    def _look(self) -> None:
        """Shells change by themselves; a row that reads the same is not painted again."""
        if self.is_current:
            self.refresh_content(Changes(), set())

    def refresh_content(self, changes: Changes, touched: set[str]) -> None:
        """Show all shells."""
        del changes, touched
        shells = self.context.shells
        self.grid.set_rows([s.id for s in shells.all()] if shells is not None else [], self._row)

    def _row(self, key: str) -> GridRow:
        shell = self._shell(key)
        if shell is None:
            return GridRow(key, (Cell(""),) * 6)
        status, glyphs = shell.status, self.context.glyphs
        kind = kind_of(shell)
        tone = {"broken": Tone.BROKEN, "moving": Tone.WARN}.get(kind, Tone.DIM)
        what = shell.target.where
        cells = (
            Cell(glyphs.of(kind), tone),
            Cell(shell.target.label),
            Cell(clean(shell.emulator.title, 80) or what, Tone.DIM),
            Cell(str(status.state), tone),
            age(shell.opened_at, self.context.clock()),
            Cell("bell" if shell.has_rung else status.sentence or shell.advice, Tone.DIM),
        )
        return GridRow(key, tuple(glyphs.cell(c) for c in cells))

    def _shell(self, key: str | None) -> Shell | None:
        shells = self.context.shells
        return None if shells is None or key is None else shells.get(key)

    @on(Grid.RowOpened)
    def reattach(self, message: Grid.RowOpened) -> None:
        """Enter."""
        message.stop()
        self.do_shell_reattach()

    def do_shell_reattach(self) -> None:
        """enter"""
        shell = self._shell(self.grid.cursor_key)
        if shell is not None:
            self.dash.open_row(shell.target.agent_key, "shell", shell_id=shell.id)

    def do_shell_close(self) -> None:
        """x"""
        shell, shells = self._shell(self.grid.cursor_key), self.context.shells
        if shell is None or shells is None:
            return

        async def close() -> None:
            if shell.is_open and not await self.ask_to_leave(shell):
                return
            await shells.close(shell.id)
            self.refresh_content(Changes(), set())
            self.refresh_bars()

        self.run_worker(close(), exit_on_error=False)

    def restore_focus(self) -> None:
        """To the list."""
        self.grid.focus()

    def do_filter(self) -> None:
        """There is little to filter here."""
        self.say("the list of shells has no filter")

    def do_back(self) -> None:
        """esc"""
        self.dash.show_view("fleet")
