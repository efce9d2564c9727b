"""The scripted fleet as it stands when somebody opens it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from agentdash.local import reconciler
from agentdash.local.clock import ManualClock
from agentdash.local.records import PREBUILDS_USER_ID, Deployment, Workspace
from agentdash.local.render import agent_logs_text, timings_json, workspace_json
from agentdash.local.world import World, build_fleet, large_fleet


@pytest.fixture
def world() -> World:
    return build_fleet(Deployment(ManualClock()))


def snapshot(world: World) -> str:
    deployment = world.deployment
    viewer = world.user("ops")
    rows = [workspace_json(deployment, workspace, viewer) for workspace in deployment.live_workspaces()]
    return json.dumps(rows)


def only(world: World, what: str) -> Workspace:
    (found,) = world.showing(what)
    return found


def agent_states(world: World, workspace: Workspace) -> list[tuple[str, str, str]]:
    now = world.deployment.now()
    return [(agent.name, agent.status(now), agent.lifecycle_state) for agent in workspace.agents]


def test_forty_workspaces_in_six_templates(world: World) -> None:
    workspaces = list(world.deployment.live_workspaces())
    assert len(workspaces) == 40
    assert len({workspace.template_id for workspace in workspaces}) == 6
    names = [(workspace.owner_id, workspace.name) for workspace in workspaces]
    assert len(set(names)) == 40


def test_same_seed_same_fleet_to_the_last_byte() -> None:
    first, second = (build_fleet(Deployment(ManualClock()), seed=11) for _ in range(2))
    assert snapshot(first) == snapshot(second)
    assert snapshot(build_fleet(Deployment(ManualClock()), seed=12)) != snapshot(first)


@pytest.mark.parametrize(
    ("what", "states"),
    [
        ("start_error", [("main", "connected", "start_error")]),
        ("start_timeout", [("main", "connected", "start_timeout")]),
        ("pipes_left_open", [("main", "connected", "start_error")]),
        ("disconnected", [("main", "disconnected", "ready")]),
        ("link_lost", [("main", "disconnected", "ready")]),
        ("timeout", [("main", "timeout", "created")]),
        ("slow_start", [("main", "connected", "starting")]),
        ("ai_waiting", [("main", "connected", "ready")]),
        (
            "sub_agents",
            [("main", "connected", "ready"), ("api", "connected", "ready"), ("site", "connected", "ready")],
        ),
        ("devcontainer_error", [("main", "connected", "start_error"), ("api", "connected", "ready")]),
    ],
)
def test_agents_show_what_they_are_cast_for(
    world: World, what: str, states: list[tuple[str, str, str]]
) -> None:
    assert agent_states(world, only(world, what)) == states


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("stopped", "stopped"),
        ("build_failed", "failed"),
        ("canceled_running", "failed"),
        ("canceled_pending", "canceled"),
        ("pending", "pending"),
        ("claiming", "starting"),
    ],
)
def test_builds_show_what_they_are_cast_for(world: World, what: str, status: str) -> None:
    for workspace in world.showing(what):
        assert workspace.latest_build.status == status
        assert workspace.agents == []


def test_healthy_ones_are_healthy(world: World) -> None:
    now = world.deployment.now()
    for workspace in world.showing("healthy"):
        for agent in workspace.agents:
            assert (agent.status(now), agent.lifecycle_state) == ("connected", "ready")
            assert {script.status for script in agent.scripts if script.run_on_start} == {"ok"}
            assert all(item.collected_at == now and not item.error for item in agent.metadata)


def test_failing_script_says_why_in_its_own_source(world: World) -> None:
    agent = only(world, "start_error").agents[0]
    script = agent.find_script("Install dependencies")
    assert (script.status, script.exit_code) == ("exit_failure", 228)
    said = agent_logs_text(agent, [line for line in agent.logs if line.source_id == script.log_source_id])
    assert "[error] [agent.main|Install dependencies]" in said
    assert "no space left on device" in said


def test_broken_pool_is_full_and_serves_nobody(world: World) -> None:
    preset = world.preset(world.catalogue.go)
    pool = reconciler.pool(world.deployment, preset)
    assert preset.desired == len(pool) == 5
    assert all(reconciler.is_running(prebuild) for prebuild in pool)
    assert reconciler.eligible(world.deployment, preset) == []
    lines = [line.output for prebuild in pool for agent in prebuild.agents for line in agent.logs]
    assert sum("npm: not found" in line for line in lines) == 5


def test_healthy_pool_has_claimable_ones_and_is_refilled(world: World) -> None:
    preset = world.preset(world.catalogue.web)
    states = Counter(prebuild.latest_build.status for prebuild in reconciler.pool(world.deployment, preset))
    assert states == {"running": 2, "starting": 1}
    assert len(reconciler.eligible(world.deployment, preset)) == 2


def test_claims_keep_the_workspace_and_change_owner_and_agents(world: World) -> None:
    claimed = only(world, "claimed")
    first, second = claimed.builds
    assert (first.initiator_id, second.initiator_id) == (PREBUILDS_USER_ID, claimed.owner_id)
    assert {agent.id for agent in first.agents}.isdisjoint(agent.id for agent in second.agents)
    assert not claimed.is_prebuild


def test_past_builds_have_logs_and_timings(world: World) -> None:
    workspace = world.showing("healthy")[0]
    for build in workspace.builds:
        assert [line.id for line in build.logs] == sorted({line.id for line in build.logs})
        assert build.logs[0].stage == "Setting up"
    timings = timings_json(workspace.latest_build, is_latest=True)
    assert len(timings["agent_connection_timings"]) == 1  # type: ignore[arg-type]
    stages = {row["stage"] for row in timings["provisioner_timings"]}  # type: ignore[attr-defined]
    assert stages == {"init", "plan", "apply", "graph"}


def test_failed_build_has_the_cause_in_its_log_and_no_timings(world: World) -> None:
    build = only(world, "build_failed").latest_build
    assert build.job.error == "terraform apply: exit status 1"
    errors = [line.output for line in build.logs if line.log_level == "error"]
    assert any("ErrImagePull" in line for line in errors)
    assert timings_json(build, is_latest=True)["provisioner_timings"] == []


def test_pending_one_waits_for_a_provisioner_nobody_has(world: World) -> None:
    job = only(world, "pending").latest_build.job
    assert world.deployment.matched_provisioners(job)[:2] == (0, 0)
    assert world.deployment.queue_position(job) == (0, 0)


def test_large_fleet_is_made_without_playing() -> None:
    deployment = Deployment(ManualClock())
    made = large_fleet(deployment, 300)
    now = deployment.now()
    assert len(list(deployment.live_workspaces())) == 300
    statuses = Counter(agent.status(now) for workspace in made for agent in workspace.agents)
    assert statuses["connected"] > 250
    assert statuses["disconnected"]
    assert statuses["timeout"]
    assert deployment.timeline.next_due_s is None
