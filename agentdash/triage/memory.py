"""What was seen before, for rules with a past of their own: the server keeps no history of these.

`remember` is pure: memory and facts in, memory out. A single read has an empty memory; rules that need one then judge
by times on the wire or say that they cannot know (contract: triage.md §3, "one read or a history").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from immutables import Map

from agentdash.state.freshness import Fact, Freshness, StreamState
from agentdash.state.model import Workspace
from agentdash.state.state import State
from agentdash.triage.clock import age_s
from agentdash.triage.pools import Pool

RESTARTS_KEPT = 12
CUTS_KEPT = 30
REFUSALS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Held:
    """Something that has been as it is since then (server time)."""

    what: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts of one agent within one build, as they were noticed."""

    build_id: str
    started_at: datetime | None
    noticed: tuple[datetime, ...] = ()
    """Server times at which `started_at` was seen to have moved."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A stream that was lost: its kind, how old it was, and when."""

    kind: str
    age_s: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """All that is remembered; `since` is when watching began, None for a single read."""

    since: datetime | None = None
    short: Map[str, datetime] = field(default_factory=Map)
    """Preset id → since when the pool was seen short with nothing on its way."""
    empty: Map[str, datetime] = field(default_factory=Map)
    """Preset id → since when nothing of it was claimable."""
    devcontainers: Map[str, Held] = field(default_factory=Map)
    """`<agent key> <folder>` → its status."""
    errors: Map[str, str] = field(default_factory=Map)
    """`<agent key> <folder> <container id>` → error it once carried: it flickers (contract: triage.md D03)."""
    starts: Map[str, Starts] = field(default_factory=Map)
    """By agent key."""
    open_streams: Map[str, datetime] = field(default_factory=Map)
    """Streams that were live, and since when."""
    cuts: tuple[Cut, ...] = ()
    refusals: Map[str, tuple[int, datetime]] = field(default_factory=Map)
    """Streams that were refused, with the last status and since when first, as long as none has come about."""
    unanswered: Map[str, tuple[str, ...]] = field(default_factory=Map)
    """Agent key → questions in a row that dialled it in vain, each told apart by its next try and its request id."""


UNANSWERED = ("AgentUnreachable", "TimedOut")
"""Kinds of problems that mean: dialled, and no answer."""


Change = tuple[Workspace | None, Workspace | None]
"""A workspace as it was and as it is; None before it came, and after it went."""


def remember(
    memory: Memory,
    state: State,
    pools: tuple[Pool, ...],
    now: datetime,
    changes: Iterable[Change] | None = None,
) -> Memory:
    """What is to be remembered after this look at the state.

    Args:
        memory: What was remembered before.
        state: The state.
        pools: Its pools.
        now: Server time.
        changes: Workspaces that have changed since the memory was made, if that is known.
    """
    return replace(
        memory,
        since=memory.since or now,
        short=_held(memory.short, {p.preset_id: is_short(p) for p in pools}, now),
        empty=_held(memory.empty, {p.preset_id: bool(p.desired) and not p.claimable for p in pools}, now),
        starts=_starts(memory.starts, state, now, changes),
        devcontainers=_devcontainers(memory, state, now),
        errors=_errors(memory, state),
        open_streams=Map({s.id: s.since for s in state.streams.values() if s.state is StreamState.LIVE}),
        cuts=(*memory.cuts, *_new_cuts(memory, state, now))[-CUTS_KEPT:],
        refusals=refusals(memory.refusals, state),
        unanswered=_unanswered(memory, state),
    )


def refusals(old: Map[str, tuple[int, datetime]], state: State) -> Map[str, tuple[int, datetime]]:
    """Streams refused so far; none as soon as one has come about."""
    streams = list(state.streams.values())
    if any(s.state is StreamState.LIVE or s.reconnects for s in streams):
        return Map()
    found = {
        # Between two tries it is connecting: its own time is that of the last try.
        s.id: (s.problem.status, min(old[s.id][1], s.since) if s.id in old else s.since)
        for s in streams
        if s.state is StreamState.RETRYING and s.problem is not None and s.problem.status is not None
    }
    return old.update(found) if len(old) < REFUSALS_KEPT else old


def is_short(pool: Pool) -> bool:
    """Whether it has fewer instances than it should, those being built included."""
    return (
        pool.is_active and pool.desired is not None and len(pool.running) + len(pool.starting) < pool.desired
    )


def _held(old: Map[str, datetime], holds: dict[str, bool], now: datetime) -> Map[str, datetime]:
    return Map({key: old.get(key, now) for key, is_held in holds.items() if is_held})


def _starts(
    old: Map[str, Starts], state: State, now: datetime, changes: Iterable[Change] | None
) -> Map[str, Starts]:
    if changes is None:
        found = (_starts_of(old, workspace, now) for workspace in state.workspaces.values())
        return Map({key: starts for one in found for key, starts in one.items()})
    made = old.mutate()
    for was, workspace in changes:
        if was is not None:
            for agent in was.agents:
                made.pop(agent.key, None)
        if workspace is not None:
            made.update(_starts_of(old, workspace, now))
    return made.finish()


def _starts_of(old: Map[str, Starts], workspace: Workspace, now: datetime) -> dict[str, Starts]:
    made = {}
    for agent in workspace.agents:
        was = old.get(agent.key)
        if was is None or was.build_id != workspace.build.id:
            if agent.started_at is not None:
                made[agent.key] = Starts(workspace.build.id, agent.started_at)
        elif agent.started_at is None or agent.started_at == was.started_at:
            made[agent.key] = was
        else:
            noticed = (*was.noticed, now)[-RESTARTS_KEPT:]
            made[agent.key] = Starts(was.build_id, agent.started_at, noticed)
    return made


def _devcontainers(memory: Memory, state: State, now: datetime) -> Map[str, Held]:
    made = {}
    for agent_id, detail in state.details.items():
        agent = state.agent(agent_id)
        if agent is None or detail.containers.value is None:
            continue
        for devcontainer in detail.containers.value.devcontainers:
            key = f"{agent.key} {devcontainer.workspace_folder}"
            was = memory.devcontainers.get(key)
            is_same = was is not None and was.what == devcontainer.status
            made[key] = was if is_same and was is not None else Held(devcontainer.status, now)
    return Map(made)


def _errors(memory: Memory, state: State) -> Map[str, str]:
    made = {}
    for agent_id, detail in state.details.items():
        agent = state.agent(agent_id)
        if agent is None or detail.containers.value is None:
            continue
        for devcontainer in detail.containers.value.devcontainers:
            if devcontainer.container is None:
                continue
            key = f"{agent.key} {devcontainer.workspace_folder} {devcontainer.container.id}"
            error = devcontainer.error or memory.errors.get(key, "")
            if error:
                made[key] = error
    return Map(made)


def _new_cuts(memory: Memory, state: State, now: datetime) -> list[Cut]:
    cuts = []
    for stream_id, since in memory.open_streams.items():
        stream = state.streams.get(stream_id)
        # One that nobody needs any more is forgotten, and one that ended in order is stopped: neither was cut.
        if stream is None or stream.state in (StreamState.LIVE, StreamState.STOPPED):
            continue
        age = age_s(since, stream.since)
        if age is not None:
            cuts.append(Cut(stream_id.partition(":")[0], age, now))
    return cuts


def _unanswered(memory: Memory, state: State) -> Map[str, tuple[str, ...]]:
    made = {}
    for agent_id, detail in state.details.items():
        agent = state.agent(agent_id)
        if agent is None:
            continue
        found = memory.unanswered.get(agent.key, ())
        if detail.closed_at is not None:  # nothing was asked since
            if found:
                made[agent.key] = found
            continue
        bad = [
            f"{name} {fact.retry_at} {fact.problem.request_id if fact.problem else ''}"
            for name, fact in (("ports", detail.ports), ("containers", detail.containers))
            if is_unanswered(fact)
        ]
        if bad:
            made[agent.key] = tuple(dict.fromkeys((*found, *bad)))[-RESTARTS_KEPT:]
    return Map(made)


def is_unanswered(fact: Fact[Any]) -> bool:
    """Whether the agent was dialled for this fact, the last time in vain."""
    return (
        fact.freshness in (Freshness.STALE, Freshness.REFUSED)
        and fact.problem is not None
        and fact.problem.kind in UNANSWERED
    )
