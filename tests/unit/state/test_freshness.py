"""A fact says how old and how sure it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agentdash.state.freshness import Fact, Freshness, Problem

AT = datetime(2026, 8, 21, 12, tzinfo=UTC)
TROUBLE = Problem("ServerError", "Server error")


def fact_of() -> Fact[object]:
    return Fact()


def test_a_new_fact_is_unknown_and_not_usable() -> None:
    fact = fact_of()
    assert fact.freshness is Freshness.UNKNOWN
    assert not fact.is_usable


def test_a_failure_keeps_value_and_age() -> None:
    retry = AT + timedelta(seconds=4)
    fact = fact_of().read(5, AT, live=True).failed(TROUBLE, retry_at=retry)
    assert (fact.value, fact.at, fact.freshness, fact.retry_at) == (5, AT, Freshness.STALE, retry)


def test_a_reading_after_a_failure_forgets_the_failure() -> None:
    fact = fact_of().failed(TROUBLE, refused=True).read(5, AT, live=False)
    assert (fact.freshness, fact.problem, fact.retry_at) == (Freshness.POLLED, None, None)


def test_falling_silent_makes_stale_only_what_was_kept() -> None:
    assert fact_of().read(5, AT, live=True).stale().freshness is Freshness.STALE
    assert fact_of().stale().freshness is Freshness.UNKNOWN
    assert fact_of().failed(TROUBLE, refused=True).stale().freshness is Freshness.REFUSED


def test_a_value_that_is_false_is_usable() -> None:
    assert fact_of().read((), AT, live=False).is_usable
