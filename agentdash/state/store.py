"""(state, event) → state: the only place where state changes.

`Store.apply` takes a batch of events, makes the next state and tells which subjects changed, so that a screen repaints
those and nothing else. A value equal to the one held changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from immutables import Map

from agentdash.state import deployment_store
from agentdash.state import events as ev
from agentdash.state.deployment import Deployment
from agentdash.state.deployment_events import DeploymentEvent
from agentdash.state.detail import AgentDetail, add_readings
from agentdash.state.freshness import Fact, Freshness, Stream, StreamState
from agentdash.state.history import KEPT, agent_transitions, workspace_transitions
from agentdash.state.logs import LogBook
from agentdash.state.model import ActionRecord, Agent, Counts, Server, Transition, Workspace

ACTIONS_KEPT = 200


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
    """By agent id, of opened agents."""
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


class Store:
    """Holder of the current state; its one writer."""

    def __init__(self, log_limit: int = 50_000) -> None:
        self.state = State()
        self._log_limit = log_limit

    def apply(self, events: Iterable[ev.Event]) -> Changes:
        """Take in events in order and say what changed."""
        changes = Changes()
        for event in events:
            reducer = _REDUCERS.get(type(event))
            if reducer is not None:
                self.state = reducer(self.state, event, changes)
            else:
                self.state = self._logged(self.state, event, changes)
        return changes

    def _logged(self, state: State, event: ev.Event, changes: Changes) -> State:
        """Events that write to a log book, which is made on first use."""
        if isinstance(event, ev.BuildLogLinesRead):
            book = state.build_logs.get(event.build_id)
            if book is None:
                book = LogBook(self._log_limit)
                state = replace(state, build_logs=state.build_logs.set(event.build_id, book))
            if book.add(event.lines):
                changes.build_logs.add(event.build_id)
            return state
        if not isinstance(event, (ev.LogLinesRead, ev.LogGapFound)):
            raise TypeError(f"no reducer for {type(event).__name__}")
        book = state.logs.get(event.agent_id)
        if book is None:
            book = LogBook(self._log_limit)
            state = replace(state, logs=state.logs.set(event.agent_id, book))
            changes.logs.add(event.agent_id)
        if isinstance(event, ev.LogGapFound):
            book.mark_gap(event.at, event.reason)
            changes.logs.add(event.agent_id)
        elif book.add(event.lines):
            changes.logs.add(event.agent_id)
        return state


def _server(state: State, changes: Changes, **fields: Any) -> State:
    server = replace(state.server, **fields)
    if server == state.server:
        return state
    changes.server = True
    return replace(state, server=server)


def _server_named(state: State, event: ev.ServerNamed, changes: Changes) -> State:
    return _server(state, changes, url=event.url, host=event.host, is_embedded=event.is_embedded)


def _build_info_read(state: State, event: ev.BuildInfoRead, changes: Changes) -> State:
    return _server(
        state,
        changes,
        version=event.version,
        deployment_id=event.deployment_id,
        dashboard_url=event.dashboard_url,
        is_workspace_proxy=event.is_workspace_proxy,
    )


def _server_answered(state: State, event: ev.ServerAnswered, changes: Changes) -> State:
    old = state.server
    offset = event.clock_offset_s
    if offset is None or (old.clock_offset_s is not None and abs(offset - old.clock_offset_s) < 2.0):
        # The header has whole seconds: small moves are rounding, not news.
        offset = old.clock_offset_s
    version = event.version or old.version
    if old.problem is None and (old.version, old.clock_offset_s) == (version, offset):
        # Nothing a person could notice; the time of the last answer is kept without a repaint.
        return replace(state, server=replace(old, reached_at=event.at, latency_s=event.latency_s))
    return _server(
        state,
        changes,
        version=version,
        clock_offset_s=offset,
        latency_s=event.latency_s,
        reached_at=event.at,
        problem=None,
    )


def _server_failed(state: State, event: ev.ServerFailed, changes: Changes) -> State:
    return _server(state, changes, problem=event.problem)


def _user_read(state: State, event: ev.UserRead, changes: Changes) -> State:
    return _server(state, changes, user=event.user)


def _entitlements_read(state: State, event: ev.EntitlementsRead, changes: Changes) -> State:
    return _server(state, changes, entitlements=event.features)


def _experiments_read(state: State, event: ev.ExperimentsRead, changes: Changes) -> State:
    return _server(state, changes, experiments=event.names)


def _regions_read(state: State, event: ev.RegionsRead, changes: Changes) -> State:
    return _server(state, changes, wildcard_host=event.wildcard_host)


def _workspaces_read(state: State, event: ev.WorkspacesRead, changes: Changes) -> State:
    workspaces = state.workspaces.mutate()
    seen = state.seen.mutate()
    homes = state.agent_homes.mutate()
    history = state.history.mutate()
    for new in event.workspaces:
        old = workspaces.get(new.id)
        known = seen.get(new.id)
        if known is not None and known.at > event.at:
            continue  # a stream has spoken since this answer was asked for
        seen[new.id] = Seen(event.at, event.via)
        merged = _with_previous_agents(old, new)
        if old is not None and event.via not in ("page", "query"):
            merged = _with_known_metadata(old, merged)
        if old is None:
            _enter(merged, homes)
        elif merged == old:
            if known is None or known.via != event.via:
                changes.workspaces.add(new.id)
            continue
        else:
            _leave(old, homes)
            _enter(merged, homes)
            _note(history, old, merged, event.at)
        workspaces[new.id] = merged
        changes.workspaces.add(new.id)
    return replace(
        state,
        workspaces=workspaces.finish(),
        seen=seen.finish(),
        agent_homes=homes.finish(),
        history=history.finish(),
    )


def _with_previous_agents(old: Workspace | None, new: Workspace) -> Workspace:
    """While a build is queued or running the server lists no agents: keep the last ones, marked."""
    if old is None or new.agents or not new.build.is_active or not old.agents:
        return new
    return replace(new, agents=old.agents, agents_are_previous=True)


def _with_known_metadata(old: Workspace, new: Workspace) -> Workspace:
    """Only the list tells metadata along; what a watch or a single answer leaves out is not gone."""
    known = {agent.id: agent.metadata for agent in old.agents if agent.metadata}
    if not known:
        return new
    agents = tuple(
        replace(agent, metadata=known[agent.id]) if agent.id in known and not agent.metadata else agent
        for agent in new.agents
    )
    return replace(new, agents=agents)


def _enter(workspace: Workspace, homes: Any) -> None:
    for agent in workspace.agents:
        homes[agent.id] = workspace.id


def _leave(workspace: Workspace, homes: Any) -> None:
    for agent in workspace.agents:
        homes.pop(agent.id, None)


def _note(history: Any, old: Workspace, new: Workspace, at: datetime) -> None:
    found = workspace_transitions(old, new, at)
    if found:
        history[new.id] = (*history.get(new.id, ()), *found)[-KEPT:]
    before = {agent.key: agent for agent in old.agents}
    for agent in new.agents:
        was = before.get(agent.key)
        if was is None or was is agent:
            continue
        found = agent_transitions(was, agent, at)
        if found:
            history[agent.key] = (*history.get(agent.key, ()), *found)[-KEPT:]


def _sweep_ended(state: State, event: ev.SweepEnded, changes: Changes) -> State:
    for workspace_id in [w for w in state.workspaces if w not in event.seen]:
        if state.seen[workspace_id].at <= event.at:
            state = _gone(state, workspace_id, changes)
    fact = state.fleet.read(event.total, event.at, live=False)
    changes.fleet = True
    return replace(state, fleet=fact, counts=replace(state.counts, total=event.total))


def _fleet_failed(state: State, event: ev.FleetFailed, changes: Changes) -> State:
    changes.fleet = True
    return replace(state, fleet=state.fleet.failed(event.problem, retry_at=event.retry_at))


def _count_read(state: State, event: ev.CountRead, changes: Changes) -> State:
    if not event.query:
        counts = replace(state.counts, total=event.count)
    else:
        counts = replace(state.counts, by_query=state.counts.by_query.set(event.query, event.count))
    if counts == state.counts:
        return state
    changes.fleet = True
    return replace(state, counts=counts)


def _workspace_gone(state: State, event: ev.WorkspaceGone, changes: Changes) -> State:
    return _gone(state, event.workspace_id, changes)


def _gone(state: State, workspace_id: str, changes: Changes) -> State:
    workspace = state.workspaces.get(workspace_id)
    if workspace is None:
        return state
    homes = state.agent_homes.mutate()
    history = state.history.mutate()
    _leave(workspace, homes)
    for key in (workspace_id, *(agent.key for agent in workspace.agents)):
        history.pop(key, None)
    changes.removed.add(workspace_id)
    changes.workspaces.discard(workspace_id)
    return replace(
        state,
        workspaces=state.workspaces.delete(workspace_id),
        seen=state.seen.delete(workspace_id),
        agent_homes=homes.finish(),
        history=history.finish(),
    )


def _watch_cap_reached(state: State, event: ev.WatchCapReached, changes: Changes) -> State:
    cap = (event.wanted, event.cap) if event.wanted > event.cap else None
    if cap == state.watch_cap:
        return state
    changes.fleet = True
    return replace(state, watch_cap=cap)


def _agent_read(state: State, event: ev.AgentRead, changes: Changes) -> State:
    home = state.agent_homes.get(event.agent.id)
    if home is None or state.seen[home].at > event.at:
        return state  # of an earlier build, or a stream has spoken since this answer was asked for
    workspace = state.workspaces[home]
    agents = tuple(event.agent if a.id == event.agent.id else a for a in workspace.agents)
    if agents == workspace.agents:
        return state
    updated = replace(workspace, agents=agents)
    history = state.history.mutate()
    _note(history, workspace, updated, event.at)
    changes.workspaces.add(home)
    return replace(state, workspaces=state.workspaces.set(home, updated), history=history.finish())


def _agent_opened(state: State, event: ev.AgentOpened, changes: Changes) -> State:
    if event.agent_id in state.details:
        return state
    changes.details.add(event.agent_id)
    return replace(state, details=state.details.set(event.agent_id, AgentDetail(event.agent_id)))


def _agent_closed(state: State, event: ev.AgentClosed, changes: Changes) -> State:
    if event.agent_id not in state.details:
        return state
    changes.details.add(event.agent_id)
    logs = state.logs.delete(event.agent_id) if event.agent_id in state.logs else state.logs
    return replace(state, details=state.details.delete(event.agent_id), logs=logs)


def _detail(state: State, agent_id: str, changes: Changes, **fields: Any) -> State:
    detail = state.details.get(agent_id, AgentDetail(agent_id))
    updated = replace(detail, **fields)
    if updated == detail and agent_id in state.details:
        return state
    changes.details.add(agent_id)
    return replace(state, details=state.details.set(agent_id, updated))


def _ports_read(state: State, event: ev.PortsRead, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, "ports").read(event.ports, event.at, live=False)
    return _detail(state, event.agent_id, changes, ports=fact)


def _shares_read(state: State, event: ev.SharesRead, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, "shares").read(event.shares, event.at, live=False)
    return _detail(state, event.agent_id, changes, shares=fact)


def _containers_read(state: State, event: ev.ContainersRead, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, "containers").read(event.containers, event.at, live=event.live)
    return _detail(state, event.agent_id, changes, containers=fact)


def _metadata_read(state: State, event: ev.MetadataRead, changes: Changes) -> State:
    detail = state.details.get(event.agent_id, AgentDetail(event.agent_id))
    fact = detail.metadata.read(event.items, event.at, live=True)
    readings = add_readings(detail.readings, event.items, event.at)
    return _detail(state, event.agent_id, changes, metadata=fact, readings=readings)


def _connection_read(state: State, event: ev.ConnectionRead, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, "connection").read(event.connection, event.at, live=False)
    return _detail(state, event.agent_id, changes, connection=fact)


def _links_read(state: State, event: ev.LinksRead, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, "links").read(event.links, event.at, live=False)
    return _detail(state, event.agent_id, changes, links=fact)


def _node_read(state: State, event: ev.NodeRead, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, "node").read(event.node, event.at, live=False)
    return _detail(state, event.agent_id, changes, node=fact)


def _timings_read(state: State, event: ev.TimingsRead, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, "timings").read(event.timings, event.at, live=False)
    return _detail(state, event.agent_id, changes, timings=fact)


def _fact(state: State, agent_id: str, name: ev.FactName) -> Fact[Any]:
    detail = state.details.get(agent_id)
    if detail is None:
        return Fact()
    fact: Fact[Any] = getattr(detail, name)
    return fact


def _fact_loading(state: State, event: ev.FactLoading, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, event.fact)
    if fact.value is not None:
        return state
    from_unknown: Fact[Any] = Fact(None, Freshness.LOADING)
    return _detail(state, event.agent_id, changes, **{event.fact: from_unknown})


def _fact_failed(state: State, event: ev.FactFailed, changes: Changes) -> State:
    fact = _fact(state, event.agent_id, event.fact).failed(
        event.problem, refused=event.refused, retry_at=event.retry_at
    )
    return _detail(state, event.agent_id, changes, **{event.fact: fact})


def _stream_changed(state: State, event: ev.StreamChanged, changes: Changes) -> State:
    old = state.streams.get(event.stream_id)
    reconnects = 0 if old is None else old.reconnects
    since = event.at
    if old is not None:
        if old.state == event.state and (old.retry_at, old.problem) == (event.retry_at, event.problem):
            return state
        if old.state == event.state:
            since = old.since
        if old.state is StreamState.LIVE and event.state is not StreamState.LIVE:
            reconnects += 1
    stream = Stream(event.stream_id, event.state, since, event.retry_at, event.problem, reconnects)
    changes.streams = True
    return replace(state, streams=state.streams.set(event.stream_id, stream))


def _stream_forgotten(state: State, event: ev.StreamForgotten, changes: Changes) -> State:
    if event.stream_id not in state.streams:
        return state
    changes.streams = True
    return replace(state, streams=state.streams.delete(event.stream_id))


def _action_changed(state: State, event: ev.ActionChanged, changes: Changes) -> State:
    kept = tuple(record for record in state.actions if record.id != event.record.id)
    changes.actions = True
    return replace(state, actions=(*kept, event.record)[-ACTIONS_KEPT:])


def _deployment(state: State, event: DeploymentEvent, changes: Changes) -> State:
    old = state.deployment
    new = deployment_store.reduce(old, event)
    changes.deployment |= deployment_store.is_news(old, new, event)
    return replace(state, deployment=deployment_store.pruned(new, state.workspaces))


_REDUCERS: dict[type, Callable[[State, Any, Changes], State]] = {
    ev.ServerNamed: _server_named,
    ev.BuildInfoRead: _build_info_read,
    ev.UserRead: _user_read,
    ev.ServerAnswered: _server_answered,
    ev.ServerFailed: _server_failed,
    ev.EntitlementsRead: _entitlements_read,
    ev.ExperimentsRead: _experiments_read,
    ev.RegionsRead: _regions_read,
    ev.WorkspacesRead: _workspaces_read,
    ev.SweepEnded: _sweep_ended,
    ev.FleetFailed: _fleet_failed,
    ev.CountRead: _count_read,
    ev.WorkspaceGone: _workspace_gone,
    ev.WatchCapReached: _watch_cap_reached,
    ev.AgentRead: _agent_read,
    ev.AgentOpened: _agent_opened,
    ev.AgentClosed: _agent_closed,
    ev.PortsRead: _ports_read,
    ev.SharesRead: _shares_read,
    ev.ContainersRead: _containers_read,
    ev.MetadataRead: _metadata_read,
    ev.ConnectionRead: _connection_read,
    ev.LinksRead: _links_read,
    ev.NodeRead: _node_read,
    ev.TimingsRead: _timings_read,
    ev.FactLoading: _fact_loading,
    ev.FactFailed: _fact_failed,
    ev.StreamChanged: _stream_changed,
    ev.StreamForgotten: _stream_forgotten,
    ev.ActionChanged: _action_changed,
    **dict.fromkeys(get_args(DeploymentEvent), _deployment),
}
