"""The Tailnet service: relays, live workspaces, peers (contract: tailnet.md §7–§9, §11)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from agentdash.local import bus as topics
from agentdash.local.agent_side import side_of
from agentdash.local.records import Agent, Workspace
from agentdash.local.render_server import RELAY_REGION_ID
from agentdash.local.rpc_ids import agent_address, id_bytes, id_text
from agentdash.local.runtime import Runtime
from agentdash.wire.errors import CallFailedError
from agentdash.wire.proto import tailnet_pb2 as pb
from agentdash.wire.rpc import Handler, ServerCall

SERVICE = "/coder.tailnet.v2.Tailnet/"
REFRESH_S = 43200
_LIFE_S = 86400
M = TypeVar("M", bound=Message)
_Kind = pb.CoordinateResponse.PeerUpdate


def user_handlers(runtime: Runtime, only: Agent | None = None) -> dict[str, Handler]:
    """Methods for users; tunnels to one agent alone where `only` is given."""
    return {
        f"{SERVICE}WorkspaceUpdates": lambda call: workspace_updates(runtime, call),
        f"{SERVICE}StreamDERPMaps": lambda call: stream_derp_maps(runtime, call),
        f"{SERVICE}RefreshResumeToken": lambda call: refresh_resume_token(runtime, call),
        f"{SERVICE}Coordinate": lambda call: coordinate(runtime, call, only),
        f"{SERVICE}PostTelemetry": post_telemetry,
    }


def parse(kind: type[M], data: bytes) -> M:
    """A request's message.

    Raises:
        CallFailedError: Cut, or of another kind.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        raise CallFailedError("proto: cannot parse invalid wire-format data") from None


async def post_telemetry(call: ServerCall) -> None:
    """Taken and forgotten."""
    await call.request()
    await call.send(b"")


async def refresh_resume_token(runtime: Runtime, call: ServerCall) -> None:
    """A token that nothing here asks for again."""
    await call.request()
    answer = pb.RefreshResumeTokenResponse(token=secrets.token_urlsafe(24))
    answer.refresh_in.seconds = REFRESH_S
    answer.expires_at.seconds = int(runtime.deployment.now().timestamp()) + _LIFE_S
    await call.send(answer.SerializeToString())


async def stream_derp_maps(runtime: Runtime, call: ServerCall) -> None:
    """The map at once; it never changes here."""
    await call.request()
    await call.send(derp_map(runtime.port).SerializeToString())
    await call.wait_left()


def derp_map(port: int) -> pb.DERPMap:
    """One region, our own relay in name only."""
    found = pb.DERPMap()
    region = found.regions[RELAY_REGION_ID]
    region.region_id, region.embedded_relay = RELAY_REGION_ID, True
    region.region_code, region.region_name = "coder", "Coder Embedded Relay"
    region.nodes.add(
        name=f"{RELAY_REGION_ID}b",
        region_id=RELAY_REGION_ID,
        host_name="127.0.0.1",
        stun_port=-1,
        derp_port=port,
        force_http=True,
    )
    return found


# live workspaces


@dataclass(frozen=True, slots=True)
class _Fleet:
    """What one owner's stream tells, by id."""

    workspaces: dict[str, tuple[str, str]]
    """name, status"""
    agents: dict[str, tuple[str, str]]
    """name, workspace id"""


async def workspace_updates(runtime: Runtime, call: ServerCall) -> None:
    """Snapshot and differences of one owner's workspaces (contract: tailnet.md §8)."""
    request = parse(pb.WorkspaceUpdatesRequest, await call.request())
    owner_id = id_text(request.workspace_owner_id)
    if not owner_id:
        # The real server closes the stream before its error is sent (§5.3).
        await call.close()
        return
    told: _Fleet | None = None
    while True:
        listened = {workspace.id for workspace in _owned(runtime, owner_id)}
        channels = [topics.workspace_topic(workspace_id, owner_id) for workspace_id in sorted(listened)]
        async with runtime.deployment.bus.subscribe(topics.ALL_BUILDS_TOPIC, *channels) as news:
            while True:
                now = _fleet(runtime, owner_id)
                update = _difference(told, now)
                if told is None or update.ByteSize():
                    await call.send(update.SerializeToString())
                told = now
                if now.workspaces.keys() != listened:
                    break
                await news.wait()


def _owned(runtime: Runtime, owner_id: str) -> list[Workspace]:
    return [
        workspace
        for workspace in runtime.deployment.live_workspaces()
        if workspace.owner_id == owner_id and runtime.can("read", workspace)
    ]


def _fleet(runtime: Runtime, owner_id: str) -> _Fleet:
    owned = _owned(runtime, owner_id)
    return _Fleet(
        {workspace.id: (workspace.name, workspace.latest_build.status) for workspace in owned},
        {agent.id: (agent.name, workspace.id) for workspace in owned for agent in workspace.agents},
    )


def _difference(before: _Fleet | None, now: _Fleet) -> pb.WorkspaceUpdate:
    before = before or _Fleet({}, {})
    update = pb.WorkspaceUpdate()
    for key, facts in now.workspaces.items():
        if before.workspaces.get(key) != facts:
            update.upserted_workspaces.append(_workspace(key, *facts))
    for key, facts in before.workspaces.items():
        if key not in now.workspaces:
            update.deleted_workspaces.append(_workspace(key, *facts))
    for key, facts in now.agents.items():
        if before.agents.get(key) != facts:
            update.upserted_agents.append(_agent(key, *facts))
    for key, facts in before.agents.items():
        if key not in now.agents:
            update.deleted_agents.append(_agent(key, *facts))
    return update


def _workspace(workspace_id: str, name: str, status: str) -> pb.Workspace:
    known = {word.lower(): number for word, number in pb.Workspace.Status.items()}
    return pb.Workspace(
        id=id_bytes(workspace_id),
        name=name,
        status=known.get(status, pb.Workspace.UNKNOWN),  # type: ignore[arg-type]
    )


def _agent(agent_id: str, name: str, workspace_id: str) -> pb.Agent:
    return pb.Agent(id=id_bytes(agent_id), name=name, workspace_id=id_bytes(workspace_id))


# peers


class _Peers:
    """The tunnels of one call, and what was told about each."""

    def __init__(self, runtime: Runtime, only: Agent | None) -> None:
        self._runtime = runtime
        self._only = only
        self._told: dict[str, bytes] = {}
        """Agent id → the node as it was told, empty before the first."""

    def topics(self) -> list[str]:
        """Channels on which these agents' workspaces change."""
        found = []
        for agent_id in self._told:
            agent = self._runtime.deployment.find_agent(agent_id)
            if agent is not None:
                workspace = self._runtime.workspace_of(agent)
                owner_id = agent.owner_id_at_connect or workspace.owner_id
                found.append(topics.workspace_topic(workspace.id, owner_id))
        return found

    def take(self, request: pb.CoordinateRequest) -> pb.CoordinateResponse:
        """What a request is answered at once; an `error` in it ends the call."""
        answer = pb.CoordinateResponse()
        if request.ready_for_handshake:
            answer.error = "authorization: clients may not send ready_for_handshake"
        elif request.HasField("add_tunnel"):
            agent_id = id_text(request.add_tunnel.id)
            answer.error = self._fault(request.add_tunnel.id, agent_id)
            if not answer.error and agent_id not in self._told:
                self._told[agent_id] = b""
                self.tell(answer, "add tunnel", {agent_id})
        elif request.HasField("remove_tunnel"):
            agent_id = id_text(request.remove_tunnel.id)
            if self._told.pop(agent_id, b""):
                answer.peer_updates.add(
                    id=request.remove_tunnel.id, kind=_Kind.DISCONNECTED, reason="remove tunnel"
                )
        return answer

    def tell(self, answer: pb.CoordinateResponse, reason: str, wanted: set[str] | None = None) -> None:
        """Add what changed about these agents, about all if None."""
        for agent_id, before in list(self._told.items()):
            if wanted is not None and agent_id not in wanted:
                continue
            node = self._node(agent_id)
            if node is None:
                if before:
                    answer.peer_updates.add(id=id_bytes(agent_id), kind=_Kind.LOST, reason="lost")
                    self._told[agent_id] = b""
                continue
            now = node.SerializeToString(deterministic=True)
            if now != before:
                self._told[agent_id] = now
                answer.peer_updates.add(id=id_bytes(agent_id), kind=_Kind.NODE, node=node, reason=reason)

    def _fault(self, raw: bytes, agent_id: str) -> str:
        if not agent_id:
            return f"authorization: parse add tunnel id: invalid UUID (got {len(raw)} bytes)"
        if self._only is not None:
            if agent_id != self._only.id:
                return f"authorization: invalid agent id, expected {self._only.id}, got {agent_id}"
            return ""
        agent = self._runtime.deployment.find_agent(agent_id)
        if agent is None or not self._runtime.can("ssh", self._runtime.workspace_of(agent)):
            return "authorization: workspace agent not found or you do not have permission"
        return ""

    def _node(self, agent_id: str) -> pb.Node | None:
        agent = self._runtime.deployment.find_agent(agent_id)
        return None if agent is None else node_of(self._runtime, agent)


def node_of(runtime: Runtime, agent: Agent) -> pb.Node | None:
    """How an agent is connected: by its own word where a program plays it, else as its record says.

    None while it is not connected or has no home relay yet.
    """
    if agent.status(runtime.deployment.now()) != "connected" or agent.is_unreachable:
        return None
    own = side_of(runtime).nodes.get(agent.id)
    if isinstance(own, pb.Node):
        return own
    if not agent.latency:
        return None
    first = id_bytes(agent.id)
    node = pb.Node(id=int.from_bytes(first[:4], "big"), preferred_derp=RELAY_REGION_ID)
    for latency in agent.latency.values():
        node.derp_latency[f"{RELAY_REGION_ID}-v4"] = latency.latency_ms / 1000
    node.addresses.append(f"{agent_address(agent.id)}/128")
    # What it found out about itself: its own address, and the one that a STUN server saw (documentation range).
    node.endpoints.append(f"10.{first[0]}.{first[1]}.{first[2] % 254 + 1}:41641")
    node.endpoints.append(f"203.0.113.{first[3] % 254 + 1}:{41641 + first[4]}")
    if agent.first_connected_at is not None:
        node.as_of.FromDatetime(agent.first_connected_at)
    return node


async def coordinate(runtime: Runtime, call: ServerCall, only: Agent | None) -> None:
    """Tell about the agents that are asked for (contract: tailnet.md §9)."""
    peers = _Peers(runtime, only)
    await converse(runtime, call, peers.topics, lambda data: _answer(peers, data), lambda: _changes(peers))


def _answer(peers: _Peers, data: bytes) -> pb.CoordinateResponse | None:
    request = parse(pb.CoordinateRequest, data)
    return None if request.HasField("disconnect") else peers.take(request)


def _changes(peers: _Peers) -> pb.CoordinateResponse:
    answer = pb.CoordinateResponse()
    peers.tell(answer, "node update")
    return answer


async def converse(
    runtime: Runtime,
    call: ServerCall,
    channels: Callable[[], list[str]],
    answer: Callable[[bytes], pb.CoordinateResponse | None],
    changes: Callable[[], pb.CoordinateResponse],
) -> None:
    """A call in both directions: requests are answered, changes on the channels are told.

    `answer` gives None when the client wants the end; an `error` in an answer is the end too.
    """
    asking = asyncio.ensure_future(call.receive())
    try:
        while True:
            async with runtime.deployment.bus.subscribe(*channels()) as news:
                changed = asyncio.ensure_future(news.wait())
                update = changes()
                if update.ByteSize():
                    await call.send(update.SerializeToString())
                try:
                    await asyncio.wait({asking, changed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
            if not asking.done():
                continue
            data = asking.result()
            reply = answer(data) if data is not None else None
            if reply is None:
                await call.close()
                return
            if reply.ByteSize():
                await call.send(reply.SerializeToString())
            if reply.error:
                await call.close()
                return
            asking = asyncio.ensure_future(call.receive())
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
