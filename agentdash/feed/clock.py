"""Time as the feed sees it: handed in, so that tests own it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time and lets it pass."""

    def now(self) -> datetime:
        """Local time, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        """Local time, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)


async def is_set_within(clock: Clock, event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event or the end of the time, whichever is first; True if the event is set."""
    if not event.is_set():
        waits = {
            asyncio.ensure_future(clock.sleep(seconds)),
            asyncio.ensure_future(event.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
    return event.is_set()


class Alarm:
    """A wait that can be cut short: by `refresh`, or because something changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the wait that is on, or the next one at once."""
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Wait; True if it was rung."""
        was_rung = await is_set_within(self._clock, self._rung, seconds)
        self._rung.clear()
        return was_rung
