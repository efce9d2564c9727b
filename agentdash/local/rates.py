"""Request budget of the server: a sliding minute per path (contract: README.md §4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

LIMIT = 512
WINDOW_S = 60
_MAX_PATHS = 8192


@dataclass(slots=True)
class _Window:
    start: int
    count: int = 0
    previous: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """Verdict on one request; `reset` in Unix seconds."""

    limit: int
    remaining: int
    reset: int
    is_exceeded: bool

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`X-RateLimit-*`, and `Retry-After` when the limit is exceeded."""
        pairs = [
            (b"x-ratelimit-limit", self.limit),
            (b"x-ratelimit-remaining", self.remaining),
            (b"x-ratelimit-reset", self.reset),
        ]
        if self.is_exceeded:
            pairs.append((b"retry-after", WINDOW_S))
        return [(name, str(value).encode()) for name, value in pairs]


class RateLimiter:
    """Counts by path; the last window weighs by the share of it that still lies within a minute."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._windows: dict[str, _Window] = {}

    def count(self, path: str, now_s: float) -> Rate:
        """Count one request to `path` at Unix time `now_s`."""
        start = int(now_s // WINDOW_S) * WINDOW_S
        if len(self._windows) > _MAX_PATHS:
            self._windows.clear()
        window = self._windows.setdefault(path, _Window(start))
        if window.start != start:
            is_next = start - window.start == WINDOW_S
            window.previous = window.count if is_next else 0
            window.start, window.count = start, 0
        share = 1 - (now_s - start) / WINDOW_S
        used = window.previous * share + window.count
        if used >= self.limit:
            return Rate(self.limit, 0, start + WINDOW_S, is_exceeded=True)
        window.count += 1
        remaining = max(0, math.floor(self.limit - used - 1))
        return Rate(self.limit, remaining, start + WINDOW_S, is_exceeded=False)
