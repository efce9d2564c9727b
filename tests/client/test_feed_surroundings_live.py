"""What surrounds the workspaces, read from the embedded deployment over real sockets."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from agentdash.api.client import Client
from agentdash.api.exchange import Exchange
from agentdash.feed.clock import SystemClock
from agentdash.feed.deployment import Deployment as Reader
from agentdash.feed.settings import FeedSettings
from agentdash.feed.supervisor import Feed
from agentdash.feed.surroundings_once import read_once
from agentdash.local.clock import RealClock
from agentdash.local.deployment import Deployment
from agentdash.local.large_fleet import large_fleet
from agentdash.local.server import Served, ServerOptions, serve_in_loop
from agentdash.local.worlds import open_world
from agentdash.state import events as ev
from agentdash.state.deployment import PrebuildsConfig
from agentdash.state.freshness import Fact, Freshness
from agentdash.state.state import State
from agentdash.state.store import Store
from tests.conftest import Serve

DIALS = re.compile(r"/(listening-ports|containers|pty|coordinate|watch\w*)")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


class Reading:
    """A store, a client that writes down what it asks, and the way between them."""

    def __init__(self, served: Served, token: str | None = None) -> None:
        self.store = Store()
        self.asked: Counter[str] = Counter()
        secret = served.token if token is None else _Token(token)
        self.client = Client(served.url, secret, observe=self._observed)
        self.source = Reader(self.client, SystemClock())
        self.feed: Feed | None = None
        self._news = asyncio.Event()

    @property
    def state(self) -> State:
        return self.store.state

    def post(self, events: Sequence[ev.Event]) -> None:
        self.store.apply(events)
        self._news.set()

    def _observed(self, exchange: Exchange) -> None:
        if not exchange.notes:
            self.asked[exchange.path] += 1
        if self.feed is not None:
            self.feed.answered(exchange)

    async def once(self) -> None:
        async with self.client:
            await read_once(self.source, self.post, lambda: self.store.state, SystemClock())

    async def until(self, condition: Callable[[State], object]) -> None:
        async with asyncio.timeout(15):
            while not condition(self.state):
                self._news.clear()
                await self._news.wait()


class _Token:
    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value


@asynccontextmanager
async def a_world(name: str, username: str = "ops") -> AsyncIterator[Served]:
    world = open_world(name, Deployment(RealClock()))
    async with serve_in_loop(world.deployment, viewer=world.user(username)) as served:
        yield served


def words(fact: Fact[object]) -> tuple[Freshness, int | None]:
    return fact.freshness, None if fact.problem is None else fact.problem.status


async def test_one_read_of_the_whole_fleet(local_server: Serve) -> None:
    async with local_server() as served:
        reading = Reading(served)
        await reading.once()
    known = reading.state.deployment
    for fact in (known.templates, known.prebuilds, known.config, known.health, known.regions):
        assert fact.freshness is Freshness.POLLED
    names = {t.name for t in (known.templates.value or {}).values()}
    assert {"web", "data"} <= names
    assert any(preset.desired for fact in known.presets.values() for preset in fact.value or ())
    assert all(fact.value for fact in known.daemons.values())
    assert any(job.workspace_name for fact in known.jobs.values() for job in fact.value or ())
    assert known.rights["read_prebuilds"]
    lines = [
        line.text for fact in known.agent_logs.values() for line in (fact.value.lines if fact.value else ())
    ]
    assert any("npm: not found" in text for text in lines)
    errors = [line for fact in known.build_logs.values() for line in (fact.value.lines if fact.value else ())]
    assert any(line.level == "error" for line in errors)
    assert known.builds
    assert known.timings
    assert not [path for path in reading.asked if DIALS.search(path)]
    assert reading.asked.most_common(1)[0][1] <= 3


async def test_one_read_of_300_workspaces_stays_within_the_budget() -> None:
    deployment = Deployment(RealClock())
    large_fleet(deployment, 300)
    async with serve_in_loop(deployment, viewer=deployment.find_user("ops")) as served:
        reading = Reading(served)
        await reading.once()
    assert len(reading.state.workspaces) == 300
    assert reading.asked.most_common(1)[0][1] <= 10
    assert reading.asked.total() < 450


async def test_what_a_template_admin_may_not_read_is_refused_and_says_so(local_server: Serve) -> None:
    async with local_server(username="tara") as served:
        reading = Reading(served)
        await reading.once()
    known = reading.state.deployment
    assert {words(fact) for fact in (*known.daemons.values(), *known.jobs.values())} == {
        (Freshness.REFUSED, 404)
    }
    assert words(known.health) == words(known.config) == (Freshness.REFUSED, 403)
    assert known.templates.freshness is Freshness.POLLED
    assert known.rights["read_prebuilds"]


async def test_a_member_sees_his_own_and_what_he_may(local_server: Serve) -> None:
    async with local_server(username="ada") as served:
        reading = Reading(served)
        await reading.once()
    known = reading.state.deployment
    assert not known.rights["read_prebuilds"]
    assert words(known.health) == (Freshness.REFUSED, 403)
    assert known.prebuilds.freshness is Freshness.POLLED
    assert all(w.owner_name == "ada" for w in reading.state.workspaces.values())


async def test_an_organization_admin_reads_pools_and_queue(deployment: Deployment) -> None:
    user = next(iter(deployment.users.values()))
    user.roles, user.org_roles = [], ["organization-admin"]
    organization = deployment.organization.id
    async with serve_in_loop(deployment) as served:
        reading = Reading(served)
        await reading.once()
    known = reading.state.deployment
    assert known.rights["read_prebuilds"]
    assert known.rights[f"read_daemons:{organization}"]
    assert known.daemons[organization].freshness is Freshness.POLLED
    assert words(known.config) == (Freshness.REFUSED, 403)


async def test_jobs_of_template_imports_are_in_the_list(served: Served) -> None:
    reading = Reading(served)
    await reading.once()
    jobs = reading.state.deployment.jobs[served.deployment.organization.id].value or ()
    assert [job.template_name for job in jobs if job.type == "template_version_import"] == ["ops"]


async def test_an_auditor_reads_the_reconcilers_options(deployment: Deployment) -> None:
    next(iter(deployment.users.values())).roles = ["auditor"]
    async with serve_in_loop(deployment) as served:
        reading = Reading(served)
        await reading.once()
    known = reading.state.deployment
    assert known.config.value == PrebuildsConfig()
    assert words(known.health) == (Freshness.REFUSED, 403)


async def test_a_server_without_licensed_code_says_not_offered() -> None:
    world = open_world("fleet", Deployment(RealClock()))
    world.deployment.entitlements = None
    async with serve_in_loop(world.deployment, viewer=world.user("ops")) as served:
        reading = Reading(served)
        await reading.once()
    fact = reading.state.deployment.prebuilds
    assert words(fact) == (Freshness.REFUSED, 404)
    assert fact.problem is not None
    assert fact.problem.kind == "RouteNotFound"


@pytest.mark.parametrize(
    ("world", "part"),
    [
        ("p01", "paused"),
        ("b09", "build log"),
        ("s03", "agent log"),
        ("s01", "agent log"),
        ("d02", "agent log"),
        ("c04", "claim"),
        ("b06", "build log"),
    ],
)
async def test_a_world_shows_what_its_rule_needs(world: str, part: str) -> None:
    async with a_world(world) as served:
        reading = Reading(served)
        await reading.once()
    known = reading.state.deployment
    found = {
        "paused": known.prebuilds.value is not None and known.prebuilds.value.reconciliation_paused,
        "build log": any(f.value is not None and f.value.lines for f in known.build_logs.values()),
        "agent log": any(f.value is not None and f.value.lines for f in known.agent_logs.values()),
        "claim": any(len(f.value or ()) > 1 for f in known.builds.values()) and bool(known.timings),
    }
    assert found[part]


QUICK = replace(
    FeedSettings(),
    surroundings_settle_s=0.1,
    pool_settings_s=0.2,
    provisioners_s=0.2,
    tick_s=0.05,
    sweep_interval_s=0.5,
)


@asynccontextmanager
async def a_feed(served: Served) -> AsyncIterator[Reading]:
    reading = Reading(served)
    reading.feed = Feed(
        reading.source,
        reading.post,
        lambda: reading.store.state,
        settings=QUICK,
        clock=SystemClock(),
        random=lambda: 0.0,
    )
    async with reading.client:
        task = asyncio.create_task(reading.feed.run())
        try:
            yield reading
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def is_paused(state: State) -> bool:
    settings = state.deployment.prebuilds.value
    return settings is not None and settings.reconciliation_paused


async def test_the_feed_keeps_it(local_server: Serve) -> None:
    async with local_server() as served, a_feed(served) as reading:
        await reading.until(lambda s: s.deployment.jobs and s.deployment.agent_logs)
        await reading.until(lambda s: s.deployment.health.value and s.deployment.presets)
        served.deployment.prebuilds_paused = True
        assert reading.feed is not None
        reading.feed.refresh()
        await reading.until(is_paused)
        assert not [p for p in reading.asked if re.search(r"/(listening-ports|containers)", p)]
        assert max(reading.asked.values()) < 256


async def test_it_survives_a_restart_of_the_server() -> None:
    world = open_world("fleet", Deployment(RealClock()))
    async with AsyncExitStack() as stack:
        async with serve_in_loop(world.deployment, viewer=world.user("ops")) as served:
            reading = await stack.enter_async_context(a_feed(served))
            await reading.until(lambda s: s.deployment.daemons and s.deployment.agent_logs)
            port, token = int(served.url.rpartition(":")[2]), served.token
        await reading.until(lambda s: s.server.problem)
        assert reading.feed is not None
        reading.feed.refresh()
        await reading.until(lambda s: s.deployment.prebuilds.freshness is Freshness.STALE)
        logs = reading.state.deployment.agent_logs
        assert logs
        world.deployment.prebuilds_paused = True
        again = serve_in_loop(
            world.deployment, viewer=world.user("ops"), options=ServerOptions(port=port), token=token
        )
        async with again:
            await reading.until(lambda s: s.server.problem is None)
            reading.feed.refresh()
            await reading.until(is_paused)
            assert set(logs) <= set(reading.state.deployment.agent_logs)
