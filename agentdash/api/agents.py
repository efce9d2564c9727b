"""Calls about one agent: logs, ports, containers, connection, port shares (contract: agents.md).

Listening ports and everything of containers dials into the workspace: it counts as activity, needs a
connected agent, and may take 30 s (contract: agents.md §1). Ask only for what is on screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import LIVE_TIMEOUT_S, PATIENT_TIMEOUT_S, segment
from agentdash.api.schema import (
    Agent,
    AgentLog,
    ConnectionInfo,
    ContainersResponse,
    ListeningPorts,
    PortShare,
    PortShares,
)

OVERLAP_IDS = 100
"""How far below the last id the final read of a log begins: two writers commit out of order (agents.md §3.4)."""


@dataclass(frozen=True, slots=True)
class LogText:
    """A log as the server formats it, or as JSON lines where it does not know the text format."""

    text: str
    lines: tuple[AgentLog, ...] | None


class AgentApi:
    """What can be asked about agents, by id. All raise `ApiError`s of `api/errors`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, agent_id: str) -> Agent:
        """contract: agents.md §2. NotFound also for agents of earlier builds (about 2.34 on)."""
        return await self._client.get(Agent, _path(agent_id))

    async def logs(self, agent_id: str, after: int = 0) -> tuple[AgentLog, ...]:
        """All lines with a larger id, ascending; at most 1 MiB of text (contract: agents.md §3)."""
        query = {"after": max(0, after)}
        try:
            return await self._client.get_list(AgentLog, self.logs_path(agent_id), query)
        except errors.RouteNotFound:
            return await self._client.get_list(AgentLog, self._fall_back(agent_id), query)

    async def final_logs(self, agent_id: str, last_id: int) -> tuple[AgentLog, ...]:
        """The read after a follow stream ended: begins a little before what is known; merge by id."""
        return await self.logs(agent_id, max(0, last_id - OVERLAP_IDS))

    async def logs_text(self, agent_id: str) -> LogText:
        """The log in the server's text form (about 2.31); older servers send JSON all the same."""
        query = {"format": "text"}
        try:
            answer = await self._client.request("GET", self.logs_path(agent_id), query=query)
        except errors.RouteNotFound:
            answer = await self._client.request("GET", self._fall_back(agent_id), query=query)
        if answer.content_type == "text/plain":
            return LogText(answer.text, None)
        return LogText("", await self._client.read_list(AgentLog, answer))

    def logs_path(self, agent_id: str) -> str:
        """Path of the log on this server: `/logs`, or the one of before v2.0.0 where that is known missing."""
        name = "startup-logs" if "agent-logs" in self._client.absences else "logs"
        return f"{_path(agent_id)}/{name}"

    def _fall_back(self, agent_id: str) -> str:
        self._client.absences.add("agent-logs")
        return f"{_path(agent_id)}/startup-logs"

    async def listening_ports(self, agent_id: str) -> ListeningPorts:
        """In no order, many left out on purpose: an empty list proves nothing (contract: agents.md §4)."""
        return await self._client.get(
            ListeningPorts, f"{_path(agent_id)}/listening-ports", timeout_s=LIVE_TIMEOUT_S
        )

    async def containers(self, agent_id: str) -> ContainersResponse:
        """contract: agents.md §5.1, §5.3.

        Raises:
            Forbidden: the feature is off in this agent, or it is a sub-agent: hide the pane.
            RouteNotFound, NotFound: server, or agent, older than the feature.
            ServerError: no container engine, its words in `detail`.
            AgentNotConnected, AgentUnreachable: of live-agent calls.
        """
        return await self._client.get(
            ContainersResponse, f"{_path(agent_id)}/containers", timeout_s=LIVE_TIMEOUT_S
        )

    async def recreate_devcontainer(
        self, agent_id: str, devcontainer_id: str, container_id: str | None = None
    ) -> None:
        """Start or rebuild a devcontainer; accepted at once, the containers watch tells the rest (agents.md §5.5).

        Args:
            container_id: of its container, for the path that servers of about 2.23 had.

        Raises:
            Conflict: it is starting, stopping or being deleted.
            NotFound: the id is stale: read the list again and match `workspace_folder`.
        """
        base = f"{_path(agent_id)}/containers/devcontainers"
        try:
            await self._client.send(
                "POST", f"{base}/{segment(devcontainer_id)}/recreate", timeout_s=PATIENT_TIMEOUT_S
            )
        except errors.RouteNotFound:
            if container_id is None:
                raise
            await self._client.send(
                "POST", f"{base}/container/{segment(container_id)}/recreate", timeout_s=PATIENT_TIMEOUT_S
            )

    async def delete_devcontainer(self, agent_id: str, devcontainer_id: str) -> None:
        """Stop and remove it; may take minutes, and leaving early cancels it midway (contract: agents.md §5.6).

        Raises:
            Conflict: it is starting, stopping or being deleted.
            RouteNotFound: servers before about 2.30.
        """
        path = f"{_path(agent_id)}/containers/devcontainers/{segment(devcontainer_id)}"
        await self._client.send("DELETE", path, timeout_s=PATIENT_TIMEOUT_S)

    async def connection(self, agent_id: str) -> ConnectionInfo:
        """Relays and network settings; the same for every agent of a deployment (contract: agents.md §7)."""
        return await self._client.get(ConnectionInfo, f"{_path(agent_id)}/connection")

    async def generic_connection(self) -> ConnectionInfo:
        """The same without an agent (v0.25.0)."""
        return await self._client.get(ConnectionInfo, "/api/v2/workspaceagents/connection")

    async def port_shares(self, workspace_id: str) -> tuple[PortShare, ...]:
        """contract: agents.md §9 (v2.9.0)"""
        return (await self._client.get(PortShares, _shares(workspace_id))).shares

    async def share_port(
        self, workspace_id: str, agent_name: str, port: int, level: str, protocol: str = "http"
    ) -> PortShare:
        """Create or replace a share; `level` is `authenticated`, `organization` or `public`.

        Raises:
            BadRequest: the template's maximum is lower, or the port is outside 9…65535.
        """
        body = {"agent_name": agent_name, "port": port, "share_level": level, "protocol": protocol}
        answer = await self._client.send("POST", _shares(workspace_id), body)
        return await self._client.read(PortShare, answer)

    async def unshare_port(self, workspace_id: str, agent_name: str, port: int) -> None:
        """Raises NotFound when there is no such share."""
        await self._client.send("DELETE", _shares(workspace_id), {"agent_name": agent_name, "port": port})


def _path(agent_id: str) -> str:
    return f"/api/v2/workspaceagents/{segment(agent_id)}"


def _shares(workspace_id: str) -> str:
    return f"/api/v2/workspaces/{segment(workspace_id)}/port-share"
