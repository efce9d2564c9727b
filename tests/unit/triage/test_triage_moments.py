"""Answers about times know how long they stand; the counted fleet is the same however it came about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.triage.census import Census
from agentdash.triage.clock import Moment, Time, Validity, age_s, ago, ahead, left, older, within
from tests.unit.triage.builders import (
    NOW,
    agent,
    before,
    build,
    make_app,
    prebuild,
    script,
    sub_agent,
    workspace,
)

QUESTIONS: dict[str, Callable[[datetime, Time, float], object]] = {
    "older": older,
    "within": within,
    "ahead": ahead,
    "age": lambda at, now, _: age_s(at, now),
    "ago": lambda at, now, _: ago(at, now),
    "left": lambda at, now, _: left(at, now),
}
seconds = st.one_of(st.integers(-900, 900), st.floats(-700, 700), st.integers(-(10**6), 10**6))


@pytest.mark.parametrize("question", QUESTIONS)
@given(
    offset_s=seconds,
    limit_s=st.one_of(st.integers(0, 900), st.floats(0, 900), st.just(1e300)),
    end_s=st.none() | seconds,
    later_s=st.one_of(st.floats(0, 900), st.integers(0, 10**6)),
)
def test_an_answer_stands_as_long_as_it_says(
    question: str, offset_s: float, limit_s: float, end_s: float | None, later_s: float
) -> None:
    ask = QUESTIONS[question]
    at = NOW + timedelta(seconds=offset_s)
    end = None if end_s is None else NOW + timedelta(seconds=end_s)
    validity = Validity()
    answer = ask(at, Moment(NOW, end, validity), limit_s)
    assert answer == ask(at, NOW if end is None else min(NOW, end), limit_s)
    then = NOW + timedelta(seconds=later_s)
    if validity.until is None or then <= validity.until:
        assert ask(at, then if end is None else min(then, end), limit_s) == answer


def test_a_threshold_is_waited_for_and_one_that_was_passed_is_not() -> None:
    validity = Validity()
    assert not older(before(20), Moment(NOW, None, validity), 60)
    assert validity.until is not None
    assert timedelta(0) < NOW + timedelta(seconds=40) - validity.until < timedelta(seconds=1)
    validity = Validity()
    assert older(before(80), Moment(NOW, None, validity), 60)
    assert validity.until is None


def test_nothing_changes_for_a_row_that_is_judged_as_of_a_time_gone_by() -> None:
    validity = Validity()
    moment = Moment(NOW, before(30), validity)
    assert not older(before(60), moment, 60)
    assert age_s(before(60), moment) == 30
    assert validity.until is None


def test_a_fleet_that_changed_is_counted_as_one_that_was_always_so() -> None:
    main = agent(status="disconnected", disconnected_at=before(90), apps=(make_app("web", subdomain=True),))
    old = workspace(main, sub_agent(main))
    new = workspace(
        agent(status="timeout", first_connected_at=None, scripts=(script(status="exit_failure"),))
    )
    other = workspace(agent(workspace_id="w2"), id="w2", build=build("w2", preset_id="p"))
    kept = Census([old, prebuild(1)])
    kept.change(old, new)
    kept.change(None, other)
    kept.change(prebuild(1), None)
    assert told(kept) == told(Census([new, other]))
    kept.change(new, None)
    kept.change(other, None)
    assert told(kept) == told(Census())


def told(census: Census) -> dict[str, object]:
    """All that a census holds; empty entries, if it kept any, would show."""
    found = dict(vars(census))
    counts = found.pop("_counts")
    return {**found, "counts": {kind: dict(marks) for kind, marks in counts.items() if marks}}
