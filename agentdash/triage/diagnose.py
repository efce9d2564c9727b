"""Runs the rules and puts their findings in order: causes over consequences, one primary finding a subject.

Pure: facts in, diagnosis out. Nothing here asks the network or the clock (contract: triage.md §3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from agentdash.state.freshness import Fact, Freshness
from agentdash.state.model import Workspace
from agentdash.triage import rules  # noqa: F401 - registers them
from agentdash.triage.cases import AgentCase, Case, PoolCase, WorkspaceCase
from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.facts import Facts
from agentdash.triage.facts import why as why_not
from agentdash.triage.finding import CannotKnow, Diagnosis, Evidence, Finding
from agentdash.triage.groups import group
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
CAUSES_KEPT = 8
EVIDENCE_KEPT = 12


def diagnose(facts: Facts) -> Diagnosis:
    """Judge everything."""
    blocked = _blocked(facts)
    found: list[Finding] = []
    unknown: dict[CannotKnow, None] = {}
    for outcome in _run(facts, blocked):
        if isinstance(outcome, Finding):
            found.append(outcome)
        else:
            unknown[outcome] = None
    found = _without_mass(facts, _unique(found))
    found = [_explained(f, found) for f in found]
    ordered = _primaries(_folded(found))
    judged = {f.rule for f in found}
    for rule, reason in blocked.items():
        if rule not in judged:
            unknown[CannotKnow(rule, reason)] = None
    for told in (*_without_history(facts, judged), *_off_screen(facts, judged), *_refusals(facts)):
        unknown[told] = None
    grouped, groups = group(facts, sorted(ordered, key=_order))
    cannot = tuple(sorted(unknown, key=lambda c: (c.rule, c.why)))
    return Diagnosis(facts.now, grouped, groups, cannot)


def diagnose_workspace(facts: Facts, workspace: Workspace) -> tuple[Finding, ...]:
    """Judge one workspace alone: its findings, the primary one first. For a row that must not wait for the whole."""
    found = [o for o in _of_workspace(facts, workspace, _blocked(facts)) if isinstance(o, Finding)]
    found = _without_mass(facts, _unique(found))
    found = [_explained(f, found) for f in found]
    return tuple(sorted(_primaries(_folded(found)), key=_order))


def look(facts: Facts) -> tuple[Diagnosis, Memory]:
    """Judge everything with what was remembered, and remember: the call of a program that keeps watching."""
    memory = remember(facts.memory, facts.state, facts.pools, facts.now)
    return diagnose(replace(facts, memory=memory)), memory


# Running


def _run(facts: Facts, blocked: dict[str, str]) -> Iterator[Finding | CannotKnow]:
    case = Case(facts)
    yield from _all(DEPLOYMENT_RULES, case, blocked)
    for pool in facts.pools:
        yield from _all(POOL_RULES, PoolCase(facts, pool), blocked)
    for workspace in facts.state.workspaces.values():
        yield from _of_workspace(facts, workspace, blocked)


def _of_workspace(
    facts: Facts, workspace: Workspace, blocked: dict[str, str]
) -> Iterator[Finding | CannotKnow]:
    case = WorkspaceCase(facts, workspace)
    build = workspace.build
    yield from _all(workspace_rules(build.job.status, build.transition), case, blocked)
    if workspace.agents_are_previous:
        return
    is_up = case.is_up
    for agent in workspace.agents:
        known = agent_rules(agent.status, agent.lifecycle, is_up, agent.id in facts.state.details)
        yield from _all(known, AgentCase(facts, workspace, agent), blocked)


def _all(known: Iterable[Rule], case: Case, blocked: dict[str, str]) -> Iterator[Finding | CannotKnow]:
    for rule in known:
        if rule.id not in blocked:
            yield from rule.check(case)


def _blocked(facts: Facts) -> dict[str, str]:
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
    """Rules about what is read only of an agent on screen, while none is: asking would dial agents."""
    details = facts.state.details.values()
    listed = any(d.containers.value is not None or d.containers.problem is not None for d in details)
    measured = any(d.metadata.value is not None for d in details) or any(
        agent.metadata for workspace in facts.state.workspaces.values() for agent in workspace.agents
    )
    missing = {
        **({} if listed else {"containers": "containers: read only for an agent on screen"}),
        **({} if measured else {"metadata": "metadata: read only for an agent on screen"}),
    }
    return [
        CannotKnow(entry.id, missing[source])
        for entry in CATALOGUE.values()
        for source in entry.needs
        if source in missing and entry.id not in judged
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


def _unique(found: Iterable[Finding]) -> list[Finding]:
    """One finding of a rule for a subject and suspect."""
    kept: dict[str, Finding] = {}
    for finding in found:
        kept.setdefault(finding.id, finding)
    return list(kept.values())


def _without_mass(facts: Facts, found: list[Finding]) -> list[Finding]:
    if not any(f.rule in HELD_IN_MASS_LOSS for f in found):
        return found
    loss = mass_loss(facts)
    if loss is None:
        return found
    homes = {facts.state.agent_homes.get(agent_id, "") for agent_id in loss.agents} | {
        w.id for w in facts.state.workspaces.values() for a in w.agents if a.id in loss.agents
    }
    return [f for f in found if f.rule not in HELD_IN_MASS_LOSS or f.subject.workspace_id not in homes]


def _explained(finding: Finding, found: list[Finding]) -> Finding:
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
    both = dict.fromkeys((*ours, *theirs))
    timed = sorted((e for e in both if e.at is not None), key=lambda e: e.at.timestamp() if e.at else 0.0)
    return (*timed, *(e for e in both if e.at is None))[:EVIDENCE_KEPT]


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
