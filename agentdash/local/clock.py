"""Time for the embedded deployment: real, or moved by hand in tests.

Everything in `local/` asks a clock; nothing calls `time` or `asyncio.sleep` itself, so that a fleet can be
played for an hour in a millisecond and comes out the same each time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

DEFAULT_START = datetime(2026, 8, 24, 9, 0, 0, tzinfo=UTC)
_SETTLE_TURNS = 20
"""Loop turns given to woken tasks before manual time goes on: enough for a few nested awaits."""


class Clock(Protocol):
    """What `local/` wants to know about time."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Return when `delay_s` seconds of this clock have passed."""
        ...


class RealClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, delay_s))


class FastClock:
    """Real time made faster: one real second is `speed` seconds here."""

    def __init__(self, speed: float, start: datetime | None = None) -> None:
        if speed <= 0:
            raise ValueError("speed must be positive")
        self._speed = speed
        self._zero = time.monotonic()
        self._start = start or datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._zero) * self._speed

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, delay_s) / self._speed)


class ManualClock:
    """Time that stands still until a test moves it.

    `set_forward` only moves the hands; `advance` also wakes sleepers, each at its own moment and in order,
    and lets the loop run between two of them.
    """

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, delay_s: float) -> None:
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + delay_s, next(self._order), future))
        await future

    def set_forward(self, to_s: float) -> None:
        """Move the hands to `to_s` on the monotonic scale; an earlier value is ignored."""
        self._elapsed_s = max(self._elapsed_s, to_s)

    async def advance(self, delay_s: float) -> None:
        """Let `delay_s` seconds pass, waking every sleeper that falls due on the way."""
        end = self._elapsed_s + delay_s
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            self.set_forward(due)
            if not future.done():
                future.set_result(None)
                await _settle()
        self.set_forward(end)
        await _settle()


async def _settle() -> None:
    for _ in range(_SETTLE_TURNS):
        await asyncio.sleep(0)
