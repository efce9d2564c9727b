"""The scripted fleet in motion, on a clock that a test moves."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from agentdash.local import bus as topics
from agentdash.local import queueing, reconciler
from agentdash.local.clock import ManualClock
from agentdash.local.records import Deployment
from agentdash.local.render import workspace_json
from agentdash.local.world import World, build_fleet, play, run, set_in_motion


def moving(seed: int = 7) -> tuple[World, ManualClock]:
    clock = ManualClock()
    world = build_fleet(Deployment(clock), seed=seed)
    set_in_motion(world, random.Random(3))
    return world, clock


def snapshot(world: World) -> str:
    deployment = world.deployment
    viewer = world.user("ops")
    return json.dumps([workspace_json(deployment, ws, viewer) for ws in deployment.live_workspaces()])


def test_two_runs_of_the_same_seed_are_equal() -> None:
    ends = []
    for _ in range(2):
        world, clock = moving()
        play(world, clock, 1800)
        ends.append(snapshot(world))
    assert ends[0] == ends[1]


def test_something_happens_every_few_seconds() -> None:
    world, clock = moving()
    before = snapshot(world)
    for _ in range(20):
        play(world, clock, 15)
        after = snapshot(world)
        assert after != before
        before = after


def test_the_planted_troubles_stay() -> None:
    world, clock = moving()
    play(world, clock, 3600)
    now = world.deployment.now()
    for what, lifecycle in (("start_error", "start_error"), ("start_timeout", "start_timeout")):
        (workspace,) = world.showing(what)
        assert workspace.agents[0].lifecycle_state == lifecycle
    (lost,) = world.showing("disconnected")
    assert lost.agents[0].status(now) == "disconnected"
    preset = world.preset(world.catalogue.go)
    assert len(reconciler.pool(world.deployment, preset)) == 5
    assert reconciler.eligible(world.deployment, preset) == []
    assert 38 <= len(list(world.deployment.live_workspaces())) <= 44


def test_pending_build_is_reaped_and_tried_again() -> None:
    world, clock = moving()
    (workspace,) = world.showing("pending")
    play(world, clock, 31 * 60)
    assert any("terminated by the reaper" in build.job.error for build in workspace.builds)
    play(world, clock, 120)
    assert workspace.latest_build.status == "pending"


def test_heartbeats_keep_agents_connected_without_events() -> None:
    world, clock = moving()
    agent = world.showing("sub_agents")[0].agents[1]
    first = agent.last_contact(world.deployment.now())
    play(world, clock, 600)
    now = world.deployment.now()
    contact = agent.last_contact(now)
    assert contact is not None
    assert first is not None
    assert contact > first
    assert (now - contact).total_seconds() < 15 or agent.status(now) == "disconnected"


def test_stopped_and_started_workspace_gets_new_agent_ids() -> None:
    world, clock = moving()
    deployment = world.deployment
    workspace = world.showing("healthy")[0]
    old = workspace.agents[0]

    def start() -> None:
        queueing.queue_build(deployment, workspace, "start", workspace.owner_id)

    queueing.queue_build(deployment, workspace, "stop", workspace.owner_id, on_success=start)
    assert workspace.agents == []
    assert deployment.find_agent(old.id) is old
    assert not deployment.is_in_latest_build(old)
    play(world, clock, 150)
    assert deployment.find_agent(old.id) is None
    assert old.lifecycle_state == "off"
    (new,) = workspace.agents
    assert new.id != old.id
    assert new.name == old.name


async def test_a_claim_goes_to_the_new_owners_channel() -> None:
    world, clock = moving()
    deployment = world.deployment
    prebuild = reconciler.eligible(deployment, world.preset(world.catalogue.web))[0]
    old_topic = topics.workspace_topic(prebuild.id, prebuild.owner_id)
    async with deployment.bus.subscribe(old_topic) as deaf:
        queueing.claim(deployment, prebuild, world.user("june"), "deaf")
        new_topic = topics.workspace_topic(prebuild.id, prebuild.owner_id)
        async with deployment.bus.subscribe(new_topic) as told:
            play(world, clock, 60)
            assert await asyncio.wait_for(told.wait(), 1) == {new_topic}
        # The last thing the old channel hears is the drop of the agent that connected before the claim.
        assert await asyncio.wait_for(deaf.wait(), 1) == {old_topic}
    assert prebuild.agents[0].lifecycle_state == "ready"


async def test_run_plays_on_the_injected_clock_until_cancelled() -> None:
    clock = ManualClock()
    world = build_fleet(Deployment(clock))
    task = asyncio.create_task(run(world, random.Random(3)))
    before = snapshot(world)
    await clock.advance(60)
    assert snapshot(world) != before
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_nobody_flaps_and_old_builds_are_forgotten() -> None:
    world, clock = moving()
    deployment = world.deployment
    changes: dict[str, list[float]] = {}
    last: dict[str, str] = {}
    for _ in range(720):
        play(world, clock, 5)
        for workspace in world.showing("healthy"):
            for agent in workspace.agents:
                status = agent.status(deployment.now())
                if last.get(agent.id, status) != status:
                    changes.setdefault(agent.id, []).append(clock.monotonic())
                last[agent.id] = status
    assert changes
    for times in changes.values():
        assert all(later - first > 600 for first, later in zip(times, times[2:], strict=False))
    assert max(len(workspace.builds) for workspace in deployment.live_workspaces()) <= 23
