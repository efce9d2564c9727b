"""The first frame: painted before anything else is loaded, and followed by the fleet with no key lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from agentdash.config.settings import Settings
from agentdash.ui.app import AgentDash
from agentdash.ui.context import Context
from agentdash.ui.keys import KeyTable
from agentdash.ui.screens.fleet import FleetScreen
from agentdash.ui.screens.opening import OpeningScreen
from agentdash.ui.widgets.glyphs import Signs
from tests.ui.dash import Desk
from tests.ui.screen_text import screen_text


@dataclass
class SlowFront:
    """A front whose rest is loaded when the test says so."""

    context: Context
    trouble: Exception | None = None

    def __post_init__(self) -> None:
        self.may_go_on = threading.Event()

    @property
    def settings(self) -> Settings:
        return self.context.settings

    @property
    def keys(self) -> KeyTable:
        return self.context.keys

    @property
    def signs(self) -> Signs:
        return self.context.signs

    def whole(self) -> Context:
        self.may_go_on.wait(20)
        if self.trouble is not None:
            raise self.trouble
        return self.context


def slow_desk(**settings: Any) -> tuple[Desk, SlowFront]:
    it = Desk(settings=replace(Settings(url="https://coder.example.com"), **settings))
    front = SlowFront(it.context)
    it.app = AgentDash(front, it._connect)
    return it, front


async def test_the_first_frame_says_where_one_is_before_anything_is_loaded() -> None:
    it, front = slow_desk(read_only=True)
    async with it.app.run_test(size=(80, 24)) as it.pilot:
        try:
            await it.until(lambda: "agentdash  coder.example.com" in screen_text(it.app))
            assert isinstance(it.app.screen, OpeningScreen)
            assert "F Fleet  P Prebuilds" in it.text
            assert "READ-ONLY" in it.text
            assert "Agents come here" in it.text
        finally:
            front.may_go_on.set()
        await it.until(lambda: isinstance(it.app.screen, FleetScreen))
        await it.until(lambda: "VERDICT" in it.text)


async def test_keys_typed_before_the_fleet_is_there_are_for_the_fleet() -> None:
    it, front = slow_desk()
    async with it.app.run_test(size=(80, 24)) as it.pilot:
        await it.until(lambda: "agentdash" in screen_text(it.app))
        for key, letter in (("slash", "/"), ("g", "g"), ("p", "p"), ("u", "u")):
            it.app.post_message(events.Key(key, letter))
        front.may_go_on.set()
        await it.until(lambda: isinstance(it.app.screen, FleetScreen))
        await it.until(lambda: it.fleet.query_one("#filter-input Input", Input).value == "gpu")


async def test_what_cannot_be_loaded_ends_the_program() -> None:
    it, front = slow_desk()
    front.trouble = ImportError("half an installation")
    front.may_go_on.set()
    with pytest.raises(ImportError):
        async with it.app.run_test() as it.pilot:
            await it.until(lambda: it.app.failure)
    assert it.app.failure == "ImportError"
