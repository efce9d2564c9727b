"""A whole deployment read once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed import surroundings_once
from agentdash.feed.source import Page
from agentdash.feed.surroundings_once import read_once
from agentdash.state import events as ev
from agentdash.state.deployment import HealthReport, LogTail, Preset, Template
from agentdash.state.freshness import Freshness
from agentdash.state.model import Job
from tests.unit.feed.fakes import NOON, World, a_build, a_workspace, an_agent, lines, settle

DIALS = {"ports", "shares", "containers", "watch", "watch_containers", "metadata", "follow", "follow_build"}


def a_fleet(count: int) -> World:
    """So many workspaces, every fifth of which has failed to build or start."""
    world = World()
    for number in range(count):
        row = a_workspace(f"w{number:03}", organization_id="o1", template_id="t1")
        if number % 10 == 0:
            build = a_build(row.id, status="failed", job=Job("j", "failed", completed_at=NOON))
            row = replace(row, build=build, agents=())
        elif number % 10 == 5:
            row = replace(row, agents=(an_agent(row.id, lifecycle="start_error"),))
        world.source.put(row)
    world.source.found_templates = (Template("t1", "web", active_version_id="v1"),)
    world.source.found_presets["v1"] = (Preset("p1", "Large", "v1", desired=2),)
    return world


async def read(world: World) -> None:
    """One reading; all sleeping in it is over at once."""
    task = asyncio.ensure_future(read_once(world.source, world._post, lambda: world.store.state, world.clock))
    await settle()
    await task
    assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []


async def test_a_fleet_of_300_is_read_with_what_is_unwell_in_it() -> None:
    world = a_fleet(300)
    world.source.tails["w000-b1"] = LogTail(lines(1), is_whole=True)
    await read(world)
    known = world.state.deployment
    assert len(world.state.workspaces) == 300
    assert world.state.fleet.value == 300
    assert world.state.server.user is not None
    assert world.state.server.entitlements is not None
    assert known.health.value is not None
    assert len(known.build_logs) == len(known.builds) == 30
    assert len(known.agent_logs) == 30
    assert known.build_logs["w000-b1"].value == world.source.tails["w000-b1"]
    assert known.presets["v1"].value
    assert "v1" in known.versions
    assert not DIALS & {name for name, _ in world.source.calls}
    assert len(world.source.asked("page")) == 3
    assert len(world.source.calls) < 200


async def test_nothing_is_asked_twice() -> None:
    world = a_fleet(50)
    await read(world)
    calls = [call for call in world.source.calls if call[0] != "page"]
    assert len(calls) == len(set(map(repr, calls)))


async def test_only_a_few_requests_are_under_way_at_once() -> None:
    world = a_fleet(300)
    under_way = most = 0
    quick = world.source.agent_tail

    async def tail(*args: Any) -> LogTail:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await quick(*args)

    world.source.agent_tail = tail  # type: ignore[method-assign]
    await read(world)
    assert 1 < most <= surroundings_once.AT_ONCE


async def test_questions_about_single_workspaces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings_once, "CASES_AT_MOST", 7)
    world = a_fleet(100)
    await read(world)
    known = world.state.deployment
    assert sum(map(len, (known.builds, known.build_logs, known.agent_logs, known.timings))) == 7


async def test_refusals_become_refused_facts() -> None:
    world = a_fleet(20)
    refused = errors.NotFound("not for you", status=404)
    for name in ("daemons", "jobs", "health", "prebuilds_settings", "agent_tail", "rights"):
        world.source.errors[name] = refused
    await read(world)
    known = world.state.deployment
    assert {f.freshness for f in known.agent_logs.values()} == {Freshness.REFUSED}
    for fact in (known.daemons["o1"], known.jobs["o1"], known.health, known.prebuilds):
        assert (fact.freshness, fact.value) == (Freshness.REFUSED, None)
    assert known.templates.freshness is Freshness.POLLED


@pytest.mark.parametrize(
    "error", [errors.NotLoggedIn("expired", status=401), errors.ConnectFailed("refused")]
)
async def test_without_workspaces_there_is_nothing_to_say(error: ApiError) -> None:
    world = a_fleet(3)
    world.source.errors["page"] = error
    with pytest.raises(type(error)):
        await read(world)


async def test_a_page_that_fails_on_the_way_ends_the_reading() -> None:
    world = a_fleet(300)
    world.source.errors[f"page:{('', 100, 200)}"] = errors.ServerError("boom", status=500)
    with pytest.raises(errors.ServerError):
        await read(world)


async def test_what_was_read_stands_when_the_server_goes_away() -> None:
    world = a_fleet(300)
    world.source.errors["build_tail"] = errors.ConnectFailed("refused")
    await read(world)
    known = world.state.deployment
    assert known.templates.freshness is Freshness.POLLED
    assert known.build_logs["w000-b1"].freshness is Freshness.STALE
    assert len(world.source.asked("build_tail")) <= surroundings_once.AT_ONCE


async def test_a_health_check_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings_once, "HEALTH_WAIT_S", 0.0)
    world = a_fleet(3)
    never = asyncio.Event()

    async def health() -> HealthReport:
        await never.wait()
        raise AssertionError

    world.source.health = health  # type: ignore[method-assign]
    await read(world)
    fact = world.state.deployment.health
    assert (fact.freshness, fact.value) == (Freshness.STALE, None)
    assert fact.problem is not None
    assert fact.problem.kind == "TimedOut"
    assert world.told(ev.ServerFailed) == []


async def test_times_are_the_servers() -> None:
    world = a_fleet(1)
    world.source.clock_offset_s = 90.0
    await read(world)
    at = world.state.deployment.templates.at
    assert at is not None
    assert (at - NOON).total_seconds() == 90
    assert (world.state.seen["w000"].at - NOON).total_seconds() == 90
    assert world.state.server.clock_offset_s == 90


async def test_a_second_reading_forgets_what_is_gone_and_keeps_what_was_only_missed() -> None:
    world = a_fleet(150)
    await read(world)
    del world.source.workspaces["w003"]
    whole = world.source.page

    async def page(query: str, limit: int, offset: int) -> Page:
        found = await whole(query, limit, offset)
        return replace(found, workspaces=tuple(w for w in found.workspaces if w.id != "w007"))

    world.source.page = page  # type: ignore[method-assign]
    await world.clock.advance(60)
    await read(world)
    assert len(world.state.workspaces) == 149
    assert "w007" in world.state.workspaces


async def test_pages_that_overlap_are_merged() -> None:
    world = a_fleet(150)
    whole = world.source.page

    async def page(query: str, limit: int, offset: int) -> Page:
        return await whole(query, limit, max(0, offset - 1))

    world.source.page = page  # type: ignore[method-assign]
    await read(world)
    assert len(world.state.workspaces) == 150
