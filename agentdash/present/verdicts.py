"""What a row says: its first verdict, read off the row alone, until the diagnosis has spoken of it.

The diagnosis decides what is wrong and how bad; the first verdict lends its short words where both mean the same, and
says what is under way where nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agentdash.present.findings import severity_kind
from agentdash.present.times import duration
from agentdash.state.views import Row
from agentdash.triage.baseline import Baseline
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Diagnosis, Finding, Group, Severity, naming
from agentdash.triage.precedence import is_hindrance, rank
from agentdash.triage.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Told:
    """A diagnosis, by row.

    Attributes:
        findings: By agent key or workspace id, consequences included.
        groups: Common causes by their id.
        baseline: What is usual, if it is known.
    """

    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    baseline: Baseline | None = None

    def about(self, row: Row) -> tuple[Finding, ...]:
        """Findings of a row: of its agent, then of its workspace; a sub-agent does not speak for its workspace."""
        own = self.findings.get(row.key, ())
        if row.agent is None or row.agent.parent_id is not None:
            return own
        return own + self.findings.get(row.workspace.id, ())

    def group_of(self, verdict: Verdict) -> Group | None:
        """The common cause of what a verdict says."""
        found = verdict.finding
        return None if found is None or found.group is None else self.groups.get(found.group)

    def verdict(self, row: Row, first: Verdict) -> Verdict:
        """The verdict of a row.

        Args:
            row: The row.
            first: What was read off the row alone.
        """
        spoken = _spoken(first, self.about(row))
        note = self._usual(row, first) if spoken.age_style == "for" and not spoken.note else ""
        return replace(spoken, note=note) if note else spoken

    def _usual(self, row: Row, first: Verdict) -> str:
        """`(median 2m10s)` behind what takes its time."""
        if self.baseline is None or first.age_style != "for" or first.kind != "moving":
            return ""
        agent = row.agent
        if row.workspace.build.status == "starting" or agent is None:
            step = "build" if row.workspace.build.transition == "start" else ""
        elif agent.status == "connecting":
            step = f"connect:{agent.name}"
        else:
            step = f"ready:{agent.name}" if agent.lifecycle == "starting" else ""
        usual = self.baseline.of(row.workspace, step) if step else None
        return "" if usual is None else f"(median {duration(usual.median_s)})"


NOTHING_TOLD = Told()


def told_by(diagnosis: Diagnosis, facts: Facts) -> Told:
    """A diagnosis by row.

    Args:
        diagnosis: What was found.
        facts: What it was judged from.
    """
    found: dict[str, list[Finding]] = {}
    for finding in diagnosis.flat():
        if finding.subject.kind in ("agent", "workspace"):
            found.setdefault(finding.subject.id, []).append(finding)
    return Told(
        {key: tuple(members) for key, members in found.items()},
        {group.id: group for group in diagnosis.groups},
        facts.baseline,
    )


def _spoken(first: Verdict, findings: tuple[Finding, ...]) -> Verdict:
    if not findings:
        return first
    same = next((f for f in findings if f.rule == first.rule), None)
    worst = min(findings, key=lambda f: (-f.severity, not f.primary, rank(f.rule)))
    is_worth_it = worst is same or (worst.severity >= first.severity and _stops(worst))
    best = worst if is_worth_it else same
    if best is None:
        return first
    # A pool's trouble is told by what it comes from.
    teller = next((f for f in findings if f.rule == best.cause), best)
    if teller.rule == first.rule and teller.suspect in ("", first.suspect):
        since = first.since or teller.since
        return replace(first, severity=best.severity, rule=best.rule, since=since, finding=best)
    text = naming(teller.title, teller.suspect)
    return Verdict(
        text,
        best.severity,
        severity_kind(best.severity),
        since=teller.since,
        rule=best.rule,
        # A number in the title is an age already, or would be read as one.
        age_style="" if teller.since is None or any(map(str.isdigit, text)) else "for",
        suspect=teller.suspect,
        finding=best,
    )


def _stops(finding: Finding) -> bool:
    """Whether it stands between a person and the work: a ready row stays `ready` for less."""
    if finding.severity >= Severity.FAILED:
        return True
    return finding.severity is Severity.DEGRADED and is_hindrance(finding.rule)
