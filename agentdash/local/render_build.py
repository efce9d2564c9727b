"""Builds, jobs, resources, build logs and timings → the JSON of the wire (contract: fleet.md §2-§7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from agentdash.local.records import Build, BuildLogLine, Deployment, Job, Preset, Resource, User
from agentdash.local.render_agent import agent_json
from agentdash.local.wire_json import (
    ZERO_UUID,
    Json,
    rfc3339,
    time_or_null,
    without_empty,
)


def job_json(deployment: Deployment, job: Job, *, is_fresh: bool = False) -> Json:
    """`build.job`; `is_fresh` = in the answer of the build request, where no queue is computed."""
    position, size = (0, 0) if is_fresh else deployment.queue_position(job)
    source: Json = {}
    if job.workspace_build_id is not None:
        source["workspace_build_id"] = job.workspace_build_id
    if job.template_version_id is not None:
        source["template_version_id"] = job.template_version_id
    optional = {
        "started_at": job.started_at and rfc3339(job.started_at),
        "completed_at": job.completed_at and rfc3339(job.completed_at),
        "canceled_at": job.canceled_at and rfc3339(job.canceled_at),
        "error": job.error,
        "error_code": job.error_code,
        "worker_id": job.worker_id,
    }
    return {
        "id": job.id,
        "created_at": rfc3339(job.created_at),
        "status": job.status,
        "file_id": job.file_id,
        "tags": dict(job.tags),
        "queue_position": position,
        "queue_size": size,
        "organization_id": deployment.organization.id,
        "initiator_id": job.initiator_id,
        "input": source,
        "type": job.type,
        "metadata": {
            "template_version_name": "",
            "template_id": ZERO_UUID,
            "template_name": "",
            "template_display_name": "",
            "template_icon": "",
        },
        "logs_overflowed": job.logs_overflowed,
        **without_empty(dict(optional)),
    }


def resource_json(
    resource: Resource, build: Build, now: datetime, *, agents: bool = True, with_metadata: Sequence[str] = ()
) -> Json:
    """One element of `resources[]`; earlier builds are told without their agents."""
    optional: Json = {
        "agents": [agent_json(agent, now, with_metadata=with_metadata) for agent in resource.agents]
        if agents
        else [],
        "metadata": [
            {"key": key, "value": value, "sensitive": sensitive}
            for key, value, sensitive in resource.metadata
        ],
    }
    return {
        "id": resource.id,
        "created_at": rfc3339(resource.created_at),
        "job_id": build.job.id,
        "workspace_transition": build.transition,
        "type": resource.type,
        "name": resource.name,
        "hide": resource.hide,
        "icon": resource.icon,
        "daily_cost": resource.daily_cost,
        **without_empty(optional),
    }


def build_json(
    deployment: Deployment,
    build: Build,
    *,
    is_fresh: bool = False,
    is_alone: bool = False,
    viewer: User | None = None,
    with_metadata: Sequence[str] = (),
) -> Json:
    """A build object (contract: fleet.md §2.1).

    `is_fresh` is the answer of `POST …/builds` (no version name, no queue); `is_alone` that of
    `GET /workspacebuilds/{id}`, where `matched_provisioners` is always zero. `viewer` None = may read daemons.
    """
    workspace = deployment.workspaces[build.workspace_id]
    owner = deployment.owner_of(workspace)
    version = deployment.versions[build.template_version_id]
    now = deployment.now()
    has_agents = build in (workspace.latest_build, workspace.latest_completed_build)
    body: Json = {
        "id": build.id,
        "created_at": rfc3339(build.created_at),
        "updated_at": rfc3339(build.updated_at),
        "workspace_id": workspace.id,
        "workspace_name": workspace.name,
        "workspace_owner_id": owner.id,
        "workspace_owner_name": owner.username,
        "template_version_id": version.id,
        "template_version_name": "" if is_fresh else version.name,
        "build_number": build.number,
        "transition": build.transition,
        "initiator_id": build.initiator_id,
        "initiator_name": deployment.users[build.initiator_id].username,
        "job": job_json(deployment, build.job, is_fresh=is_fresh),
        "reason": build.reason,
        "resources": [
            resource_json(resource, build, now, agents=has_agents, with_metadata=with_metadata)
            for resource in build.visible_resources
        ],
        "deadline": time_or_null(build.deadline),
        "max_deadline": time_or_null(build.max_deadline),
        "status": build.status,
        "daily_cost": build.daily_cost,
        "matched_provisioners": _matched_json(
            deployment, build.job, is_alone=is_alone, viewer=None if is_fresh else viewer
        ),
        "template_version_preset_id": build.preset_id,
    }
    if owner.avatar_url:
        body["workspace_owner_avatar_url"] = owner.avatar_url
    if build.job.status == "succeeded":
        body["has_ai_task"] = build.has_ai_task
        body["has_external_agent"] = build.has_external_agent
    return body


def _matched_json(deployment: Deployment, job: Job, *, is_alone: bool, viewer: User | None) -> Json:
    may_read = (
        viewer is None or bool({"owner", "template-admin"} & set(viewer.roles)) or bool(viewer.org_roles)
    )
    if is_alone or job.status != "pending" or not may_read:
        return {"count": 0, "available": 0, "most_recently_seen": None}
    count, available, seen = deployment.matched_provisioners(job)
    return {"count": count, "available": available, "most_recently_seen": time_or_null(seen)}


def build_log_json(line: BuildLogLine) -> Json:
    """One build log line; in a follow each is a message of its own (contract: fleet.md §4.1)."""
    return {
        "id": line.id,
        "created_at": rfc3339(line.created_at),
        "log_source": line.log_source,
        "log_level": line.log_level,
        "stage": line.stage,
        "output": line.output,
    }


def build_logs_text(lines: Iterable[BuildLogLine]) -> str:
    """`format=text`; the word `provisioner` stands on the daemon's own lines too."""
    return "".join(
        f"{rfc3339(line.created_at.replace(microsecond=0))} [{line.log_level}] "
        f"[provisioner|{line.stage}] {line.output}\n"
        for line in lines
    )


def timings_json(build: Build, *, is_latest: bool) -> Json:
    """`…/timings`; connection timings only of the latest build (contract: fleet.md §5)."""
    agents = build.visible_agents
    return {
        "provisioner_timings": [
            {
                "job_id": build.job.id,
                "started_at": rfc3339(timing.started_at),
                "ended_at": rfc3339(timing.ended_at),
                "stage": timing.stage,
                "source": timing.source,
                "action": timing.action,
                "resource": timing.resource,
            }
            for timing in (build.timings if build.job.status == "succeeded" else ())
        ],
        "agent_script_timings": [
            {
                "started_at": rfc3339(timing.started_at),
                "ended_at": rfc3339(timing.ended_at),
                "exit_code": timing.exit_code,
                "stage": timing.stage,
                "status": timing.status,
                "display_name": timing.display_name,
                "workspace_agent_id": agent.id,
                "workspace_agent_name": agent.name,
            }
            for agent in agents
            for timing in agent.script_timings
        ],
        "agent_connection_timings": [
            {
                "started_at": rfc3339(agent.created_at),
                "ended_at": rfc3339(agent.first_connected_at),
                "stage": "connect",
                "workspace_agent_id": agent.id,
                "workspace_agent_name": agent.name,
            }
            for agent in (agents if is_latest else ())
            if agent.first_connected_at is not None
        ],
    }


def presets_json(presets: Sequence[Preset]) -> list[Json] | None:
    """`…/presets`: capitalised keys; null when the version has none (contract: fleet.md §7.5)."""
    return [
        {
            "ID": preset.id,
            "Name": preset.name,
            "Parameters": [{"Name": name, "Value": value} for name, value in preset.parameters] or None,
            "Default": preset.is_default,
            "DesiredPrebuildInstances": preset.desired,
            "Description": preset.description,
            "Icon": preset.icon,
        }
        for preset in presets
    ] or None
