"""Agents of the embedded deployment as mutable records: what is stored, and what follows from it at a time.

Nothing here is a wire form; `render.py` makes that. Status and health are computed at the moment of reading,
as the real server does (contract: agents.md §2.2, §2.4).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

AgentStatus = Literal["connecting", "connected", "disconnected", "timeout"]
Lifecycle = str
"""`created` `starting` `ready` `start_timeout` `start_error` `shutting_down` `shutdown_timeout`
`shutdown_error` `off`; a plain string so that tests can play a value nobody knows yet."""

HEARTBEAT_S = 15
INACTIVE_AFTER_S = 30
MAX_LOGS_LENGTH = 1 << 20
MAX_LINE_CHARS = 1024
EXTERNAL_SOURCE_ID = "3b579bf4-1ed8-4b99-87a8-e9a1e3410410"
ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class LogSource:
    """One entry of `log_sources[]`; the id is unique per agent only."""

    id: str
    display_name: str
    created_at: datetime
    icon: str = ""


@dataclass(slots=True, eq=False)
class Script:
    """One entry of `scripts[]`; `exit_code` and `status` of the latest run, None before one ended."""

    id: str
    log_source_id: str
    display_name: str
    script: str = ""
    cron: str = ""
    run_on_start: bool = True
    run_on_stop: bool = False
    start_blocks_login: bool = False
    timeout_s: float = 0
    log_path: str = ""
    exit_code: int | None = None
    status: str | None = None


@dataclass(slots=True)
class ScriptTiming:
    """First run of a script in this build; agent clock (contract: fleet.md §5)."""

    display_name: str
    started_at: datetime
    ended_at: datetime
    exit_code: int
    status: str
    stage: str = "start"


@dataclass(slots=True)
class LogLine:
    """One stored agent log line; `id` comes from the counter of the whole deployment."""

    id: int
    created_at: datetime
    output: str
    level: str
    source_id: str


@dataclass(slots=True)
class AppStatus:
    """What an AI agent said about itself through an app: `working`, `idle`, `complete`, `failure`."""

    id: str
    created_at: datetime
    state: str
    message: str
    uri: str = ""


@dataclass(slots=True, eq=False)
class App:
    """One entry of `apps[]`; `statuses` newest first."""

    id: str
    slug: str
    display_name: str = ""
    url: str = ""
    external: bool = False
    command: str = ""
    icon: str = ""
    subdomain: bool = False
    subdomain_name: str = ""
    sharing_level: str = "owner"
    healthcheck_url: str = ""
    healthcheck_interval_s: int = 0
    healthcheck_threshold: int = 0
    health: str = "disabled"
    group: str = ""
    hidden: bool = False
    open_in: str = "slim-window"
    tooltip: str = ""
    statuses: list[AppStatus] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MetadataItem:
    """One metadata block and its last value; `collected_at` None = never."""

    key: str
    display_name: str
    script: str = ""
    interval_s: int = 10
    timeout_s: int = 1
    value: str = ""
    error: str = ""
    collected_at: datetime | None = None


@dataclass(slots=True)
class Port:
    """A listening TCP port; `process_name` is "" when the agent may not see it."""

    port: int
    process_name: str = ""
    network: str = "tcp"


@dataclass(slots=True)
class ContainerPort:
    """A port of a container; `host_port` None = not published."""

    port: int
    network: str = "tcp"
    host_ip: str = ""
    host_port: int | None = None


@dataclass(slots=True, eq=False)
class Container:
    """One entry of `containers[]`."""

    id: str
    name: str
    image: str
    created_at: datetime
    labels: dict[str, str] | None = field(default_factory=dict)
    running: bool = True
    ports: list[ContainerPort] = field(default_factory=list)
    status: str = "running"
    volumes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Devcontainer:
    """One entry of `devcontainers[]`; `sub_agent_*` describe the injected agent once there was one."""

    id: str
    name: str
    workspace_folder: str
    config_path: str = ""
    subagent_id: str | None = None
    status: str = "stopped"
    dirty: bool = False
    container: Container | None = None
    agent_id: str | None = None
    agent_name: str = ""
    agent_directory: str = ""
    error: str = ""


@dataclass(slots=True)
class Containers:
    """Answer of `…/containers`. A `failure` (status, message, detail) stands for the whole answer."""

    devcontainers: list[Devcontainer] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failure: tuple[int, str, str] | None = None


CONTAINERS_OFF = (
    403,
    "Dev Container feature not enabled.",
    "To enable this feature, set CODER_AGENT_DEVCONTAINERS_ENABLE=true in the workspace.",
)
"""`failure` of an agent whose devcontainers feature is switched off: not a fault."""


@dataclass(slots=True)
class Latency:
    """Latency to one relay region."""

    latency_ms: float
    preferred: bool = False


@dataclass(slots=True)
class Providers:
    """Where the live data of a `host` agent come from; None = the records below are the answer."""

    ports: Callable[[], Awaitable[Sequence[Port]]] | None = None
    containers: Callable[[], Awaitable[Containers]] | None = None
    recreate: Callable[[str], Awaitable[None]] | None = None
    delete: Callable[[str], Awaitable[None]] | None = None


@dataclass(slots=True, eq=False)
class Agent:
    """One agent row: it belongs to one build and never changes its id.

    While `is_beating` the last contact moves by itself every 15 s, counted from `last_connected_at`; when it
    is False the stored time stands, so that a frozen process turns `disconnected` 30 s later without event.
    """

    id: str
    name: str
    workspace_id: str
    build_id: str
    resource_id: str
    created_at: datetime
    parent_id: str | None = None
    kind: Literal["scripted", "host"] = "scripted"
    first_connected_at: datetime | None = None
    last_connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    started_at: datetime | None = None
    ready_at: datetime | None = None
    is_beating: bool = False
    lifecycle_state: Lifecycle = "created"
    architecture: str = "amd64"
    operating_system: str = "linux"
    environment_variables: dict[str, str] | None = field(default_factory=dict)
    instance_id: str = ""
    directory: str = ""
    expanded_directory: str = ""
    version: str = ""
    api_version: str = ""
    connection_timeout_s: int = 120
    troubleshooting_url: str = ""
    subsystems: list[str] = field(default_factory=list)
    display_apps: list[str] = field(
        default_factory=lambda: ["vscode", "ssh_helper", "port_forwarding_helper", "web_terminal"]
    )
    latency: dict[str, Latency] = field(default_factory=dict)
    reports_latency: bool = True
    log_sources: list[LogSource] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    script_timings: list[ScriptTiming] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    logs_length: int = 0
    logs_overflowed: bool = False
    metadata: list[MetadataItem] = field(default_factory=list)
    frozen_metadata: set[str] = field(default_factory=set)
    """Keys whose script is stuck: nobody collects them any more."""
    ports: list[Port] = field(default_factory=list)
    containers: Containers = field(default_factory=lambda: Containers(failure=CONTAINERS_OFF))
    process: int = 0
    """Counts the agent's processes on this row; what an earlier one had still to do is dropped."""
    is_unreachable: bool = False
    """The row says connected, the tunnel cannot be built: live-agent calls hang, then 500."""
    owner_id_at_connect: str = ""
    """The owner's channel this connection reports to; stays the old one over a claim (fleet.md §3.1)."""
    providers: Providers = field(default_factory=Providers)
    step_aside: Callable[[], None] = lambda: None
    """Called when a program of somebody's own comes to play this agent; what played it until then ends."""

    def last_contact(self, now: datetime) -> datetime | None:
        """`last_connected_at` as read at `now`, heartbeats counted in."""
        if self.last_connected_at is None or not self.is_beating or now <= self.last_connected_at:
            return self.last_connected_at
        beats = int((now - self.last_connected_at).total_seconds() // HEARTBEAT_S)
        return self.last_connected_at + timedelta(seconds=beats * HEARTBEAT_S)

    def status(self, now: datetime) -> AgentStatus:
        """Connection status, first rule that holds (contract: agents.md §2.2)."""
        contact = self.last_contact(now)
        if self.first_connected_at is None or contact is None:
            age_s = (now - self.created_at).total_seconds()
            if 0 < self.connection_timeout_s < age_s:
                return "timeout"
            return "connecting"
        if self.disconnected_at is not None and self.disconnected_at >= contact:
            return "disconnected"
        if (now - contact).total_seconds() > INACTIVE_AFTER_S:
            return "disconnected"
        return "connected"

    def disconnected_time(self, now: datetime) -> datetime | None:
        """`disconnected_at` as reported: the last contact when the server found out by silence (rule 4)."""
        contact = self.last_contact(now)
        if contact is None:
            return self.disconnected_at
        is_told = self.disconnected_at is not None and self.disconnected_at >= contact
        if not is_told and (now - contact).total_seconds() > INACTIVE_AFTER_S:
            return contact
        return self.disconnected_at

    def updated_time(self, now: datetime) -> datetime:
        """`updated_at`: moves with each heartbeat."""
        times = (self.created_at, self.last_contact(now), self.disconnected_at)
        return max(moment for moment in times if moment is not None)

    def health_reason(self, now: datetime) -> str:
        """Why the agent is unhealthy, "" when it is healthy (contract: agents.md §2.4)."""
        status = self.status(now)
        lifecycle = self.lifecycle_state
        if status != "connected" and lifecycle == "off":
            return "agent is not running"
        if status == "connecting":
            return "agent has not yet connected"
        if status == "timeout":
            return "agent is taking too long to connect"
        if status == "disconnected":
            return "agent has lost connection"
        if lifecycle == "start_error":
            return "agent startup script exited with an error"
        if lifecycle in {"shutting_down", "shutdown_timeout", "shutdown_error", "off"}:
            return "agent is shutting down"
        return ""

    def startup_script_behavior(self) -> str:
        """`blocking` iff some start script blocks logins."""
        blocking = any(script.run_on_start and script.start_blocks_login for script in self.scripts)
        return "blocking" if blocking else "non-blocking"

    def find_script(self, display_name: str) -> Script:
        """The script of that name. Raises `KeyError` when there is none."""
        for script in self.scripts:
            if script.display_name == display_name:
                return script
        raise KeyError(display_name)

    def find_app(self, slug: str) -> App:
        """The app with that slug. Raises `KeyError` when there is none."""
        for app in self.apps:
            if app.slug == slug:
                return app
        raise KeyError(slug)

    def source_name(self, source_id: str) -> str:
        """Display name of a log source, "" when the agent has no such source."""
        return next((source.display_name for source in self.log_sources if source.id == source_id), "")
