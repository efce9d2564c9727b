"""Which tasks must run for what is on screen; starts, stops and restarts them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from agentdash.api.exchange import Exchange
from agentdash.feed.account import Account
from agentdash.feed.agent import OpenedAgent
from agentdash.feed.clock import Alarm, Clock
from agentdash.feed.context import Context, Post
from agentdash.feed.fleet import Fleet
from agentdash.feed.logs import BuildLog
from agentdash.feed.rereads import Rereads
from agentdash.feed.settings import FeedSettings
from agentdash.feed.source import Source
from agentdash.feed.surroundings import Surroundings, WorkspaceQuestions
from agentdash.feed.tasks import Tasks
from agentdash.feed.updates import Updates
from agentdash.feed.watches import Watches
from agentdash.state import events as ev
from agentdash.state.state import State


class Feed:
    """Everything that keeps the state true. It reads the state, posts events, and touches no widget.

    All methods but `run` are synchronous, may be called from the event loop at any time, and take effect at once or
    with the next tick.
    """

    def __init__(
        self,
        source: Source,
        post: Post,
        state: Callable[[], State],
        *,
        settings: FeedSettings,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        """Make a feed.

        Args:
            source: The deployment.
            post: Takes events in order; they reach `state` soon, not necessarily at once.
            state: The state as it is now.
            settings: Intervals and caps.
            clock: The time.
            random: Numbers from 0 to 1, for jitter.
        """
        self._ctx = ctx = Context(source, post, state, settings, clock, random)
        self._tasks = tasks = Tasks(clock, random)
        self._tick = Alarm(clock)
        self._account = Account(ctx)
        self._fleet = Fleet(ctx)
        self._rereads = Rereads(ctx)
        self._watches = Watches(ctx, tasks)
        self._updates = Updates(ctx, tasks, self._rereads)
        self._watches.is_told = self._updates.tells
        self._agent = OpenedAgent(ctx, tasks, self.touch)
        self._surroundings = Surroundings(ctx)
        self._questions = WorkspaceQuestions(ctx)
        self._build_log: BuildLog | None = None

    async def run(self) -> None:
        """Run until cancelled; everything it started has ended when it returns."""
        async with self._tasks as tasks:
            tasks.start("fleet:trouble", self._fleet.run_trouble)
            tasks.start("fleet:begun", self._fleet.run_begun)
            tasks.start("fleet:sweep", self._fleet.run_sweep)
            tasks.start("account", self._account.run)
            tasks.start("rereads", self._rereads.run)
            tasks.start("reconcile", self._reconcile)
            tasks.start("surroundings", self._surroundings.run)
            tasks.start("surroundings:health", self._surroundings.run_health)
            tasks.start("surroundings:workspaces", self._questions.run)
            await asyncio.get_running_loop().create_future()

    async def _reconcile(self) -> None:
        while True:
            self._updates.reconcile()
            self._watches.reconcile()
            self._agent.reconcile()
            await self._tick.wait(self._ctx.settings.tick_s)

    def answered(self, exchange: Exchange) -> None:
        """To be called for each answer of the server: the observer of `api/client`."""
        self._ctx.answered(exchange)

    def heard(self) -> None:
        """To be called now and then while streams show signs of life: `on_heard` of `api/client`."""
        self._ctx.heard()

    def state_changed(self) -> None:
        """Look at the state now instead of with the next tick."""
        self._tick.ring()

    def set_visible(self, workspace_ids: Iterable[str]) -> None:
        """These workspaces have rows on screen: they are watched and read again often."""
        ids = frozenset(workspace_ids)
        self._watches.set_visible(ids)
        self._rereads.visible = ids
        self._questions.visible = ids

    def set_marked(self, workspace_ids: Iterable[str]) -> None:
        """These workspaces are marked: they are watched."""
        self._watches.marked = frozenset(workspace_ids)
        self._tick.ring()

    def open_agent(self, key: str | None, panes: frozenset[str] = frozenset()) -> None:
        """The agent with this key is on screen with these panes (their scope names); None: no agent is.

        It is followed through rebuilds: when its id changes everything is opened on the new one.
        """
        self._agent.open(key, panes)
        workspace_id = None if key is None else key.partition("/")[0]
        self._watches.opened = workspace_id
        self._rereads.open(workspace_id)
        self._tick.ring()

    def open_build_log(self, build_id: str | None) -> None:
        """The log of this build is on screen; None: no build's is."""
        old = self._build_log
        if old is not None:
            if old.build_id == build_id:
                return
            self._tasks.stop(old.stream_id)
            self._ctx.emit(ev.StreamForgotten(old.stream_id))
        self._build_log = None if build_id is None else BuildLog(self._ctx, build_id)
        if self._build_log is not None:
            self._tasks.start(self._build_log.stream_id, self._build_log.run)

    def refresh(self) -> None:
        """Read everything on screen now, and try at once what waits for its next attempt."""
        for part in (self._account, self._fleet, self._rereads, self._updates, self._watches, self._agent):
            part.refresh()
        self._surroundings.refresh()
        self._questions.refresh()
        if self._build_log is not None:
            self._build_log.refresh()
        self._tick.ring()

    def measure_links(self) -> None:
        """Measure the relays from here now, if the opened agent's Network pane is on screen."""
        self._agent.measure()

    def touch(self, workspace_id: str) -> None:
        """Something was done to this workspace: read it again soon, more than once."""
        self._rereads.touch(workspace_id)
