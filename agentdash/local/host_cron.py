"""Cron expressions of agent scripts: `sec min hour day month [weekday]`, seconds first (contract: agents.md §2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_FIELDS = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 7),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_HORIZON = timedelta(days=366 * 5)


class CronError(ValueError):
    """An expression that cannot be read; the message names the field."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression; each field is the set of its values. Weekday 0 is Sunday."""

    second: frozenset[int]
    minute: frozenset[int]
    hour: frozenset[int]
    day: frozenset[int]
    month: frozenset[int]
    weekday: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """The first fitting time after `moment`, None when there is none within five years."""
        at = moment.replace(microsecond=0) + timedelta(seconds=1)
        end = moment + _HORIZON
        while at < end:
            if at.month not in self.month or not self._is_day(at):
                at = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0)
            elif at.hour not in self.hour:
                at = (at + timedelta(hours=1)).replace(minute=0, second=0)
            elif at.minute not in self.minute:
                at = (at + timedelta(minutes=1)).replace(second=0)
            elif at.second not in self.second:
                at += timedelta(seconds=1)
            else:
                return at
        return None

    def _is_day(self, at: datetime) -> bool:
        has_day, has_weekday = at.day in self.day, at.isoweekday() % 7 in self.weekday
        # Two restricted day fields mean "either", an old habit of cron.
        if len(self.day) < 31 and len(self.weekday) < 7:
            return has_day or has_weekday
        return has_day and has_weekday


def parse_cron(text: str) -> Cron:
    """Parse five or six fields.

    Raises:
        CronError: Wrong number of fields, or a field out of its range.
    """
    fields = text.split()
    if len(fields) not in {5, 6}:
        raise CronError(f"{len(fields)} fields, want 5 or 6")
    fields += ["*"] * (6 - len(fields))
    return Cron(*(_parse_field(field, *spec) for field, spec in zip(fields, _FIELDS, strict=True)))


def _parse_field(text: str, name: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in text.lower().split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, name) if step_text else 1
        if span in {"*", "?"}:
            first, last = low, high
        else:
            left, dash, right = span.partition("-")
            first = _number(left, name)
            last = _number(right, name) if dash else (high if step_text else first)
        if not (low <= first <= last <= high and step > 0):
            raise CronError(f"{name}: {part!r} is not within {low}-{high}")
        values.update(range(first, last + 1, step))
    if name == "weekday":
        # Sunday is 0 and 7.
        return frozenset(value % 7 for value in values)
    return frozenset(values)


def _number(text: str, name: str) -> int:
    names = {"month": (_MONTHS, 1), "weekday": (_WEEKDAYS, 0)}.get(name)
    if names is not None and text in names[0]:
        return names[0].index(text) + names[1]
    if not (text.isascii() and text.isdigit()):
        raise CronError(f"{name}: {text!r} is no number")
    return int(text)
