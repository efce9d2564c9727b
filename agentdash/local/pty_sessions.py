"""Terminal sessions by reconnect UUID: clients, timers, the replay of the backend `buffered` (contract: pty.md §9)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import psutil

from agentdash.local.clock import Clock
from agentdash.local.processes import end_processes

RING_SIZE = 65536
MAX_MESSAGE = 32768
IDLE_S = 300.0
START_S = 30.0
SLOW_CLIENT_S = 25.0
BACKLOG_HIGH = 48 * 1024
BACKLOG_LOW = 16 * 1024


class Input(Protocol):
    """Where what a client sends goes."""

    async def write(self, data: bytes) -> None:
        """Type `data`."""
        ...

    def resize(self, rows: int, columns: int) -> None:
        """Set the size in cells."""
        ...


class Terminal(Input, Protocol):
    """What runs in a session: a real program, or the pseudo shell of a scripted agent."""

    def connect(self, on_output: Callable[[bytes], None], on_exit: Callable[[], None]) -> None:
        """Begin; output and end are told from then on."""
        ...

    def pause(self) -> None:
        """No output for the moment."""
        ...

    def resume(self) -> None:
        """Output again."""
        ...

    async def end(self) -> None:
        """End it now."""
        ...

    async def leave(self) -> Sequence[psutil.Process]:
        """Clean up after its own end; returns processes that still run."""
        ...


class Session(Protocol):
    """What a reconnect UUID leads to."""

    clients: set[PtyClient]
    has_ended: bool

    async def attach(self, rows: int, columns: int) -> PtyClient:
        """A new client."""
        ...

    def detach(self, client: PtyClient) -> None:
        """A client left."""
        ...

    def is_over(self) -> bool:
        """Whether the program has ended; without clients nobody may have noticed."""
        ...

    async def end(self) -> None:
        """End it now; clients are not told."""
        ...

    async def leave(self) -> Sequence[psutil.Process]:
        """Clean up after its own end; returns processes that still run."""
        ...


@runtime_checkable
class Shared(Protocol):
    """A program whose session keeps its clients in a way of its own."""

    def session(self, on_end: Callable[[], None]) -> Session:
        """Begin; the end is told."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of a session without any client, of one before the first came, and of a client that takes nothing."""

    idle_s: float = IDLE_S
    start_s: float = START_S
    slow_client_s: float = SLOW_CLIENT_S


class PtyClient:
    """One client: output waits here until its websocket takes it; what it sends goes to `input`."""

    def __init__(self, on_taken: Callable[[], None], to: Input) -> None:
        self.input = to
        self._pending = bytearray()
        self._wake = asyncio.Event()
        self._has_ended = False
        self._on_taken = on_taken

    @property
    def backlog(self) -> int:
        """Bytes that wait."""
        return len(self._pending)

    def feed(self, data: bytes) -> None:
        """Append output."""
        self._pending += data
        self._wake.set()

    def finish(self) -> None:
        """Nothing more will come."""
        self._has_ended = True
        self._wake.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Output in messages of up to 32768 bytes, until the session has ended."""
        while True:
            if self._pending:
                chunk = bytes(self._pending[:MAX_MESSAGE])
                del self._pending[:MAX_MESSAGE]
                self._on_taken()
                yield chunk
            elif self._has_ended:
                return
            else:
                self._wake.clear()
                await self._wake.wait()


class PtySession:
    """One terminal with its clients. A client that does not take its output holds up all others (§9.1)."""

    def __init__(self, terminal: Terminal, on_end: Callable[[], None]) -> None:
        self.terminal = terminal
        self.clients: set[PtyClient] = set()
        self.has_ended = False
        self._ring = bytearray()
        self._on_end = on_end
        self._is_held = False
        terminal.connect(self._output, self._exit)

    async def attach(self, rows: int, columns: int) -> PtyClient:
        """A new client: it gets the replay first, then the terminal takes its size."""
        client = PtyClient(self._taken, self.terminal)
        client.feed(bytes(self._ring))
        if self.has_ended:
            client.finish()
        else:
            self.clients.add(client)
            self.terminal.resize(rows, columns)
        return client

    def detach(self, client: PtyClient) -> None:
        """A client left."""
        self.clients.discard(client)
        self._taken()

    def is_over(self) -> bool:
        """Never here: its end is noticed at once."""
        return False

    async def end(self) -> None:
        """End the program now; clients are not told."""
        await self.terminal.end()

    async def leave(self) -> Sequence[psutil.Process]:
        """Clean up after the program's own end; returns what it left running."""
        return await self.terminal.leave()

    def finish(self) -> None:
        """Tell all clients that it is over; what they have not taken yet they still get."""
        self.has_ended = True
        for client in self.clients:
            client.finish()

    def _output(self, data: bytes) -> None:
        self._ring += data
        del self._ring[:-RING_SIZE]
        for client in self.clients:
            client.feed(data)
        if any(client.backlog > BACKLOG_HIGH for client in self.clients):
            self._is_held = True
            self.terminal.pause()

    def _taken(self) -> None:
        if self._is_held and all(client.backlog < BACKLOG_LOW for client in self.clients):
            self._is_held = False
            self.terminal.resume()

    def _exit(self) -> None:
        self.finish()
        self._on_end()


Key = tuple[str, str]
"""(agent id, reconnect UUID)"""


class PtySessions:
    """All sessions of the deployment. Owns their timers and clean-up tasks."""

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._clock = clock
        self._sessions: dict[Key, Session] = {}
        self._locks: dict[Key, asyncio.Lock] = {}
        self._timers: dict[Key, asyncio.Task[None]] = {}
        self._cleanups: set[asyncio.Task[None]] = set()
        self._leftovers: list[psutil.Process] = []

    @property
    def count(self) -> int:
        """Live sessions."""
        return len(self._sessions)

    def find(self, key: Key) -> Session | None:
        """The live session of that key."""
        return self._sessions.get(key)

    async def attach(
        self, key: Key, start: Callable[[], Awaitable[Terminal | Shared]], rows: int, columns: int
    ) -> tuple[Session, PtyClient]:
        """Attach to the session, made by `start` if there is none; of two at once the first makes it.

        Raises:
            OSError: The program could not be started; nothing is kept.
        """
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            session = self._sessions.get(key)
            if session is not None and session.is_over():
                self._forget(key)
                session = None
            if session is None:
                begun = await start()
                if isinstance(begun, Shared):
                    session = begun.session(lambda: self._forget(key))
                else:
                    session = PtySession(begun, lambda: self._forget(key))
                if not session.has_ended:
                    self._sessions[key] = session
                    self._set_timer(key, self.limits.start_s)
            client = await session.attach(rows, columns)
        self._cancel_timer(key)
        return session, client

    def detach(self, key: Key, session: Session, client: PtyClient) -> None:
        """A client left; the last one starts the idle timer."""
        session.detach(client)
        if not session.clients and self._sessions.get(key) is session:
            self._set_timer(key, self.limits.idle_s)

    async def end_agent(self, agent_id: str) -> None:
        """End all sessions of an agent: its process stopped. Clients are not told, as by the real server, whose
        sockets stay open and silent (contract: pty.md §11).
        """
        await asyncio.gather(*(self._end(key) for key in list(self._sessions) if key[0] == agent_id))

    async def close(self) -> None:
        """End every session, its programs and what they left behind."""
        await asyncio.gather(*(self._end(key) for key in list(self._sessions)))
        for timer in list(self._timers.values()):
            timer.cancel()
        await asyncio.gather(*self._timers.values(), return_exceptions=True)
        await asyncio.gather(*self._cleanups)
        await end_processes(self._leftovers)

    async def _end(self, key: Key) -> None:
        session = self._drop(key)
        if session is not None:
            self._cancel_timer(key)
            await session.end()

    def _drop(self, key: Key) -> Session | None:
        lock = self._locks.get(key)
        if lock is not None and not lock.locked():
            del self._locks[key]
        return self._sessions.pop(key, None)

    def _forget(self, key: Key) -> None:
        session = self._drop(key)
        self._cancel_timer(key)
        if session is not None:
            task = asyncio.create_task(self._clean_up(session), name="pty clean-up")
            self._cleanups.add(task)
            task.add_done_callback(self._cleanups.discard)

    async def _clean_up(self, session: Session) -> None:
        self._leftovers.extend(await session.leave())

    def _set_timer(self, key: Key, delay_s: float) -> None:
        self._cancel_timer(key)
        task = asyncio.create_task(self._expire(key, delay_s), name="pty timer")
        self._timers[key] = task
        task.add_done_callback(lambda done: self._timers.pop(key) if self._timers.get(key) is done else None)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None and timer is not asyncio.current_task():
            timer.cancel()

    async def _expire(self, key: Key, delay_s: float) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self._clock.sleep(delay_s)
            await self._end(key)
