"""Delays before the next attempt (contract: README §4, §7.4). No clock and no sleep here: numbers in, seconds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_S = 1.0
LARGEST_S = 30.0
HEALTHY_S = 30.0
SMALLEST_S = 0.2
"""No delay is shorter: a server that refuses at once is not asked in a tight loop."""
MAX_RETRY_AFTER_S = 3600.0


class Backoff(Iterator[float]):
    """An endless iterator of delays with full jitter: each is random below a bound that doubles from 1 s to
    30 s.

    `random` gives numbers from 0 to 1, as `random.Random().random` does.
    """

    def __init__(
        self,
        random: Callable[[], float],
        *,
        first_s: float = FIRST_S,
        largest_s: float = LARGEST_S,
        healthy_s: float = HEALTHY_S,
    ) -> None:
        self._random = random
        self._first_s = first_s
        self._largest_s = largest_s
        self._healthy_s = healthy_s
        self.attempts = 0
        """Delays given since the last reset."""

    def __next__(self) -> float:
        return self.delay()

    def delay(self, retry_after_s: float | None = None) -> float:
        """Give the next delay in seconds; what the server asked for (`Retry-After`) is waited out, jitter on top."""
        # Beyond 2^16 the bound has long been reached, and the power would overflow one day.
        bound = min(self._largest_s, self._first_s * 2.0 ** min(self.attempts, 16))
        self.attempts += 1
        jitter = self._random() * bound
        return max(SMALLEST_S, jitter) if retry_after_s is None else max(0.0, retry_after_s) + jitter

    def reset(self) -> None:
        """Begin again at the shortest bound."""
        self.attempts = 0

    def ended(self, lasted_s: float) -> None:
        """Tell how long a stream had been healthy when it ended; after 30 s its failure is a new one."""
        if lasted_s >= self._healthy_s:
            self.reset()


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` header: whole seconds, or a date. `None` if there is none to read; at most one hour."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:9]), MAX_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(0.0, (date - now).total_seconds()), MAX_RETRY_AFTER_S)
