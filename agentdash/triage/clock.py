"""Elapsed times that never lie: a missing, year-1 or future time has no age, so no rule fires on it.

All against the server's clock (contract: triage.md §1). Agent times are compared with agent times only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_FIRST_YEAR = 2000
_AHEAD_S = 5.0
"""A time this little ahead of the server's is rounding: the header `Date` has whole seconds."""


def known(at: datetime | None) -> datetime | None:
    """The time if it is one; zero times in all their forms are None."""
    return None if at is None or at.year < _FIRST_YEAR else at


def age_s(since: datetime | None, now: datetime) -> float | None:
    """Seconds since then; None if that is not known or lies in the future."""
    since = known(since)
    if since is None:
        return None
    age = (now - since).total_seconds()
    if age < -_AHEAD_S:
        return None
    return max(0.0, age)


def older(since: datetime | None, now: datetime, limit_s: float) -> bool:
    """Whether it is known to be longer ago than the limit."""
    age = age_s(since, now)
    return age is not None and age > limit_s


def within(at: datetime | None, now: datetime, limit_s: float) -> bool:
    """Whether it is known to have happened within the last so many seconds."""
    age = age_s(at, now)
    return age is not None and age <= limit_s


def span_s(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds between two times of one clock; None if one is missing or they run backwards."""
    start, end = known(start), known(end)
    if start is None or end is None:
        return None
    seconds = (end - start).total_seconds()
    return seconds if seconds >= 0 else None


def latest(*times: datetime | None) -> datetime | None:
    """The latest of those that are known."""
    return max((t for t in map(known, times) if t is not None), default=None)


def after(at: datetime | None, seconds: float) -> datetime | None:
    """So many seconds after a time; None where that is beyond all calendars."""
    at = known(at)
    if at is None:
        return None
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return None


def words(seconds: float) -> str:
    """A duration in one or two units: `38 s`, `12 m`, `3 h 20 m`, `2 d`."""
    whole = int(max(0.0, min(seconds, 1e12)))
    if whole < 100:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 100:
        rest = whole % 60
        return f"{minutes} m {rest} s" if minutes < 10 and rest else f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} m" if minutes else f"{hours} h"
    return f"{hours // 24} d"
