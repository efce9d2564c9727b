"""The agent's connection (contract: triage.md §4.4). Sub-agents are judged with their devcontainers."""

from __future__ import annotations

from datetime import datetime

from agentdash.state.model import Agent, LogLine
from agentdash.triage.cases import AgentCase, Outcome, WorkspaceCase
from agentdash.triage.census import STOPPING, is_never_seen
from agentdash.triage.claims import Claim
from agentdash.triage.clock import ago, known, latest, older, within, words
from agentdash.triage.finding import Confidence, Evidence, Severity
from agentdash.triage.rules.registry import agent_rule, workspace_rule

FRAME_LASTS_S = 30.0
"""How long a frame of a watch may be believed without a reading, where the watch may have gone deaf (C09)."""


def status_of(agent: Agent, case: WorkspaceCase) -> str:
    """The agent's status now; a time limit that has passed since the reading counts."""
    limit_s = min(agent.connection_timeout_s, 10**9)
    if agent.status != "connecting" or agent.first_connected_at is not None or limit_s <= 0:
        return agent.status
    return "timeout" if older(agent.created_at, case.now, limit_s) else agent.status


def is_deaf(case: WorkspaceCase) -> bool:
    """C09: the last word came from a watch that may have gone deaf at a claim."""
    seen = case.facts.seen()
    if seen is None or seen.via != "watch" or within(seen.at, case.facts.now, FRAME_LASTS_S):
        return False
    return case.workspace.is_prebuild or any(change.what == "owner" for change in case.history)


def lost_at(case: AgentCase) -> datetime | None:
    """When the connection was lost."""
    return latest(case.agent.disconnected_at, case.agent.last_connected_at)


def is_lost(case: AgentCase) -> bool:
    """A05: connected once, not any more, and not because it was told to stop."""
    agent = case.agent
    return (
        case.is_up
        and agent.parent_id is None
        and agent.status == "disconnected"
        and agent.lifecycle not in STOPPING
        and agent.lifecycle != "off"
        and not is_deaf(case)
    )


def is_never_connected(case: AgentCase) -> bool:
    """A02: it has not connected within its time limit."""
    return (
        case.is_up
        and case.agent.parent_id is None
        and status_of(case.agent, case) == "timeout"
        and known(case.agent.first_connected_at) is None
        and not case.build.has_external_agent
    )


def hardware(case: AgentCase) -> list[Evidence]:
    """What is known of the machine: resource, its metadata, architecture."""
    agent = case.agent
    resource = next((r for r in case.build.resources if r.id == agent.resource_id), None)
    found = []
    if resource is not None:
        found.append(Evidence(None, f"{resource.type} {resource.name}", "latest_build.resources"))
        found += [
            Evidence(None, f"{item.key}: {item.value}", "latest_build.resources.metadata")
            for item in resource.metadata
            if item.value and not item.sensitive
        ][:3]
    if agent.architecture:
        text = f"template says {agent.operating_system}/{agent.architecture}"
        found.append(case.proof("architecture", text))
    return found


def _is_sibling_fault(case: AgentCase) -> bool:
    """C05: another agent of a claimed workspace is connected."""
    claim = case.claim
    return (
        isinstance(claim, Claim)
        and claim.is_latest
        and any(a.status == "connected" for a in case.roots if a.id != case.agent.id)
    )


@agent_rule("A01", statuses=("connecting",))
def slow_to_connect(case: AgentCase) -> Outcome:
    """Waits to connect, still within its limit."""
    agent = case.agent
    if not case.is_up or agent.parent_id is not None or status_of(agent, case) != "connecting":
        return
    if (
        known(agent.first_connected_at) is not None
        or case.build.has_external_agent
        or _is_sibling_fault(case)
    ):
        return
    if agent.connection_timeout_s == 0 and older(agent.created_at, case.now, case.limits.no_timeout_s):
        return
    usual = case.usual(f"connect:{agent.name}")
    is_late = older(agent.created_at, case.now, case.limits.connect_warn_s)
    is_unusual = usual is not None and older(
        agent.created_at, case.now, max(10.0, case.limits.slow_factor * usual.median_s)
    )
    if not is_late and not is_unusual:
        return
    if is_late and usual is not None and not older(agent.created_at, case.now, usual.p95_s):
        return  # machines that boot slowly are no news here
    text = f"waits for {ago(agent.created_at, case.now)}"
    if usual is not None:
        text += f", usually {words(usual.median_s)}"
    if agent.connection_timeout_s > 0:
        text += f", limit {words(agent.connection_timeout_s)}"
    yield case.find(
        "A01",
        severity=Severity.DEGRADED if is_late else Severity.NOTE,
        since=agent.created_at,
        evidence=[
            case.proof("created_at", "agent made", agent.created_at),
            case.proof("status", text),
        ],
    )


@agent_rule("A02", statuses=("connecting", "timeout"))
def never_connected(case: AgentCase) -> Outcome:
    """Not connected within its limit."""
    if not is_never_connected(case) or _is_sibling_fault(case):
        return
    agent = case.agent
    limit = f"limit {words(agent.connection_timeout_s)}" if agent.connection_timeout_s > 0 else ""
    same = _siblings(case)
    proofs = [
        case.proof("created_at", "agent made", agent.created_at),
        case.proof("status", f"timeout, never connected {limit}".rstrip()),
        case.proof("health.reason", agent.health_reason) if agent.health_reason else None,
        *hardware(case),
        Evidence(None, same, "agents of the same template version") if same else None,
        case.proof("troubleshooting_url", agent.troubleshooting_url),
    ]
    codes = [c for c in _server_codes(case) if c.startswith(("EACS", "EWS"))]
    yield case.find(
        "A02",
        since=agent.created_at,
        evidence=proofs,
        causes=[f"the deployment's health check says {' '.join(codes)}"] if codes else (),
    )


def _siblings(case: AgentCase) -> str:
    """How the same agent fares in other workspaces of the version."""
    bad, others = case.facts.connected(case.agent.name)
    own = [a for a in case.roots if a.name == case.agent.name]
    bad, others = bad - sum(map(is_never_seen, own)), others - len(own)
    return f"{bad} of {others} others of this version never connected either" if others > 0 else ""


def _server_codes(case: AgentCase) -> tuple[str, ...]:
    return case.facts.health_codes()


@agent_rule("A03", statuses=("connecting",))
def no_time_limit(case: AgentCase) -> Outcome:
    """Waits to connect without a limit."""
    agent = case.agent
    if not case.is_up or agent.parent_id is not None or agent.status != "connecting":
        return
    if agent.connection_timeout_s != 0 or case.build.has_external_agent or _is_sibling_fault(case):
        return
    if known(agent.first_connected_at) is not None:
        return
    if not older(agent.created_at, case.now, case.limits.no_timeout_s):
        return
    is_hopeless = older(agent.created_at, case.now, case.limits.no_timeout_alarm_s)
    yield case.find(
        "A03",
        severity=Severity.UNUSABLE if is_hopeless else None,
        since=agent.created_at,
        evidence=[
            case.proof("created_at", "agent made", agent.created_at),
            case.proof("connection_timeout_seconds", "0: the template has switched the time limit off"),
            *hardware(case),
        ],
    )


def flaps(case: AgentCase) -> list[datetime]:
    """Times of the changes between connected and disconnected within the window, in this build."""
    found: list[datetime] = []
    for change in case.agent_history:
        if change.what == "agent":
            found.clear()
        elif change.what == "status" and {change.old, change.new} == {"connected", "disconnected"}:
            found.append(change.at)
    return [at for at in found if within(at, case.now, case.limits.flap_window_s)]


@agent_rule("A04")
def flapping(case: AgentCase) -> Outcome:
    """Connects and disconnects again and again."""
    if not case.is_up or case.agent.parent_id is not None or is_deaf(case):
        return
    times = flaps(case)
    if len(times) < max(2, case.limits.flaps):
        return
    gaps = [(b - a).total_seconds() for a, b in zip(times, times[2:], strict=False)]
    period = ""
    if len(gaps) >= 2 and max(gaps) - min(gaps) <= 2 * case.limits.cut_spread_s:
        period = f", every {words(sum(gaps) / len(gaps))}"
    yield case.find(
        "A04",
        since=times[0],
        evidence=[
            *(
                case.proof("status", change.new, change.at)
                for change in case.agent_history
                if change.what == "status" and change.at in times[-6:]
            ),
            case.proof("status", f"{len(times)} changes{period}; lifecycle {case.agent.lifecycle}"),
        ],
        causes=["a fixed period: a proxy cuts the connection"] if period else (),
    )


@agent_rule("A05", statuses=("disconnected",))
def lost(case: AgentCase) -> Outcome:
    """Lost its connection."""
    if not is_lost(case):
        if is_deaf(case) and case.agent.status == "disconnected":
            yield case.cannot("A05", "the watch was opened for another owner: wait for the next reading")
        return
    since = lost_at(case)
    is_gone = older(since, case.now, case.limits.lost_s)
    if not is_gone and not within(since, case.now, case.limits.lost_s):
        return  # not known since when
    claim = case.claim
    is_fresh_claim = isinstance(claim, Claim) and within(claim.at, case.now, case.limits.claim_alarm_s)
    if is_fresh_claim and not older(since, case.now, case.limits.lost_claim_grace_s):
        return  # a claimed agent starts over
    agent = case.agent
    last = _last_line(case)
    yield case.find(
        "A05",
        severity=Severity.UNUSABLE if is_gone else Severity.DEGRADED,
        since=since,
        title="Agent lost its connection while starting" if agent.lifecycle == "starting" else "",
        evidence=[
            case.proof("first_connected_at", "first connected", agent.first_connected_at),
            case.proof("disconnected_at", f"lost, lifecycle {agent.lifecycle or 'unknown'}", since),
            case.line_proof(last) if last is not None else None,
            *_last_vitals(case),
            *hardware(case),
        ],
    )


def _last_line(case: AgentCase) -> LogLine | None:
    lines = case.facts.agent_lines(case.agent.id) or ()
    return next((ln for ln in reversed(lines) if ln.text.strip()), None)


def _last_vitals(case: AgentCase) -> list[Evidence]:
    detail = case.facts.detail(case.agent.id)
    items = case.agent.metadata
    if detail is not None and detail.metadata.value:
        items = detail.metadata.value
    return [
        Evidence(None, f"{item.name}: {item.value}", f"metadata: {item.key}")
        for item in items
        if item.value and any(word in f"{item.key} {item.name}".lower() for word in ("mem", "ram", "disk"))
    ][:2]


@workspace_rule("A06", jobs=("pending", "running", "canceling"))
def of_build_before(case: WorkspaceCase) -> Outcome:
    """Disconnected, but a build is under way."""
    if not case.workspace.agents_are_previous or not case.build.is_active:
        return
    gone = [a for a in case.roots if a.status == "disconnected"]
    if gone:
        text = f"{', '.join(a.name for a in gone)}: replaced by build {case.build.number}"
        yield case.find("A06", evidence=[Evidence(None, text, "agents of the build before")])


@workspace_rule("A07", jobs=("succeeded",), transitions=("start",))
def no_agent(case: WorkspaceCase) -> Outcome:
    """Runs without an agent."""
    workspace = case.workspace
    if not case.is_up or workspace.agents or workspace.is_prebuild or case.build.has_external_agent:
        return
    if not case.build.has_lists:
        return
    with_agents, others = case.facts.running() if workspace.template_id else (0, 0)
    others -= case.build.status == "running"
    if others >= 3 and not with_agents:
        return  # a template without compute
    is_sure = with_agents > 0 and bool(case.build.resources)
    made = ", ".join(f"{r.type} {r.name}" for r in case.build.resources[:4]) or "nothing"
    yield case.find(
        "A07",
        since=case.job.completed_at,
        confidence=Confidence.CERTAIN if is_sure else Confidence.LIKELY,
        evidence=[
            case.build_proof(
                "job.completed_at", f"build {case.build.number} succeeded", case.job.completed_at
            ),
            case.build_proof("resources", f"it made {made}, and no agent"),
        ],
    )


@workspace_rule("A08", jobs=("succeeded",), transitions=("stop",))
def agent_while_stopped(case: WorkspaceCase) -> Outcome:
    """A stopped workspace lists an agent."""
    workspace = case.workspace
    if case.build.transition != "stop" or case.job.status != "succeeded" or workspace.agents_are_previous:
        return
    if workspace.agents:
        text = f"a stop build lists {', '.join(a.name for a in workspace.agents[:4])}"
        yield case.find("A08", evidence=[case.build_proof("resources.agents", text)])


@agent_rule("A09", statuses=("disconnected",), lifecycles=("off",))
def switched_off(case: AgentCase) -> Outcome:
    """Shut down in order while the workspace should run."""
    agent = case.agent
    if not case.is_up or agent.parent_id is not None or agent.lifecycle != "off":
        return
    if agent.status != "disconnected" or is_deaf(case):
        return
    claim = case.claim
    if isinstance(claim, Claim) and within(lost_at(case), case.now, case.limits.lost_claim_grace_s):
        return
    yield case.find(
        "A09",
        since=lost_at(case),
        evidence=[
            case.proof("disconnected_at", "disconnected", lost_at(case)),
            case.proof("lifecycle_state", "off: it shut down in order"),
        ],
    )


@agent_rule("A11", statuses=("connecting", "timeout"))
def external(case: AgentCase) -> Outcome:
    """An external agent waits for its person."""
    if not case.is_up or not case.build.has_external_agent or case.agent.parent_id is not None:
        return
    if case.agent.status in ("connecting", "timeout") and known(case.agent.first_connected_at) is None:
        yield case.find(
            "A11",
            since=case.agent.created_at,
            evidence=[case.build_proof("has_external_agent", "started by hand", case.agent.created_at)],
        )


@agent_rule("A12", lifecycles=STOPPING)
def stuck_shutting_down(case: AgentCase) -> Outcome:
    """Hangs in shutting down."""
    agent = case.agent
    if not case.is_up or agent.parent_id is not None or agent.lifecycle not in STOPPING:
        return
    seen = next(
        (c.at for c in reversed(case.agent_history) if c.what == "lifecycle" and c.new == agent.lifecycle),
        None,
    )
    since = seen or (lost_at(case) if agent.status == "disconnected" else None)
    if agent.lifecycle == "shutting_down" and not older(since, case.now, case.limits.shutdown_s):
        return
    yield case.find(
        "A12",
        since=since,
        title="" if agent.lifecycle == "shutting_down" else f"Agent is left in {agent.lifecycle}",
        evidence=[
            case.proof("lifecycle_state", agent.lifecycle, since),
            case.build_proof("transition", "the workspace should run"),
        ],
    )
