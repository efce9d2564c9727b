"""A clock that tests own, a deployment made of lists, and builders for what stands in it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from immutables import Map

from agentdash.api.errors import ApiError, NotFound
from agentdash.feed.context import Context
from agentdash.feed.settings import FeedSettings
from agentdash.feed.source import OwnersWanted, Page
from agentdash.feed.supervisor import Feed
from agentdash.state import events as ev
from agentdash.state.deployment import (
    BuildSummary,
    HealthReport,
    LogTail,
    PrebuildsConfig,
    PrebuildsSettings,
    Preset,
    ProvisionerDaemon,
    ProvisionerJob,
    ProxyRegion,
    Template,
    TemplateVersion,
)
from agentdash.state.model import (
    Agent,
    Build,
    Connection,
    Containers,
    Job,
    LogLine,
    LogSource,
    Port,
    PortShare,
    RegionLink,
    Timings,
    User,
    Workspace,
    agent_key,
)
from agentdash.state.state import State
from agentdash.state.store import Store

NOON = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)
_END = object()


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(80):
        await asyncio.sleep(0)


class FakeClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._seconds + max(0.0, seconds), self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking sleepers in order."""
        end = self._seconds + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, future = heapq.heappop(self._sleepers)
            self._seconds = moment
            if not future.done():
                future.set_result(None)
                await settle()
        self._seconds = end
        await settle()


class FakeStream:
    """One connection of a stream, as the server's side holds it."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[Any] = asyncio.Queue()
        self.is_open = True
        self.after: int | None = None

    def send(self, item: Any) -> None:
        self._items.put_nowait(item)

    def close(self) -> None:
        self._items.put_nowait(_END)

    def cut(self, error: ApiError) -> None:
        self._items.put_nowait(error)

    async def items(self) -> AsyncGenerator[Any, None]:
        try:
            while (item := await self._items.get()) is not _END:
                if isinstance(item, ApiError):
                    raise item
                yield item
        finally:
            self.is_open = False


class FakeSource:
    """Answers from what tests put into it; `errors` by the name of the call comes first."""

    def __init__(self) -> None:
        self.workspaces: dict[str, Workspace] = {}
        self.matching: dict[str, list[str]] = {}
        self.errors: dict[str, ApiError] = {}
        self.calls: list[tuple[str, Any]] = []
        self.streams: dict[tuple[str, str], list[FakeStream]] = {}
        self.found_ports: tuple[Port, ...] = ()
        self.found_containers = Containers()
        self.found_links: tuple[RegionLink, ...] = ()
        self.log_lines: dict[str, tuple[LogLine, ...]] = {}
        self.clock_offset_s: float | None = None
        self.known_builds: dict[str, Build] = {}
        self.found_templates: tuple[Template, ...] = ()
        self.found_presets: dict[str, tuple[Preset, ...]] = {}
        self.found_jobs: tuple[ProvisionerJob, ...] = ()
        self.histories: dict[str, tuple[BuildSummary, ...]] = {}
        self.tails: dict[str, LogTail] = {}
        self.owners = OwnersWanted()
        self.page_size = 4000
        self.took_s = 0.03

    def put(self, *workspaces: Workspace) -> None:
        self.workspaces |= {w.id: w for w in workspaces}

    def asked(self, call: str) -> list[Any]:
        """Arguments of the calls of one name, in order."""
        return [argument for name, argument in self.calls if name == call]

    def stream(self, kind: str, subject: str) -> FakeStream:
        """The latest connection of a stream."""
        return self.streams[kind, subject][-1]

    def _note(self, call: str, argument: Any) -> None:
        self.calls.append((call, argument))
        error = self.errors.get(f"{call}:{argument}") or self.errors.get(call)
        if error is not None:
            raise error

    async def build_info(self) -> ev.BuildInfoRead:
        self._note("build_info", None)
        return ev.BuildInfoRead("v2.37.1", "dep", "https://coder.example.com", False)

    async def user(self) -> User:
        self._note("user", None)
        return User("u1", "ada")

    async def entitlements(self) -> Map[str, bool]:
        self._note("entitlements", None)
        return Map({"workspace_prebuilds": True})

    async def experiments(self) -> tuple[str, ...]:
        self._note("experiments", None)
        return ("x",)

    async def wildcard_host(self) -> str:
        self._note("wildcard_host", None)
        return "*.apps.example.com"

    async def page(self, query: str, limit: int, offset: int) -> Page:
        self._note("page", (query, limit, offset))
        if query in self.errors:
            raise self.errors[query]
        ids = list(self.workspaces) if not query else self.matching.get(query, [])
        found = tuple(self.workspaces[w] for w in ids[offset : offset + limit])
        return Page(found, len(ids), self.page_size, self.took_s)

    async def count(self, query: str) -> int:
        self._note("count", query)
        return len(self.workspaces)

    async def workspace(self, workspace_id: str) -> Workspace:
        self._note("workspace", workspace_id)
        if workspace_id not in self.workspaces:
            raise NotFound("Resource not found", status=404)
        return self.workspaces[workspace_id]

    async def build(self, build_id: str) -> Build:
        self._note("build", build_id)
        return self.known_builds[build_id]

    async def agent(self, known: Agent) -> Agent:
        self._note("agent", known.id)
        return next(a for a in self.workspaces[known.workspace_id].agents if a.id == known.id)

    async def ports(self, agent_id: str) -> tuple[Port, ...]:
        self._note("ports", agent_id)
        return self.found_ports

    async def shares(self, workspace_id: str) -> tuple[PortShare, ...]:
        self._note("shares", workspace_id)
        return ()

    async def containers(self, agent_id: str) -> Containers:
        self._note("containers", agent_id)
        return self.found_containers

    async def connection(self, agent_id: str) -> Connection:
        self._note("connection", agent_id)
        return Connection()

    async def links(self, agent_id: str) -> AsyncGenerator[RegionLink, None]:
        self._note("links", agent_id)
        for link in self.found_links:
            yield link

    async def timings(self, build_id: str) -> Timings:
        self._note("timings", build_id)
        return Timings(build_id)

    async def logs(self, agent_id: str, after: int) -> tuple[LogLine, ...]:
        self._note("logs", (agent_id, after))
        return tuple(line for line in self.log_lines.get(agent_id, ()) if line.id > after)

    async def build_logs(self, build_id: str, after: int) -> tuple[LogLine, ...]:
        self._note("build_logs", (build_id, after))
        return tuple(line for line in self.log_lines.get(build_id, ()) if line.id > after)

    async def templates(self) -> tuple[Template, ...]:
        self._note("templates", None)
        return self.found_templates

    async def template_version(self, version_id: str) -> TemplateVersion:
        self._note("template_version", version_id)
        return TemplateVersion(version_id, "t1", "v1", NOON)

    async def presets(self, version_id: str) -> tuple[Preset, ...]:
        self._note("presets", version_id)
        return self.found_presets.get(version_id, ())

    async def prebuilds_settings(self) -> PrebuildsSettings:
        self._note("prebuilds_settings", None)
        return PrebuildsSettings()

    async def prebuilds_config(self) -> PrebuildsConfig:
        self._note("prebuilds_config", None)
        return PrebuildsConfig()

    async def daemons(self, organization_id: str) -> tuple[ProvisionerDaemon, ...]:
        self._note("daemons", organization_id)
        return (ProvisionerDaemon("d1", "daemon", organization_id),)

    async def jobs(
        self, organization_id: str, statuses: tuple[str, ...], limit: int
    ) -> tuple[ProvisionerJob, ...]:
        self._note("jobs", (organization_id, statuses))
        return tuple(j for j in self.found_jobs if not statuses or j.status in statuses)[:limit]

    async def health(self) -> HealthReport:
        self._note("health", None)
        return HealthReport(NOON, "ok")

    async def proxies(self) -> tuple[ProxyRegion, ...]:
        self._note("proxies", None)
        return (ProxyRegion("r1", "primary", healthy=True),)

    async def rights(self, organization_ids: tuple[str, ...]) -> Map[str, bool]:
        self._note("rights", organization_ids)
        return Map({"read_prebuilds": True})

    async def builds(self, workspace_id: str, limit: int) -> tuple[BuildSummary, ...]:
        self._note("builds", workspace_id)
        return self.histories.get(workspace_id, ())[:limit]

    async def build_tail(self, build_id: str, known: LogTail | None) -> LogTail:
        self._note("build_tail", build_id)
        return self.tails.get(build_id, LogTail((), is_whole=True))

    async def agent_tail(self, agent_id: str, sources: frozenset[str], known: LogTail | None) -> LogTail:
        self._note("agent_tail", agent_id)
        return self.tails.get(agent_id, LogTail((), is_whole=True))

    async def parameters(self, build_id: str) -> Map[str, str]:
        self._note("parameters", build_id)
        return Map({"cpu": "4"})

    async def _open(self, kind: str, subject: str, after: int | None = None) -> AsyncIterator[Any]:
        self._note(kind, subject)
        stream = FakeStream()
        stream.after = after
        self.streams.setdefault((kind, subject), []).append(stream)
        items = stream.items()
        try:
            async for item in items:
                yield item
        finally:
            await items.aclose()

    def watch_workspace(self, workspace_id: str) -> Any:
        return self._open("watch", workspace_id)

    def workspace_updates(self, owners: OwnersWanted) -> Any:
        self.owners = owners
        return self._open("updates", "")

    def watch_containers(self, agent_id: str) -> Any:
        return self._open("watch_containers", agent_id)

    def watch_metadata(self, agent_id: str) -> Any:
        return self._open("metadata", agent_id)

    def follow_logs(self, agent_id: str, after: int) -> Any:
        return self._open("follow", agent_id, after)

    def follow_build_logs(self, build_id: str, after: int) -> Any:
        return self._open("follow_build", build_id, after)


class World:
    """A feed on a store, with its source and clock."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.source = FakeSource()
        self.store = Store()
        self.events: list[ev.Event] = []
        # What surrounds the workspaces is left out unless a test is about it.
        self.settings = replace(FeedSettings(), **({"surroundings_settle_s": 1e9} | settings))
        self.feed = Feed(
            self.source, self._post, lambda: self.store.state, settings=self.settings, clock=self.clock, random=lambda: 0.5
        )  # fmt: skip
        self.ctx = Context(
            self.source, self._post, lambda: self.store.state, self.settings, self.clock, lambda: 0.5
        )

    def _post(self, events: Sequence[ev.Event]) -> None:
        self.events += events
        self.store.apply(events)

    @property
    def state(self) -> State:
        return self.store.state

    def told(self, kind: type) -> list[Any]:
        """Events of one kind, in order."""
        return [event for event in self.events if type(event) is kind]

    def know(self, *workspaces: Workspace) -> None:
        """Put workspaces on the server and into the state."""
        self.source.put(*workspaces)
        self._post([ev.WorkspacesRead(workspaces, self.clock.now(), "page")])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The feed at work."""
        task = asyncio.create_task(self.feed.run())
        try:
            await settle()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            assert left == []

    @asynccontextmanager
    async def doing(self, job: Any) -> AsyncIterator[None]:
        """One part of the feed at work."""
        task = asyncio.create_task(job())
        try:
            await settle()
            yield
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def an_agent(workspace_id: str = "w1", name: str = "main", **changes: Any) -> Agent:
    """A connected, ready agent."""
    agent = Agent(
        id=f"{workspace_id}-{name}-1",
        key=agent_key(workspace_id, name),
        workspace_id=workspace_id,
        name=name,
        status="connected",
        lifecycle="ready",
        log_sources=(LogSource("s1", "Startup"),),
    )
    return replace(agent, **changes)


def a_build(workspace_id: str = "w1", number: int = 1, **changes: Any) -> Build:
    """A finished start build."""
    build = Build(
        id=f"{workspace_id}-b{number}",
        workspace_id=workspace_id,
        number=number,
        transition="start",
        status="running",
        job=Job(f"{workspace_id}-j{number}", "succeeded"),
    )
    return replace(build, **changes)


def active(workspace_id: str = "w1", number: int = 2, transition: str = "stop") -> Build:
    """A build that runs."""
    job = Job(f"{workspace_id}-j{number}", "running")
    return a_build(workspace_id, number, transition=transition, status="stopping", job=job)


def a_workspace(workspace_id: str = "w1", **changes: Any) -> Workspace:
    """A running workspace with one agent."""
    workspace = Workspace(
        id=workspace_id,
        name=workspace_id,
        owner_id="u1",
        owner_name="ada",
        build=a_build(workspace_id),
        agents=(an_agent(workspace_id),),
    )
    return replace(workspace, **changes)


def lines(*ids: int, source: str = "s1") -> tuple[LogLine, ...]:
    """Log lines with these ids."""
    return tuple(LogLine(i, NOON, source, "info", f"line {i}") for i in ids)
