"""A stream that comes back: its states, its delays, its end (contract: README §7.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from agentdash.api import errors
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context
from agentdash.feed.settings import FeedSettings
from agentdash.feed.streams import End, GiveUp, KeptStream, TryAgain, problem_of
from agentdash.state import events as ev
from agentdash.state.freshness import Problem, StreamState
from tests.unit.feed.fakes import FakeClock, FakeStream, settle

Verdict = GiveUp | TryAgain
LIMITED = errors.RateLimited("slow", status=429)
LIMITED.retry_after_s = 7.0


class Kept:
    """One kept stream, its connections in the test's hands; jitter is always the whole bound."""

    def __init__(self, verdict: Callable[[End], Verdict] = lambda end: TryAgain(problem_of(end))) -> None:
        self.clock = FakeClock()
        self.connections: list[FakeStream] = []
        self.taken: list[Any] = []
        self.said: list[ev.StreamChanged] = []
        self.delays: list[float] = []
        self.alarm = Alarm(self.clock)
        self._verdict = verdict
        source: Any = None
        context = Context(source, self._post, None, FeedSettings(), self.clock, lambda: 1.0)  # type: ignore[arg-type]
        self.stream = KeptStream(context, "watch:w", self.alarm)
        self.task = asyncio.create_task(
            self.stream.keep(self._connect, self.taken.append, self._ended, self._retrying)
        )

    def _post(self, events: Any) -> None:
        self.said += [event for event in events if isinstance(event, ev.StreamChanged)]

    def _connect(self) -> AsyncGenerator[Any, None]:
        self.connections.append(FakeStream())
        return self.connections[-1].items()

    async def _ended(self, end: End) -> Verdict:
        return self._verdict(end)

    def _retrying(self, problem: Problem | None, delay: float) -> None:
        del problem
        self.delays.append(delay)

    @property
    def states(self) -> list[StreamState]:
        return [event.state for event in self.said]

    async def cut(self, error: errors.ApiError | None, *items: Any, after_s: float = 0.0) -> None:
        """The newest connection says these items and ends; the wait after it passes."""
        connection = self.connections[-1]
        for item in items:
            connection.send(item)
        await settle()
        await self.clock.advance(after_s)
        connection.close() if error is None else connection.cut(error)
        await settle()
        if not self.task.done():
            await self.clock.advance(self.delays[-1])

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def until_logged_out(end: End) -> Verdict:
    if isinstance(end.error, errors.NotLoggedIn):
        return GiveUp(problem_of(end))
    return TryAgain(problem_of(end))


async def test_it_comes_back_with_growing_delays_and_then_stops_when_given_up() -> None:
    kept = Kept(until_logged_out)
    await settle()
    await kept.cut(None, "snapshot")
    await kept.cut(errors.ServerTrouble("bad gateway", status=502))
    await kept.cut(errors.NotLoggedIn("signed out", status=401))
    assert kept.task.done()
    one = [StreamState.CONNECTING, StreamState.RETRYING]
    assert kept.states == [one[0], StreamState.LIVE, one[1], *one, one[0], StreamState.STOPPED]
    assert kept.taken == ["snapshot"]
    assert kept.delays == [1.0, 2.0]
    assert kept.said[2].problem == problem_of(End(None, has_spoken=True))
    assert kept.said[-1].problem is not None


async def test_a_healthy_half_minute_forgives() -> None:
    kept = Kept()
    await settle()
    await kept.cut(errors.ServerTrouble("x", status=500))
    await kept.cut(errors.ServerTrouble("x", status=500))
    await kept.cut(None, "well", after_s=31)
    assert kept.delays == [1.0, 2.0, 1.0]
    await kept.end()


async def test_a_connection_that_never_spoke_was_not_healthy() -> None:
    kept = Kept()
    await settle()
    await kept.cut(None)
    await kept.cut(None, after_s=3600)
    assert kept.delays == [1.0, 2.0]
    await kept.end()


async def test_a_429_is_waited_out() -> None:
    kept = Kept()
    await settle()
    await kept.cut(LIMITED)
    assert kept.delays == [8.0]
    await kept.end()


async def test_a_refusal_of_everything_is_tried_again_seldom() -> None:
    kept = Kept()
    await settle()
    await kept.cut(errors.NotLoggedIn("signed out", status=401))
    assert kept.delays == [FeedSettings().refused_retry_s]
    await kept.end()


async def test_the_alarm_ends_the_wait_and_forgives() -> None:
    kept = Kept()
    await settle()
    for _ in range(3):
        kept.connections[-1].close()
        await settle()
        kept.alarm.ring()
        await settle()
    assert kept.delays == [1.0, 1.0, 1.0]
    assert len(kept.connections) == 4
    await kept.end()


@pytest.mark.parametrize("has_spoken", [False, True])
async def test_leaving_closes_the_connection(has_spoken: bool) -> None:
    kept = Kept()
    await settle()
    if has_spoken:
        kept.connections[-1].send("x")
        await settle()
    assert kept.stream.is_live is has_spoken
    await kept.end()
    assert kept.task.cancelled()
    assert not kept.connections[-1].is_open
    assert not kept.stream.is_live
