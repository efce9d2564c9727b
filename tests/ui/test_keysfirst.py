"""Keys come before output."""

from __future__ import annotations

import pytest
from textual import events
from textual.app import App

from agentdash.ui.driver import TerminalDriver
from agentdash.ui.keysfirst import ROOM_S, KeysFirst
from tests.ui.dash import desk


class Time:
    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_output_waits_for_a_key_that_has_just_come() -> None:
    time = Time()
    first = KeysFirst(time, time.sleep)
    await first.turn()
    first.came()
    time.now += 0.001
    await first.turn()
    await first.turn()
    assert time.slept == [0.0, pytest.approx(ROOM_S - 0.001), 0.0]


async def test_keys_without_end_do_not_stop_the_output() -> None:
    time = Time()
    first = KeysFirst(time, time.sleep)
    for _ in range(5):
        first.came()
        await first.turn()
    assert time.slept == [pytest.approx(ROOM_S)] * 5


async def test_the_driver_tells_of_input_before_the_app_has_its_turn() -> None:
    came: list[str] = []

    class Told(App[None]):
        def input_came(self) -> None:
            came.append("input")

        def on_key(self, event: events.Key) -> None:
            came.append(event.key)

    app = Told()
    async with app.run_test() as pilot:
        TerminalDriver(app).process_message(events.Key("a", "a"))
        assert came == ["input"]
        await pilot.pause()
    assert came == ["input", "a"]


async def test_the_shells_of_the_app_make_room_for_keys() -> None:
    async with desk() as it:
        assert it.shells.turn == it.app._keys_first.turn
