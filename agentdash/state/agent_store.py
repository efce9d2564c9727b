"""What events of single agents change: the agent itself, and the facts of an opened one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from agentdash.state import events as ev
from agentdash.state.detail import CLOSED_KEPT, CLOSED_KEPT_S, AgentDetail, add_readings
from agentdash.state.fleet_store import note
from agentdash.state.freshness import NOT_ON_SCREEN, Fact, Freshness
from agentdash.state.state import Changes, State


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
    note(history, workspace, updated, event.at)
    changes.workspaces.add(home)
    return replace(state, workspaces=state.workspaces.set(home, updated), history=history.finish())


def _agent_opened(state: State, event: ev.AgentOpened, changes: Changes) -> State:
    known = state.details.get(event.agent_id)
    if known is not None and known.closed_at is None:
        return state
    opened = AgentDetail(event.agent_id) if known is None else replace(known, closed_at=None)
    changes.details.add(event.agent_id)
    return replace(state, details=state.details.set(event.agent_id, opened))


def _agent_closed(state: State, event: ev.AgentClosed, changes: Changes) -> State:
    detail = state.details.get(event.agent_id)
    if detail is None or detail.closed_at is not None:
        return state
    changes.details.add(event.agent_id)
    logs = state.logs.delete(event.agent_id) if event.agent_id in state.logs else state.logs
    details = (
        state.details.set(event.agent_id, detail.closed(event.at))
        if detail.is_told
        else state.details.delete(event.agent_id)
    )
    return let_go(replace(state, details=details, logs=logs), event.at, changes)


def let_go(state: State, now: datetime, changes: Changes) -> State:
    """Drop what was read last of agents that left the screen: too long ago, too many since, or gone altogether."""
    closed = sorted(
        (detail.closed_at, agent_id)
        for agent_id, detail in state.details.items()
        if detail.closed_at is not None
    )
    old = {
        agent_id
        for at, agent_id in closed
        if (now - at).total_seconds() > CLOSED_KEPT_S or agent_id not in state.agent_homes
    }
    left = [agent_id for _, agent_id in closed if agent_id not in old]
    old.update(left[: max(0, len(left) - CLOSED_KEPT)])
    if not old:
        return state
    details = state.details.mutate()
    for agent_id in old:
        del details[agent_id]
    changes.details |= old
    return replace(state, details=details.finish())


def _detail(state: State, agent_id: str, changes: Changes, **fields: Any) -> State:
    detail = state.details.get(agent_id, AgentDetail(agent_id))
    if detail.closed_at is not None:  # an answer that was still on its way
        fields = {name: value.left() if isinstance(value, Fact) else value for name, value in fields.items()}
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
    known = _fact(state, event.agent_id, event.fact)
    if event.problem.kind == NOT_ON_SCREEN and known.problem is not None:
        return state  # that nobody asks any more says less than what came of asking
    fact = known.failed(event.problem, refused=event.refused, retry_at=event.retry_at)
    return _detail(state, event.agent_id, changes, **{event.fact: fact})


REDUCERS: dict[type, Callable[[State, Any, Changes], State]] = {
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
}
