"""RPC connections as the server holds them: version check, upgrade, yamux and dRPC (contract: tailnet.md §4, §5)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from agentdash.local.clock import Clock
from agentdash.local.errors import ApiError
from agentdash.local.runtime import Runtime, runtime_of
from agentdash.local.streams import ACCEPT_FAILED, Close, Socket
from agentdash.wire.errors import MuxEndedError
from agentdash.wire.mux import PING_EVERY_S, PING_WITHIN_S, Mux
from agentdash.wire.rpc import Handler, serve

NOT_BINARY = Close(1003, "unexpected frame type read (expected MessageBinary): MessageText")
_STOPPED = "the server stops"
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class RpcRules:
    """How one endpoint holds its connections.

    Attributes:
        default_version: What no `version` stands for.
        is_probed: WebSocket pings besides those of yamux.
        on_pong: Told of each sign of life.
    """

    default_version: str = "2.0"
    is_probed: bool = True
    ping_every_s: float = PING_EVERY_S
    ping_within_s: float = PING_WITHIN_S
    on_pong: Callable[[], None] = lambda: None


class SocketDuplex:
    """The server's side of a websocket as a stream of bytes."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.close: Close | None = Close()
        """What the connection is closed with; None once the client has gone."""

    async def send(self, data: bytes) -> None:
        try:
            await self._socket.send_bytes(data)
        except ClientDisconnected:
            self.close = None
            raise MuxEndedError("the client has gone") from None

    async def receive(self) -> bytes:
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            self.close = None
            raise MuxEndedError("the client has gone")
        data = message.get("bytes")
        if data is None:
            self.close = NOT_BINARY
            raise MuxEndedError(NOT_BINARY.reason)
        return bytes(data)


def check_version(scope: Scope, default: str) -> str:
    """The version asked for.

    Raises:
        ApiError: 400 with the server's words (contract: tailnet.md §4).
    """
    query = Request({**scope, "type": "http", "method": "GET"}).query_params
    text = query.get("version", "") or default
    fault = version_fault(text, runtime_of(scope).revision.rpc_version)
    if fault:
        raise ApiError(400, "Unknown or unsupported API version", validations=[("version", fault)])
    return text


def version_fault(text: str, served: tuple[int, int]) -> str:
    """What is wrong with a version, "" when a server of that version serves it."""
    major_text, dot, minor_text = text.partition(".")
    if not dot or "." in minor_text:
        return f"invalid version string: {text}"
    for name, part in (("major", major_text), ("minor", minor_text)):
        if not _NUMBER.fullmatch(part):
            return f"invalid {name} version: {part}"
    major, minor = int(major_text), int(minor_text)
    server = f"server is at version {served[0]}.{served[1]}"
    if major > served[0]:
        return f"{server}, behind requested major version {text}"
    if major < served[0]:
        return f"version {text} is no longer supported"
    return f"{server}, behind requested minor version {text}" if minor > served[1] else ""


async def serve_rpc(
    runtime: Runtime,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    rules: RpcRules,
    handlers: Callable[[], dict[str, Handler]],
    until: Callable[[], bool] = lambda: False,
) -> str:
    """Upgrade, and serve calls until one side ends; returns why.

    Args:
        handlers: Makes the methods of this connection, once it is open.
        until: Asked at each ping; True ends the connection.

    Raises:
        RefusalError: No websocket handshake, or a foreign origin.
    """
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)
    if not rules.is_probed:
        await send({"type": "agentdash.mute"})
    duplex = SocketDuplex(socket)
    clock = runtime.deployment.clock
    mux = Mux(
        duplex,
        is_client=False,
        ping_every_s=rules.ping_every_s,
        ping_within_s=rules.ping_within_s,
        on_pong=rules.on_pong,
        sleep=clock.sleep,
    )
    async with mux:
        ends = [
            asyncio.create_task(serve(mux, handlers()), name="rpc"),
            asyncio.create_task(_stopped(runtime), name="rpc stop"),
            asyncio.create_task(_checked(clock, rules.ping_every_s, until), name="rpc check"),
        ]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        reason = next(task.result() for task in ends if task in done)
    if duplex.close is not None:
        with contextlib.suppress(ClientDisconnected):
            await socket.close(duplex.close)
    return reason


async def _stopped(runtime: Runtime) -> str:
    await runtime.stopping.wait()
    return _STOPPED


async def _checked(clock: Clock, every_s: float, until: Callable[[], bool]) -> str:
    while not until():
        await clock.sleep(every_s)
    return "no longer wanted"
