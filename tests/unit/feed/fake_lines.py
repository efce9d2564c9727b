"""Terminals without a server: lines that tests feed, cut and refuse."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agentdash.api.errors import ConnectFailed
from agentdash.api.terminal import TerminalClose
from agentdash.feed.shells import Target


class FakeLine:
    """One connection to a PTY, as the server's side holds it."""

    def __init__(self, agent_id: str, reconnect: uuid.UUID, height: int, width: int) -> None:
        self.agent_id = agent_id
        self.reconnect = reconnect
        self.size = (height, width)
        self.typed: list[str] = []
        self.sizes: list[tuple[int, int]] = []
        self.is_open = True
        self.echoes = False
        self.has_closed = False
        self.ended: TerminalClose | None = None
        self.unheard: Callable[[], float] = float
        """How long the server has been silent; as it stands it never is."""
        self.answers = True
        """Whether the server answers a probe."""
        self.probes = 0
        self.round_trip_s = 0.0
        self._out: asyncio.Queue[object] = asyncio.Queue()

    def say(self, output: bytes) -> None:
        """The program writes."""
        self._out.put_nowait(output)

    def end(self, close: TerminalClose) -> None:
        """The line ends like this."""
        self._out.put_nowait(close)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            item = await self._out.get()
            if isinstance(item, TerminalClose):
                self.ended = item
                return
            assert isinstance(item, bytes)
            yield item

    @property
    def unheard_s(self) -> float:
        return self.unheard()

    def probe(self) -> None:
        self.probes += 1
        if self.answers:
            self.unheard = float

    async def send_input(self, text: str) -> None:
        if self.has_closed:
            raise ConnectFailed("The terminal has ended")
        self.typed.append(text)
        if self.echoes:
            self.say(text.replace("\r", "\r\n").encode())

    async def resize(self, height: int, width: int) -> None:
        self.sizes.append((height, width))


@dataclass
class FakeLines:
    """Opens lines; `refuse` fails the next openings in order."""

    statuses: dict[str, str] = field(default_factory=dict)
    """Agent id → what the server says of it when asked after a close."""
    refuse: list[Exception] = field(default_factory=list)
    status_error: Exception | None = None
    status_gate: asyncio.Event | None = None
    """Held back until it is set."""
    usage_error: Exception | None = None
    echoes: bool = False
    opened: list[FakeLine] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    usage: list[tuple[str, str]] = field(default_factory=list)

    @property
    def last(self) -> FakeLine:
        """The latest line."""
        return self.opened[-1]

    @asynccontextmanager
    async def open(
        self, agent_id: str, reconnect: uuid.UUID, target: Target, *, height: int, width: int
    ) -> AsyncIterator[FakeLine]:
        self.targets.append(target)
        if self.refuse:
            raise self.refuse.pop(0)
        line = FakeLine(agent_id, reconnect, height, width)
        line.echoes = self.echoes
        self.opened.append(line)
        try:
            yield line
        finally:
            line.is_open = False
            if line.ended is None:
                line.ended = TerminalClose(None, is_ours=True)

    async def agent_status(self, agent_id: str) -> str:
        if self.status_gate is not None:
            await self.status_gate.wait()
        if self.status_error is not None:
            raise self.status_error
        return self.statuses.get(agent_id, "connected")

    async def report_usage(self, workspace_id: str, agent_id: str) -> None:
        self.usage.append((workspace_id, agent_id))
        if self.usage_error is not None:
            raise self.usage_error
