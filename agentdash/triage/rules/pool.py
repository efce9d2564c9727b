"""Prebuild pools and their instances (contract: triage.md §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from agentdash.state.freshness import Freshness
from agentdash.state.model import PREBUILDS_USER_ID, LogLine, Workspace
from agentdash.triage.cases import Case, Outcome, PoolCase
from agentdash.triage.clock import after, age_s, known, latest, older, within, words
from agentdash.triage.evidence import cause_of, clean_error, terraform_errors
from agentdash.triage.finding import Confidence, Evidence, Finding, Subject
from agentdash.triage.memory import is_short
from agentdash.triage.pools import Pool
from agentdash.triage.rules.queue import NO_ALLOWANCE, QUOTA, is_out_of_quota
from agentdash.triage.rules.registry import deployment_rule, pool_rule
from agentdash.triage.rules.wording import cause_of_text, first_line

_NO_SUCH_FEATURE = frozenset({"RouteNotFound", "FeatureNotLicensed"})
"""A server without licensed code has no such routes; one without the licence says so (contract: triage.md P02)."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400.0
HOUR_S = 3600.0


def is_paused(case: Case) -> bool:
    """P01: reconciliation is paused."""
    settings = case.facts.deployment.prebuilds
    return settings.value is not None and settings.value.reconciliation_paused


def is_unlicensed(case: Case) -> bool:
    """P02: the feature is not enabled."""
    features = case.facts.state.server.entitlements
    if features is not None:
        return not features.get("workspace_prebuilds", False)
    settings = case.facts.deployment.prebuilds
    is_refused = settings.freshness is Freshness.REFUSED and settings.problem is not None
    return is_refused and settings.problem is not None and settings.problem.kind in _NO_SUCH_FEATURE


# The deployment


@deployment_rule("P01")
def paused(case: Case) -> Outcome:
    """Reconciliation is paused."""
    if not is_paused(case):
        return
    left = sum(len(pool.claimable) for pool in case.facts.pools if pool.is_active)
    waiting = sum(len(pool.queued) for pool in case.facts.pools)
    yield case.find(
        "P01",
        subject=Subject("deployment", "prebuilds"),
        evidence=[
            Evidence(None, "reconciliation_paused is true", "prebuilds/settings"),
            Evidence(None, f"{left} claimable left, {waiting} prebuild jobs queued", "workspaces"),
        ],
    )


@deployment_rule("P02")
def not_licensed(case: Case) -> Outcome:
    """Presets want instances without a licence for them."""
    features = case.facts.state.server.entitlements
    if features is None and case.facts.unknown("settings") is None:
        return  # whoever answers that has the feature
    if not is_unlicensed(case):
        if features is None:
            yield case.cannot("P02", "entitlements: not read yet")
        return
    wanted = [pool for pool in case.facts.pools if pool.is_active and (pool.desired or 0) > 0]
    if not wanted:
        return
    names = ", ".join(f"{pool.template_name} / {pool.name}" for pool in wanted[:3])
    left = sum(len(pool.running) for pool in case.facts.pools)
    yield case.find(
        "P02",
        subject=Subject("deployment", "prebuilds-licence"),
        evidence=[
            Evidence(None, "workspace_prebuilds is not enabled", "entitlements.features")
            if features is not None
            else Evidence(None, "this server is not licensed for prebuilds", "prebuilds/settings"),
            Evidence(None, f"{len(wanted)} presets want instances: {names}", "presets"),
            Evidence(None, f"{left} prebuilds left running", "workspaces") if left else None,
        ],
    )


@deployment_rule("P19")
def swamped(case: Case) -> Outcome:
    """Prebuild jobs swamp the queue."""
    waiting = [pool for pool in case.facts.pools if pool.queued]
    jobs = [w for pool in waiting for w in pool.queued]
    by_list = [
        j.created_at
        for fact in case.facts.deployment.jobs.values()
        for j in fact.value or ()
        if j.status == "pending" and j.initiator_id == PREBUILDS_USER_ID
    ]
    times = by_list or [w.build.job.created_at or w.build.created_at for w in jobs]
    ages = [age for at in times if (age := age_s(at, case.now)) is not None]
    is_old = bool(ages) and max(ages) > case.limits.swamp_age_s
    if len(times) < case.limits.swamp_jobs and not is_old:
        return
    if jobs and all(w.build.matched is not None and w.build.matched.available == 0 for w in jobs):
        return  # nobody takes them: B01 and B02 say so
    by_template = ", ".join(f"{pool.template_name} {len(pool.queued)}" for pool in waiting[:4])
    yield case.find(
        "P19",
        subject=Subject("deployment", "prebuild-queue"),
        since=min((at for at in map(known, times) if at is not None), default=None),
        title=f"{len(times)} prebuild jobs are queued" if len(times) != 1 else "A prebuild job is queued",
        evidence=[
            Evidence(None, f"{len(times)} queued, the oldest for {words(max(ages, default=0))}", "queue"),
            Evidence(None, by_template, "queue by template") if by_template else None,
        ],
    )


@deployment_rule("P17")
def churn(case: Case) -> Outcome:
    """Pools churn without claims, by the provisioner jobs of a day."""
    desired: dict[str, int] = {}
    for pool in case.facts.pools:
        if pool.is_active and pool.desired:
            desired[pool.template_name] = desired.get(pool.template_name, 0) + pool.desired
    jobs = [j for fact in case.facts.deployment.jobs.values() for j in fact.value or ()]
    for template, wanted in sorted(desired.items()):
        of_day = [
            j
            for j in jobs
            if j.template_name == template and within(j.created_at, case.now, DAY_S) and j.workspace_id
        ]
        made = {
            j.workspace_id for j in of_day if j.initiator_id == PREBUILDS_USER_ID and j.transition == "start"
        }
        gone = {
            j.workspace_id for j in of_day if j.initiator_id == PREBUILDS_USER_ID and j.transition == "delete"
        }
        claimed = {
            j.workspace_id for j in of_day if j.initiator_id != PREBUILDS_USER_ID and j.transition == "start"
        } & made
        wasted = len(made) - len(claimed)
        if wasted <= case.limits.churn_factor * wanted or len(gone & made) <= wanted:
            continue
        yield case.find(
            "P17",
            subject=Subject("template", f"churn:{template}", template=template),
            confidence=Confidence.LIKELY,
            evidence=[
                Evidence(
                    None,
                    f"in 24 h {len(made)} made, {len(claimed)} claimed, {len(gone)} deleted; {wanted} wanted",
                    "provisionerjobs",
                )
            ],
        )


# The pool


def short_since(case: PoolCase) -> tuple[datetime | None, bool]:
    """Since when the pool has been short with nothing on its way, and whether that was watched."""
    watched = case.facts.memory.short.get(case.pool.preset_id)
    if watched is not None and case.facts.memory.since is not None and watched > case.facts.memory.since:
        return watched, True
    claims = [
        w.build.created_at
        for w in case.facts.census.of_preset.get(case.pool.preset_id, {}).values()
        if not w.is_prebuild
    ]
    return (
        latest(
            case.facts.promoted_by(case.pool.version_id),
            *(w.build.job.completed_at or w.build.created_at for w in case.pool.prebuilds),
            *claims,
        ),
        False,
    )


def _is_short_for_long(case: PoolCase) -> tuple[datetime | None, bool] | None:
    """P03's ground: short for more than three intervals; None if not."""
    if not is_short(case.pool) or is_paused(case) or is_unlicensed(case) or _is_deprecated(case):
        return None
    if backing_off(case) or is_hard_limited(case):
        return None
    since, is_watched = short_since(case)
    limit = case.limits.pool_short_intervals * case.facts.config().interval_s
    return (since, is_watched) if older(since, case.now, limit) else None


def _is_counted(case: PoolCase) -> bool:
    """Whether the pool's members are all known: else nothing can be missing."""
    facts = case.facts
    return all(facts.unknown(source) is None for source in ("fleet", "prebuilds"))


@pool_rule("P03")
def short(case: PoolCase) -> Outcome:
    """Short, and nothing is on its way."""
    if not _is_counted(case):
        return
    found = _is_short_for_long(case)
    if found is None:
        return
    yield case.find(
        "P03",
        since=found[0],
        title="Pool is short, and too little is on its way" if case.pool.starting else "",
        confidence=Confidence.CERTAIN if found[1] else Confidence.LIKELY,
        evidence=[case.counts(), _newest(case.pool)],
    )


def _is_deprecated(case: PoolCase) -> bool:
    """A deprecated template's presets are inactive and get emptied."""
    templates = case.facts.deployment.templates.value
    template = templates.get(case.pool.template_id) if templates is not None else None
    return template is not None and template.deprecated


def _newest(pool: Pool) -> Evidence | None:
    newest = latest(*(w.created_at for w in pool.prebuilds))
    return Evidence(newest, "newest prebuild made", "workspaces.created_at") if newest is not None else None


def _failures(case: PoolCase) -> list[Workspace]:
    """Failed ones among the newest so many start builds, within the hour the reconciler looks back."""
    wanted = case.pool.desired or 0
    newest = case.pool.newest_starts[: max(0, wanted)]
    lookback = case.facts.config().lookback_s
    return [
        w for w in newest if w.build.job.status == "failed" and within(w.build.created_at, case.now, lookback)
    ]


def backing_off(case: PoolCase) -> bool:
    """P04: the preset waits after failures."""
    return case.pool.is_active and bool(_failures(case))


@pool_rule("P04")
def backoff(case: PoolCase) -> Outcome:
    """Waits after failures."""
    if not backing_off(case):
        return
    config = case.facts.config()
    newest = latest(*(w.build.created_at for w in _failures(case)))
    failed = [
        w
        for w in case.pool.newest_starts
        if w.build.job.status == "failed" and within(w.build.created_at, case.now, config.lookback_s)
    ]
    until = after(newest, len(failed) * config.backoff_s)
    left = (until - case.now).total_seconds() if until is not None else 0.0
    when = f"next try in {words(left)}" if left > 0 else "next try was due"
    yield case.find(
        "P04",
        since=latest(*(w.build.job.completed_at for w in failed)),
        suspect=_shared_error(case, failed),
        evidence=[
            case.counts(),
            *_errors(case, failed),
            Evidence(until, when, "computed: newest failure + failures × back-off"),
        ],
    )


def _errors(case: PoolCase, failed: Sequence[Workspace]) -> list[Evidence]:
    proofs = []
    for workspace in failed[:3]:
        job, line = workspace.build.job, _reason(case, workspace)
        cancelled = "cancelled: " if job.canceled_at else ""
        said = _plain(line) if line is not None else first_line(job.error) or "failed"
        source = "latest_build.job.error" if line is None else f"build log: {line.source_id}"
        proofs.append(Evidence(job.completed_at, f"{workspace.name}: {cancelled}{said}", source))
    return proofs


def _reason(case: PoolCase, workspace: Workspace) -> LogLine | None:
    """The line of a failed build's log that says why; the job's own error is often only an exit status."""
    errors = terraform_errors(case.facts.build_lines(workspace.build.id) or ())
    return next((line for line in errors if cause_of([line])), errors[0] if errors else None)


def _plain(line: LogLine) -> str:
    return clean_error(line.text).removeprefix("Error: ")


def _shared_error(case: PoolCase, failed: Sequence[Workspace]) -> str:
    """What all of them say, if they say the same."""
    lines = [(w, _reason(case, w)) for w in failed]
    said = {first_line(w.build.job.error) if ln is None else _plain(ln) for w, ln in lines}
    return said.pop() if len(said) == 1 else ""


def is_hard_limited(case: PoolCase) -> bool:
    """P05: the newest three start builds all failed."""
    limit = case.facts.config().hard_limit
    newest = case.pool.newest_starts[: max(0, limit)]
    return (
        case.pool.is_active
        and limit > 0
        and len(newest) >= limit
        and all(w.build.job.status == "failed" for w in newest)
    )


@pool_rule("P05")
def hard_limited(case: PoolCase) -> Outcome:
    """Stopped after three failures in a row."""
    if not is_hard_limited(case):
        return
    failed = list(case.pool.newest_starts[: case.facts.config().hard_limit])
    canceled = sum(w.build.job.canceled_at is not None for w in failed)
    same = _shared_error(case, failed)
    cause = cause_of_text(same)
    count = len(failed)
    yield case.find(
        "P05",
        title=f"Pool is hard-limited ({count} of {count} failed)",
        since=latest(*(w.build.job.completed_at for w in failed)),
        suspect=same,
        causes=[
            *([f"{canceled} of them were cancelled: that counts as a failure"] if canceled else ()),
            *([cause] if cause else ()),
        ],
        likely=() if cause else None,
        confidence=Confidence.LIKELY,
        evidence=[
            case.counts(),
            *_errors(case, failed),
            Evidence(
                None, "the same error each time" if same else "different errors", "latest_build.job.error"
            ),
            _version_made(case),
        ],
    )


def _version_made(case: PoolCase) -> Evidence | None:
    version = case.facts.version(case.pool.version_id)
    if version is None:
        return None
    return Evidence(version.created_at, f"version {version.name} made", "templateversions.created_at")


@pool_rule("P06")
def refused(case: PoolCase) -> Outcome:
    """The preset is probably refused."""
    if not _is_counted(case) or case.pool.prebuilds or case.pool.failed:
        return
    found = _is_short_for_long(case)
    version = case.facts.version(case.pool.version_id)
    if found is None or version is None:
        return
    if case.pool.preset_id in case.facts.census.of_preset:
        return  # somebody claimed one: it was made all right
    yield case.find(
        "P06",
        since=found[0],
        confidence=Confidence.LIKELY,
        evidence=[
            case.counts(),
            _version_made(case),
            Evidence(None, "no prebuild of it was ever made", "workspaces"),
        ],
    )


@pool_rule("P16")
def out_of_quota(case: PoolCase) -> Outcome:
    """The quota of the prebuilds' group is used up: its latest failure says so."""
    failed = [w for w in case.pool.newest_starts if w.build.job.status == "failed"]
    refused = [w for w in failed if w.build.job.error_code == QUOTA]
    if not is_out_of_quota(case.pool):
        return
    newest = refused[0].build
    cost = f"daily cost {newest.daily_cost}"
    yield case.find(
        "P16",
        since=newest.job.completed_at,
        causes=[NO_ALLOWANCE],
        evidence=[
            Evidence(newest.job.completed_at, QUOTA, "latest_build.job.error_code"),
            *_errors(case, refused),
            Evidence(None, cost, "latest_build.daily_cost") if newest.daily_cost else None,
            case.counts(),
        ],
    )


@pool_rule("P10")
def failed_left(case: PoolCase) -> Outcome:
    """Failed prebuilds pile up."""
    if _is_pile(case, case.pool.failed):
        yield _pile(case, case.pool.failed)
        return
    # Each version has presets of its own: what piles up over versions is the template's.
    pools = [p for p in case.facts.pools if p.template_id == case.pool.template_id and p.failed]
    if not pools or pools[0] is not case.pool or any(_is_pile(case, p.failed) for p in pools):
        return
    failed = tuple(w for p in pools for w in p.failed)
    if _is_pile(case, failed):
        name = case.pool.template_name
        yield _pile(case, failed, Subject("template", f"failed:{case.pool.template_id}", template=name))


def _is_pile(case: PoolCase, failed: Sequence[Workspace]) -> bool:
    age_s = case.limits.failed_prebuild_age_s
    is_old = any(older(w.build.job.completed_at, case.now, age_s) for w in failed)
    return len(failed) >= case.limits.failed_prebuilds or is_old


def _pile(case: PoolCase, failed: Sequence[Workspace], subject: Subject | None = None) -> Finding:
    cost = sum(max(0, w.build.daily_cost) for w in failed)
    return case.find(
        "P10",
        subject=subject,
        title=f"{len(failed)} failed prebuild{'s' if len(failed) != 1 else ''} left over",
        since=min((at for w in failed if (at := known(w.build.job.completed_at))), default=None),
        evidence=[
            *_errors(case, failed),
            Evidence(None, f"daily cost {cost}", "latest_build.daily_cost") if cost else None,
        ],
    )


@pool_rule("P18")
def empty(case: PoolCase) -> Outcome:
    """Empty while people create workspaces."""
    pool = case.pool
    if not pool.is_active or not pool.desired or pool.claimable or not _is_counted(case):
        return
    of_preset = case.facts.census.of_preset.get(pool.preset_id, {})
    by_hand = [w for w in of_preset.values() if not w.is_prebuild and _is_by_person(w)]
    cold = [w for w in by_hand if w.build.number == 1 and within(w.build.created_at, case.now, HOUR_S)]
    cold.sort(key=lambda w: w.id)
    since = case.facts.memory.empty.get(pool.preset_id)
    # Where somebody got a prebuild after it, the pool was not empty all the time.
    claimed_at = latest(*(w.build.created_at for w in by_hand if w.build.number == 2)) or _LONG_AGO
    made = (at for w in cold if (at := known(w.build.created_at)))
    first = min((at for at in made if at >= claimed_at), default=None)
    is_watched = older(since, case.now, case.limits.pool_empty_s)
    if not cold or not (is_watched or older(first, case.now, case.limits.pool_empty_s)):
        return
    yield case.find(
        "P18",
        since=since if is_watched else first,
        confidence=Confidence.CERTAIN if is_watched else Confidence.LIKELY,
        evidence=[
            case.counts(),
            *(
                Evidence(
                    w.build.created_at, f"{w.full_name} was built from nothing", "latest_build.created_at"
                )
                for w in cold[:3]
            ),
        ],
    )


def _is_by_person(workspace: Workspace) -> bool:
    return workspace.build.initiator_id not in ("", PREBUILDS_USER_ID)
