"""What the network between users and agents tells: relays, peers, live workspaces (contract: tailnet.md).

Reading only: no tunnel is built, nothing is said about this machine. Even so `coordinate` leaves an entry in
the connection log of the deployment: only on demand.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from agentdash.api.client import Client
from agentdash.api.exchange import segment
from agentdash.api.rpc import RpcConnection, open_rpc
from agentdash.api.schema import DerpMap, DerpNode, DerpRegion, decode
from agentdash.api.sources import Route, Source, Transport
from agentdash.api.tailnet_errors import PeerRefused
from agentdash.wire.events import Data, StreamEvent
from agentdash.wire.proto import tailnet_pb2 as pb
from agentdash.wire.rpc import ClientCall

SERVICE: Final = "/coder.tailnet.v2.Tailnet/"
READ_VERSION: Final = "2.0"
UPDATES_VERSION: Final = "2.3"
_NONE: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WorkspaceSeen:
    """One workspace of an owner. `status` as REST spells it; a number as text where it is newer than this."""

    id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """One agent of a latest build, sub-agents included."""

    id: str
    name: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class WorkspaceChanges:
    """What changed for one owner; apply workspaces before agents (contract: tailnet.md §8).

    `is_snapshot`: the first message of a stream, everything there is; what was known before is void.
    """

    is_snapshot: bool
    workspaces: tuple[WorkspaceSeen, ...] = ()
    agents: tuple[AgentSeen, ...] = ()
    deleted_workspaces: tuple[str, ...] = ()
    deleted_agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerNode:
    """How an agent is connected.

    Attributes:
        home_region: id of the relay region through which it is reached.
        latency_s: seconds by `<region id>-v4` and `-v6`.
        forced_websockets: why relays are reached by websocket, by region id.
        endpoints: `ip:port` for direct connections; none when those are blocked.
    """

    home_region: int
    latency_s: Mapping[str, float] = field(default_factory=lambda: _NONE)
    forced_websockets: Mapping[int, str] = field(default_factory=dict)
    endpoints: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    as_of: datetime | None = None

    def region_latency_s(self, region_id: int) -> float | None:
        """The better of both families; None when unknown."""
        found = [
            self.latency_s[key] for key in (f"{region_id}-v4", f"{region_id}-v6") if key in self.latency_s
        ]
        return min(found, default=None)


@dataclass(frozen=True, slots=True)
class PeerNews:
    """Something about an agent: `node`, `disconnected`, `lost`, or a newer word. `reason` is for people."""

    agent_id: str
    kind: str
    node: PeerNode | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """Keeps the peer's id over a reconnect."""

    token: str = field(repr=False)
    refresh_in_s: float = 0.0
    expires_at: datetime | None = None


class Coordination:
    """One `Coordinate` call. One bad id ends it whole, with all its tunnels."""

    def __init__(self, connection: RpcConnection, call: ClientCall) -> None:
        self._connection = connection
        self._call = call

    async def watch(self, agent_id: str) -> None:
        """Ask to be told about an agent; silence means that it is not connected."""
        tunnel = pb.CoordinateRequest.Tunnel(id=id_bytes(agent_id))
        await self._send(pb.CoordinateRequest(add_tunnel=tunnel))

    async def unwatch(self, agent_id: str) -> None:
        """No more about it; answered by `disconnected`."""
        tunnel = pb.CoordinateRequest.Tunnel(id=id_bytes(agent_id))
        await self._send(pb.CoordinateRequest(remove_tunnel=tunnel))

    async def leave(self) -> None:
        """A clean end, which the server answers by closing the call."""
        await self._send(pb.CoordinateRequest(disconnect=pb.CoordinateRequest.Disconnect()))

    async def news(self) -> AsyncGenerator[PeerNews, None]:
        """What the server tells, until the call ends.

        Raises:
            PeerRefused: not allowed, not there, or not the agent this connection is for.
        """
        with self._connection.told():
            while (data := await self._call.receive()) is not None:
                answer = self._connection.decoded(pb.CoordinateResponse, data)
                for update in answer.peer_updates:
                    yield _peer_news(update)
                if answer.error:
                    raise PeerRefused(answer.error)

    async def _send(self, request: pb.CoordinateRequest) -> None:
        with self._connection.told():
            await self._call.send(request.SerializeToString())


class Tailnet:
    """The Tailnet service on one connection."""

    def __init__(self, connection: RpcConnection) -> None:
        self.connection = connection

    async def workspace_updates(self, owner_id: str) -> AsyncGenerator[WorkspaceChanges, None]:
        """Workspaces of one owner: all of them first, then what changes (contract: tailnet.md §8).

        Raises:
            UpdatesRefused: the id is no user's.
            RpcUnknown: servers before v2.18.0.
        """
        request = pb.WorkspaceUpdatesRequest(workspace_owner_id=id_bytes(owner_id))
        is_first = True
        method = f"{SERVICE}WorkspaceUpdates"
        async with aclosing(self.connection.stream(method, request, pb.WorkspaceUpdate)) as updates:
            async for update in updates:
                yield _changes(update, is_snapshot=is_first)
                is_first = False

    async def derp_maps(self) -> AsyncIterator[DerpMap]:
        """The relay map, again whenever it changes."""
        request = pb.StreamDERPMapsRequest()
        async for found in self.connection.stream(f"{SERVICE}StreamDERPMaps", request, pb.DERPMap):
            yield derp_map_of(found)

    async def resume_token(self) -> ResumeToken:
        """A token with which the next connection has the same peer id."""
        found = await self.connection.ask(
            f"{SERVICE}RefreshResumeToken", pb.RefreshResumeTokenRequest(), pb.RefreshResumeTokenResponse
        )
        wait_s = found.refresh_in.seconds + found.refresh_in.nanos / 1e9
        return ResumeToken(
            found.token, wait_s, _time(found.expires_at) if found.HasField("expires_at") else None
        )

    @asynccontextmanager
    async def coordinate(self) -> AsyncIterator[Coordination]:
        """Ask about agents. One call per connection: a second one is the same peer (contract: tailnet.md §9)."""
        async with self.connection.talk(f"{SERVICE}Coordinate") as call:
            yield Coordination(self.connection, call)


@asynccontextmanager
async def open_tailnet(
    client: Client, *, version: str = UPDATES_VERSION, resume_token: str = ""
) -> AsyncIterator[Tailnet]:
    """`GET /tailnet`: any agent the user may reach, and live workspaces.

    Raises:
        VersionRefused: servers before v2.18.0 with the usual version.
        BrowserOnly: the deployment forbids it.
        ApiError: another refusal, or no connection.
    """
    query = {"version": version, "resume_token": resume_token or None}
    async with open_rpc(client, "/api/v2/tailnet", query) as connection:
        yield Tailnet(connection)


@asynccontextmanager
async def open_agent_tailnet(client: Client, agent_id: str) -> AsyncIterator[Tailnet]:
    """`GET /workspaceagents/{id}/coordinate`: this agent alone, and servers before v2.18.0 have it too.

    Raises:
        NotFound: no such agent, or no right to connect to it.
        ApiError: as of `open_tailnet`.
    """
    path = f"/api/v2/workspaceagents/{segment(agent_id)}/coordinate"
    async with open_rpc(client, path, {"version": READ_VERSION}) as connection:
        yield Tailnet(connection)


class DerpMapSource(Source[DerpMap]):
    """`GET /derp-map`: the whole map at once and after each change; no login needed (contract: tailnet.md §3)."""

    def routes(self) -> tuple[Route, ...]:
        return (Route(Transport.WEBSOCKET, "/api/v2/derp-map"),)

    def read(self, message: bytes) -> StreamEvent:
        return Data(message)

    def payload(self, value: bytes) -> DerpMap:
        return decode(DerpMap, value).value


def id_bytes(text: str) -> bytes:
    """A UUID as the 16 bytes of the wire.

    Raises:
        ValueError: no UUID.
    """
    return uuid.UUID(text).bytes


def id_text(raw: bytes) -> str:
    """A UUID of the wire as text; "" for anything else."""
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else ""


def derp_map_of(found: pb.DERPMap) -> DerpMap:
    """The map as REST gives it."""
    regions = {
        str(number): DerpRegion(
            embedded_relay=region.embedded_relay,
            region_id=region.region_id,
            region_code=region.region_code,
            region_name=region.region_name,
            nodes=tuple(
                DerpNode(
                    name=node.name,
                    region_id=node.region_id,
                    host_name=node.host_name,
                    cert_name=node.cert_name,
                    ipv4=node.ipv4,
                    ipv6=node.ipv6,
                    stun_port=node.stun_port,
                    stun_only=node.stun_only,
                    derp_port=node.derp_port,
                    insecure_for_tests=node.insecure_for_tests,
                    force_http=node.force_http,
                )
                for node in region.nodes
            ),
        )
        for number, region in found.regions.items()
    }
    return DerpMap(regions=regions)


def _changes(update: pb.WorkspaceUpdate, *, is_snapshot: bool) -> WorkspaceChanges:
    workspaces = (
        WorkspaceSeen(id_text(one.id), one.name, _word(pb.Workspace.Status.items(), one.status))
        for one in update.upserted_workspaces
    )
    agents = (
        AgentSeen(id_text(one.id), one.name, id_text(one.workspace_id)) for one in update.upserted_agents
    )
    return WorkspaceChanges(
        is_snapshot,
        tuple(one for one in workspaces if one.id),
        tuple(one for one in agents if one.id),
        tuple(filter(None, (id_text(one.id) for one in update.deleted_workspaces))),
        tuple(filter(None, (id_text(one.id) for one in update.deleted_agents))),
    )


def _peer_news(update: pb.CoordinateResponse.PeerUpdate) -> PeerNews:
    kind = _word(pb.CoordinateResponse.PeerUpdate.Kind.items(), update.kind)
    node = _node(update.node) if update.HasField("node") else None
    return PeerNews(id_text(update.id), kind, node, update.reason)


def _node(node: pb.Node) -> PeerNode:
    return PeerNode(
        home_region=node.preferred_derp,
        latency_s=MappingProxyType(dict(node.derp_latency)),
        forced_websockets=MappingProxyType(dict(node.derp_forced_websocket)),
        endpoints=tuple(node.endpoints),
        addresses=tuple(node.addresses),
        as_of=_time(node.as_of) if node.HasField("as_of") else None,
    )


def _word(items: Iterable[tuple[str, int]], number: int) -> str:
    return next((name.lower() for name, known in items if known == number), str(number))


def _time(moment: Timestamp) -> datetime | None:
    try:
        return datetime.fromtimestamp(moment.seconds + moment.nanos / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None
