"""Opens the websockets of streams and terminals (contract: README §7.3; pty.md §5).

No `Origin`, no subprotocol, no compression, no redirect followed, messages up to 64 MiB: the first message
of a log holds its whole backlog. Imported late: the library costs 180 ms.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import LIVE_TIMEOUT_S, Query
from agentdash.api.mapping import RawAnswer, error_from, raw_from_handshake

MAX_MESSAGE: Final = 64 * 1024 * 1024
PING_EVERY_S: Final = 20.0
CLOSE_WITHIN_S: Final = 2.0
MESSAGES_WAITING: Final = 16

# The library writes request headers, the token among them, to its logger at debug level.
_LOGGER: Final = logging.getLogger("agentdash.api.websocket")
_LOGGER.setLevel(logging.WARNING)

Refusal = Callable[[RawAnswer], errors.ApiError]


class LiveConnection(ClientConnection):
    """Knows when the server was heard last, by any frame: its pings every 15 s are life too.

    Attributes:
        last_seen: time of the event loop's clock.
        on_ping: called for each ping of the server.
        on_frame: called for each frame.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.last_seen = self.loop.time()
        self.on_ping: Callable[[], None] = lambda: None
        self.on_frame: Callable[[], None] = lambda: None

    def process_event(self, event: Request | Response | Frame) -> None:
        self.last_seen = self.loop.time()
        super().process_event(event)
        self.on_frame()
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.on_ping()


class _Connect(connect):
    """The token goes where it was meant to go: a redirect is a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_websocket(
    client: Client,
    path: str,
    query: Query | None = None,
    *,
    refusal: Refusal = error_from,
    waiting: int | None = None,
) -> LiveConnection:
    """Open one; the caller closes it.

    Args:
        query: or, ready-made, part of `path` after `?`.
        refusal: reads an answer other than the upgrade.
        waiting: about how many bytes may be on their way to us; the system's measure if None, which is megabytes.

    Raises:
        ApiError: refused, or no connection.
    """
    route, _, ready = path.partition("?")
    await client.pace(route)
    headers = client.headers()
    agent = headers.pop("User-Agent")
    url = client.url(route, query) + (f"?{ready}" if ready else "")
    address = "ws" + url.removeprefix("http")
    try:
        options = await _tls_options(client, address)
        connection = await _Connect(
            address,
            additional_headers=headers,
            user_agent_header=agent,
            compression=None,
            max_size=MAX_MESSAGE,
            max_queue=MESSAGES_WAITING if waiting is None else 2,
            open_timeout=LIVE_TIMEOUT_S,
            # Unanswered while the server dials the agent, so without a verdict of their own; a pong is life.
            ping_interval=PING_EVERY_S,
            ping_timeout=None,
            close_timeout=CLOSE_WITHIN_S,
            logger=_LOGGER,
            create_connection=LiveConnection,
            **options,
        )
    except ImportError:
        raise errors.ConnectFailed("The proxy named in the environment cannot be used", path=route) from None
    except (WebSocketException, OSError, EOFError) as error:
        raise _failed(client, error, route, refusal) from None
    assert isinstance(connection, LiveConnection)
    connection.on_frame = client.heard
    wire = connection.transport.get_extra_info("socket")
    if waiting is not None and wire is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, waiting)
    if connection.response is not None:
        raw = raw_from_handshake(connection.response, route, client.origin)
        client.saw_handshake(raw.headers)
    return connection


async def _tls_options(client: Client, address: str) -> dict[str, Any]:
    context = await client.ssl_context()
    if context is None:
        return {}
    options: dict[str, Any] = {"ssl": context}
    proxy = get_proxy(parse_uri(address))
    if proxy is not None and proxy.startswith("https:"):
        options["proxy_ssl"] = context
    return options


def _failed(client: Client, error: Exception, route: str, refusal: Refusal) -> errors.ApiError:
    response = getattr(error, "response", None)
    if not isinstance(response, Response):
        return client.told(error, route)
    raw = raw_from_handshake(response, route, client.origin)
    return client.refused(refusal(replace(raw, body=client.hidden(raw.body))), route)
