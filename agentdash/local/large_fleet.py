"""A big still fleet for benches: thousands of workspaces made directly, without playing their past."""

from __future__ import annotations

from datetime import timedelta

from agentdash.local import startup, world_people
from agentdash.local.blueprints import AgentPlan, ScriptPlan
from agentdash.local.deployment import AGENT_API_VERSION, Deployment
from agentdash.local.player import Player
from agentdash.local.records_agent import Agent, Latency, Script
from agentdash.local.records_build import Build, Job, Resource
from agentdash.local.records_org import TemplateVersion, User, Workspace

_STATES = (
    ("ready", 0.90),
    ("stopped", 0.04),
    ("start_error", 0.02),
    ("disconnected", 0.02),
    ("starting", 0.01),
    ("timeout", 0.01),
)
_LIGHT = AgentPlan("main", scripts=(ScriptPlan("Startup Script"),))


def large_fleet(deployment: Deployment, count: int, seed: int = 7) -> list[Workspace]:
    """`count` workspaces with one agent each in the six templates; nine of ten are well.

    About 60 µs each. They stand still, but every word of `plays` works on them.
    """
    deployment.rng.seed(seed)
    Player(deployment)
    catalogue = world_people.furnish(deployment)
    ids = (catalogue.web, catalogue.data, catalogue.go, catalogue.vm, catalogue.ai, catalogue.boxes)
    versions = [
        deployment.versions[deployment.templates[template_id].active_version_id] for template_id in ids
    ]
    people = [user for user in deployment.users.values() if user.username != "prebuilds"]
    names, weights = zip(*_STATES, strict=True)
    states = deployment.rng.choices(names, weights, k=count)
    return [
        _workspace(deployment, index, people[index % len(people)], versions[index % len(versions)], state)
        for index, state in enumerate(states)
    ]


def _workspace(
    deployment: Deployment, index: int, owner: User, version: TemplateVersion, state: str
) -> Workspace:
    started = deployment.now() - timedelta(seconds=600 + 7 * (index % 10_000))
    workspace = Workspace(
        id=deployment.new_id(),
        name=f"{version.name.rsplit('-', 1)[0]}-{index:05d}",
        owner_id=owner.id,
        organization_id=deployment.organization.id,
        template_id=version.template_id,
        created_at=started,
        updated_at=started,
        last_used_at=started,
    )
    deployment.add_workspace(workspace)
    build_id = deployment.new_id()
    job = Job(
        id=deployment.new_id(),
        created_at=started,
        file_id=version.job.file_id,
        initiator_id=owner.id,
        workspace_build_id=build_id,
        started_at=started,
        completed_at=started + timedelta(seconds=9),
        worker_id=deployment.daemons[0].id,
    )
    build = Build(
        id=build_id,
        workspace_id=workspace.id,
        number=1,
        transition="stop" if state == "stopped" else "start",
        initiator_id=owner.id,
        template_version_id=version.id,
        created_at=started,
        updated_at=started + timedelta(seconds=9),
        job=job,
    )
    if state != "stopped":
        plan = version.blueprint.resources[0]
        resource = Resource(deployment.new_id(), plan.type, plan.name, started, plan.icon)
        resource.agents.append(_agent(deployment, build, resource, state))
        build.resources.append(resource)
    deployment.add_build(build)
    return workspace


def _agent(deployment: Deployment, build: Build, resource: Resource, state: str) -> Agent:
    made = build.updated_at
    agent = Agent(
        id=deployment.new_id(),
        name=_LIGHT.name,
        workspace_id=build.workspace_id,
        build_id=build.id,
        resource_id=resource.id,
        created_at=made,
        directory="~",
    )
    source = deployment.add_log_source(agent, "Startup Script")
    script = Script(deployment.new_id(), source.id, "Startup Script", "#!/bin/sh\n", timeout_s=300)
    agent.scripts.append(script)
    if state == "timeout":
        return agent
    connected = made + timedelta(seconds=4)
    agent.first_connected_at = agent.last_connected_at = agent.started_at = connected
    agent.version, agent.api_version = deployment.version, AGENT_API_VERSION
    agent.expanded_directory = "/home/coder"
    agent.owner_id_at_connect = deployment.workspaces[build.workspace_id].owner_id
    agent.is_beating = state != "disconnected"
    agent.lifecycle_state = "ready" if state == "disconnected" else state
    if state == "disconnected":
        agent.disconnected_at = connected + timedelta(seconds=200)
    else:
        agent.latency = {
            startup.RELAY_REGION: Latency(round(deployment.rng.uniform(1, 30), 2), preferred=True)
        }
    if state != "starting":
        agent.ready_at = connected + timedelta(seconds=12)
        script.status = "exit_failure" if state == "start_error" else "ok"
        script.exit_code = 1 if state == "start_error" else 0
    return agent
