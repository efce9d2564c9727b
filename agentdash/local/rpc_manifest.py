"""The manifest of an agent: all that it is to do (contract: agent-side.md §11.2)."""

from __future__ import annotations

from agentdash.local.records import Agent, App, MetadataItem, Script
from agentdash.local.rpc_ids import id_bytes
from agentdash.local.rpc_tailnet import derp_map
from agentdash.local.runtime import Runtime
from agentdash.wire.proto import agent_pb2 as pb


def manifest_of(runtime: Runtime, agent: Agent) -> pb.Manifest:
    """The manifest of an agent as it is now."""
    workspace = runtime.workspace_of(agent)
    owner = runtime.deployment.owner_of(workspace)
    found = pb.Manifest(
        agent_id=id_bytes(agent.id),
        agent_name=agent.name,
        owner_username=owner.username,
        workspace_id=id_bytes(workspace.id),
        workspace_name=workspace.name,
        directory=agent.directory,
        environment_variables=agent.environment_variables or {},
        derp_map=derp_map(runtime.port),
    )
    if agent.parent_id is not None:
        found.parent_id = id_bytes(agent.parent_id)
    found.scripts.extend(_script(script) for script in agent.scripts)
    found.apps.extend(_app(app) for app in agent.apps)
    found.metadata.extend(_metadata(item) for item in agent.metadata)
    for devcontainer in agent.containers.devcontainers:
        found.devcontainers.add(
            id=id_bytes(devcontainer.id),
            name=devcontainer.name,
            workspace_folder=devcontainer.workspace_folder,
            config_path=devcontainer.config_path,
        )
    return found


def _script(script: Script) -> pb.WorkspaceAgentScript:
    found = pb.WorkspaceAgentScript(
        id=id_bytes(script.id),
        log_source_id=id_bytes(script.log_source_id),
        log_path=script.log_path,
        script=script.script,
        cron=script.cron,
        run_on_start=script.run_on_start,
        run_on_stop=script.run_on_stop,
        start_blocks_login=script.start_blocks_login,
    )
    found.timeout.FromNanoseconds(int(script.timeout_s * 1e9))
    return found


def _app(app: App) -> pb.WorkspaceApp:
    found = pb.WorkspaceApp(
        id=id_bytes(app.id),
        slug=app.slug,
        display_name=app.display_name,
        url=app.url,
        external=app.external,
        command=app.command,
        icon=app.icon,
        subdomain=app.subdomain,
        subdomain_name=app.subdomain_name,
        sharing_level=app.sharing_level.upper(),
        health=app.health.upper(),
        hidden=app.hidden,
    )
    found.healthcheck.url = app.healthcheck_url
    found.healthcheck.interval.seconds = app.healthcheck_interval_s
    found.healthcheck.threshold = app.healthcheck_threshold
    return found


def _metadata(item: MetadataItem) -> pb.WorkspaceAgentMetadata.Description:
    found = pb.WorkspaceAgentMetadata.Description(
        key=item.key, display_name=item.display_name, script=item.script
    )
    # The real server fills in its seconds as if they were nanoseconds.
    found.interval.FromNanoseconds(item.interval_s)
    found.timeout.FromNanoseconds(item.timeout_s)
    return found
