"""Every world that can be opened by name, and what is to be seen in it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from agentdash.local import reconciler
from agentdash.local.clock import ManualClock
from agentdash.local.records import Deployment, Workspace
from agentdash.local.render import build_json, timings_json, workspace_json
from agentdash.local.world import play, set_in_motion
from agentdash.local.world_fleet import World
from agentdash.local.worlds import CONDITIONS, open_world, world_names


def opened(name: str) -> World:
    return open_world(name, Deployment(ManualClock()))


def subject(world: World) -> Workspace:
    return world.showing("subject")[0]


def rendered(world: World) -> str:
    deployment, viewer = world.deployment, world.user("ops")
    rows: list[object] = []
    for workspace in deployment.live_workspaces():
        rows.append(workspace_json(deployment, workspace, viewer))
        rows += [build_json(deployment, build) for build in workspace.builds]
        rows += [timings_json(build, is_latest=True) for build in workspace.builds]
    return json.dumps(rows)


@pytest.mark.parametrize("name", world_names())
def test_world_opens_now_and_always_the_same(name: str) -> None:
    world = opened(name)
    assert world.deployment.now() == ManualClock().now()
    assert rendered(world) == rendered(opened(name))
    assert json.loads(rendered(world))


def test_names_are_unique_and_unknown_ones_an_error() -> None:
    assert len(set(world_names())) == len(world_names())
    assert len({condition.rule for condition in CONDITIONS}) == len(CONDITIONS)
    with pytest.raises(KeyError):
        opened("nope")


@pytest.mark.parametrize(
    ("name", "build", "agents"),
    [
        ("b01", "pending", []),
        ("b05", "failed", []),
        ("b08", "canceling", []),
        ("b16", "failed", []),
        ("b16-near", "canceled", []),
        ("a02", "running", [("timeout", "created")]),
        ("a02-near", "running", [("connected", "ready")]),
        ("a03", "running", [("connecting", "created")]),
        ("a05b", "running", [("disconnected", "ready")]),
        ("a07", "running", []),
        ("a09", "running", [("disconnected", "off")]),
        ("a11", "running", [("connecting", "created")]),
        ("s02", "running", [("connected", "start_timeout")]),
        ("s06", "running", [("connected", "created")]),
        ("d02", "running", [("connected", "start_error")]),
        ("d07", "running", [("connected", "ready"), ("disconnected", "ready")]),
        ("p09", "running", [("connected", "ready"), ("connected", "starting")]),
        ("p11", "stopped", []),
        ("p15", "failed", []),
        ("p21", "failed", []),
        ("c03", "running", [("connected", "created")]),
        ("c05", "running", [("connected", "ready"), ("timeout", "created")]),
        ("healthy", "running", [("connected", "ready")]),
    ],
)
def test_subject_shows_the_condition(name: str, build: str, agents: list[tuple[str, str]]) -> None:
    world = opened(name)
    workspace, now = subject(world), world.deployment.now()
    assert workspace.latest_build.status == build
    assert [(agent.status(now), agent.lifecycle_state) for agent in workspace.agents] == agents


def _queue(world: World) -> object:
    return world.deployment.queue_position(subject(world).latest_build.job)


def _pending_s(world: World) -> float:
    return (world.deployment.now() - subject(world).latest_build.job.created_at).total_seconds()


def _silent_s(world: World) -> float:
    return (world.deployment.now() - subject(world).latest_build.logs[-1].created_at).total_seconds()


def _metadata(world: World) -> object:
    item = subject(world).agents[0].metadata[0]
    assert item.collected_at is not None
    return item.error, (world.deployment.now() - item.collected_at).total_seconds() > 60


def _eligible(world: World) -> int:
    preset = world.deployment.find_preset(subject(world).latest_build.preset_id)
    assert preset is not None
    return len(reconciler.eligible(world.deployment, preset))


FACTS: dict[str, tuple[Callable[[World], object], object]] = {
    "b02": (lambda world: world.deployment.matched_provisioners(subject(world).latest_build.job)[:2], (3, 0)),
    "b03": (_queue, (1, 2)),
    "b04": (lambda world: 20 * 60 < _pending_s(world) < 30 * 60, True),
    "b06": (lambda world: 180 < _silent_s(world) < 300, True),
    "b10": (lambda world: subject(world).latest_build.job.error_code, "REQUIRED_TEMPLATE_VARIABLES"),
    "b11": (lambda world: subject(world).latest_build.job.logs_overflowed, True),
    "s03": (lambda world: [script.exit_code for script in subject(world).agents[0].scripts], [127]),
    "s04": (lambda world: subject(world).agents[0].scripts[0].status, "pipes_left_open"),
    "s11": (lambda world: subject(world).agents[0].logs, []),
    "r01": (_metadata, ("run cmd: exit status 127", False)),
    "r01b": (_metadata, ("", True)),
    "r02": (lambda world: subject(world).agents[0].logs_overflowed, True),
    "n01": (lambda world: subject(world).agents[0].latency, {}),
    "w01": (lambda world: subject(world).agents[0].apps[0].health, "unhealthy"),
    "w02": (lambda world: subject(world).agents[0].apps[0].health, "initializing"),
    "p01": (lambda world: world.deployment.prebuilds_paused, True),
    "p05": (lambda world: [ws.latest_build.status for ws in world.showing("subject")], ["failed"] * 3),
    "p07": (lambda world: (len(world.showing("subject")), _eligible(world)), (5, 0)),
    "p08": (_eligible, 2),
    "p16": (lambda world: subject(world).latest_build.job.error_code, "INSUFFICIENT_QUOTA"),
    "p19": (lambda world: len(world.deployment.pending_jobs()), 10),
    "c01": (lambda world: subject(world).latest_build.status, "starting"),
}


@pytest.mark.parametrize("name", FACTS)
def test_the_fields_of_the_rule_hold(name: str) -> None:
    read, expected = FACTS[name]
    assert read(opened(name)) == expected


def test_staged_world_lives_on_without_losing_its_condition() -> None:
    clock = ManualClock()
    world = open_world("b06", Deployment(clock))
    set_in_motion(world)
    play(world, clock, 900)
    assert subject(world).latest_build.status == "starting"
    healthy = open_world("s03", Deployment(clock := ManualClock()))
    set_in_motion(healthy)
    play(healthy, clock, 900)
    collected = subject(healthy).agents[0].metadata[0].collected_at
    assert collected is not None
    assert (healthy.deployment.now() - collected).total_seconds() < 20
