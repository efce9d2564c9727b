"""Elapsed times that never lie: a missing, year-1 or future time has no age, so no rule fires on it.

All against the server's clock (contract: triage.md §1). Agent times are compared with agent times only.

A rule about a workspace is given a `Moment`, no bare time: what it asks of it is answered here and nowhere else, and each
answer notes until when it stands. So it is known when a judgement must be made anew although nothing has changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_FIRST_YEAR = 2000
_AHEAD_S = 5.0
"""A time this little ahead of the server's is rounding: the header `Date` has whole seconds."""
_LEAST = timedelta(microseconds=1)
_TOLD_IN_SECONDS_S = 660.0
"""Shorter durations may be told to the second, see `words`."""


def known(at: datetime | None) -> datetime | None:
    """The time if it is one; zero times in all their forms are None."""
    return None if at is None or at.year < _FIRST_YEAR else at


class Validity:
    """How long answers stand: up to the nearest moment at which one of them may change. `until` None is for ever."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until: datetime | None = None

    def ends(self, at: datetime) -> None:
        """An answer stands no longer than this."""
        if self.until is None or at < self.until:
            self.until = at


class Moment:
    """A time that goes on, perhaps not beyond an end, with a note of when the answers about it change.

    Args:
        now: The time.
        end: Where it stands still; None if it goes on for ever.
        validity: Where it is noted how long answers stand.
    """

    __slots__ = ("_end", "_now", "_validity")

    def __init__(self, now: datetime, end: datetime | None, validity: Validity) -> None:
        self._now = now
        self._end = end
        self._validity = validity

    def read(self) -> datetime:
        """The bare time. What follows from it may change with every moment, as long as time goes on."""
        if self._end is None or self._now < self._end:
            self._validity.ends(self._now)
            return self._now
        return self._end

    def watch(self, at: datetime, *offsets_s: float) -> datetime:
        """The bare time, for a question whose answer changes only so many seconds after a time."""
        now, end = self._now, self._end
        if end is not None and now >= end:
            return end
        for offset_s in offsets_s:
            try:
                change = at + timedelta(seconds=offset_s)
            except (OverflowError, ValueError):
                continue
            if change >= now and (end is None or change - _LEAST <= end):
                self._validity.ends(change - _LEAST)
        return now

    def not_after(self, end: datetime) -> Moment:
        """This moment, standing still at a time."""
        return Moment(self._now, end if self._end is None else min(self._end, end), self._validity)


Time = datetime | Moment


def bare(now: Time) -> datetime:
    """The time as it is; asked of a moment, the answer stands for no time at all."""
    return now if isinstance(now, datetime) else now.read()


def _age_s(since: datetime, now: datetime) -> float | None:
    age = (now - since).total_seconds()
    return None if age < -_AHEAD_S else max(0.0, age)


def age_s(since: datetime | None, now: Time) -> float | None:
    """Seconds since then; None if that is not known or lies in the future."""
    since = known(since)
    return None if since is None else _age_s(since, bare(now))


def older(since: datetime | None, now: Time, limit_s: float) -> bool:
    """Whether it is known to be longer ago than the limit."""
    since = known(since)
    if since is None:
        return False
    age = _age_s(since, now if isinstance(now, datetime) else now.watch(since, -_AHEAD_S, 0.0, limit_s))
    return age is not None and age > limit_s


def within(at: datetime | None, now: Time, limit_s: float) -> bool:
    """Whether it is known to have happened within the last so many seconds."""
    at = known(at)
    if at is None:
        return False
    age = _age_s(at, now if isinstance(now, datetime) else now.watch(at, -_AHEAD_S, 0.0, limit_s))
    return age is not None and age <= limit_s


def ahead(at: datetime | None, now: Time, limit_s: float = 0.0) -> bool:
    """Whether it is known to lie more than so many seconds in the future."""
    at = known(at)
    if at is None:
        return False
    return (at - (now if isinstance(now, datetime) else now.watch(at, -limit_s))).total_seconds() > limit_s


def ago(since: datetime | None, now: Time) -> str:
    """How long ago it was, in words; `0 s` if that is not known."""
    since = known(since)
    if since is None:
        return words(0.0)
    if not isinstance(now, datetime):
        age = (now.watch(since, -_AHEAD_S, 0.0) - since).total_seconds()
        step = _step_s(age)
        now = now.watch(since, (age // step + 1) * step)
    return words(_age_s(since, now) or 0.0)


def left(at: datetime, now: Time) -> str:
    """How long it is until then, in words; `0 s` once it is over."""
    if not isinstance(now, datetime):
        seconds = (at - now.watch(at, 0.0)).total_seconds()
        step = _step_s(seconds)
        now = now.watch(at, -(seconds // step) * step)
    return words((at - now).total_seconds())


def _step_s(seconds: float) -> float:
    """The smallest change of a duration that its words can show."""
    return 1.0 if seconds < _TOLD_IN_SECONDS_S else 60.0


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
