"""Templates, pools, queue and health: what is asked, how often, and what becomes of a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.surroundings import Surroundings
from agentdash.state import events as ev
from agentdash.state.deployment import Deployment, Preset, ProvisionerJob, Template
from agentdash.state.freshness import Freshness
from agentdash.state.model import User, Workspace
from tests.unit.feed.fakes import NOON, World, a_build, a_workspace

POOL = (Preset("p1", "Large", "v1", desired=2),)
AN_HOUR = 3600


def asking(**settings: Any) -> World:
    return World(surroundings_settle_s=0.0, **settings)


def a_row(workspace_id: str = "w1", **changes: Any) -> Workspace:
    row = a_workspace(workspace_id, organization_id="o1", template_id="t1", template_active_version_id="v1")
    return replace(row, **changes)


def known(world: World) -> Deployment:
    return world.state.deployment


async def test_everything_is_read_once_at_the_start() -> None:
    world = asking()
    world.know(a_row(is_prebuild=True))
    world.source.found_templates = (Template("t1", "web", active_version_id="v1"),)
    world.source.found_presets["v1"] = POOL
    parts = Surroundings(world.ctx)
    async with world.doing(parts.run), world.doing(parts.run_health):
        await world.clock.advance(6)
        found = known(world)
        for fact in (found.templates, found.prebuilds, found.config, found.health, found.regions):
            assert fact.freshness is Freshness.POLLED
            assert fact.at is not None
        assert found.presets["v1"].value == POOL
        assert found.daemons["o1"].value
        assert found.jobs["o1"].freshness is Freshness.POLLED
        assert dict(found.rights) == {"read_prebuilds": True}
        assert "v1" in found.versions


async def test_how_often_each_is_asked_while_there_are_prebuilds() -> None:
    world = asking()
    world.know(a_row(is_prebuild=True))
    world.source.found_presets["v1"] = POOL
    parts = Surroundings(world.ctx)
    async with world.doing(parts.run), world.doing(parts.run_health):
        await world.clock.advance(600)
        counts = {name: len(world.source.asked(name)) for name, _ in world.source.calls}
    assert counts["daemons"] in (20, 21)
    assert counts["prebuilds_settings"] in (10, 11)
    assert counts["templates"] in (10, 11)
    assert counts["presets"] in (10, 11)
    assert counts["proxies"] in (2, 3)
    assert counts["health"] in (1, 2)
    assert counts["template_version"] == counts["prebuilds_config"] == counts["rights"] == 1
    assert sum(counts.values()) < 100


async def test_without_prebuilds_templates_are_asked_seldom() -> None:
    world = asking()
    world.know(a_row())
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(600)
    assert len(world.source.asked("templates")) in (2, 3)
    assert len(world.source.asked("presets")) in (2, 3)
    assert world.source.asked("template_version") == []


async def test_versions_of_prebuilds_and_of_templates_without_workspaces_are_asked_too() -> None:
    world = asking()
    world.know(a_row(is_prebuild=True, build=a_build(template_version_id="v0")))
    world.source.found_templates = (
        Template("t1", "web", active_version_id="v2"),
        Template("t2", "unused", active_version_id="u1"),
        Template("t3", "old", active_version_id="x1", deprecated=True),
    )
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(10)
    assert set(world.source.asked("presets")) == {"v0", "v1", "v2", "u1"}


async def test_organizations_are_those_of_the_user_and_of_the_workspaces() -> None:
    world = asking()
    world.know(a_row())
    world._post([ev.UserRead(User("u1", "ada", organization_ids=("o2",)))])
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(1)
    assert set(world.source.asked("daemons")) == {"o1", "o2"}
    assert world.source.asked("rights") == [("o1", "o2")]


# Refusals


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFound("Resource not found", status=404),
        errors.Forbidden("Forbidden.", status=403),
        errors.FeatureNotLicensed("Contact sales!", status=403),
    ],
)
async def test_a_refused_part_says_so_and_is_asked_again_after_an_hour(error: ApiError) -> None:
    world = asking()
    world.know(a_row())
    world.source.errors["daemons"] = error
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(AN_HOUR - 60)
        assert len(world.source.asked("daemons")) == 1
        fact = known(world).daemons["o1"]
        assert fact.freshness is Freshness.REFUSED
        assert fact.problem is not None
        assert fact.problem.status == error.status
        assert len(world.source.asked("jobs")) > 50
        del world.source.errors["daemons"]
        await world.clock.advance(120)
        assert known(world).daemons["o1"].freshness is Freshness.POLLED


async def test_a_missing_route_is_not_asked_for_until_the_version_changes() -> None:
    world = asking()
    world.know(a_row())
    world._post([ev.BuildInfoRead("v2.20.0", "", "", False)])
    world.source.errors["prebuilds_settings"] = errors.RouteNotFound("", status=404)
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(3 * AN_HOUR)
        assert len(world.source.asked("prebuilds_settings")) == 1
        assert known(world).prebuilds.freshness is Freshness.REFUSED
        assert known(world).prebuilds.retry_at is None
        del world.source.errors["prebuilds_settings"]
        world._post([ev.BuildInfoRead("v2.30.0", "", "", False)])
        await world.clock.advance(10)
        assert known(world).prebuilds.freshness is Freshness.POLLED


async def test_another_login_is_worth_another_try() -> None:
    world = asking()
    world.know(a_row())
    world._post([ev.UserRead(User("u1", "ada"))])
    world.source.errors["jobs"] = errors.NotFound("", status=404)
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(60)
        world._post([ev.UserRead(User("u2", "grace"))])
        await world.clock.advance(10)
    assert len(world.source.asked("jobs")) == 2


async def test_a_person_may_ask_at_once() -> None:
    world = asking()
    world.know(a_row())
    world.source.errors["jobs"] = errors.NotFound("", status=404)
    parts = Surroundings(world.ctx)
    async with world.doing(parts.run), world.doing(parts.run_health):
        await world.clock.advance(7)
        before = len(world.source.asked("templates"))
        parts.refresh()
        await world.clock.advance(1)
        assert len(world.source.asked("jobs")) == 2
        assert len(world.source.asked("templates")) == before + 1
        assert len(world.source.asked("health")) == 1


# Troubles


async def test_a_trouble_ages_the_fact_and_passes() -> None:
    world = asking()
    world.know(a_row())
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(1)
        world.source.errors["daemons"] = errors.ServerError("boom", status=500)
        await world.clock.advance(35)
        fact = known(world).daemons["o1"]
        assert (fact.freshness, bool(fact.value)) == (Freshness.STALE, True)
        assert fact.retry_at is not None
        del world.source.errors["daemons"]
        await world.clock.advance(40)
        assert known(world).daemons["o1"].freshness is Freshness.POLLED


async def test_a_restart_of_the_server_is_survived_with_few_requests() -> None:
    world = asking()
    world.know(a_row())
    names = ("templates", "prebuilds_settings", "daemons", "jobs", "presets", "proxies")
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(1)
        world.source.errors = {name: errors.ConnectFailed("refused") for name in names}
        before = len(world.source.calls)
        await world.clock.advance(120)
        assert 0 < len(world.source.calls) - before < 20
        assert world.told(ev.ServerFailed)
        world.source.errors.clear()
        await world.clock.advance(60)
        assert known(world).daemons["o1"].freshness is Freshness.POLLED


async def test_a_lost_login_is_told_and_asked_seldom() -> None:
    world = asking()
    world.know(a_row())
    world.source.errors["prebuilds_settings"] = errors.NotLoggedIn("expired", status=401)
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(300)
        assert known(world).prebuilds.freshness is Freshness.REFUSED
        assert len(world.source.asked("prebuilds_settings")) <= 11
        assert world.told(ev.ServerFailed)


async def test_a_slow_health_check_is_no_outage() -> None:
    world = asking()
    world.source.errors["health"] = errors.TimedOut("")
    parts = Surroundings(world.ctx)
    async with world.doing(parts.run_health):
        await world.clock.advance(300)
        assert world.told(ev.ServerFailed) == []
        assert 1 < len(world.source.asked("health")) <= 6
        assert known(world).health.freshness is Freshness.STALE


# Jobs


def a_job(job_id: str, status: str, age_s: int = 0) -> ProvisionerJob:
    return ProvisionerJob(job_id, "workspace_build", status, created_at=NOON - timedelta(seconds=age_s))


async def test_jobs_that_stand_are_read_often_and_the_many_others_seldom() -> None:
    world = asking()
    world.know(a_row())
    old = tuple(a_job(f"j{n}", "succeeded", n) for n in range(1, 300))
    world.source.found_jobs = (a_job("run", "running"), *old)
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(1)
        assert known(world).jobs["o1"].value is not None
        assert known(world).jobs["o1"].value[0].id == "run"
        world.source.found_jobs = (a_job("new", "pending", -5), *old)
        await world.clock.advance(35)
        jobs = known(world).jobs["o1"].value
        assert jobs is not None
        assert [job.id for job in jobs[:3]] == ["new", "j1", "j2"]
        assert len(jobs) == 200
        await world.clock.advance(550)
        asked = [statuses for _, statuses in world.source.asked("jobs")]
        assert asked.count(()) == 2
        assert len(asked) <= 24


async def test_a_short_list_of_jobs_costs_one_request() -> None:
    world = asking()
    world.know(a_row())
    world.source.found_jobs = (a_job("a", "pending"),)
    async with world.doing(Surroundings(world.ctx).run):
        await world.clock.advance(1)
    assert world.source.asked("jobs") == [("o1", ())]
