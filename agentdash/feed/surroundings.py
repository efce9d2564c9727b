"""What surrounds the workspaces, kept as true as the request budget allows (contract: README §4, triage.md §4).

Three tasks: questions about the deployment, each on its own clock; its health, which may take half a minute; and
questions about single workspaces that are unwell or moving, so many a minute and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context, is_of_deployment, retry_after
from agentdash.feed.surroundings_asking import FOREVER, answer, failure, hold_s, is_refusal
from agentdash.feed.surroundings_cases import AT_ONCE, Ask, Cases, in_turn, with_shown
from agentdash.feed.surroundings_topics import Topic, Topics
from agentdash.state import convert
from agentdash.state.deployment import LogTail
from agentdash.state.freshness import Problem
from agentdash.wire.backoff import Backoff

TOPICS_TICK_S = 5.0
"""New organizations and versions are found this often at least."""
CASES_TICK_S = 2.0
COSTS = {"build_logs": 2.0, "agent_logs": 2.0}
"""A log may be a megabyte: it counts as two questions."""
MANY = 2000
"""So many workspaces take longer to look through than a frame lasts: not on the loop."""
HEALTH_LEAST_S = 60.0
"""After a failed health check, which costs the server half a minute's work."""
Key = tuple[str, str]


class _Holds:
    """What must not be asked for a while, and until when."""

    def __init__(self, ctx: Context, least_s: float = 0.0) -> None:
        self._ctx = ctx
        self._least_s = least_s
        self._until: dict[Key, float] = {}
        self._backoffs: dict[Key, Backoff] = {}
        self._all = ctx.backoff()
        self._version = ""
        self._user_id = ""

    def is_on(self, key: Key) -> bool:
        """Whether this one has to wait."""
        return self._until.get(key, 0.0) > self._ctx.clock.monotonic()

    def failed(self, key: Key, error: ApiError) -> float:
        """Hold it back; says for how long."""
        backoff = (
            self._all if is_of_deployment(error) else self._backoffs.setdefault(key, self._ctx.backoff())
        )
        wait_s = max(self._least_s, hold_s(self._ctx, error, backoff.delay(retry_after(error))))
        self._until[key] = self._ctx.clock.monotonic() + wait_s
        return wait_s

    def answered(self, key: Key) -> None:
        """It goes on."""
        self._until.pop(key, None)
        self._backoffs.pop(key, None)
        self._all.reset()

    def clear(self) -> None:
        """Ask everything again."""
        self._until.clear()

    def is_new_world(self) -> bool:
        """Whether the server has another version, or somebody else is logged in: what was refused may be granted."""
        server = self._ctx.state().server
        user_id = "" if server.user is None else server.user.id
        was_known = (self._version, self._user_id)
        self._version = server.version or self._version
        self._user_id = user_id or self._user_id
        pairs = zip(was_known, (self._version, self._user_id), strict=True)
        return any(was and was != now for was, now in pairs)


class _Rounds:
    """Topics asked in turn, each on its own clock."""

    def __init__(self, ctx: Context, topics: Callable[[], list[Topic]], least_s: float = 0.0) -> None:
        self._ctx = ctx
        self._topics = topics
        self._holds = _Holds(ctx, least_s)
        self._asked: dict[Key, float] = {}
        self._alarm = Alarm(ctx.clock)

    def refresh(self) -> None:
        """Ask everything again now, but for what never changes."""
        self._asked = {key: at for key, at in self._asked.items() if key[0] == "version"}
        self._holds.clear()
        self._alarm.ring()

    async def run(self) -> None:
        """Ask what is due, for ever."""
        await self._alarm.wait(self._ctx.settings.surroundings_settle_s)
        while True:
            await self._alarm.wait(await self._round())

    async def _round(self) -> float:
        """One round; returns how long to rest after it."""
        now = self._ctx.clock.monotonic()
        if self._holds.is_new_world():
            self._holds.clear()
        for topic in self._topics():
            asked_at = self._asked.get(topic.key)
            if self._holds.is_on(topic.key) or (asked_at is not None and now - asked_at < topic.every_s):
                continue
            wait_s = await self._ask(topic)
            if wait_s is not None:
                return wait_s
        return TOPICS_TICK_S

    async def _ask(self, topic: Topic) -> float | None:
        """Ask; returns how long to ask nothing at all, if the whole deployment cannot be read."""
        ctx = self._ctx
        self._asked[topic.key] = ctx.clock.monotonic()
        try:
            event = await topic.ask()
        except ApiError as error:
            self._asked.pop(topic.key)
            wait_s = self._holds.failed(topic.key, error)
            # A health check that takes long says nothing about whether the server answers.
            is_alone = topic.part == "health" and isinstance(error, errors.TimedOut)
            problem = convert.problem(error) if is_alone else ctx.failed(error)
            refused = is_refusal(error)
            ctx.emit(*failure(ctx, topic.part, topic.subject, problem, is_refused=refused, wait_s=wait_s))
            return wait_s if is_of_deployment(error) else None
        self._holds.answered(topic.key)
        ctx.emit(event)
        return None


class Surroundings:
    """The questions about the deployment as a whole."""

    def __init__(self, ctx: Context) -> None:
        topics = Topics(ctx)
        self._ctx = ctx
        self._rounds = _Rounds(ctx, topics.now)
        self._health = _Rounds(ctx, lambda: [topics.health()], HEALTH_LEAST_S)

    def refresh(self) -> None:
        """Ask everything again now; the health, whose report the server keeps, only if it is not known."""
        self._rounds.refresh()
        if self._ctx.state().deployment.health.value is None:
            self._health.refresh()

    async def run(self) -> None:
        """Ask what is due, for ever."""
        await self._rounds.run()

    async def run_health(self) -> None:
        """Ask for the health, for ever: a task of its own, since it may take half a minute."""
        await self._health.run()


@dataclass(frozen=True, slots=True)
class _Done:
    """A question that has had its answer."""

    mark: Hashable
    at: float
    sources: frozenset[str]
    is_refused: bool = False


class WorkspaceQuestions:
    """The questions about single workspaces, at a bounded pace."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._cases = Cases(ctx.settings)
        self._holds = _Holds(ctx)
        self._done: dict[Key, _Done] = {}
        self._due_since: dict[Key, float] = {}
        self._missing: dict[str, Problem] = {}
        """By kind: routes this server does not have."""
        self.visible: frozenset[str] = frozenset()
        """Ids of workspaces that have rows on screen."""
        self._alarm = Alarm(ctx.clock)
        self._credit = float(ctx.settings.cases_at_once)
        self._credited_at = ctx.clock.monotonic()

    def refresh(self) -> None:
        """Ask again what was refused or has failed."""
        self._holds.clear()
        self._done = {key: done for key, done in self._done.items() if not done.is_refused}
        self._alarm.ring()

    async def run(self) -> None:
        """Ask what is due, for ever."""
        await self._alarm.wait(self._ctx.settings.surroundings_settle_s * 2)
        while True:
            await self._alarm.wait(await self._turn())

    async def _turn(self) -> float:
        """As many questions as the pace allows; returns how long to rest after them."""
        if self._holds.is_new_world():
            self._missing.clear()
            self.refresh()
        self._earn()
        for ask in await self._due():
            if self._credit < 1.0 and ask.urgency > AT_ONCE:
                break
            if ask.kind in self._missing:
                continue
            began = self._ctx.clock.monotonic()
            wait_s = await self._ask(ask)
            # A slow server is asked less often: it rests at least as long as it works for us.
            self._credit -= max(
                COSTS.get(ask.kind, 1.0), 2 * (self._ctx.clock.monotonic() - began) * self._pace_per_s()
            )
            if wait_s is not None:
                return max(CASES_TICK_S, wait_s)
        return CASES_TICK_S

    def _earn(self) -> None:
        settings, now = self._ctx.settings, self._ctx.clock.monotonic()
        self._credit += (now - self._credited_at) * self._pace_per_s()
        self._credit = min(self._credit, float(settings.cases_at_once))
        self._credited_at = now

    def _pace_per_s(self) -> float:
        return self._ctx.settings.cases_per_minute / 60

    async def _due(self) -> list[Ask]:
        """What is to be asked now, in its order; what this server does not have is told at once."""
        now = self._ctx.clock.monotonic()
        wanted = with_shown(await self._wanted(), self._ctx.state(), self.visible)
        due = [ask for ask in wanted if self._is_due(ask, now)]
        for ask in [ask for ask in due if ask.kind in self._missing]:
            self._note(ask, now, is_refused=True)
            problem = self._missing[ask.kind]
            self._ctx.emit(
                *failure(self._ctx, ask.kind, ask.subject, problem, is_refused=True, wait_s=FOREVER)
            )
        due = [ask for ask in due if ask.kind not in self._missing]
        self._due_since = {ask.key: self._due_since.get(ask.key, now) for ask in due}
        if len(self._done) > 4 * len(wanted) + 1000:
            keys = {ask.key for ask in wanted}
            self._done = {key: done for key, done in self._done.items() if key in keys}
        return in_turn(due, {key: now - since for key, since in self._due_since.items()})

    async def _wanted(self) -> list[Ask]:
        state, server_now = self._ctx.state(), self._ctx.server_now()
        if len(state.workspaces) < MANY:
            return self._cases.wanted(state, server_now)
        return await asyncio.to_thread(self._cases.wanted, state, server_now)

    def _is_due(self, ask: Ask, now: float) -> bool:
        state, done = self._ctx.state(), self._done.get(ask.key)
        on_screen = (ask.kind == "agent_logs" and ask.subject in state.logs) or (
            ask.kind == "build_logs" and ask.subject in state.build_logs
        )
        if on_screen or self._holds.is_on(ask.key):
            return False
        if done is None or done.mark != ask.mark:
            return True
        return ask.again_s is not None and not done.is_refused and now - done.at >= ask.again_s

    async def _ask(self, ask: Ask) -> float | None:
        """Ask; returns how long to ask nothing at all, if the whole deployment cannot be read."""
        ctx, now = self._ctx, self._ctx.clock.monotonic()
        try:
            event = await answer(ctx, ask, self._tail(ask))
        except ApiError as error:
            return self._failed(ask, error, now)
        self._holds.answered(ask.key)
        self._note(ask, now)
        ctx.emit(event)
        return None

    def _failed(self, ask: Ask, error: ApiError, now: float) -> float | None:
        ctx = self._ctx
        problem = ctx.failed(error)
        wait_s = self._holds.failed(ask.key, error)
        is_of_all, refused = is_of_deployment(error), is_refusal(error)
        if refused and not is_of_all:
            # Another build or another state is another question.
            self._note(ask, now, is_refused=True)
            self._holds.answered(ask.key)
        if isinstance(error, errors.RouteNotFound):
            self._missing[ask.kind] = problem
        ctx.emit(*failure(ctx, ask.kind, ask.subject, problem, is_refused=refused, wait_s=wait_s))
        return wait_s if is_of_all else None

    def _note(self, ask: Ask, now: float, *, is_refused: bool = False) -> None:
        self._done[ask.key] = _Done(ask.mark, now, ask.sources, is_refused)

    def _tail(self, ask: Ask) -> LogTail | None:
        """What is known of the log, if it can be gone on from."""
        known, done = self._ctx.state().deployment, self._done.get(ask.key)
        if done is None or not ask.sources <= done.sources:
            return None
        facts = {"build_logs": known.build_logs, "agent_logs": known.agent_logs}.get(ask.kind)
        fact = None if facts is None else facts.get(ask.subject)
        return None if fact is None else fact.value
