"""The websocket dialect of the real server, on top of uvicorn's wsproto implementation.

Uvicorn speaks correct websocket; the real server speaks a dialect that clients come to depend on
(contract: README.md §7.2, §7.3): numbered pings, its own words in the close of a dead connection, log
messages cut into two frames. What ASGI has no word for is told by extra messages and keys, announced in
`scope["extensions"]["agentdash.frames"]`:

* `{"type": "websocket.send", "text": …, "agentdash.split": True}` sends a text frame that is not final and
  then an empty final continuation;
* `{"type": "agentdash.abort"}` drops the TCP connection without a close frame;
* `{"type": "agentdash.deaf"}` stops reading from the client for good, pongs included;
* `{"type": "agentdash.mute"}` sends no pings any more.

Plain requests find a function that drops their connection in `scope["agentdash.drop"]`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import events
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

FRAMES_EXTENSION = "agentdash.frames"
HTTP_ABORT = "agentdash.drop"
PING_INTERVAL_S = 15.0
PONG_TIMEOUT_S = 15.0
LIVENESS_CLOSE = (1001, "liveness probe failed")

_VERSION = "13"
_KEY_BYTES = 16
_GO_REASONS = (
    ("Reserved bit", "received header with unexpected rsv bits set: true:false:false"),
    ("opcode", "received unknown opcode 3"),
)


TERMINAL_BUFFER = 32 * 1024


class CoderWebSocket(WSProtocol):
    """One websocket connection as the real server holds it."""

    _pings_sent = 0

    def handle_connect(self, event: events.Request) -> None:
        """Announce the frame extension to the application."""
        super().handle_connect(event)
        extensions = cast("MutableMapping[str, Any]", self.scope["extensions"])
        extensions[FRAMES_EXTENSION] = {}
        wire = self.transport.get_extra_info("socket")
        if wire is not None and str(self.scope["path"]).endswith("/pty"):
            # Left to itself the system keeps megabytes of a flood, which a client gets after its ctrl+c.
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TERMINAL_BUFFER)
            self.transport.set_write_buffer_limits(TERMINAL_BUFFER)

    def handle_close(self, event: events.CloseConnection) -> None:
        """Answer a close; broken framing is closed with 1002 and the real server's words (README.md §7.2)."""
        if self.conn.state is not ConnectionState.OPEN or self.close_sent:
            super().handle_close(event)
            return
        # wsproto reports what it could not parse as a close of the peer that never was one.
        words = event.reason or ""
        reason = next((go for ours, go in _GO_REASONS if ours.lower() in words.lower()), words)[:123]
        self.transport.write(self.conn.send(events.CloseConnection(code=event.code, reason=reason)))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": event.code, "reason": reason})
        self.transport.close()

    def send_keepalive_ping(self) -> None:
        """Send the next ping; its payload is a decimal counter."""
        self.ping_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        self._pings_sent += 1
        self.pending_ping_payload = str(self._pings_sent).encode()
        self.ping_sent_at = self.loop.time()
        self.transport.write(self.conn.send(events.Ping(payload=self.pending_ping_payload)))
        if self.ping_timeout is not None:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)

    def keepalive_timeout(self) -> None:
        """No pong in time: close 1001 `liveness probe failed`."""
        self.pong_timer = None
        self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return
        code, reason = LIVENESS_CLOSE
        self.transport.write(self.conn.send(events.CloseConnection(code=code, reason=reason)))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.close()
        # A peer that reads nothing never lets the buffer run empty, and an orderly close waits for that.
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        """Do what the message says, the extension's messages included.

        Raises:
            ClientDisconnected: The connection is gone.
        """
        raw = cast("Mapping[str, Any]", message)
        if raw["type"] == "agentdash.abort":
            self.stop_keepalive()
            self.transport.abort()
        elif raw["type"] == "agentdash.deaf":
            self.transport.pause_reading()
            # Else the next `receive` would read on.
            self.read_paused = False
        elif raw["type"] == "agentdash.mute":
            self.stop_keepalive()
        elif raw.get("agentdash.split"):
            await self._send_split(str(raw["text"]))
        else:
            await super().send(message)

    async def _send_split(self, text: str) -> None:
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        try:
            output = self.conn.send(events.TextMessage(data=text, message_finished=False))
            output += self.conn.send(events.TextMessage(data="", message_finished=True))
        except LocalProtocolError as error:
            raise ClientDisconnected from error
        if not self.transport.is_closing():
            self.transport.write(output)


class CoderHttp(H11Protocol):
    """HTTP connections; hands only well-formed websocket handshakes over to `CoderWebSocket`.

    All others stay plain requests, so that token, id and parameters are judged first, as on the real server.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the application a way to drop the connection."""
        super().connection_made(transport)
        inner = self.app

        async def app_with_drop(scope: Scope, receive: Any, send: Any) -> None:
            scope[HTTP_ABORT] = transport.abort
            await inner(cast("Any", scope), receive, send)

        self.app = cast("Any", app_with_drop)

    def _should_upgrade(self) -> bool:
        return handshake_fault(header_map(self.headers)) is None


def header_map(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case → value; repeated ones are joined with a comma."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def handshake_fault(headers: Mapping[str, str]) -> tuple[int, str] | None:
    """What is wrong with a websocket handshake: (status, sentence), or None (contract: pty.md §4, 9–11)."""
    connection = headers.get("connection", "")
    upgrade = headers.get("upgrade", "")
    if "upgrade" not in _tokens(connection):
        text = f'WebSocket protocol violation: Connection header "{connection}" does not contain Upgrade'
        return 426, text
    if "websocket" not in _tokens(upgrade):
        return 426, f'WebSocket protocol violation: Upgrade header "{upgrade}" does not contain websocket'
    version = headers.get("sec-websocket-version", "")
    if version != _VERSION:
        return 400, f'unsupported WebSocket protocol version (only 13 is supported): "{version}"'
    key = headers.get("sec-websocket-key")
    if key is None:
        return 400, "WebSocket protocol violation: missing Sec-WebSocket-Key"
    if not _is_nonce(key):
        return (
            400,
            f'WebSocket protocol violation: invalid Sec-WebSocket-Key "{key}", must be a nonce',
        )
    return None


def uvicorn_options() -> dict[str, Any]:
    """Keyword arguments of `uvicorn.Config` that make it speak this dialect."""
    return {
        "http": CoderHttp,
        "ws": CoderWebSocket,
        "ws_max_size": 64 * 1024 * 1024,
        "ws_per_message_deflate": False,
        "date_header": False,
        "server_header": False,
        "proxy_headers": False,
        "access_log": False,
        "log_config": None,
        "log_level": "warning",
        "lifespan": "off",
    }


def _tokens(header: str) -> set[str]:
    return {token.strip().lower() for token in header.split(",")}


def _is_nonce(key: str) -> bool:
    try:
        return len(base64.b64decode(key.strip(), validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
