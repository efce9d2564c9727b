"""Reads a scripted world as the feed does, in one process: no sockets, no waiting, time moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx

from agentdash.api import schema
from agentdash.api.client import Client
from agentdash.api.errors import ApiError, TimedOut
from agentdash.api.schema import from_python
from agentdash.config.secret import Secret
from agentdash.feed.deployment import Deployment as FeedDeployment
from agentdash.feed.surroundings_asking import is_refusal
from agentdash.feed.surroundings_once import read_once
from agentdash.local.application import Application, first_routes
from agentdash.local.auth import Gate, new_token
from agentdash.local.clock import ManualClock
from agentdash.local.deployment import Deployment
from agentdash.local.faults import FaultPlan
from agentdash.local.pty_sessions import Limits, PtySessions
from agentdash.local.rates import RateLimiter
from agentdash.local.render_agent import metadata_json
from agentdash.local.routes_agents import agent_routes
from agentdash.local.routes_devcontainers import devcontainer_routes
from agentdash.local.routes_fleet import fleet_routes
from agentdash.local.routes_streams import stream_routes
from agentdash.local.runtime import Runtime
from agentdash.local.world import play, set_in_motion
from agentdash.local.world_fleet import World
from agentdash.local.worlds import open_world
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.store import Store
from agentdash.triage.diagnose import look
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Diagnosis
from agentdash.triage.incremental import Incremental
from agentdash.triage.memory import Memory

PORT = 4242
STEP_S = 15.0
"""Time between two looks of somebody who keeps watching."""


class WatchedClock(ManualClock):
    """Time moved by hand that tells whether somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0

    async def sleep(self, delay_s: float) -> None:
        self.waiting += 1
        try:
            await super().sleep(delay_s)
        finally:
            self.waiting -= 1


@dataclass
class Reader:
    """Looks at one world again and again, every agent of it on screen."""

    world: World
    clock: WatchedClock
    source: FeedDeployment
    faults: FaultPlan
    store: Store = field(default_factory=Store)
    memory: Memory = field(default_factory=Memory)
    judge_again: Incremental = field(default_factory=Incremental)
    kept: Memory = field(default_factory=Memory)
    """What the one who judges only what has changed remembers."""

    async def look(self, *, opens_agents: bool = True) -> Diagnosis:
        """Read everything and judge it."""
        await read_once(self.source, self._post, lambda: self.store.state, self.clock)
        for workspace in self.store.state.workspaces.values():
            for agent in workspace.agents:
                if opens_agents and agent.status == "connected":
                    await self._open(agent.id)
        return self.judge()

    def judge(self) -> Diagnosis:
        """Judge what has been read, and remember: all of it, and, to the same end, only what has changed."""
        state = self.store.state
        facts = Facts(state, self.clock.now(), state.deployment, memory=self.memory)
        found, self.memory = look(facts)
        judged, same = self.judge_again.look(replace(facts, memory=self.kept))
        self.kept = judged.memory
        assert same == found
        assert self.kept == self.memory
        return found

    async def watch(self, duration_s: float, step_s: float = STEP_S) -> Diagnosis:
        """Look every few seconds while the world goes on; the last look counts."""
        set_in_motion(self.world)
        found = await self.look()
        for _ in range(int(duration_s / step_s)):
            play(self.world, self.clock, step_s)
            found = await self.look()
        return found

    def _post(self, batch: Sequence[ev.Event]) -> None:
        self.store.apply(batch)

    async def _open(self, agent_id: str) -> None:
        self.store.apply([ev.AgentOpened(agent_id)])
        found = self.world.deployment.find_agent(agent_id)
        assert found is not None
        now = self.clock.now()
        raw = from_python(tuple[schema.MetadataItem, ...], metadata_json(found, now)).value
        self.store.apply([ev.MetadataRead(agent_id, convert.metadata(raw), now)])
        asks: tuple[tuple[ev.FactName, Callable[[str], Awaitable[ev.Event]]], ...] = (
            ("ports", self._ports),
            ("containers", self._containers),
        )
        for fact, ask in asks:
            try:
                event = await self._answer(ask(agent_id))
            except ApiError as error:
                event = ev.FactFailed(agent_id, fact, convert.problem(error), refused=is_refusal(error))
            self.store.apply([event])

    async def _ports(self, agent_id: str) -> ev.Event:
        return ev.PortsRead(agent_id, await self.source.ports(agent_id), self.clock.now())

    async def _containers(self, agent_id: str) -> ev.Event:
        return ev.ContainersRead(
            agent_id, await self.source.containers(agent_id), self.clock.now(), live=True
        )

    async def _answer(self, asked: Awaitable[ev.Event]) -> ev.Event:
        """The answer. Who waits for the server waits in vain: no time passes between two looks."""
        task = asyncio.ensure_future(asked)
        while not task.done():
            await asyncio.sleep(0)
            if self.clock.waiting:
                task.cancel()
                await asyncio.wait({task})
                raise TimedOut("No answer within 30 s")
        return await task


def told(found: Diagnosis, world: World) -> list[str]:
    """Findings as `RULE subject [RULES folded inside]`; prebuilds are numbered from the oldest on."""
    names = {
        f"prebuilds/{w.name}": f"#{number}"
        for number, w in enumerate(
            (w for w in world.deployment.workspaces.values() if w.is_prebuild), start=1
        )
    }
    rows = []
    for finding in found.findings:
        subject = finding.subject
        about = (
            subject.title if subject.kind in ("workspace", "agent", "preset", "template") else subject.kind
        )
        for name, short in names.items():
            about = about.replace(name, short)
        inside = " ".join(sorted({f.rule for f in finding.folded}))
        rows.append(f"{finding.rule} {about}" + (f" [{inside}]" if inside else ""))
    return sorted(rows)


@asynccontextmanager
async def opened(
    name: str, open_as: Callable[[str, Deployment], World] = open_world
) -> AsyncIterator[Reader]:
    """A world by its name, ready to be read by its operator."""
    clock = WatchedClock()
    deployment = Deployment(clock)
    deployment.url = f"http://127.0.0.1:{PORT}"
    world = open_as(name, deployment)
    token = new_token()
    runtime = Runtime(
        deployment=deployment,
        gate=Gate(token, PORT),
        viewer=world.user("ops"),
        port=PORT,
        sessions=PtySessions(clock, Limits()),
        faults=world.faults,
    )
    routes = first_routes(stream_routes(), agent_routes(), devcontainer_routes(), fleet_routes())
    transport = httpx.ASGITransport(Application(runtime, routes, RateLimiter(0)))
    client = Client(
        deployment.url, Secret(token.reveal()), clock=clock.monotonic, now=clock.now, http_transport=transport
    )
    async with client:
        yield Reader(world, clock, FeedDeployment(client, clock), runtime.faults)
