"""Trouble first, sweep, what is gone, what happens while the server is away."""

from __future__ import annotations

import pytest

from agentdash.api.errors import BadRequest, ConnectFailed, NotLoggedIn
from agentdash.feed.fleet import TROUBLE, Fleet
from agentdash.state import events as ev
from agentdash.state.freshness import Freshness
from tests.unit.feed.fakes import World, a_workspace, settle


async def test_trouble_is_asked_at_once_and_every_ten_seconds() -> None:
    world = World()
    world.source.put(a_workspace("sick"))
    world.source.matching["status:failed"] = ["sick"]
    fleet = Fleet(world.ctx)
    async with world.doing(fleet.run_trouble):
        assert "sick" in world.state.workspaces
        assert world.state.seen["sick"].via == "query"
        assert world.state.counts.by_query["status:failed"] == 1
        first = len(world.source.asked("page"))
        assert first == len(TROUBLE) + 1
        await world.clock.advance(9.9)
        assert len(world.source.asked("page")) == first
        await world.clock.advance(0.2)
        # The prebuilds are asked for less often.
        assert len(world.source.asked("page")) == first + len(TROUBLE)
        await world.clock.advance(20)
        assert [q for q, *_ in world.source.asked("page")].count("owner:prebuilds") == 2


async def test_a_build_shorter_than_a_round_is_seen_while_it_runs() -> None:
    world = World()
    world.source.put(a_workspace("begun"))
    async with world.doing(Fleet(world.ctx).run_begun):
        assert not world.source.asked("page"), "the first round of everything is under way"
        await world.clock.advance(4)
        world.source.matching["status:starting"] = ["begun"]
        await world.clock.advance(3)
        assert "begun" in world.state.workspaces
        world.source.errors["status:pending"] = ConnectFailed("no")
        await world.clock.advance(30)
        del world.source.errors["status:pending"]
        asked = len(world.source.asked("page"))
        await world.clock.advance(60)
        assert len(world.source.asked("page")) > asked, "it goes on when the server is back"


async def test_trouble_reads_more_pages_up_to_a_bound() -> None:
    world = World(page_limit=2, trouble_pages=2)
    world.source.put(*(a_workspace(f"w{n}") for n in range(7)))
    world.source.matching["status:pending"] = [f"w{n}" for n in range(7)]
    async with world.doing(Fleet(world.ctx).run_trouble):
        await world.clock.advance(2)
        asked = [a for a in world.source.asked("page") if a[0] == "status:pending"]
        assert asked == [("status:pending", 2, 0), ("status:pending", 2, 2)]


async def test_a_search_the_server_does_not_know_is_not_asked_again() -> None:
    world = World()
    world.source.errors["has-agent:timeout"] = BadRequest("bad", status=400)
    fleet = Fleet(world.ctx)
    async with world.doing(fleet.run_trouble):
        await world.clock.advance(30)
        assert [q for q, *_ in world.source.asked("page")].count("has-agent:timeout") == 1
        assert [q for q, *_ in world.source.asked("page")].count("status:failed") == 4
        fleet.refresh()
        await settle()
        assert [q for q, *_ in world.source.asked("page")].count("has-agent:timeout") == 2


async def test_sweep_reads_all_pages_and_says_its_count() -> None:
    world = World(page_limit=2)
    world.source.put(*(a_workspace(f"w{n}") for n in range(5)))
    async with world.doing(Fleet(world.ctx).run_sweep):
        assert len(world.state.workspaces) == 5
        assert world.source.asked("page") == [("", 2, 0), ("", 2, 2), ("", 2, 4)]
        assert world.state.fleet.freshness is Freshness.POLLED
        assert world.state.counts.total == 5
        await world.clock.advance(9.9)
        assert len(world.source.asked("page")) == 3
        await world.clock.advance(0.2)
        assert len(world.source.asked("page")) > 3


async def test_later_sweeps_are_paced_by_bytes() -> None:
    world = World(page_limit=2, sweep_interval_s=10.0)
    world.source.put(*(a_workspace(f"w{n}") for n in range(4)))
    world.source.page_size = 400_000
    async with world.doing(Fleet(world.ctx).run_sweep):
        await world.clock.advance(10)
        assert len(world.source.asked("page")) == 3
        await world.clock.advance(1.9)
        assert len(world.source.asked("page")) == 3
        await world.clock.advance(0.2)
        assert len(world.source.asked("page")) == 4


async def test_heavy_pages_are_asked_for_in_smaller_pieces() -> None:
    world = World(page_limit=100)
    world.source.put(*(a_workspace(f"w{n}") for n in range(160)))
    world.source.page_size = 2_000_000
    async with world.doing(Fleet(world.ctx).run_sweep):
        assert world.source.asked("page") == [("", 100, 0), ("", 50, 100), ("", 25, 150)]


async def test_what_is_missing_from_a_single_page_is_gone() -> None:
    world = World()
    world.source.put(a_workspace("stays"), a_workspace("goes"))
    async with world.doing(Fleet(world.ctx).run_sweep):
        del world.source.workspaces["goes"]
        await world.clock.advance(10.1)
        assert set(world.state.workspaces) == {"stays"}
        assert world.source.asked("workspace") == []


async def test_a_row_that_moved_between_pages_is_looked_up_before_it_is_dropped() -> None:
    world = World(page_limit=2)
    world.source.put(*(a_workspace(f"w{n}") for n in range(5)))
    async with world.doing(Fleet(world.ctx).run_sweep):
        # It is on the server, and on no page this time.
        real = world.source.page

        async def skipping(query: str, limit: int, offset: int):  # type: ignore[no-untyped-def]
            page = await real(query, limit, offset)
            found = tuple(w for w in page.workspaces if w.id != "w1")
            return type(page)(found, page.count, page.size, page.took_s)

        world.source.page = skipping  # type: ignore[method-assign]
        await world.clock.advance(12)
        assert world.source.asked("workspace") == ["w1"]
        assert "w1" in world.state.workspaces
        del world.source.workspaces["w2"]
        await world.clock.advance(12)
        assert "w2" not in world.state.workspaces


async def test_the_list_ages_while_the_server_is_away_and_comes_back() -> None:
    world = World()
    world.source.put(a_workspace())
    async with world.doing(Fleet(world.ctx).run_sweep):
        world.source.errors["page"] = ConnectFailed("refused")
        await world.clock.advance(10.1)
        assert world.state.fleet.freshness is Freshness.STALE
        assert world.state.fleet.retry_at is not None
        assert world.state.server.problem is not None
        assert world.state.server.problem.kind == "ConnectFailed"
        assert "w1" in world.state.workspaces
        del world.source.errors["page"]
        await world.clock.advance(30)
        assert world.state.fleet.freshness is Freshness.POLLED


async def test_a_sweep_that_was_cut_goes_on_where_it_ended() -> None:
    world = World(page_limit=2)
    world.source.put(*(a_workspace(f"w{n}") for n in range(6)))
    world.source.errors["page:('', 2, 2)"] = ConnectFailed("cut")
    async with world.doing(Fleet(world.ctx).run_sweep):
        assert [offset for _, _, offset in world.source.asked("page")] == [0, 2]
        world.source.errors.clear()
        await world.clock.advance(1)
        assert [offset for _, _, offset in world.source.asked("page")] == [0, 2, 2, 4]
        assert len(world.state.workspaces) == 6
        assert world.state.fleet.freshness is Freshness.POLLED


async def test_a_refused_token_is_tried_seldom_and_at_once_on_refresh() -> None:
    world = World()
    world.source.errors["page"] = NotLoggedIn("expired", status=401)
    fleet = Fleet(world.ctx)
    async with world.doing(fleet.run_sweep):
        await world.clock.advance(29)
        assert len(world.source.asked("page")) == 1
        assert world.state.server.problem is not None
        del world.source.errors["page"]
        fleet.refresh()
        await settle()
        assert len(world.source.asked("page")) == 2


async def test_an_answer_is_stamped_with_the_time_it_was_asked_at() -> None:
    """What a watch said meanwhile is newer than the answer and stays."""
    world = World()
    old, new = a_workspace(name="before"), a_workspace(name="after")
    world.source.put(old)
    real = world.source.page

    async def slow(query: str, limit: int, offset: int):  # type: ignore[no-untyped-def]
        page = await real(query, limit, offset)
        await world.clock.sleep(5)
        return page

    world.source.page = slow  # type: ignore[method-assign]
    async with world.doing(Fleet(world.ctx).run_sweep):
        await world.clock.advance(2)
        world.ctx.emit(ev.WorkspacesRead((new,), world.ctx.server_now(), "watch"))
        await world.clock.advance(4)
        assert world.state.fleet.value == 1
        assert world.state.workspaces["w1"].name == "after"


@pytest.mark.parametrize("offset_s", [300.0, -300.0])
async def test_the_first_answer_is_on_the_servers_clock_too(offset_s: float) -> None:
    """A local clock that is wrong by minutes must not make the first answer newer than all that follow."""
    from agentdash.api.exchange import Exchange

    world = World()
    world.source.put(a_workspace())
    real = world.source.page

    async def telling(query: str, limit: int, offset: int):  # type: ignore[no-untyped-def]
        page = await real(query, limit, offset)
        now = world.clock.now()
        world.ctx.answered(
            Exchange("GET", "/api/v2/workspaces", 200, 0.1, now, "v2.37.1", clock_offset_s=offset_s)
        )
        return page

    world.source.page = telling  # type: ignore[method-assign]
    async with world.doing(Fleet(world.ctx).run_sweep):
        seen = world.state.seen["w1"].at
        assert (seen - world.clock.now()).total_seconds() == pytest.approx(offset_s)


async def test_a_trouble_answer_is_stamped_with_its_start_too() -> None:
    world = World()
    world.source.put(a_workspace(name="before"))
    world.source.matching["status:failed"] = ["w1"]
    real = world.source.page

    async def slow(query: str, limit: int, offset: int):  # type: ignore[no-untyped-def]
        page = await real(query, limit, offset)
        await world.clock.sleep(5 if query == "status:failed" else 0)
        return page

    world.source.page = slow  # type: ignore[method-assign]
    async with world.doing(Fleet(world.ctx).run_trouble):
        await world.clock.advance(2)
        world.ctx.emit(ev.WorkspacesRead((a_workspace(name="after"),), world.ctx.server_now(), "watch"))
        await world.clock.advance(4)
        assert world.source.asked("page")[-1][0] != "status:failed"
        assert world.state.workspaces["w1"].name == "after"


async def test_many_missing_at_once_are_gone_with_the_second_sweep_only() -> None:
    world = World(page_limit=100)
    world.source.put(*(a_workspace(f"w{n:03}") for n in range(150)))
    async with world.doing(Fleet(world.ctx).run_sweep):
        for n in range(120, 150):
            del world.source.workspaces[f"w{n:03}"]
        await world.clock.advance(12)
        # Twenty have been looked up; nobody was sure of the rest yet.
        assert len(world.source.asked("workspace")) == 20
        assert len(world.state.workspaces) == 130
        await world.clock.advance(12)
        assert len(world.state.workspaces) == 120


async def test_what_came_during_a_sweep_is_not_dropped_by_it() -> None:
    world = World(page_limit=2)
    world.source.put(*(a_workspace(f"w{n}") for n in range(6)))
    async with world.doing(Fleet(world.ctx).run_sweep):
        await world.clock.advance(10.5)
        # On no page of the sweep that is under way, and not on the server's list any more when it ends.
        world.ctx.emit(ev.WorkspacesRead((a_workspace("new"),), world.ctx.server_now(), "watch"))
        ended = len(world.told(ev.SweepEnded))
        while len(world.told(ev.SweepEnded)) == ended:
            await world.clock.advance(0.1)
        assert "new" in world.state.workspaces
