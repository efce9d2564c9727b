"""When the picture of a terminal is painted."""

from __future__ import annotations

import pytest

from agentdash.ui.widgets.termpace import ANSWER_QUIET_S, ANSWER_S, FRAME_S, SLOWEST_FRAME_S, SOONEST_S, Pace


def painted_at(moment: float) -> Pace:
    pace = Pace()
    pace.painted(moment)
    return pace


def test_the_first_change_is_painted_at_once() -> None:
    assert Pace().plan(100.0) == 0
    assert painted_at(100.0).plan(100.0 + FRAME_S) == 0


def test_a_change_soon_after_a_frame_waits_for_half_a_frame() -> None:
    pace = painted_at(100.0)
    pace.changed(100.001)
    assert pace.plan(100.001) == pytest.approx(SOONEST_S - 0.001)


def test_what_answers_a_key_waits_only_until_the_burst_is_over() -> None:
    pace = painted_at(100.0)
    pace.typed(100.0)
    pace.changed(100.001)
    assert pace.plan(100.001) == pytest.approx(ANSWER_QUIET_S)


def test_a_while_after_the_key_it_is_no_answer_any_more() -> None:
    pace = painted_at(100.0)
    pace.typed(100.0 - ANSWER_S)
    pace.changed(100.001)
    assert pace.plan(100.001) == pytest.approx(SOONEST_S - 0.001)


def test_a_burst_that_goes_on_is_waited_for_from_its_last_change_but_no_longer_than_a_frame() -> None:
    pace = painted_at(100.0)
    pace.typed(100.0)
    pace.changed(100.001)
    wait = pace.plan(100.001)
    pace.changed(100.0015)
    assert pace.look(100.001 + wait) == pytest.approx(0.0015 + ANSWER_QUIET_S - 0.001 - wait)
    pace.changed(100.0 + FRAME_S)
    assert pace.look(100.0 + FRAME_S) == 0


def test_frames_that_come_late_take_longer_and_recover() -> None:
    pace, now = painted_at(0.0), 0.001
    for _ in range(10):
        pace.changed(now)
        wait = pace.plan(now)
        now += wait + 0.01
        while pace.look(now):
            now += 0.01
        pace.painted(now)
        now += 0.0005
    pace.changed(now)
    pace.plan(now)
    late = now
    while wait := pace.look(late):
        late += wait
        pace.changed(late)
    assert SLOWEST_FRAME_S / 2 < late - now <= SLOWEST_FRAME_S
    assert pace.plan(late + 1) == 0
    pace.painted(late + 1)
    assert pace.plan(late + 1) <= FRAME_S
