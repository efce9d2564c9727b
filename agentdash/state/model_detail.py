"""What is read only of an opened agent: ports, containers, network, timings, log lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from immutables import Map

from agentdash.text.sgr import StyleSpan


@dataclass(frozen=True, slots=True)
class Port:
    """A listening port inside the workspace."""

    port: int
    network: str
    process: str


@dataclass(frozen=True, slots=True)
class PortShare:
    """A port opened to others (contract: agents.md §9)."""

    agent_name: str
    port: int
    level: str
    protocol: str


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A port of a container and where the host publishes it."""

    port: int
    network: str
    host_ip: str = ""
    host_port: int | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A container the agent sees."""

    id: str
    name: str
    image: str
    status: str
    running: bool
    created_at: datetime | None = None
    ports: tuple[ContainerPort, ...] = ()
    labels: Map[str, str] = field(default_factory=Map)
    volumes: Map[str, str] = field(default_factory=Map)


@dataclass(frozen=True, slots=True)
class Devcontainer:
    """A devcontainer (contract: agents.md §5.2). `workspace_folder` is the stable key, `id` is not."""

    id: str
    name: str
    workspace_folder: str
    status: str
    dirty: bool = False
    config_path: str = ""
    subagent_id: str | None = None
    agent_id: str | None = None
    agent_name: str = ""
    agent_directory: str = ""
    container: Container | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Containers:
    """Everything `GET …/containers` tells."""

    devcontainers: tuple[Devcontainer, ...] = ()
    containers: tuple[Container, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DerpRegion:
    """A relay region of the deployment. `stun_only`: it helps to find direct ways and relays nothing."""

    id: int
    code: str
    name: str
    embedded: bool
    nodes: tuple[str, ...] = ()
    stun_only: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """Network settings of the deployment (contract: agents.md §7)."""

    regions: tuple[DerpRegion, ...] = ()
    force_websockets: bool | None = None
    disable_direct: bool | None = None
    hostname_suffix: str = ""


@dataclass(frozen=True, slots=True)
class RegionLink:
    """A relay region as it is seen from this machine: a latency, or why there is none in a word."""

    region_id: int
    ms: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """Relays as seen from this machine, by region id.

    Attributes:
        is_complete: Every region has been asked; until then some latencies may be those of the time before.
    """

    regions: Map[int, RegionLink] = field(default_factory=Map)
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class AgentNode:
    """How an agent is connected, by its own word (contract: tailnet.md §7, `Node`).

    Attributes:
        home_id: Region through which it is reached.
        latency_ms: By region id, the better of both address families.
        forced_websockets: Why a relay is reached by websocket, by region id.
        endpoints: `ip:port` for direct connections; none when those are blocked.
        as_of: When the agent said so.
    """

    home_id: int
    latency_ms: Map[int, float] = field(default_factory=Map)
    forced_websockets: Map[int, str] = field(default_factory=Map)
    endpoints: tuple[str, ...] = ()
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """One measured step of a start (contract: fleet.md §5). The three lists have three clocks."""

    stage: str
    name: str
    started_at: datetime
    ended_at: datetime
    agent_id: str = ""
    agent_name: str = ""
    exit_code: int | None = None
    status: str = ""
    source: str = ""
    action: str = ""

    @property
    def duration_s(self) -> float:
        """Seconds, never negative."""
        return max(0.0, (self.ended_at - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Timings:
    """Timings of one build."""

    build_id: str
    provisioner: tuple[Timing, ...] = ()
    scripts: tuple[Timing, ...] = ()
    connections: tuple[Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of an agent's or build's log, cleaned, colours parsed."""

    id: int
    at: datetime | None
    source_id: str
    """Source of an agent's line; stage of a build's line."""
    level: str
    text: str
    spans: tuple[StyleSpan, ...] = ()
