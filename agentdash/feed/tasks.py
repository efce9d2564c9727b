"""Named tasks with an owner: started, kept alive, cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from agentdash.feed.clock import Clock
from agentdash.wire.backoff import Backoff

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[None]]


class Tasks:
    """Tasks by name. One that crashes is logged with its trace and started anew after a delay.

    This is the border where any exception of a task ends (house rule 9); a task that returns is done.
    """

    def __init__(self, clock: Clock, random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    @property
    def names(self) -> frozenset[str]:
        """Names of the tasks that were started and not stopped."""
        return frozenset(self._tasks)

    def is_done(self, name: str) -> bool:
        """Whether a task has ended by itself."""
        task = self._tasks.get(name)
        return task is not None and task.done()

    def start(self, name: str, job: Job) -> None:
        """Start a task unless one of that name runs or has ended by itself."""
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._keep(name, job), name=name)

    def stop(self, name: str) -> None:
        """Cancel a task; its end is awaited by `close`."""
        task = self._tasks.pop(name, None)
        if task is None:
            return
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        for name in list(self._tasks):
            self.stop(name)
        while self._ending:
            await asyncio.gather(*self._ending, return_exceptions=True)

    async def _keep(self, name: str, job: Job) -> None:
        backoff = Backoff(self._random)
        while True:
            began = self._clock.monotonic()
            try:
                await job()
            except Exception:  # border 1: a task's mistake must not end the screen
                log.exception("task %s crashed", name)
            else:
                return
            backoff.ended(self._clock.monotonic() - began)
            await self._clock.sleep(backoff.delay())
