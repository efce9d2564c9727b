"""What is known of a deployment, as frozen values.

Everything here has been cleaned (`state/convert`), so it may be drawn, sorted and written anywhere. Enumerations are
plain strings: a newer server may send a value nobody has heard of, and it is shown raw (contract: README.md §6). Times
are aware UTC or None; "never" in all its forms on the wire is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from immutables import Map

from agentdash.state.model_detail import (
    AgentNode,
    Connection,
    Container,
    ContainerPort,
    Containers,
    DerpRegion,
    Devcontainer,
    Links,
    LogLine,
    Port,
    PortShare,
    RegionLink,
    Timing,
    Timings,
)
from agentdash.state.model_server import ActionRecord, Counts, Role, Server, User

__all__ = [
    "EXTERNAL_SOURCE_ID",
    "PREBUILDS_USER_ID",
    "ActionRecord",
    "Agent",
    "AgentNode",
    "App",
    "AppStatus",
    "Build",
    "Connection",
    "Container",
    "ContainerPort",
    "Containers",
    "Counts",
    "DerpRegion",
    "Devcontainer",
    "Job",
    "Links",
    "LogLine",
    "LogSource",
    "MatchedProvisioners",
    "MetadataItem",
    "Port",
    "PortShare",
    "RegionLatency",
    "RegionLink",
    "Resource",
    "ResourceMetadata",
    "Role",
    "Script",
    "Server",
    "Timing",
    "Timings",
    "Transition",
    "User",
    "Workspace",
    "agent_key",
]

PREBUILDS_USER_ID = "c42fdf75-3097-471c-8c33-fb52454d81c0"
"""Owner of unclaimed prebuilds on every server (contract: fleet.md §7.1)."""

EXTERNAL_SOURCE_ID = "3b579bf4-1ed8-4b99-87a8-e9a1e3410410"
"""Log source of lines whose sender named none (contract: agents.md §2.5)."""


def agent_key(workspace_id: str, name: str, parent_name: str | None = None) -> str:
    """Name of an agent's row that outlives builds: ids are new at every start (contract: agents.md §1)."""
    return f"{workspace_id}/{parent_name}/{name}" if parent_name else f"{workspace_id}/{name}"


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where log lines come from; unique within one agent only."""

    id: str
    name: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """One script of an agent with the result of its latest run (contract: agents.md §2.5)."""

    id: str
    name: str
    source_id: str
    log_path: str = ""
    cron: str = ""
    run_on_start: bool = False
    run_on_stop: bool = False
    blocks_login: bool = False
    timeout_s: float | None = None
    exit_code: int | None = None
    status: str | None = None
    """`ok`, `exit_failure`, `timed_out`, `pipes_left_open`; None until a run has ended."""
    is_devcontainer: bool = False
    """An entry that stands for a devcontainer of the template, not a script to list."""


@dataclass(frozen=True, slots=True)
class AppStatus:
    """What an AI agent or app says of itself."""

    state: str
    message: str
    uri: str = ""
    created_at: datetime | None = None
    app_id: str = ""
    agent_id: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """An application of an agent (contract: agents.md §2.6)."""

    id: str
    slug: str
    name: str
    url: str = ""
    external: bool = False
    command: str = ""
    subdomain: bool = False
    subdomain_name: str = ""
    sharing_level: str = ""
    health: str = "disabled"
    healthcheck_url: str = ""
    healthcheck_interval_s: int = 0
    healthcheck_threshold: int = 0
    group: str = ""
    hidden: bool = False
    open_in: str = ""
    tooltip: str = ""
    statuses: tuple[AppStatus, ...] = ()
    """Newest first."""


@dataclass(frozen=True, slots=True)
class RegionLatency:
    """Round trip from an agent to a relay region."""

    region: str
    ms: float
    preferred: bool


@dataclass(frozen=True, slots=True)
class MetadataItem:
    """One metadata value of an agent (contract: agents.md §6)."""

    key: str
    name: str
    value: str
    error: str = ""
    age_s: int | None = None
    """By the server's clock; None when never collected."""
    interval_s: int = 0
    timeout_s: int = 0

    @property
    def is_stale(self) -> bool:
        """Older than it should be. A value that is collected once never is."""
        if self.interval_s == 0 or self.age_s is None:
            return False
        return self.age_s > 2 * max(self.interval_s, 5) + self.timeout_s


@dataclass(frozen=True, slots=True)
class Agent:
    """A workspace agent, or a sub-agent of a devcontainer (contract: agents.md §2.1)."""

    id: str
    key: str
    """`agent_key()` of it: the same across builds."""
    workspace_id: str
    name: str
    status: str
    lifecycle: str
    parent_id: str | None = None
    parent_name: str | None = None
    resource_id: str = ""
    resource_name: str = ""
    created_at: datetime | None = None
    first_connected_at: datetime | None = None
    last_connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    started_at: datetime | None = None
    """Agent's clock; never to be subtracted from a server's time."""
    ready_at: datetime | None = None
    """Agent's clock."""
    healthy: bool | None = None
    health_reason: str = ""
    operating_system: str = ""
    architecture: str = ""
    version: str = ""
    api_version: str = ""
    directory: str = ""
    expanded_directory: str = ""
    instance_id: str = ""
    connection_timeout_s: int = 0
    """0 = the template has switched it off; negative = not told."""
    troubleshooting_url: str = ""
    startup_script_behavior: str = ""
    subsystems: tuple[str, ...] = ()
    display_apps: tuple[str, ...] | None = None
    """None on servers that do not know the field: show all."""
    logs_length: int = 0
    logs_overflowed: bool = False
    latency: tuple[RegionLatency, ...] = ()
    scripts: tuple[Script, ...] = ()
    log_sources: tuple[LogSource, ...] = ()
    apps: tuple[App, ...] = ()
    metadata: tuple[MetadataItem, ...] = ()
    """Only where the list was asked for it (`include_agent_metadata`)."""

    @property
    def is_connected(self) -> bool:
        """Whether calls that dial the agent can succeed."""
        return self.status == "connected"

    @property
    def rtt(self) -> RegionLatency | None:
        """Latency to the preferred region, else to the first one."""
        for region in self.latency:
            if region.preferred:
                return region
        return self.latency[0] if self.latency else None

    def script_by_source(self, source_id: str) -> Script | None:
        """The script that writes to a log source."""
        return next((s for s in self.scripts if s.source_id == source_id), None)


@dataclass(frozen=True, slots=True)
class MatchedProvisioners:
    """Daemons that could take a pending job (contract: fleet.md §6.1)."""

    count: int
    available: int
    most_recently_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Job:
    """Provisioner job of a build (contract: fleet.md §2.3)."""

    id: str
    status: str
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    canceled_at: datetime | None = None
    error: str = ""
    error_code: str = ""
    worker_id: str = ""
    worker_name: str = ""
    queue_position: int = 0
    queue_size: int = 0
    tags: Map[str, str] = field(default_factory=Map)
    logs_overflowed: bool = False


@dataclass(frozen=True, slots=True)
class ResourceMetadata:
    """A fact a template shows about a resource; a sensitive value is not kept."""

    key: str
    value: str
    sensitive: bool


@dataclass(frozen=True, slots=True)
class Resource:
    """What a build made."""

    id: str
    type: str
    name: str
    hide: bool = False
    metadata: tuple[ResourceMetadata, ...] = ()
    daily_cost: int = 0


@dataclass(frozen=True, slots=True)
class Build:
    """A workspace build (contract: fleet.md §2.1)."""

    id: str
    workspace_id: str
    number: int
    transition: str
    status: str
    job: Job
    created_at: datetime | None = None
    updated_at: datetime | None = None
    reason: str = ""
    initiator_id: str = ""
    initiator_name: str = ""
    template_version_id: str = ""
    template_version_name: str = ""
    preset_id: str | None = None
    resources: tuple[Resource, ...] = ()
    deadline: datetime | None = None
    max_deadline: datetime | None = None
    daily_cost: int = 0
    matched: MatchedProvisioners | None = None
    has_external_agent: bool = False
    has_ai_task: bool = False
    has_lists: bool = True
    """Whether resources and agents were told at all: a list that is missing is no empty list."""

    @property
    def is_active(self) -> bool:
        """Queued or being worked on: the workspace has no agents meanwhile."""
        return self.job.status in ("pending", "running", "canceling")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace with its latest build and that build's agents (contract: fleet.md §2)."""

    id: str
    name: str
    owner_id: str
    owner_name: str
    build: Build
    agents: tuple[Agent, ...] = ()
    agents_are_previous: bool = False
    """The agents are those of the build before, kept for display while a new build has none."""
    organization_id: str = ""
    organization_name: str = ""
    template_id: str = ""
    template_name: str = ""
    template_display_name: str = ""
    template_active_version_id: str = ""
    template_allow_user_cancel: bool = True
    template_require_active_version: bool = False
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    dormant_at: datetime | None = None
    deleting_at: datetime | None = None
    outdated: bool = False
    is_prebuild: bool = False
    healthy: bool | None = None
    failing_agents: tuple[str, ...] = ()
    app_status: AppStatus | None = None
    favorite: bool = False
    autostart_schedule: str = ""
    ttl_s: float | None = None
    automatic_updates: str = ""
    task_id: str | None = None
    next_start_at: datetime | None = None
    """When autostart is due; in the past it was skipped."""

    @property
    def full_name(self) -> str:
        """`owner/name`, as the `coder` command takes it."""
        return f"{self.owner_name}/{self.name}"

    def agent(self, key: str) -> Agent | None:
        """The agent with this key."""
        return next((a for a in self.agents if a.key == key), None)


@dataclass(frozen=True, slots=True)
class Transition:
    """Something that changed on an agent or workspace, kept as a short history."""

    at: datetime
    what: str
    """`status`, `lifecycle`, `build`, `owner`, `script:<name>`, `app:<slug>`."""
    old: str
    new: str
