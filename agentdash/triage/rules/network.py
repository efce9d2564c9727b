"""The network between agent, server and us (contract: triage.md §4.8)."""

from __future__ import annotations

from collections import Counter

from agentdash.triage.cases import AgentCase, Case, Outcome
from agentdash.triage.census import STOPPING
from agentdash.triage.clock import older, words
from agentdash.triage.finding import Confidence, Evidence, Severity, Subject
from agentdash.triage.memory import is_unanswered, refusals
from agentdash.triage.rules.registry import agent_rule, deployment_rule
from agentdash.triage.rules.running import connected_since

REFUSED_UPGRADE = frozenset({200, 400, 426, 501, 502, 503, 504})
LEAST_AGE_S = 5.0
"""A stream cut sooner was refused rather than limited."""


@agent_rule("N01", statuses=("connected",))
def no_relay(case: AgentCase) -> Outcome:
    """No relay reported."""
    agent = case.agent
    if not case.is_up or agent.status != "connected" or agent.parent_id is not None:
        return
    # On its way out its report goes before its status does.
    if agent.lifecycle in STOPPING or agent.lifecycle == "off" or any(r.preferred for r in agent.latency):
        return
    since, is_exact = connected_since(case)
    limit = case.limits.no_latency_s
    if not older(since, case.now, limit if is_exact else 5 * limit):
        return
    if not agent.latency:
        is_any_told, are_many = case.facts.relays_reported()
        if are_many and not is_any_told:
            yield case.cannot("N01", "relays: no agent of this server reports any")
            return
    names = ", ".join(region.region for region in agent.latency[:4])
    is_stale = any(region.region.startswith("Unnamed ") for region in agent.latency)
    yield case.find(
        "N01",
        since=since,
        confidence=Confidence.CERTAIN if agent.latency else Confidence.LIKELY,
        causes=["its map of relays is old: a region has no name"] if is_stale else (),
        evidence=[
            case.proof("status", "connected", since),
            case.proof("latency", f"none preferred of {names}" if names else "no relay measured"),
        ],
    )


@agent_rule("N02", statuses=("connected",))
def far_relay(case: AgentCase) -> Outcome:
    """Far from its relay."""
    agent = case.agent
    if not case.is_up or agent.status != "connected" or agent.parent_id is not None:
        return
    region = next((r for r in agent.latency if r.preferred), None)
    if region is None or not case.limits.latency_note_ms < region.ms < 1e6:
        return
    is_high = region.ms > case.limits.latency_high_ms
    yield case.find(
        "N02",
        severity=Severity.DEGRADED if is_high else None,
        title=f"{region.ms:.0f} ms to its relay {region.region}",
        evidence=[case.proof("latency", f"{region.region}: {region.ms:.0f} ms")],
    )


@deployment_rule("N04")
def websockets_broken(case: Case) -> Outcome:
    """Streams are refused while requests work."""
    state = case.facts.state
    if state.server.problem is not None or state.server.reached_at is None:
        return
    found = refusals(case.facts.memory.refusals, state).values()
    refused = [(status, since) for status, since in found if status in REFUSED_UPGRADE]
    if len(refused) < 2:
        return
    counts = Counter(status for status, _ in refused)
    said = ", ".join(f"{status} × {n}" for status, n in counts.most_common(3))
    yield case.find(
        "N04",
        subject=Subject("deployment", "websockets"),
        since=min(since for _, since in refused),
        evidence=[
            Evidence(None, f"upgrades answered with {said}", "streams"),
            Evidence(None, "ordinary requests are answered", "requests"),
        ],
    )


@deployment_rule("N05")
def cut_at_age(case: Case) -> Outcome:
    """Streams are cut at the same age again and again."""
    cuts = sorted((c for c in case.facts.memory.cuts if c.age_s > LEAST_AGE_S), key=lambda c: c.age_s)
    count = max(2, int(case.limits.cut_count))
    spread = 2 * case.limits.cut_spread_s
    for first in range(len(cuts) - count + 1):
        alike = [c for c in cuts[first:] if c.age_s - cuts[first].age_s <= spread]
        # All at one moment is the server that went away, not a limit.
        if len(alike) < count or len({c.at for c in alike}) < count:
            continue
        age = sum(c.age_s for c in alike) / len(alike)
        yield case.find(
            "N05",
            subject=Subject("deployment", "streams"),
            title=f"Streams are cut after {words(age)}",
            since=min(c.at for c in alike),
            evidence=[Evidence(c.at, f"{c.kind} cut after {c.age_s:.1f} s", "streams") for c in alike[-6:]],
        )
        return


@agent_rule("N06", statuses=("connected",), lifecycles=("ready",), is_on_screen=True)
def does_not_answer(case: AgentCase) -> Outcome:
    """Says connected, does not answer."""
    agent = case.agent
    detail = case.facts.detail(agent.id)
    if detail is None or not case.is_up or agent.status != "connected" or agent.lifecycle != "ready":
        return
    bad = [fact for fact in (detail.ports, detail.containers) if is_unanswered(fact)]
    count = max(len(bad), len(case.facts.unanswered(agent.key)))
    if not bad or count < 2:
        return
    codes = [c for c in case.facts.health_codes() if c.startswith("EDERP")]
    yield case.find(
        "N06",
        causes=[f"the deployment's health check says {' '.join(codes)}"] if codes else (),
        evidence=[
            case.proof("status", "connected, ready"),
            *(Evidence(f.at, f.problem.title, "listening ports, containers") for f in bad if f.problem),
            Evidence(None, f"{count} questions in a row without an answer", "listening ports, containers"),
        ],
    )
