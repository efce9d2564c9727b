"""What an agent has to say, in order, kept over a cut of its connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agentdash.api import errors
from agentdash.api.agent_logs import LogEntry, batches, storable
from agentdash.api.agent_rpc import AgentRpc
from agentdash.api.tailnet_errors import RpcRefused, RpcUnknown

Saying = Callable[[AgentRpc], Awaitable[object]]
MAX_WAITING = 1 << 20
"""Bytes of log lines that wait for a connection; what comes on top is lost, as with the real agent."""


@dataclass(slots=True)
class _Lines:
    """Log lines of one source that can go in one request."""

    source_id: str
    entries: list[LogEntry] = field(default_factory=list)


class Outbox:
    """A queue with one reader at a time. What a server refuses is told to `on_refusal` and dropped."""

    def __init__(self, on_refusal: Callable[[errors.ApiError], None]) -> None:
        self._on_refusal = on_refusal
        self._waiting: deque[Saying | _Lines] = deque()
        self._is_sending = False
        self._size = 0
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.is_log_full = False
        self.lost_lines = 0

    def add(self, saying: Saying) -> None:
        """Say something, after all that was said before."""
        self._waiting.append(saying)
        self._wake()

    def add_line(self, source_id: str, entry: LogEntry) -> None:
        """A log line: it joins those of its source that have not gone yet."""
        # Cut first: what is counted here must be what is taken off the count when it has gone.
        entry = LogEntry(storable(entry.output), entry.level, entry.created_at)
        size = _cost(entry)
        if self.is_log_full or self._size + size > MAX_WAITING:
            self.lost_lines += 1
            return
        self._size += size
        last = self._waiting[-1] if self._waiting else None
        is_free = isinstance(last, _Lines) and not (self._is_sending and len(self._waiting) == 1)
        if isinstance(last, _Lines) and is_free and last.source_id == source_id:
            last.entries.append(entry)
        else:
            self._waiting.append(_Lines(source_id, [entry]))
        self._wake()

    async def send(self, rpc: AgentRpc) -> None:
        """Say what waits and what comes, until cancelled or cut; a thing that was not answered stays.

        Raises:
            ApiError: The connection has ended.
        """
        while True:
            while self._waiting:
                self._is_sending = True
                try:
                    await self._say(rpc, self._waiting[0])
                except (RpcRefused, RpcUnknown) as refusal:
                    self._on_refusal(refusal)
                finally:
                    self._is_sending = False
                self._waiting.popleft()
            self._empty.set()
            self._news.clear()
            await self._news.wait()

    async def wait_empty(self) -> None:
        """Return when everything has been said."""
        await self._empty.wait()

    async def _say(self, rpc: AgentRpc, what: Saying | _Lines) -> None:
        if not isinstance(what, _Lines):
            await what(rpc)
            return
        for batch in batches(list(what.entries)):
            if not self.is_log_full and not await rpc.send_logs(what.source_id, batch):
                self.is_log_full = True
            # What was sent must not be sent again after a cut.
            del what.entries[: len(batch)]
            self._size -= sum(_cost(entry) for entry in batch)

    def _wake(self) -> None:
        self._empty.clear()
        self._news.set()


def _cost(entry: LogEntry) -> int:
    return len(entry.output.encode("utf-8", "replace")) + 1
