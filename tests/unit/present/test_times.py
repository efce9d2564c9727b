"""Times in words: coarse ages, exact durations, and how fresh a fact is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.present.cells import Cell, Span, Tone
from agentdash.present.times import (
    age,
    age_word,
    ago,
    clock,
    countdown,
    duration,
    freshness,
    log_time,
    moment,
    next_age_change,
    stream_words,
    with_dim_unit,
)
from agentdash.state.freshness import Fact, Freshness, Problem, Stream, StreamState
from tests.unit.model_factory import NOW, before

FORBIDDEN = Problem("Forbidden", "Not allowed", status=403)
TROUBLE = Problem("ServerError", "Server error", status=500)


@pytest.mark.parametrize(
    ("seconds", "word"),
    [
        (-5, "now"),
        (0, "now"),
        (9.9, "now"),
        (10, "10s"),
        (29, "10s"),
        (30, "30s"),
        (59, "30s"),
        (60, "1m"),
        (119, "1m"),
        (299, "4m"),
        (300, "5m"),
        (599, "5m"),
        (2280, "35m"),
        (3599, "55m"),
        (3600, "1h"),
        (86399, "23h"),
        (86400, "1d"),
        (86400 * 400, "400d"),
    ],
)
def test_an_age_moves_in_coarse_steps(seconds: float, word: str) -> None:
    assert age_word(before(seconds), NOW) == word


@given(st.floats(0, 1e7))
def test_an_age_reads_the_same_until_it_is_said_to_change(seconds: float) -> None:
    at = before(seconds)
    change = next_age_change(at, NOW)
    assert change > NOW - timedelta(microseconds=2)
    just_before = change - timedelta(milliseconds=1)
    if just_before > NOW:
        assert age_word(at, just_before) == age_word(at, NOW)
    assert age_word(at, change + timedelta(milliseconds=1)) != age_word(at, NOW)


def test_an_idle_hour_changes_an_old_age_only_a_few_times() -> None:
    at, now, changes = before(300), NOW, 0
    while now < NOW + timedelta(hours=1):
        now = next_age_change(at, now)
        changes += 1
    assert changes <= 12


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (-3, "0s"),
        (0, "0s"),
        (0.31, "0.3s"),
        (4, "4s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (38, "38s"),
        (59.7, "1m"),
        (130, "2m10s"),
        (120, "2m"),
        (3600, "1h"),
        (3900, "1h05m"),
        (7440, "2h04m"),
        (86400 * 3 + 4 * 3600, "3d4h"),
        (86400 * 2, "2d"),
    ],
)
def test_a_duration_is_as_short_as_it_can_be(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_duration_has_words(seconds: float) -> None:
    assert duration(seconds)


def test_the_clock_tells_minutes() -> None:
    assert clock(NOW) == "12:00Z"


def test_moments_are_shorter_the_nearer_they_are() -> None:
    assert moment(before(60), NOW) == "11:59:00"
    assert moment(before(86400 * 3), NOW) == "08-18 12:00"
    assert moment(before(86400 * 400), NOW) == "2025-07-17"
    assert moment(NOW + timedelta(hours=3), NOW) == "15:00:00"
    assert moment(NOW + timedelta(hours=19), NOW) == "08-22 07:00"
    assert moment(None, NOW) == "–"


def test_log_times_have_one_width_for_each_style() -> None:
    at = NOW + timedelta(milliseconds=7, microseconds=900)
    assert log_time(at, "short", NOW) == "12:00:00.007"
    assert log_time(at, "full", NOW) == "2026-08-21T12:00:00.007Z"
    assert log_time(before(700), "relative", NOW) == " 10m"
    assert log_time(at, "none", NOW) == ""
    assert log_time(None, "short", NOW) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "now"),
        (0, "now"),
        (0.2, "1 s"),
        (4, "4 s"),
        (10.5, "20 s"),
        (45, "50 s"),
        (61, "2 m"),
        (4000, "2 h"),
    ],
)
def test_a_countdown_is_rounded_up(seconds: float, text: str) -> None:
    assert countdown(before(-seconds), NOW) == text


def test_ago() -> None:
    assert (ago(before(3), NOW), ago(before(90), NOW)) == ("just now", "1m ago")


def test_units_recede_behind_their_numbers() -> None:
    assert with_dim_unit("2m10s") == Cell("2m10s", Tone.PLAIN, (Span(1, 2, Tone.DIM), Span(4, 5, Tone.DIM)))
    assert with_dim_unit("71%").spans == (Span(2, 3, Tone.DIM),)
    assert age(None, NOW).text == "–"
    assert age(before(1), NOW) == Cell("now")


def kept(state: Freshness, **fields: object) -> Fact[int]:
    values: dict[str, object] = {"value": 1, "at": before(5)}
    return Fact(freshness=state, **(values | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fact", "text", "tone"),
    [
        (kept(Freshness.UNKNOWN), "", Tone.PLAIN),
        (kept(Freshness.LOADING), "loading…", Tone.DIM),
        (kept(Freshness.LIVE), "live", Tone.DIM),
        (kept(Freshness.POLLED), "just now", Tone.DIM),
        (kept(Freshness.POLLED, at=before(12)), "10 s ago", Tone.DIM),
        (kept(Freshness.POLLED, at=None), "read", Tone.DIM),
        (kept(Freshness.STALE, at=before(200)), "stale 3m", Tone.WARN),
        (kept(Freshness.STALE, at=before(200), problem=TROUBLE), "stale 3m: Server error", Tone.WARN),
        (
            kept(Freshness.STALE, at=before(200), problem=TROUBLE, retry_at=before(-4)),
            "stale 3m, retry in 4 s",
            Tone.WARN,
        ),
        (kept(Freshness.STALE, at=None, problem=TROUBLE, retry_at=before(-4)), "retry in 4 s", Tone.WARN),
        (kept(Freshness.STALE, at=None, problem=TROUBLE, retry_at=before(4)), "retrying", Tone.WARN),
        (kept(Freshness.STALE, at=None, problem=TROUBLE), "no answer: Server error", Tone.WARN),
        (kept(Freshness.REFUSED, problem=FORBIDDEN), "not allowed: Not allowed", Tone.WARN),
        (kept(Freshness.REFUSED, problem=TROUBLE), "Server error", Tone.DIM),
        (kept(Freshness.REFUSED), "not available", Tone.DIM),
    ],
)
def test_how_a_fact_is_kept(fact: Fact[int], text: str, tone: Tone) -> None:
    assert freshness(fact, NOW) == Cell(text, tone)


def stream(state: StreamState, **fields: object) -> Stream:
    return Stream("logs:a", state, before(60), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_stream", "text"),
    [
        (None, ""),
        (stream(StreamState.LIVE), "live"),
        (stream(StreamState.CONNECTING), "connecting…"),
        (stream(StreamState.RETRYING, retry_at=before(-4)), "retry in 4 s"),
        (stream(StreamState.RETRYING), "reconnecting…"),
        (stream(StreamState.STOPPED), "ended"),
        (stream(StreamState.STOPPED, problem=TROUBLE), "Server error"),
    ],
)
def test_how_a_stream_is(given_stream: Stream | None, text: str) -> None:
    assert stream_words(given_stream, NOW).text == text
