"""One read of a deployment into a state: what `fleet` and `agent` print."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.errors import ApiError
from agentdash.api.fleet import FleetApi
from agentdash.cli.output import CliError
from agentdash.feed.clock import SystemClock
from agentdash.feed.deployment import Deployment
from agentdash.feed.surroundings_once import read_around
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.model import Agent, LogLine, Workspace
from agentdash.state.state import State
from agentdash.state.store import Store

PAGE = 100
PAGES_AT_MOST = 1000
METADATA_WAIT_S = 4.0


class Reading:
    """A deployment being read once.

    Args:
        client: An opened client.
    """

    def __init__(self, client: Client) -> None:
        self.store = Store()
        self._client = client
        self._source = Deployment(client, SystemClock())
        self.store.apply([ev.ServerNamed(client.origin, urlsplit(client.origin).netloc, is_embedded=False)])

    @property
    def state(self) -> State:
        """What has been read."""
        return self.store.state

    def now(self) -> datetime:
        """Server time."""
        return datetime.now(UTC) + timedelta(seconds=self._client.clock_offset_s or 0.0)

    async def server(self) -> None:
        """Version of the server; whether it is one, too."""
        self.store.apply([await self._source.build_info()])

    async def fleet(self, organization: str | None = None) -> None:
        """All workspaces, page by page; rows may move between pages, so they are merged by id."""
        query = f"organization:{organization}" if organization else ""
        offset = 0
        for _ in range(PAGES_AT_MOST):
            page = await self._source.page(query, PAGE, offset)
            self.store.apply([ev.WorkspacesRead(page.workspaces, self.now(), "page")])
            offset += PAGE
            if offset >= page.count:
                return

    async def workspace(self, owner: str, name: str) -> Workspace:
        """One workspace by name.

        Raises:
            CliError: There is none, or none for this user.
        """
        try:
            raw = await FleetApi(self._client).workspace_by_name(owner, name)
        except (errors.NotFound, errors.Gone):
            shown = name if owner == "me" else f"{owner}/{name}"
            raise CliError(
                f"there is no workspace {shown} that you may see", next_step="`agentdash fleet` lists them"
            ) from None
        found = convert.workspace(raw)
        self.store.apply([ev.WorkspacesRead((found,), self.now(), "get")])
        return found

    async def around(self) -> None:
        """What findings about the workspaces read so far are judged from."""
        await read_around(self._source, self._post, lambda: self.state, SystemClock())

    def _post(self, batch: Sequence[ev.Event]) -> None:
        self.store.apply(batch)

    async def agent_facts(self, workspace: Workspace, agent: Agent) -> None:
        """What the panes of an agent show. A fact that cannot be read is kept as a failed one."""
        self.store.apply([ev.AgentOpened(agent.id)])
        source = self._source
        asked: list[tuple[ev.FactName, Awaitable[Any], Any]] = [
            ("shares", source.shares(workspace.id), lambda v: ev.SharesRead(agent.id, tuple(v), self.now())),
            (
                "timings",
                source.timings(workspace.build.id),
                lambda v: ev.TimingsRead(agent.id, v, self.now()),
            ),
            ("metadata", self._metadata(agent.id), lambda v: ev.MetadataRead(agent.id, v, self.now())),
        ]
        if agent.is_connected:
            asked.append(("ports", source.ports(agent.id), lambda v: ev.PortsRead(agent.id, v, self.now())))
            # Before the start scripts have ended this hangs for half a minute (contract: agents.md §5.3).
            if agent.lifecycle not in ("created", "starting"):
                asked.append(
                    (
                        "containers",
                        source.containers(agent.id),
                        lambda v: ev.ContainersRead(agent.id, v, self.now(), live=False),
                    )
                )
        await asyncio.gather(*(self._fact(agent.id, name, ask, event) for name, ask, event in asked))

    async def _fact(self, agent_id: str, name: ev.FactName, ask: Awaitable[Any], event: Any) -> None:
        try:
            value = await ask
        except ApiError as error:
            self.store.apply([ev.FactFailed(agent_id, name, convert.problem(error), refused=error.is_final)])
            return
        self.store.apply([event(value)])

    async def _metadata(self, agent_id: str) -> Any:
        """The first snapshot of the stream: there is no other way to ask (contract: agents.md §6)."""
        stream = self._source.watch_metadata(agent_id)
        try:
            async with asyncio.timeout(METADATA_WAIT_S):
                async for items in stream:
                    return items
        except TimeoutError:
            raise errors.TimedOut("No metadata came") from None
        finally:
            await stream.aclose()
        raise errors.ServerError("The metadata stream ended at once")

    async def last_lines(self, agent_id: str, count: int) -> tuple[LogLine, ...] | None:
        """The last lines of the agent's log; None if it cannot be read. The server sends all of it."""
        if count == 0:
            return ()
        try:
            lines = await self._source.logs(agent_id, 0)
        except (errors.Refused, errors.ServerTrouble):
            return None
        return tuple(lines[-count:])
