"""What is worth knowing of single workspaces: only of those that are unwell or moving, and of a few good builds.

None of it dials an agent: builds, timings and logs are kept by the server (contract: fleet.md §4, §5; agents.md §3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from typing import Literal

from agentdash.feed.settings import FeedSettings
from agentdash.state.model import PREBUILDS_USER_ID, Agent, Script, Workspace
from agentdash.state.state import State

Kind = Literal["builds", "timings", "build_logs", "agent_logs", "parameters"]

FAILED_START = frozenset({"start_error", "start_timeout", "shutdown_error", "shutdown_timeout"})
LONG_RUN = timedelta(seconds=60)
"""A build or start that takes longer than this is looked into."""
LONG_LOST = timedelta(seconds=120)
"""An agent that is away for longer will not be back with the server's restart (contract: triage.md V06)."""
NEW_FOR = timedelta(hours=1)
"""So long a new workspace may have been one that a prebuild was passed over for (contract: triage.md C08)."""
CLAIM_MATTERS = timedelta(days=1)
STOPPED_LATELY = timedelta(hours=1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
BASELINE = 3
"""Least urgency: for comparison only."""
AT_ONCE = -1
"""Somebody looks at it: it does not wait for the pace, which it slows for the others."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about one workspace.

    Attributes:
        kind: Part of the deployment that it fills.
        subject: Id of the workspace, build or agent.
        workspace_id: Of the workspace.
        group: Its template: groups take turns.
        mark: What the answer depends on; when it changes it is asked again.
        at: When the trouble came up (server time); the newest goes first.
        urgency: 0 = first.
        from_: Not before this time (server's).
        again_s: Asked again after this time though nothing changed.
        sources: Of an agent's log: ids of the sources to blame.
    """

    kind: Kind
    subject: str
    workspace_id: str
    group: str
    mark: Hashable
    at: datetime
    urgency: int = 0
    from_: datetime | None = None
    again_s: float | None = None
    sources: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, str]:
        """What is asked, whatever it depends on."""
        return self.kind, self.subject


class Cases:
    """All questions that the fleet raises. A workspace that has not changed is not looked at again."""

    def __init__(self, settings: FeedSettings) -> None:
        self._settings = settings
        self._known: dict[str, _Known] = {}

    def wanted(self, state: State, now: datetime) -> list[Ask]:
        """Questions whose time has come.

        Args:
            state: What is known.
            now: Server time.
        """
        known, fresh, found = self._known, dict[str, _Known](), list[Ask]()
        good: defaultdict[str, list[tuple[datetime, str, Workspace]]] = defaultdict(list)
        pools: set[Hashable] = set()
        for workspace_id, workspace in state.workspaces.items():
            entry = known.get(workspace_id)
            if entry is None or entry.workspace is not workspace:
                entry = self._looked_at(workspace, now)
            fresh[workspace_id] = entry
            if entry.good_at is not None:
                good[workspace.template_id].append((entry.good_at, workspace_id, workspace))
                if workspace.is_prebuild:
                    pools.add(workspace.build.template_version_id)
            found += [ask for ask in entry.asks if ask.from_ is None or ask.from_ <= now]
            if entry.asks and workspace.build.transition == "stop":
                found += _of_start_before(entry, state)
        self._known = fresh
        for rows in good.values():
            newest = nlargest(self._settings.baseline_builds, rows, key=lambda row: row[:2])
            found += [_comparison(workspace, at) for at, _, workspace in newest]
        # Where no prebuild is ready, none was passed over.
        return [ask for ask in found if ask.kind != "parameters" or ask.mark in pools]

    def _looked_at(self, workspace: Workspace, now: datetime) -> _Known:
        if _is_plain(workspace, now):
            return _Known(workspace, (), workspace.build.job.completed_at)
        return _Known(workspace, tuple(_asks(workspace, now, self._settings)), None)


@dataclass(frozen=True, slots=True)
class _Known:
    """What one workspace raises; `good_at`: when its build ended well, if nothing is wrong with it."""

    workspace: Workspace
    asks: tuple[Ask, ...]
    good_at: datetime | None


def _of_start_before(entry: _Known, state: State) -> Iterator[Ask]:
    """Timings of the start before a stop: those of its stop scripts are among them (contract: fleet.md §5)."""
    ask = next((ask for ask in entry.asks if ask.kind == "builds"), None)
    builds = state.deployment.builds.get(entry.workspace.id)
    if ask is None or builds is None or entry.workspace.build.job.status != "succeeded":
        return
    number = entry.workspace.build.number
    for build in builds.value or ():
        if build.transition == "start" and build.number < number:
            yield replace(ask, kind="timings", subject=build.id, mark=build.id, urgency=2)
            return


def with_shown(wanted: list[Ask], state: State, visible: frozenset[str]) -> list[Ask]:
    """The questions, and before all others the timings of the prebuilds where only such are on screen, as bars.

    Args:
        wanted: The questions that the fleet raises.
        state: What is known.
        visible: Ids of workspaces that have rows on screen.
    """
    rows = [row for workspace_id in visible if (row := state.workspaces.get(workspace_id)) is not None]
    if not all(row.is_prebuild for row in rows):
        return wanted
    built = [w for w in rows if w.build.transition == "start" and w.build.job.status == "succeeded"]
    shown = [
        replace(_comparison(workspace, workspace.build.job.completed_at or LONG_AGO), urgency=AT_ONCE)
        for workspace in sorted(built, key=lambda w: w.id)
    ]
    keys, known = {ask.key for ask in shown}, {ask.key for ask in wanted}
    raised = [replace(ask, urgency=AT_ONCE) if ask.key in keys else ask for ask in wanted]
    return raised + [ask for ask in shown if ask.key not in known]


def in_turn(asks: list[Ask], waited_s: dict[tuple[str, str], float]) -> list[Ask]:
    """The order in which questions are asked: urgent ones first, templates in turn, the newest of each first.

    Args:
        asks: Those that are due.
        waited_s: How long each has been due; each minute makes it more urgent, so that none waits for ever.
    """
    by_urgency: defaultdict[int, defaultdict[str, list[Ask]]] = defaultdict(lambda: defaultdict(list))
    for ask in asks:
        urgency = max(min(0, ask.urgency), ask.urgency - int(waited_s.get(ask.key, 0.0) // 60))
        by_urgency[urgency][ask.group].append(ask)
    ordered: list[Ask] = []
    for _, groups in sorted(by_urgency.items()):
        queues = [
            sorted(group, key=lambda a: (a.at, a.key), reverse=True) for _, group in sorted(groups.items())
        ]
        for place in range(max(map(len, queues))):
            ordered += [queue[place] for queue in queues if place < len(queue)]
    return ordered


def _asks(workspace: Workspace, now: datetime, settings: FeedSettings) -> Iterator[Ask]:
    """Everything that one workspace may raise."""
    build, job = workspace.build, workspace.build.job
    at = job.completed_at or job.started_at or job.created_at or build.created_at or LONG_AGO
    base = Ask("builds", workspace.id, workspace.id, workspace.template_id, (build.id, job.status), at)
    log = replace(base, kind="build_logs", subject=build.id)
    timings = replace(base, kind="timings", subject=build.id, urgency=2)
    if job.status == "failed":
        yield log
        yield replace(base, urgency=1)
    elif job.status in ("running", "canceling"):
        began = job.started_at or job.created_at or LONG_AGO
        yield replace(log, urgency=1, from_=_after(began, LONG_RUN), again_s=settings.build_log_s)
    if _may_be_claim(workspace, now):
        yield base
    if _is_new_by_hand(workspace, now):
        mark = build.template_version_id
        yield replace(base, kind="parameters", subject=build.id, mark=mark, urgency=1)
    if job.status == "succeeded" and build.transition != "start" and _within(at, now, STOPPED_LATELY):
        # Its stop scripts are told with the start that they belong to, which its builds name.
        yield replace(base, urgency=2)
    if workspace.agents_are_previous:
        return
    calm = True
    for agent in workspace.agents:
        asks = tuple(_asks_of_agent(agent, base, settings))
        yield from asks
        calm = calm and not asks and agent.lifecycle not in ("created", "starting")
    if build.transition == "start" and job.status == "succeeded":
        yield from _timings_of_start(workspace, timings, now, is_calm=calm)


def _timings_of_start(workspace: Workspace, timings: Ask, now: datetime, *, is_calm: bool) -> Iterator[Ask]:
    build = workspace.build
    marks = tuple((a.id, a.lifecycle, _results(a)) for a in workspace.agents)
    if not is_calm:
        yield replace(timings, mark=(build.id, marks))
    elif _may_be_claim(workspace, now):
        yield replace(timings, mark=build.id)


def _is_plain(workspace: Workspace, now: datetime) -> bool:
    """Whether it runs and nothing is to be asked about it: most of a fleet, and most of the time, so this is quick."""
    build = workspace.build
    if build.transition != "start" or build.job.status != "succeeded" or not workspace.agents:
        return False
    for agent in workspace.agents:
        if agent.lifecycle != "ready" or agent.status != "connected":
            return False
        for script in agent.scripts:
            if script.status not in (None, "ok"):
                return False
    return not (_may_be_claim(workspace, now) or _is_new_by_hand(workspace, now))


def _comparison(workspace: Workspace, at: datetime) -> Ask:
    build_id = workspace.build.id
    return Ask("timings", build_id, workspace.id, workspace.template_id, build_id, at, BASELINE)


def _asks_of_agent(agent: Agent, base: Ask, settings: FeedSettings) -> Iterator[Ask]:
    """The log of an agent whose scripts failed, hang, or of one that was lost."""
    log = replace(base, kind="agent_logs", subject=agent.id)
    bad = tuple(s for s in agent.scripts if s.status not in (None, "ok"))
    mark: Hashable = (agent.lifecycle, _results(agent), agent.started_at)
    if agent.lifecycle in FAILED_START or bad:
        sources = frozenset(_blamed(agent, bad))
        yield replace(log, mark=mark, sources=sources)
    elif agent.lifecycle == "starting" and agent.status == "connected":
        yield replace(
            log,
            mark=mark,
            urgency=1,
            from_=_after(agent.first_connected_at or base.at, LONG_RUN),
            again_s=settings.agent_log_s,
            sources=frozenset(s.source_id for s in agent.scripts if s.status is None),
        )
    elif agent.status == "disconnected" and agent.lifecycle not in ("off", "created"):
        lost_at = agent.disconnected_at or agent.last_connected_at or base.at
        yield replace(log, mark=(mark, lost_at), urgency=2, at=lost_at, from_=_after(lost_at, LONG_LOST))


def _blamed(agent: Agent, bad: tuple[Script, ...]) -> Iterator[str]:
    """Sources of scripts that did not end well, or have not ended."""
    named = {source.name: source.id for source in agent.log_sources}
    for script in (*bad, *(s for s in agent.scripts if s.status is None)):
        # The row of a devcontainer has the source of that name (contract: triage.md D02).
        yield (
            script.source_id
            if script.source_id and not script.is_devcontainer
            else named.get(script.name, script.source_id)
        )


def _results(agent: Agent) -> tuple[str | None, ...]:
    return tuple(script.status for script in agent.scripts)


def _may_be_claim(workspace: Workspace, now: datetime) -> bool:
    """Whether only its builds tell that this was a prebuild once (contract: triage.md §4.2)."""
    build = workspace.build
    if workspace.is_prebuild or build.preset_id is None or build.number < 2:
        return False
    return _within(build.created_at or build.job.created_at, now, CLAIM_MATTERS)


def _is_new_by_hand(workspace: Workspace, now: datetime) -> bool:
    """Whether it was made from nothing a moment ago, without a preset."""
    build = workspace.build
    is_first = build.number == 1 and build.transition == "start" and build.preset_id is None
    by_hand = not workspace.is_prebuild and build.initiator_id not in ("", PREBUILDS_USER_ID)
    return is_first and by_hand and _within(build.created_at, now, NEW_FOR)


def _within(at: datetime | None, now: datetime, limit: timedelta) -> bool:
    return at is not None and now - at <= limit


def _after(at: datetime, delay: timedelta) -> datetime:
    try:
        return at + delay
    except OverflowError:
        return at
