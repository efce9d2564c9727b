"""Actions against the embedded deployment, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from agentdash.actions.doer import ClientDoer
from agentdash.actions.guard import check
from agentdash.actions.registry import action
from agentdash.actions.run import Runner
from agentdash.actions.target import Target
from agentdash.api.client import Client
from agentdash.feed.clock import SystemClock
from agentdash.feed.deployment import Deployment as Reader
from agentdash.feed.settings import FeedSettings
from agentdash.feed.supervisor import Feed
from agentdash.local.server import Served
from agentdash.state import events as ev
from agentdash.state.freshness import StreamState
from agentdash.state.model import ActionRecord
from agentdash.state.state import State
from agentdash.state.store import Store
from tests.conftest import the_agent


class Token:
    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value


class Desk:
    """Feed, runner and store over one client."""

    def __init__(self, served: Served, *, read_only: bool = False) -> None:
        self.store = Store()
        self._news = asyncio.Event()
        self.client = Client(served.url, Token(served.token.reveal()), read_only=read_only)
        clock = SystemClock()
        settings = FeedSettings(tick_s=0.05, sweep_interval_s=0.5, final_logs_s=0.05)
        self.feed = Feed(
            Reader(self.client, clock), self._post, lambda: self.state, settings=settings, clock=clock, random=lambda: 0.0
        )  # fmt: skip
        self.runner = Runner(
            ClientDoer(self.client), self._post, lambda: self.state, touch=self.feed.touch, now=clock.now
        )

    def _post(self, events: Sequence[ev.Event]) -> None:
        self.store.apply(events)
        self._news.set()

    @property
    def state(self) -> State:
        return self.store.state

    async def until(self, condition: Callable[[State], object]) -> None:
        async with asyncio.timeout(15):
            while not condition(self.state):
                self._news.clear()
                await self._news.wait()

    async def do(self, action_id: str, key: str) -> ActionRecord:
        return (await self.runner.run(action(action_id), [Target(key)]))[0]


@asynccontextmanager
async def desk(served: Served, *, read_only: bool = False) -> AsyncIterator[Desk]:
    found = Desk(served, read_only=read_only)
    async with found.client:
        task = asyncio.create_task(found.feed.run())
        try:
            await found.until(lambda s: s.workspaces and s.server.user)
            yield found
        finally:
            await found.runner.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_stop_then_cancel(served: Served) -> None:
    workspace = next(iter(served.deployment.workspaces.values()))
    key = f"{workspace.id}/main"
    async with desk(served) as it:
        record = await it.do("stop", key)
        assert (record.outcome, record.detail) == ("done", "Build 2 is queued.")
        await it.until(lambda s: s.workspaces[workspace.id].build.status == "pending")
        assert it.state.workspaces[workspace.id].agents_are_previous
        guard = check(action("stop"), [Target(key)], it.state, read_only=False, now=datetime.now(UTC))
        assert not guard.allowed
        assert (await it.do("cancel-build", key)).outcome == "done"
        await it.until(lambda s: s.workspaces[workspace.id].build.status == "canceled")
        assert [r.outcome for r in it.state.actions] == ["done", "done"]


async def test_the_server_refuses_what_it_alone_knows(served: Served) -> None:
    workspace = next(iter(served.deployment.workspaces.values()))
    async with desk(served) as it:
        # Another one was quicker: the state does not know of it yet.
        await ClientDoer(it.client).stop(workspace.id)
        stale = it.state
        runner = Runner(
            ClientDoer(it.client), lambda _: None, lambda: stale, touch=it.feed.touch, now=SystemClock().now
        )
        record = (await runner.run(action("stop"), [Target(f"{workspace.id}/main")]))[0]
        assert record.outcome == "failed"
        assert "already active" in record.detail


async def test_read_only_is_enforced_below_too(served: Served) -> None:
    workspace = next(iter(served.deployment.workspaces.values()))
    async with desk(served, read_only=True) as it:
        record = await it.do("stop", f"{workspace.id}/main")
        assert record.outcome == "failed"
        assert "Read-only" in record.detail
        assert len(served.deployment.workspaces[workspace.id].builds) == 1


async def test_what_a_stop_still_writes_is_shown(served: Served) -> None:
    """The follow stream closes when the stop is queued, before the stop scripts run (contract: agents.md §3.3)."""
    deployment = served.deployment
    agent = the_agent(deployment)
    key = f"{agent.workspace_id}/{agent.name}"
    async with desk(served) as it:
        it.feed.open_agent(key, frozenset({"logs"}))
        stream = f"logs:{agent.id}"
        await it.until(lambda s: stream in s.streams and s.streams[stream].state is StreamState.LIVE)
        await it.do("stop", key)
        await it.until(lambda s: s.streams[stream].state is StreamState.RETRYING)
        deployment.append_logs(agent, agent.log_sources[0].id, [("info", "bye")])
        await it.until(lambda s: agent.id in s.logs)
        assert [line.text for line in it.state.logs[agent.id].lines] == ["bye"]
