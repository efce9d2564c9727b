"""Times in words: ages that move in coarse steps, durations, clocks, and how fresh a fact is.

All functions take `now`, the server's time; nothing here asks a clock. Ages are coarse on purpose: a word that changes is
a line that is repainted (ui.md, How it behaves).
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Literal

from agentdash.present.cells import EMPTY, MISSING, Cell, Span, Tone
from agentdash.state.freshness import Fact, Freshness, Problem, Stream, StreamState

LogTime = Literal["short", "full", "relative", "none"]

NOW_S = 10
"""Younger than this is `now`."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def _step(seconds: float) -> int:
    """Start of the coarse step that an age falls into, in seconds."""
    if seconds < NOW_S:
        return 0
    if seconds < _MINUTE:
        return 10 if seconds < 30 else 30
    for width, limit in ((_MINUTE, 5 * _MINUTE), (5 * _MINUTE, _HOUR), (_HOUR, _DAY)):
        if seconds < limit:
            return int(seconds // width) * width
    return int(seconds // _DAY) * _DAY


def _next_step(step: int) -> int:
    if step < _MINUTE:
        return {0: 10, 10: 30}.get(step, _MINUTE)
    for width, limit in ((_MINUTE, 5 * _MINUTE), (5 * _MINUTE, _HOUR), (_HOUR, _DAY)):
        if step < limit:
            return step + width
    return step + _DAY


def _words(seconds: int) -> str:
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h"
    return f"{seconds // _DAY}d"


def age_word(at: datetime, now: datetime) -> str:
    """Age in coarse steps: `now`, `10s`, `30s`, minutes to 5, every 5 minutes to an hour, hours, days.

    A time in the future, by a few seconds of skew, is `now`.
    """
    step = _step((now - at).total_seconds())
    return "now" if step == 0 else _words(step)


def age(at: datetime | None, now: datetime) -> Cell:
    """Age as a cell; a dash when the time is not known."""
    if at is None:
        return MISSING
    word = age_word(at, now)
    return Cell(word) if word == "now" else with_dim_unit(word)


def ago(at: datetime, now: datetime) -> str:
    """`just now`, `5m ago`."""
    word = age_word(at, now)
    return "just now" if word == "now" else f"{word} ago"


def next_age_change(at: datetime, now: datetime) -> datetime:
    """When the age of `at` will read differently: a screen need not look before."""
    seconds = (now - at).total_seconds()
    return at + timedelta(seconds=_next_step(_step(seconds)))


def duration(seconds: float | None) -> str:
    """A length of time: `0.3s`, `38s`, `2m10s`, `1h05m`, `3d4h`; a dash for None."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING.text
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}s" if seconds % 1 else f"{int(seconds)}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes}m{rest:02d}s" if rest else f"{minutes}m"
    if whole < _DAY:
        hours, rest = divmod(whole, _HOUR)
        return f"{hours}h{rest // _MINUTE:02d}m" if rest >= _MINUTE else f"{hours}h"
    days, rest = divmod(whole, _DAY)
    return f"{days}d{rest // _HOUR}h" if rest >= _HOUR else f"{days}d"


def duration_cell(seconds: float | None) -> Cell:
    """A length of time, its units dim."""
    return MISSING if seconds is None else with_dim_unit(duration(seconds))


def with_dim_unit(text: str, tone: Tone = Tone.PLAIN) -> Cell:
    """A number whose letters and signs recede behind its digits."""
    spans, start = [], None
    for index, ch in enumerate(text):
        if ch.isdigit() or ch == ".":
            if start is not None:
                spans.append(Span(start, index, Tone.DIM))
                start = None
        elif start is None:
            start = index
    if start is not None:
        spans.append(Span(start, len(text), Tone.DIM))
    return Cell(text, tone, tuple(spans))


def clock(now: datetime) -> str:
    """Minutes are enough for a clock: `12:04Z`."""
    return now.strftime("%H:%MZ")


def moment(at: datetime | None, now: datetime) -> str:
    """A time as short as it can be: `09:12:03`, `08-21 09:12`, `2025-08-21`; a dash for None.

    What is to come tomorrow has its date, what was yesterday evening has not.
    """
    if at is None:
        return MISSING.text
    if timedelta(minutes=-1) < now - at < timedelta(hours=20) or at.date() == now.date():
        return at.strftime("%H:%M:%S")
    if at.year == now.year:
        return at.strftime("%m-%d %H:%M")
    return f"{at.year:04d}-{at.month:02d}-{at.day:02d}"


def log_time(at: datetime | None, style: LogTime, now: datetime) -> str:
    """Time before a log line; `short` and `full` have one width each."""
    if style == "none":
        return ""
    if at is None:
        return MISSING.text
    if style == "relative":
        return age_word(at, now).rjust(4)
    millis = at.microsecond // 1000
    if style == "short":
        return f"{at:%H:%M:%S}.{millis:03d}"
    return f"{at.year:04d}-{at:%m-%dT%H:%M:%S}.{millis:03d}Z"


def countdown(at: datetime, now: datetime) -> str:
    """Time until something, rounded up, coarser the farther: `4 s`, `30 s`, `2 m`; `now` when due."""
    left = math.ceil((at - now).total_seconds())
    if left <= 0:
        return "now"
    if left <= 10:
        return f"{left} s"
    if left <= _MINUTE:
        return f"{-(-left // 10) * 10} s"
    return f"{-(-left // _MINUTE)} m" if left <= _HOUR else f"{-(-left // _HOUR)} h"


def _spaced_ago(at: datetime, now: datetime) -> str:
    word = age_word(at, now)
    return "just now" if word == "now" else f"{word[:-1]} {word[-1]} ago"


def freshness(fact: Fact[Any], now: datetime, *, at: datetime | None = None) -> Cell:
    """How a fact is kept, for a pane's border: `live`, `5 s ago`, `retry in 4 s`, `stale 3m: why`, `not allowed: …`.

    Args:
        fact: The fact; its `retry_at` is told by the same clock as `now`.
        now: Present time.
        at: When it was read, if not `fact.at`.
    """
    read_at = at or fact.at
    if fact.freshness is Freshness.LIVE:
        return Cell("live", Tone.DIM)
    if fact.freshness is Freshness.POLLED:
        return Cell(_spaced_ago(read_at, now) if read_at else "read", Tone.DIM)
    if fact.freshness is Freshness.LOADING:
        return Cell("loading…", Tone.DIM)
    if fact.freshness is Freshness.REFUSED:
        return refusal(fact.problem)
    if fact.freshness is Freshness.STALE:
        return _stale(read_at, fact.retry_at, fact.problem, now)
    return EMPTY


def refusal(problem: Problem | None) -> Cell:
    """Why the server will not tell."""
    if problem is None:
        return Cell("not available", Tone.DIM)
    if problem.status in (401, 403):
        return Cell(f"not allowed: {problem.title}", Tone.WARN)
    return Cell(problem.title, Tone.DIM)


def _stale(at: datetime | None, retry_at: datetime | None, problem: Problem | None, now: datetime) -> Cell:
    old = f"stale {age_word(at, now)}" if at is not None and age_word(at, now) != "now" else "stale"
    if at is None:
        old = "no answer"
    text = f"{old}: {problem.title}" if problem is not None else old
    if retry_at is not None:
        # What is being done comes before the reason: the border is narrow.
        text = f"retry in {countdown(retry_at, now)}" if retry_at > now else "retrying"
        text = f"{old}, {text}" if at is not None else text
    return Cell(text, Tone.WARN)


def is_loading(fact: Fact[Any]) -> bool:
    """Whether a fact has not been answered yet."""
    return fact.freshness in (Freshness.UNKNOWN, Freshness.LOADING) and fact.problem is None


def stream_words(stream: Stream | None, now: datetime) -> Cell:
    """State of a stream, for a border: `live`, `connecting…`, `retry in 4 s`, or why it stopped."""
    if stream is None:
        return EMPTY
    if stream.state is StreamState.LIVE:
        return Cell("live", Tone.DIM)
    if stream.state is StreamState.CONNECTING:
        return Cell("connecting…", Tone.DIM)
    if stream.state is StreamState.STOPPED:
        return refusal(stream.problem) if stream.problem is not None else Cell("ended", Tone.DIM)
    if stream.retry_at is not None and stream.retry_at > now:
        return Cell(f"retry in {countdown(stream.retry_at, now)}", Tone.WARN)
    return Cell("reconnecting…", Tone.WARN)
