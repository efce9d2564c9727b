"""Pane 7: apps and what AI agents say of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on

from agentdash.present.apps import HEADS, app_lines
from agentdash.present.describe import empty_place
from agentdash.present.tables import Line
from agentdash.ui.panes.base import TablePane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.urls import app_url, open_url
from agentdash.ui.widgets.grid import Grid


class AppsPane(TablePane):
    """Apps with health, sharing and status."""

    NAME = "Apps"
    SCOPE = "apps"
    HEADS = HEADS

    def lines(self, view: AgentView) -> Sequence[Line]:
        """One row an app."""
        return app_lines(view.agent, view.now, glyphs=view.glyphs)

    def empty(self, view: AgentView) -> str:
        """Why there are none."""
        return empty_place("apps", view.agent)

    def _address(self) -> str:
        view = self.view
        app = None if view is None else next((a for a in view.agent.apps if a.slug == self.cursor_key), None)
        if view is None or app is None:
            return ""
        return app_url(view.state.server, view.workspace, view.agent, app)

    @on(Grid.RowOpened)
    def copy_row(self, message: Grid.RowOpened) -> None:
        """Enter copies."""
        message.stop()
        self.do_app_copy()

    def do_app_copy(self) -> None:
        """y"""
        self.agent_screen.copy_text(self._address(), "address")

    def do_app_open(self) -> None:
        """o"""
        self.say(open_url(self.app, self._address()))
