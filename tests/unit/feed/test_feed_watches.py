"""Which workspaces are watched, and what happens to a watch."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

from agentdash.api.errors import ConnectFailed, NotFound, NotLoggedIn, RateLimited
from agentdash.feed.tasks import Tasks
from agentdash.feed.watches import Watches, is_moving
from agentdash.state.freshness import StreamState
from tests.unit.feed.fakes import World, a_workspace, active, an_agent, settle


@asynccontextmanager
async def watching(world: World):  # type: ignore[no-untyped-def]
    """Watches, and a way to reconcile them."""
    async with Tasks(world.clock, lambda: 0.5) as tasks:
        watches = Watches(world.ctx, tasks)

        async def look() -> None:
            watches.reconcile()
            await settle()

        yield watches, look


def watched(world: World) -> set[str]:
    return {subject for (kind, subject), found in world.source.streams.items() if found[-1].is_open}


def test_what_moves() -> None:
    rest = a_workspace()
    assert not is_moving(rest)
    assert is_moving(replace(rest, build=active()))
    assert is_moving(replace(rest, agents=(an_agent(status="connecting", lifecycle="created"),)))
    assert is_moving(replace(rest, agents=(an_agent(lifecycle="starting"),)))
    assert not is_moving(replace(rest, agents=(an_agent(lifecycle="start_error"),)))
    assert not is_moving(replace(rest, agents=(an_agent(status="disconnected", lifecycle="starting"),)))


async def test_moving_marked_opened_and_settled_rows_are_watched() -> None:
    world = World(settle_s=1.0)
    moving = replace(a_workspace("moving"), build=active("moving"))
    world.know(moving, *(a_workspace(w) for w in ("marked", "opened", "shown", "passed", "rest")))
    async with watching(world) as (watches, look):
        watches.marked = frozenset({"marked", "unknown"})
        watches.opened = "opened"
        watches.set_visible(frozenset({"shown", "passed"}))
        await look()
        assert watched(world) == {"moving", "marked", "opened"}
        await world.clock.advance(0.6)
        watches.set_visible(frozenset({"shown"}))
        await world.clock.advance(0.6)
        await look()
        assert watched(world) == {"moving", "marked", "opened", "shown"}
        watches.set_visible(frozenset())
        watches.opened = None
        await look()
        assert watched(world) == {"moving", "marked"}
        assert set(world.state.streams) == {"watch:moving", "watch:marked"}


async def test_a_watch_that_comes_to_rest_is_closed() -> None:
    world = World()
    world.know(replace(a_workspace(), build=active()))
    async with watching(world) as (_, look):
        await look()
        world.source.stream("watch", "w1").send(a_workspace())
        await settle()
        assert world.state.seen["w1"].via == "watch"
        await look()
        assert watched(world) == set()
        assert not world.state.streams


async def test_a_change_of_owner_opens_a_new_watch() -> None:
    world = World()
    world.know(a_workspace(owner_id="prebuilds", is_prebuild=True))
    async with watching(world) as (watches, look):
        watches.marked = frozenset({"w1"})
        await look()
        first = world.source.stream("watch", "w1")
        first.send(a_workspace(owner_id="prebuilds", is_prebuild=True))
        await settle()
        world.know(a_workspace(owner_id="ada"))
        await look()
        assert not first.is_open
        assert world.source.stream("watch", "w1").is_open
        assert len(world.source.streams["watch", "w1"]) == 2
        assert "watch:w1" in world.state.streams


async def test_the_cap_is_kept_and_said() -> None:
    world = World(watch_cap=2)
    world.know(*(a_workspace(f"w{n}") for n in range(4)))
    async with watching(world) as (watches, look):
        watches.opened = "w3"
        watches.marked = frozenset({"w0", "w1", "w2"})
        await look()
        assert watched(world) == {"w3", "w0"}
        assert world.state.watch_cap == (4, 2)
        watches.marked = frozenset({"w0"})
        await look()
        assert world.state.watch_cap is None


async def test_a_lost_watch_is_opened_again_with_growing_delays() -> None:
    world = World()
    world.know(a_workspace())
    async with watching(world) as (watches, look):
        watches.marked = frozenset({"w1"})
        await look()
        streams = world.source.streams["watch", "w1"]
        streams[-1].send(a_workspace())
        await settle()
        assert world.state.streams["watch:w1"].state is StreamState.LIVE
        streams[-1].cut(ConnectFailed("cut"))
        await settle()
        stream = world.state.streams["watch:w1"]
        assert stream.state is StreamState.RETRYING
        assert stream.problem is not None
        assert stream.retry_at is not None
        await world.clock.advance(0.5)
        assert len(streams) == 2
        streams[-1].cut(ConnectFailed("cut"))
        await world.clock.advance(0.9)
        assert len(streams) == 2
        await world.clock.advance(0.2)
        assert len(streams) == 3
        streams[-1].cut(RateLimited("slow", status=429, retry_after_s=60))
        await world.clock.advance(59)
        assert len(streams) == 3
        watches.refresh()
        await settle()
        assert len(streams) == 4


async def test_refusals_end_a_watch_and_a_lost_login_slows_it() -> None:
    world = World()
    world.know(a_workspace("gone"), a_workspace("locked"))
    world.source.errors["watch:gone"] = NotFound("gone", status=404)
    world.source.errors["watch:locked"] = NotLoggedIn("no", status=401)
    async with watching(world) as (watches, look):
        watches.marked = frozenset({"gone", "locked"})
        await look()
        assert world.state.streams["watch:gone"].state is StreamState.STOPPED
        await world.clock.advance(29)
        assert world.source.asked("watch") == ["gone", "locked"]
        await world.clock.advance(2)
        assert world.source.asked("watch") == ["gone", "locked", "locked"]
