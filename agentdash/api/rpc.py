"""RPC connections: a websocket with yamux streams and dRPC calls on it (contract: tailnet.md §4, §5).

Imported late: protobuf and the websocket library cost 250 ms.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message
from websockets.exceptions import ConnectionClosed

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import Query
from agentdash.api.tailnet_errors import RpcBroken, UpdatesRefused, VersionRefused, of_call, of_dial
from agentdash.api.websocket import LiveConnection, open_websocket
from agentdash.wire import rpc
from agentdash.wire.errors import MuxEndedError, WireError
from agentdash.wire.mux import Mux

M = TypeVar("M", bound=Message)

_PROBE: Final = "9.0"
_PARSED: Final = re.compile(r"\d+\.\d+")


class WebsocketDuplex:
    """A websocket as a stream of bytes."""

    def __init__(self, connection: LiveConnection) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        try:
            await self._connection.send(data)
        except ConnectionClosed as end:
            raise MuxEndedError(_end_of(end)) from None

    async def receive(self) -> bytes:
        try:
            # An empty message says nothing, and must not be taken for an end.
            while not (data := await self._connection.recv(decode=False)):
                pass
        except ConnectionClosed as end:
            raise MuxEndedError(_end_of(end)) from None
        return data


class RpcConnection:
    """Typed calls on one connection; errors are those of `errors` and `tailnet_errors`."""

    def __init__(self, mux: Mux, path: str) -> None:
        self.mux = mux
        self._path = path

    async def ask(self, method: str, request: Message, kind: type[M]) -> M:
        """A unary call."""
        with self.told():
            return self.decoded(kind, await rpc.ask(self.mux, method, request.SerializeToString()))

    async def stream(self, method: str, request: Message, kind: type[M]) -> AsyncGenerator[M, None]:
        """A call that is answered by messages until one side ends it.

        Raises:
            UpdatesRefused: it ended before the first message: an error that never arrives (contract: tailnet.md §5.3).
        """
        has_come = False
        with self.told():
            async with rpc.calling(self.mux, method) as call:
                await call.send(request.SerializeToString())
                await call.end_sending()
                while (data := await call.receive()) is not None:
                    has_come = True
                    yield self.decoded(kind, data)
        if not has_come:
            raise UpdatesRefused(path=self._path)

    @asynccontextmanager
    async def talk(self, method: str) -> AsyncIterator[rpc.ClientCall]:
        """A call in both directions."""
        with self.told():
            async with rpc.calling(self.mux, method) as call:
                yield call

    def decoded(self, kind: type[M], data: bytes) -> M:
        """One message.

        Raises:
            RpcBroken: cut, or not of that kind.
        """
        try:
            return kind.FromString(data)
        except DecodeError:
            raise RpcBroken("A message cannot be read", path=self._path) from None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Errors of the wire by their names."""
        try:
            yield
        except WireError as error:
            raise of_call(error, self._path) from None


@asynccontextmanager
async def open_rpc(client: Client, path: str, query: Query) -> AsyncIterator[RpcConnection]:
    """Open a connection; it is closed at the end of the block.

    Raises:
        VersionRefused, BrowserOnly: the server will not.
        ApiError: another refusal, or no connection.
    """
    try:
        connection = await open_websocket(client, path, query)
    except errors.ApiError as error:
        raise of_dial(error) from None
    try:
        async with Mux(WebsocketDuplex(connection), is_client=True) as mux:
            yield RpcConnection(mux, path)
    finally:
        await connection.close()


async def server_version(client: Client) -> str:
    """The version of the server's RPC API, such as `2.11`; "" when it does not say.

    A refusal is the only place where a server tells it (contract: tailnet.md §4).
    """
    try:
        async with open_rpc(client, "/api/v2/tailnet", {"version": _PROBE}):
            return ""
    except VersionRefused as refusal:
        return refusal.server_version if _PARSED.fullmatch(refusal.server_version) else ""


def _end_of(end: ConnectionClosed) -> str:
    frame = end.rcvd
    if frame is None:
        return "the connection was cut"
    return frame.reason or f"the server closed the connection ({frame.code})"
