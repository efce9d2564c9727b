"""One stream that tells of changes: when it is opened, what it makes the feed read, how it is done without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentdash.api import errors, tailnet_errors
from agentdash.feed.source import OwnerUpdate, WorkspaceSighting
from agentdash.state import events as ev
from agentdash.state.freshness import StreamState
from tests.unit.feed.fakes import World, a_build, a_workspace, active, an_agent, settle

QUIET = {
    "sweep_interval_s": 1e9,
    "trouble_interval_s": 1e9,
    "begun_interval_s": 1e9,
    "reread_s": 1e9,
    "reread_moving_s": 1e9,
}
"""Nothing but the stream makes the feed read."""


def a_world(source: str = "tailnet", **settings: Any) -> World:
    return World(**{**QUIET, "fleet_source": source, **settings})


def seen(workspace_id: str = "w1", status: str = "running") -> WorkspaceSighting:
    return WorkspaceSighting(workspace_id, workspace_id, status)


def snapshot(*ids: str, owner: str = "u1") -> OwnerUpdate:
    agents = tuple((f"{w}-main-1", w) for w in ids)
    return OwnerUpdate(owner, is_snapshot=True, workspaces=tuple(map(seen, ids)), agents=agents)


def told(world: World, update: OwnerUpdate) -> None:
    world.source.stream("updates", "").send(update)


async def test_what_is_known_is_not_read_again() -> None:
    world = a_world()
    world.source.put(a_workspace("a"), a_workspace("b"))
    async with world.running():
        await world.clock.advance(1)
        told(world, snapshot("a", "b"))
        await world.clock.advance(5)
        assert world.source.asked("workspace") == []
        assert world.state.streams["updates"].state is StreamState.LIVE


async def test_several_words_on_one_workspace_are_one_reading() -> None:
    world = a_world()
    world.source.put(a_workspace())
    async with world.running():
        await world.clock.advance(1)
        told(world, snapshot("w1"))
        await settle()
        made = replace(a_workspace(), build=a_build(number=2), agents=(an_agent(id="new"),))
        world.source.put(made)
        for status in ("pending", "starting"):
            told(world, OwnerUpdate("u1", is_snapshot=False, workspaces=(seen(status=status),)))
        rest = OwnerUpdate("u1", is_snapshot=False, workspaces=(seen(),), agents=(("new", "w1"),))
        told(world, replace(rest, deleted_agents=("w1-main-1",)))
        await world.clock.advance(5)
        assert world.source.asked("workspace") == ["w1"]
        assert world.state.workspaces["w1"].agents[0].id == "new"


async def test_what_another_reading_brought_meanwhile_is_not_read() -> None:
    world = a_world()
    world.source.put(a_workspace())
    async with world.running():
        await world.clock.advance(1)
        told(world, snapshot("w1"))
        told(world, OwnerUpdate("u1", is_snapshot=False, workspaces=(seen(status="stopping"),)))
        await settle()
        world.know(replace(a_workspace(), build=active()))
        await world.clock.advance(5)
        assert world.source.asked("workspace") == []


async def test_a_new_one_turns_up_and_a_deleted_one_goes() -> None:
    world = a_world()
    world.source.put(a_workspace("old"))
    async with world.running():
        await world.clock.advance(1)
        told(world, snapshot("old"))
        world.source.put(a_workspace("new"))
        del world.source.workspaces["old"]
        change = snapshot("new")
        told(world, replace(change, is_snapshot=False, deleted_workspaces=("old",)))
        await world.clock.advance(2)
        assert set(world.state.workspaces) == {"new"}
        assert sorted(world.source.asked("workspace")) == ["new", "old"]


async def test_a_deletion_that_is_told_falsely_takes_nothing_away() -> None:
    world = a_world()
    world.source.put(a_workspace())
    async with world.running():
        await world.clock.advance(1)
        told(world, snapshot("w1"))
        told(world, OwnerUpdate("u1", is_snapshot=False, deleted_workspaces=("w1",)))
        await world.clock.advance(2)
        assert "w1" in world.state.workspaces
        assert world.source.asked("workspace") == ["w1"]


async def test_many_at_once_are_read_a_few_at_a_time_and_what_is_on_screen_first() -> None:
    world = a_world()
    ids = [f"w{n:03}" for n in range(100)]
    world.source.put(*(a_workspace(w) for w in ids))
    async with world.running():
        await world.clock.advance(1)
        world.feed.set_visible(["w099"])
        told(world, snapshot(*ids))
        await settle()
        change = tuple(seen(w, "stopped") for w in ids)
        for workspace_id in ids:
            workspace = world.source.workspaces[workspace_id]
            world.source.put(replace(workspace, build=a_build(workspace_id, 2, status="stopped")))
        told(world, OwnerUpdate("u1", is_snapshot=False, workspaces=change))
        await world.clock.advance(1)
        read = world.source.asked("workspace")
        assert read[0] == "w099"
        assert len(read) <= 15
        await world.clock.advance(15)
        assert sorted(world.source.asked("workspace")) == ids


@pytest.mark.parametrize(
    ("setting", "owners", "wanted"),
    [
        ("watch", ("u1",), None),
        ("auto", ("u1", "u1"), ("u1",)),
        ("auto", (), ("u1",)),
        ("auto", ("u1", "u2"), None),
        ("tailnet", ("u3", "u2", "u2"), ("u1", "u2", "u3")),
    ],
)
async def test_whose_workspaces(
    setting: str, owners: tuple[str, ...], wanted: tuple[str, ...] | None
) -> None:
    world = a_world(setting)
    world.source.put(*(a_workspace(f"w{n}", owner_id=owner) for n, owner in enumerate(owners)))
    async with world.running():
        await world.clock.advance(1)
        assert (("updates", "") in world.source.streams) is (wanted is not None)
        if wanted is not None:
            assert world.source.owners.ids == wanted


async def test_owners_come_and_go_on_the_open_stream() -> None:
    world = a_world(owners_at_once=2)
    world.source.put(a_workspace("a", owner_id="u1"), a_workspace("b", owner_id="u2"))
    async with world.running():
        await world.clock.advance(1)
        changes: list[tuple[str, ...]] = []
        world.source.owners.on_change = lambda: changes.append(world.source.owners.ids)
        world.know(a_workspace("c", owner_id="u3"), a_workspace("d", owner_id="u3"))
        await world.clock.advance(1)
        assert changes == []  # who is told of already stays
        world.ctx.emit(ev.WorkspaceGone("b"))
        await world.clock.advance(1)
        assert changes == [("u1", "u3")]
        assert len(world.source.streams["updates", ""]) == 1


async def test_rows_that_it_tells_of_need_no_watch_while_they_rest() -> None:
    world = a_world()
    world.source.put(*(a_workspace(w) for w in ("told", "marked")), a_workspace("shared", owner_id="u2"))
    async with world.running():
        await world.clock.advance(1)
        told(world, snapshot("told", "marked"))
        told(world, snapshot(owner="u2"))
        world.feed.set_visible(["told", "shared", "marked"])
        world.feed.set_marked(["marked"])
        await world.clock.advance(3)
        assert {w for kind, w in world.source.streams if kind == "watch"} == {"shared", "marked"}
        # Without it they are watched again.
        world.source.stream("updates", "").cut(errors.ConnectFailed("cut"))
        await world.clock.advance(0.6)
        assert ("watch", "told") in world.source.streams


async def test_by_itself_it_comes_on_top_of_the_watches() -> None:
    world = a_world("auto")
    world.source.put(a_workspace())
    async with world.running():
        await world.clock.advance(1)
        told(world, snapshot("w1"))
        world.feed.set_visible(["w1"])
        await world.clock.advance(3)
        assert world.source.stream("watch", "w1").is_open


async def test_a_cut_one_is_opened_again_with_growing_delays() -> None:
    world = a_world()
    world.source.put(a_workspace())
    async with world.running():
        await world.clock.advance(1)
        streams = world.source.streams["updates", ""]
        told(world, snapshot("w1"))
        await settle()
        streams[-1].cut(tailnet_errors.RpcCut("cut"))
        await settle()
        assert world.state.streams["updates"].state is StreamState.RETRYING
        await world.clock.advance(60)
        assert len(streams) == 2
        # What happened meanwhile is in the next snapshot.
        world.source.put(replace(a_workspace(), build=a_build(number=2, status="stopped"), agents=()))
        told(world, OwnerUpdate("u1", is_snapshot=True, workspaces=(seen(status="stopped"),)))
        await world.clock.advance(2)
        assert world.state.workspaces["w1"].build.status == "stopped"
        assert world.state.streams["updates"].reconnects == 1


@pytest.mark.parametrize(
    "refusal",
    [
        errors.RouteNotFound("Route not found.", status=404),
        errors.Forbidden("no", status=403),
        tailnet_errors.BrowserOnly("no", status=409),
        tailnet_errors.VersionRefused("no", status=400),
        tailnet_errors.RpcUnknown("no"),
        tailnet_errors.UpdatesRefused(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_refused_it_is_done_without_until_the_server_is_another(refusal: errors.ApiError) -> None:
    world = a_world()
    world.source.errors["updates"] = refusal
    world.source.put(a_workspace())
    async with world.running():
        world.feed.set_visible(["w1"])
        await world.clock.advance(120)
        assert len(world.source.asked("updates")) == 1
        stream = world.state.streams["updates"]
        assert (stream.state, stream.problem is not None) == (StreamState.STOPPED, True)
        assert world.source.stream("watch", "w1").is_open
        del world.source.errors["updates"]
        world.ctx.emit(ev.BuildInfoRead("v2.40.0", "dep", "", False))
        await world.clock.advance(1)
        assert len(world.source.asked("updates")) == 2


async def test_refused_it_is_tried_again_when_the_person_asks() -> None:
    world = a_world()
    world.source.errors["updates"] = errors.RouteNotFound("Route not found.", status=404)
    async with world.running():
        await world.clock.advance(1)
        world.feed.refresh()
        await world.clock.advance(1)
        assert len(world.source.asked("updates")) == 2


@pytest.mark.parametrize("passing", [errors.NotLoggedIn("no"), errors.RateLimited("no", retry_after_s=60)])
async def test_what_passes_is_waited_for(passing: errors.ApiError) -> None:
    world = a_world()
    world.source.errors["updates"] = passing
    async with world.running():
        await world.clock.advance(5)
        assert world.state.streams["updates"].state is StreamState.RETRYING
        assert len(world.source.asked("updates")) == 1
        await world.clock.advance(120)
        assert len(world.source.asked("updates")) > 1
