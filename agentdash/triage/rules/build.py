"""Builds and provisioners (contract: triage.md §4.3)."""

from __future__ import annotations

from agentdash.triage.cases import Outcome, WorkspaceCase
from agentdash.triage.clock import ago, older, span_s, words
from agentdash.triage.evidence import cause_of, clean_error, still_busy, terraform_errors
from agentdash.triage.finding import Confidence, Evidence, Severity
from agentdash.triage.rules.queue import QUOTA
from agentdash.triage.rules.registry import workspace_rule
from agentdash.triage.rules.wording import (
    build_errors,
    cause_of_text,
    first_line,
)

REAPED = "Coder: Build has been detected as"
_AGAIN_BY_POOL = (
    ("read the build's log", "coder logs -n {build} {ws}"),
    ("correct the template or the provider, then delete the failed prebuild", "coder delete {ws}"),
)
"""Nobody starts a failed prebuild again: the pool makes another, and the failed one counts until it is gone (P05)."""
_DELETED = (("look at the daemon's host, then delete the failed prebuild", "coder delete {ws}"),)
_STANDING = frozenset({"pending", "running"})


@workspace_rule("B05", jobs=("failed",))
def reaped(case: WorkspaceCase) -> Outcome:
    """Ended by the server."""
    job = case.job
    if job.status != "failed" or not job.error.startswith(REAPED):
        return
    was_hung = "hung" in job.error[:80]
    daemons = case.facts.daemons() or ()
    daemon = next((d for d in daemons if d.id == job.worker_id), None)
    lines = case.facts.build_lines() or ()
    last = next((ln for ln in reversed(lines) if ln.text.strip() and not ln.text.startswith(REAPED)), None)
    yield case.find(
        "B05",
        since=job.completed_at,
        steps=_DELETED if case.workspace.is_prebuild else None,
        title="Build was ended as hung" if was_hung else "Build was ended as never taken",
        causes=[
            "its daemon was killed during the job, or lost the server"
            if was_hung
            else "no provisioner took it in time"
        ],
        evidence=[
            case.build_proof("job.error", first_line(job.error), job.completed_at),
            Evidence(last.at, last.text.strip(), f"build log: {last.source_id}") if last else None,
            Evidence(daemon.last_seen_at, f"daemon {daemon.name} last seen", "provisionerdaemons")
            if daemon
            else None,
        ],
    )


@workspace_rule("B06", jobs=("running",))
def silent(case: WorkspaceCase) -> Outcome:
    """Runs and says nothing."""
    job = case.job
    if job.status != "running" or not older(job.started_at, case.now, case.limits.build_silent_s):
        return
    lines = case.facts.build_lines()
    if lines is None:
        yield case.cannot("B06", case.facts.untold("build_logs", case.build.id, "build log"))
        return
    if job.logs_overflowed:
        return
    last = next((ln for ln in reversed(lines) if ln.at is not None), None)
    since = last.at if last is not None else job.started_at
    # The log may have been read a while ago: only silence up to then is known.
    read_at = case.facts.build_log_read_at()
    then = case.now if read_at is None else case.now.not_after(read_at)
    if not older(since, then, case.limits.build_silent_s) or still_busy(lines) is not None:
        return
    said = next((ln for ln in reversed(lines) if ln.text.strip()), None)
    stage = last.source_id if last is not None else ""
    yield case.find(
        "B06",
        since=since,
        title=f"Build says nothing in {stage}" if stage else "",
        evidence=[
            case.build_proof("job.started_at", "build started", job.started_at),
            Evidence(said.at, said.text.strip(), f"build log: {said.source_id}") if said else None,
            Evidence(None, f"no line for {ago(since, case.now)}", "build log"),
        ],
    )


@workspace_rule("B07", jobs=("running",))
def one_resource(case: WorkspaceCase) -> Outcome:
    """One resource takes all the time."""
    if case.job.status != "running":
        return
    busy = still_busy(case.facts.build_lines() or ())
    if busy is None:
        return
    usual = case.usual(f"resource:{busy.address}")
    limit = case.limits.resource_factor * (usual.median_s if usual else case.limits.resource_least_s)
    if busy.elapsed_s <= max(limit, case.limits.resource_least_s):
        return
    against = f", usually {words(usual.median_s)}" if usual else ""
    yield case.find(
        "B07",
        since=case.job.started_at,
        title=f"{busy.address} takes {words(busy.elapsed_s)}{against}",
        suspect=busy.address,
        confidence=Confidence.CERTAIN if usual else Confidence.LIKELY,
        evidence=[
            case.build_proof("job.started_at", "build started", case.job.started_at),
            Evidence(busy.line.at, busy.line.text.strip(), f"build log: {busy.line.source_id}"),
        ],
    )


@workspace_rule("B08", jobs=("canceling",))
def canceling(case: WorkspaceCase) -> Outcome:
    """Cancelling for ever."""
    job = case.job
    if job.status != "canceling" or job.completed_at is not None:
        return
    if older(job.canceled_at, case.now, case.limits.cancel_s):
        yield case.find(
            "B08",
            since=job.canceled_at,
            evidence=[case.build_proof("job.canceled_at", "asked to stop", job.canceled_at)],
        )


def is_failed(case: WorkspaceCase) -> bool:
    """Whether the latest build failed by itself: not reaped, not cancelled, no known code that says why."""
    job = case.job
    return (
        job.status == "failed"
        and job.canceled_at is None
        and job.error_code != QUOTA
        and not is_missing_value(job.error_code)
        and not job.error.startswith(REAPED)
    )


def is_missing_value(code: str) -> bool:
    """Whether a code means that a variable or a parameter has no value."""
    return code == "REQUIRED_TEMPLATE_VARIABLES" or ("PARAMETER" in code and "MISSING" in code)


@workspace_rule("B09", jobs=("failed",), transitions=("start",))
def terraform(case: WorkspaceCase) -> Outcome:
    """Terraform failed."""
    if not is_failed(case) or case.build.transition != "start":
        return
    job = case.job
    errors = terraform_errors(case.facts.build_lines() or ())
    cause = cause_of(errors) or cause_of_text(job.error)
    before = next(
        (b for b in case.facts.builds() or () if b.number < case.build.number and b.transition == "start"),
        None,
    )
    proofs = [
        case.build_proof("job.error", first_line(job.error) or "no error given", job.completed_at),
        *([case.build_proof("job.error_code", job.error_code)] if job.error_code else ()),
        *build_errors(errors),
    ]
    if before is not None and before.template_version_id == case.build.template_version_id:
        text = f"build {before.number} of the same version: {before.job_status}"
        proofs.append(Evidence(before.completed_at, text, "builds"))
    said = clean_error(errors[0].text) if errors else first_line(job.error)
    yield case.find(
        "B09",
        since=job.completed_at,
        title=f"Build failed: {said.removeprefix('Error: ')}" if said else "",
        suspect=cause,
        causes=[cause] if cause else (),
        steps=_AGAIN_BY_POOL if case.workspace.is_prebuild else None,
        evidence=proofs,
    )


@workspace_rule("B10", jobs=("failed",))
def missing_value(case: WorkspaceCase) -> Outcome:
    """A variable or parameter is missing."""
    job = case.job
    code = job.error_code
    if job.status != "failed" or job.canceled_at is not None:
        return
    if not is_missing_value(code):
        return
    proofs = [
        case.build_proof("job.error_code", code),
        case.build_proof("job.error", first_line(job.error), job.completed_at),
    ]
    yield case.find("B10", since=job.completed_at, evidence=proofs)


@workspace_rule("B11")
def log_cut(case: WorkspaceCase) -> Outcome:
    """The job's log is cut."""
    if case.job.logs_overflowed:
        proof = case.build_proof("job.logs_overflowed", "the log reached 1 MiB")
        yield case.find("B11", evidence=[proof])


@workspace_rule("B14", transitions=("stop", "delete"))
def teardown(case: WorkspaceCase) -> Outcome:
    """A stop or delete does not get through."""
    build, job = case.build, case.job
    if build.transition not in ("stop", "delete"):
        return
    if case.workspace.is_prebuild and build.transition == "delete" and job.status not in _STANDING:
        return  # P15 says more
    verb = "Stop" if build.transition == "stop" else "Delete"
    if job.status in _STANDING:
        since = job.started_at if job.status == "running" else job.created_at
        if older(since, case.now, case.limits.teardown_s):
            text = f"{verb.lower()} {job.status}"
            yield case.find(
                "B14",
                since=since,
                title=f"{verb} has been {job.status} for long",
                evidence=[case.build_proof("job.status", text, since)],
            )
    elif job.status in ("failed", "canceled"):
        errors = terraform_errors(case.facts.build_lines() or ())
        said = first_line(job.error)
        yield case.find(
            "B14",
            since=job.completed_at,
            title=f"{verb} {job.status}" + (f": {said}" if said else ""),
            evidence=[
                case.build_proof("job.error", said or job.status, job.completed_at),
                *build_errors(errors),
            ],
        )


@workspace_rule("B15", jobs=("succeeded",), transitions=("stop",))
def autostart_skipped(case: WorkspaceCase) -> Outcome:
    """Autostart was skipped."""
    workspace = case.workspace
    due = workspace.next_start_at
    if not workspace.autostart_schedule or case.build.transition != "stop" or case.job.status != "succeeded":
        return
    if workspace.is_prebuild or not older(due, case.now, case.limits.autostart_late_s):
        return
    if span_s(case.build.created_at, due) is None:
        return  # stopped after it was due: nothing was skipped
    yield case.find(
        "B15",
        since=due,
        causes=["the workspace is dormant"] if workspace.dormant_at is not None else (),
        evidence=[
            Evidence(due, "autostart was due", "workspace.next_start_at"),
            case.build_proof(
                "status", f"build {case.build.number} {case.build.status}", case.job.completed_at
            ),
        ],
    )


@workspace_rule("B16", jobs=("failed",))
def cancelled(case: WorkspaceCase) -> Outcome:
    """Cancelled while it ran."""
    job = case.job
    if job.status != "failed" or job.canceled_at is None or job.error.startswith(REAPED):
        return
    took = span_s(job.canceled_at, job.completed_at)
    lines = case.facts.build_lines() or ()
    last = next((ln for ln in reversed(lines) if ln.text.strip()), None)
    yield case.find(
        "B16",
        severity=Severity.FAILED if case.build.transition == "start" else None,
        since=job.canceled_at,
        evidence=[
            case.build_proof("job.canceled_at", "cancelled", job.canceled_at),
            Evidence(last.at, last.text.strip(), f"build log: {last.source_id}") if last else None,
            case.build_proof(
                "job.completed_at",
                f"ended {words(took)} later: {first_line(job.error)}"
                if took is not None
                else first_line(job.error),
                job.completed_at,
            ),
        ],
    )
