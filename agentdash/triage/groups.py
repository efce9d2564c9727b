"""Common causes: what many findings share and others lack, with counts on both sides (contract: triage.md, issue of groups).

Counted are workspaces: those with a finding of one cause against all others, by each attribute they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from types import MappingProxyType

from agentdash.state.model import Workspace
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Finding, Group
from agentdash.triage.thresholds import Thresholds

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

Pair = tuple[str, str]
"""An attribute: name and value."""
Profile = tuple[Pair, ...]
"""Attributes of one workspace, each once."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    value: str
    members: Set[str]
    hit: int
    lift: float
    score: float


@dataclass(frozen=True, slots=True)
class Names:
    """Names that profiles are made with, which do not stand on a workspace itself."""

    presets: Mapping[tuple[str, str], str]
    """By id of version and preset."""
    daemons: Mapping[tuple[str, str], str]
    """By id of organization and daemon."""


def names_of(facts: Facts) -> Names:
    """The names that are known."""
    deployment = facts.deployment
    presets = {
        (version_id, preset.id): preset.name
        for version_id, fact in deployment.presets.items()
        for preset in reversed(fact.value or ())
    }
    daemons = {
        (organization_id, daemon.id): daemon.name
        for organization_id in deployment.daemons
        for daemon in reversed(facts.daemons(organization_id) or ())
    }
    return Names(presets, daemons)


class Attributes:
    """All workspaces by what they have.

    Args:
        names: Names of what they only refer to.

    Attributes:
        profiles: What each has, by its id.
        members: Which have an attribute, by its name and value.
    """

    def __init__(self, names: Names, workspaces: Iterable[Workspace] = ()) -> None:
        self.names = names
        self.profiles: dict[str, Profile] = {}
        self.members: dict[Pair, set[str]] = {}
        self._same: dict[Pair, Pair] = {}
        for workspace in workspaces:
            self.change(workspace.id, workspace)

    def change(self, workspace_id: str, workspace: Workspace | None) -> None:
        """A workspace came, changed or went."""
        old = self.profiles.get(workspace_id, ())
        new = () if workspace is None else profile_of(self.names, workspace)
        if workspace is None:
            self.profiles.pop(workspace_id, None)
        elif new != old or not old:
            self.profiles[workspace_id] = tuple(self._same.setdefault(pair, pair) for pair in new)
        if new == old:
            return
        for pair in set(old).difference(new):
            self.members[pair].discard(workspace_id)
            if not self.members[pair]:
                del self.members[pair], self._same[pair]
        for pair in set(new).difference(old):
            self.members.setdefault(pair, set()).add(workspace_id)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What groups are looked for in."""

    limits: Thresholds
    profiles: Mapping[str, Profile]
    members: Mapping[Pair, set[str]]


def group(
    facts: Facts, findings: Iterable[Finding], attributes: Attributes | None = None
) -> tuple[tuple[Finding, ...], tuple[Group, ...]]:
    """Find common causes.

    Args:
        facts: What is known.
        findings: What was found.
        attributes: All workspaces by what they have, if that is at hand.

    Returns:
        The findings with `group` set where they belong to one, and the groups, worst first.
    """
    findings = tuple(findings)
    if attributes is None:
        attributes = Attributes(names_of(facts), facts.state.workspaces.values())
    ground = _Ground(facts.thresholds, attributes.profiles, attributes.members)
    by_cause: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.subject.workspace_id in ground.profiles:
            by_cause[finding.cause, finding.suspect].append(finding)
    _join_suspects(by_cause, int(facts.thresholds.group_least))
    made: list[tuple[Group, Set[str]]] = []
    for (cause, suspect), members in sorted(by_cause.items()):
        made += _groups_of(ground, cause, suspect, members)
    severities = {f.id: int(f.severity) for f in findings}
    made.sort(
        key=lambda item: (
            -max((severities[finding_id] for finding_id in item[0].findings), default=0),
            -item[0].affected,
            item[0].cause,
            str(dict(item[0].shared)),
        )
    )
    groups = tuple(replace(g, id=f"g{number}") for number, (g, _) in enumerate(made, 1))
    home = {finding_id: g.id for g in groups for finding_id in g.findings}
    if not home:
        return findings, groups
    return tuple(replace(f, group=home[f.id]) if f.id in home else f for f in findings), groups


def _join_suspects(by_cause: defaultdict[tuple[str, str], list[Finding]], least: int) -> None:
    """Findings whose suspects are too few to be a group of their own are tried together."""
    for cause, suspect in [key for key, found in by_cause.items() if key[1] and len(found) < least]:
        by_cause[cause, ""] += by_cause.pop((cause, suspect))


def _groups_of(
    ground: _Ground, cause: str, suspect: str, members: list[Finding]
) -> list[tuple[Group, Set[str]]]:
    least = max(2, int(ground.limits.group_least))
    affected = {f.subject.workspace_id for f in members}
    rest = set(affected)
    made: list[tuple[Group, Set[str]]] = []
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
    limits = ground.limits
    pairs = {pair for workspace_id in rest for pair in ground.profiles[workspace_id]}
    best: _Candidate | None = None
    for name, value in sorted(pairs, key=lambda p: (_order(p[0]), p)):
        if name == "script" and value != suspect:
            continue
        members = ground.members[name, value]
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
            best = _Candidate(name, value, members, hit, lift, score)
    return best


def _shared(ground: _Ground, best: _Candidate, suspect: str) -> dict[str, str]:
    """The attribute, and the others that exactly the same workspaces share."""
    shared = {best.name: best.value}
    told = _BY_TEMPLATE if len(best.members) == len(ground.profiles) else None
    for name, value in sorted(ground.profiles[next(iter(best.members))]):
        members = ground.members[name, value]
        if name in shared or members != best.members or (name == "script" and value != suspect):
            continue
        if told is None or name in told:
            shared[name] = value
    if "template_version" in shared:
        shared.pop("template", None)
    return dict(sorted(shared.items(), key=lambda item: _order(item[0])))


def _order(name: str) -> int:
    return ATTRIBUTES.index(name) if name in ATTRIBUTES else ATTRIBUTES.index("node")


def profile_of(names: Names, workspace: Workspace) -> Profile:
    """What is known of a workspace that it may share with others."""
    build = workspace.build
    pairs: dict[Pair, None] = {}

    def add(name: str, value: str) -> None:
        if value and len(value) <= _SINGLE_VALUE_LIMIT:
            pairs[name, value] = None

    version = build.template_version_name or build.template_version_id[:8]
    add("template_version", f"{workspace.template_name} {version}".strip() if version else "")
    add("template", workspace.template_name)
    add("owner", workspace.owner_name)
    add("organization", workspace.organization_name or workspace.organization_id)
    add("preset", _preset(names, workspace))
    add("provisioner", _worker(names, workspace))
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
    return tuple(pairs)


def _preset(names: Names, workspace: Workspace) -> str:
    """Template and name of the preset; its id where presets were not read."""
    build = workspace.build
    name = names.presets.get((build.template_version_id, build.preset_id or ""), "")
    return f"{workspace.template_name} / {name}" if name else build.preset_id or ""


def _worker(names: Names, workspace: Workspace) -> str:
    job = workspace.build.job
    if job.worker_name or not job.worker_id:
        return job.worker_name
    return names.daemons.get((workspace.organization_id, job.worker_id), job.worker_id[:8])
