"""What will happen when: a queue of plain calls on an injected clock.

Scripted events are synchronous functions, so a fleet played for an hour is a loop without tasks, and the same
seed gives the same fleet. `run` plays against any clock; `play` moves a `ManualClock` itself.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agentdash.local.clock import Clock, ManualClock
from agentdash.local.waiting import first_of

_LONGEST_NAP_S = 3600.0


@dataclass(order=True, slots=True)
class Appointment:
    """One planned call; `cancel` makes it a no-op."""

    due_s: float
    order: int
    call: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Never make the call."""
        self.call = None


class Timeline:
    """Planned calls in order of time, equal times in order of planning."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: list[Appointment] = []
        self._order = itertools.count()
        self._news = asyncio.Event()

    def after(self, delay_s: float, call: Callable[[], None]) -> Appointment:
        """Plan `call` for `delay_s` seconds from now; a negative delay means as soon as possible."""
        appointment = Appointment(self._clock.monotonic() + max(0.0, delay_s), next(self._order), call)
        heapq.heappush(self._queue, appointment)
        self._news.set()
        return appointment

    def every(self, interval_s: Callable[[], float], call: Callable[[], None]) -> None:
        """Plan `call` again and again, each time after a fresh `interval_s()`."""

        def again() -> None:
            call()
            self.after(interval_s(), again)

        self.after(interval_s(), again)

    def spawn(self, story: Iterator[float], is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Play a generator that yields the seconds to wait before it goes on.

        Its first step is made at once; it is dropped as soon as `is_wanted()` is False at a step.
        """

        def step() -> None:
            if not is_wanted():
                return
            delay_s = next(story, None)
            if delay_s is not None:
                self.after(delay_s, step)

        step()

    def move_to(self, clock: Clock) -> None:
        """Go on with another clock: what was due in n seconds is due in n seconds of the new one."""
        shift_s = clock.monotonic() - self._clock.monotonic()
        for appointment in self._queue:
            appointment.due_s += shift_s
        self._clock = clock
        self._news.set()

    @property
    def next_due_s(self) -> float | None:
        """Monotonic time of the next call, None when nothing is planned."""
        while self._queue and self._queue[0].call is None:
            heapq.heappop(self._queue)
        return self._queue[0].due_s if self._queue else None

    def run_due(self) -> int:
        """Make every call that is due now; returns how many."""
        made = 0
        while (due := self.next_due_s) is not None and due <= self._clock.monotonic():
            call = heapq.heappop(self._queue).call
            if call is not None:
                call()
                made += 1
        return made

    def play(self, clock: ManualClock, duration_s: float) -> int:
        """Move `clock` through `duration_s` seconds, each call at its own moment; returns how many."""
        end = clock.monotonic() + duration_s
        made = self.run_due()
        while (due := self.next_due_s) is not None and due <= end:
            clock.set_forward(due)
            made += self.run_due()
        clock.set_forward(end)
        return made

    async def run(self) -> None:
        """Make calls as they fall due until cancelled. One task at most runs a timeline."""
        while True:
            self.run_due()
            self._news.clear()
            due = self.next_due_s
            delay = _LONGEST_NAP_S if due is None else due - self._clock.monotonic()
            await first_of(self._clock.sleep(delay), self._news.wait())
