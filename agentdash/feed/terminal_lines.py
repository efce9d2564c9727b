"""The real opener of terminals: `api/terminal` over one client."""

from __future__ import annotations

import uuid
from contextlib import AbstractAsyncContextManager
from typing import Literal

from agentdash.api.agents import AgentApi
from agentdash.api.client import Client
from agentdash.api.fleet import FleetApi
from agentdash.api.terminal import Terminal, open_terminal
from agentdash.feed.shells import Target

Backend = Literal["", "screen", "buffered"]


class TerminalLines:
    """Opens terminals of one deployment.

    Args:
        client: The deployment.
        backend: Which backend to ask for; `buffered` follows every resize and replays its output, the `screen`
            backend does neither reliably (contract: pty.md §8).
    """

    def __init__(self, client: Client, backend: Backend = "buffered") -> None:
        self._client = client
        self._agents = AgentApi(client)
        self._fleet = FleetApi(client)
        self._backend = backend

    def open(
        self, agent_id: str, reconnect: uuid.UUID, target: Target, *, height: int, width: int
    ) -> AbstractAsyncContextManager[Terminal]:
        """Attach to a session, making it if the id is new."""
        return open_terminal(
            self._client,
            agent_id,
            reconnect,
            height=height,
            width=width,
            command=target.probe or target.command,
            container=target.container,
            container_user=target.container_user,
            backend_type=self._backend,
            ran_command=bool(target.command),
        )

    async def agent_status(self, agent_id: str) -> str:
        """The agent's status as the server has it now."""
        return (await self._agents.get(agent_id)).status

    async def report_usage(self, workspace_id: str, agent_id: str) -> None:
        """Tell that a terminal is in use."""
        await self._fleet.report_usage(workspace_id, agent_id, "reconnecting-pty")
