"""Common causes: what many findings share and others lack, with counts on both sides (contract: triage.md, issue of groups).

Counted are workspaces: those with a finding of one cause against all others, by each attribute they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from agentdash.state.model import Workspace
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Finding, Group
from agentdash.triage.rules.wording import daemons_of

ATTRIBUTES = (
    "script",
    "template_version",
    "provisioner",
    "node",
    "region",
    "agent_version",
    "preset",
    "template",
    "owner",
    "organization",
)
"""Attributes, the most telling first; facts of resources follow by their own names."""
_NODE = frozenset({"node", "host", "hostname", "node name", "host name", "machine", "hypervisor", "server"})
_SINGLE_VALUE_LIMIT = 80
_BY_TEMPLATE = frozenset({"script", "template_version"})
"""What explains a trouble even where nobody lacks it."""

Profile = frozenset[tuple[str, str]]
"""Attributes of one workspace as (name, value)."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    value: str
    members: frozenset[str]
    hit: int
    lift: float
    score: float


@dataclass(frozen=True, slots=True)
class _Ground:
    """All workspaces by what they have."""

    facts: Facts
    profiles: Mapping[str, Profile]
    by_attribute: Mapping[tuple[str, str], set[str]]


def group(facts: Facts, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Group, ...]]:
    """Find common causes.

    Returns:
        The findings with `group` set where they belong to one, and the groups, worst first.
    """
    findings = tuple(findings)
    profiles = {w.id: profile_of(facts, w) for w in facts.state.workspaces.values()}
    by_attribute: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for workspace_id, profile in profiles.items():
        for pair in profile:
            by_attribute[pair].add(workspace_id)
    ground = _Ground(facts, profiles, by_attribute)
    by_cause: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.subject.workspace_id in profiles:
            by_cause[finding.cause, finding.suspect].append(finding)
    _join_suspects(by_cause, int(facts.thresholds.group_least))
    made: list[tuple[Group, frozenset[str]]] = []
    for (cause, suspect), members in sorted(by_cause.items()):
        made += _groups_of(ground, cause, suspect, members)
    made.sort(
        key=lambda item: (
            -_worst(item[0], findings),
            -item[0].affected,
            item[0].cause,
            str(dict(item[0].shared)),
        )
    )
    groups = tuple(replace(g, id=f"g{number}") for number, (g, _) in enumerate(made, 1))
    home = {finding_id: g.id for g in groups for finding_id in g.findings}
    return tuple(replace(f, group=home.get(f.id)) for f in findings), groups


def _join_suspects(by_cause: defaultdict[tuple[str, str], list[Finding]], least: int) -> None:
    """Findings whose suspects are too few to be a group of their own are tried together."""
    for cause, suspect in [key for key, found in by_cause.items() if key[1] and len(found) < least]:
        by_cause[cause, ""] += by_cause.pop((cause, suspect))


def _worst(found: Group, findings: tuple[Finding, ...]) -> int:
    ids = set(found.findings)
    return max((int(f.severity) for f in findings if f.id in ids), default=0)


def _groups_of(
    ground: _Ground, cause: str, suspect: str, members: list[Finding]
) -> list[tuple[Group, frozenset[str]]]:
    least = max(2, int(ground.facts.thresholds.group_least))
    affected = {f.subject.workspace_id for f in members}
    rest = set(affected)
    made: list[tuple[Group, frozenset[str]]] = []
    while len(rest) >= least:
        best = _best(ground, affected, rest, suspect)
        if best is None:
            break
        ids = tuple(f.id for f in members if f.subject.workspace_id in best.members & rest)
        shared = _shared(ground, best, suspect)
        others = len(affected - best.members)
        total = len(best.members)
        made.append(
            (
                Group(
                    "",
                    cause,
                    MappingProxyType(shared),
                    len(affected & best.members),
                    total,
                    others,
                    len(ground.profiles) - total,
                    round(best.lift, 1),
                    ids,
                ),
                best.members,
            )
        )
        rest -= best.members
    return made


def _best(ground: _Ground, affected: set[str], rest: set[str], suspect: str) -> _Candidate | None:
    limits = ground.facts.thresholds
    pairs = {pair for workspace_id in rest for pair in ground.profiles[workspace_id]}
    best: _Candidate | None = None
    for name, value in sorted(pairs, key=lambda p: (_order(p[0]), p)):
        if name == "script" and value != suspect:
            continue
        members = ground.by_attribute[name, value]
        hit = len(members & rest)
        if hit < limits.group_least or 100 * hit < limits.group_share_pct * len(members):
            continue
        outside = len(ground.profiles) - len(members)
        missed = len(affected - members)
        rate = len(members & affected) / len(members)
        lift = rate / ((missed + 0.5) / (outside + 1))
        # Without anybody who lacks it, an attribute explains nothing; only what a template decides still tells.
        if (outside == 0 and name not in _BY_TEMPLATE) or (outside and lift < limits.group_lift):
            continue
        recall = hit / len(rest)
        score = 2 * rate * recall / (rate + recall)
        if best is None or score > best.score + 1e-9:
            best = _Candidate(name, value, frozenset(members), hit, lift, score)
    return best


def _shared(ground: _Ground, best: _Candidate, suspect: str) -> dict[str, str]:
    """The attribute, and the others that exactly the same workspaces share."""
    shared = {best.name: best.value}
    told = _BY_TEMPLATE if len(best.members) == len(ground.profiles) else None
    for (name, value), members in ground.by_attribute.items():
        if name in shared or members != best.members or (name == "script" and value != suspect):
            continue
        if told is None or name in told:
            shared[name] = value
    if "template_version" in shared:
        shared.pop("template", None)
    return dict(sorted(shared.items(), key=lambda item: _order(item[0])))


def _order(name: str) -> int:
    return ATTRIBUTES.index(name) if name in ATTRIBUTES else ATTRIBUTES.index("node")


def profile_of(facts: Facts, workspace: Workspace) -> Profile:
    """What is known of a workspace that it may share with others."""
    build = workspace.build
    pairs: set[tuple[str, str]] = set()

    def add(name: str, value: str) -> None:
        if value and len(value) <= _SINGLE_VALUE_LIMIT:
            pairs.add((name, value))

    version = build.template_version_name or build.template_version_id[:8]
    add("template_version", f"{workspace.template_name} {version}".strip() if version else "")
    add("template", workspace.template_name)
    add("owner", workspace.owner_name)
    add("organization", workspace.organization_name or workspace.organization_id)
    add("preset", _preset(facts, workspace))
    add("provisioner", _worker(facts, workspace))
    for agent in workspace.agents:
        if agent.parent_id is None:
            add("agent_version", agent.version.partition("+")[0])
            rtt = agent.rtt
            add("region", rtt.region if rtt is not None else "")
        for script in agent.scripts:
            add("script", script.name)
    for resource in build.resources:
        for item in resource.metadata:
            if not item.sensitive:
                name = "node" if item.key.strip().lower() in _NODE else item.key
                add(name if name not in ATTRIBUTES or name == "node" else f"resource {name}", item.value)
    return frozenset(pairs)


def _preset(facts: Facts, workspace: Workspace) -> str:
    """Template and name of the preset; its id where presets were not read."""
    build = workspace.build
    fact = facts.deployment.presets.get(build.template_version_id)
    known = () if fact is None else fact.value or ()
    name = next((preset.name for preset in known if preset.id == build.preset_id), "")
    return f"{workspace.template_name} / {name}" if name else build.preset_id or ""


def _worker(facts: Facts, workspace: Workspace) -> str:
    job = workspace.build.job
    if job.worker_name or not job.worker_id:
        return job.worker_name
    for daemon in daemons_of(facts, workspace.organization_id) or ():
        if daemon.id == job.worker_id:
            return daemon.name
    return job.worker_id[:8]
