"""Devcontainers in trouble: D01 to D11 (triage catalogue §4.7)."""

from __future__ import annotations

from dataclasses import replace

from agentdash.local import devcontainers, plays, startup
from agentdash.local.blueprints import Blueprint, DevcontainerPlan
from agentdash.local.records_agent import CONTAINERS_OFF, Agent, Devcontainer
from agentdash.local.staging import PLAIN_SCRIPT, Condition, Stage, plain

_BOX = DevcontainerPlan("api", "/home/coder/api", start_s=8)
_MISSING = '{"outcome":"error","message":"Command failed: docker pull local/missing:9"}'
_BROKEN = replace(
    _BOX,
    error="exit status 1",
    lines=(
        ("error", "Start: Run: docker pull local/missing:9"),
        ("error", "Error response from daemon: manifest for local/missing:9 not found: manifest unknown"),
        ("info", _MISSING),
    ),
)


def _boxes(*plans: DevcontainerPlan) -> Blueprint:
    return plain(devcontainers=plans)


def _box_for_ever(stage: Stage) -> None:
    stage.workspace(_boxes(replace(_BOX, start_s=3600)), wait_s=1500)


def _box_starting(stage: Stage) -> None:
    stage.workspace(_boxes(replace(_BOX, start_s=3600)), wait_s=60)


def _box_error(stage: Stage) -> None:
    stage.workspace(_boxes(_BROKEN))


def _box_recreated_into_error(stage: Stage) -> None:
    agent = stage.agent(_boxes(_BOX))
    devcontainers.start(stage.deployment, agent, agent.containers.devcontainers[0], _BROKEN)
    stage.wait(60)


def _box_running_with_error(stage: Stage) -> None:
    agent = stage.agent(_boxes(_BOX))
    agent.containers.devcontainers[0].error = "postCreateCommand failed: exit status 2"


def _no_docker(stage: Stage) -> None:
    plays.fail_containers(stage.deployment, stage.agent(), plays.NO_DOCKER)


def _dead_container(stage: Stage) -> None:
    agent = stage.agent(_boxes(_BOX))
    (item,) = agent.containers.devcontainers
    assert item.container is not None
    newer = replace(item.container, id="f" * 64, name="calm_noether", created_at=stage.deployment.now())
    item.container.running, item.container.status = False, "exited"
    item.status = "stopped"
    agent.containers.containers.append(newer)
    stage.wait(60)


def _box_dirty(stage: Stage) -> None:
    plays.make_dirty(stage.deployment, stage.agent(_boxes(_BOX)), "api")


def _sub_agent_lost(stage: Stage) -> None:
    workspace = stage.workspace(_boxes(_BOX))
    startup.end_process(stage.deployment, workspace.agents[1])
    stage.wait(300)


def _box_recreated(stage: Stage) -> None:
    agent = stage.agent(_boxes(_BOX))
    devcontainers.start(stage.deployment, agent, agent.containers.devcontainers[0], _BOX)
    stage.wait(5)


def _feature_off(stage: Stage) -> None:
    plays.fail_containers(stage.deployment, stage.agent(), CONTAINERS_OFF)


def _box_stopped(stage: Stage) -> None:
    plays.set_devcontainer(stage.deployment, stage.agent(_boxes(_BOX)), "api", "stopped")
    stage.wait(60)


def _containers_while_starting(stage: Stage) -> None:
    slow = replace(PLAIN_SCRIPT, duration_s=None, timeout_s=0)
    stage.workspace(plain(scripts=(slow,)), wait_s=25)


def _foreign_box(stage: Stage, error: str) -> None:
    agent = stage.agent(_boxes(_BOX))
    status = "error" if error else "stopped"
    agent.containers.devcontainers.append(
        Devcontainer(stage.deployment.new_id(), "scratch", "/home/coder/scratch", status=status, error=error)
    )


def _foreign_box_fails(stage: Stage) -> None:
    _foreign_box(stage, "exit status 1")


def _foreign_box_stopped(stage: Stage) -> None:
    _foreign_box(stage, "")


# near misses


def _docker_back(stage: Stage) -> None:
    agent = stage.agent()
    plays.fail_containers(stage.deployment, agent, plays.NO_DOCKER)
    stage.wait(60)
    plays.fail_containers(stage.deployment, agent, None)


def _recreate(stage: Stage, agent: Agent) -> None:
    devcontainers.start(stage.deployment, agent, agent.containers.devcontainers[0], _BOX)


def _box_mended(stage: Stage) -> None:
    """Its start with the agent failed, and so its row says for ever; recreated it runs."""
    agent = stage.agent(_boxes(_BROKEN))
    _recreate(stage, agent)
    stage.wait(60)


def _box_recreated_after_an_error(stage: Stage) -> None:
    """The error belonged to a container that is no more."""
    agent = stage.agent(_boxes(_BOX))
    agent.containers.devcontainers[0].error = "postCreateCommand failed: exit status 2"
    stage.deployment.timeline.after(20, lambda: _recreate(stage, agent))


def _dead_container_beside(stage: Stage) -> None:
    """An old container is left over, but the devcontainer goes by the new one."""
    agent = stage.agent(_boxes(_BOX))
    (item,) = agent.containers.devcontainers
    assert item.container is not None
    older = replace(item.container, id="e" * 64, name="calm_noether", running=False, status="exited")
    agent.containers.containers.insert(0, older)
    stage.wait(60)


def _box_changed_and_recreated(stage: Stage) -> None:
    agent = stage.agent(_boxes(_BOX))
    plays.make_dirty(stage.deployment, agent, "api")
    _recreate(stage, agent)
    stage.wait(60)


def _only_the_sub_agent_says_so(stage: Stage) -> None:
    """A sub-agent always answers 403."""
    stage.workspace(_boxes(_BOX))


def _silent_though_ready(stage: Stage) -> None:
    plays.make_unreachable(stage.agent(_boxes(_BOX)))


def _box_stopped_in_passing(stage: Stage) -> None:
    agent = stage.agent(_boxes(_BOX))
    item = agent.containers.devcontainers[0]

    def stop() -> None:
        item.status = "stopped"

    def go_on() -> None:
        item.status = "running"

    stage.deployment.timeline.after(4, stop)
    stage.deployment.timeline.after(17, go_on)


BOX_CONDITIONS = (
    Condition("D01", "Starting for ever", _box_for_ever, _box_starting),
    Condition("D02", "Devcontainer in error", _box_error, _box_mended),
    Condition("D02b", "Recreated into an error", _box_recreated_into_error, _box_recreated),
    Condition("D03", "Running with an error", _box_running_with_error, _box_recreated_after_an_error),
    Condition("D04", "Docker unreachable", _no_docker, _docker_back),
    Condition("D05", "Tied to a dead container", _dead_container, _dead_container_beside),
    Condition("D06", "Configuration changed", _box_dirty, _box_changed_and_recreated),
    Condition("D07", "Sub-agent unhealthy", _sub_agent_lost, _box_recreated),
    Condition("D08", "Feature off", _feature_off, _only_the_sub_agent_says_so),
    Condition("D09", "List not answering yet", _containers_while_starting, _silent_though_ready),
    Condition("D10", "Foreign devcontainer in error", _foreign_box_fails, _foreign_box_stopped),
    Condition("D11", "Stopped", _box_stopped, _box_stopped_in_passing),
)
