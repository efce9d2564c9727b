"""The queue of builds and the daemons that work it off (contract: triage.md §4.3)."""

from __future__ import annotations

from agentdash.state.model import PREBUILDS_USER_ID
from agentdash.triage.cases import Case, Outcome, WorkspaceCase
from agentdash.triage.clock import after, ahead, left, older
from agentdash.triage.finding import Evidence, Severity, Subject
from agentdash.triage.pools import Pool
from agentdash.triage.rules.registry import deployment_rule, workspace_rule
from agentdash.triage.rules.wording import tags_words, version_of

QUOTA = "INSUFFICIENT_QUOTA"
NO_ALLOWANCE = "the group of the prebuilds user has no quota allowance"
_STANDING = frozenset({"pending", "running"})


def is_out_of_quota(pool: Pool) -> bool:
    """P16: whether the latest failure of a pool was for want of quota; then it is told of the pool, once."""
    newest = next((w for w in pool.newest_starts if w.build.job.status == "failed"), None)
    return newest is not None and newest.build.job.error_code == QUOTA


def is_queued(case: WorkspaceCase) -> bool:
    """Whether the latest build waits for a provisioner, and is one of a kind that is known."""
    return case.job.status == "pending" and case.build.status == "pending"


def has_waited(case: WorkspaceCase, limit_s: float) -> bool:
    """Whether it is known to have waited longer."""
    return older(case.job.created_at or case.build.created_at, case.now, limit_s)


def _queue_proof(case: WorkspaceCase) -> Evidence:
    since = case.job.created_at or case.build.created_at
    return case.build_proof("job.created_at", f"build {case.build.number} queued", since)


def has_no_daemon(case: WorkspaceCase) -> bool:
    """B01: nobody has the job's tags, and this account would see it."""
    matched = case.build.matched
    return (
        is_queued(case)
        and has_waited(case, case.limits.queue_grace_s)
        and matched is not None
        and matched.count == 0
        and case.facts.sees_daemons()
    )


def has_stale_daemons(case: WorkspaceCase) -> bool:
    """B02: those that have its tags have not been seen for long."""
    matched = case.build.matched
    if not is_queued(case) or not has_waited(case, case.limits.queue_grace_s) or matched is None:
        return False
    if matched.count <= 0:
        return False
    return matched.available == 0 or older(
        matched.most_recently_seen, case.facts.read, case.limits.daemon_stale_s
    )


def is_behind_others(case: WorkspaceCase) -> bool:
    """B03: more jobs than daemons."""
    matched = case.build.matched
    if not is_queued(case) or not has_waited(case, case.limits.queue_long_s):
        return False
    if has_no_daemon(case) or has_stale_daemons(case):
        return False
    if case.job.queue_position <= 0 or case.job.queue_size <= 0:
        return False
    free = _free_daemons(case)
    if free is not None and free > 0:
        return False
    return matched is None or matched.count > 0


def _free_daemons(case: WorkspaceCase) -> int | None:
    """Daemons that could take the job now; None if that is not known. Busy ones count as available on the wire."""
    daemons = case.facts.daemons()
    if daemons is None:
        return None
    wanted = dict(case.job.tags)
    return sum(
        d.status == "idle" and all(d.tags.get(k) == v for k, v in wanted.items() if v) for d in daemons
    )


@workspace_rule("B01", jobs=("pending",))
def no_daemon(case: WorkspaceCase) -> Outcome:
    """Queued, and nobody has its tags."""
    matched = case.build.matched
    if not has_no_daemon(case):
        if is_queued(case) and has_waited(case, case.limits.queue_grace_s) and matched and matched.count == 0:
            yield case.cannot(
                "B01", "a count of 0 means nothing: this account may not see provisioner daemons"
            )
        return
    daemons = case.facts.daemons() or ()
    proofs = [
        _queue_proof(case),
        case.build_proof("matched_provisioners.count", "0 provisioner daemons have its tags"),
        case.build_proof("job.tags", f"the job wants {tags_words(case.job.tags)}"),
        *(
            Evidence(d.last_seen_at, f"{d.name} has {tags_words(d.tags)}", "provisionerdaemons.tags")
            for d in daemons[:4]
        ),
    ]
    yield case.find("B01", since=case.job.created_at, evidence=proofs)


@workspace_rule("B02", jobs=("pending",))
def stale_daemons(case: WorkspaceCase) -> Outcome:
    """Queued, and those that have its tags are gone."""
    matched = case.build.matched
    if matched is None or not has_stale_daemons(case):
        return
    seen = matched.most_recently_seen
    # The server counts as available who was seen when the build was made: by now nobody is.
    has = "1 daemon has" if matched.count == 1 else f"{matched.count} daemons have"
    text = f"{has} its tags, 0 available now"
    proofs = [
        _queue_proof(case),
        case.build_proof("matched_provisioners", text),
        case.build_proof("matched_provisioners.most_recently_seen", "last seen", seen) if seen else None,
        *(
            Evidence(d.last_seen_at, f"{d.name} {d.status or 'last seen'} {d.version}", "provisionerdaemons")
            for d in (case.facts.daemons() or ())[:4]
        ),
    ]
    yield case.find("B02", since=case.job.created_at, evidence=proofs)


@workspace_rule("B03", jobs=("pending",))
def behind_others(case: WorkspaceCase) -> Outcome:
    """Queued behind other jobs."""
    if not is_behind_others(case):
        return
    job = case.job
    is_human = case.build.initiator_id != PREBUILDS_USER_ID
    is_long = has_waited(case, case.limits.queue_alarm_s)
    busy = [
        Evidence(None, f"{d.name} works on {d.current_job.template_name}", "provisionerdaemons.current_job")
        for d in case.facts.daemons() or ()
        if d.current_job is not None
    ]
    yield case.find(
        "B03",
        severity=Severity.FAILED if is_long and is_human else None,
        since=job.created_at,
        title=f"Queued {job.queue_position} of {job.queue_size}",
        evidence=[
            _queue_proof(case),
            case.build_proof("job.queue_position", f"position {job.queue_position} of {job.queue_size}"),
            *busy[:4],
        ],
    )


@workspace_rule("B04", jobs=("pending",))
def will_be_reaped(case: WorkspaceCase) -> Outcome:
    """Queued for so long that the server will end it."""
    limits = case.limits
    if not is_queued(case) or not has_waited(case, limits.reap_warning_s):
        return
    if has_waited(case, 2 * limits.reap_s):
        return
    due = after(case.job.created_at or case.build.created_at, limits.reap_s)
    text = "due to be ended by the server"
    if due is not None and ahead(due, case.now):
        text = f"ended by the server in {left(due, case.now)}"
    extra = " (counts as a failure of the pool)" if case.workspace.is_prebuild else ""
    yield case.find(
        "B04",
        since=case.job.created_at,
        evidence=[_queue_proof(case), case.build_proof("job.created_at", text + extra)],
    )


@deployment_rule("B12")
def versions_differ(case: Case) -> Outcome:
    """A daemon's version is not the server's."""
    server = version_of(case.facts.state.server.version)
    if server is None:
        return
    for organization in sorted(case.facts.deployment.daemons):
        for daemon in case.facts.daemons(organization) or ():
            theirs = version_of(daemon.version)
            if theirs is None or theirs[:2] == server[:2] or daemon.status == "offline":
                continue
            text = f"{daemon.name} has {daemon.version}, the server {case.facts.state.server.version}"
            yield case.find(
                "B12",
                subject=Subject("provisioner", daemon.id),
                title=f"Provisioner {daemon.name} has another version than the server",
                evidence=[Evidence(daemon.last_seen_at, text, "provisionerdaemons.version")],
            )


@deployment_rule("B13")
def wrong_pool(case: Case) -> Outcome:
    """Jobs of prebuilds and daemons set aside for them do not agree."""
    for organization in sorted(case.facts.deployment.jobs):
        jobs = case.facts.deployment.jobs[organization].value or ()
        daemons = case.facts.daemons(organization)
        if daemons is None:
            continue
        set_aside = [d for d in daemons if d.tags.get("is_prebuild") == "true"]
        waiting = [j for j in jobs if j.initiator_id == PREBUILDS_USER_ID and j.status in _STANDING]
        untagged = [j for j in waiting if j.tags.get("is_prebuild") != "true"]
        tagged = [j for j in waiting if j.tags.get("is_prebuild") == "true"]
        wrong = untagged if set_aside else ([] if not daemons else tagged)
        if not wrong:
            continue
        said = (
            f"{len(wrong)} jobs of prebuilds without the tag is_prebuild, {len(set_aside)} daemons with it"
            if set_aside
            else f"{len(wrong)} jobs of prebuilds want the tag is_prebuild, and no daemon has it"
        )
        templates = ", ".join(sorted({j.template_name for j in wrong if j.template_name})[:3])
        yield case.find(
            "B13",
            subject=Subject("deployment", f"prebuild-provisioners:{organization}"),
            evidence=[
                Evidence(None, said, "provisionerjobs.tags, provisionerdaemons.tags"),
                Evidence(None, f"templates: {templates}", "provisionerjobs.metadata") if templates else None,
            ],
        )
