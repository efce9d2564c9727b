"""The verdict of a row whose build is not a finished start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from agentdash.state.model import Agent
from agentdash.triage.finding import Severity
from agentdash.triage.judgement import STUCK_LIMIT, Case, Verdict, elapsed, finished

STALE_DAEMON = timedelta(seconds=90)
"""A provisioner daemon not seen for longer is gone (contract: triage.md B02)."""
QUEUE_GRACE = timedelta(seconds=30)
"""How long a job may wait before its waiting is judged (contract: triage.md B01)."""


def of_build(case: Case, agent: Agent | None) -> Verdict | None:
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


def _pending(case: Case) -> Verdict:
    job, matched = case.build.job, case.build.matched
    since = job.created_at or case.build.created_at
    waited = elapsed(since, case.now)
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
        if matched.available == 0 or elapsed(matched.most_recently_seen, case.now) > STALE_DAEMON:
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


def _under_way(text: str, *, rule: str = "", limit: timedelta | None = None) -> Callable[[Case], Verdict]:
    def judge(case: Case) -> Verdict:
        job = case.build.job
        since = job.canceled_at if case.build.status == "canceling" else None
        since = since or job.started_at or job.created_at or case.build.created_at
        if limit is not None and elapsed(since, case.now) > limit:
            return Verdict(text, Severity.FAILED, "broken", since, rule, "for")
        return Verdict(text, Severity.NOTE, "moving", since, "", "for")

    return judge


def _failed(case: Case) -> Verdict:
    build, job = case.build, case.build.job
    what = {"stop": "stop", "delete": "delete"}.get(build.transition, "build")
    since = finished(build)
    if job.canceled_at is not None:
        return Verdict(f"{what} canceled while it ran", Severity.DEGRADED, "broken", since, "B16", "ago")
    error = _first_line(job.error) or job.error_code
    if error.startswith("Coder: Build has been detected as"):
        return Verdict(f"{what} reaped: {error}", Severity.FAILED, "broken", since, "B05")
    rule = "B14" if what != "build" else ("B10" if job.error_code else "B09")
    text = f"{what} failed: {error}" if error else f"{what} failed"
    return Verdict(text, Severity.FAILED, "broken", since, rule)


def _canceled(case: Case) -> Verdict:
    severity = Severity.DEGRADED if case.workspace.is_prebuild else Severity.NOTE
    rule = "P21" if case.workspace.is_prebuild else ""
    return Verdict("build canceled", severity, "off", finished(case.build), rule, "ago")


def _resting(text: str) -> Callable[[Case], Verdict]:
    def judge(case: Case) -> Verdict:
        workspace = case.workspace
        if workspace.dormant_at is not None:
            soon = workspace.deleting_at is not None and workspace.deleting_at - case.now < timedelta(days=1)
            words = "dormant, will be deleted" if workspace.deleting_at is not None else "dormant"
            severity = Severity.UNUSABLE if soon else Severity.DEGRADED
            return Verdict(words, severity, "off", workspace.dormant_at, "R03")
        return Verdict(text, Severity.WELL, "off", finished(case.build))

    return judge


_BUILD_STATUS: dict[str, Callable[[Case], Verdict]] = {
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


def _first_line(text: str) -> str:
    for line in text.splitlines():
        if line.strip():
            return line.strip()
    return ""
