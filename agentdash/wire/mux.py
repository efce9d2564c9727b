"""yamux streams for tasks, on any duplex of messages (contract: tailnet.md §5.1, §5.2, §10).

Opens nothing itself: whoever has a connection hands it in. One task reads, one writes, one asks for signs of
life; they live as long as the `async with` block. Memory is bounded by the windows: who does not read a
stream holds up that stream alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self

from agentdash.wire.errors import MuxEndedError, StreamOverError
from agentdash.wire.yamux import Session
from agentdash.wire.yamux_events import (
    Broken,
    DataReceived,
    Event,
    GoneAway,
    PingAnswered,
    StreamAccepted,
    StreamFinished,
    StreamOffered,
    StreamReset,
    WindowGrown,
)

PING_EVERY_S = 30.0
PING_WITHIN_S = 10.0
FLUSH_WITHIN_S = 2.0

Sleep = Callable[[float], Awaitable[None]]


class Duplex(Protocol):
    """A connection that carries bytes both ways; borders of messages mean nothing."""

    async def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            MuxEndedError: The connection has ended.
        """
        ...

    async def receive(self) -> bytes:
        """The next bytes.

        Raises:
            MuxEndedError: The connection has ended; the text says how.
        """
        ...


class MuxStream:
    """One stream: bytes both ways, each direction closed by itself."""

    def __init__(self, mux: Mux, stream_id: int) -> None:
        self._mux = mux
        self.id = stream_id
        self._pieces: deque[bytes] = deque()
        self._is_finished = False
        self.is_finished_here = False
        self._fault = ""
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def write(self, data: bytes) -> None:
        """Send all of it; waits while the peer's window is full.

        Raises:
            StreamOverError: Reset, or closed by us.
            MuxEndedError: The session has ended.
        """
        view = memoryview(data)
        while view:
            self._mux.check()
            sent = self._mux.session.send(self.id, bytes(view[: 1 << 18]))
            self._mux.wake()
            view = view[sent:]
            if not sent:
                self._room.clear()
                await self._room.wait()

    async def read(self) -> bytes:
        """The next bytes; empty when the peer has closed its direction.

        Raises:
            StreamOverError: The peer reset the stream.
            MuxEndedError: The session has ended.
        """
        while not self._pieces:
            if self._fault:
                raise StreamOverError(self._fault)
            if self._is_finished:
                return b""
            self._mux.check()
            self._news.clear()
            await self._news.wait()
        piece = self._pieces.popleft()
        self._mux.session.consume(self.id, len(piece))
        self._mux.wake()
        return piece

    def finish(self) -> None:
        """Close our direction."""
        self.is_finished_here = True
        self._mux.session.finish(self.id)
        if self._is_finished and not self._mux.session.is_over:
            self._mux.drop(self)
        self._mux.wake()

    def reset(self) -> None:
        """Throw the stream away."""
        self._mux.session.reset(self.id)
        self._mux.drop(self)

    def take(self, event: Event) -> None:
        """What the session says about this stream."""
        match event:
            case DataReceived(_, data):
                self._pieces.append(data)
            case StreamFinished():
                self._is_finished = True
            case StreamReset():
                self._fault = "the peer reset the stream"
            case WindowGrown() | StreamAccepted():
                pass
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._news.set()
        self._room.set()


class Mux:
    """A session on a duplex: `async with Mux(duplex, is_client=True) as mux`.

    Args:
        ping_every_s: pause between two pings of ours.
        ping_within_s: how long the peer may take to answer one.
        on_pong: called for each answer.
        sleep: how time passes; tests bring their own.
    """

    def __init__(
        self,
        duplex: Duplex,
        *,
        is_client: bool,
        ping_every_s: float = PING_EVERY_S,
        ping_within_s: float = PING_WITHIN_S,
        on_pong: Callable[[], None] = lambda: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._duplex = duplex
        self.session = Session(is_client=is_client)
        self._ping_every_s = ping_every_s
        self._ping_within_s = ping_within_s
        self._on_pong = on_pong
        self._sleep = sleep
        self._streams: dict[int, MuxStream] = {}
        self._offered: deque[MuxStream] = deque()
        self._offer_news = asyncio.Event()
        self._output_news = asyncio.Event()
        self._flushed = asyncio.Event()
        self._pong = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_dirty = False
        self._breaking = ""
        self.reason = ""
        """Why the session ended, "" while it goes on."""

    async def __aenter__(self) -> Self:
        jobs: list[tuple[str, Coroutine[Any, Any, None]]] = [
            ("mux reader", self._read()),
            ("mux writer", self._write()),
            ("mux pings", self._ping()),
        ]
        self._tasks = [asyncio.create_task(job, name=name) for name, job in jobs]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await self.flush()
        self._end("closed here")
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            # A mistake in one of the tasks belongs to whoever opened the session.
            if isinstance(result, Exception):
                raise result

    @property
    def is_over(self) -> bool:
        """Whether the session has ended."""
        return self._ended.is_set()

    async def wait_ended(self) -> str:
        """Wait for the end; returns its reason."""
        await self._ended.wait()
        return self.reason

    def open(self) -> MuxStream:
        """Open a stream.

        Raises:
            MuxEndedError: The session has ended.
            SessionOverError, TooManyStreamsError: No new stream is possible.
        """
        self.check()
        stream = MuxStream(self, self.session.open())
        self._streams[stream.id] = stream
        self.wake()
        return stream

    async def accept(self) -> MuxStream:
        """The next stream that the peer opens.

        Raises:
            MuxEndedError: The session has ended.
        """
        while True:
            while not self._offered:
                self.check()
                self._offer_news.clear()
                await self._offer_news.wait()
            stream = self._offered.popleft()
            if stream.id in self._streams:
                self.session.accept(stream.id)
                self.wake()
                return stream

    async def flush(self) -> None:
        """Wait until everything that was said has been handed to the connection, or it has ended."""
        while not self.is_over and self._is_dirty:
            self._flushed.clear()
            await self._flushed.wait()

    def check(self) -> None:
        """Raises MuxEndedError when the session has ended."""
        if self.is_over:
            raise MuxEndedError(self.reason)

    def wake(self) -> None:
        """There is something to send."""
        self._is_dirty = True
        self._output_news.set()

    def drop(self, stream: MuxStream) -> None:
        """Forget a stream that was thrown away here."""
        self._streams.pop(stream.id, None)
        self.wake()

    # -- the tasks ----------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while not self.is_over:
            try:
                data = await self._duplex.receive()
            except MuxEndedError as end:
                self._end(str(end))
                return
            for event in self.session.receive(data):
                self._take(event)
            self.wake()

    def _take(self, event: Event) -> None:
        match event:
            case StreamOffered(stream_id):
                stream = self._streams[stream_id] = MuxStream(self, stream_id)
                self._offered.append(stream)
                self._offer_news.set()
            case PingAnswered():
                self._pong.set()
                self._on_pong()
            case GoneAway():
                pass
            case Broken(reason):
                self._breaking = reason
            case _:
                self._tell_stream(event)

    def _tell_stream(
        self, event: StreamAccepted | DataReceived | WindowGrown | StreamFinished | StreamReset
    ) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.take(event)
            # Not by what the session still holds: it is ahead of these events, and may have broken since.
            if isinstance(event, StreamReset) or (
                isinstance(event, StreamFinished) and stream.is_finished_here
            ):
                self._streams.pop(event.stream_id, None)

    async def _write(self) -> None:
        while True:
            await self._output_news.wait()
            self._output_news.clear()
            data = self.session.take_output()
            if data:
                try:
                    await self._duplex.send(data)
                except MuxEndedError as end:
                    self._end(str(end))
                    return
            self._is_dirty = self._output_news.is_set()
            self._flushed.set()
            if self._breaking:
                # The go away has been sent: whoever is told has been told.
                self._end(self._breaking)
                return

    async def _ping(self) -> None:
        while True:
            await self._sleep(self._ping_every_s)
            if self.session.is_over:
                return
            self._pong.clear()
            self.session.ping()
            self.wake()
            late = asyncio.ensure_future(self._sleep(self._ping_within_s))
            pong = asyncio.ensure_future(self._pong.wait())
            try:
                await asyncio.wait({late, pong}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                late.cancel()
                pong.cancel()
            if not self._pong.is_set():
                self._end(f"no sign of life for {self._ping_within_s:.0f} s")
                return

    def _end(self, reason: str) -> None:
        if self.is_over:
            return
        self.reason = reason
        self._ended.set()
        self.session.receive_end()
        for stream in tuple(self._streams.values()):
            stream.wake()
        self._offer_news.set()
        self._flushed.set()
