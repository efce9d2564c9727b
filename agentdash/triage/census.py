"""The fleet counted: what rules about one subject, about pools and about the deployment ask of all workspaces.

Counted once, and then kept by the workspaces that have changed. A number is the same whether it was counted anew or kept:
what a workspace adds it takes away again, and nothing here depends on the order in which workspaces came.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from agentdash.state.model import Agent, Workspace
from agentdash.triage.baseline import Start, start_of
from agentdash.triage.clock import known, latest

STOPPING = frozenset({"shutting_down", "shutdown_timeout", "shutdown_error"})

Kind = Literal[
    "prebuild",
    "measurable",
    "unmeasured",
    "template",
    "version",
    "running",
    "running with agents",
    "root",
    "never connected",
    "script ended",
    "script failed",
    "connected",
    "relay",
    "wildcard",
    "countable",
]
"""What is counted; see `_marks` for what it is counted by."""
Mark = tuple[str, ...]
_Start = tuple[datetime, str, Start]


def _order(entry: _Start) -> tuple[datetime, str]:
    return entry[:2]


class Census:
    """Counts and small lists over all workspaces.

    Attributes:
        of_preset: Workspaces by the preset of their build and by id, prebuilds and claimed ones alike.
        lost: Root agents that have lost their connection as (when, agent id), by workspace id.
    """

    def __init__(self, workspaces: Iterable[Workspace] = ()) -> None:
        self.of_preset: defaultdict[str, dict[str, Workspace]] = defaultdict(dict)
        self.lost: dict[str, tuple[tuple[datetime, str], ...]] = {}
        self._started: defaultdict[str, list[_Start]] = defaultdict(list)
        """Finished starts by template version, the newest last."""
        self._starts: dict[str, _Start] = {}
        self._counts: defaultdict[str, Counter[Mark]] = defaultdict(Counter)
        for workspace in workspaces:
            self.change(None, workspace)

    def change(self, old: Workspace | None, new: Workspace | None) -> None:
        """A workspace came, changed or went."""
        if old is not None:
            self._count(old, -1)
            self._unlist(old)
        if new is not None:
            self._count(new, 1)
            self._list(new)

    def count(self, kind: Kind, *by: str) -> int:
        """How many there are of a kind with this mark."""
        counts = self._counts.get(kind)
        return 0 if counts is None else counts.get(by, 0)

    def marks(self, kind: Kind) -> list[Mark]:
        """All marks of a kind that are there, in their order."""
        return sorted(self._counts.get(kind, ()))

    def newest_starts(self, most: int) -> tuple[Start, ...]:
        """The newest finished starts of each template version, so many of each."""
        of_versions = sorted(self._started.items())
        return tuple(start for _, starts in of_versions for _, _, start in starts[-most:])

    def _count(self, workspace: Workspace, by: int) -> None:
        for kind, mark in _marks(workspace):
            counts = self._counts[kind]
            counts[mark] += by
            if not counts[mark]:
                del counts[mark]

    def _list(self, workspace: Workspace) -> None:
        preset = workspace.build.preset_id
        if preset:
            self.of_preset[preset][workspace.id] = workspace
        start = start_of(workspace)
        if start is not None:
            self._starts[workspace.id] = entry = (start.at, workspace.id, start)
            insort(self._started[start.version_id], entry, key=_order)
        lost = tuple(_lost(workspace))
        if lost:
            self.lost[workspace.id] = lost

    def _unlist(self, workspace: Workspace) -> None:
        preset = workspace.build.preset_id
        if preset:
            members = self.of_preset[preset]
            members.pop(workspace.id, None)
            if not members:
                del self.of_preset[preset]
        entry = self._starts.pop(workspace.id, None)
        if entry is not None:
            starts = self._started[entry[2].version_id]
            del starts[bisect_left(starts, _order(entry), key=_order)]
            if not starts:
                del self._started[entry[2].version_id]
        self.lost.pop(workspace.id, None)


def _marks(workspace: Workspace) -> Iterator[tuple[Kind, Mark]]:
    """What a workspace adds to the counts."""
    build, template = workspace.build, workspace.template_id
    if workspace.is_prebuild:
        yield "prebuild", ()
    yield (
        "template",
        (
            template,
            workspace.template_name,
            workspace.organization_id,
            workspace.template_active_version_id,
        ),
    )
    yield "version", (build.template_version_id, template, build.template_version_name)
    if build.status == "running":
        yield "running", (template,)
        if workspace.agents:
            yield "running with agents", (template,)
    for agent in workspace.agents:
        yield from _marks_of_agent(workspace, agent)


def _marks_of_agent(workspace: Workspace, agent: Agent) -> Iterator[tuple[Kind, Mark]]:
    version = workspace.build.template_version_id
    if agent.status == "connected":
        yield "measurable", ()
        if not agent.metadata:
            yield "unmeasured", ()
    if agent.parent_id is None:
        yield "root", (version, agent.name)
        if is_never_seen(agent):
            yield "never connected", (version, agent.name)
        if agent.status == "connected":
            yield "connected", ()
            if agent.latency:
                yield "relay", ()
        if _is_countable(workspace, agent):
            yield "countable", ()
    for script in agent.scripts:
        if script.status is not None:
            yield "script ended", (version, agent.name, script.name)
            if script.status == "exit_failure":
                yield "script failed", (version, agent.name, script.name)
    for app in agent.apps:
        if app.subdomain and not app.external and not app.hidden:
            yield "wildcard", (f"{workspace.template_name}: {app.slug}",)


def is_never_seen(agent: Agent) -> bool:
    """Whether it reached its limit without ever having connected."""
    return agent.status == "timeout" and known(agent.first_connected_at) is None


def _is_countable(workspace: Workspace, agent: Agent) -> bool:
    """Whether a root agent is one that should be connected: it was once, and was not told to stop."""
    return (
        workspace.build.status == "running"
        and not workspace.agents_are_previous
        and known(agent.first_connected_at) is not None
        and agent.lifecycle not in STOPPING
        and agent.lifecycle != "off"
    )


def _lost(workspace: Workspace) -> Iterator[tuple[datetime, str]]:
    for agent in workspace.agents:
        if agent.parent_id is None and agent.status == "disconnected" and _is_countable(workspace, agent):
            at = latest(agent.disconnected_at, agent.last_connected_at)
            if at is not None:
                yield at, agent.id
