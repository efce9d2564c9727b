"""Opens a watch or follow stream and gives what it says as typed items.

A task of the stream's own reads without ever waiting for the consumer: a client that stops reading is
dropped by the server within 30 s. What the consumer has not taken yet is merged: snapshots replace each
other, log lines join. 35 s without a sign, pings included, is the end (contract: README §7).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, TypeVar

from agentdash.api import errors, transport
from agentdash.api.client import Client
from agentdash.api.schema import NotDecodable
from agentdash.api.sources import NormalEnd, Route, Source, Transport
from agentdash.wire import events
from agentdash.wire.errors import MessageError
from agentdash.wire.sse import SseDecoder

T = TypeVar("T")

SILENCE_S: Final = 35.0
_THREAD_FROM: Final = 64 * 1024
_MAX_NOTICES: Final = 20


@dataclass(frozen=True, slots=True)
class Opened:
    """The first item. Proves that the server listens, nothing about the agent."""

    transport: Transport


@dataclass(frozen=True, slots=True)
class Data(Generic[T]):
    payload: T


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The server lives and has nothing to say."""


@dataclass(frozen=True, slots=True)
class Gap:
    """So many lines came that the consumer never gets: it was too slow."""

    lost: int


@dataclass(frozen=True, slots=True)
class StreamError:
    """The server reports trouble, or a message could not be read.

    The stream goes on unless `Closed` follows.
    """

    message: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The last item.

    Attributes:
        reason: the server's word, or ours; may be "".
        code: of the close frame; None without one (a cut, a silence, the end of an SSE body).
        retry: opening again may help. Not before asking for the state when `ask` is set.
        error: what stands behind it, if it has a name.
    """

    reason: str
    code: int | None
    retry: bool
    ask: bool = False
    error: errors.ApiError | None = None


Item = Opened | Data[T] | Heartbeat | Gap | StreamError | Closed


class Mailbox(Generic[T]):
    """Between the reader and the consumer: putting never waits and memory is bounded."""

    def __init__(self, source: Source[T]) -> None:
        self._source = source
        self._first: Opened | None = None
        self._notices: deque[StreamError] = deque(maxlen=_MAX_NOTICES)
        self._lost = 0
        self._data: Data[T] | None = None
        self._beat = False
        self._last: Closed | None = None
        self._news = asyncio.Event()

    def put(self, item: Item[T]) -> None:
        match item:
            case Opened():
                self._first = item
            case StreamError():
                self._notices.append(item)
            case Gap(lost):
                self._lost += lost
            case Data(payload):
                if self._data is not None:
                    payload, lost = self._source.merge(self._data.payload, payload)
                    self._lost += lost
                self._data = Data(payload)
            case Heartbeat():
                self._beat = True
            case Closed():
                self._last = self._last or item
        self._news.set()

    def beat(self) -> None:
        self.put(Heartbeat())

    async def get(self) -> Item[T]:
        while True:
            item = self._take()
            if item is not None:
                return item
            self._news.clear()
            await self._news.wait()

    def _take(self) -> Item[T] | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._lost:
            lost, self._lost = self._lost, 0
            return Gap(lost)
        if self._data is not None:
            data, self._data = self._data, None
            return data
        if self._notices:
            return self._notices.popleft()
        if self._beat:
            self._beat = False
            return Heartbeat()
        return self._last


class Stream(Generic[T]):
    """One opened stream: `async with Stream(client, source) as items: async for item in items`.

    Entering raises the `ApiError` of a refusal. Iteration ends after `Closed`.
    """

    def __init__(self, client: Client, source: Source[T], *, silence_s: float = SILENCE_S) -> None:
        self._client = client
        self._source = source
        self._silence_s = silence_s
        self._mail: Mailbox[T] = Mailbox(source)
        self._task: asyncio.Task[None] | None = None
        self._is_over = False
        self._has_data = False

    async def __aenter__(self) -> Stream[T]:
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(opened), name="stream")
        try:
            await asyncio.wait([opened, self._task], return_when=asyncio.FIRST_COMPLETED)
            (opened if opened.done() else self._task).result()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()
        if self._task is not None and not self._task.cancelled():
            # A mistake in the reader belongs to whoever supervises the consumer.
            self._task.result()

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> Item[T]:
        if self._is_over:
            raise StopAsyncIteration
        item = await self._mail.get()
        self._is_over = isinstance(item, Closed)
        return item

    # -- the reader's task --------------------------------------------------------------------------------------

    async def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            await self._read_first_route(opened)
        except errors.ApiError as error:
            if opened.done():
                self._mail.put(Closed(error.detail, None, retry=not error.is_final, error=error))
            else:
                opened.set_exception(error)
        finally:
            self._mail.put(Closed("The reader ended", None, retry=True))

    async def _read_first_route(self, opened: asyncio.Future[None]) -> None:
        absences = self._client.absences
        routes = [route for route in self._source.routes() if route.absence not in absences]
        for route in routes:
            try:
                if route.transport is Transport.SSE:
                    await self._read_sse(route, opened)
                else:
                    await self._read_websocket(route, opened)
            except errors.RouteNotFound:
                if opened.done() or route is routes[-1]:
                    raise
                absences.add(route.absence)
            else:
                return

    async def _read_websocket(self, route: Route, opened: asyncio.Future[None]) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - 180 ms, not before it is needed

        from agentdash.api.websocket import open_websocket  # noqa: PLC0415

        connection = await open_websocket(self._client, route.path, route.query)
        try:
            connection.on_ping = self._mail.beat
            self._mail.put(Opened(route.transport))
            opened.set_result(None)
            loop = asyncio.get_running_loop()
            while (left_s := connection.last_seen + self._silence_s - loop.time()) > 0:
                try:
                    async with asyncio.timeout(left_s):
                        message = await connection.recv(decode=False)
                except TimeoutError:
                    continue
                await self._take_message(message)
            self._mail.put(_silent(self._silence_s))
            connection.transport.abort()
        except ConnectionClosed as end:
            frame = end.rcvd
            self._mail.put(self._closed(frame.code if frame else None, frame.reason if frame else ""))
        finally:
            await connection.close()

    async def _read_sse(self, route: Route, opened: asyncio.Future[None]) -> None:
        decoder = SseDecoder()
        async with self._client.open_events(route.path, route.query, self._silence_s) as response:
            self._mail.put(Opened(route.transport))
            opened.set_result(None)
            try:
                async for chunk in response.aiter_bytes():
                    self._client.heard()
                    for event in decoder.feed(chunk):
                        await self._take_event(event)
            except transport.silences():
                self._mail.put(_silent(self._silence_s))
                return
        reason = "" if decoder.is_idle else "The connection was cut"
        self._mail.put(self._closed(None, reason))

    async def _take_message(self, message: bytes) -> None:
        try:
            event = self._source.read(message)
        except MessageError as error:
            event = events.Malformed(error.reason)
        await self._take_event(event)

    async def _take_event(self, event: events.StreamEvent) -> None:
        match event:
            case events.Ping():
                self._mail.beat()
            case events.Data(value):
                await self._take_data(value)
            case events.ServerError(message, detail):
                if (end := self._source.check(event)) is not None:
                    raise end
                self._mail.put(StreamError(errors.shorten(f"{message} {detail}")))
            case events.Malformed(reason):
                self._mail.put(StreamError(f"A message could not be read: {reason}"))
            case events.Unknown():
                self._mail.beat()

    async def _take_data(self, value: object) -> None:
        try:
            if isinstance(value, bytes) and len(value) >= _THREAD_FROM:
                # The backlog of a log is several MiB in one message.
                payload = await asyncio.to_thread(self._source.payload, value)
            else:
                payload = self._source.payload(value)
        except NotDecodable as error:
            self._mail.put(StreamError(f"A message could not be read: {error}"))
            return
        self._has_data = True
        self._mail.put(Heartbeat() if payload is None else Data(payload))

    def _closed(self, code: int | None, reason: str) -> Closed:
        if code != 1000:
            return Closed(reason or "The connection was cut", code, retry=True)
        if self._source.is_empty_end_final and not self._has_data:
            return Closed(reason or "It ended before its first message", code, retry=False)
        end = self._source.normal_end
        return Closed(reason, code, retry=end is not NormalEnd.FINAL, ask=end is NormalEnd.ASK)


def _silent(silence_s: float) -> Closed:
    return Closed(f"No sign of life for {silence_s:.0f} s", None, retry=True)
