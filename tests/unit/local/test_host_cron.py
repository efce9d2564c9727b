"""Cron expressions of agent scripts (contract: agents.md §2.5)."""

from __future__ import annotations

from datetime import datetime

import pytest

from agentdash.local.host_cron import CronError, parse_cron

START = datetime(2026, 8, 24, 9, 0, 0)  # noqa: DTZ001 - wall time of the machine; a Monday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/20 * * * * *", "2026-08-24 09:00:20"),
        ("*/20 * * * *", "2026-08-24 09:00:20"),
        ("0 30 9 * * *", "2026-08-24 09:30:00"),
        ("0 0 8 * *", "2026-08-25 08:00:00"),
        ("0 0 0 1 jan *", "2027-01-01 00:00:00"),
        ("0 0 12 * * sun", "2026-08-30 12:00:00"),
        ("0 0 12 * * 7", "2026-08-30 12:00:00"),
        ("5,10 0 9 * * 1-5", "2026-08-24 09:00:05"),
        ("0 0 9 29 2 *", "2028-02-29 09:00:00"),
        ("0 0 9 26 * tue", "2026-08-25 09:00:00"),
        ("0 10/15 * * * *", "2026-08-24 09:10:00"),
    ],
)
def test_the_next_time(text: str, expected: str) -> None:
    found = parse_cron(text).next_after(START)
    assert found is not None
    assert str(found) == expected


def test_a_day_that_never_comes() -> None:
    assert parse_cron("0 0 0 31 2 *").next_after(START) is None


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* * * * * * *", "x * * * *", "*/0 * * * *", "5-2 * * * *"]
)
def test_bad_expressions_are_named(text: str) -> None:
    with pytest.raises(CronError):
        parse_cron(text)
