"""Workspaces, builds, their logs and timings (contract: fleet.md §1–§6)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from agentdash.api.schema.agent import Agent, AppStatus
from agentdash.api.schema.base import (
    Bool,
    Id,
    Int,
    Items,
    Lenient,
    Level,
    Maybe,
    NullableBool,
    NullableId,
    NullableInt,
    NullableItems,
    Str,
    Strings,
    Timestamp,
    Wire,
    Yes,
)


class MatchedProvisioners(Wire):
    """Means something only while the job is pending (contract: fleet.md §6.1)."""

    count: Int = 0
    available: Int = 0
    most_recently_seen: Timestamp = None


class JobInput(Wire):
    workspace_build_id: NullableId = None
    template_version_id: NullableId = None


class JobMetadata(Wire):
    """Filled only in the lists of provisioner jobs; blank in a build's job (contract: fleet.md §2.3)."""

    template_version_name: Str = ""
    template_id: Id = ""
    template_name: Str = ""
    template_display_name: Str = ""
    workspace_id: NullableId = None
    workspace_name: Str = ""
    workspace_build_transition: Str = ""


class Job(Wire):
    """A provisioner job: of a build, and as an item of `GET …/provisionerjobs`.

    `queue_position` 0 while pending means that nobody could take it, except in the answer to a new build,
    where it was not computed (contract: fleet.md §6.1).
    """

    id: Id = ""
    created_at: Timestamp = None
    started_at: Timestamp = None
    completed_at: Timestamp = None
    canceled_at: Timestamp = None
    error: Str = ""
    error_code: Str = ""
    status: Str = ""
    worker_id: NullableId = None
    worker_name: Str = ""
    tags: Strings = Field(default_factory=dict)
    queue_position: Int = 0
    queue_size: Int = 0
    organization_id: Id = ""
    initiator_id: NullableId = None
    type: Str = ""
    input: Maybe[JobInput] = None
    metadata: Maybe[JobMetadata] = None
    available_workers: Items[str] = ()
    logs_overflowed: Bool = False


ProvisionerJob = Job


class ResourceMetadata(Wire):
    """Sensitive values arrive in clear: mask them."""

    key: Str = ""
    value: Str = ""
    sensitive: Bool = False


class Resource(Wire):
    """`agents` holds sub-agents too, beside their parent; left out where there are none (`knows()` tells)."""

    id: Id = ""
    created_at: Timestamp = None
    workspace_transition: Str = ""
    type: Str = ""
    name: Str = ""
    hide: Bool = False
    icon: Str = ""
    agents: NullableItems[Agent] = None
    metadata: Items[ResourceMetadata] = ()
    daily_cost: Int = 0


class Build(Wire):
    """`resources` is empty until the job has succeeded, and `agents` of earlier builds are gone from about
    2.34."""

    id: Id = ""
    created_at: Timestamp = None
    updated_at: Timestamp = None
    workspace_id: Id = ""
    workspace_name: Str = ""
    workspace_owner_id: Id = ""
    workspace_owner_name: Str = ""
    template_version_id: Id = ""
    template_version_name: Str = ""
    build_number: Int = 0
    transition: Str = ""
    initiator_id: Id = ""
    initiator_name: Str = ""
    job: Annotated[Job, Lenient(make=Job)] = Field(default_factory=Job)
    reason: Str = ""
    resources: NullableItems[Resource] = None
    deadline: Timestamp = None
    max_deadline: Timestamp = None
    status: Str = ""
    daily_cost: Int = 0
    matched_provisioners: Maybe[MatchedProvisioners] = None
    template_version_preset_id: NullableId = None
    has_ai_task: NullableBool = None
    has_external_agent: NullableBool = None


class WorkspaceHealth(Wire):
    healthy: Yes = True
    failing_agents: Items[str] = ()


class Workspace(Wire):
    """`id` outlives a claim; `owner_*` and `name` change with it (contract: fleet.md §2, §7.4).

    `health` and `is_prebuild` are None on servers that do not know them: compute, respectively compare
    `owner_id`.
    """

    id: Id = ""
    created_at: Timestamp = None
    updated_at: Timestamp = None
    owner_id: Id = ""
    owner_name: Str = ""
    organization_id: Id = ""
    organization_name: Str = ""
    template_id: Id = ""
    template_name: Str = ""
    template_display_name: Str = ""
    template_icon: Str = ""
    template_allow_user_cancel_workspace_jobs: Bool = False
    template_active_version_id: Id = ""
    template_require_active_version: Bool = False
    latest_build: Annotated[Build, Lenient(make=Build)] = Field(default_factory=Build)
    latest_app_status: Maybe[AppStatus] = None
    outdated: Bool = False
    name: Str = ""
    autostart_schedule: Str = ""
    ttl_ms: NullableInt = None
    last_used_at: Timestamp = None
    deleting_at: Timestamp = None
    dormant_at: Timestamp = Field(None, validation_alias=AliasChoices("dormant_at", "locked_at"))
    next_start_at: Timestamp = None
    health: Maybe[WorkspaceHealth] = None
    automatic_updates: Str = ""
    favorite: Bool = False
    is_prebuild: NullableBool = None
    task_id: NullableId = None


class WorkspacesPage(Wire):
    """`count` is the total over all pages and may count rows that are never listed.

    (contract: fleet.md §1).
    """

    workspaces: Items[Workspace] = ()
    count: Int = 0


class BuildLog(Wire):
    """One line of a build's log; `id` is the sort key, `stage` a heading (contract: fleet.md §4.1)."""

    id: Int = 0
    created_at: Timestamp = None
    log_source: Str = ""
    log_level: Level = "info"
    stage: Str = ""
    output: Str = ""


class BuildParameter(Wire):
    name: Str = ""
    value: Str = ""


class ProvisionerTiming(Wire):
    """Provisioner's clock."""

    job_id: Id = ""
    started_at: Timestamp = None
    ended_at: Timestamp = None
    stage: Str = ""
    source: Str = ""
    action: Str = ""
    resource: Str = ""


class AgentScriptTiming(Wire):
    """First run of a script, by the agent's clock; no script id: match agent id and display name."""

    started_at: Timestamp = None
    ended_at: Timestamp = None
    exit_code: Int = 0
    stage: Str = ""
    status: Str = ""
    display_name: Str = ""
    workspace_agent_id: Id = ""
    workspace_agent_name: Str = ""


class AgentConnectionTiming(Wire):
    """Row created to first connected, by the server's clock."""

    started_at: Timestamp = None
    ended_at: Timestamp = None
    stage: Str = ""
    workspace_agent_id: Id = ""
    workspace_agent_name: Str = ""


class BuildTimings(Wire):
    """Three lists by three clocks: never subtract across them (contract: fleet.md §5)."""

    provisioner_timings: Items[ProvisionerTiming] = ()
    agent_script_timings: Items[AgentScriptTiming] = ()
    agent_connection_timings: Items[AgentConnectionTiming] = ()
