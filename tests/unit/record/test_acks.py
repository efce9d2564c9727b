"""What was put aside: until when, what brings it back, and that it survives restarts and bad files."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from agentdash.record.acks import Acks, Standing, file_of
from tests.unit.model_factory import NOW, before

LOST = Standing("A05:agent:w1/main:", 3, before(600))


def test_acknowledged_until_it_is_taken_back() -> None:
    acks = Acks()
    assert acks.why(LOST, NOW) == ""
    assert acks.acknowledge(LOST, NOW)
    assert acks.why(LOST, NOW + timedelta(days=3)) == "acknowledged"
    assert not acks.acknowledge(LOST, NOW)
    assert acks.why(LOST, NOW) == ""


def test_worse_comes_back() -> None:
    acks = Acks()
    acks.acknowledge(LOST, NOW)
    assert acks.why(Standing(LOST.id, 4, LOST.since), NOW) == ""
    assert acks.why(Standing(LOST.id, 2, LOST.since), NOW) == "acknowledged"


def test_what_came_anew_is_shown_again() -> None:
    acks = Acks()
    acks.acknowledge(LOST, NOW)
    assert acks.why(Standing(LOST.id, 3, NOW + timedelta(seconds=30)), NOW) == "acknowledged"
    assert acks.why(Standing(LOST.id, 3, NOW + timedelta(minutes=10)), NOW) == ""
    assert acks.why(Standing(LOST.id, 3, None), NOW) == "acknowledged"


def test_snoozed_for_an_hour_then_a_day_then_not_at_all() -> None:
    acks = Acks()
    assert acks.snooze(LOST, NOW) == NOW + timedelta(hours=1)
    assert acks.why(LOST, NOW + timedelta(minutes=59)) == "snoozed until 13:00Z"
    assert acks.why(LOST, NOW + timedelta(minutes=60)) == ""
    assert acks.snooze(LOST, NOW) == NOW + timedelta(days=1)
    assert acks.snooze(LOST, NOW) is None
    assert acks.why(LOST, NOW) == ""


def test_a_snooze_that_is_over_begins_anew() -> None:
    acks = Acks()
    acks.snooze(LOST, before(7200))
    assert acks.snooze(LOST, NOW) == NOW + timedelta(hours=1)


def test_kept_over_restarts_in_a_private_file(tmp_path: Path) -> None:
    path = file_of("dep-1", tmp_path / "state")
    assert path is not None
    acks = Acks(path)
    acks.acknowledge(LOST, NOW)
    acks.snooze(Standing("S03:x", 2, None), NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = Acks(path)
    assert again.marks == acks.marks
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_each_deployment_has_its_own_file(tmp_path: Path) -> None:
    assert file_of("one", tmp_path) != file_of("two", tmp_path)
    assert file_of("", tmp_path) is None
    hostile = file_of("../../etc/passwd", tmp_path)
    assert hostile is not None
    assert hostile.parent == tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": 2, "marks": {"x": {"at": "2026-08-21T12:00:00+00:00", "severity": 3, "until": null}}}',
        '{"schema": 1, "marks": 5}',
        '{"schema": 1, "marks": {"x": {"at": "yesterday", "severity": 3, "until": null}}}',
        '{"schema": 1, "marks": {"x": {"at": "2026-08-21T12:00:00", "severity": 3, "until": null}}}',
        '{"schema": 1, "marks": {"x": {"at": "2026-08-21T12:00:00+00:00", "severity": "bad"}}}',
        '{"schema": 1, "marks": {"x": {"at": "2026-08-21T12:00:00+00:00", "severity": 3, "until": 5}}}',
        '{"schema": 1, "marks": {"x": 7}}',
    ],
)
def test_a_bad_file_is_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acks-x.json"
    path.write_text(text)
    assert len(Acks(path)) == 0


def test_a_file_that_cannot_be_written_costs_the_memory_only(tmp_path: Path) -> None:
    (tmp_path / "flat").write_text("no directory")
    acks = Acks(tmp_path / "flat" / "acks.json")
    assert acks.acknowledge(LOST, NOW)
    assert acks.why(LOST, NOW) == "acknowledged"


def test_old_marks_are_forgotten(tmp_path: Path) -> None:
    acks = Acks(tmp_path / "acks.json")
    acks.acknowledge(LOST, NOW - timedelta(days=200))
    acks.snooze(Standing("short", 2, None), before(7200))
    acks.acknowledge(Standing("new", 2, None), NOW)
    assert set(json.loads((tmp_path / "acks.json").read_text())["marks"]) == {"new"}
