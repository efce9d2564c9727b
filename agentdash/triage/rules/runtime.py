"""The running workspace (contract: triage.md §4.6)."""

from __future__ import annotations

import re

from agentdash.state.detail import leading_number
from agentdash.state.freshness import Freshness
from agentdash.state.model import MetadataItem
from agentdash.triage.cases import AgentCase, Outcome, WorkspaceCase
from agentdash.triage.clock import ahead, known, left, older, span_s, within, words
from agentdash.triage.finding import Confidence, Evidence, Severity
from agentdash.triage.rules.registry import agent_rule, workspace_rule
from agentdash.triage.rules.running import connected_since

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_PAIR = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?i?B?)\s*/\s*(\d+(?:\.\d+)?)\s*([KMGTP]?i?B?)", re.IGNORECASE)
_FILLS = re.compile(r"mem|ram|disk|storage|volume|home|/dev|space", re.IGNORECASE)
_FRESH_S = 120.0


def metadata_of(case: AgentCase) -> tuple[MetadataItem, ...]:
    """Metadata read of late; empty if there is none, or it is old.

    Of an agent that left the screen what the list tells counts first: it is read again. The last reading stands in for it.
    """
    detail = case.facts.detail(case.agent.id)
    if detail is not None and detail.closed_at is not None:
        return case.agent.metadata or detail.metadata.value or ()
    if detail is not None and detail.metadata.value:
        fact = detail.metadata
        is_fresh = fact.freshness is Freshness.LIVE or within(fact.at, case.facts.now, _FRESH_S)
        return (fact.value or ()) if is_fresh else ()
    return case.agent.metadata


@agent_rule("R01", statuses=("connected",))
def metadata_stale(case: AgentCase) -> Outcome:
    """Metadata fails or is stale."""
    if not case.is_up or case.agent.status != "connected":
        return
    since, is_exact = connected_since(case)
    for item in metadata_of(case):
        limit = max(case.limits.metadata_factor * item.interval_s, case.limits.metadata_stale_s)
        text = ""
        if item.error:
            text = item.error
        elif item.age_s is None:
            is_long = older(since, case.now, limit if is_exact else 5 * limit)
            text = "never collected" if is_long and item.interval_s > 0 else ""
        elif item.interval_s > 0 and item.age_s > limit:
            text = f"{words(item.age_s)} old, every {words(item.interval_s)} is meant"
        if text:
            yield case.find(
                "R01",
                title=f"Metadata {item.name or item.key}: {text}"[:120],
                suspect=item.key,
                causes=["it takes longer than its timeout"] if "deadline exceeded" in item.error else (),
                evidence=[
                    Evidence(None, f"{item.name}: {text}", f"metadata: {item.key}"),
                    Evidence(None, item.value[:200], f"metadata: {item.key}") if item.value else None,
                ],
            )


@agent_rule("R02")
def log_full(case: AgentCase) -> Outcome:
    """The agent's log is full."""
    if case.is_up and case.agent.logs_overflowed:
        yield case.find("R02", evidence=[case.proof("logs_overflowed", "the log reached 1 MiB")])


@workspace_rule("R03")
def dormant(case: WorkspaceCase) -> Outcome:
    """Dormant, perhaps soon deleted."""
    workspace = case.workspace
    if workspace.is_prebuild or known(workspace.dormant_at) is None:
        return
    due = known(workspace.deleting_at)
    is_soon = due is not None and not ahead(due, case.now, case.limits.deleting_soon_s)
    when = ""
    if due is not None:
        when = f"deleted in {left(due, case.now)}" if ahead(due, case.now) else "due to be deleted"
    yield case.find(
        "R03",
        severity=Severity.UNUSABLE if is_soon else None,
        since=workspace.dormant_at,
        title=f"Workspace is dormant, {when}" if when else "",
        evidence=[
            Evidence(workspace.dormant_at, "made dormant", "workspace.dormant_at"),
            Evidence(workspace.deleting_at, when, "workspace.deleting_at") if when else None,
        ],
    )


@workspace_rule("R04", jobs=("succeeded",), transitions=("start",))
def stops_soon(case: WorkspaceCase) -> Outcome:
    """Autostop is near."""
    build = case.build
    if (
        not case.is_up
        or case.workspace.is_prebuild
        or build.deadline is None
        or not ahead(build.deadline, case.now)
        or ahead(build.deadline, case.now, case.limits.stops_soon_s)
    ):
        return
    is_last = known(build.max_deadline) is not None and span_s(build.deadline, build.max_deadline) in (
        None,
        0.0,
    )
    yield case.find(
        "R04",
        severity=None
        if ahead(build.deadline, case.now, case.limits.stops_very_soon_s)
        else Severity.DEGRADED,
        title=f"Workspace stops in {left(build.deadline, case.now)}",
        evidence=[
            case.build_proof("deadline", "autostop", build.deadline),
            case.build_proof("max_deadline", "it cannot be extended", build.max_deadline)
            if is_last
            else None,
        ],
    )


@agent_rule("R05", statuses=("connected",), is_on_screen=True)
def full(case: AgentCase) -> Outcome:
    """Out of memory or disk, by the looks of it."""
    detail = case.facts.detail(case.agent.id)
    if not case.is_up or case.agent.status != "connected" or detail is None:
        return
    count = max(1, int(case.limits.full_readings))
    for item in metadata_of(case):
        scale = _scale(item.value)
        readings = detail.readings.get(item.key, ())[-count:]
        if scale is None or item.error or not _FILLS.search(f"{item.key} {item.name}"):
            continue
        levels = [100 * reading.value / scale for reading in readings]
        if detail.closed_at is not None:  # the list may have told of it since
            level = leading_number(item.value)
            levels += [] if level is None else [100 * level / scale]
        if len(levels) < count or any(not case.limits.full_pct <= level <= 100.5 for level in levels):
            continue
        yield case.find(
            "R05",
            title=f"{item.name or item.key} is full: {item.value}"[:120],
            suspect=item.key,
            since=readings[0].at,
            confidence=Confidence.LIKELY,
            evidence=[
                Evidence(reading.at, f"{level:.0f} %", f"metadata: {item.key}")
                for reading, level in zip(readings, levels, strict=False)
            ],
        )


def _scale(value: str) -> float | None:
    """What a reading is to be divided by: a reading is the first number of a value."""
    pair = _PAIR.search(value)
    if pair is not None:
        units = pair.group(2).lower().rstrip("b"), pair.group(4).lower().rstrip("b")
        total = float(pair.group(3))
        # `3.4/8 GiB` names the unit once; with two different units the first number is no share of the second.
        return total if total > 0 and units[0] in ("", units[1]) else None
    percent = _PERCENT.search(value)
    first = re.search(r"\d", value)
    if percent is not None and first is not None and percent.start() == first.start():
        return 100.0
    return None


@agent_rule("R06")
def restart_loop(case: AgentCase) -> Outcome:
    """The agent restarts in a loop."""
    if not case.is_up:
        return
    starts = case.facts.starts(case.agent.key)
    times = list(starts.noticed) if starts is not None and starts.build_id == case.build.id else []
    if not times:
        for change in case.agent_history:
            if change.what == "agent":
                times.clear()
            elif (
                change.what == "lifecycle" and change.new == "starting" and change.old not in ("", "created")
            ):
                times.append(change.at)
    times = [at for at in times if within(at, case.now, case.limits.restart_window_s)]
    if len(times) < max(2, case.limits.restarts):
        return
    yield case.find(
        "R06",
        since=times[0],
        title=f"Agent restarted {len(times)} times in {words(case.limits.restart_window_s)}",
        evidence=[case.proof("started_at", "started anew", at) for at in times[-6:]],
    )


@agent_rule("R07")
def clock_skew(case: AgentCase) -> Outcome:
    """The machine's clock is wrong."""
    agent = case.agent
    if not case.is_up:
        return
    first, started, ready = known(agent.first_connected_at), known(agent.started_at), known(agent.ready_at)
    limit = case.limits.skew_s
    proofs: list[Evidence] = []
    if first is not None and started is not None and (first - started).total_seconds() > limit:
        text = f"started {words((first - started).total_seconds())} before it first connected"
        proofs += [
            case.proof("started_at", f"{text} (machine's clock)", started),
            case.proof("first_connected_at", "first connected (server's clock)", first),
        ]
    if started is not None and ready is not None and (started - ready).total_seconds() > 1:
        proofs.append(case.proof("ready_at", "ready before it started", ready))
    timings = case.facts.timings()
    for timing in timings.scripts if timings is not None else ():
        if timing.agent_id == agent.id and ahead(timing.ended_at, case.facts.now, limit):
            proofs.append(Evidence(timing.ended_at, f"{timing.name} ended in the future", "timings"))
            break
    if proofs:
        yield case.find("R07", evidence=proofs, confidence=Confidence.LIKELY)
