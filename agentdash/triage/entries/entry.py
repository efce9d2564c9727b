"""One condition as the catalogue describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentdash.triage.finding import Severity

Source = Literal[
    "fleet",
    "prebuilds",
    "settings",
    "entitlements",
    "templates",
    "presets",
    "daemons",
    "jobs",
    "health",
    "regions",
    "builds",
    "build_logs",
    "timings",
    "agent_logs",
    "parameters",
    "containers",
    "metadata",
    "streams",
    "history",
]
"""What a rule is judged from beside the workspace itself."""

S1, S2, S3, S4 = Severity.UNUSABLE, Severity.FAILED, Severity.DEGRADED, Severity.NOTE


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule's page in the catalogue.

    Attributes:
        id: `S03`.
        title: The condition in a few words.
        severity: As it is in the usual case; a rule may say otherwise for one subject.
        fires: When it holds.
        why: Why it matters, or what is easily got wrong.
        causes: Likely causes, the likeliest first.
        next: Steps as (text, command); `{ws}`, `{agent}`, `{build}`, `{transition}`, `{template}`, `{preset}`,
            `{suspect}` are filled in.
        needs: What must be readable for it; refused, it is said that it cannot be known.
        thresholds: Names of the limits it uses.
        reference: Where to read on: pages of Coder's documentation, issues as `#number`.
        shown: False for what this API cannot show; then `why` says the reason.
    """

    id: str
    title: str
    severity: Severity
    fires: str
    why: str = ""
    causes: tuple[str, ...] = ()
    next: tuple[tuple[str, str], ...] = ()
    needs: tuple[Source, ...] = ()
    thresholds: tuple[str, ...] = ()
    reference: str = ""
    shown: bool = True
