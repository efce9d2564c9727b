"""(state, event) → state: the only place where state changes.

`Store.apply` takes a batch of events, makes the next state and tells which subjects changed, so that a screen repaints
those and nothing else. A value equal to the one held changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, get_args

from agentdash.state import agent_store, deployment_store, fleet_store, server_store
from agentdash.state import events as ev
from agentdash.state.deployment_events import DeploymentEvent
from agentdash.state.freshness import Stream, StreamState
from agentdash.state.logs import LogBook
from agentdash.state.state import Changes, State

ACTIONS_KEPT = 200


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


def _sweep_ended(state: State, event: ev.SweepEnded, changes: Changes) -> State:
    swept = fleet_store.REDUCERS[ev.SweepEnded](state, event, changes)
    return agent_store.let_go(swept, event.at, changes)


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
    **server_store.REDUCERS,
    **fleet_store.REDUCERS,
    **agent_store.REDUCERS,
    ev.SweepEnded: _sweep_ended,
    ev.StreamChanged: _stream_changed,
    ev.StreamForgotten: _stream_forgotten,
    ev.ActionChanged: _action_changed,
    **dict.fromkeys(get_args(DeploymentEvent), _deployment),
}
