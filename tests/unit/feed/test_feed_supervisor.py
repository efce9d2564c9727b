"""The feed as a whole: starts everything, survives, ends cleanly."""

from __future__ import annotations

from agentdash.api.errors import ConnectFailed
from agentdash.state.freshness import Freshness
from agentdash.state.model import Job
from tests.unit.feed.fakes import World, a_build, a_workspace, lines, settle


async def test_first_read_happens_at_once() -> None:
    world = World()
    world.source.put(a_workspace())
    async with world.running():
        assert "w1" in world.state.workspaces
        assert world.state.server.user is not None
        assert world.state.fleet.freshness is Freshness.POLLED


async def test_it_goes_on_by_itself_when_the_server_comes_back() -> None:
    world = World()
    for call in ("page", "user", "build_info", "workspace"):
        world.source.errors[call] = ConnectFailed("away")
    async with world.running():
        await world.clock.advance(120)
        assert world.state.server.problem is not None
        world.source.errors.clear()
        world.source.put(a_workspace())
        await world.clock.advance(40)
        assert "w1" in world.state.workspaces
        assert world.state.server.user is not None


async def test_refresh_asks_at_once() -> None:
    world = World()
    world.source.put(a_workspace())
    async with world.running():
        world.feed.set_visible(["w1"])
        before = len(world.source.calls)
        world.feed.refresh()
        await settle()
        names = [name for name, _ in world.source.calls[before:]]
        assert {"page", "workspace", "user"} <= set(names)


async def test_touch_reads_soon() -> None:
    world = World()
    world.source.put(a_workspace())
    async with world.running():
        world.feed.touch("w1")
        await world.clock.advance(1)
        assert world.source.asked("workspace") == ["w1"]


async def test_visible_and_marked_rows_get_watches() -> None:
    world = World()
    world.source.put(a_workspace("a"), a_workspace("b"))
    async with world.running():
        world.feed.set_marked(["a"])
        world.feed.set_visible(["b"])
        await settle()
        assert world.source.stream("watch", "a").is_open
        await world.clock.advance(2)
        assert world.source.stream("watch", "b").is_open


async def test_build_log_is_opened_and_closed() -> None:
    world = World()
    world.source.known_builds["b1"] = a_build(job=Job("j", "running"))
    async with world.running():
        world.feed.open_build_log("b1")
        await settle()
        world.source.stream("follow_build", "b1").send(lines(1))
        await settle()
        world.feed.open_build_log("b1")
        await settle()
        assert len(world.source.streams["follow_build", "b1"]) == 1
        world.feed.open_build_log(None)
        await settle()
        assert not world.source.stream("follow_build", "b1").is_open
        assert "build-logs:b1" not in world.state.streams
        assert len(world.state.build_logs["b1"]) == 1
