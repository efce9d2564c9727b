"""A whole deployment read once, for programs without a screen: pages, what surrounds them, what is unwell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Clock
from agentdash.feed.context import Context, Post, is_of_deployment
from agentdash.feed.settings import FeedSettings
from agentdash.feed.source import Source
from agentdash.feed.surroundings_asking import FOREVER, answer, failure, is_refusal
from agentdash.feed.surroundings_cases import Ask, Cases, in_turn
from agentdash.feed.surroundings_topics import Part, Topic, Topics
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.state import State

Job = Callable[[], Awaitable[object]]

AT_ONCE = 6
"""Requests under way at the same time."""
PAGES_AT_MOST = 1000
LOOKED_UP = 20
"""Workspaces of an earlier reading that are missing in this one and are looked up one by one."""
CASES_AT_MOST = 400
"""Questions about single workspaces; those with the least to tell fall away."""
HEALTH_WAIT_S = 5.0
"""For a report that the server has; one it has yet to make takes half a minute."""


async def read_once(
    source: Source,
    post: Post,
    state: Callable[[], State],
    clock: Clock,
    *,
    settings: FeedSettings | None = None,
) -> None:
    """Read everything that findings are judged from, once.

    Workspaces and account first, then templates, pools, queue and health, then builds, logs and timings of what is
    unwell. No call dials an agent. What is refused becomes a refused fact.

    Args:
        source: The deployment.
        post: Takes events in order; they must have reached `state` when it returns.
        state: The state as it is now; it may hold an earlier reading, of which what is gone is taken out.
        clock: The time.
        settings: Limits; the defaults if left out.

    Raises:
        ApiError: The workspaces cannot be read: no connection, no login, no right.
    """
    ctx = Context(source, post, state, settings or FeedSettings(), clock, lambda: 0.5)
    once = _Once(ctx)
    health = asyncio.create_task(once.health())
    try:
        await _all((once.fleet, once.account))
        await once.topics()
        await once.cases()
        await health
    finally:
        health.cancel()
        await asyncio.gather(health, return_exceptions=True)


async def read_around(source: Source, post: Post, state: Callable[[], State], clock: Clock) -> None:
    """Read what surrounds workspaces that are known already, and what there is to know of those that are unwell.

    Args:
        source: The deployment.
        post: Takes events in order; they must have reached `state` when it returns.
        state: The state as it is now.
        clock: The time.
    """
    once = _Once(Context(source, post, state, FeedSettings(), clock, lambda: 0.5))
    await once.account()
    await once.topics()
    await once.cases()


class _Once:
    """One reading under way."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._topics = Topics(ctx)
        self._free = asyncio.Semaphore(AT_ONCE)
        self._seen: set[str] = set()
        self._trouble: ApiError | None = None

    # -- workspaces and account -----------------------------------------------------------------------------------

    async def fleet(self) -> None:
        """All pages. Rows move between pages, so they are merged by id, and what is missing is looked up."""
        ctx, before = self._ctx, frozenset(self._ctx.state().workspaces)
        limit, at = ctx.settings.page_limit, ctx.clock.now()
        count = await self._page(0)
        offsets = range(limit, min(count, limit * PAGES_AT_MOST), limit)
        await self._each(partial(self._page, offset) for offset in offsets)
        missing = sorted(before - self._seen)
        await self._each(partial(self._look_up, workspace_id) for workspace_id in missing[:LOOKED_UP])
        kept = frozenset(missing[LOOKED_UP:]) if count > limit else frozenset()
        ctx.emit(ev.SweepEnded(frozenset(self._seen) | kept, ctx.server_time(at), count))

    async def _page(self, offset: int) -> int:
        ctx, at = self._ctx, self._ctx.clock.now()
        page = await ctx.source.page("", ctx.settings.page_limit, offset)
        self._tell_time(at)
        self._seen.update(workspace.id for workspace in page.workspaces)
        if page.workspaces:
            ctx.emit(ev.WorkspacesRead(page.workspaces, ctx.server_time(at), "page"))
        return page.count

    def _tell_time(self, at: datetime) -> None:
        """Nobody else may be listening to what the answers' headers tell of the server's clock."""
        ctx, offset = self._ctx, self._ctx.source.clock_offset_s
        if offset is not None and ctx.state().server.clock_offset_s is None:
            ctx.emit(ev.ServerAnswered(at, "", offset, 0.0))

    async def _look_up(self, workspace_id: str) -> None:
        ctx, at = self._ctx, self._ctx.clock.now()
        try:
            workspace = await ctx.source.workspace(workspace_id)
        except (errors.NotFound, errors.Gone):
            return
        self._seen.add(workspace_id)
        ctx.emit(ev.WorkspacesRead((workspace,), ctx.server_time(at), "get"))

    async def account(self) -> None:
        """Who is logged in where, and what is licensed; what is refused stays unknown."""
        source = self._ctx.source

        async def user() -> ev.Event:
            return ev.UserRead(await source.user())

        async def entitlements() -> ev.Event:
            return ev.EntitlementsRead(await source.entitlements())

        async def experiments() -> ev.Event:
            return ev.ExperimentsRead(await source.experiments())

        async def host() -> ev.Event:
            return ev.RegionsRead(await source.wildcard_host())

        asks: Sequence[Callable[[], Awaitable[ev.Event]]] = (
            source.build_info,
            user,
            entitlements,
            experiments,
            host,
        )
        await self._each(partial(self._told, ask) for ask in asks)

    async def _told(self, ask: Callable[[], Awaitable[ev.Event]]) -> None:
        try:
            self._ctx.emit(await ask())
        except ApiError as error:
            self._ctx.failed(error)

    # -- the deployment -------------------------------------------------------------------------------------------

    async def health(self) -> None:
        """The health report, if the server has one ready."""
        topic = self._topics.health()
        try:
            async with asyncio.timeout(HEALTH_WAIT_S):
                await self._topic(topic)
        except TimeoutError:
            late = errors.TimedOut(
                "The health check takes longer than this read", path="/api/v2/debug/health"
            )
            self._failed(topic, late)

    async def topics(self) -> None:
        """Templates, pools, queue; presets and versions once their templates are known."""
        asked: set[tuple[str, str]] = set()
        for _ in range(3):
            new = [topic for topic in self._topics.now() if topic.key not in asked]
            asked |= {topic.key for topic in new}
            await self._each(partial(self._topic, topic) for topic in new)

    async def _topic(self, topic: Topic) -> None:
        if self._trouble is not None:
            self._failed(topic, self._trouble)
            return
        try:
            event = await topic.ask()
        except ApiError as error:
            self._failed(topic, error)
        else:
            self._ctx.emit(event)

    def _failed(self, topic: Topic, error: ApiError) -> None:
        self._fail(topic.part, topic.subject, error)

    def _fail(self, part: Part, subject: str, error: ApiError) -> None:
        if is_of_deployment(error) and part != "health":
            # It was there a moment ago: nothing else is tried, what could be read stands.
            self._trouble = error
        problem, refused = convert.problem(error), is_refusal(error)
        self._ctx.emit(*failure(self._ctx, part, subject, problem, is_refused=refused, wait_s=FOREVER))

    # -- workspaces that are unwell -------------------------------------------------------------------------------

    async def cases(self) -> None:
        """What there is to know of single workspaces, the most telling first."""
        ctx = self._ctx
        asked: set[tuple[str, str]] = set()
        # What some answers tell is asked about in turn.
        for _ in range(2):
            wanted = Cases(ctx.settings).wanted(ctx.state(), ctx.server_now())
            new = [ask for ask in in_turn(wanted, {}) if ask.key not in asked][: CASES_AT_MOST - len(asked)]
            asked |= {ask.key for ask in new}
            await self._each(partial(self._case, ask) for ask in new)

    async def _case(self, ask: Ask) -> None:
        if self._trouble is not None:
            self._fail(ask.kind, ask.subject, self._trouble)
            return
        try:
            event = await answer(self._ctx, ask, None)
        except ApiError as error:
            self._fail(ask.kind, ask.subject, error)
        else:
            self._ctx.emit(event)

    async def _each(self, jobs: Iterable[Job]) -> None:
        """All of them, a few at a time."""

        async def limited(job: Job) -> None:
            async with self._free:
                await job()

        await _all([partial(limited, job) for job in jobs])


async def _all(jobs: Iterable[Job]) -> None:
    """All at once; the first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(_done(job))
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _done(job: Job) -> None:
    await job()
