"""The feed against the embedded deployment, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from agentdash.api.client import Client
from agentdash.api.exchange import Exchange
from agentdash.feed.clock import SystemClock
from agentdash.feed.deployment import Deployment as Reader
from agentdash.feed.settings import FeedSettings
from agentdash.feed.supervisor import Feed
from agentdash.local.records import Agent, Deployment, Workspace
from agentdash.local.server import Served, ServerOptions
from agentdash.state import events as ev
from agentdash.state.freshness import Freshness, StreamState
from agentdash.state.model import agent_key
from agentdash.state.state import State
from agentdash.state.store import Store
from tests.conftest import Serve, add_start_build, the_agent


class Token:
    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value


class Live:
    """A feed on a store, and a way to wait for what the state shows."""

    def __init__(self, url: str, token: str, settings: FeedSettings) -> None:
        self.store = Store()
        self._news = asyncio.Event()
        self.client = Client(url, Token(token), observe=self._observed)
        clock = SystemClock()
        self.feed = Feed(
            Reader(self.client, clock),
            self._post,
            lambda: self.store.state,
            settings=settings,
            clock=clock,
            random=lambda: 0.0,
        )

    def _observed(self, exchange: Exchange) -> None:
        self.feed.answered(exchange)

    def _post(self, events: Sequence[ev.Event]) -> None:
        self.store.apply(events)
        self._news.set()

    @property
    def state(self) -> State:
        return self.store.state

    async def until(self, condition: Callable[[State], object]) -> None:
        """Wait until the state shows something."""
        async with asyncio.timeout(15):
            while not condition(self.state):
                self._news.clear()
                await self._news.wait()


SETTINGS = FeedSettings(
    ports_s=0.2, tick_s=0.05, sweep_interval_s=0.5, trouble_interval_s=0.5, final_logs_s=0.1
)


@asynccontextmanager
async def live(served: Served, token: str | None = None) -> AsyncIterator[Live]:
    found = Live(served.url, token if token is not None else served.token.reveal(), SETTINGS)
    async with found.client:
        task = asyncio.create_task(found.feed.run())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def the_workspace(deployment: Deployment) -> Workspace:
    return next(iter(deployment.workspaces.values()))


def key_of(deployment: Deployment) -> str:
    agent: Agent = the_agent(deployment)
    return agent_key(agent.workspace_id, agent.name)


async def test_the_fleet_and_the_account_are_read(served: Served) -> None:
    async with live(served) as it:
        await it.until(lambda s: s.fleet.freshness is Freshness.POLLED and s.server.user)
        assert [w.full_name for w in it.state.workspaces.values()] == ["ops/alpha"]
        assert it.state.server.user is not None
        assert it.state.server.user.username == "ops"
        assert it.state.server.clock_offset_s is not None
        await it.until(lambda s: s.server.version)


async def test_every_pane_of_an_agent(served: Served) -> None:
    deployment = served.deployment
    agent = the_agent(deployment)
    deployment.append_logs(agent, agent.log_sources[0].id, [("info", "before")])
    async with live(served) as it:
        await it.until(lambda s: s.workspaces)
        panes = {"health", "scripts", "ports", "logs", "devcontainers", "metadata", "network"}
        it.feed.open_agent(key_of(deployment), frozenset(panes))
        await it.until(lambda s: agent.id in s.details and agent.id in s.logs)
        deployment.append_logs(agent, agent.log_sources[0].id, [("info", "after")])
        await it.until(lambda s: [line.text for line in s.logs[agent.id].lines] == ["before", "after"])
        settled = (Freshness.LIVE, Freshness.POLLED, Freshness.REFUSED, Freshness.STALE)
        for fact in ("ports", "shares", "containers", "metadata", "connection", "links", "timings"):
            await it.until(lambda s, fact=fact: getattr(s.details[agent.id], fact).freshness in settled)
        detail = it.state.details[agent.id]
        assert detail.metadata.freshness is Freshness.LIVE
        assert detail.connection.freshness is Freshness.POLLED
        assert detail.timings.freshness is Freshness.POLLED
        await it.until(lambda s: (found := s.details[agent.id].links.value) and found.is_complete)
        measured = it.state.details[agent.id].links.value
        assert measured is not None
        assert (measured.regions[999].trouble, measured.regions[999].ms is not None) == ("", True)
        assert it.state.streams[f"logs:{agent.id}"].state is StreamState.LIVE


async def test_a_change_is_pushed_by_the_watch(served: Served) -> None:
    deployment = served.deployment
    workspace, agent = the_workspace(deployment), the_agent(deployment)
    async with live(served) as it:
        await it.until(lambda s: s.workspaces)
        it.feed.set_marked([workspace.id])
        watch = f"watch:{workspace.id}"
        await it.until(lambda s: watch in s.streams and s.streams[watch].state is StreamState.LIVE)
        agent.lifecycle_state = "start_error"
        deployment.touch_agent(agent)
        await it.until(lambda s: s.workspaces[workspace.id].agents[0].lifecycle == "start_error")


async def test_a_new_build_is_followed(served: Served) -> None:
    deployment = served.deployment
    workspace, old = the_workspace(deployment), the_agent(deployment)
    async with live(served) as it:
        await it.until(lambda s: s.workspaces)
        it.feed.open_agent(key_of(deployment), frozenset({"logs"}))
        await it.until(lambda s: f"logs:{old.id}" in s.streams)
        new = add_start_build(deployment, workspace)
        deployment.touch(workspace)
        await it.until(lambda s: new.id in s.details and old.id not in s.details)
        deployment.append_logs(new, new.log_sources[0].id, [("info", "new life")])
        await it.until(lambda s: new.id in s.logs and len(s.logs[new.id]) == 1)


async def test_a_bad_token_is_one_clear_problem(served: Served) -> None:
    async with live(served, token="wrong-token-of-nobody") as it:
        await it.until(lambda s: s.server.problem)
        assert it.state.server.problem is not None
        assert it.state.server.problem.kind == "NotLoggedIn"
        assert not it.state.workspaces


async def test_a_server_that_is_away_is_said_to_be(free_url: str) -> None:
    found = Live(free_url, "x", SETTINGS)
    async with found.client:
        task = asyncio.create_task(found.feed.run())
        try:
            await found.until(lambda s: s.server.problem and s.fleet.problem)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert found.state.server.problem is not None
    assert found.state.server.problem.kind == "ConnectFailed"


@pytest.fixture
def free_url() -> str:
    """An address at which nothing listens."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_equal_bytes_are_decoded_once(served: Served) -> None:
    async with live(served) as it:
        reader = Reader(it.client, SystemClock())
        first = await reader.page("", 100, 0)
        second = await reader.page("", 100, 0)
        assert second.workspaces is first.workspaces
        workspace = the_workspace(served.deployment)
        workspace.name = "renamed"
        third = await reader.page("", 100, 0)
        assert third.workspaces[0].name == "renamed"


async def test_a_restart_of_the_server_is_survived(deployment: Deployment, running_server: Serve) -> None:
    agent = the_agent(deployment)
    source = agent.log_sources[0].id
    deployment.append_logs(agent, source, [("info", "before")])
    async with AsyncExitStack() as stack:
        async with running_server(deployment) as served:
            it = await stack.enter_async_context(live(served))
            await it.until(lambda s: s.workspaces)
            it.feed.open_agent(key_of(deployment), frozenset({"logs", "metadata"}))
            await it.until(
                lambda s: agent.id in s.logs and s.details[agent.id].metadata.freshness is Freshness.LIVE
            )
            port, token = int(served.url.rpartition(":")[2]), served.token
        await it.until(lambda s: s.fleet.freshness is Freshness.STALE and s.server.problem)
        assert it.state.details[agent.id].metadata.freshness is Freshness.STALE
        assert it.state.streams[f"logs:{agent.id}"].state is not StreamState.LIVE
        assert it.state.workspaces
        deployment.append_logs(agent, source, [("info", "meanwhile")])
        async with running_server(deployment, options=ServerOptions(port=port), token=token):
            await it.until(lambda s: s.fleet.freshness is Freshness.POLLED and s.server.problem is None)
            await it.until(lambda s: s.details[agent.id].metadata.freshness is Freshness.LIVE)
            await it.until(lambda s: s.streams[f"logs:{agent.id}"].state is StreamState.LIVE)
            book = it.state.logs[agent.id]
            assert [line.text for line in book.lines] == ["before", "meanwhile"]
            assert len(book.gaps) == 1
