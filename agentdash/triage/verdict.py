"""One line about one row: build status × agent status × lifecycle × failing script, named.

Pure and total: any value a server may send gives a verdict, unknown words are shown raw with severity 1. Ages are not in
the text: `Verdict.since` is apart, so that a row is repainted only when its words change. Rule ids are those of the
catalogue (contract: triage.md §4) where it has one, else empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from agentdash.state.model import Agent, AppStatus, Script, Transition, Workspace
from agentdash.triage.build_verdict import of_build
from agentdash.triage.finding import Severity
from agentdash.triage.judgement import STUCK_LIMIT, AgeStyle, Case, Kind, Verdict, elapsed, finished
from agentdash.triage.script_runs import (
    failing_scripts,
    is_last_run,
    script_result,
    seen_to_become,
    start_began,
    started_again,
)

__all__ = [
    "AgeStyle",
    "Kind",
    "Verdict",
    "effective_status",
    "failing_scripts",
    "is_last_run",
    "script_result",
    "start_began",
    "started_again",
    "verdict",
]

HEARTBEAT_LIMIT = timedelta(seconds=45)
"""The server's 30 s of inactivity plus one heartbeat: a refreshed time may be 15 s old (contract: agents.md §2.2)."""
NOT_STARTED_LIMIT = timedelta(seconds=60)
"""How long a connected agent may stay `created` (contract: triage.md S06)."""
LOST_GRACE = timedelta(minutes=2)
"""A connection lost for less may come back by itself (contract: triage.md A05)."""


def verdict(
    workspace: Workspace,
    agent: Agent | None,
    now: datetime,
    history: Sequence[Transition] = (),
    *,
    read_at: datetime | None = None,
) -> Verdict:
    """Judge one row.

    Args:
        workspace: The workspace of the row.
        agent: The agent of the row; None for a workspace without agents.
        now: Server time.
        history: Transitions of the row, oldest first.
        read_at: Server time at which the row was last read. Heartbeats are pushed to nobody, so an old
            `last_connected_at` accuses the agent only as far as it was old when it was read; without it, `now` counts.
    """
    case = Case(workspace, workspace.build, now, min(read_at or now, now), history)
    judged = of_build(case, agent)
    if judged is not None:
        return judged
    if agent is None:
        return Verdict("running, but has no agent", Severity.FAILED, "broken", finished(case.build), "A07")
    return _of_agent(case, agent)


def effective_status(agent: Agent, now: datetime) -> str:
    """The status with its first rule applied anew: `connecting` turns into `timeout` by time alone (agents.md §2.2)."""
    if agent.status == "connecting" and agent.first_connected_at is None and agent.connection_timeout_s > 0:
        limit = timedelta(seconds=min(agent.connection_timeout_s, 10**9))
        if agent.created_at is not None and now - agent.created_at > limit:
            return "timeout"
    return agent.status


def _of_agent(case: Case, agent: Agent) -> Verdict:
    status = effective_status(agent, case.now)
    if status == "connected":
        silence = elapsed(agent.last_connected_at, case.read_at)
        if silence > HEARTBEAT_LIMIT:
            return Verdict("silent", Severity.NOTE, "unknown", agent.last_connected_at, "A05", "for")
        judge = _LIFECYCLE.get(agent.lifecycle)
        if judge is None:
            text = agent.lifecycle or "lifecycle unknown"
            return Verdict(text, Severity.NOTE, "unknown", _since(case, agent, "lifecycle"), "V07")
        return judge(case, agent)
    if status == "connecting":
        return _connecting(case, agent)
    if status == "timeout":
        if case.build.has_external_agent:
            return _external(agent)
        return Verdict("never connected (timeout)", Severity.UNUSABLE, "broken", agent.created_at, "A02")
    if status == "disconnected":
        return _disconnected(case, agent)
    return Verdict(status or "status unknown", Severity.NOTE, "unknown", _since(case, agent, "status"), "V07")


def _external(agent: Agent) -> Verdict:
    text = "waits for its external agent"
    return Verdict(text, Severity.NOTE, "moving", agent.created_at, "A11", "for")


def _connecting(case: Case, agent: Agent) -> Verdict:
    if case.build.has_external_agent:
        return _external(agent)
    waited = elapsed(agent.created_at, case.now)
    if agent.connection_timeout_s <= 0 and waited > STUCK_LIMIT:
        return Verdict("never connected", Severity.UNUSABLE, "broken", agent.created_at, "A03", "for")
    severity = Severity.DEGRADED if waited > NOT_STARTED_LIMIT else Severity.NOTE
    return Verdict("connecting", severity, "moving", agent.created_at, "A01", "for")


def _disconnected(case: Case, agent: Agent) -> Verdict:
    since = _latest(agent.disconnected_at, agent.last_connected_at)
    is_sub = agent.parent_id is not None
    if agent.lifecycle == "off":
        if is_sub:
            return Verdict("off", Severity.WELL, "off", since)
        return Verdict("agent is off", Severity.FAILED, "off", since, "A09", "for")
    if agent.lifecycle == "shutting_down":
        return _shutting_down(case, agent)
    if agent.lifecycle in ("shutdown_timeout", "shutdown_error"):
        return _shutdown_failed(case, agent)
    if elapsed(since, case.now) <= LOST_GRACE:
        severity = Severity.DEGRADED
    else:
        severity = Severity.FAILED if is_sub else Severity.UNUSABLE
    text = "lost connection while starting" if agent.lifecycle == "starting" else "lost connection"
    return Verdict(text, severity, "broken", since, "D07" if is_sub else "A05", "ago")


def _created(case: Case, agent: Agent) -> Verdict:
    since = _since(case, agent, "status") or agent.first_connected_at
    if elapsed(since, case.now) <= NOT_STARTED_LIMIT:
        return Verdict("connected, about to start", Severity.NOTE, "moving", since, "", "for")
    text = "connected but not started (created)"
    return Verdict(text, Severity.UNUSABLE, "broken", since, "S06", "for")


def _starting(case: Case, agent: Agent) -> Verdict:
    since = start_began(agent, case.history)
    bad = tuple(s for s in failing_scripts(agent) if s.run_on_start or s.is_devcontainer)
    bad = tuple(s for s in bad if not is_last_run(agent, s, case.history))
    if bad:
        text = f"starting, {_named(bad)}"
        return Verdict(text, Severity.FAILED, "broken", since, _script_rule(bad[0]), suspect=bad[0].name)
    return Verdict("starting", Severity.NOTE, "moving", since, "", "for")


def _start_error(case: Case, agent: Agent) -> Verdict:
    since = _since(case, agent, "lifecycle")
    severity = Severity.UNUSABLE if case.workspace.is_prebuild else Severity.FAILED
    scripts = failing_scripts(agent)
    bad = [s for s in scripts if s.run_on_start and s.status != "pipes_left_open"]
    bad += [s for s in scripts if s.is_devcontainer]
    if bad:
        return Verdict(_named(bad), severity, "broken", since, _script_rule(bad[0]), suspect=bad[0].name)
    open_pipes = _with_open_pipes(agent)
    if open_pipes:
        text = f"{open_pipes[0].name} left pipes open"
        severity = Severity.UNUSABLE if case.workspace.is_prebuild else Severity.DEGRADED
        return Verdict(text, severity, "broken", since, "S04", suspect=open_pipes[0].name)
    return Verdict("startup script failed", severity, "broken", since, "S03")


def _start_timeout(case: Case, agent: Agent) -> Verdict:
    since = _since(case, agent, "lifecycle")
    severity = Severity.UNUSABLE if case.workspace.is_prebuild else Severity.FAILED
    late = [s for s in failing_scripts(agent) if s.status == "timed_out"]
    if late:
        return Verdict(_named(late), severity, "broken", since, "S02", suspect=late[0].name)
    return Verdict("start timeout", severity, "broken", since, "S02")


def _shutting_down(case: Case, agent: Agent) -> Verdict:
    since = _since(case, agent, "lifecycle") or agent.disconnected_at
    if elapsed(since, case.now) > STUCK_LIMIT:
        return Verdict("shutting down", Severity.DEGRADED, "broken", since, "A12", "for")
    return Verdict("shutting down", Severity.NOTE, "moving", since, "", "for")


def _shutdown_failed(case: Case, agent: Agent) -> Verdict:
    words = "stop script timed out" if agent.lifecycle == "shutdown_timeout" else "stop script failed"
    since = _since(case, agent, "lifecycle") or agent.disconnected_at
    return Verdict(words, Severity.DEGRADED, "broken", since, "S09")


def _off(case: Case, agent: Agent) -> Verdict:
    severity = Severity.WELL if agent.parent_id is not None else Severity.NOTE
    return Verdict("off", severity, "off", _since(case, agent, "lifecycle"))


def _ready(case: Case, agent: Agent) -> Verdict:
    bad = failing_scripts(agent)
    if bad:
        # Start scripts went well, else it would not be ready: these are cron runs, or runs by hand.
        rule = "S08" if bad[0].cron else _script_rule(bad[0])
        return Verdict(_named(bad), Severity.DEGRADED, "broken", rule=rule, suspect=bad[0].name)
    app = next((a for a in agent.apps if a.health == "unhealthy" and not a.hidden), None)
    if app is not None:
        text = f"{app.name or app.slug} unhealthy"
        since = _since(case, agent, f"app:{app.slug}")
        return Verdict(text, Severity.DEGRADED, "broken", since, "W01", suspect=app.slug)
    spoken = _app_status(agent)
    if spoken is not None:
        return spoken
    open_pipes = _with_open_pipes(agent)
    if open_pipes:
        text = f"{open_pipes[0].name} left pipes open"
        return Verdict(text, Severity.NOTE, "well", None, "S04", suspect=open_pipes[0].name)
    if agent.logs_overflowed:
        return Verdict("ready, logs overflowed", Severity.NOTE, "well", None, "R02")
    return Verdict("ready", Severity.WELL, "well", _since(case, agent, "lifecycle"))


def _app_status(agent: Agent) -> Verdict | None:
    """What an AI agent says of itself, when it wants a person."""
    newest: list[tuple[str, AppStatus]] = [
        (app.name or app.slug, app.statuses[0]) for app in agent.apps if app.statuses
    ]
    for name, status in newest:
        if status.state == "failure":
            text = f"{name} failed: {status.message}" if status.message else f"{name} failed"
            return Verdict(text, Severity.DEGRADED, "broken", status.created_at, suspect=name)
    for name, status in newest:
        if status.state == "idle":
            text = f"{name} waits: {status.message}" if status.message else f"{name} waits for an answer"
            return Verdict(text, Severity.NOTE, "moving", status.created_at, suspect=name)
    return None


_LIFECYCLE: dict[str, Callable[[Case, Agent], Verdict]] = {
    "created": _created,
    "starting": _starting,
    "ready": _ready,
    "start_error": _start_error,
    "start_timeout": _start_timeout,
    "shutting_down": _shutting_down,
    "shutdown_timeout": _shutdown_failed,
    "shutdown_error": _shutdown_failed,
    "off": _off,
}


def _with_open_pipes(agent: Agent) -> tuple[Script, ...]:
    return tuple(s for s in agent.scripts if s.status == "pipes_left_open")


def _named(bad: Sequence[Script]) -> str:
    first = bad[0]
    words = f"{first.name or 'script'} {'failed' if first.is_devcontainer else script_result(first)}"
    return words if len(bad) == 1 else f"{words} +{len(bad) - 1}"


def _script_rule(script: Script) -> str:
    if script.is_devcontainer:
        return "D02"
    return "S02" if script.status == "timed_out" else "S03"


def _latest(*times: datetime | None) -> datetime | None:
    return max((t for t in times if t is not None), default=None)


def _since(case: Case, agent: Agent, what: str) -> datetime | None:
    """When the row came into its present state, by the server's clock, if it was seen to."""
    present = {"status": agent.status, "lifecycle": agent.lifecycle}.get(what)
    return seen_to_become(case.history, what, present)
