"""Pane 2: the agent's scripts, failed ones first."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on

from agentdash.present.describe import empty_place
from agentdash.present.scripts import HEADS, script_key, script_lines
from agentdash.present.tables import Line
from agentdash.present.times import is_loading
from agentdash.state.model import Script
from agentdash.ui.panes.base import TablePane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.grid import Grid


class ScriptsPane(TablePane):
    """Scripts with their results."""

    NAME = "Scripts"
    SCOPE = "scripts"
    HEADS = HEADS

    def lines(self, view: AgentView) -> Sequence[Line]:
        """One row a script."""
        timings = view.detail.timings
        return script_lines(
            view.agent,
            timings.value,
            view.now,
            history=view.history,
            is_loading=is_loading(timings),
            glyphs=view.glyphs,
        )

    def empty(self, view: AgentView) -> str:
        """Why there are none."""
        return empty_place("scripts", view.agent)

    def _script(self) -> Script | None:
        if self.view is None:
            return None
        return next((s for s in self.view.agent.scripts if script_key(s) == self.cursor_key), None)

    @on(Grid.RowOpened)
    def open_log(self, message: Grid.RowOpened) -> None:
        """Enter: its log."""
        message.stop()
        self.do_script_log()

    def do_script_log(self) -> None:
        """enter, l"""
        script = self._script()
        if script is not None:
            self.agent_screen.show_log(script.source_id)

    def do_script_copy(self) -> None:
        """y"""
        line = self._lines.get(self.cursor_key or "")
        if line is not None:
            self.agent_screen.copy_text("  ".join(c.text for c in line.cells[1:] if c.text), "script")
