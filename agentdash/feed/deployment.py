"""The real deployment as a `Source`: `api/` asks, `state/convert` cleans."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from immutables import Map

from agentdash.api import errors, schema
from agentdash.api.client import Client
from agentdash.api.exchange import Answer
from agentdash.api.relays import RelayProbe
from agentdash.api.sources import (
    AgentLogSource,
    BuildLogSource,
    ContainersSource,
    MetadataSource,
    WorkspaceSource,
)
from agentdash.api.sources import Source as StreamSource
from agentdash.api.stream import Closed, Data, Gap, Opened, Stream
from agentdash.feed.clock import Clock
from agentdash.feed.deployment_surroundings import SurroundingsReader
from agentdash.feed.source import OwnersWanted, OwnerUpdate, Page, WorkspaceSighting
from agentdash.state import convert, model
from agentdash.state.events import BuildInfoRead

if TYPE_CHECKING:
    from agentdash.api.tailnet import WorkspaceChanges

T = TypeVar("T")

PAGES_REMEMBERED = 1000
"""Pages whose digest and workspaces are kept: 100,000 workspaces, which the state holds anyway."""
CONVERTED_AT_ONCE = 64 * 1024
"""Answers larger than this are converted in a thread: a page of 100 workspaces takes longer than a frame."""
LINES_AT_ONCE = 500
PATH = "/api/v2/workspaces"
METADATA_KEY = "include_agent_metadata"
METADATA_KEYS = (
    "cpu",
    "0_cpu",
    "cpu_usage",
    "0_cpu_usage",
    "mem",
    "memory",
    "1_memory",
    "ram_usage",
    "1_ram_usage",
)
"""Keys under which templates usually tell processor and memory; a key that an agent does not have costs nothing."""


class Deployment(SurroundingsReader):
    """Reads one deployment; see `feed/source` for what each call means."""

    def __init__(self, client: Client, clock: Clock) -> None:
        super().__init__(client)
        self._client = client
        self._clock = clock
        self._without_metadata: str | None = None
        self._derp_map: schema.DerpMap | None = None
        self._pages: OrderedDict[tuple[str, int, int], tuple[bytes, Page]] = OrderedDict()

    # -- who and what ---------------------------------------------------------------------------------------------

    @property
    def clock_offset_s(self) -> float | None:
        """Server time minus local time, by the header of the last answer."""
        return self._client.clock_offset_s

    async def build_info(self) -> BuildInfoRead:
        """What answers there (contract: README §9)."""
        info = await self._fleet.buildinfo()
        return BuildInfoRead(
            convert.name(info.version),
            convert.name(info.deployment_id),
            convert.name(info.dashboard_url),
            info.workspace_proxy,
        )

    async def user(self) -> model.User:
        """Who is logged in."""
        return convert.user(await self._fleet.me())

    async def entitlements(self) -> Map[str, bool]:
        """Licensed features."""
        return convert.features(await self._fleet.entitlements())

    async def experiments(self) -> tuple[str, ...]:
        """Experiments that are switched on."""
        return convert.words(await self._fleet.experiments())

    async def wildcard_host(self) -> str:
        """Host of apps and ports on subdomains, empty without one."""
        try:
            regions = await self._fleet.regions()
        except errors.RouteNotFound:
            return convert.name(await self._fleet.applications_host())
        primary = next((r for r in regions if r.name == "primary"), None)
        return "" if primary is None else convert.name(primary.wildcard_hostname)

    # -- fleet ----------------------------------------------------------------------------------------------------

    async def page(self, query: str, limit: int, offset: int) -> Page:
        """A page of workspaces; bytes equal to the last time's are not decoded again."""
        began = self._clock.monotonic()
        answer = await self._ask_page(query, limit, offset)
        took_s = self._clock.monotonic() - began
        key = (query, limit, offset)
        digest = hashlib.blake2b(answer.body, digest_size=16).digest()
        known = self._pages.get(key)
        if known is not None and known[0] == digest:
            self._pages.move_to_end(key)
            return replace(known[1], took_s=took_s)
        raw = await self._client.read(schema.WorkspacesPage, answer)
        if len(answer.body) < CONVERTED_AT_ONCE:
            workspaces = _workspaces(raw)
        else:
            workspaces = await asyncio.to_thread(_workspaces, raw)
        page = Page(workspaces, raw.count, len(answer.body), took_s)
        self._pages[key] = (digest, page)
        self._pages.move_to_end(key)
        if len(self._pages) > PAGES_REMEMBERED:
            self._pages.popitem(last=False)
        return page

    async def _ask_page(self, query: str, limit: int, offset: int) -> Answer:
        """Ask for a page, with metadata where the server can add it (≈2.37, contract: fleet.md §1.1)."""
        wanted = [query, *(f"include_agent_metadata:{key}" for key in self._metadata_keys())]
        parameters = {
            "q": " ".join(word for word in wanted if word) or None,
            "limit": limit,
            "offset": offset,
        }
        try:
            return await self._client.request("GET", PATH, query=parameters)
        except errors.BadRequest as error:
            if len(wanted) == 1 or not error.names(METADATA_KEY):
                raise
        # An older server refuses a newer key of the search: without it until its version changes.
        self._without_metadata = self._client.server_version.text
        return await self._client.request("GET", PATH, query=parameters | {"q": query or None})

    def _metadata_keys(self) -> tuple[str, ...]:
        refused = self._without_metadata
        return () if refused is not None and refused == self._client.server_version.text else METADATA_KEYS

    async def count(self, query: str) -> int:
        """How many match, for 30 bytes."""
        return await self._fleet.count(query)

    async def workspace(self, workspace_id: str) -> model.Workspace:
        """One workspace."""
        return convert.workspace(await self._fleet.workspace(workspace_id))

    async def build(self, build_id: str) -> model.Build:
        """One build."""
        return convert.build(await self._builds.get(build_id))

    async def timings(self, build_id: str) -> model.Timings:
        """Timings of a build."""
        return convert.timings(await self._builds.timings(build_id), build_id)

    # -- agent ----------------------------------------------------------------------------------------------------

    async def agent(self, known: model.Agent) -> model.Agent:
        """The agent as it is now."""
        raw = await self._agents.get(known.id)
        agent = convert.agent(raw, known.workspace_id, known.parent_name, known.resource_name)
        return replace(agent, key=known.key)

    async def ports(self, agent_id: str) -> tuple[model.Port, ...]:
        """Listening ports."""
        return convert.ports(await self._agents.listening_ports(agent_id))

    async def shares(self, workspace_id: str) -> tuple[model.PortShare, ...]:
        """Shared ports."""
        return convert.shares(schema.PortShares(shares=await self._agents.port_shares(workspace_id)))

    async def containers(self, agent_id: str) -> model.Containers:
        """Containers and devcontainers."""
        return convert.containers(await self._agents.containers(agent_id))

    async def connection(self, agent_id: str) -> model.Connection:
        """Network settings."""
        info = await self._agents.connection(agent_id)
        self._derp_map = info.derp_map or schema.DerpMap()
        return convert.connection(info)

    async def links(self, agent_id: str) -> AsyncGenerator[model.RegionLink, None]:
        """Relays as seen from here, by the map that was read last."""
        if self._derp_map is None:
            await self.connection(agent_id)
        probe = RelayProbe(self._client, monotonic=self._clock.monotonic, sleep=self._clock.sleep)
        async with aclosing(probe.latencies(self._derp_map or schema.DerpMap())) as found:
            async for one in found:
                ms = None if one.seconds is None else one.seconds * 1000
                yield model.RegionLink(one.region_id, ms, one.trouble)

    async def logs(self, agent_id: str, after: int) -> tuple[model.LogLine, ...]:
        """An agent's lines behind an id."""
        return await _agent_lines(await self._agents.logs(agent_id, after))

    async def build_logs(self, build_id: str, after: int) -> tuple[model.LogLine, ...]:
        """A build's lines behind an id."""
        return tuple(convert.build_log_line(line) for line in await self._builds.logs(build_id, after))

    # -- streams --------------------------------------------------------------------------------------------------

    async def watch_workspace(self, workspace_id: str) -> AsyncGenerator[model.Workspace, None]:
        """Every change of one workspace."""
        async with Stream(self._client, WorkspaceSource(workspace_id)) as items:
            async for item in items:
                if isinstance(item, Data):
                    yield convert.workspace(item.payload)
                elif isinstance(item, Closed):
                    _end(item)

    async def workspace_updates(self, owners: OwnersWanted) -> AsyncGenerator[OwnerUpdate, None]:
        """Names and states of the workspaces of these owners."""
        # protobuf costs 250 ms, which the screen shall not feel.
        await asyncio.to_thread(importlib.import_module, "agentdash.api.owners")
        from agentdash.api.owners import OwnerStreams  # noqa: PLC0415
        from agentdash.api.tailnet import open_tailnet  # noqa: PLC0415

        async with open_tailnet(self._client) as tailnet, OwnerStreams(tailnet) as streams:
            owners.on_change = lambda: streams.want(owners.ids)
            try:
                owners.on_change()
                async for owner_id, changes in streams.updates():
                    yield _owner_update(owner_id, changes)
            finally:
                owners.on_change = lambda: None

    async def watch_containers(self, agent_id: str) -> AsyncGenerator[model.Containers, None]:
        """Every change of the devcontainers."""
        async with Stream(self._client, ContainersSource(agent_id)) as items:
            async for item in items:
                if isinstance(item, Data):
                    yield convert.containers(item.payload)
                elif isinstance(item, Closed):
                    _end(item)

    async def watch_metadata(self, agent_id: str) -> AsyncGenerator[tuple[model.MetadataItem, ...], None]:
        """Metadata, all of it each time."""
        async with Stream(self._client, MetadataSource(agent_id)) as items:
            async for item in items:
                if isinstance(item, Data):
                    yield convert.metadata(item.payload)
                elif isinstance(item, Closed):
                    _end(item)

    async def follow_logs(self, agent_id: str, after: int) -> AsyncGenerator[tuple[model.LogLine, ...], None]:
        """An agent's log behind an id, and what comes."""
        source: StreamSource[tuple[schema.AgentLog, ...]] = AgentLogSource(agent_id, after)
        async with Stream(self._client, source) as items:
            async for item in items:
                if isinstance(item, Opened):
                    yield ()
                elif isinstance(item, Data):
                    yield await _agent_lines(item.payload)
                else:
                    _check(item)

    async def follow_build_logs(
        self, build_id: str, after: int
    ) -> AsyncGenerator[tuple[model.LogLine, ...], None]:
        """A build's log behind an id, and what comes."""
        source: StreamSource[tuple[schema.BuildLog, ...]] = BuildLogSource(build_id, after)
        async with Stream(self._client, source) as items:
            async for item in items:
                if isinstance(item, Opened):
                    yield ()
                elif isinstance(item, Data):
                    yield tuple(convert.build_log_line(line) for line in item.payload)
                else:
                    _check(item)


def _workspaces(raw: schema.WorkspacesPage) -> tuple[model.Workspace, ...]:
    return tuple(convert.workspace(workspace) for workspace in raw.workspaces if workspace.id)


def _owner_update(owner_id: str, changes: WorkspaceChanges) -> OwnerUpdate:
    return OwnerUpdate(
        owner_id,
        changes.is_snapshot,
        tuple(
            WorkspaceSighting(found.id, convert.name(found.name), found.status)
            for found in changes.workspaces
        ),
        tuple((agent.id, agent.workspace_id) for agent in changes.agents),
        changes.deleted_workspaces,
        changes.deleted_agents,
    )


async def _agent_lines(raw: tuple[schema.AgentLog, ...]) -> tuple[model.LogLine, ...]:
    if len(raw) <= LINES_AT_ONCE:
        return tuple(convert.log_line(line) for line in raw)
    return await asyncio.to_thread(lambda: tuple(convert.log_line(line) for line in raw))


def _check(item: object) -> None:
    if isinstance(item, Closed):
        _end(item)
    if isinstance(item, Gap):
        # A cut like any other: what was dropped is read again.
        raise errors.ConnectFailed(f"{item.lost} lines came faster than they were taken")


def _end(closed: Closed) -> None:
    """Tell an end in order (return) from a cut (raise).

    Raises:
        ApiError: the stream was refused or cut.
    """
    if closed.error is not None:
        raise closed.error
    if closed.code != 1000:
        raise errors.ConnectFailed(closed.reason)
