"""Clock, timeline and bus of the embedded deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from agentdash.local.bus import Bus
from agentdash.local.clock import FastClock, ManualClock
from agentdash.local.timeline import Timeline


async def test_manual_clock_wakes_sleepers_at_their_own_moment_in_order() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper("a", 2, 2)), asyncio.create_task(sleeper("b", 3))]
    await clock.advance(10)
    assert woken == [("a", 2), ("b", 3), ("a", 4)]
    assert clock.monotonic() == 10
    await asyncio.gather(*tasks)


async def test_fast_clock_runs_fast() -> None:
    clock = FastClock(10_000)
    before = clock.now()
    await clock.sleep(10)
    assert (clock.now() - before).total_seconds() >= 10


def test_timeline_plays_calls_at_their_moments_and_those_they_plan() -> None:
    clock = ManualClock()
    timeline = Timeline(clock)
    made: list[tuple[str, float]] = []

    def first() -> None:
        made.append(("first", clock.monotonic()))
        timeline.after(1, lambda: made.append(("second", clock.monotonic())))

    timeline.after(2, first)
    timeline.after(2, lambda: made.append(("third", clock.monotonic()))).cancel()
    assert timeline.play(clock, 10) == 2
    assert made == [("first", 2), ("second", 3)]
    assert clock.monotonic() == 10


def test_story_is_dropped_when_it_is_no_longer_wanted() -> None:
    clock = ManualClock()
    timeline = Timeline(clock)
    told: list[int] = []

    def story() -> Iterator[float]:
        for chapter in range(5):
            told.append(chapter)
            yield 1

    timeline.spawn(story(), lambda: len(told) < 3)
    timeline.play(clock, 10)
    assert told == [0, 1, 2]


def test_timeline_moves_to_another_clock_with_the_same_delays() -> None:
    past, live = ManualClock(), ManualClock()
    timeline = Timeline(past)
    made: list[float] = []
    timeline.after(5, lambda: made.append(live.monotonic()))
    timeline.play(past, 2)
    live.set_forward(100)
    timeline.move_to(live)
    timeline.play(live, 2.9)
    assert made == []
    timeline.play(live, 0.2)
    assert made == [103]


async def test_timeline_run_takes_what_is_planned_while_it_waits() -> None:
    clock = ManualClock()
    timeline = Timeline(clock)
    made: list[float] = []
    task = asyncio.create_task(timeline.run())
    await clock.advance(1)
    timeline.after(3, lambda: made.append(clock.monotonic()))
    await clock.advance(2)
    assert made == []
    await clock.advance(2)
    assert made == [4]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_bus_coalesces_and_forgets_who_left() -> None:
    bus = Bus()
    async with bus.subscribe("a", "b") as heard:
        bus.publish("a", "a", "c")
        bus.publish("b")
        assert await heard.wait() == {"a", "b"}
        waiting = asyncio.ensure_future(heard.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish("a")
        assert await waiting == {"a"}
        assert bus.count("a") == 1
    assert bus.count("a") == 0
    bus.publish("a")
