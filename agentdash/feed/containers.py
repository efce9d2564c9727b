"""Containers and devcontainers of an opened agent (contract: agents.md §5)."""

from __future__ import annotations

import asyncio
from datetime import datetime

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import retry_after
from agentdash.feed.facts import Subject
from agentdash.feed.streams import End, GiveUp, KeptStream, TryAgain, problem_of
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.state.model import Containers as Found

SILENT = Problem(
    "WatchSilent",
    "Not pushed",
    "The watch closed before its first word; the list is read again now and then.",
)
SLOWEST_S = 60.0


class Containers:
    """GET first, the watch only after an answer: without a container engine the watch closes at once, again and again."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._ctx = subject.ctx
        self.stream_id = f"containers:{subject.agent_id}"
        self._poll_alarm = Alarm(self._ctx.clock)
        self._watch_alarm = Alarm(self._ctx.clock)
        self._stream = KeptStream(self._ctx, self.stream_id, self._watch_alarm)
        self._pushed_at: datetime | None = None

    def refresh(self) -> None:
        """Read now, and try a lost watch at once."""
        self._poll_alarm.ring()
        self._watch_alarm.ring()

    async def run(self) -> None:
        """Read, watch, and read again for the ordinary containers, whose changes are not pushed."""
        self._ctx.emit(ev.FactLoading(self._subject.agent_id, "containers"))
        if not await self._first():
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._poll())

    async def _first(self) -> bool:
        """Read until there is an answer; False when there will not be one."""
        backoff = self._ctx.backoff()
        while True:
            try:
                await self._read()
            except ApiError as error:
                delay = self._failed(error, backoff.delay(retry_after(error)))
                if delay is None:
                    return False
                await self._poll_alarm.wait(delay)
            else:
                return True

    async def _poll(self) -> None:
        backoff = self._ctx.backoff()
        wait = self._ctx.settings.containers_s
        while True:
            await self._poll_alarm.wait(wait)
            try:
                await self._read()
            except ApiError as error:
                delay = self._failed(error, backoff.delay(retry_after(error)))
                wait = SLOWEST_S if delay is None else max(delay, self._ctx.settings.containers_s)
            else:
                backoff.reset()
                wait = self._ctx.settings.containers_s

    async def _read(self) -> None:
        at = self._ctx.clock.now()
        found = await self._ctx.source.containers(self._subject.agent_id)
        stamp = self._ctx.server_time(at)
        if self._pushed_at is None or self._pushed_at <= at:
            # What the watch said after this was asked for is newer.
            live = self._stream.is_live
            self._ctx.emit(ev.ContainersRead(self._subject.agent_id, found, stamp, live))

    def _failed(self, error: ApiError, delay_s: float) -> float | None:
        subject = self._subject
        problem = convert.problem(error)
        if isinstance(error, errors.NotFound | errors.AgentNotConnected):
            subject.touch(subject.workspace_id)
        if isinstance(error, errors.Forbidden | errors.RouteNotFound | errors.NotFound):
            subject.fail("containers", problem, refused=True)
            return None
        if isinstance(error, errors.ServerError):
            # No engine, no permission: it does not change by the second.
            delay_s = max(delay_s, SLOWEST_S)
        subject.fail("containers", problem, delay_s=delay_s)
        return delay_s

    async def _watch(self) -> None:
        await self._stream.keep(
            lambda: self._ctx.source.watch_containers(self._subject.agent_id), self._take, self._ended
        )

    def _take(self, found: Found) -> None:
        self._pushed_at = self._ctx.clock.now()
        stamp = self._ctx.server_time(self._pushed_at)
        self._ctx.emit(ev.ContainersRead(self._subject.agent_id, found, stamp, live=True))

    async def _ended(self, end: End) -> GiveUp | TryAgain:
        if not end.has_spoken and not isinstance(end.error, errors.NotConnected | errors.RateLimited):
            return GiveUp(SILENT if end.error is None else problem_of(end))
        self._poll_alarm.ring()
        return TryAgain(problem_of(end))
