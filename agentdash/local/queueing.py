"""Builds and their jobs: queued, taken, ended, cancelled; prebuilds claimed.

Instant effects only; what happens in between is played by `player.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentdash.local import bus as topics
from agentdash.local.blueprints import Blueprint
from agentdash.local.deployment import Deployment
from agentdash.local.records_build import DEFAULT_TAGS, Build, Job, ProvisionerDaemon
from agentdash.local.records_org import PREBUILDS_USER_ID, User, Workspace

REAPED_PENDING = (
    "Coder: Build has been detected as pending for 30 minutes and has been terminated by the reaper."
)
REAPED_HUNG = "Coder: Build has been detected as hung for 5 minutes and has been terminated by the reaper."


def blueprint_of(deployment: Deployment, build: Build) -> Blueprint:
    """What the build makes: the workspace's own plan, else the template version's."""
    own = deployment.workspaces[build.workspace_id].blueprint
    return own if own is not None else deployment.versions[build.template_version_id].blueprint


def queue_build(
    deployment: Deployment,
    workspace: Workspace,
    transition: str,
    initiator_id: str,
    *,
    version_id: str | None = None,
    preset_id: str | None = None,
    reason: str = "initiator",
    parameters: Sequence[tuple[str, str]] | None = None,
    on_success: Callable[[], None] | None = None,
    is_claim: bool = False,
) -> Build:
    """Queue a build; version, preset and parameters default to those of the build before."""
    now = deployment.now()
    previous = workspace.builds[-1] if workspace.builds else None
    template = deployment.template_of(workspace)
    if version_id is None:
        version_id = previous.template_version_id if previous is not None else template.active_version_id
    if preset_id is None and previous is not None:
        preset_id = previous.preset_id
    if parameters is None:
        preset = deployment.find_preset(preset_id)
        inherited = previous.parameters if previous is not None else ()
        parameters = inherited or (preset.parameters if preset is not None else ())
    version = deployment.versions[version_id]
    build_id = deployment.new_id()
    job = Job(
        id=deployment.new_id(),
        created_at=now,
        file_id=version.job.file_id,
        initiator_id=initiator_id,
        workspace_build_id=build_id,
        tags={**DEFAULT_TAGS, **dict(version.blueprint.tags)},
    )
    build = Build(
        id=build_id,
        workspace_id=workspace.id,
        number=previous.number + 1 if previous is not None else 1,
        transition=transition,
        initiator_id=initiator_id,
        template_version_id=version_id,
        created_at=now,
        updated_at=now,
        job=job,
        reason=reason,
        preset_id=preset_id,
        parameters=list(parameters),
        on_success=on_success,
        is_claim=is_claim,
    )
    deployment.add_build(build)
    deployment.dispatch()
    return build


def start_job(deployment: Deployment, build: Build, daemon: ProvisionerDaemon) -> None:
    """A daemon takes the job."""
    build.job.started_at = build.updated_at = deployment.now()
    build.job.worker_id = daemon.id
    _tell(deployment, build)


def finish_job(deployment: Deployment, build: Build, error: str = "", error_code: str = "") -> None:
    """End the job: succeeded, or failed with `error`. Makes the build's agents known on success."""
    if not build.job.is_active:
        return
    now = deployment.now()
    build.job.completed_at = build.updated_at = now
    build.job.error = error
    build.job.error_code = error_code
    workspace = deployment.workspaces[build.workspace_id]
    if build.job.status == "succeeded":
        _settle_success(deployment, workspace, build)
    _tell(deployment, build)
    follow_up = build.on_success if build.job.status == "succeeded" else None
    if follow_up is not None:
        follow_up()
    deployment.dispatch()


def _settle_success(deployment: Deployment, workspace: Workspace, build: Build) -> None:
    if build.transition == "delete":
        workspace.is_deleted = True
    if build.transition == "start":
        workspace.dormant_at = workspace.deleting_at = None
        deployment.register_agents(build)


def cancel_build(deployment: Deployment, build: Build) -> None:
    """Cancel: a pending job is `canceled` at once, a running one is `canceling` until the player ends it.

    A run that was interrupted ends as `failed` with `canceled_at` set (contract: fleet.md §2.2).
    """
    now = deployment.now()
    build.job.canceled_at = build.updated_at = now
    if build.job.started_at is None:
        build.job.completed_at = now
        _tell(deployment, build)
        deployment.dispatch()
        return
    _tell(deployment, build)


def reap(deployment: Deployment, build: Build) -> None:
    """The server's reaper ends a pending or hung job (contract: fleet.md §6.1)."""
    reason = REAPED_PENDING if build.job.started_at is None else REAPED_HUNG
    deployment.append_build_log(build, "", "", level="error", source="provisioner_daemon")
    deployment.append_build_log(build, "", reason, level="error", source="provisioner_daemon")
    finish_job(deployment, build, error=reason)


def claim(
    deployment: Deployment,
    prebuild: Workspace,
    user: User,
    name: str,
    *,
    misses_reinit: bool = False,
    replaces_compute: bool = False,
) -> Build:
    """A user gets a prebuild: new owner and name, a new build, new agent rows (contract: fleet.md §7.4).

    Watches opened before stay on the old owner's channel and hear at most what agents that connected before
    the claim still report there.
    """
    now = deployment.now()
    prebuild.owner_id = user.id
    prebuild.name = name
    prebuild.last_used_at = now
    prebuild.ttl_ms = deployment.template_of(prebuild).default_ttl_ms
    version_id = prebuild.latest_build.template_version_id
    build = queue_build(deployment, prebuild, "start", user.id, is_claim=True, version_id=version_id)
    build.misses_reinit = misses_reinit
    build.replaces_compute = replaces_compute
    return build


def create_workspace(
    deployment: Deployment,
    user: User,
    name: str,
    template_id: str,
    *,
    version_id: str | None = None,
    preset_id: str | None = None,
    blueprint: Blueprint | None = None,
    transition: str = "start",
) -> Workspace:
    """A new workspace with its first build queued; for the prebuilds user a prebuild."""
    now = deployment.now()
    template = deployment.templates[template_id]
    is_prebuild = user.id == PREBUILDS_USER_ID
    workspace = Workspace(
        id=deployment.new_id(),
        name=name,
        owner_id=user.id,
        organization_id=template.organization_id,
        template_id=template_id,
        created_at=now,
        updated_at=now,
        last_used_at=now,
        ttl_ms=0 if is_prebuild else template.default_ttl_ms,
        blueprint=blueprint,
    )
    deployment.add_workspace(workspace)
    queue_build(
        deployment,
        workspace,
        transition,
        user.id,
        version_id=version_id or template.active_version_id,
        preset_id=preset_id,
    )
    return workspace


def _tell(deployment: Deployment, build: Build) -> None:
    workspace = deployment.workspaces[build.workspace_id]
    deployment.touch(workspace)
    deployment.bus.publish(topics.build_logs_topic(build.id), topics.ALL_BUILDS_TOPIC)
    if not build.job.is_active:
        replaced = [agent.id for older in workspace.builds[-2:-1] for agent in older.agents]
        deployment.bus.publish(*(topics.logs_topic(agent_id) for agent_id in replaced))
