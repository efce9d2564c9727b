"""All that is known, as one frozen value, and what a batch of events changed of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from immutables import Map

from agentdash.state import events as ev
from agentdash.state.deployment import Deployment
from agentdash.state.detail import AgentDetail
from agentdash.state.freshness import Fact, Stream
from agentdash.state.logs import LogBook
from agentdash.state.model import ActionRecord, Agent, Counts, Server, Transition, Workspace


@dataclass(frozen=True, slots=True)
class Seen:
    """When and how a workspace was last read (server time)."""

    at: datetime
    via: ev.Via


@dataclass(frozen=True, slots=True)
class State:
    """All that is known. Maps are persistent: an earlier state stays valid while the next one is made."""

    server: Server = field(default_factory=Server)
    workspaces: Map[str, Workspace] = field(default_factory=Map)
    seen: Map[str, Seen] = field(default_factory=Map)
    """By workspace id."""
    agent_homes: Map[str, str] = field(default_factory=Map)
    """Agent id → workspace id, of the agents in `workspaces`."""
    details: Map[str, AgentDetail] = field(default_factory=Map)
    """By agent id, of agents on screen and of those that left it a short while ago (`AgentDetail.closed_at`)."""
    logs: Map[str, LogBook] = field(default_factory=Map)
    """By agent id."""
    build_logs: Map[str, LogBook] = field(default_factory=Map)
    """By build id."""
    streams: Map[str, Stream] = field(default_factory=Map)
    history: Map[str, tuple[Transition, ...]] = field(default_factory=Map)
    """By row key (agent key or workspace id), oldest first."""
    fleet: Fact[int] = field(default_factory=Fact)
    """Freshness of the list as a whole; its value is the server's count."""
    counts: Counts = field(default_factory=Counts)
    watch_cap: tuple[int, int] | None = None
    """(wanted, cap) while more workspaces move than are watched."""
    actions: tuple[ActionRecord, ...] = ()
    """Newest last."""
    deployment: Deployment = field(default_factory=Deployment)
    """What surrounds the workspaces."""

    def agent(self, agent_id: str) -> Agent | None:
        """The agent with this id, if it is in a known workspace."""
        home = self.agent_homes.get(agent_id)
        if home is None:
            return None
        return next((a for a in self.workspaces[home].agents if a.id == agent_id), None)

    def row(self, key: str) -> tuple[Workspace, Agent | None] | None:
        """Workspace and agent behind a row key; the agent is None for a workspace's own row."""
        workspace_id, _, rest = key.partition("/")
        workspace = self.workspaces.get(workspace_id)
        if workspace is None:
            return None
        if not rest:
            return workspace, None
        agent = workspace.agent(key)
        return None if agent is None else (workspace, agent)


@dataclass(slots=True)
class Changes:
    """What a batch of events changed, by id."""

    workspaces: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    details: set[str] = field(default_factory=set)
    """Agent ids."""
    logs: set[str] = field(default_factory=set)
    """Agent ids."""
    build_logs: set[str] = field(default_factory=set)
    streams: bool = False
    server: bool = False
    fleet: bool = False
    actions: bool = False
    deployment: bool = False

    def __bool__(self) -> bool:
        return bool(
            self.workspaces
            or self.removed
            or self.details
            or self.logs
            or self.build_logs
            or self.streams
            or self.server
            or self.fleet
            or self.actions
            or self.deployment
        )

    def merge(self, other: Changes) -> None:
        """Add another batch's changes to these."""
        self.workspaces |= other.workspaces
        self.removed |= other.removed
        self.details |= other.details
        self.logs |= other.logs
        self.build_logs |= other.build_logs
        self.streams |= other.streams
        self.server |= other.server
        self.fleet |= other.fleet
        self.actions |= other.actions
        self.deployment |= other.deployment
