"""Agents come to life: made from their plan, connected, started script by script, stopped.

Stories are generators for `Timeline.spawn`: they yield seconds of the injected clock. A story belongs to one
agent process; when that dies its stories are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from agentdash.local import bus as topics
from agentdash.local import devcontainers
from agentdash.local.blueprints import AgentPlan, AppPlan, ScriptPlan
from agentdash.local.deployment import AGENT_API_VERSION, Deployment
from agentdash.local.records_agent import (
    CONTAINERS_OFF,
    Agent,
    App,
    Containers,
    Latency,
    MetadataItem,
    Port,
    Script,
    ScriptTiming,
)
from agentdash.local.records_build import Build, Resource

PIPES_WARNING = (
    "WARNING: script exited successfully, but output pipes were not closed after 10s. "
    "This usually means a child process was started with references to stdout or stderr."
)
RELAY_REGION = "Coder Embedded Relay"


def make_agent(deployment: Deployment, build: Build, resource: Resource, plan: AgentPlan) -> Agent:
    """A fresh agent row with its sources, scripts, apps and metadata; nothing has happened to it yet."""
    now = deployment.now()
    workspace = deployment.workspaces[build.workspace_id]
    agent = Agent(
        id=deployment.new_id(),
        name=plan.name,
        workspace_id=workspace.id,
        build_id=build.id,
        resource_id=resource.id,
        created_at=now,
        architecture=plan.architecture,
        operating_system=plan.operating_system,
        environment_variables=dict(plan.environment),
        directory=plan.directory,
        connection_timeout_s=plan.connection_timeout_s,
        instance_id=plan.instance_id,
        troubleshooting_url=plan.troubleshooting_url,
        subsystems=list(plan.subsystems),
        apps=[_make_app(deployment, app) for app in plan.apps],
        metadata=[
            MetadataItem(
                key=item.key,
                display_name=item.display_name,
                script=item.script or f"coder stat {item.key}",
                interval_s=item.interval_s,
            )
            for item in plan.metadata
        ],
        containers=Containers(failure=None if plan.has_docker or plan.devcontainers else CONTAINERS_OFF),
    )
    for script in plan.scripts:
        source = deployment.add_log_source(agent, script.display_name, script.icon)
        agent.scripts.append(
            Script(
                id=deployment.new_id(),
                log_source_id=source.id,
                display_name=script.display_name,
                script=script.script,
                cron=script.cron,
                run_on_start=script.run_on_start,
                run_on_stop=script.run_on_stop,
                start_blocks_login=script.start_blocks_login,
                timeout_s=script.timeout_s,
                log_path=script.log_path,
            )
        )
    for container in plan.devcontainers:
        devcontainers.declare(deployment, agent, container)
    return agent


def _make_app(deployment: Deployment, plan: AppPlan) -> App:
    has_check = bool(plan.healthcheck_url)
    return App(
        id=deployment.new_id(),
        slug=plan.slug,
        display_name=plan.display_name,
        url=plan.url,
        external=plan.external,
        command=plan.command,
        icon=plan.icon,
        subdomain=plan.subdomain,
        healthcheck_url=plan.healthcheck_url,
        healthcheck_interval_s=5 if has_check else 0,
        healthcheck_threshold=6 if has_check else 0,
        health="initializing" if has_check else "disabled",
        group=plan.group,
    )


def begin(deployment: Deployment, build: Build, agent: Agent, plan: AgentPlan) -> None:
    """Let the agent of a finished build come up, as its plan says."""
    if plan.connect_s is None:
        if agent.connection_timeout_s:
            # The server plans this one event: agents.md §2.2.
            deployment.timeline.after(agent.connection_timeout_s + 0.1, lambda: deployment.touch_agent(agent))
        return
    survives = build.is_claim and not build.replaces_compute
    delay_s = 1.5 if survives else _vary(deployment, plan.connect_s)
    deployment.timeline.spawn(
        _first_start(deployment, build, agent, plan, delay_s), _is_current(deployment, agent)
    )


def _first_start(
    deployment: Deployment, build: Build, agent: Agent, plan: AgentPlan, delay_s: float
) -> Iterator[float]:
    yield delay_s
    connect(deployment, agent, plan)
    yield 0.1
    if build.misses_reinit:
        return
    if build.is_claim and not build.replaces_compute:
        for state in ("shutting_down", "off"):
            set_lifecycle(deployment, agent, state)
            yield 0.05
    run_start_scripts(deployment, agent, plan)


def connect(deployment: Deployment, agent: Agent, plan: AgentPlan | None = None) -> None:
    """The agent process reaches the server: `connected`, heartbeats from now on."""
    now = deployment.now()
    workspace = deployment.workspaces[agent.workspace_id]
    agent.first_connected_at = agent.first_connected_at or now
    agent.last_connected_at = now
    if agent.disconnected_at is not None and agent.disconnected_at >= now:
        # A connect in the very instant of the disconnect is still the later of the two.
        agent.disconnected_at = now - timedelta(microseconds=1)
    agent.is_beating = True
    agent.is_unreachable = False
    agent.owner_id_at_connect = workspace.owner_id
    agent.version = agent.version or (
        plan.version if plan is not None and plan.version else deployment.version
    )
    agent.api_version = AGENT_API_VERSION
    agent.expanded_directory = agent.directory.replace("~", "/home/coder", 1)
    deployment.touch_agent(agent)
    deployment.timeline.after(4, lambda: _report_latency(deployment, agent))


def disconnect(deployment: Deployment, agent: Agent) -> None:
    """The connection ends in a way the server notices at once. Streams of the agent stay open."""
    if agent.first_connected_at is None or not agent.is_beating:
        return
    now = deployment.now()
    agent.last_connected_at = agent.last_contact(now)
    agent.is_beating = False
    agent.disconnected_at = now
    agent.latency = {}
    deployment.touch_agent(agent)


def end_process(deployment: Deployment, agent: Agent) -> None:
    """Kill the agent process: it disconnects, and what its scripts had still to say is lost."""
    agent.process += 1
    disconnect(deployment, agent)


def set_lifecycle(deployment: Deployment, agent: Agent, state: str) -> None:
    """The agent reports a lifecycle state; times follow the contract (agents.md §2.1)."""
    now = deployment.now()
    agent.lifecycle_state = state
    if state == "starting":
        agent.started_at = now
        agent.ready_at = None
    if state in {"ready", "start_timeout", "start_error"}:
        agent.ready_at = now
    deployment.touch_agent(agent)


def run_start_scripts(deployment: Deployment, agent: Agent, plan: AgentPlan) -> None:
    """All start scripts in parallel; the lifecycle leaves `starting` when the last has ended.

    Then come the devcontainers of the template. Of several failures the first decides (agents.md §2.3).
    """
    set_lifecycle(deployment, agent, "starting")
    waiting = {script.display_name for script in plan.scripts if script.run_on_start}
    results: list[str] = []

    def ended(name: str, status: str) -> None:
        results.append(status)
        waiting.discard(name)
        if not waiting:
            start_containers()

    def start_containers() -> None:
        devcontainers.start_declared(deployment, agent, plan.devcontainers, settle)

    def settle(container_errors: int) -> None:
        results.extend(["exit_failure"] * container_errors)
        _finish_start(deployment, agent, plan, results)

    if not waiting:
        start_containers()
    for script in plan.scripts:
        if script.run_on_start:
            run_script(deployment, agent, script, "start", ended)


def _finish_start(deployment: Deployment, agent: Agent, plan: AgentPlan, results: list[str]) -> None:
    decisive = [status for status in results if status in {"exit_failure", "timed_out"}]
    if decisive:
        state = "start_error" if decisive[0] == "exit_failure" else "start_timeout"
    else:
        state = "start_error" if "pipes_left_open" in results else "ready"
    agent.ports = [Port(port, process) for port, process in plan.ports]
    set_lifecycle(deployment, agent, state)
    deployment.timeline.after(5, lambda: _settle_apps(deployment, agent, plan))


def run_script(
    deployment: Deployment,
    agent: Agent,
    plan: ScriptPlan,
    stage: str,
    ended: Callable[[str, str], None] | None = None,
) -> None:
    """Play one run of a script: its lines over its time, then its result."""
    deployment.timeline.spawn(
        _script_story(deployment, agent, plan, stage, ended), _is_current(deployment, agent)
    )


def _script_story(
    deployment: Deployment,
    agent: Agent,
    plan: ScriptPlan,
    stage: str,
    ended: Callable[[str, str], None] | None,
) -> Iterator[float]:
    script = agent.find_script(plan.display_name)
    started_at = deployment.now()
    duration_s = plan.timeout_s if plan.status == "timed_out" else plan.duration_s
    duration_s = (
        duration_s if duration_s is None or plan.status == "timed_out" else _vary(deployment, duration_s)
    )
    spread_s = duration_s if duration_s is not None else 4.0 * max(1, len(plan.lines))
    gap_s = spread_s / (len(plan.lines) + 1)
    for line in plan.lines:
        yield gap_s
        deployment.append_logs(agent, script.log_source_id, [line])
    if duration_s is None:
        return
    yield gap_s
    if plan.status == "pipes_left_open":
        yield 10.0
        deployment.append_logs(agent, script.log_source_id, [("error", PIPES_WARNING)])
    script.status = plan.status
    script.exit_code = plan.exit_code if plan.status in {"ok", "exit_failure"} else 255
    is_first = all(timing.display_name != plan.display_name for timing in agent.script_timings)
    if is_first:
        agent.script_timings.append(
            ScriptTiming(
                plan.display_name, started_at, deployment.now(), script.exit_code, script.status, stage
            )
        )
    if ended is not None:
        ended(plan.display_name, plan.status)


def restart_process(deployment: Deployment, agent: Agent, plan: AgentPlan) -> None:
    """A new agent process on the same row: old lifecycle for 0.1 s, then `starting` again (agents.md §2.3)."""
    agent.process += 1
    devcontainers.forget(deployment, agent)
    connect(deployment, agent)

    def story() -> Iterator[float]:
        yield 0.1
        run_start_scripts(deployment, agent, plan)

    deployment.timeline.spawn(story(), _is_current(deployment, agent))


def shut_down(deployment: Deployment, agent: Agent, plan: AgentPlan | None = None) -> None:
    """Stop in order: `shutting_down`, stop scripts, `off`, disconnected; about a second in all."""
    if not agent.is_beating:
        return
    agent.process += 1
    set_lifecycle(deployment, agent, "shutting_down")
    for script in plan.scripts if plan is not None else ():
        if script.run_on_stop:
            run_script(deployment, agent, script, "stop")

    def story() -> Iterator[float]:
        yield 0.8
        set_lifecycle(deployment, agent, "off")
        yield 0.2
        end_process(deployment, agent)

    deployment.timeline.spawn(story(), _is_current(deployment, agent))


def _settle_apps(deployment: Deployment, agent: Agent, plan: AgentPlan) -> None:
    changed = False
    for app_plan in plan.apps:
        if app_plan.healthcheck_url:
            agent.find_app(app_plan.slug).health = "healthy" if app_plan.is_healthy else "unhealthy"
            changed = True
    if changed:
        deployment.touch_agent(agent)


def _report_latency(deployment: Deployment, agent: Agent) -> None:
    if agent.is_beating and not agent.latency and agent.reports_latency:
        latency_ms = round(deployment.rng.uniform(1.5, 18.0), 3)
        agent.latency = {RELAY_REGION: Latency(latency_ms, preferred=True)}
        deployment.bus.publish(topics.metadata_topic(agent.id))


def _is_current(deployment: Deployment, agent: Agent) -> Callable[[], bool]:
    """True as long as the process that now runs on the row lives and the row is served."""
    process = agent.process
    return lambda: agent.process == process and deployment.find_agent(agent.id) is agent


def _vary(deployment: Deployment, duration_s: float, jitter: float = 0.2) -> float:
    return duration_s * (1 + deployment.rng.uniform(-jitter, jitter))
