"""How long starts usually take: median and p95 per template version, learned from what is known anyway.

Queue, build, connect and start times stand in the workspace list; single stages, resources and scripts come from
timings where they were read. Each duration is measured by one clock (contract: triage.md §2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from statistics import median
from sys import intern

from immutables import Map

from agentdash.state.freshness import Fact
from agentdash.state.model import Timings, Workspace
from agentdash.triage.clock import known, span_s

SPARE = 3
"""Times as many starts are looked at as are kept."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is usual for one step, in seconds, from so many samples."""

    median_s: float
    p95_s: float
    samples: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """Figures by (template version id or template id, step)."""

    figures: Mapping[tuple[str, str], Figures]
    least: int
    """Samples below which nothing is called usual."""

    def of(self, workspace: Workspace, step: str) -> Figures | None:
        """The usual time of a step in this workspace's version, else in its template; None with too few samples."""
        return self.usual(workspace.build.template_version_id, workspace.template_id, step)

    def usual(self, version_id: str, template_id: str, step: str) -> Figures | None:
        """The same by the ids of version and template."""
        for scope in (version_id, template_id):
            found = self.figures.get((scope, step)) if scope else None
            if found is not None and found.samples >= self.least:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Start:
    """A finished start, with all that is learned from the workspace's own times."""

    at: datetime
    build_id: str
    version_id: str
    template_id: str
    steps: tuple[tuple[str, float], ...]
    """Steps in seconds."""


def start_of(workspace: Workspace) -> Start | None:
    """The finished start that is a workspace's latest build, if it is one."""
    build = workspace.build
    at = known(build.job.completed_at)
    if at is None or build.status != "running" or build.transition != "start":
        return None
    steps = tuple(_steps(workspace))
    return Start(at, build.id, build.template_version_id, workspace.template_id, steps)


def learn(starts: Iterable[Start], timings: Map[str, Fact[Timings]], *, least: int, kept: int) -> Baseline:
    """Learn from finished starts.

    Args:
        starts: The newest of each template version, some more than are kept: not every one has every step.
        timings: By build id, those that were read.
        least: Samples needed before anything is called usual.
        kept: Newest samples of a step that are looked at.
    """
    samples: defaultdict[tuple[str, str], list[tuple[datetime, float]]] = defaultdict(list)
    for start in starts:
        read = timings.get(start.build_id)
        timed = timed_steps(read.value) if read is not None and read.value is not None else ()
        for step, seconds in (*start.steps, *timed):
            for scope in {start.version_id, start.template_id}:
                if scope:
                    samples[scope, step].append((start.at, seconds))
    return Baseline({key: _figures(found, kept) for key, found in samples.items()}, least)


def _steps(workspace: Workspace) -> Iterator[tuple[str, float]]:
    job = workspace.build.job
    yield from _step("queue", span_s(job.created_at, job.started_at))
    yield from _step("build", span_s(job.started_at, job.completed_at))
    for agent in workspace.agents:
        if agent.parent_id is None:
            yield from _step(f"connect:{agent.name}", span_s(agent.created_at, agent.first_connected_at))
        if agent.lifecycle == "ready":
            yield from _step(f"ready:{agent.name}", span_s(agent.started_at, agent.ready_at))


def timed_steps(timings: Timings) -> Iterator[tuple[str, float]]:
    """Stages, resources and scripts of one build, in seconds."""
    stages: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for timing in timings.provisioner:
        stages[timing.stage].append((timing.started_at, timing.ended_at))
        if timing.stage == "apply" and timing.name:
            yield from _step(f"resource:{timing.name}", span_s(timing.started_at, timing.ended_at))
    for stage, spans in stages.items():
        yield from _step(stage, span_s(min(s for s, _ in spans), max(e for _, e in spans)))
    for timing in timings.scripts:
        # A run that failed or was cut short says nothing of how long the script takes.
        if timing.stage == "start" and timing.status == "ok":
            name = f"script:{timing.agent_name}:{timing.name}"
            yield from _step(name, span_s(timing.started_at, timing.ended_at))


def _step(name: str, seconds: float | None) -> Iterator[tuple[str, float]]:
    if seconds is not None:
        yield intern(name), seconds


def _figures(samples: list[tuple[datetime, float]], kept: int) -> Figures:
    newest = sorted(seconds for _, seconds in nlargest(kept, samples))
    last = min(len(newest) - 1, round(0.95 * (len(newest) - 1)))
    return Figures(median(newest), newest[last], len(newest))
