"""Pane 3: listening ports inside the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from textual import on

from agentdash.present.describe import empty_place
from agentdash.present.ports import HEADS, port_lines
from agentdash.present.tables import Line
from agentdash.state.model import Port
from agentdash.ui.panes.base import TablePane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.urls import open_url, port_forward, port_url
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.grid import Grid

NEW_FOR = timedelta(seconds=60)


class PortsPane(TablePane):
    """Ports, the ones that have just come up marked."""

    NAME = "Ports"
    SCOPE = "ports"
    HEADS = HEADS
    INDENTED = "port"

    def __init__(self, number: int, *, signs: Signs) -> None:
        super().__init__(number, signs=signs)
        self._known: tuple[Port, ...] | None = None
        self._agent_id = ""
        self._came: dict[int, datetime] = {}

    def lines(self, view: AgentView) -> Sequence[Line]:
        """One row a port."""
        fact = view.detail.ports
        if view.agent.id != self._agent_id:
            self._agent_id, self._known, self._came = view.agent.id, None, {}
        ports = fact.value
        if ports is not None:
            if self._known is not None:
                before = {p.port for p in self._known}
                self._came |= {p.port: view.now for p in ports if p.port not in before}
            self._known = ports
        self._came = {port: at for port, at in self._came.items() if view.now - at < NEW_FOR}
        return port_lines(
            ports or (),
            view.detail.shares.value or (),
            view.agent.name,
            new=self._came,
            glyphs=view.glyphs,
        )

    def empty(self, view: AgentView) -> str:
        """Why there are none."""
        return empty_place("ports", view.agent, view.detail.ports)

    def _address(self) -> str:
        view, number = self.view, (self.cursor_key or "").partition("/")[2]
        if view is None or not number.isdecimal():
            return ""
        found = port_url(view.state.server, view.workspace, view.agent, int(number))
        return found or port_forward(view.workspace, view.agent, int(number))

    @on(Grid.RowOpened)
    def copy_row(self, message: Grid.RowOpened) -> None:
        """Enter copies."""
        message.stop()
        self.do_port_copy()

    def do_port_copy(self) -> None:
        """y: the address, or the command that forwards the port where the deployment has no wildcard host."""
        self.agent_screen.copy_text(self._address(), "address")

    def do_port_open(self) -> None:
        """o"""
        self.say(open_url(self.app, self._address()))
