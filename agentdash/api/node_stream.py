"""The websocket on which an agent and its clients were told of each other until v2.12 (contract: agent-side.md §10).

No tunnel is built here: what is told is read, and a node can be said. Imported late: the websocket library costs
180 ms.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from websockets.exceptions import ConnectionClosed

from agentdash.api import errors
from agentdash.api.agent_errors import of_agent
from agentdash.api.client import Client
from agentdash.api.schema.agent_side import LegacyNode
from agentdash.api.websocket import LiveConnection, open_websocket
from agentdash.wire.errors import MessageError
from agentdash.wire.nodes import NodeDecoder, encode_node

ORDERLY = frozenset({1000, 1001})


class NodeStream:
    """One connection: our node out, lists of the others' in."""

    def __init__(self, connection: LiveConnection, path: str) -> None:
        self._connection = connection
        self._path = path

    async def tell(self, node: LegacyNode) -> None:
        """Say what we are; again whenever it changes.

        Raises:
            ConnectFailed: The connection has ended.
        """
        try:
            await self._connection.send(encode_node(node.model_dump(mode="json")))
        except ConnectionClosed as end:
            raise errors.ConnectFailed(_words(end), path=self._path) from None

    async def nodes(self) -> AsyncGenerator[tuple[LegacyNode, ...], None]:
        """Each list of peers as it comes, until the server ends it in order.

        Raises:
            MalformedAnswer: What came is not nodes, too large, or was cut inside a value.
            ConnectFailed: The connection was cut, or given up by the server.
        """
        decoder = NodeDecoder()
        while True:
            try:
                data = await self._connection.recv(decode=False)
            except ConnectionClosed as end:
                if decoder.is_inside:
                    raise errors.MalformedAnswer("The list of nodes was cut", path=self._path) from None
                if end.rcvd is None or end.rcvd.code not in ORDERLY:
                    raise errors.ConnectFailed(_words(end), path=self._path) from None
                return
            try:
                found = decoder.feed(data)
            except MessageError as error:
                raise errors.MalformedAnswer(error.reason, path=self._path) from None
            for nodes in found:
                yield tuple(LegacyNode.model_validate(node) for node in nodes)


@asynccontextmanager
async def open_node_stream(client: Client, path: str) -> AsyncIterator[NodeStream]:
    """Open one; it is closed at the end of the block.

    Raises:
        RouteNotFound: Servers from v2.13 on.
        ApiError: Another refusal, or no connection.
    """
    try:
        connection = await open_websocket(client, path)
    except errors.ApiError as error:
        raise of_agent(error) from None
    try:
        yield NodeStream(connection, path)
    finally:
        await connection.close()


def _words(end: ConnectionClosed) -> str:
    frame = end.rcvd
    if frame is None:
        return "the connection was cut"
    return frame.reason or f"the server closed the connection ({frame.code})"
