"""What an agent said over HTTP until v2.12, for servers of 2023 and 2024 (contract: agent-side.md §10).

Newer servers answer `Route not found.`: everything here went to `me/rpc` then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from agentdash.api import errors
from agentdash.api.agent_errors import of_agent
from agentdash.api.agent_logs import LogEntry
from agentdash.api.agent_side import BASE
from agentdash.api.client import Client
from agentdash.api.exchange import Answer, segment
from agentdash.api.schema.agent_side import LegacyManifest, StatsInterval

if TYPE_CHECKING:
    from agentdash.api.node_stream import NodeStream

APP_HEALTHS = ("initializing", "healthy", "unhealthy")
_NS = 1_000_000_000


class LegacyAgentApi:
    """The removed calls. Every one raises `RouteNotFound` on servers from v2.13 on."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def manifest(self) -> LegacyManifest:
        """What the agent is to do; `me/metadata` on servers before v0.21.3."""
        try:
            return await self._get_manifest("manifest")
        except errors.RouteNotFound:
            return await self._get_manifest("metadata")

    async def report_app_health(self, healths: Mapping[str, str]) -> None:
        """Health by app id: `initializing`, `healthy` or `unhealthy`.

        Raises:
            NotFound: an unknown app, or one without a healthcheck.
            BadRequest: another word, or none at all.
        """
        await self._send("POST", "app-health", {"healths": dict(healths)})

    async def report_stats(self, stats: Mapping[str, object] | None = None) -> float:
        """Report traffic and sessions; returns the seconds until the next report. None only asks for them."""
        answer = await self._send("POST", "report-stats", dict(stats or {}))
        return (await self._client.read(StatsInterval, answer)).report_interval / _NS

    async def report_startup(self, version: str, directory: str, subsystems: Sequence[str] = ()) -> None:
        """The agent's version (semver with `v`) and where it lives."""
        body = {"version": version, "expanded_directory": directory, "subsystems": list(subsystems)}
        await self._send("POST", "startup", body)

    async def report_lifecycle(self, state: str, changed_at: datetime) -> None:
        """One step of the agent's life."""
        await self._send("POST", "report-lifecycle", {"state": state, "changed_at": _time(changed_at)})

    async def send_startup_logs(self, entries: Sequence[LogEntry]) -> None:
        """Rows of the only source there was.

        Raises:
            LogsFull: 1 MiB is stored.
        """
        await self._send("PATCH", "startup-logs", {"logs": [entry.as_json() for entry in entries]})

    async def report_metadata(self, key: str, value: str, collected_at: datetime, error: str = "") -> None:
        """One metadata value; the path with the key is the older one and was served until the end."""
        body = {"value": value, "error": error, "age": 0, "collected_at": _time(collected_at)}
        await self._send("POST", f"metadata/{segment(key)}", body)

    @asynccontextmanager
    async def coordinate(self) -> AsyncIterator[NodeStream]:
        """Say how this agent is connected, and hear which clients want to connect; no tunnel is built.

        Raises:
            MalformedAnswer: While reading: no nodes, too large, cut.
            ApiError: Refused, or no connection.
        """
        from agentdash.api.node_stream import open_node_stream  # noqa: PLC0415 - websockets cost 180 ms

        async with open_node_stream(self._client, f"{BASE}/coordinate") as stream:
            yield stream

    async def _get_manifest(self, name: str) -> LegacyManifest:
        try:
            return await self._client.get(LegacyManifest, f"{BASE}/{name}")
        except errors.ApiError as error:
            raise of_agent(error) from None

    async def _send(self, method: str, name: str, body: object) -> Answer:
        try:
            return await self._client.send(method, f"{BASE}/{name}", body)
        except errors.ApiError as error:
            raise of_agent(error) from None


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
