"""Claims of prebuilds (contract: triage.md §4.2). C09 is minded in `connect.is_deaf`."""

from __future__ import annotations

from datetime import timedelta

from agentdash.state.model import PREBUILDS_USER_ID, Workspace
from agentdash.triage.cases import AgentCase, Outcome, WorkspaceCase
from agentdash.triage.claims import Claim
from agentdash.triage.clock import ago, known, older, span_s, within, words
from agentdash.triage.evidence import cause_of, terraform_errors
from agentdash.triage.finding import Confidence, Evidence, Severity
from agentdash.triage.pools import is_eligible
from agentdash.triage.rules.registry import agent_rule, workspace_rule
from agentdash.triage.rules.wording import build_errors, cause_of_text, first_line, version_of

INSTANCE_IDENTITY_FIXED = (2, 26, 0)
"""About when agents with instance identity learned of claims (coder/coder#19111); the release is not told."""
LOOP_FIXED = (2, 35, 0)
"""From here on no server repeats the claim's event; patches of 2.33 and 2.34 have it too (coder/coder#26548)."""
PASSED_OVER_S = 3600.0
"""A workspace made longer ago says nothing of the pool now."""
LEAST_COLD_S = 15.0
_CHOSEN_ALREADY = (("read why nothing was claimed in the server's log", ""),)
_HARMLESS = ("null_resource", "terraform_data", "random_", "time_", "coder_", "local_file")


def just_claimed(case: WorkspaceCase) -> Claim | None:
    """The claim, if its build is the latest one."""
    claim = case.claim
    return claim if isinstance(claim, Claim) and claim.is_latest else None


def _may_be_claim(case: WorkspaceCase) -> bool:
    """Whether it cannot be told, for want of its builds, that this is no claim."""
    return case.claim is True and case.build.number == 2 and case.build.initiator_id != PREBUILDS_USER_ID


def _no_builds(case: WorkspaceCase) -> str:
    return case.facts.untold("builds", case.workspace.id, "builds of the workspace")


@workspace_rule("C01", jobs=("pending", "running"), transitions=("start",))
def slow(case: WorkspaceCase) -> Outcome:
    """A claim's build takes long."""
    job = case.job
    if case.build.transition != "start" or job.status not in ("pending", "running"):
        return
    is_pending = job.status == "pending"
    since = job.created_at if is_pending else job.started_at
    limit = case.limits.claim_pending_s if is_pending else case.limits.claim_running_s
    if not older(since, case.now, limit):
        return
    if just_claimed(case) is None:
        if _may_be_claim(case):
            yield case.cannot("C01", _no_builds(case))
        return
    is_alarming = older(since, case.now, case.limits.claim_alarm_s)
    usual = case.usual("build")
    yield case.find(
        "C01",
        severity=Severity.FAILED if is_alarming else None,
        since=since,
        evidence=[
            case.build_proof("job.created_at", "claimed", job.created_at),
            case.build_proof("job.status", f"{job.status} for {ago(since, case.now)}", since),
            Evidence(None, f"builds usually take {words(usual.median_s)}", "this template's builds")
            if usual
            else None,
        ],
    )


@workspace_rule("C02", jobs=("failed",), transitions=("start",))
def failed(case: WorkspaceCase) -> Outcome:
    """A claim's build failed."""
    job = case.job
    if case.build.transition != "start" or job.status != "failed":
        return
    if just_claimed(case) is None:
        if _may_be_claim(case):
            yield case.cannot("C02", _no_builds(case))
        return
    errors = terraform_errors(case.facts.build_lines() or ())
    cause = cause_of(errors) or cause_of_text(job.error)
    yield case.find(
        "C02",
        since=job.completed_at,
        suspect=cause,
        causes=[cause] if cause else (),
        evidence=[
            case.build_proof("job.created_at", "claimed", job.created_at),
            case.build_proof("job.error", first_line(job.error) or "failed", job.completed_at),
            *build_errors(errors),
        ],
    )


@agent_rule("C03", statuses=("connected",), lifecycles=("created",))
def reinit_missed(case: AgentCase) -> Outcome:
    """Claimed, and the agent was never told to start over."""
    agent = case.agent
    if not case.is_up or agent.parent_id is not None or just_claimed(case) is None:
        return
    if agent.status != "connected" or agent.lifecycle != "created" or known(agent.started_at) is not None:
        return
    if not older(case.job.completed_at, case.now, case.limits.reinit_s):
        return
    # It may have connected a moment ago only.
    if not older(agent.first_connected_at or case.job.completed_at, case.now, case.limits.reinit_s / 2):
        return
    yield case.find(
        "C03",
        since=agent.first_connected_at or case.job.completed_at,
        evidence=[
            case.build_proof("job.completed_at", "claimed", case.job.completed_at),
            case.proof("first_connected_at", "connected on its new row", agent.first_connected_at),
            case.proof("lifecycle_state", "created: nothing reported since"),
            case.proof("version", f"agent {agent.version}") if agent.version else None,
        ],
    )


@workspace_rule("C04", jobs=("succeeded",), transitions=("start",))
def compute_replaced(case: WorkspaceCase) -> Outcome:
    """The claim replaced the compute."""
    if not case.is_up or just_claimed(case) is None:
        return
    timings = case.facts.timings()
    if timings is None:
        yield case.cannot("C04", case.facts.untold("timings", case.build.id, "timings of the claim"))
        return
    homes = {a.resource_id for a in case.roots}
    compute = {f"{r.type}.{r.name}" for r in case.build.resources if r.id in homes}
    moved = [
        t
        for t in timings.provisioner
        if t.stage == "apply"
        and t.action.lower() in ("create", "delete", "replace", "update+replace")
        and not t.name.startswith(_HARMLESS)
        and t.name.partition("[")[0].rpartition("module.")[2].endswith(tuple(compute or {"\0"}))
    ]
    if moved:
        yield case.find(
            "C04",
            since=case.job.completed_at,
            suspect=moved[0].name,
            evidence=[Evidence(t.ended_at, f"{t.action} {t.name}", "timings: apply") for t in moved[:4]],
        )
        return
    for agent in case.roots:
        usual = case.usual(f"connect:{agent.name}")
        took = span_s(case.job.completed_at, agent.first_connected_at)
        if usual is None or took is None or took <= max(LEAST_COLD_S, usual.median_s / 2):
            continue
        yield case.find(
            "C04",
            since=case.job.completed_at,
            confidence=Confidence.LIKELY,
            evidence=[
                case.build_proof("job.completed_at", "claimed", case.job.completed_at),
                Evidence(agent.first_connected_at, f"{agent.name} connected {words(took)} later", "agent"),
            ],
        )
        return


@workspace_rule("C05", jobs=("succeeded",), transitions=("start",))
def one_token(case: WorkspaceCase) -> Outcome:
    """Several agents, and only one of them got the token."""
    if not case.is_up or len(case.roots) < 2 or just_claimed(case) is None:
        return
    if not older(case.job.completed_at, case.now, case.limits.reinit_s):
        return
    waiting = [a for a in case.roots if a.status in ("connecting", "timeout") and not a.first_connected_at]
    there = [a for a in case.roots if a.status == "connected"]
    if waiting and there:
        yield case.find(
            "C05",
            since=case.job.completed_at,
            suspect=waiting[0].name,
            evidence=[
                case.build_proof("job.completed_at", "claimed", case.job.completed_at),
                *(Evidence(None, f"{a.name}: connected", "agent.status") for a in there[:2]),
                *(Evidence(a.created_at, f"{a.name}: {a.status}", "agent.status") for a in waiting[:3]),
            ],
        )


@agent_rule("C06")
def loop(case: AgentCase) -> Outcome:
    """A claimed workspace's agent starts over again and again."""
    if not case.is_up or case.agent.parent_id is not None:
        return
    starts = case.facts.starts(case.agent.key)
    if starts is None or starts.build_id != case.build.id or not starts.noticed:
        return
    if not isinstance(case.claim, Claim):
        return
    times = [at for at in starts.noticed if within(at, case.now, case.limits.reinit_loop_s)]
    if len(times) >= max(1, case.limits.reinit_loop_count):
        server = case.facts.server_version()
        version = version_of(server)
        is_mended = version is not None and version >= LOOP_FIXED
        yield case.find(
            "C06",
            since=times[0],
            confidence=Confidence.LIKELY if is_mended else Confidence.CERTAIN,
            evidence=[
                *(case.proof("started_at", "started anew", at) for at in times[-6:]),
                Evidence(None, f"server {server}", "buildinfo.version") if server else None,
            ],
        )


@agent_rule("C07")
def instance_identity(case: AgentCase) -> Outcome:
    """A prebuild whose agent logs in with its instance's identity, and is too old to hear of a claim."""
    version = version_of(case.agent.version)
    if not case.is_up or not case.workspace.is_prebuild or not case.agent.instance_id or version is None:
        return
    if version < INSTANCE_IDENTITY_FIXED:
        yield case.find(
            "C07",
            confidence=Confidence.LIKELY,
            evidence=[
                case.proof("instance_id", "logs in with its cloud instance's identity"),
                case.proof("version", f"agent {case.agent.version}"),
            ],
        )


@workspace_rule("C08")
def passed_over(case: WorkspaceCase) -> Outcome:
    """A ready prebuild was passed over."""
    workspace, build = case.workspace, case.build
    if workspace.is_prebuild or build.number != 1 or build.initiator_id == PREBUILDS_USER_ID:
        return
    if build.transition != "start" or not build.initiator_id:
        return
    if not within(build.created_at, case.now, PASSED_OVER_S):
        return
    for pool in case.facts.pools_of_version():
        witness = next((w for w in pool.prebuilds if _was_ready(w, case)), None)
        if witness is None:
            continue
        is_same = build.preset_id == pool.preset_id
        given = case.facts.parameters()
        values = None if given is None else dict(given)
        if not is_same and (build.preset_id is not None or values is None or pool.preset is None):
            if build.preset_id is None and values is None:
                yield case.cannot("C08", case.facts.untold("parameters", build.id, "parameters of the build"))
            continue
        wanted = dict(pool.preset.parameters) if pool.preset is not None else {}
        differ = _differences(wanted, values)
        chosen = f"preset {pool.name}" if is_same else "no preset chosen"
        is_kept = witness not in pool.claimable
        yield case.find(
            "C08",
            since=build.created_at,
            confidence=Confidence.LIKELY,
            suspect=pool.name,
            likely=_reasons(is_same=is_same, is_kept=is_kept, is_active=pool.is_active),
            steps=_CHOSEN_ALREADY if is_same else None,
            evidence=[
                case.build_proof("created_at", f"built from nothing, {chosen}", build.created_at),
                Evidence(None, f"{witness.full_name} was ready before and still is", "workspaces"),
                *(Evidence(None, text, "build parameters") for text in differ[:4]),
            ],
        )
        return


def _reasons(*, is_same: bool, is_kept: bool, is_active: bool) -> list[str]:
    """Why the witness was not taken: only what the build's own preset and the witness's agents do not refute."""
    kept = ["a sub-agent kept the prebuild from being claimed (P09)"] if is_kept else []
    if not is_same:
        return ["no preset was chosen, and the parameters match none", *kept]
    old = [] if is_active else ["a version that is not the active one was chosen"]
    return [*kept, *old, "the claim was not tried, or failed, and a new workspace was built instead"]


def _differences(wanted: dict[str, str], values: dict[str, str] | None) -> list[str]:
    """Parameters of the preset that the build has otherwise; none if its parameters were not read."""
    if values is None:
        return []
    return [
        f"{name}: {values.get(name, 'none')}, preset {value}"
        for name, value in sorted(wanted.items())
        if values.get(name) != value
    ]


def _was_ready(prebuild: Workspace, case: WorkspaceCase) -> bool:
    """Whether it was ready for certain when the build was made: ready times are the agent's clock, so with a margin."""
    made = known(case.build.created_at)
    if made is None or not is_eligible(prebuild):
        return False
    try:
        limit = made - timedelta(seconds=60)
    except OverflowError:
        return False
    return all(
        (ready := known(agent.ready_at)) is not None
        and ready <= limit
        and (first := known(agent.first_connected_at)) is not None
        and first <= limit
        for agent in prebuild.agents
    )
