"""Devcontainers of scripted agents: declared with the agent, started after its scripts, with their sub-agents.

The order of states and the levels of the log lines are those of the recorded server (contract: agents.md §5.2).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from agentdash.local import bus as topics
from agentdash.local.blueprints import DevcontainerPlan
from agentdash.local.deployment import AGENT_API_VERSION, Deployment
from agentdash.local.records_agent import (
    Agent,
    Container,
    Containers,
    Devcontainer,
    LogSource,
    Script,
    ScriptTiming,
)

BOX_ICON = "/emojis/1f4e6.png"
SUB_AGENT_REFUSAL = (
    403,
    "Dev Container feature not supported.",
    "Dev Container integration inside other Dev Containers is explicitly not supported.",
)
_NAMES = ("busy_curie", "keen_hopper", "calm_lovelace", "eager_turing", "wise_noether", "brave_hamilton")


def declare(deployment: Deployment, agent: Agent, plan: DevcontainerPlan) -> Devcontainer:
    """A devcontainer of the template: an entry of the list, of `scripts[]` (same id) and a log source."""
    title = f"Dev Container ({plan.name})"
    source = deployment.add_log_source(agent, title, BOX_ICON)
    item = Devcontainer(id=deployment.new_id(), name=plan.name, workspace_folder=plan.folder)
    agent.containers.failure = None
    agent.containers.devcontainers.append(item)
    agent.scripts.append(
        Script(id=item.id, log_source_id=source.id, display_name=title, run_on_start=False, timeout_s=0)
    )
    return item


def start_declared(
    deployment: Deployment, agent: Agent, plans: Sequence[DevcontainerPlan], done: Callable[[int], None]
) -> None:
    """Start the template's devcontainers; `done` gets the number of those that failed when all have ended."""
    left = len(plans)
    failures = 0

    def ended(is_ok: bool) -> None:
        nonlocal left, failures
        left -= 1
        failures += not is_ok
        if left == 0:
            done(failures)

    if not plans:
        done(0)
    for plan in plans:
        item = next(entry for entry in agent.containers.devcontainers if entry.name == plan.name)
        start(deployment, agent, item, plan, ended=ended, is_automatic=True)


def start(
    deployment: Deployment,
    agent: Agent,
    item: Devcontainer,
    plan: DevcontainerPlan,
    *,
    ended: Callable[[bool], None] | None = None,
    is_automatic: bool = False,
) -> None:
    """Start or recreate one devcontainer: `starting`, 1.5 s `stopped`, then `running` or `error`."""
    process = agent.process
    deployment.timeline.spawn(
        _story(deployment, agent, item, plan, ended=ended, is_automatic=is_automatic),
        lambda: agent.process == process and deployment.find_agent(agent.id) is agent,
    )


def _story(
    deployment: Deployment,
    agent: Agent,
    item: Devcontainer,
    plan: DevcontainerPlan,
    *,
    ended: Callable[[bool], None] | None,
    is_automatic: bool,
) -> Iterator[float]:
    started_at = deployment.now()
    source = deployment.add_log_source(agent, f"Dev Container ({item.name})", BOX_ICON)
    _leave_container(deployment, agent, item)
    item.status, item.error = "starting", ""
    _tell(deployment, agent)
    lines = plan.lines or _default_lines(plan)
    gap_s = plan.start_s / (len(lines) + 1)
    for level, text in lines:
        yield gap_s
        deployment.append_logs(agent, source.id, [(level, text)])
    yield gap_s
    if plan.error:
        item.status, item.error = "error", plan.error
    else:
        _say_outcome(deployment, agent, source, item)
        item.status = "stopped"
        _tell(deployment, agent)
        yield 1.5
        item.container = make_container(deployment, item, plan)
        agent.containers.containers.append(item.container)
        item.config_path = f"{item.workspace_folder}/.devcontainer/devcontainer.json"
        item.status, item.dirty = "running", False
        _inject(deployment, agent, item, plan)
    if is_automatic:
        _record_result(deployment, agent, item, started_at)
    _tell(deployment, agent)
    if ended is not None:
        ended(not plan.error)


def _default_lines(plan: DevcontainerPlan) -> tuple[tuple[str, str], ...]:
    run = f"Run: docker run --sig-proxy=false -a STDOUT -a STDERR --mount type=bind,source={plan.folder}"
    opening = ("error", "@devcontainers/cli 0.89.0. Node.js v20.20.2. linux 6.8.0 x64.")
    if plan.error:
        return (
            opening,
            ("error", run),
            ("error", f"Error response from daemon: manifest for {plan.image} unknown"),
        )
    return (opening, ("error", run), ("error", "Container started"))


def _say_outcome(deployment: Deployment, agent: Agent, source: LogSource, item: Devcontainer) -> None:
    outcome = {
        "outcome": "success",
        "remoteUser": "vscode",
        "remoteWorkspaceFolder": f"/workspaces/{item.name}",
    }
    deployment.append_logs(agent, source.id, [("info", json.dumps(outcome, separators=(",", ":")))])


def make_container(deployment: Deployment, item: Devcontainer, plan: DevcontainerPlan) -> Container:
    """A running container for a devcontainer."""
    return Container(
        id=f"{deployment.rng.getrandbits(256):064x}",
        name=deployment.rng.choice(_NAMES),
        image=plan.image,
        created_at=deployment.now(),
        labels={
            "devcontainer.config_file": f"{item.workspace_folder}/.devcontainer/devcontainer.json",
            "devcontainer.local_folder": item.workspace_folder,
        },
        volumes={item.workspace_folder: f"/workspaces/{item.name}"},
    )


def _inject(deployment: Deployment, parent: Agent, item: Devcontainer, plan: DevcontainerPlan) -> None:
    sub = deployment.find_agent(item.agent_id) if item.agent_id is not None else None
    if sub is None:
        resource = next(
            resource
            for build in deployment.workspaces[parent.workspace_id].builds
            if build.id == parent.build_id
            for resource in build.resources
            if resource.id == parent.resource_id
        )
        sub = Agent(
            id=deployment.new_id(),
            name=plan.name,
            workspace_id=parent.workspace_id,
            build_id=parent.build_id,
            resource_id=parent.resource_id,
            created_at=deployment.now(),
            parent_id=parent.id,
            architecture=parent.architecture,
            environment_variables=None,
            directory=f"/workspaces/{plan.name}",
            connection_timeout_s=parent.connection_timeout_s,
            troubleshooting_url=parent.troubleshooting_url,
            containers=Containers(failure=SUB_AGENT_REFUSAL),
        )
        deployment.add_agent(resource, sub)
        item.agent_id, item.agent_name, item.agent_directory = sub.id, sub.name, sub.directory
    deployment.timeline.spawn(_sub_agent_story(deployment, sub), lambda: deployment.find_agent(sub.id) is sub)


def _sub_agent_story(deployment: Deployment, sub: Agent) -> Iterator[float]:
    yield 0.7
    now = deployment.now()
    sub.first_connected_at = sub.first_connected_at or now
    sub.last_connected_at = now
    sub.is_beating = True
    sub.version, sub.api_version, sub.expanded_directory = (
        deployment.version,
        AGENT_API_VERSION,
        sub.directory,
    )
    sub.owner_id_at_connect = deployment.workspaces[sub.workspace_id].owner_id
    deployment.touch_agent(sub)
    yield 0.1
    sub.lifecycle_state, sub.started_at, sub.ready_at = "starting", deployment.now(), None
    deployment.touch_agent(sub)
    yield 0.1
    sub.lifecycle_state, sub.ready_at = "ready", deployment.now()
    deployment.touch_agent(sub)
    yield 4.0
    parent = deployment.find_agent(sub.parent_id or "")
    if parent is not None and sub.is_beating:
        sub.latency = {region: replace(latency) for region, latency in parent.latency.items()}


def _leave_container(deployment: Deployment, agent: Agent, item: Devcontainer) -> None:
    if item.container is not None and item.container in agent.containers.containers:
        agent.containers.containers.remove(item.container)
    item.container = None
    sub = deployment.find_agent(item.agent_id) if item.agent_id is not None else None
    if sub is not None and sub.is_beating:
        now = deployment.now()
        sub.last_connected_at = sub.last_contact(now)
        sub.is_beating, sub.disconnected_at = False, now
        deployment.touch_agent(sub)


def delete(deployment: Deployment, agent: Agent, item: Devcontainer) -> None:
    """Take the container, its entry and its sub-agent away at once (the caller plays the states before)."""
    _leave_container(deployment, agent, item)
    agent.containers.devcontainers.remove(item)
    sub = deployment.find_agent(item.agent_id) if item.agent_id is not None else None
    if sub is not None:
        deployment.remove_agent(sub)
    _tell(deployment, agent)


def forget(deployment: Deployment, agent: Agent) -> None:
    """A new agent process knows nothing of the old one's containers: sub-agents will get new ids."""
    for item in agent.containers.devcontainers:
        sub = deployment.find_agent(item.agent_id) if item.agent_id is not None else None
        if sub is not None:
            deployment.remove_agent(sub)
        if item.container is not None and item.container in agent.containers.containers:
            agent.containers.containers.remove(item.container)
        item.container, item.agent_id, item.config_path = None, None, ""
        item.status, item.error = "stopped", ""


def _record_result(deployment: Deployment, agent: Agent, item: Devcontainer, started_at: datetime) -> None:
    script = next(entry for entry in agent.scripts if entry.id == item.id)
    status, code = ("exit_failure", 1) if item.status == "error" else ("ok", 0)
    script.status, script.exit_code = status, code
    if all(timing.display_name != script.display_name for timing in agent.script_timings):
        ended_at = deployment.now()
        agent.script_timings.append(ScriptTiming(script.display_name, started_at, ended_at, code, status))


def _tell(deployment: Deployment, agent: Agent) -> None:
    deployment.bus.publish(topics.containers_topic(agent.id))
