"""The agent object and what belongs to it (contract: agents.md §2–§4, §6–§9)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from agentdash.api.schema.base import (
    Bool,
    Id,
    Int,
    Items,
    Lenient,
    Level,
    Maybe,
    NullableBool,
    NullableFloat,
    NullableId,
    NullableInt,
    NullableItems,
    Str,
    Table,
    Timestamp,
    Wire,
    WordOrWords,
)


class AgentHealth(Wire):
    healthy: Bool = False
    reason: Str = ""


class Latency(Wire):
    """Of one relay region; milliseconds."""

    preferred: Bool = False
    latency_ms: NullableFloat = None


class LogSource(Wire):
    """Unique per agent only: key by (agent id, id)."""

    workspace_agent_id: Id = ""
    id: Id = ""
    created_at: Timestamp = None
    display_name: Str = ""
    icon: Str = ""


class Script(Wire):
    """One script of the template; `timeout` in nanoseconds, 0 = none.

    `exit_code` and `status` are of the latest run of any kind, absent before the first ended and on servers
    before about 2.33. The script's text is not read: long, unshown, and it may hold secrets.
    """

    id: Id = ""
    log_source_id: Id = ""
    log_path: Str = ""
    cron: Str = ""
    run_on_start: Bool = False
    run_on_stop: Bool = False
    start_blocks_login: Bool = False
    timeout: Int = 0
    display_name: Str = ""
    exit_code: NullableInt = None
    status: Str = ""


class Healthcheck(Wire):
    """`interval` in seconds, `threshold` in failures in a row; `url` "" means there is no check."""

    url: Str = ""
    interval: Int = 0
    threshold: Int = 0


class AppStatus(Wire):
    """What an AI agent said about itself; newest first in its list."""

    id: Id = ""
    created_at: Timestamp = None
    workspace_id: Id = ""
    agent_id: Id = ""
    app_id: Id = ""
    state: Str = ""
    message: Str = ""
    uri: Str = ""


class App(Wire):
    id: Id = ""
    slug: Str = ""
    display_name: Str = ""
    url: Str = ""
    external: Bool = False
    command: Str = ""
    icon: Str = ""
    subdomain: Bool = False
    subdomain_name: Str = ""
    sharing_level: Str = ""
    healthcheck: Maybe[Healthcheck] = None
    health: Str = ""
    group: Str = ""
    hidden: Bool = False
    open_in: Str = ""
    tooltip: Str = ""
    statuses: Items[AppStatus] = ()


class MetadataResult(Wire):
    """`age` in seconds by the server's clock; `collected_at` None = never collected (then `age` is huge)."""

    collected_at: Timestamp = None
    age: Int = 0
    value: Str = ""
    error: Str = ""


class MetadataDescription(Wire):
    """`interval` (0 = run once) and `timeout` in seconds."""

    display_name: Str = ""
    key: Str = ""
    interval: Int = 0
    timeout: Int = 0


class MetadataItem(Wire):
    result: Annotated[MetadataResult, Lenient(make=MetadataResult)] = Field(default_factory=MetadataResult)
    description: Annotated[MetadataDescription, Lenient(make=MetadataDescription)] = Field(
        default_factory=MetadataDescription
    )


class Agent(Wire):
    """The agent as it stands in `resources[].agents[]` and behind `GET /workspaceagents/{id}` alike.

    What an old server does not know shows in `knows()`: without `scripts` there is one pseudo script, without
    `parent_id` there are no sub-agents, `display_apps` None means "show all" (contract: changes.md §4.1).
    The agent's environment is not read: it may hold secrets.
    """

    id: Id = ""
    parent_id: NullableId = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
    first_connected_at: Timestamp = None
    last_connected_at: Timestamp = None
    disconnected_at: Timestamp = None
    started_at: Timestamp = None
    ready_at: Timestamp = None
    status: Str = ""
    lifecycle_state: Str = ""
    name: Str = ""
    resource_id: Id = ""
    instance_id: Str = ""
    architecture: Str = ""
    operating_system: Str = ""
    directory: Str = ""
    expanded_directory: Str = ""
    version: Str = ""
    api_version: Str = ""
    logs_length: Int = Field(0, validation_alias=AliasChoices("logs_length", "startup_logs_length"))
    logs_overflowed: Bool = Field(
        False, validation_alias=AliasChoices("logs_overflowed", "startup_logs_overflowed")
    )
    apps: Items[App] = ()
    latency: Table[Latency] = Field(default_factory=dict)
    connection_timeout_seconds: NullableInt = None
    """0 = the template has switched it off."""
    troubleshooting_url: Str = ""
    subsystems: WordOrWords = Field((), validation_alias=AliasChoices("subsystems", "subsystem"))
    health: Maybe[AgentHealth] = None
    display_apps: NullableItems[str] = None
    log_sources: Items[LogSource] = ()
    scripts: Items[Script] = ()
    startup_script_behavior: Str = ""
    metadata: Items[MetadataItem] = ()
    # Servers up to v2.1 had one script each instead of a list; only its presence is of use.
    login_before_ready: NullableBool = None
    startup_script: Str = ""
    startup_script_timeout_seconds: Int = 0
    shutdown_script: Str = ""
    shutdown_script_timeout_seconds: Int = 0


class AgentLog(Wire):
    """One line; `id` is the only sort key, `created_at` the moment the server stored it.

    (contract: agents.md §3.2).
    """

    id: Int = 0
    created_at: Timestamp = None
    output: Str = ""
    level: Level = "info"
    source_id: Id = ""


class ListeningPort(Wire):
    process_name: Str = ""
    network: Str = ""
    port: Int = 0


class ListeningPorts(Wire):
    ports: Items[ListeningPort] = ()


class PortShare(Wire):
    """Keyed by agent name, so it survives rebuilds (contract: agents.md §9)."""

    workspace_id: Id = ""
    agent_name: Str = ""
    port: Int = 0
    share_level: Str = ""
    protocol: Str = ""


class PortShares(Wire):
    shares: Items[PortShare] = ()


class DerpNode(Wire):
    """A relay of a region; what is zero is left out (contract: tailnet.md §2). `derp_port` 0 stands for 443."""

    name: Str = Field("", validation_alias="Name")
    region_id: Int = Field(0, validation_alias="RegionID")
    host_name: Str = Field("", validation_alias="HostName")
    cert_name: Str = Field("", validation_alias="CertName")
    ipv4: Str = Field("", validation_alias="IPv4")
    ipv6: Str = Field("", validation_alias="IPv6")
    stun_port: Int = Field(0, validation_alias="STUNPort")
    stun_only: Bool = Field(False, validation_alias="STUNOnly")
    derp_port: Int = Field(0, validation_alias="DERPPort")
    insecure_for_tests: Bool = Field(False, validation_alias="InsecureForTests")
    force_http: Bool = Field(False, validation_alias="ForceHTTP")


class DerpRegion(Wire):
    embedded_relay: Bool = Field(False, validation_alias="EmbeddedRelay")
    region_id: Int = Field(0, validation_alias="RegionID")
    region_code: Str = Field("", validation_alias="RegionCode")
    region_name: Str = Field("", validation_alias="RegionName")
    nodes: Items[DerpNode] = Field((), validation_alias="Nodes")


class DerpMap(Wire):
    """Relay regions by their number written as text; Go-style keys (contract: agents.md §7)."""

    regions: Table[DerpRegion] = Field(default_factory=dict, validation_alias="Regions")


class ConnectionInfo(Wire):
    derp_map: Maybe[DerpMap] = None
    derp_force_websockets: Bool = False
    disable_direct_connections: Bool = False
    hostname_suffix: Str = ""


class BuildUpdate(Wire):
    transition: Str = ""
    job_status: Str = ""


class AgentUpdate(Wire):
    lifecycle: Str = ""
    id: Id = ""


class ConnectionWatchError(Wire):
    code: Int = 0
    retryable: Bool = False
    message: Str = ""
    details: Str = ""


class ConnectionWatchUpdate(Wire):
    """One message of the agent connection watch (contract: agents.md §8)."""

    error: Maybe[ConnectionWatchError] = None
    build_update: Maybe[BuildUpdate] = None
    agent_update: Maybe[AgentUpdate] = None
