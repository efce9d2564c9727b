"""Small rules of the wire's JSON that every renderer shares (contract: README.md §6)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

Json: TypeAlias = dict[str, object]

ZERO_UUID = "00000000-0000-0000-0000-000000000000"
ZERO_TIME_TEXT = "0001-01-01T00:00:00Z"
NEVER_COLLECTED_AGE_S = 9223372036


def rfc3339(moment: datetime) -> str:
    """`2026-08-22T07:01:46.12345Z`: UTC, trailing zeros of the fraction cut."""
    moment = moment.astimezone(UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year >= 1000 else ZERO_TIME_TEXT[:-1]
    if moment.microsecond:
        text += f".{moment.microsecond:06d}".rstrip("0")
    return text + "Z"


def time_or_null(moment: datetime | None) -> str | None:
    """A nullable time."""
    return None if moment is None else rfc3339(moment)


def without_empty(values: Json) -> Json:
    """Go's `omitempty`: leave out None, "", 0, False and empty collections."""
    return {key: value for key, value in values.items() if value}
