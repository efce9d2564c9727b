"""Streams as the real server sends them: server-sent events and websockets (contract: README.md §7).

A handler is an ASGI application that first raises `ApiError` or `RefusalError` for whatever is wrong before the
upgrade, and then runs one producer next to the watchers every stream has: of the client, and of the server's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from agentdash.local.auth import Gate, foreign_origin_text
from agentdash.local.clock import Clock
from agentdash.local.websocket import handshake_fault, header_map

_T = TypeVar("_T")
Stream = Callable[[Scope, Receive, Send], Awaitable[None]]

PING_INTERVAL_S = 15.0
SEND_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
SSE_HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)
ACCEPT_FAILED = "Failed to accept websocket."
UPGRADE_FAILED = "Failed to upgrade connection to websocket."
EVENTS_FAILED = "Internal error setting up server-sent events."


@dataclass(frozen=True, slots=True)
class Close:
    """Code and reason of a websocket's close frame."""

    code: int = 1000
    reason: str = ""


LOGS_DATA = Close(1008, "unexpected data message")
EVENTS_DATA = Close(1002, "Clients cannot send messages for one-way WebSockets")
EVENTS_DONE = Close(1000, "Connection closed")
EVENTS_SLOW = Close(1011, "Unable to send newest message")


class RefusalError(Exception):
    """An answer instead of the stream."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response.status_code))
        self.response = response


def compact_json(value: object) -> str:
    """JSON as the real server writes it: no spaces, `<`, `>` and `&` escaped (contract: README.md §6)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


class Socket:
    """The server's side of a websocket; on a plain request `accept` refuses it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_closed = False

    async def accept(self, gate: Gate, failure: str) -> None:
        """Do the upgrade.

        Args:
            gate: Judges the `Origin`.
            failure: `message` of the JSON line in a refusal.

        Raises:
            RefusalError: No websocket handshake, a broken one, or a foreign `Origin` (contract: pty.md §4).
        """
        headers = header_map(self._scope["headers"])
        fault = handshake_fault(headers)
        if fault is None and gate.is_foreign_origin(headers):
            fault = 403, foreign_origin_text(headers)
        if fault is not None:
            raise RefusalError(_handshake_refusal(*fault, failure))
        await self._receive()
        await self._send({"type": "websocket.accept", "headers": []})

    async def send_text(self, text: str, *, split: bool = False) -> None:
        """Send a text message, `split` into two frames where the real server does that."""
        await self._send({"type": "websocket.send", "text": text, "agentdash.split": split})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self._send({"type": "websocket.send", "bytes": data})

    async def receive(self) -> Mapping[str, Any]:
        """The next message of the client: `websocket.receive` or `websocket.disconnect`."""
        return await self._receive()

    async def close(self, close: Close) -> None:
        """Send a close frame, once."""
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(ClientDisconnected):
                await self._send({"type": "websocket.close", "code": close.code, "reason": close.reason})

    async def abort(self) -> None:
        """Drop the connection without a close frame."""
        self._is_closed = True
        await self._send({"type": "agentdash.abort"})

    async def stop_reading(self) -> None:
        """Never read from the client again, pongs included: the liveness probe will fail."""
        await self._send({"type": "agentdash.deaf"})


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What ends a one-way websocket besides its producer."""

    on_data: Close = LOGS_DATA
    on_stop: Close = Close()
    on_slow: Close | None = None
    """Close for a client that takes nothing for 10 s; None = wait."""


LOG_RULES = StreamRules()
EVENT_RULES = StreamRules(EVENTS_DATA, EVENTS_DONE, EVENTS_SLOW)


async def run_one_way(
    socket: Socket,
    produce: Callable[[], Awaitable[Close | None]],
    rules: StreamRules,
    stopping: asyncio.Event,
) -> None:
    """Run a producer until it returns its close, the client sends data or leaves, or the server stops.

    A producer that returns None leaves the connection as it is; the caller has dropped it then.
    """

    async def watch_client() -> Close | None:
        message = await socket.receive()
        return rules.on_data if message["type"] == "websocket.receive" else None

    async def watch_stop() -> Close | None:
        await stopping.wait()
        return rules.on_stop

    async def produce_quietly() -> Close | None:
        try:
            return await produce()
        except ClientDisconnected:
            return None
        except TimeoutError:
            return rules.on_slow

    close = await first_of(produce_quietly(), watch_client(), watch_stop())
    if close is not None:
        try:
            await asyncio.wait_for(socket.close(close), CLOSE_TIMEOUT_S)
        except TimeoutError:
            # The way to a slow reader is full, for the close frame too.
            await socket.abort()


async def first_of(*coroutines: Coroutine[Any, Any, _T]) -> _T:
    """Result of the coroutine that ends first; the others are cancelled and awaited."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return next(task.result() for task in tasks if task in done)


class EventStream:
    """Server-sent events; status and headers leave with the first event (contract: README.md §7.1)."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._has_started = False
        self._lock = asyncio.Lock()

    async def ping(self) -> None:
        """A heartbeat: an event without data."""
        await self._write(b"event: ping\n\n")

    async def event(self, kind: str, data: object) -> None:
        """`data` or `error` with one line of JSON."""
        await self._write(f"event: {kind}\ndata: {compact_json(data)}\n\n".encode())

    async def finish(self) -> None:
        """End the body."""
        if self._has_started:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, chunk: bytes) -> None:
        async with self._lock:
            if not self._has_started:
                self._has_started = True
                await self._send({"type": "http.response.start", "status": 200, "headers": list(SSE_HEADERS)})
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})


async def run_events(
    stream: EventStream,
    receive: Receive,
    produce: Callable[[], Coroutine[Any, Any, None]],
    clock: Clock,
    stopping: asyncio.Event,
) -> None:
    """Run a producer of server-sent events with a ping every 15 s until one side ends."""

    async def watch_client() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def ping() -> None:
        while True:
            await clock.sleep(PING_INTERVAL_S)
            await stream.ping()

    async def watch_stop() -> None:
        await stopping.wait()

    await first_of(produce(), watch_client(), ping(), watch_stop())
    await stream.finish()


class _Endpoint:
    """Makes Starlette hand the bare ASGI call to a stream, for plain requests and websockets alike."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._stream(scope, receive, send)


def routes_of(table: Iterable[tuple[str, Stream]]) -> list[BaseRoute]:
    """Routes of streams, each for plain requests and for websockets, so that both are judged alike."""
    routes: list[BaseRoute] = []
    for path, stream in table:
        routes += [Route(path, _Endpoint(stream), methods=["GET"]), WebSocketRoute(path, _Endpoint(stream))]
    return routes


def _handshake_refusal(status: int, sentence: str, failure: str) -> Response:
    envelope = {"message": failure, "detail": f"failed to accept WebSocket connection: {sentence}"}
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"} if status == 426 else {}
    return PlainTextResponse(f"{sentence}\n{compact_json(envelope)}\n", status, headers)
