"""What waits to be sent to one line: keys and sizes, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from agentdash.api.errors import ApiError
from agentdash.feed.clock import Clock
from agentdash.feed.shell_size import Size
from agentdash.feed.shell_status import OpenLine


async def until_over(tellers: list[asyncio.Task[None]], writer: asyncio.Task[None]) -> None:
    """Wait for one of those who know how a line ended. Who writes only finds that it has, and may be the first."""
    done, _ = await asyncio.wait([*tellers, writer], return_when=asyncio.FIRST_COMPLETED)
    if writer in done:
        with contextlib.suppress(ApiError):
            writer.result()
        done, _ = await asyncio.wait(tellers, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


class Outbox:
    """Sends by a task of its own, so that whoever types never waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: deque[str | Size] = deque()
        self._has_mail = asyncio.Event()
        self._later: set[asyncio.Task[None]] = set()

    def clear(self) -> None:
        """Forget what was not sent: it was meant for another moment."""
        self._items.clear()

    def send(self, item: str | Size) -> None:
        """Send keys or a size."""
        self._items.append(item)
        self._has_mail.set()

    def send_later(self, sizes: list[tuple[float, Size]]) -> None:
        """Send sizes, each after so many seconds."""
        for wait, size in sizes:
            if wait <= 0:
                self.send(size)
            else:
                task = asyncio.create_task(self._send_after(wait, size), name="shell-size")
                self._later.add(task)
                task.add_done_callback(self._later.discard)

    async def _send_after(self, wait: float, size: Size) -> None:
        await self._clock.sleep(wait)
        self.send(size)

    async def write(self, line: OpenLine) -> None:
        """Send to this line until cancelled.

        Raises:
            ApiError: The line has ended.
        """
        items = self._items
        try:
            while True:
                await self._has_mail.wait()
                self._has_mail.clear()
                while items:
                    item = items.popleft()
                    if isinstance(item, str):
                        while items and isinstance(items[0], str):
                            item += str(items.popleft())
                        await line.send_input(item)
                    else:
                        await line.resize(*item)
        finally:
            for task in tuple(self._later):
                task.cancel()
