"""What events of the server and the account change: version, clock, rights, licence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentdash.state import events as ev
from agentdash.state.state import Changes, State


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


def _server_heard(state: State, event: ev.ServerHeard, changes: Changes) -> State:
    """It says nothing of a problem, and nobody could notice it: no change."""
    del changes
    old = state.server
    if old.reached_at is None or event.at <= old.reached_at:
        return state
    return replace(state, server=replace(old, reached_at=event.at))


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


REDUCERS: dict[type, Callable[[State, Any, Changes], State]] = {
    ev.ServerNamed: _server_named,
    ev.BuildInfoRead: _build_info_read,
    ev.UserRead: _user_read,
    ev.ServerAnswered: _server_answered,
    ev.ServerHeard: _server_heard,
    ev.ServerFailed: _server_failed,
    ev.EntitlementsRead: _entitlements_read,
    ev.ExperimentsRead: _experiments_read,
    ev.RegionsRead: _regions_read,
}
