"""The shape of a verdict, and what one is judged from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from agentdash.state.model import Build, Transition, Workspace
from agentdash.triage.finding import Finding, Severity

Kind = Literal["well", "moving", "broken", "off", "unknown"]
AgeStyle = Literal["", "for", "ago"]

STUCK_LIMIT = timedelta(minutes=10)
"""After this a cancel, a shutdown or a connect without a time limit is stuck (contract: triage.md B08, A12, A03)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a row.

    Attributes:
        text: One short line, cleaned, without ages.
        severity: 0 well … 4 a person must act now.
        kind: Which sign stands before it.
        since: Server time from which it holds, if known.
        rule: Id in the catalogue, or empty.
        age_style: How the age is told after the text: not at all, `12m`, or `38m ago`.
        note: What stands behind the age, such as a comparison.
        suspect: Name of the script, app or source to look at first, if one is to blame.
        finding: What the diagnosis found, once it has spoken of the row.
    """

    text: str
    severity: Severity
    kind: Kind
    since: datetime | None = None
    rule: str = ""
    age_style: AgeStyle = ""
    note: str = ""
    suspect: str = ""
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What a verdict is judged from."""

    workspace: Workspace
    build: Build
    now: datetime
    read_at: datetime
    history: Sequence[Transition]


def elapsed(since: datetime | None, now: datetime) -> timedelta:
    """Time gone by; none if the beginning is unknown or in the future."""
    return max(now - since, timedelta()) if since is not None else timedelta()


def finished(build: Build) -> datetime | None:
    """When a build ended."""
    return build.job.completed_at or build.job.canceled_at or build.updated_at
