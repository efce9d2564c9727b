"""Runs the rules and puts their findings in order: causes over consequences, one primary finding a subject.

Pure: facts in, diagnosis out. Nothing here asks the network or the clock (contract: triage.md §3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from agentdash.state.detail import CLOSED_KEPT_S, AgentDetail
from agentdash.state.freshness import Fact, Freshness
from agentdash.state.model import Workspace
from agentdash.triage import rules  # noqa: F401 - registers them
from agentdash.triage.around import Around
from agentdash.triage.cases import AgentCase, Case, Ground, PoolCase, WorkspaceCase, in_order
from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.clock import within
from agentdash.triage.facts import Facts
from agentdash.triage.facts import why as why_not
from agentdash.triage.finding import CannotKnow, Diagnosis, Evidence, Finding
from agentdash.triage.groups import Attributes, group
from agentdash.triage.memory import Memory, remember
from agentdash.triage.precedence import ACROSS, CONSEQUENCES, EXPLAINS, rank
from agentdash.triage.rules.registry import (
    DEPLOYMENT_RULES,
    POOL_RULES,
    Rule,
    agent_rules,
    workspace_rules,
)
from agentdash.triage.rules.server import mass_loss

HELD_IN_MASS_LOSS = frozenset({"A04", "A05", "P08", "D07", "W03"})
"""What is said once of the deployment when most agents are lost at once."""
ONLY_FOLDED = frozenset({"W03"})
ON_SCREEN = ("containers", "devcontainers", "listening ports", "metadata: ")
"""How the sources of proofs begin that are read only of an agent on screen."""
CAUSES_KEPT = 8
EVIDENCE_KEPT = 12


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules of one workspace say, or those of the deployment and its pools.

    Attributes:
        findings: All that hold.
        told: The same in order: consequences inside their causes, one primary finding a subject.
        unknown: What cannot be told.
    """

    findings: tuple[Finding, ...] = ()
    told: tuple[Finding, ...] = ()
    unknown: tuple[CannotKnow, ...] = ()


NOTHING = Judged()


def diagnose(facts: Facts) -> Diagnosis:
    """Judge everything."""
    blocked = blocked_rules(facts)
    judged = [judge_deployment(facts, blocked)]
    judged += [judge_workspace(Around(facts, w), w, blocked) for w in facts.state.workspaces.values()]
    return conclude(facts, judged, blocked)


def diagnose_workspace(facts: Facts, workspace: Workspace) -> tuple[Finding, ...]:
    """Judge one workspace alone: its findings, the primary one first. For a row that must not wait for the whole."""
    judged = judge_workspace(Around(facts, workspace), workspace, blocked_rules(facts))
    return tuple(sorted(_told(judged, _lost_homes(facts, (judged,))), key=_order))


def look(facts: Facts) -> tuple[Diagnosis, Memory]:
    """Judge everything with what was remembered, and remember: the call of a program that keeps watching."""
    memory = remember(facts.memory, facts.state, facts.pools, facts.now)
    return diagnose(facts.remembering(memory)), memory


def conclude(
    facts: Facts,
    judged: Sequence[Judged],
    blocked: Mapping[str, str],
    attributes: Attributes | None = None,
) -> Diagnosis:
    """What all judgements together say.

    Args:
        facts: What they were made from.
        judged: Those of the deployment and of every workspace; those that say nothing may be left out.
        blocked: Rules whose data are refused or not read, with the reason.
        attributes: All workspaces by what they have, if that is at hand.
    """
    lost = _lost_homes(facts, judged)
    told = [finding for one in judged if one.told for finding in _told(one, lost)]
    held = {f.rule for one in judged for f in one.findings if not _is_said_once(f, lost)}
    unknown = dict.fromkeys(u for one in judged for u in one.unknown)
    for rule, reason in blocked.items():
        if rule not in held:
            unknown[CannotKnow(rule, reason)] = None
    for more in (
        *_without_history(facts, held),
        *_off_screen(facts, held),
        *_unopened(facts, held),
        *_refusals(facts),
    ):
        unknown[more] = None
    grouped, groups = group(facts, sorted(told, key=_order), attributes)
    cannot = tuple(sorted(unknown, key=lambda c: (c.rule, c.why)))
    return Diagnosis(facts.now, grouped, groups, cannot)


# Running


def judge_deployment(facts: Facts, blocked: Container[str]) -> Judged:
    """Judge the deployment and its pools."""
    said = list(_all(DEPLOYMENT_RULES, Case(facts), blocked))
    for pool in facts.pools:
        said += _all(POOL_RULES, PoolCase(facts, pool), blocked)
    return _judged(said)


def judge_workspace(around: Around, workspace: Workspace, blocked: Container[str]) -> Judged:
    """Judge one workspace. All that it follows from beside the workspace is noted in its surroundings."""
    case = WorkspaceCase(around, workspace)
    build = workspace.build
    said = list(_all(workspace_rules(build.job.status, build.transition), case, blocked))
    if not workspace.agents_are_previous:
        for agent in workspace.agents:
            is_on_screen = around.detail(agent.id) is not None
            known = agent_rules(agent.status, agent.lifecycle, case.is_up, is_on_screen)
            about = AgentCase(around, workspace, agent)
            said += _dated(_all(known, about, blocked), about)
    return _judged(said) if said else NOTHING


def _dated(said: Iterable[Finding | CannotKnow], case: AgentCase) -> Iterator[Finding | CannotKnow]:
    """The same, where it follows from what was read of an agent before it left the screen, with when that was."""
    for one in said:
        read = case.last_read_proof() if isinstance(one, Finding) and _is_read_on_screen(one, case) else None
        if read is not None and isinstance(one, Finding):
            yield replace(one, evidence=in_order((*one.evidence, read)))
        else:
            yield one


def _is_read_on_screen(finding: Finding, case: AgentCase) -> bool:
    """Whether one of its proofs was read of an agent on screen; what the list tells of metadata was not."""
    if finding.rule == "R01" and case.agent.metadata:
        return False
    return any(e.source.startswith(ON_SCREEN) for e in finding.evidence)


def _judged(said: list[Finding | CannotKnow]) -> Judged:
    findings = _unique(f for f in said if isinstance(f, Finding))
    unknown = tuple(dict.fromkeys(u for u in said if isinstance(u, CannotKnow)))
    return Judged(findings, _arranged(findings), unknown)


def _all(known: Iterable[Rule], case: Ground, blocked: Container[str]) -> Iterator[Finding | CannotKnow]:
    for rule in known:
        if rule.id not in blocked:
            yield from rule.check(case)


def blocked_rules(facts: Facts) -> dict[str, str]:
    """Rules whose data are refused or not read, with the reason."""
    reasons: dict[str, str] = {}
    sources = {source: facts.unknown(source) for e in CATALOGUE.values() for source in e.needs}
    for entry in CATALOGUE.values():
        reason = next((sources[source] for source in entry.needs if sources[source]), None)
        if reason is not None and entry.shown:
            reasons[entry.id] = reason
    return reasons


def _without_history(facts: Facts, judged: set[str]) -> list[CannotKnow]:
    since = facts.memory.since
    if since is not None and since < facts.now:
        return []
    return [
        CannotKnow(entry.id, "needs more than one look: the server keeps no history of it")
        for entry in CATALOGUE.values()
        if "history" in entry.needs and entry.id not in judged
    ]


def _off_screen(facts: Facts, judged: set[str]) -> list[CannotKnow]:
    """Rules about what is read only of an agent on screen, while none is: asking would dial agents.

    Metadata are told of by the list too, though seldom of all agents, and never often enough to tell what stays full.
    """
    details = [d for d in facts.state.details.values() if _is_kept(d, facts)]
    listed = any(d.containers.value is not None or d.containers.problem is not None for d in details)
    missing = {} if listed else {"containers": "containers: read only for an agent on screen"}
    found = [
        CannotKnow(entry.id, missing[source])
        for entry in CATALOGUE.values()
        for source in entry.needs
        if source in missing and entry.id not in judged
    ]
    measured = [
        agent
        for d in details
        if d.metadata.value is not None and (agent := facts.state.agent(d.agent_id)) is not None
        if agent.status == "connected"
    ]
    unmeasured = {
        "R01": facts.census.count("unmeasured") - sum(not agent.metadata for agent in measured),
        "R05": facts.census.count("measurable") - len(measured),
    }
    why = "metadata: read only for an agent on screen"
    return found + [CannotKnow(rule, why) for rule, count in unmeasured.items() if count > 0]


def _is_kept(detail: AgentDetail, facts: Facts) -> bool:
    return detail.closed_at is None or within(detail.closed_at, facts.now, CLOSED_KEPT_S)


def _unopened(facts: Facts, judged: set[str]) -> list[CannotKnow]:
    """Rules about streams, while none has been opened."""
    if facts.state.streams or facts.memory.refusals or facts.memory.cuts:
        return []
    since = facts.memory.since
    is_single = since is None or since >= facts.now
    reason = "streams: a single read opens none" if is_single else "streams: none is open"
    return [
        CannotKnow(entry.id, reason)
        for entry in CATALOGUE.values()
        if "streams" in entry.needs and entry.id not in judged
    ]


def _refusals(facts: Facts) -> list[CannotKnow]:
    """V04: what the server refuses, said once for each source."""
    deployment = facts.deployment
    asked: list[tuple[Fact[Any], str]] = [
        (deployment.templates, "templates"),
        (deployment.prebuilds, "prebuild settings"),
        (deployment.config, "deployment config"),
        (deployment.health, "deployment health"),
        (deployment.regions, "regions"),
        *((fact, "provisioner daemons") for fact in deployment.daemons.values()),
        *((fact, "provisioner jobs") for fact in deployment.jobs.values()),
        *((fact, "presets") for fact in deployment.presets.values()),
    ]
    refused = dict.fromkeys(
        reason
        for fact, what in asked
        if fact.freshness is Freshness.REFUSED and (reason := why_not(fact, what)) is not None
    )
    return [CannotKnow("V04", reason) for reason in refused]


# Order


def _unique(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding of a rule for a subject and suspect."""
    kept: dict[str, Finding] = {}
    for finding in found:
        kept.setdefault(finding.id, finding)
    return tuple(kept.values())


def _arranged(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings with their causes, consequences inside them, the primary ones marked."""
    return tuple(_primaries(_folded([_explained(f, found) for f in found])))


def _lost_homes(facts: Facts, judged: Iterable[Judged]) -> Set[str]:
    """Workspaces that lost their agents together with most others."""
    if not any(f.rule in HELD_IN_MASS_LOSS for one in judged for f in one.findings):
        return frozenset()
    loss = mass_loss(facts)
    if loss is None:
        return frozenset()
    return {
        workspace_id
        for workspace_id, lost in facts.census.lost.items()
        if any(agent_id in loss.agents for _, agent_id in lost)
    }


def _is_said_once(finding: Finding, lost: Set[str]) -> bool:
    """Whether the deployment's finding says it for all that were lost together."""
    return finding.rule in HELD_IN_MASS_LOSS and finding.subject.workspace_id in lost


def _told(judged: Judged, lost: Set[str]) -> tuple[Finding, ...]:
    if not lost or not any(_is_said_once(f, lost) for f in judged.findings):
        return judged.told
    return _arranged([f for f in judged.findings if not _is_said_once(f, lost)])


def _explained(finding: Finding, found: Sequence[Finding]) -> Finding:
    """A pool's trouble with the trouble of the same workspace that it comes from."""
    wanted = EXPLAINS.get(finding.rule)
    if wanted is None:
        return finding
    causes = [
        f for f in found if f.rule in wanted and f.subject.home == finding.subject.home and f is not finding
    ]
    if not causes:
        return finding
    cause = min(causes, key=lambda f: (-f.severity, rank(f.rule)))
    return replace(
        finding,
        cause=cause.rule,
        suspect=cause.suspect,
        causes=tuple(dict.fromkeys((cause.title, *cause.causes, *finding.causes)))[:CAUSES_KEPT],
        evidence=_merged(finding.evidence, cause.evidence),
    )


def _merged(ours: tuple[Evidence, ...], theirs: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    return in_order(dict.fromkeys((*ours, *theirs)))[:EVIDENCE_KEPT]


def _folded(found: list[Finding]) -> list[Finding]:
    """The findings with their consequences inside them."""
    by_home: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_home[finding.subject.home].append(finding)
    kept: list[Finding] = []
    for members in by_home.values():
        kept += _folded_home(members)
    # That the health of apps is old says nothing where nothing is wrong with the agent.
    return [f for f in kept if f.rule not in ONLY_FOLDED]


def _folded_home(members: list[Finding]) -> list[Finding]:
    if len(members) == 1:
        return members
    members = sorted(members, key=lambda f: rank(f.rule))
    under: dict[int, int] = {}
    for place, effect in enumerate(members):
        for other, cause in enumerate(members):
            if other != place and _follows(effect, cause) and _top(other, under) != place:
                under[place] = other
                break
    kept = []
    for place, finding in enumerate(members):
        if place in under:
            continue
        inside = tuple(members[e] for e in under if _top(e, under) == place)
        kept.append(replace(finding, folded=inside) if inside else finding)
    return kept


def _top(place: int, under: dict[int, int]) -> int:
    seen = {place}
    while place in under and under[place] not in seen:
        place = under[place]
        seen.add(place)
    return place


def _follows(effect: Finding, cause: Finding) -> bool:
    if effect.rule not in CONSEQUENCES.get(cause.rule, ()):
        return False
    if cause.rule == "D02" and effect.rule in ("D07", "D11"):
        # Only what concerns the same devcontainer.
        return cause.suspect in ("", effect.suspect)
    return cause.rule in ACROSS or cause.subject == effect.subject


def _primaries(found: list[Finding]) -> list[Finding]:
    """Mark one finding for each workspace or other subject: the first hit of the tree."""
    by_home: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_home[finding.subject.home].append(finding)
    marked: list[Finding] = []
    for members in by_home.values():
        firsts: dict[str, Finding] = {}
        for finding in sorted(members, key=lambda f: rank(f.rule)):
            firsts.setdefault(finding.subject.id, finding)
        # Of several agents the worst off speaks for the workspace.
        chosen = min(firsts.values(), key=lambda f: (-f.severity, rank(f.rule), f.subject.id))
        marked += [replace(f, primary=f is chosen) for f in members]
    return marked


def _order(finding: Finding) -> tuple[object, ...]:
    return (
        -finding.severity,
        not finding.primary,
        rank(finding.rule),
        finding.subject.title,
        finding.subject.id,
        finding.suspect,
    )
