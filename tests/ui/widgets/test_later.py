"""A call after a time comes, however short the time and however late the machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.app import App

import agentdash.ui
from agentdash.ui.widgets.later import later


async def test_a_time_that_is_over_at_once_still_brings_its_call() -> None:
    async with App[None]().run_test() as pilot:
        came = asyncio.Event()
        later(pilot.app, 1e-9, came.set)
        async with asyncio.timeout(10):
            await came.wait()


async def test_calls_come_in_the_turn_of_the_one_they_are_for() -> None:
    async with App[None]().run_test() as pilot:
        said: list[str] = []
        done = asyncio.Event()
        later(pilot.app, 0.0, lambda: said.append("first"))
        later(pilot.app, 1e-9, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        assert said == ["first"]


async def test_one_that_is_cancelled_does_not_come() -> None:
    async with App[None]().run_test() as pilot:
        came = asyncio.Event()
        later(pilot.app, 0.0, came.set).cancel()
        done = asyncio.Event()
        later(pilot.app, 0.0, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        assert not came.is_set()


async def test_nothing_is_called_while_the_program_ends() -> None:
    said: list[str] = []
    async with App[None]().run_test() as pilot:
        app = pilot.app
        later(app, 0.0, lambda: said.append("before"))
        done = asyncio.Event()
        later(app, 0.0, done.set)
        async with asyncio.timeout(10):
            await done.wait()
        later(app, 0.0, lambda: said.append("after"))
    await asyncio.sleep(0)
    assert said == ["before"]


def test_nobody_uses_the_timer_that_forgets() -> None:
    files = Path(agentdash.ui.__file__).parent.rglob("*.py")
    assert [f.name for f in files if ".set_timer(" in f.read_text()] == []
