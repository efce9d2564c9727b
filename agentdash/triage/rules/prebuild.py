"""Single prebuilds: stuck, lost, left over (contract: triage.md §4.1)."""

from __future__ import annotations

from datetime import datetime

from agentdash.api.schema import Lifecycle
from agentdash.state.model import PREBUILDS_USER_ID, Agent, Script
from agentdash.triage.cases import AgentCase, Outcome, WorkspaceCase
from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.clock import known, latest, older
from agentdash.triage.finding import Confidence, Evidence, Severity
from agentdash.triage.pools import is_eligible
from agentdash.triage.rules.connect import is_deaf, status_of
from agentdash.triage.rules.queue import NO_ALLOWANCE, QUOTA, is_out_of_quota
from agentdash.triage.rules.registry import workspace_rule
from agentdash.triage.rules.running import failed_scripts, unfinished
from agentdash.triage.rules.script_advice import Advice, failure_advice, log_command
from agentdash.triage.rules.scripts import is_running_on
from agentdash.triage.rules.wording import first_line

_FAILINGS = ("exit_failure", "timed_out", "pipes_left_open")
_NEVER_READY = frozenset({"start_error", "start_timeout"})


def _is_not_ready(agent: Agent) -> bool:
    return agent.lifecycle in Lifecycle.ALL and agent.lifecycle != "ready"


@workspace_rule("P07", jobs=("succeeded",), transitions=("start",))
def never_ready(case: WorkspaceCase) -> Outcome:
    """Runs, and is never ready."""
    if not case.workspace.is_prebuild or not case.is_up:
        return
    late = [a for a in case.roots if _is_not_ready(a)]
    if not late:
        return
    at_once = [a for a in late if a.lifecycle in _NEVER_READY or _has_timed_out(a, case)]
    agent = (at_once or late)[0]
    usual = case.usual(f"ready:{agent.name}")
    limit = max(case.limits.prebuild_ready_s, case.limits.slow_factor * usual.median_s if usual else 0.0)
    if not at_once and not older(case.job.completed_at, case.now, limit):
        return
    inner = AgentCase(case.facts, case.workspace, agent)
    guilty = _failed_script(inner)
    # Where a script has failed, it is counted on how many others it failed (S03).
    has_counted = guilty is not None and case.facts.ran(agent.name, guilty.name)[1] > 1
    same = "" if has_counted else _same_state(case, agent)
    todo = _first_steps(inner, guilty)
    yield case.find(
        "P07",
        since=case.job.completed_at,
        suspect=agent.name,
        likely=_reasons(inner, guilty),
        # The catalogue's first step is about the log: here it is known which one, and whether there is one.
        steps=(*todo.steps, *CATALOGUE["P07"].next[1:]),
        places=todo.places,
        evidence=[
            case.build_proof(
                "job.completed_at", f"build {case.build.number} succeeded", case.job.completed_at
            ),
            *(
                Evidence(None, f"{a.name}: {a.status}, {a.lifecycle}", "agent.lifecycle_state")
                for a in late[:3]
            ),
            Evidence(None, same, "prebuilds of the same preset") if same else None,
        ],
    )


def _failed_script(case: AgentCase) -> Script | None:
    """The start script that failed, as its own finding names it."""
    return next((s for status in _FAILINGS for s in failed_scripts(case, status)), None)


def _has_never_connected(case: AgentCase) -> bool:
    return case.agent.status != "connected" and known(case.agent.first_connected_at) is None


def _first_steps(case: AgentCase, guilty: Script | None) -> Advice:
    """What to do about the start itself: as the script's own finding says it, where a script is to blame."""
    if guilty is not None and guilty.status == "exit_failure":
        told = failure_advice(case, guilty)
        return Advice(told.steps, {**told.places, "suspect": guilty.name})
    if _has_never_connected(case):
        return Advice((), {})
    hanging = None if guilty is not None else next(iter(unfinished(case)), None)
    script = guilty or hanging
    if script is None:
        return Advice((("read the log of the start", "coder logs {ws}"),), {})
    command, places = log_command(script)
    owner = f"{case.workspace.full_name}.{case.agent.name}"
    step = ("read the log of {suspect} and correct it in {template}", command)
    return Advice((step,), {**places, "agent": owner, "suspect": script.name})


def _reasons(case: AgentCase, guilty: Script | None) -> list[str]:
    """What may keep it from being ready: only what its agent's state does not refute."""
    agent = case.agent
    if _has_never_connected(case):
        return ["the agent never connected"]
    if guilty is not None or is_running_on(case):
        return []  # its own finding says why
    reasons = []
    if any(s.run_on_start and not s.is_devcontainer for s in agent.scripts):
        reasons.append(
            "its start script hangs"
            if agent.lifecycle == "starting"
            else "its start script failed or timed out"
        )
    if any(s.is_devcontainer and s.status != "ok" for s in agent.scripts):
        reasons.append("a devcontainer failed or hangs")
    return reasons


def _has_timed_out(agent: Agent, case: WorkspaceCase) -> bool:
    if known(agent.created_at) is None or known(agent.first_connected_at) is not None:
        return False
    return status_of(agent, case) == "timeout"


def _same_state(case: WorkspaceCase, agent: Agent) -> str:
    pool = case.facts.pool()
    others = [w for w in pool.running if w.id != case.workspace.id] if pool is not None else []
    alike = sum(
        any(a.name == agent.name and a.lifecycle == agent.lifecycle for a in w.agents) for w in others
    )
    return f"{alike} of {len(others)} others are {agent.lifecycle} too" if others else ""


@workspace_rule("P08", jobs=("succeeded",), transitions=("start",))
def claimable_and_gone(case: WorkspaceCase) -> Outcome:
    """Can be claimed, but its agent is gone."""
    if not case.workspace.is_prebuild or not is_eligible(case.workspace) or is_deaf(case):
        return
    gone = [a for a in case.roots if a.status == "disconnected"]
    since = latest(*(t for a in gone for t in (a.disconnected_at, a.last_connected_at)))
    if not gone or not older(since, case.now, case.limits.prebuild_lost_s):
        return
    yield case.find(
        "P08",
        since=since,
        suspect=gone[0].name,
        evidence=[
            # Word for word as A05 says it of the same agent: what both say stands once.
            *(
                AgentCase(case.facts, case.workspace, a).proof(
                    "disconnected_at",
                    f"lost, lifecycle {a.lifecycle}" if a is gone[0] else f"{a.name} lost, lifecycle ready",
                    latest(a.disconnected_at, a.last_connected_at),
                )
                for a in gone[:3]
            ),
            Evidence(None, gone[0].health_reason, "agent.health.reason"),
        ],
    )


@workspace_rule("P09", jobs=("succeeded",), transitions=("start",))
def sub_agent_not_ready(case: WorkspaceCase) -> Outcome:
    """A sub-agent keeps it from being claimed."""
    if not case.workspace.is_prebuild or not is_eligible(case.workspace):
        return
    late = [
        a
        for a in case.workspace.agents
        if a.parent_id is not None
        and _is_not_ready(a)
        and older(a.created_at, case.now, case.limits.subagent_lost_s)
    ]
    if late:
        yield case.find(
            "P09",
            since=late[0].created_at,
            suspect=late[0].name,
            confidence=Confidence.LIKELY,
            evidence=[
                Evidence(a.created_at, f"{a.name}: {a.status}, {a.lifecycle}", "agent.lifecycle_state")
                for a in late[:3]
            ],
        )


@workspace_rule("P11", jobs=("succeeded",), transitions=("stop",))
def parked(case: WorkspaceCase) -> Outcome:
    """Parked and forgotten."""
    job = case.job
    if not case.workspace.is_prebuild or case.build.transition != "stop" or job.status != "succeeded":
        return
    if older(job.completed_at, case.now, case.limits.parked_age_s):
        who = case.build.initiator_name or "somebody"
        proof = case.build_proof("initiator_name", f"stopped by {who}", job.completed_at)
        yield case.find("P11", since=job.completed_at, evidence=[proof])


@workspace_rule("P14", jobs=("succeeded",), transitions=("start",))
def old_version(case: WorkspaceCase) -> Outcome:
    """Runs an old version: P14, or P12 where others of its version have been removed."""
    workspace, build = case.workspace, case.build
    active = workspace.template_active_version_id
    if not workspace.is_prebuild or not case.is_up or not active or not build.template_version_id:
        return
    if build.template_version_id == active:
        return
    pool = case.facts.pool()
    promoted, is_proven = case.facts.promoted(active)
    if promoted is None:
        yield case.cannot("P14", "when the active version was promoted is not known")
        return
    removed = _removed_since(case, promoted)
    is_last = pool is not None and len(pool.running) == 1
    rule = "P12" if removed and is_last else "P14"
    limit = case.limits.pool_left_intervals * case.facts.config().interval_s
    if not older(promoted, case.now, case.limits.old_version_s if rule == "P12" else limit):
        return
    yield case.find(
        rule,
        since=promoted,
        confidence=Confidence.CERTAIN if is_proven and rule == "P14" else Confidence.LIKELY,
        evidence=[
            Evidence(
                workspace.created_at,
                f"made of {build.template_version_name or 'an old version'}",
                "workspace",
            ),
            Evidence(promoted, "another version was active by then", "prebuilds of the active version"),
            Evidence(removed, "others of this template were removed", "provisionerjobs") if removed else None,
        ],
    )


def _removed_since(case: WorkspaceCase, promoted: datetime) -> datetime | None:
    """When a younger prebuild of the template was removed since, by the provisioner jobs."""
    return None if known(case.workspace.created_at) is None else case.facts.removed(promoted)


@workspace_rule("P15", jobs=("failed", "canceled"), transitions=("delete",))
def not_deleted(case: WorkspaceCase) -> Outcome:
    """Its delete build failed."""
    job = case.job
    if not case.workspace.is_prebuild or case.build.transition != "delete":
        return
    if job.status in ("failed", "canceled"):
        said = first_line(job.error) or job.status
        proof = case.build_proof("job.error", said, job.completed_at)
        yield case.find("P15", since=job.completed_at, suspect=said, evidence=[proof])


@workspace_rule("P16", jobs=("failed",))
def quota(case: WorkspaceCase) -> Outcome:
    """The quota is used up."""
    job = case.job
    if job.status != "failed" or job.error_code != QUOTA:
        return
    pool = case.facts.pool() if case.workspace.is_prebuild else None
    if pool is not None and is_out_of_quota(pool) and case.build.transition == "start":
        return
    is_pool = case.workspace.is_prebuild or case.build.initiator_id == PREBUILDS_USER_ID
    yield case.find(
        "P16",
        severity=None if is_pool else Severity.FAILED,
        since=job.completed_at,
        causes=[NO_ALLOWANCE] if is_pool else (),
        evidence=[
            case.build_proof("job.error_code", QUOTA, job.completed_at),
            case.build_proof("job.error", first_line(job.error)),
            case.build_proof("daily_cost", f"daily cost {case.build.daily_cost}")
            if case.build.daily_cost
            else None,
        ],
    )


@workspace_rule("P20", jobs=("succeeded",), transitions=("start",))
def without_agent(case: WorkspaceCase) -> Outcome:
    """A prebuild without an agent."""
    if not case.workspace.is_prebuild or not case.is_up or case.workspace.agents or not case.build.has_lists:
        return
    made = ", ".join(f"{r.type} {r.name}" for r in case.build.resources[:4]) or "nothing"
    yield case.find(
        "P20",
        since=case.job.completed_at,
        evidence=[
            case.build_proof(
                "job.completed_at", f"build {case.build.number} succeeded", case.job.completed_at
            ),
            case.build_proof("resources", f"it made {made}, and no agent"),
        ],
    )


@workspace_rule("P21", jobs=("failed", "canceled"), transitions=("start",))
def canceled_left(case: WorkspaceCase) -> Outcome:
    """A canceled prebuild left over."""
    job = case.job
    if not case.workspace.is_prebuild or case.build.transition != "start" or known(job.canceled_at) is None:
        return
    if job.status in ("canceled", "failed"):
        yield case.find(
            "P21",
            since=job.completed_at or job.canceled_at,
            evidence=[
                case.build_proof("job.canceled_at", "cancelled", job.canceled_at),
                case.build_proof(
                    "job.status",
                    f"{job.status}: it {'ran' if job.started_at else 'was queued'}",
                    job.completed_at,
                ),
            ],
        )
