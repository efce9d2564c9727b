"""A small vocabulary of what can happen to a deployment: each word one function, instant or on the timeline.

Worlds are written in these words, so that every condition of the triage catalogue, and its near miss, can be
played alone or together. Words for builds and claims are in `queueing.py`, for start-ups in `startup.py`, for
plans that go wrong `change_script` and `change_agent` of `blueprints.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from agentdash.local import bus as topics
from agentdash.local import startup
from agentdash.local.blueprints import AgentPlan, Blueprint
from agentdash.local.clock import ManualClock
from agentdash.local.deployment import Deployment
from agentdash.local.records_agent import Agent, AppStatus, Devcontainer, Latency
from agentdash.local.records_build import Build
from agentdash.local.records_org import Workspace

NO_DOCKER = (
    500,
    "Could not get containers",
    (
        'run docker ps: exit status 1: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. '
        'Is the docker daemon running?": exit status 1'
    ),
)
"""What `…/containers` answers where no engine runs, as recorded."""
_STATUSES_KEPT = 40

# the connection


def kill(deployment: Deployment, agent: Agent) -> None:
    """The agent's machine or process dies: it and its sub-agents disconnect at once. Lifecycles stay."""
    startup.end_process(deployment, agent)
    for sub in _sub_agents(deployment, agent):
        startup.end_process(deployment, sub)


def reconnect(deployment: Deployment, agent: Agent) -> None:
    """The same process is back; nothing starts again."""
    startup.connect(deployment, agent)
    for sub in _sub_agents(deployment, agent):
        startup.connect(deployment, sub)


def drop_link(deployment: Deployment, agent: Agent) -> None:
    """The link dies without an end: no event; `disconnected` by silence 30 s after the last contact."""
    agent.last_connected_at = agent.last_contact(deployment.now())
    agent.is_beating = False
    agent.is_unreachable = True


def make_unreachable(agent: Agent, is_unreachable: bool = True) -> None:
    """The row says connected, but live-agent calls hang and end in 500."""
    agent.is_unreachable = is_unreachable


def flap(deployment: Deployment, agent: Agent, times: int, period_s: float = 60) -> None:
    """Lose and find the connection `times` times, `period_s` apart."""
    for index in range(times):
        deployment.timeline.after(index * period_s, lambda: kill(deployment, agent))
        deployment.timeline.after(index * period_s + period_s / 3, lambda: reconnect(deployment, agent))


def restart(deployment: Deployment, agent: Agent, plan: AgentPlan) -> None:
    """A new agent process on the same row: everything starts again."""
    startup.restart_process(deployment, agent, plan)


def set_lifecycle(deployment: Deployment, agent: Agent, state: str) -> None:
    """The agent reports any lifecycle state; what its process still had to do is dropped."""
    agent.process += 1
    startup.set_lifecycle(deployment, agent, state)


def skew_clock(agent: Agent, by_s: float) -> None:
    """Shift the times that the agent's own clock wrote."""
    shift = timedelta(seconds=by_s)
    agent.started_at = agent.started_at and agent.started_at + shift
    agent.ready_at = agent.ready_at and agent.ready_at + shift
    for timing in agent.script_timings:
        timing.started_at += shift
        timing.ended_at += shift


def set_latency(agent: Agent, latency_ms: float | None, region: str = startup.RELAY_REGION) -> None:
    """Latency to the preferred relay; None = no report, and none to come."""
    agent.reports_latency = latency_ms is not None
    agent.latency = {} if latency_ms is None else {region: Latency(latency_ms, preferred=True)}


# logs, metadata, apps


def say(deployment: Deployment, agent: Agent, source: str, text: str, level: str = "info") -> None:
    """One log line of the source with that display name, which is made when there is none."""
    deployment.append_logs(agent, deployment.add_log_source(agent, source).id, [(level, text)])


def overflow_logs(deployment: Deployment, agent: Agent, source: str = "Startup Script") -> None:
    """Write until the 1 MiB of the agent's log are used up."""
    source_id = deployment.add_log_source(agent, source).id
    while not agent.logs_overflowed:
        deployment.append_logs(agent, source_id, [("info", "x" * 1000)] * 100)


def set_metadata(deployment: Deployment, agent: Agent, key: str, value: str, error: str = "") -> None:
    """A metadata value arrives now. Raises `KeyError` for an unknown key."""
    for item in agent.metadata:
        if item.key == key:
            item.value, item.error, item.collected_at = value, error, deployment.now()
            deployment.bus.publish(topics.metadata_topic(agent.id))
            return
    raise KeyError(key)


def set_app_health(deployment: Deployment, agent: Agent, slug: str, health: str) -> None:
    """An app turns healthy or unhealthy."""
    agent.find_app(slug).health = health
    deployment.touch_agent(agent)


def post_app_status(
    deployment: Deployment, agent: Agent, slug: str, state: str, message: str, *, uri: str = ""
) -> None:
    """An AI agent reports through its app: `working`, `idle`, `complete` or `failure`."""
    status = AppStatus(deployment.new_id(), deployment.now(), state, message, uri)
    statuses = agent.find_app(slug).statuses
    statuses.insert(0, status)
    del statuses[_STATUSES_KEPT:]
    deployment.touch_agent(agent)


# devcontainers


def make_dirty(deployment: Deployment, agent: Agent, name: str, is_dirty: bool = True) -> None:
    """Somebody saved the devcontainer's configuration."""
    _devcontainer(agent, name).dirty = is_dirty
    deployment.bus.publish(topics.containers_topic(agent.id))


def set_devcontainer(deployment: Deployment, agent: Agent, name: str, status: str, error: str = "") -> None:
    """A devcontainer takes a state; without `running` it loses its container."""
    item = _devcontainer(agent, name)
    item.status, item.error = status, error
    if status != "running":
        item.container = None
    deployment.bus.publish(topics.containers_topic(agent.id))


def fail_containers(deployment: Deployment, agent: Agent, failure: tuple[int, str, str] | None) -> None:
    """`…/containers` answers (status, message, detail) from now on; None = it works again."""
    agent.containers.failure = failure
    deployment.bus.publish(topics.containers_topic(agent.id))


# builds, queue, deployment


def stop_daemons(deployment: Deployment) -> None:
    """All provisioner daemons fall silent: running jobs hang, the queue stands still."""
    now = deployment.now()
    for daemon in deployment.daemons:
        daemon.last_seen_at = daemon.last_seen(now)
        daemon.is_alive = False


def revive_daemons(deployment: Deployment) -> None:
    """Daemons are back and take what waits."""
    for daemon in deployment.daemons:
        daemon.is_alive, daemon.last_seen_at = True, deployment.now()
    deployment.dispatch()


def hang_build(build: Build, *, ignores_cancel: bool = False) -> None:
    """A running job goes silent for good; a cancel (unless ignored) or the reaper ends it."""
    build.is_hung = True
    build.ignores_cancel = ignores_cancel


def set_deadline(
    deployment: Deployment, workspace: Workspace, in_s: float, max_in_s: float | None = None
) -> None:
    """The latest build stops in `in_s` seconds."""
    now = deployment.now()
    workspace.latest_build.deadline = now + timedelta(seconds=in_s)
    if max_in_s is not None:
        workspace.latest_build.max_deadline = now + timedelta(seconds=max_in_s)


def make_dormant(deployment: Deployment, workspace: Workspace, deleting_in_s: float | None = None) -> None:
    """The workspace is dormant, and perhaps to be deleted."""
    now = deployment.now()
    workspace.dormant_at = now
    workspace.deleting_at = None if deleting_in_s is None else now + timedelta(seconds=deleting_in_s)


def pause_prebuilds(deployment: Deployment, is_paused: bool = True) -> None:
    """The deployment-wide switch of the reconciler."""
    deployment.prebuilds_paused = is_paused


def warn_health(deployment: Deployment, section: str, severity: str, code: str, message: str) -> None:
    """A section of the health report gets a warning or an error."""
    part = deployment.health[section]
    part.severity = severity
    part.warnings.append((code, message))


def with_failing_build(
    blueprint: Blueprint, error: str, *lines: str, code: str = "", on: tuple[str, ...] = ("start",)
) -> Blueprint:
    """The blueprint, but builds with a transition of `on` fail with that error after those error-level lines."""
    return replace(blueprint, error=error, error_lines=lines, error_code=code, fails_on=on)


def play_past(
    deployment: Deployment, duration_s: float, events: list[tuple[float, Callable[[], None]]]
) -> None:
    """Play the last `duration_s` seconds up to now, with `events` = (seconds ago, call), then go on live.

    What is still going on at the end (a script that runs, say) continues on the deployment's own clock.
    """
    live = deployment.clock
    past = ManualClock(live.now() - timedelta(seconds=duration_s))
    deployment.use_clock(past)
    for ago_s, call in sorted(events, key=lambda event: -event[0]):
        deployment.timeline.play(past, max(0.0, duration_s - ago_s - past.monotonic()))
        call()
    deployment.timeline.play(past, max(0.0, duration_s - past.monotonic()))
    deployment.use_clock(live)


def ago(deployment: Deployment, seconds: float) -> datetime:
    """A moment that many seconds before now."""
    return deployment.now() - timedelta(seconds=seconds)


def _sub_agents(deployment: Deployment, agent: Agent) -> list[Agent]:
    build = deployment.find_build(agent.build_id)
    return [] if build is None else [sub for sub in build.agents if sub.parent_id == agent.id]


def _devcontainer(agent: Agent, name: str) -> Devcontainer:
    for item in agent.containers.devcontainers:
        if item.name == name:
            return item
    raise KeyError(name)
