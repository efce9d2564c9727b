"""The scale of severities."""

from __future__ import annotations

from agentdash.triage.finding import Severity


def test_worse_is_higher_and_named_as_in_the_catalogue() -> None:
    assert [s.label for s in sorted(Severity)] == ["", "S4", "S3", "S2", "S1"]
