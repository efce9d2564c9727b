"""What the diagnosis engine says: findings with their proof, groups of them, and what could not be judged.

`Severity` is the scale that verdicts, filters and sorting share (contract: triage.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Literal


class Severity(IntEnum):
    """Worse is higher, so that `max` finds the worst (contract: triage.md, severities)."""

    WELL = 0
    """Nothing to say, or off on purpose."""
    NOTE = 1
    """S4: under way, worth a look, or not known."""
    DEGRADED = 2
    """S3: works, but not as it should."""
    FAILED = 3
    """S2: failed, or will fail soon."""
    UNUSABLE = 4
    """S1: unusable now, a person must act."""

    @property
    def label(self) -> str:
        """`S1` … `S4` as the catalogue names them; empty when well."""
        return "" if self is Severity.WELL else f"S{5 - self}"


class Confidence(StrEnum):
    """How sure a finding is."""

    CERTAIN = "certain"
    """Read off the fields."""
    LIKELY = "likely"
    """Inferred: the past is not on the wire, or the state was never seen on a running server."""


def naming(title: str, suspect: str) -> str:
    """A title with the suspect behind it, unless it names it already: `Metadata CPU: …` needs no `cpu`."""
    return f"{title}: {suspect}" if suspect and suspect.casefold() not in title.casefold() else title


SubjectKind = Literal["workspace", "agent", "preset", "template", "deployment", "provisioner", "proxy"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about.

    Attributes:
        kind: What it is.
        id: Workspace id, agent key, preset id …: the same as long as the thing is.
        workspace: `owner/name`, or empty.
        agent: Name of the agent, or empty.
        preset: Name of the preset, or empty.
        template: Name of the template, or empty.
        workspace_id: Id of the workspace it belongs to, or empty.
    """

    kind: SubjectKind
    id: str
    workspace: str = ""
    agent: str = ""
    preset: str = ""
    template: str = ""
    workspace_id: str = ""

    @property
    def home(self) -> str:
        """What one primary finding is kept for: the workspace where there is one, else the subject itself."""
        return self.workspace_id or f"{self.kind}:{self.id}"

    @property
    def title(self) -> str:
        """The subject in a few words."""
        if self.kind == "preset":
            return f"{self.template} / {self.preset}"
        if self.agent:
            return f"{self.workspace} › {self.agent}"
        return self.workspace or self.template or self.id


@dataclass(frozen=True, slots=True)
class Evidence:
    """One proof.

    Attributes:
        at: When, by the clock of its source; None for what has no time.
        text: What was seen, cleaned.
        source: Path of the field, or name of the log's source.
    """

    at: datetime | None
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, and the command that does it; the command may be empty."""

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition of the catalogue that holds for one subject.

    Attributes:
        rule: Id in the catalogue.
        title: The condition in words.
        severity: How bad it is here and now.
        confidence: How sure it is.
        subject: What it is about.
        since: Server time from which it holds, if known.
        evidence: Proofs in order of time, those without a time last.
        causes: Likely causes, the likeliest first.
        next: What to do, the first thing first.
        reference: Where to read on.
        suspect: Name of the script, app, devcontainer or resource to look at first; empty without one.
        cause: Rule of the finding that explains this one; its own rule otherwise. Groups are made by it.
        primary: Whether it is the one finding shown for its workspace or subject.
        folded: Consequences of this finding, shown below it and not beside it.
        group: Id of the group of findings that share a cause, if it is in one.
    """

    rule: str
    title: str
    severity: Severity
    confidence: Confidence
    subject: Subject
    since: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    causes: tuple[str, ...] = ()
    next: tuple[Step, ...] = ()
    reference: str = ""
    suspect: str = ""
    cause: str = ""
    primary: bool = False
    folded: tuple[Finding, ...] = ()
    group: str | None = None

    @property
    def id(self) -> str:
        """Name of the finding that outlives a refresh: for acknowledging and snoozing."""
        return f"{self.rule}:{self.subject.kind}:{self.subject.id}:{self.suspect}"


@dataclass(frozen=True, slots=True)
class CannotKnow:
    """A rule that could not be judged, with the reason in words."""

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Group:
    """Findings with one common cause.

    Attributes:
        id: `g1`, `g2` …, worst first.
        cause: Rule they have in common.
        shared: What they share and others lack, by attribute (`template_version` → `web v31`), the most telling first.
        affected: How many of those that share it are affected.
        affected_total: How many share it.
        others: How many of the rest are affected.
        others_total: How many the rest are.
        lift: How many times more often it hits those that share it.
        findings: Ids of the findings (`Finding.id`).
    """

    id: str
    cause: str
    shared: Mapping[str, str]
    affected: int
    affected_total: int
    others: int
    others_total: int
    lift: float
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found.

    Attributes:
        at: Server time of the judgement.
        findings: Worst first; consequences stand in `folded` of their cause.
        groups: Common causes, worst first.
        cannot_know: What could not be judged, and why.
    """

    at: datetime
    findings: tuple[Finding, ...] = ()
    groups: tuple[Group, ...] = ()
    cannot_know: tuple[CannotKnow, ...] = ()

    def flat(self) -> Iterator[Finding]:
        """All findings, consequences after their cause."""
        for finding in self.findings:
            yield finding
            yield from finding.folded

    def of(self, subject_id: str) -> Finding | None:
        """The first finding about a subject (agent key, workspace id, preset id), its consequences included."""
        return next((f for f in self.flat() if f.subject.id == subject_id), None)
