"""Owned tasks: restarted after a crash, ended with their owner; waits that can be cut short."""

from __future__ import annotations

import asyncio
import logging

import pytest

from agentdash.feed.clock import Alarm, SystemClock
from agentdash.feed.tasks import Tasks
from tests.unit.feed.fakes import FakeClock, settle


async def test_a_crash_is_logged_with_its_trace_and_the_task_starts_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, runs = FakeClock(), []

    async def crash() -> None:
        runs.append(clock.monotonic())
        raise ZeroDivisionError

    async with Tasks(clock, lambda: 0.5) as tasks:
        with caplog.at_level(logging.ERROR):
            tasks.start("crashing", crash)
            await settle()
        assert "crashing" in caplog.text
        assert "ZeroDivisionError" in caplog.text
        await clock.advance(0.6)
        assert len(runs) == 2
        await clock.advance(0.8)
        assert len(runs) == 2
        await clock.advance(0.2)
        assert len(runs) == 3


async def test_a_task_is_started_once_until_it_is_stopped() -> None:
    clock, runs = FakeClock(), []

    async def once() -> None:
        runs.append(1)

    async with Tasks(clock, lambda: 0.5) as tasks:
        tasks.start("a", once)
        await settle()
        tasks.start("a", once)
        await settle()
        assert runs == [1]
        assert tasks.is_done("a")
        assert "a" in tasks
        tasks.stop("a")
        tasks.stop("a")
        tasks.start("a", once)
        await settle()
        assert runs == [1, 1]
        assert tasks.names == {"a"}


async def test_leaving_waits_for_the_end_of_all() -> None:
    ended = []

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(1)

    async with Tasks(FakeClock(), lambda: 0.5) as tasks:
        tasks.start("a", slow_to_end)
        tasks.start("b", slow_to_end)
        await settle()
        tasks.stop("a")
    assert ended == [1, 1]


async def test_alarm() -> None:
    clock = FakeClock()
    alarm = Alarm(clock)
    alarm.ring()
    assert await alarm.wait(100)
    waiting = asyncio.create_task(alarm.wait(100))
    await clock.advance(99)
    assert not waiting.done()
    await clock.advance(1)
    assert await waiting is False
    waiting = asyncio.create_task(alarm.wait(100))
    await settle()
    alarm.ring()
    assert await waiting is True


async def test_system_clock_moves() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().tzinfo is not None
