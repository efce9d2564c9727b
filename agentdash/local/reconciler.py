"""The prebuilds reconciler: keeps pools at their desired number, as blindly as the real one.

It counts builds and reads lifecycles of nobody: a prebuild whose start-up failed still counts as running, so a
pool can be full and serve nobody (contract: fleet.md §7.3).
"""

from __future__ import annotations

from agentdash.local import queueing
from agentdash.local.deployment import Deployment
from agentdash.local.records_org import PREBUILDS_USER_ID, Preset, TemplateVersion, User, Workspace

_HARD_LIMIT = 3
_NAME_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def reconcile(deployment: Deployment) -> int:
    """One pass over all presets; returns how many builds it queued. Nothing while paused or unlicensed."""
    if deployment.prebuilds_paused or not (deployment.entitlements or {}).get("workspace_prebuilds", False):
        return 0
    queued = 0
    for template in deployment.templates.values():
        version = deployment.versions[template.active_version_id]
        queued += _delete_outdated(deployment, template.id, version)
        for preset in version.presets:
            queued += _fill(deployment, version, preset)
    return queued


def pool(deployment: Deployment, preset: Preset) -> list[Workspace]:
    """Unclaimed, undeleted prebuilds of a preset, oldest first."""
    return [
        workspace
        for workspace in deployment.live_workspaces()
        if workspace.is_prebuild and workspace.latest_build.preset_id == preset.id
    ]


def is_running(workspace: Workspace) -> bool:
    """The latest build is a finished start: it counts as running, whatever its agents say."""
    return workspace.latest_build.status == "running"


def is_eligible(deployment: Deployment, workspace: Workspace) -> bool:
    """Claimable: running, on the active version, and all agents `ready`; the connection does not matter."""
    active = deployment.template_of(workspace).active_version_id
    agents = workspace.agents
    return (
        workspace.is_prebuild
        and is_running(workspace)
        and workspace.latest_build.template_version_id == active
        and bool(agents)
        and all(agent.lifecycle_state == "ready" for agent in agents)
    )


def eligible(deployment: Deployment, preset: Preset) -> list[Workspace]:
    """Prebuilds of the preset that could be claimed now, oldest first."""
    return [workspace for workspace in pool(deployment, preset) if is_eligible(deployment, workspace)]


def claim_one(deployment: Deployment, preset: Preset, user: User, name: str) -> Workspace | None:
    """Give the oldest eligible prebuild to a user; None when there is none."""
    candidates = eligible(deployment, preset)
    if not candidates:
        return None
    queueing.claim(deployment, candidates[0], user, name)
    return candidates[0]


def _fill(deployment: Deployment, version: TemplateVersion, preset: Preset) -> int:
    if not preset.desired:
        return 0
    members = pool(deployment, preset)
    newest = sorted(members, key=lambda workspace: workspace.created_at, reverse=True)[:_HARD_LIMIT]
    if len(newest) == _HARD_LIMIT and all(workspace.latest_build.status == "failed" for workspace in newest):
        return 0
    counted = sum(
        1 for workspace in members if workspace.latest_build.status in {"running", "starting", "pending"}
    )
    missing = preset.desired - counted
    for _ in range(missing):
        suffix = "".join(deployment.rng.choice(_NAME_LETTERS) for _ in range(12))
        queueing.create_workspace(
            deployment,
            deployment.prebuilds_user(),
            f"prebuild-{suffix}",
            version.template_id,
            version_id=version.id,
            preset_id=preset.id,
        )
    surplus = [workspace for workspace in members if is_running(workspace)][: max(0, -missing)]
    for workspace in surplus:
        queueing.queue_build(deployment, workspace, "delete", PREBUILDS_USER_ID)
    return max(0, missing) + len(surplus)


def _delete_outdated(deployment: Deployment, template_id: str, active: TemplateVersion) -> int:
    outdated = [
        workspace
        for workspace in deployment.live_workspaces()
        if workspace.is_prebuild
        and workspace.template_id == template_id
        and is_running(workspace)
        and (
            workspace.latest_build.template_version_id != active.id or _is_invalidated(deployment, workspace)
        )
    ]
    for workspace in outdated:
        queueing.queue_build(deployment, workspace, "delete", PREBUILDS_USER_ID)
    return len(outdated)


def _is_invalidated(deployment: Deployment, workspace: Workspace) -> bool:
    moment = deployment.template_of(workspace).prebuilds_invalidated_at
    return moment is not None and workspace.created_at < moment
