"""A cancellation is obeyed in whatever moment it comes."""

from __future__ import annotations

import asyncio

import pytest

from agentdash.local.clock import ManualClock
from agentdash.local.timeline import Timeline
from agentdash.local.waiting import first_of

MOMENTS = range(8)
"""Turns of the loop between what is waited for and the cancellation."""


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancelled_just_when_one_is_done(moment: int) -> None:
    come = asyncio.Event()

    async def work() -> None:
        await first_of(come.wait(), never())
        await never()

    task = asyncio.create_task(work())
    await turns(3)
    come.set()
    await turns(moment)
    task.cancel()
    await turns(8)
    assert task.cancelled()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_timeline_ends_in_every_moment(moment: int) -> None:
    timeline = Timeline(ManualClock())
    task = asyncio.create_task(timeline.run())
    await turns(3)
    timeline.after(0, lambda: None)
    await turns(moment)
    task.cancel()
    await turns(8)
    assert task.cancelled()


async def test_what_is_done_is_told_and_the_rest_is_cancelled() -> None:
    rest = asyncio.ensure_future(never())
    assert await first_of(asyncio.sleep(0), rest) == (True, False)
    await turns(2)
    assert rest.cancelled()


async def test_an_error_is_raised() -> None:
    async def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await first_of(fail(), never())
