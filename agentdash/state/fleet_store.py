"""What events of workspaces change: rows that come, change and go, their history, the list as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from agentdash.state import events as ev
from agentdash.state.history import KEPT, agent_transitions, workspace_transitions
from agentdash.state.model import Workspace
from agentdash.state.state import Changes, Seen, State


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
            note(history, old, merged, event.at)
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


def note(history: Any, old: Workspace, new: Workspace, at: datetime) -> None:
    """Write down in `history` (being changed) what is different about a workspace and its agents."""
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
    missing = [w for w in state.workspaces if w not in event.seen and state.seen[w].at <= event.at]
    state = _gone(state, missing, changes)
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
    return _gone(state, [event.workspace_id], changes)


def _gone(state: State, workspace_ids: Iterable[str], changes: Changes) -> State:
    gone = {w for w in workspace_ids if w in state.workspaces}
    if not gone:
        return state
    workspaces, seen = state.workspaces.mutate(), state.seen.mutate()
    homes, history = state.agent_homes.mutate(), state.history.mutate()
    for workspace_id in gone:
        _leave(workspaces.pop(workspace_id), homes)
        del seen[workspace_id]
    # A workspace is stopped before it is deleted, and has no agents then that would name their rows.
    for key in [key for key in state.history if key.partition("/")[0] in gone]:
        del history[key]
    changes.removed |= gone
    changes.workspaces -= gone
    return replace(
        state,
        workspaces=workspaces.finish(),
        seen=seen.finish(),
        agent_homes=homes.finish(),
        history=history.finish(),
    )


def _watch_cap_reached(state: State, event: ev.WatchCapReached, changes: Changes) -> State:
    cap = (event.wanted, event.cap) if event.wanted > event.cap else None
    if cap == state.watch_cap:
        return state
    changes.fleet = True
    return replace(state, watch_cap=cap)


REDUCERS: dict[type, Callable[[State, Any, Changes], State]] = {
    ev.WorkspacesRead: _workspaces_read,
    ev.SweepEnded: _sweep_ended,
    ev.FleetFailed: _fleet_failed,
    ev.CountRead: _count_read,
    ev.WorkspaceGone: _workspace_gone,
    ev.WatchCapReached: _watch_cap_reached,
}
