"""Records → the JSON of the wire, in the form a server of 2026-08 gives it.

Presence is part of the form: fields Go marks `omitempty` are left out when empty, others arrive as `null`, `[]`
or zero (contract: README.md §6; recordings/2026-08). Order of keys means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentdash.local.records import Agent, App, AppStatus, Deployment, PortShare, User, Workspace
from agentdash.local.render_agent import (
    agent_json,
    agent_log_json,
    agent_logs_json,
    agent_logs_text,
    app_json,
    app_status_json,
    container_json,
    containers_json,
    devcontainer_json,
    log_source_json,
    metadata_item_json,
    metadata_json,
    ports_json,
    script_json,
)
from agentdash.local.render_build import (
    build_json,
    build_log_json,
    build_logs_text,
    job_json,
    presets_json,
    resource_json,
    timings_json,
)
from agentdash.local.wire_json import Json, rfc3339, time_or_null

__all__ = [
    "Json",
    "agent_json",
    "agent_log_json",
    "agent_logs_json",
    "agent_logs_text",
    "app_json",
    "app_status_json",
    "build_json",
    "build_log_json",
    "build_logs_text",
    "container_json",
    "containers_json",
    "devcontainer_json",
    "job_json",
    "log_source_json",
    "metadata_item_json",
    "metadata_json",
    "port_share_json",
    "ports_json",
    "presets_json",
    "resource_json",
    "rfc3339",
    "script_json",
    "time_or_null",
    "timings_json",
    "user_json",
    "workspace_json",
]


def workspace_json(
    deployment: Deployment,
    workspace: Workspace,
    viewer: User,
    *,
    is_fresh: bool = False,
    with_metadata: Sequence[str] = (),
) -> Json:
    """The workspace object as `viewer` gets it (contract: fleet.md §2)."""
    template = deployment.template_of(workspace)
    owner = deployment.owner_of(workspace)
    now = deployment.now()
    build = workspace.latest_build
    failing = [agent.id for agent in workspace.agents if agent.parent_id is None and agent.health_reason(now)]
    body: Json = {
        "id": workspace.id,
        "created_at": rfc3339(workspace.created_at),
        "updated_at": rfc3339(workspace.updated_at),
        "owner_id": owner.id,
        "owner_name": owner.username,
        "owner_avatar_url": owner.avatar_url,
        "organization_id": workspace.organization_id,
        "organization_name": deployment.organization.name,
        "template_id": template.id,
        "template_name": template.name,
        "template_display_name": template.display_name,
        "template_icon": template.icon,
        "template_allow_user_cancel_workspace_jobs": template.allow_user_cancel_workspace_jobs,
        "template_active_version_id": template.active_version_id,
        "template_require_active_version": template.require_active_version,
        "template_use_classic_parameter_flow": False,
        "latest_build": build_json(
            deployment, build, is_fresh=is_fresh, viewer=viewer, with_metadata=with_metadata
        ),
        "latest_app_status": _latest_app_status(workspace),
        "outdated": build.template_version_id != template.active_version_id,
        "name": workspace.name,
        "last_used_at": rfc3339(workspace.last_used_at),
        "deleting_at": time_or_null(workspace.deleting_at),
        "dormant_at": time_or_null(workspace.dormant_at),
        "health": {"healthy": not failing, "failing_agents": failing},
        "automatic_updates": workspace.automatic_updates,
        "allow_renames": workspace.allow_renames,
        "favorite": viewer.id == workspace.owner_id and viewer.id in workspace.favorite_of,
        "next_start_at": time_or_null(workspace.next_start_at),
        "is_prebuild": workspace.is_prebuild,
        "task_id": workspace.task_id,
    }
    if workspace.autostart_schedule:
        body["autostart_schedule"] = workspace.autostart_schedule
    if workspace.ttl_ms:
        body["ttl_ms"] = workspace.ttl_ms
    if workspace.shared_with:
        body["shared_with"] = [
            {
                "id": user_id,
                "actor_type": "user",
                "name": deployment.users[user_id].username,
                "roles": ["use"],
            }
            for user_id in workspace.shared_with
        ]
    return body


def _latest_app_status(workspace: Workspace) -> Json | None:
    """The newest status of any app, previous builds included."""
    newest: tuple[AppStatus, App, Agent] | None = None
    for build in workspace.builds[-2:]:
        for agent in build.visible_agents:
            for app in agent.apps:
                for status in app.statuses[:1]:
                    if newest is None or status.created_at >= newest[0].created_at:
                        newest = (status, app, agent)
    return None if newest is None else app_status_json(newest[0], newest[1].id, newest[2])


def user_json(user: User) -> Json:
    """`/users/me` and each of `/users`."""
    body: Json = {
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "created_at": rfc3339(user.created_at),
        "updated_at": rfc3339(user.last_seen_at),
        "last_seen_at": rfc3339(user.last_seen_at),
        "status": user.status,
        "login_type": user.login_type,
        "organization_ids": list(user.organization_ids),
        "roles": [{"name": role, "display_name": role.replace("-", " ").title()} for role in user.roles]
        + [
            {"name": role, "display_name": role.replace("-", " ").title(), "organization_id": organization}
            for role in user.org_roles
            for organization in user.organization_ids[:1]
        ],
        "has_ai_seat": False,
    }
    if user.avatar_url:
        body["avatar_url"] = user.avatar_url
    return body


def port_share_json(share: PortShare, workspace_id: str) -> Json:
    """One element of `shares[]`."""
    return {
        "workspace_id": workspace_id,
        "agent_name": share.agent_name,
        "port": share.port,
        "share_level": share.share_level,
        "protocol": share.protocol,
    }
