"""Shells: the terminals that are open, whichever agent they are in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.widget import Widget

from agentdash.feed.shells import Shell
from agentdash.present.cells import Cell, Tone
from agentdash.present.times import with_dim_unit
from agentdash.state.state import Changes
from agentdash.ui.panes.terminal_words import kind_of
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.shell_words import PLAIN, number_of, program, says, time_in_state
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
                Column("number", "", 5, min_width=3, priority=85),
                Column("program", "PROGRAM", min_width=10, flex=2, priority=70),
                Column("state", "STATE", 10, min_width=9, priority=80),
                Column("time", "FOR", 4, align="right", priority=60),
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
            return GridRow(key, (Cell(""),) * 7)
        now, glyphs = self.context.clock(), self.context.glyphs
        kind = kind_of(shell)
        tone = {"broken": Tone.BROKEN, "moving": Tone.WARN}.get(kind, Tone.DIM)
        cells = (
            Cell(glyphs.of(kind), tone),
            Cell(shell.target.label),
            Cell(number_of(shell, self._mine(shell)), Tone.DIM),
            Cell(program(shell) or PLAIN, Tone.DIM),
            Cell(str(shell.status.state), tone),
            with_dim_unit(time_in_state(shell, now)),
            Cell("bell" if shell.has_rung else says(shell, now), Tone.DIM),
        )
        return GridRow(key, tuple(glyphs.cell(c) for c in cells))

    def _mine(self, shell: Shell) -> tuple[Shell, ...]:
        shells = self.context.shells
        return () if shells is None else shells.of_agent(shell.target.agent_key)

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
