"""What rules about scripts read off an agent: which start this is, what has ended and how, the line that matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from agentdash.state.model import LogLine, Script
from agentdash.triage.cases import AgentCase, WorkspaceCase
from agentdash.triage.clock import after, known, latest, older, span_s
from agentdash.triage.evidence import Telling, telling_line
from agentdash.triage.finding import Evidence, Severity
from agentdash.triage.starts import is_last_run, is_second_start, start_began
from agentdash.triage.verdict import script_result

_ENDED_BADLY = frozenset({"start_error", "start_timeout"})


def is_starting(case: AgentCase) -> bool:
    """Whether its start scripts run."""
    return case.is_up and case.agent.status == "connected" and case.agent.lifecycle == "starting"


def has_started_for(case: AgentCase, limit_s: float) -> bool:
    """Whether this start is known to last longer, by the server's clock."""
    return older(start_began(case.agent, case.agent_history), case.now, limit_s)


def start_limit_s(case: AgentCase) -> float:
    """How long a start may take."""
    usual = case.usual(f"ready:{case.agent.name}")
    return max(case.limits.script_s, case.limits.slow_factor * usual.median_s if usual else 0.0)


def unfinished(case: AgentCase) -> list[Script]:
    """Start scripts without a result of this start; after a restart of the agent old results do not count."""
    scripts = [as_started(case, s) for s in case.agent.scripts if s.run_on_start and not s.is_devcontainer]
    if not is_second_start(case.agent, case.agent_history):
        return [s for s in scripts if s.status is None]
    began = start_began(case.agent, case.agent_history)
    quiet = []
    for script in scripts:
        if script.status is not None and not is_last_run(case.agent, script, case.agent_history):
            continue
        lines = case.lines_of(script)
        has_spoken = lines is not None and any(
            ln.at is not None and began is not None and ln.at >= began for ln in lines
        )
        if script.status is None or not has_spoken:
            quiet.append(script)
    return quiet


def failed_scripts(case: AgentCase, status: str) -> list[Script]:
    """Start scripts of this start with that result; empty where the result may be of a later scheduled run."""
    agent = case.agent
    if agent.lifecycle not in _ENDED_BADLY and agent.lifecycle != "starting":
        return []
    return [
        s
        for s in map(partial(as_started, case), agent.scripts)
        if s.status == status
        and s.run_on_start
        and not s.is_devcontainer
        and not is_last_run(agent, s, case.agent_history)
    ]


def as_started(case: AgentCase, script: Script) -> Script:
    """A script with the result of its start.

    Where it has a schedule too, its own is that of its last run, and before 2.33 it has none; the timings keep the first
    run (contract: triage.md S08, changes.md §4.1).
    """
    is_wanted = script.run_on_start and (bool(script.cron) or script.status is None)
    timings = case.facts.timings() if is_wanted else None
    if timings is None or is_second_start(case.agent, case.agent_history):
        return script
    for timing in timings.scripts:
        if timing.agent_id == case.agent.id and timing.name == script.name and timing.stage == "start":
            return replace(script, status=timing.status, exit_code=timing.exit_code)
    return script


def telling(case: AgentCase, script: Script) -> Telling | None:
    """The line of a script's log that matters."""
    lines = case.lines_of(script)
    return telling_line(lines, exit_code=script.exit_code) if lines else None


def accused(case: AgentCase) -> tuple[Script, Telling] | None:
    """The start script whose log sounds like a failure, where no result is told: of several the one that spoke last."""
    found = []
    for script in case.agent.scripts:
        lines = case.lines_of(script) if script.run_on_start and not script.is_devcontainer else None
        told = telling_line(lines, is_sure=False) if lines else None
        if told is not None:
            found.append((script, told))
    return max(found, key=lambda pair: pair[1].line.id, default=None)


def script_proofs(case: AgentCase, scripts: Sequence[Script]) -> Iterator[Evidence | None]:
    """Results of scripts and the lines that matter, at most of three."""
    for script in scripts[:3]:
        yield Evidence(
            _ended(case, script), f"{script.name}: {script_result(script)}", "agent.scripts.status"
        )
        found = telling(case, script)
        if found is not None:
            yield case.line_proof(found.line, script.name)


def _ended(case: AgentCase, script: Script) -> datetime | None:
    """When a script was seen to end; else when its first run ended, by the agent's clock."""
    seen = next((c.at for c in reversed(case.agent_history) if c.what == f"script:{script.name}"), None)
    if seen is not None:
        return seen
    if is_second_start(case.agent, case.agent_history):
        return None  # the timings keep the first run
    timings = case.facts.timings()
    for timing in timings.scripts if timings is not None else ():
        if timing.agent_id == case.agent.id and timing.name == script.name:
            return by_server(case, timing.ended_at)
    return None


def by_server(case: AgentCase, at: datetime | None) -> datetime | None:
    """A time of the agent's clock by the server's: as long after the start's beginning as the agent measured.

    The time itself where that is not known.
    """
    began = start_began(case.agent, case.agent_history)
    passed = span_s(case.agent.started_at, at)
    if began is None or passed is None:
        return at
    return after(began, passed)


def last_line(lines: Sequence[LogLine]) -> LogLine | None:
    return next((ln for ln in reversed(lines) if ln.text.strip()), None)


def worse(case: WorkspaceCase, usual: Severity) -> Severity:
    return Severity.UNUSABLE if case.workspace.is_prebuild else usual


def lifecycle_at(case: AgentCase, state: str = "") -> datetime | None:
    """When the agent came into its lifecycle state, by the server's clock; None if that is not known.

    Args:
        case: The agent.
        state: Only if it is in this state; in whichever it is if left out.
    """
    agent = case.agent
    if state and agent.lifecycle != state:
        return None
    changes = reversed(case.agent_history)
    seen = next((c.at for c in changes if c.what == "lifecycle" and c.new == agent.lifecycle), None)
    if seen is not None or agent.lifecycle not in _ENDED_BADLY or known(agent.ready_at) is None:
        return seen
    is_measured = start_began(agent, case.agent_history) is not None and known(agent.started_at) is not None
    return by_server(case, agent.ready_at) if is_measured else None


def connected_since(case: AgentCase) -> tuple[datetime | None, bool]:
    """Since when it is connected, and whether that is exact: only the first connect is on the wire."""
    agent = case.agent
    for change in reversed(case.agent_history):
        if change.what == "status":
            return (change.at, True) if change.new == "connected" else (None, False)
        if change.what == "agent":
            break
    if known(agent.disconnected_at) is None:
        return agent.first_connected_at, True
    return latest(agent.first_connected_at, agent.disconnected_at), False
