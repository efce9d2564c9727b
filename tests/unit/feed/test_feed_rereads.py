"""Single workspaces read again: on screen slowly, moving faster, touched soon."""

from __future__ import annotations

from dataclasses import replace

from agentdash.api.errors import ConnectFailed
from agentdash.feed.rereads import Rereads
from agentdash.state import events as ev
from tests.unit.feed.fakes import World, a_workspace, active, settle


async def test_what_is_on_screen_is_read_again_when_nothing_was_heard_for_long() -> None:
    world = World()
    world.know(a_workspace("shown"), a_workspace("hidden"))
    rereads = Rereads(world.ctx)
    rereads.visible = frozenset({"shown"})
    async with world.doing(rereads.run):
        await world.clock.advance(29)
        assert world.source.asked("workspace") == []
        await world.clock.advance(2)
        assert world.source.asked("workspace") == ["shown"]
        await world.clock.advance(15)
        # A sweep has read it since.
        world.ctx.emit(ev.WorkspacesRead((a_workspace("shown"),), world.clock.now(), "page"))
        await world.clock.advance(20)
        assert world.source.asked("workspace") == ["shown"]


async def test_what_moves_is_read_more_often_though_it_is_watched() -> None:
    world = World()
    workspace = replace(a_workspace(), build=active())
    world.know(workspace)
    rereads = Rereads(world.ctx)
    rereads.opened = "w1"
    async with world.doing(rereads.run):
        for _ in range(10):
            world.ctx.emit(ev.WorkspacesRead((workspace,), world.clock.now(), "watch"))
            await world.clock.advance(1)
        assert len(world.source.asked("workspace")) == 2


async def test_a_touched_one_is_read_three_times() -> None:
    world = World()
    world.know(a_workspace())
    rereads = Rereads(world.ctx)
    async with world.doing(rereads.run):
        rereads.touch("w1")
        await world.clock.advance(1)
        assert world.source.asked("workspace") == ["w1"]
        await world.clock.advance(20)
        assert world.source.asked("workspace") == ["w1"] * 3


async def test_refresh_reads_everything_on_screen_now() -> None:
    world = World()
    world.know(a_workspace("a"), a_workspace("b"))
    rereads = Rereads(world.ctx)
    rereads.visible, rereads.opened = frozenset({"a"}), "b"
    async with world.doing(rereads.run):
        rereads.refresh()
        await settle()
        assert world.source.asked("workspace") == ["a", "b"]


async def test_one_that_is_gone_is_said_to_be() -> None:
    world = World()
    world.know(a_workspace())
    del world.source.workspaces["w1"]
    rereads = Rereads(world.ctx)
    async with world.doing(rereads.run):
        rereads.touch("w1")
        await world.clock.advance(1)
        assert "w1" not in world.state.workspaces


async def test_without_an_answer_it_waits_and_tries_again() -> None:
    world = World()
    world.know(a_workspace())
    world.source.errors["workspace"] = ConnectFailed("away")
    rereads = Rereads(world.ctx)
    async with world.doing(rereads.run):
        rereads.touch("w1")
        await world.clock.advance(3)
        tried = len(world.source.asked("workspace"))
        assert 1 < tried < 6
        del world.source.errors["workspace"]
        await world.clock.advance(30)
        assert world.state.seen["w1"].via == "get"
