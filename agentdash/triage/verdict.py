"""One line about one row: build status × agent status × lifecycle × failing script, named.

Pure and total: any value a server may send gives a verdict, unknown words are shown raw with severity 1. Ages are not in
the text: `Verdict.since` is apart, so that a row is repainted only when its words change. Rule ids are those of the
catalogue (contract: triage.md §4) where it has one, else empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from agentdash.state.model import Agent, AppStatus, Build, Script, Transition, Workspace
from agentdash.triage.finding import Severity

Kind = Literal["well", "moving", "broken", "off", "unknown"]
AgeStyle = Literal["", "for", "ago"]

HEARTBEAT_LIMIT = timedelta(seconds=45)
"""The server's 30 s of inactivity plus one heartbeat: a refreshed time may be 15 s old (contract: agents.md §2.2)."""
NOT_STARTED_LIMIT = timedelta(seconds=60)
"""How long a connected agent may stay `created` (contract: triage.md S06)."""
STUCK_LIMIT = timedelta(minutes=10)
"""After this a cancel, a shutdown or a connect without a time limit is stuck (contract: triage.md B08, A12, A03)."""
LOST_GRACE = timedelta(minutes=2)
"""A connection lost for less may come back by itself (contract: triage.md A05)."""
STALE_DAEMON = timedelta(seconds=90)
"""A provisioner daemon not seen for longer is gone (contract: triage.md B02)."""
QUEUE_GRACE = timedelta(seconds=30)
"""How long a job may wait before its waiting is judged (contract: triage.md B01)."""
RESTART_GAP = timedelta(minutes=2)
"""A start this much later than the first connection is a second start."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a row.

    Attributes:
        text: One short line, cleaned, without ages.
        severity: 0 well … 4 a person must act now.
        kind: Which sign stands before it.
        since: Server time from which it holds, if known.
        rule: Id in the catalogue, or empty.
        age_style: How the age is told after the text: not at all, `12m`, or `38m ago`.
        note: What stands behind the age, such as a comparison.
        suspect: Name of the script, app or source to look at first, if one is to blame.
    """

    text: str
    severity: Severity
    kind: Kind
    since: datetime | None = None
    rule: str = ""
    age_style: AgeStyle = ""
    note: str = ""
    suspect: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    """What a verdict is judged from."""

    workspace: Workspace
    build: Build
    now: datetime
    read_at: datetime
    history: Sequence[Transition]


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
    case = _Case(workspace, workspace.build, now, min(read_at or now, now), history)
    judged = _of_build(case, agent)
    if judged is not None:
        return judged
    if agent is None:
        return Verdict("running, but has no agent", Severity.FAILED, "broken", _finished(case.build), "A07")
    return _of_agent(case, agent)


# Builds


def _of_build(case: _Case, agent: Agent | None) -> Verdict | None:
    """The verdict of a row whose build is not a finished start; None if the agent decides."""
    build = case.build
    judge = _BUILD_STATUS.get(build.status)
    if judge is not None:
        return judge(case)
    if build.status == "running":
        return None
    if agent is not None and not case.workspace.agents_are_previous:
        return None
    return Verdict(build.status or "unknown", Severity.NOTE, "unknown", build.updated_at, "V07")


def _pending(case: _Case) -> Verdict:
    job, matched = case.build.job, case.build.matched
    since = job.created_at or case.build.created_at
    waited = _elapsed(since, case.now)
    queued = Verdict("queued", Severity.NOTE, "moving", since, "", "for")
    if matched is not None and waited > QUEUE_GRACE:
        if matched.count == 0:
            # A member may not see the daemons at all: then none is counted, and nothing follows from it.
            return replace(
                queued,
                text="queued, no provisioner takes it",
                severity=Severity.FAILED,
                kind="broken",
                rule="B01",
            )
        if matched.available == 0 or _elapsed(matched.most_recently_seen, case.now) > STALE_DAEMON:
            return replace(
                queued,
                text="queued, its provisioners are gone",
                severity=Severity.FAILED,
                kind="broken",
                rule="B02",
            )
    if job.queue_position > 0 and job.queue_size > 0:
        text = f"queued {job.queue_position} of {job.queue_size}"
        severity = Severity.DEGRADED if waited > STUCK_LIMIT else Severity.NOTE
        return replace(queued, text=text, severity=severity, rule="B03")
    return queued


def _under_way(text: str, *, rule: str = "", limit: timedelta | None = None) -> Callable[[_Case], Verdict]:
    def judge(case: _Case) -> Verdict:
        job = case.build.job
        since = job.canceled_at if case.build.status == "canceling" else None
        since = since or job.started_at or job.created_at or case.build.created_at
        if limit is not None and _elapsed(since, case.now) > limit:
            return Verdict(text, Severity.FAILED, "broken", since, rule, "for")
        return Verdict(text, Severity.NOTE, "moving", since, "", "for")

    return judge


def _failed(case: _Case) -> Verdict:
    build, job = case.build, case.build.job
    what = {"stop": "stop", "delete": "delete"}.get(build.transition, "build")
    since = _finished(build)
    if job.canceled_at is not None:
        return Verdict(f"{what} canceled while it ran", Severity.DEGRADED, "broken", since, "B16", "ago")
    error = _first_line(job.error) or job.error_code
    if error.startswith("Coder: Build has been detected as"):
        return Verdict(f"{what} reaped: {error}", Severity.FAILED, "broken", since, "B05")
    rule = "B14" if what != "build" else ("B10" if job.error_code else "B09")
    text = f"{what} failed: {error}" if error else f"{what} failed"
    return Verdict(text, Severity.FAILED, "broken", since, rule)


def _canceled(case: _Case) -> Verdict:
    severity = Severity.DEGRADED if case.workspace.is_prebuild else Severity.NOTE
    rule = "P21" if case.workspace.is_prebuild else ""
    return Verdict("build canceled", severity, "off", _finished(case.build), rule, "ago")


def _resting(text: str) -> Callable[[_Case], Verdict]:
    def judge(case: _Case) -> Verdict:
        workspace = case.workspace
        if workspace.dormant_at is not None:
            soon = workspace.deleting_at is not None and workspace.deleting_at - case.now < timedelta(days=1)
            words = "dormant, will be deleted" if workspace.deleting_at is not None else "dormant"
            severity = Severity.UNUSABLE if soon else Severity.DEGRADED
            return Verdict(words, severity, "off", workspace.dormant_at, "R03")
        return Verdict(text, Severity.WELL, "off", _finished(case.build))

    return judge


_BUILD_STATUS: dict[str, Callable[[_Case], Verdict]] = {
    "pending": _pending,
    "starting": _under_way("building"),
    "stopping": _under_way("stopping", rule="B14", limit=STUCK_LIMIT),
    "deleting": _under_way("deleting", rule="B14", limit=STUCK_LIMIT),
    "canceling": _under_way("canceling", rule="B08", limit=STUCK_LIMIT),
    "failed": _failed,
    "canceled": _canceled,
    "stopped": _resting("stopped"),
    "deleted": _resting("deleted"),
}


# Agents


def effective_status(agent: Agent, now: datetime) -> str:
    """The status with its first rule applied anew: `connecting` turns into `timeout` by time alone (agents.md §2.2)."""
    if agent.status == "connecting" and agent.first_connected_at is None and agent.connection_timeout_s > 0:
        limit = timedelta(seconds=min(agent.connection_timeout_s, 10**9))
        if agent.created_at is not None and now - agent.created_at > limit:
            return "timeout"
    return agent.status


def _of_agent(case: _Case, agent: Agent) -> Verdict:
    status = effective_status(agent, case.now)
    if status == "connected":
        silence = _elapsed(agent.last_connected_at, case.read_at)
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


def _connecting(case: _Case, agent: Agent) -> Verdict:
    if case.build.has_external_agent:
        return _external(agent)
    waited = _elapsed(agent.created_at, case.now)
    if agent.connection_timeout_s <= 0 and waited > STUCK_LIMIT:
        return Verdict("never connected", Severity.UNUSABLE, "broken", agent.created_at, "A03", "for")
    severity = Severity.DEGRADED if waited > NOT_STARTED_LIMIT else Severity.NOTE
    return Verdict("connecting", severity, "moving", agent.created_at, "A01", "for")


def _disconnected(case: _Case, agent: Agent) -> Verdict:
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
    if _elapsed(since, case.now) <= LOST_GRACE:
        severity = Severity.DEGRADED
    else:
        severity = Severity.FAILED if is_sub else Severity.UNUSABLE
    text = "lost connection while starting" if agent.lifecycle == "starting" else "lost connection"
    return Verdict(text, severity, "broken", since, "D07" if is_sub else "A05", "ago")


def _created(case: _Case, agent: Agent) -> Verdict:
    since = _since(case, agent, "status") or agent.first_connected_at
    if _elapsed(since, case.now) <= NOT_STARTED_LIMIT:
        return Verdict("connected, about to start", Severity.NOTE, "moving", since, "", "for")
    text = "connected but not started (created)"
    return Verdict(text, Severity.UNUSABLE, "broken", since, "S06", "for")


def _starting(case: _Case, agent: Agent) -> Verdict:
    since = start_began(agent, case.history)
    bad = tuple(s for s in failing_scripts(agent) if s.run_on_start or s.is_devcontainer)
    bad = tuple(s for s in bad if not is_last_run(agent, s, case.history))
    if bad:
        text = f"starting, {_named(bad)}"
        return Verdict(text, Severity.FAILED, "broken", since, _script_rule(bad[0]), suspect=bad[0].name)
    return Verdict("starting", Severity.NOTE, "moving", since, "", "for")


def start_began(agent: Agent, history: Sequence[Transition] = ()) -> datetime | None:
    """When the present start began, by the server's clock: `started_at` is the agent's and tells no age."""
    seen = _seen_to_become(history, "lifecycle", agent.lifecycle)
    if seen is not None:
        return seen
    return agent.disconnected_at if started_again(agent, history) else agent.first_connected_at


def is_last_run(agent: Agent, script: Script, history: Sequence[Transition] = ()) -> bool:
    """Whether a script's result may be that of an earlier start: it stays until the script ends anew (agents.md §2.5)."""
    if agent.lifecycle != "starting" or script.status is None or not started_again(agent, history):
        return False
    for change in reversed(history):
        if change.what == "lifecycle" and change.new == "starting":
            break
        if change.what == f"script:{script.name}":
            return False
    return True


def started_again(agent: Agent, history: Sequence[Transition] = ()) -> bool:
    """Whether the agent's process was started anew within the build, so that script results may be those of the last run."""
    for change in reversed(history):
        if change.what == "lifecycle" and change.new == "starting":
            return change.old not in ("", "created")
    if agent.started_at is None or agent.first_connected_at is None:
        return False
    # Two clocks: only a gap that no sane skew explains counts.
    return agent.started_at - agent.first_connected_at > RESTART_GAP


def _start_error(case: _Case, agent: Agent) -> Verdict:
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


def _start_timeout(case: _Case, agent: Agent) -> Verdict:
    since = _since(case, agent, "lifecycle")
    severity = Severity.UNUSABLE if case.workspace.is_prebuild else Severity.FAILED
    late = [s for s in failing_scripts(agent) if s.status == "timed_out"]
    if late:
        return Verdict(_named(late), severity, "broken", since, "S02", suspect=late[0].name)
    return Verdict("start timeout", severity, "broken", since, "S02")


def _shutting_down(case: _Case, agent: Agent) -> Verdict:
    since = _since(case, agent, "lifecycle") or agent.disconnected_at
    if _elapsed(since, case.now) > STUCK_LIMIT:
        return Verdict("shutting down", Severity.DEGRADED, "broken", since, "A12", "for")
    return Verdict("shutting down", Severity.NOTE, "moving", since, "", "for")


def _shutdown_failed(case: _Case, agent: Agent) -> Verdict:
    words = "stop script timed out" if agent.lifecycle == "shutdown_timeout" else "stop script failed"
    since = _since(case, agent, "lifecycle") or agent.disconnected_at
    return Verdict(words, Severity.DEGRADED, "broken", since, "S09")


def _off(case: _Case, agent: Agent) -> Verdict:
    severity = Severity.WELL if agent.parent_id is not None else Severity.NOTE
    return Verdict("off", severity, "off", _since(case, agent, "lifecycle"))


def _ready(case: _Case, agent: Agent) -> Verdict:
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
            return Verdict(text, Severity.DEGRADED, "broken", status.created_at, "W01", suspect=name)
    for name, status in newest:
        if status.state == "idle":
            text = f"{name} waits: {status.message}" if status.message else f"{name} waits for an answer"
            return Verdict(text, Severity.NOTE, "moving", status.created_at, suspect=name)
    return None


_LIFECYCLE: dict[str, Callable[[_Case, Agent], Verdict]] = {
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


# Scripts


def failing_scripts(agent: Agent) -> tuple[Script, ...]:
    """Scripts whose latest run failed or timed out: start scripts first, devcontainers last, then by name."""
    bad = [s for s in agent.scripts if s.status in ("exit_failure", "timed_out")]
    return tuple(sorted(bad, key=lambda s: (s.is_devcontainer, not s.run_on_start, s.name)))


def script_result(script: Script) -> str:
    """How a script's latest run ended, in words; empty while it has not.

    -1 means killed by a signal; 255 means there is no exit code (contract: agents.md §2.5).
    """
    if script.status == "timed_out":
        return "timed out"
    if script.status == "pipes_left_open":
        return "left pipes open"
    if script.status == "exit_failure":
        if script.exit_code == -1:
            return "killed by a signal"
        if script.exit_code is None or script.exit_code == 255:
            return "failed"
        return f"exit {script.exit_code}"
    return script.status or ""


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


# Times


def _elapsed(since: datetime | None, now: datetime) -> timedelta:
    """Time gone by; none if the beginning is unknown or in the future."""
    return max(now - since, timedelta()) if since is not None else timedelta()


def _latest(*times: datetime | None) -> datetime | None:
    return max((t for t in times if t is not None), default=None)


def _finished(build: Build) -> datetime | None:
    return build.job.completed_at or build.job.canceled_at or build.updated_at


def _since(case: _Case, agent: Agent, what: str) -> datetime | None:
    """When the row came into its present state, by the server's clock, if it was seen to."""
    present = {"status": agent.status, "lifecycle": agent.lifecycle}.get(what)
    return _seen_to_become(case.history, what, present)


def _seen_to_become(history: Sequence[Transition], what: str, present: str | None) -> datetime | None:
    for change in reversed(history):
        if change.what == what:
            return change.at if present is None or change.new == present else None
        if change.what == "agent":
            return None
    return None


def _first_line(text: str) -> str:
    for line in text.splitlines():
        if line.strip():
            return line.strip()
    return ""
