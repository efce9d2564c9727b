"""One stream kept open: states, backoff with jitter, resume (contract: README §7.4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context, is_of_deployment, retry_after
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem, StreamState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class End:
    """How one connection of a stream ended.

    Attributes:
        error: Why it was refused or cut; None when the server closed it in order.
        has_spoken: Whether anything had come.
    """

    error: ApiError | None
    has_spoken: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The stream is not to be opened again; `problem` says why, None when it has simply ended."""

    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The stream is to be opened again; `problem` is what the person reads meanwhile."""

    problem: Problem | None = None


class KeptStream:
    """A stream by its id, opened again after every end until told otherwise."""

    def __init__(self, ctx: Context, stream_id: str, alarm: Alarm) -> None:
        self._ctx = ctx
        self._alarm = alarm
        self.id = stream_id
        self.is_live = False

    async def keep(
        self,
        connect: Callable[[], AsyncGenerator[T, None]],
        take: Callable[[T], None],
        ended: Callable[[End], Awaitable[GiveUp | TryAgain]],
        retrying: Callable[[Problem | None, float], None] | None = None,
    ) -> None:
        """Keep the stream open; returns when `ended` gives it up.

        Args:
            connect: Opens one connection.
            take: Gets each item.
            ended: Decides after each end.
            retrying: Told the problem and the seconds until the next attempt, before the wait.
        """
        ctx = self._ctx
        backoff = ctx.backoff()
        while True:
            self.say(StreamState.CONNECTING)
            began = ctx.clock.monotonic()
            end = await self._listen(connect, take)
            # A connection that never spoke was not healthy, however long it stayed open.
            backoff.ended(ctx.clock.monotonic() - began if end.has_spoken else 0.0)
            verdict = await ended(end)
            if isinstance(verdict, GiveUp):
                self.say(StreamState.STOPPED, verdict.problem)
                return
            delay = backoff.delay(retry_after(end.error))
            if end.error is not None and end.error.is_final and is_of_deployment(end.error):
                delay = max(delay, ctx.settings.refused_retry_s)
            if retrying is not None:
                retrying(verdict.problem, delay)
            self.say(StreamState.RETRYING, verdict.problem, delay)
            if await self._alarm.wait(delay):
                backoff.reset()

    async def _listen(self, connect: Callable[[], AsyncGenerator[T, None]], take: Callable[[T], None]) -> End:
        try:
            async with aclosing(connect()) as items:
                async for item in items:
                    if not self.is_live:
                        self.is_live = True
                        self.say(StreamState.LIVE)
                    take(item)
        except ApiError as error:
            return End(error, self.is_live)
        else:
            return End(None, self.is_live)
        finally:
            self.is_live = False

    def say(self, state: StreamState, problem: Problem | None = None, delay: float | None = None) -> None:
        """Tell a state of this stream."""
        now = self._ctx.clock.now()
        retry_at = None if delay is None else now + timedelta(seconds=delay)
        self._ctx.emit(ev.StreamChanged(self.id, state, now, retry_at, problem))


def problem_of(end: End) -> Problem:
    """Why a connection ended, in words."""
    if end.error is not None:
        return convert.problem(end.error)
    return Problem("StreamEnded", "Closed by the server", "", "It is opened again.")
