"""Facts of an opened agent that are read on a clock: ports, shares, network, timings, the agent itself.

Reading ports and containers goes through the server into the workspace, counts as use of it, and is done only for what
is on screen (contract: agents.md §1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context, retry_after
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.state.model import Agent, Workspace

STARTING = frozenset({"created", "starting"})
UNDER_WAY = frozenset({"created", "starting", "shutting_down"})


@dataclass(slots=True)
class Subject:
    """The agent that the facts are about: one life, one id.

    Attributes:
        touch: Has the workspace read again soon.
    """

    ctx: Context
    workspace_id: str
    agent_id: str
    touch: Callable[[str], None]

    def look(self) -> tuple[Workspace, Agent] | None:
        """Workspace and agent as they are known now; None when a build has taken them away."""
        workspace = self.ctx.state().workspaces.get(self.workspace_id)
        if workspace is None:
            return None
        agent = next((a for a in workspace.agents if a.id == self.agent_id), None)
        return None if agent is None else (workspace, agent)

    def fail(
        self, fact: ev.FactName, problem: Problem, *, refused: bool = False, delay_s: float | None = None
    ) -> None:
        """Say why a fact is not true any more."""
        retry_at = None if delay_s is None else self.ctx.clock.now() + timedelta(seconds=delay_s)
        self.ctx.emit(ev.FactFailed(self.agent_id, fact, problem, refused, retry_at))


class Poll:
    """One fact, read again after `every_s`; with None it is read once."""

    def __init__(
        self,
        subject: Subject,
        fact: ev.FactName,
        read: Callable[[], Awaitable[ev.Event]],
        every_s: Callable[[], float | None],
    ) -> None:
        self._subject = subject
        self._fact = fact
        self._read = read
        self._every_s = every_s
        self.alarm = Alarm(subject.ctx.clock)

    async def run(self) -> None:
        """Read until there is nothing more to read; a refusal that stays ends it."""
        ctx, subject = self._subject.ctx, self._subject
        backoff = ctx.backoff()
        ctx.emit(ev.FactLoading(subject.agent_id, self._fact))
        while True:
            try:
                event = await self._read()
            except ApiError as error:
                delay = self.failed(error, backoff.delay(retry_after(error)))
                if delay is None:
                    return
                await self.alarm.wait(delay)
                continue
            backoff.reset()
            ctx.emit(event)
            every = self._every_s()
            if every is None:
                return
            await self.alarm.wait(every)

    def failed(self, error: ApiError, delay_s: float) -> float | None:
        """Say what happened; returns the seconds to wait, None when asking again will not help."""
        subject = self._subject
        problem = convert.problem(error)
        if isinstance(error, errors.NotFound | errors.Gone | errors.AgentNotConnected):
            # The list of agents, or the status, is older than the server's.
            subject.touch(subject.workspace_id)
        if isinstance(error, errors.Refused) and error.is_final:
            if not isinstance(error, errors.NotLoggedIn):
                subject.fail(self._fact, problem, refused=True)
                return None
            delay_s = max(delay_s, subject.ctx.settings.refused_retry_s)
        subject.fail(self._fact, problem, delay_s=delay_s)
        return delay_s


def ports(subject: Subject) -> Poll:
    """Listening ports: there is no watch for them."""

    async def read() -> ev.Event:
        at = subject.ctx.clock.now()
        found = await subject.ctx.source.ports(subject.agent_id)
        return ev.PortsRead(subject.agent_id, found, subject.ctx.server_time(at))

    return Poll(subject, "ports", read, lambda: subject.ctx.settings.ports_s)


def shares(subject: Subject) -> Poll:
    """Shared ports of the workspace."""

    async def read() -> ev.Event:
        at = subject.ctx.clock.now()
        found = await subject.ctx.source.shares(subject.workspace_id)
        return ev.SharesRead(subject.agent_id, found, subject.ctx.server_time(at))

    return Poll(subject, "shares", read, lambda: subject.ctx.settings.shares_s)


def connection(subject: Subject) -> Poll:
    """Network settings: the same for all agents, and they change with the server's configuration only."""

    async def read() -> ev.Event:
        at = subject.ctx.clock.now()
        found = await subject.ctx.source.connection(subject.agent_id)
        return ev.ConnectionRead(subject.agent_id, found, subject.ctx.server_time(at))

    return Poll(subject, "connection", read, lambda: None)


def timings(subject: Subject, build_id: str) -> Poll:
    """Timings of one build: every few seconds while it starts, then once more."""
    was_under_way = True

    async def read() -> ev.Event:
        nonlocal was_under_way
        known = subject.look()
        # Seen before the answer, so that the last reading is one of a finished start.
        was_under_way = known is not None and (
            known[0].build.is_active or any(a.lifecycle in STARTING for a in known[0].agents)
        )
        at = subject.ctx.clock.now()
        found = await subject.ctx.source.timings(build_id)
        return ev.TimingsRead(subject.agent_id, found, subject.ctx.server_time(at))

    return Poll(subject, "timings", read, lambda: subject.ctx.settings.timings_s if was_under_way else None)


class AgentRead:
    """The agent itself, while it starts or shuts down: script results and new log sources are not pushed."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.alarm = Alarm(subject.ctx.clock)
        self._asked_at: float | None = None
        self._is_asked = False

    def ask(self) -> None:
        """Something was seen that the known agent does not explain: read it, but not too often."""
        self._is_asked = True
        self.alarm.ring()

    async def run(self) -> None:
        """Read while it is under way, and once when it no longer is."""
        ctx, settings = self._subject.ctx, self._subject.ctx.settings
        backoff = ctx.backoff()
        was_under_way = False
        while True:
            known = self._subject.look()
            is_live = known is not None and not known[0].agents_are_previous
            under_way = is_live and known is not None and known[1].lifecycle in UNDER_WAY
            wait = settings.agent_s if under_way else settings.tick_s
            if known is not None and is_live and (under_way or was_under_way or self._may_answer()):
                try:
                    await self._read(known[1])
                    backoff.reset()
                except ApiError as error:
                    wait = max(wait, backoff.delay(retry_after(error)))
            was_under_way = under_way
            await self.alarm.wait(wait)

    def _may_answer(self) -> bool:
        """Whether somebody asked, and the last reading for such a question is long enough ago."""
        now = self._subject.ctx.clock.monotonic()
        least = self._subject.ctx.settings.agent_reread_least_s
        if not self._is_asked or (self._asked_at is not None and now - self._asked_at < least):
            return False
        self._is_asked = False
        self._asked_at = now
        return True

    async def _read(self, known: Agent) -> None:
        subject, ctx = self._subject, self._subject.ctx
        at = ctx.clock.now()
        try:
            agent = await ctx.source.agent(known)
        except (errors.NotFound, errors.Gone):
            subject.touch(subject.workspace_id)
            return
        stamp = ctx.server_time(at)
        seen = ctx.state().seen.get(subject.workspace_id)
        if seen is None or seen.at <= stamp:
            ctx.emit(ev.AgentRead(agent, stamp))
