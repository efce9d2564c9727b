"""How bad a thing is: the scale that verdicts, filters and sorting share."""

from __future__ import annotations

from enum import IntEnum


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
