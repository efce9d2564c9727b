"""How long to wait before a request, so that the server never has to refuse one (contract: README §4;
feed.md).

The server counts per user and path, 512 a minute unless configured otherwise. Other programs of the same user
share that number, so our own is half of it. Times are seconds of any clock that only goes forward, handed in
by the caller.
"""

from __future__ import annotations

import re
from collections import deque

SERVER_PER_MINUTE = 512
PER_MINUTE = SERVER_PER_MINUTE // 2
WINDOW_S = 60.0
SWEEP_BYTES_PER_S = 200_000
SWEEP_PAGES_PER_MINUTE = 60
SLOW_ANSWER_S = 2.0
LARGEST_SLOWDOWN = 16.0

_SLASHES = re.compile(r"/+")


class RequestBudget:
    """Requests per minute for each path, over a sliding window."""

    def __init__(self, per_minute: int = PER_MINUTE, window_s: float = WINDOW_S) -> None:
        self._limit = max(1, per_minute)
        self._window_s = window_s
        self._slots: dict[str, deque[float]] = {}
        self._barred_until: dict[str, float] = {}
        self._next_tidy = 0.0

    def reserve(self, path: str, now: float) -> float:
        """Reserve the next request on this path; returns how many seconds to wait before sending it.

        A reservation counts whether it is used or not. Query strings and doubled slashes do not tell paths
        apart.
        """
        self._tidy(now)
        key = _key(path)
        slots = self._slots.setdefault(key, deque(maxlen=self._limit))
        at = max(now, self._barred_until.get(key, now))
        if len(slots) == self._limit:
            at = max(at, slots[0] + self._window_s)
        slots.append(at)
        return at - now

    def penalize(self, path: str, until: float) -> None:
        """Bar one path after a 429 until the time that the server named; other paths go on."""
        key = _key(path)
        self._barred_until[key] = max(until, self._barred_until.get(key, until))

    def barred_s(self, path: str, now: float) -> float:
        """Tell for how many seconds a path is still barred; 0 if it is not."""
        return max(0.0, self._barred_until.get(_key(path), now) - now)

    def _tidy(self, now: float) -> None:
        """Forget paths at rest: every workspace and agent has its own, and a fleet comes and goes."""
        if now < self._next_tidy:
            return
        self._next_tidy = now + self._window_s
        for key in [key for key, slots in self._slots.items() if slots[-1] + self._window_s <= now]:
            del self._slots[key]
        for key in [key for key, until in self._barred_until.items() if until <= now]:
            del self._barred_until[key]


class SweepPace:
    """Spacing of the pages of the slow fleet sweep, by bytes and by pages a minute.

    An answer that took longer than 2 s halves the pace, down to a sixteenth; each faster one doubles it
    again.
    """

    def __init__(
        self,
        bytes_per_s: float = SWEEP_BYTES_PER_S,
        pages_per_minute: float = SWEEP_PAGES_PER_MINUTE,
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._least_s = 60.0 / pages_per_minute
        self.slowdown = 1.0
        """Factor on every pause, 1 when the server is quick."""

    def pause_after(self, size: int, took_s: float) -> float:
        """Give the seconds between the end of a page of `size` bytes that took `took_s` and the next request."""
        if took_s > SLOW_ANSWER_S:
            self.slowdown = min(LARGEST_SLOWDOWN, self.slowdown * 2)
        else:
            self.slowdown = max(1.0, self.slowdown / 2)
        period = max(size / self._bytes_per_s, self._least_s) * self.slowdown
        return max(0.0, period - took_s)


def _key(path: str) -> str:
    path = path.partition("?")[0].partition("#")[0]
    return _SLASHES.sub("/", path).rstrip("/") or "/"
