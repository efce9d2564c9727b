"""Everything that can change the state, one frozen dataclass each.

Events carry model values: they are made by the feed through `state/convert`, written by the recorder, and taken in by
`state/store`, so a replay enters where life does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from immutables import Map

from agentdash.state.deployment_events import DeploymentEvent
from agentdash.state.freshness import Problem, StreamState
from agentdash.state.model import (
    ActionRecord,
    Agent,
    AgentNode,
    Connection,
    Containers,
    Links,
    LogLine,
    MetadataItem,
    Port,
    PortShare,
    Timings,
    User,
    Workspace,
)

FactName = Literal["ports", "shares", "containers", "metadata", "connection", "links", "node", "timings"]
"""The facts of an opened agent that are kept apart from the agent object."""

Via = Literal["page", "query", "get", "watch", "action"]
"""How a workspace came to be known: which decides how the row's age is told."""


@dataclass(frozen=True, slots=True)
class ServerNamed:
    """Which deployment this is; the first event of a session."""

    url: str
    host: str
    is_embedded: bool


@dataclass(frozen=True, slots=True)
class BuildInfoRead:
    """Answer of `GET /buildinfo`."""

    version: str
    deployment_id: str
    dashboard_url: str
    is_workspace_proxy: bool


@dataclass(frozen=True, slots=True)
class UserRead:
    """Answer of `GET /users/me`."""

    user: User


@dataclass(frozen=True, slots=True)
class ServerAnswered:
    """Any answer of the server: it is there. Carries what its headers tell."""

    at: datetime
    """Local time."""
    version: str
    clock_offset_s: float | None
    latency_s: float


@dataclass(frozen=True, slots=True)
class ServerHeard:
    """A sign of life of the server that answers nothing: a stream's ping. Told now and then."""

    at: datetime
    """Local time."""


@dataclass(frozen=True, slots=True)
class ServerFailed:
    """The deployment as a whole cannot be read: no connection, no login, not Coder."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class EntitlementsRead:
    """Features and whether each is enabled."""

    features: Map[str, bool]


@dataclass(frozen=True, slots=True)
class ExperimentsRead:
    """Enabled experiments."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegionsRead:
    """Wildcard host of the primary region, empty if there is none."""

    wildcard_host: str


@dataclass(frozen=True, slots=True)
class WorkspacesRead:
    """One or more workspaces as the server has them at `at` (server time)."""

    workspaces: tuple[Workspace, ...]
    at: datetime
    via: Via


@dataclass(frozen=True, slots=True)
class SweepEnded:
    """All pages have been read: what was not in them is gone."""

    seen: frozenset[str]
    at: datetime
    total: int


@dataclass(frozen=True, slots=True)
class FleetFailed:
    """The list could not be read; what is known of it ages."""

    problem: Problem
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class CountRead:
    """How many workspaces match a query, by the server."""

    query: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceGone:
    """Deleted, or not readable any more."""

    workspace_id: str


@dataclass(frozen=True, slots=True)
class WatchCapReached:
    """More workspaces move than may be watched at once; `wanted` says how many."""

    wanted: int
    cap: int


@dataclass(frozen=True, slots=True)
class AgentRead:
    """One agent read on its own."""

    agent: Agent
    at: datetime


@dataclass(frozen=True, slots=True)
class AgentOpened:
    """An agent's panes are on screen: room is made for its facts."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentClosed:
    """Nobody looks at the agent any more since `at` (server time): what was read last is kept for a while as old."""

    agent_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PortsRead:
    """Listening ports of an agent."""

    agent_id: str
    ports: tuple[Port, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class SharesRead:
    """Shared ports of the agent's workspace."""

    agent_id: str
    shares: tuple[PortShare, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class ContainersRead:
    """Containers and devcontainers; `live` when pushed by the watch."""

    agent_id: str
    containers: Containers
    at: datetime
    live: bool


@dataclass(frozen=True, slots=True)
class MetadataRead:
    """A complete snapshot of an agent's metadata."""

    agent_id: str
    items: tuple[MetadataItem, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionRead:
    """Network settings."""

    agent_id: str
    connection: Connection
    at: datetime


@dataclass(frozen=True, slots=True)
class LinksRead:
    """Relays as seen from this machine; comes again with each region that is measured."""

    agent_id: str
    links: Links
    at: datetime


@dataclass(frozen=True, slots=True)
class NodeRead:
    """How an agent is connected, by its own word."""

    agent_id: str
    node: AgentNode
    at: datetime


@dataclass(frozen=True, slots=True)
class TimingsRead:
    """Timings of the build the agent belongs to."""

    agent_id: str
    timings: Timings
    at: datetime


@dataclass(frozen=True, slots=True)
class FactLoading:
    """A fact has been asked for, for the first time."""

    agent_id: str
    fact: FactName


@dataclass(frozen=True, slots=True)
class FactFailed:
    """A fact could not be read. `refused`: asking again will not help before something changes."""

    agent_id: str
    fact: FactName
    problem: Problem
    refused: bool = False
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogLinesRead:
    """Lines of an agent's log."""

    agent_id: str
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class LogGapFound:
    """The follow stream was cut: lines may be missing or late."""

    agent_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class BuildLogLinesRead:
    """Lines of a build's log."""

    build_id: str
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class StreamChanged:
    """A stream opened, spoke again, was lost or was given up."""

    stream_id: str
    state: StreamState
    at: datetime
    retry_at: datetime | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class StreamForgotten:
    """A stream nobody needs any more."""

    stream_id: str


@dataclass(frozen=True, slots=True)
class ActionChanged:
    """An action of this user began or ended."""

    record: ActionRecord


Event = (
    ServerNamed
    | BuildInfoRead
    | UserRead
    | ServerAnswered
    | ServerHeard
    | ServerFailed
    | EntitlementsRead
    | ExperimentsRead
    | RegionsRead
    | WorkspacesRead
    | SweepEnded
    | FleetFailed
    | CountRead
    | WorkspaceGone
    | WatchCapReached
    | AgentRead
    | AgentOpened
    | AgentClosed
    | PortsRead
    | SharesRead
    | ContainersRead
    | MetadataRead
    | ConnectionRead
    | LinksRead
    | NodeRead
    | TimingsRead
    | FactLoading
    | FactFailed
    | LogLinesRead
    | LogGapFound
    | BuildLogLinesRead
    | StreamChanged
    | StreamForgotten
    | ActionChanged
    | DeploymentEvent
)
