from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from random import Random

import pytest

from agentdash.wire.backoff import SMALLEST_S, Backoff, retry_after_s

NOW = datetime(2026, 8, 22, 7, 0, tzinfo=UTC)


def test_the_bound_doubles_up_to_thirty_seconds() -> None:
    assert list(islice(Backoff(lambda: 1.0), 7)) == [1, 2, 4, 8, 16, 30, 30]


def test_jitter_is_full_but_never_a_tight_loop() -> None:
    assert list(islice(Backoff(lambda: 0.0), 3)) == [SMALLEST_S] * 3
    delays = list(islice(Backoff(Random(7).random), 200))
    assert max(delays) <= 30
    assert min(delays[6:]) < 3


def test_no_number_of_attempts_overflows() -> None:
    backoff = Backoff(lambda: 1.0)
    backoff.attempts = 10_000
    assert next(backoff) == 30


@pytest.mark.parametrize(("lasted_s", "following"), [(29.9, 4), (30, 1)])
def test_a_healthy_stream_starts_over(lasted_s: float, following: float) -> None:
    backoff = Backoff(lambda: 1.0)
    next(backoff)
    next(backoff)
    backoff.ended(lasted_s)
    assert next(backoff) == following


def test_what_the_server_asks_for_is_waited_out() -> None:
    assert Backoff(lambda: 0.5).delay(60) == 60.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("60", 60),
        (" 5 ", 5),
        ("99999999999999999999", 3600),
        ("-1", None),
        ("soon", None),
        ("Sat, 22 Aug 2026 07:00:30 GMT", 30),
        ("Sat, 22 Aug 2026 06:00:00 GMT", 0),
        ("Sat, 22 Aug 2026 07:00:30", 30),
        ("٣", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds
