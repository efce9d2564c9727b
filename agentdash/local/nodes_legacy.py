"""Agents and clients told of each other as JSON nodes, as servers did until v2.12 (agents) and v2.15 (clients).

(contract: agent-side.md §10, tailnet.md §4)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.json_format import ParseDict, ParseError

from agentdash.local import bus as topics
from agentdash.local.agent_side import side_of
from agentdash.local.records import Agent
from agentdash.local.rpc_agent import AgentService
from agentdash.local.rpc_ids import agent_address
from agentdash.local.rpc_tailnet import node_of
from agentdash.local.runtime import Runtime
from agentdash.local.streams import Close, Socket, first_of
from agentdash.local.wire_json import Json
from agentdash.wire.errors import MessageError
from agentdash.wire.nodes import NodeDecoder, encode_nodes
from agentdash.wire.proto import tailnet_pb2 as pb

VERSION = "1.0"
_NODE_KEY = "nodekey:"
_RENAMED = {"derp_forced_websockets": "derp_forced_websocket"}


async def serve_agent(runtime: Runtime, agent: Agent, socket: Socket) -> None:
    """An agent's connection, which is also what made it count as connected then."""
    service = AgentService(runtime, agent)
    own = f"{agent_address(agent.id)}/128"

    def take(node: Json) -> None:
        found = _node(node)
        foreign = [address for address in found.addresses if address != own]
        if foreign:
            raise MessageError(f"invalid node address {foreign[0]!r}, expected {own!r}")
        service.know_node(found)
        runtime.deployment.bus.publish(topics.nodes_topic(agent.id))

    def clients() -> list[Json]:
        return list(side_of(runtime).dialers.get(agent.id, {}).values())

    process = service.connect(VERSION)
    try:
        await _converse(runtime, socket, agent, take, clients)
    finally:
        service.disconnect(process)


async def serve_client(runtime: Runtime, agent: Agent, socket: Socket) -> None:
    """A client's connection to one agent."""
    dialers = side_of(runtime).dialers.setdefault(agent.id, {})
    number = max(dialers, default=0) + 1

    def take(node: Json) -> None:
        _node(node)
        dialers[number] = node
        runtime.deployment.bus.publish(topics.nodes_topic(agent.id))

    def agents() -> list[Json]:
        node = node_of(runtime, agent)
        return [] if node is None else [_json(node)]

    try:
        await _converse(runtime, socket, agent, take, agents)
    finally:
        dialers.pop(number, None)
        runtime.deployment.bus.publish(topics.nodes_topic(agent.id))


async def _converse(
    runtime: Runtime,
    socket: Socket,
    agent: Agent,
    take: Callable[[Json], None],
    others: Callable[[], list[Json]],
) -> None:
    """Take nodes in and tell of the others when they change, until one side ends."""
    workspace = runtime.workspace_of(agent)
    channels = topics.nodes_topic(agent.id), topics.workspace_topic(workspace.id, workspace.owner_id)

    async def listen() -> Close | None:
        decoder = NodeDecoder()
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return None
            try:
                for nodes in decoder.feed(bytes(message.get("bytes") or b"")):
                    for node in nodes:
                        take(node)
            except MessageError as error:
                return Close(1011, f"read json: {error.reason}"[:120])

    async def tell() -> Close | None:
        told: list[Json] = []
        async with runtime.deployment.bus.subscribe(*channels) as news:
            while True:
                now = others()
                if now != told:
                    await socket.send_bytes(encode_nodes([dict(node) for node in now]))
                    told = now
                await news.wait()

    async def stop() -> Close | None:
        await runtime.stopping.wait()
        return Close(1001)

    close = await first_of(listen(), tell(), stop())
    if close is not None:
        await socket.close(close)


def _node(value: Mapping[str, object]) -> pb.Node:
    """A node as RPC tells it.

    Raises:
        MessageError: Fields of other kinds.
    """
    fields = {_RENAMED.get(name, name): item for name, item in value.items() if item is not None}
    key = str(fields.pop("key", ""))
    try:
        node = ParseDict(fields, pb.Node(), ignore_unknown_fields=True)
        if key.startswith(_NODE_KEY):
            node.key = b"np" + bytes.fromhex(key.removeprefix(_NODE_KEY))
    except (ParseError, ValueError):
        raise MessageError("a node with fields of other kinds") from None
    return node


def _json(node: pb.Node) -> Json:
    """A node as it was told then."""
    as_of = node.as_of.ToJsonString() if node.HasField("as_of") else "0001-01-01T00:00:00Z"
    return {
        "id": node.id,
        "as_of": as_of,
        "key": f"{_NODE_KEY}{node.key[2:].hex()}",
        "disco": node.disco,
        "preferred_derp": node.preferred_derp,
        "derp_latency": dict(node.derp_latency),
        "derp_forced_websockets": {str(region): why for region, why in node.derp_forced_websocket.items()},
        "addresses": list(node.addresses),
        "allowed_ips": list(node.allowed_ips),
        "endpoints": list(node.endpoints),
    }
