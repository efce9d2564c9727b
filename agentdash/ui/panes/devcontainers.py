"""Pane 5: devcontainers and containers."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on

from agentdash.present.describe import container_lines, empty_place
from agentdash.present.devcontainers import HEADS
from agentdash.present.tables import Line
from agentdash.state.model import Container, Devcontainer
from agentdash.ui.panes.base import TablePane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.grid import Grid


class DevcontainersPane(TablePane):
    """Devcontainers first, then plain containers."""

    NAME = "Devcontainers"
    SCOPE = "devcontainers"
    HEADS = HEADS

    def lines(self, view: AgentView) -> Sequence[Line]:
        """One row each."""
        containers = view.detail.containers.value
        return () if containers is None else container_lines(containers, glyphs=view.glyphs)

    def empty(self, view: AgentView) -> str:
        """Why there are none."""
        return empty_place("devcontainers", view.agent, view.detail.containers)

    @property
    def devcontainer(self) -> Devcontainer | None:
        """The devcontainer under the cursor."""
        containers = None if self.view is None else self.view.detail.containers.value
        kind, _, folder = (self.cursor_key or "").partition(":")
        if containers is None or kind != "dev":
            return None
        return next((d for d in containers.devcontainers if d.workspace_folder == folder), None)

    @property
    def container(self) -> Container | None:
        """The container under the cursor, a devcontainer's included."""
        if (devcontainer := self.devcontainer) is not None:
            return devcontainer.container
        containers = None if self.view is None else self.view.detail.containers.value
        kind, _, container_id = (self.cursor_key or "").partition(":")
        if containers is None or kind != "container":
            return None
        return next((c for c in containers.containers if c.id == container_id), None)

    @on(Grid.RowOpened)
    def open_agent(self, message: Grid.RowOpened) -> None:
        """Enter: the agent inside."""
        message.stop()
        self.do_devcontainer_open()

    def do_devcontainer_open(self) -> None:
        """enter"""
        devcontainer, view = self.devcontainer, self.view
        if devcontainer is None or view is None:
            return
        agent = next((a for a in view.workspace.agents if a.id == devcontainer.agent_id), None)
        if agent is None:
            self.say("no agent runs in it")
        else:
            self.agent_screen.dash.open_row(agent.key)

    def do_devcontainer_logs(self) -> None:
        """l"""
        devcontainer, view = self.devcontainer, self.view
        if devcontainer is None or view is None:
            return
        name = f"Dev Container ({devcontainer.name})"
        source = next((s for s in view.agent.log_sources if s.name == name), None)
        if source is None:
            self.say("it has no log source of its own; its lines are under External")
        else:
            self.agent_screen.show_log(source.id)

    def do_devcontainer_shell(self) -> None:
        """s"""
        container = self.container
        if container is None or not container.running:
            self.say("the container does not run")
        else:
            self.agent_screen.open_shell(container=container.id)
