"""Relays, live workspaces and peers against the embedded deployment, over real sockets (contract: tailnet.md)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from agentdash.api import errors, tailnet_errors
from agentdash.api.client import Client
from agentdash.api.rpc import open_rpc, server_version
from agentdash.api.stream import Data, Stream
from agentdash.api.tailnet import (
    AgentSeen,
    DerpMapSource,
    PeerNews,
    Tailnet,
    WorkspaceSeen,
    open_agent_tailnet,
    open_tailnet,
)
from agentdash.config.secret import Secret
from agentdash.local import queueing, startup
from agentdash.local.faults import Answer, Fault
from agentdash.local.records import Agent, Latency, Workspace
from agentdash.local.server import Served
from agentdash.wire.proto import tailnet_pb2 as pb
from agentdash.wire.rpc import calling
from tests.conftest import add_start_build


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def the_agent(served: Served) -> Agent:
    return the_workspace(served).latest_build.agents[0]


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    the_agent(served).latency = {"Coder Embedded Relay": Latency(12.3, preferred=True)}
    async with Client(served.url, served.token) as made:
        yield made


@pytest.fixture
async def tailnet(client: Client) -> AsyncIterator[Tailnet]:
    async with asyncio.timeout(30), open_tailnet(client) as made:
        yield made


async def test_the_relay_map_comes_both_ways(served: Served, client: Client, tailnet: Tailnet) -> None:
    port = int(served.url.rpartition(":")[2])
    maps = [await anext(tailnet.derp_maps())]
    async with Stream(client, DerpMapSource()) as items:
        async for item in items:
            if isinstance(item, Data):
                maps.append(item.payload)
                break
    assert maps[0] == maps[1]
    (region,) = maps[0].regions.values()
    assert (region.region_id, region.region_code, region.embedded_relay) == (999, "coder", True)
    assert (region.nodes[0].stun_port, region.nodes[0].derp_port) == (-1, port)


async def test_the_relay_map_wants_no_login(served: Served) -> None:
    async with Client(served.url, Secret("")) as nobody, Stream(nobody, DerpMapSource()) as items:
        assert await anext(items)


async def test_live_workspaces(served: Served, tailnet: Tailnet) -> None:
    deployment, workspace, agent = served.deployment, the_workspace(served), the_agent(served)
    updates = tailnet.workspace_updates(workspace.owner_id)
    first = await anext(updates)
    assert first.is_snapshot
    assert first.workspaces == (WorkspaceSeen(workspace.id, "alpha", "running"),)
    assert first.agents == (AgentSeen(agent.id, "main", workspace.id),)
    build = queueing.queue_build(deployment, workspace, "start", workspace.owner_id)
    second = await anext(updates)
    # A build that is not done has no agents: the old ones go first.
    assert (second.is_snapshot, second.workspaces[0].status) == (False, "pending")
    assert (second.agents, second.deleted_agents) == ((), (agent.id,))
    queueing.finish_job(deployment, build, error="no")
    assert (await anext(updates)).workspaces == (WorkspaceSeen(workspace.id, "alpha", "failed"),)
    made = add_start_build(deployment, workspace)
    third = await anext(updates)
    assert third.workspaces == (WorkspaceSeen(workspace.id, "alpha", "running"),)
    assert third.agents == (AgentSeen(made.id, "main", workspace.id),)
    stop = queueing.queue_build(deployment, workspace, "delete", workspace.owner_id)
    assert (await anext(updates)).workspaces[0].status == "pending"
    queueing.finish_job(deployment, stop)
    assert (await anext(updates)).deleted_workspaces == (workspace.id,)
    await updates.aclose()


async def test_a_new_workspace_turns_up(served: Served, tailnet: Tailnet) -> None:
    deployment, workspace = served.deployment, the_workspace(served)
    updates = tailnet.workspace_updates(workspace.owner_id)
    await anext(updates)
    user = deployment.users[workspace.owner_id]
    made = queueing.create_workspace(deployment, user, "beta", workspace.template_id)
    assert (await anext(updates)).workspaces == (WorkspaceSeen(made.id, "beta", "pending"),)
    await updates.aclose()


async def test_several_owners_on_one_connection(served: Served, tailnet: Tailnet) -> None:
    owner = tailnet.workspace_updates(the_workspace(served).owner_id)
    stranger = tailnet.workspace_updates(str(uuid.uuid4()))
    assert len((await anext(owner)).workspaces) == 1
    empty = await anext(stranger)
    assert (empty.is_snapshot, empty.workspaces, empty.agents) == (True, (), ())
    await owner.aclose()
    await stranger.aclose()


async def test_a_malformed_owner_is_an_error_that_never_arrives(client: Client, tailnet: Tailnet) -> None:
    request = pb.WorkspaceUpdatesRequest(workspace_owner_id=b"abc")
    method = "/coder.tailnet.v2.Tailnet/WorkspaceUpdates"
    with pytest.raises(tailnet_errors.UpdatesRefused):
        async for _ in tailnet.connection.stream(method, request, pb.WorkspaceUpdate):
            pass
    # The connection is none the worse.
    assert (await tailnet.resume_token()).refresh_in_s == 43200


async def test_an_agents_node_and_what_becomes_of_it(served: Served, tailnet: Tailnet) -> None:
    agent = the_agent(served)
    async with tailnet.coordinate() as coordination:
        await coordination.watch(agent.id)
        news = coordination.news()
        told = await anext(news)
        assert (told.agent_id, told.kind, told.reason) == (agent.id, "node", "add tunnel")
        assert told.node is not None
        assert (told.node.home_region, told.node.region_latency_s(999)) == (999, 0.0123)
        assert told.node.region_latency_s(1) is None
        assert told.node.addresses[0].startswith("fd7a:115c:a1e0:")
        agent.latency["Coder Embedded Relay"] = Latency(20.0)
        served.deployment.touch_agent(agent)
        changed = await anext(news)
        assert (changed.kind, changed.reason) == ("node", "node update")
        startup.disconnect(served.deployment, agent)
        assert await anext(news) == PeerNews(agent.id, "lost", None, "lost")
        startup.connect(served.deployment, agent)
        agent.latency["Coder Embedded Relay"] = Latency(1.0)
        served.deployment.touch_agent(agent)
        assert (await anext(news)).kind == "node"
        await coordination.unwatch(agent.id)
        assert await anext(news) == PeerNews(agent.id, "disconnected", None, "remove tunnel")
        await coordination.leave()
        assert [item async for item in news] == []


async def refused(tailnet: Tailnet, request: pb.CoordinateRequest) -> str:
    async with tailnet.coordinate() as coordination:
        await coordination._send(request)
        with pytest.raises(tailnet_errors.PeerRefused) as caught:
            async for _ in coordination.news():
                pass
    return caught.value.detail


async def test_peers_that_are_not_told(served: Served, client: Client, tailnet: Tailnet) -> None:
    tunnel = pb.CoordinateRequest.Tunnel
    nobody = pb.CoordinateRequest(add_tunnel=tunnel(id=uuid.uuid4().bytes))
    words = "authorization: workspace agent not found or you do not have permission"
    assert await refused(tailnet, nobody) == words
    words = "authorization: parse add tunnel id: invalid UUID (got 3 bytes)"
    assert await refused(tailnet, pb.CoordinateRequest(add_tunnel=tunnel(id=b"abc"))) == words
    handshake = pb.CoordinateRequest.ReadyForHandshake(id=uuid.uuid4().bytes)
    words = "authorization: clients may not send ready_for_handshake"
    assert await refused(tailnet, pb.CoordinateRequest(ready_for_handshake=[handshake])) == words
    async with open_agent_tailnet(client, the_agent(served).id) as single:
        assert f"expected {the_agent(served).id}, got" in await refused(single, nobody)


async def test_one_agents_own_endpoint(served: Served, client: Client) -> None:
    agent = the_agent(served)
    async with asyncio.timeout(10), open_agent_tailnet(client, agent.id) as single:
        async with single.coordinate() as coordination:
            await coordination.watch(agent.id)
            assert (await anext(coordination.news())).kind == "node"
        assert (await anext(single.workspace_updates(the_workspace(served).owner_id))).is_snapshot


async def test_unknown_calls_are_told_apart_from_errors(tailnet: Tailnet) -> None:
    with pytest.raises(tailnet_errors.RpcUnknown):
        await tailnet.connection.ask("/coder.tailnet.v2.Tailnet/Nope", pb.StreamDERPMapsRequest(), pb.DERPMap)

    async def send_cut_message() -> None:
        async with tailnet.connection.talk("/coder.tailnet.v2.Tailnet/WorkspaceUpdates") as call:
            await call.send(b"\x0a\x10cut")
            await call.receive()

    with pytest.raises(tailnet_errors.RpcRefused, match="wire-format"):
        await send_cut_message()


@pytest.mark.parametrize(
    ("version", "words", "server"),
    [
        ("1.0", "version 1.0 is no longer supported", ""),
        ("2.99", "server is at version 2.11, behind requested minor version 2.99", "2.11"),
        ("3.0", "server is at version 2.11, behind requested major version 3.0", "2.11"),
        ("x", "invalid version string: x", ""),
    ],
)
async def test_versions(client: Client, version: str, words: str, server: str) -> None:
    with pytest.raises(tailnet_errors.VersionRefused) as caught:
        async with open_tailnet(client, version=version):
            pass
    assert words in caught.value.detail
    assert caught.value.server_version == server


async def test_refusals_before_the_upgrade(served: Served, client: Client) -> None:
    assert await server_version(client) == "2.11"
    with pytest.raises(tailnet_errors.VersionRefused, match="no longer supported"):
        # The endpoint's default is of a time long gone.
        async with open_rpc(client, f"/api/v2/workspaceagents/{the_agent(served).id}/coordinate", {}):
            pass
    with pytest.raises(errors.NotFound):
        async with open_agent_tailnet(client, str(uuid.uuid4())):
            pass
    async with Client(served.url, Secret("")) as nobody:
        with pytest.raises(errors.NotLoggedIn):
            async with open_tailnet(nobody):
                pass
    body = '{"message":"Non-browser connections are disabled for your deployment."}'
    served.faults.add(Fault("*/tailnet", answer=Answer(409, body)))
    with pytest.raises(tailnet_errors.BrowserOnly):
        async with open_tailnet(client):
            pass


async def test_a_cut_ends_what_is_open(served: Served, tailnet: Tailnet) -> None:
    updates = tailnet.workspace_updates(the_workspace(served).owner_id)
    await anext(updates)
    served.drop_connections()
    with pytest.raises(tailnet_errors.RpcCut):
        await anext(updates)
    with pytest.raises(tailnet_errors.RpcCut):
        await tailnet.resume_token()


def socket(served: Served) -> Any:
    headers = {"Coder-Session-Token": served.token.reveal()}
    return connect(
        served.url.replace("http", "ws") + "/api/v2/tailnet", additional_headers=headers, compression=None
    )


async def test_a_text_message_is_refused(served: Served) -> None:
    async with asyncio.timeout(10), socket(served) as ws:
        await ws.send("hello")
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (
            1003,
            "unexpected frame type read (expected MessageBinary): MessageText",
        )


async def test_broken_framing_ends_that_connection_alone(served: Served, tailnet: Tailnet) -> None:
    async with asyncio.timeout(10), socket(served) as ws:
        await ws.send(b"\x07" * 12)
        assert await ws.recv() == bytes.fromhex("000300000000000000000001")
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 1000
    assert (await tailnet.resume_token()).token


async def test_bytes_may_come_one_by_one(served: Served) -> None:
    request = bytes.fromhex("000100010000000100000000") + bytes.fromhex("000000000000000100000038")
    name = b"/coder.tailnet.v2.Tailnet/RefreshResumeToken"
    request += bytes([3, 1, 1, len(name)]) + name + bytes.fromhex("050102000d010300")
    async with asyncio.timeout(10), socket(served) as ws:
        for byte in request:
            await ws.send(bytes([byte]))
        got = b""
        while b"\x0d\x01\x02\x00" not in got:
            got += await ws.recv()
        assert got.startswith(bytes.fromhex("000100020000000100000000"))


async def test_a_call_that_is_given_up_leaves_nothing(served: Served, tailnet: Tailnet) -> None:
    async with calling(tailnet.connection.mux, "/coder.tailnet.v2.Tailnet/StreamDERPMaps") as call:
        await call.send(b"")
        await call.end_sending()
        assert await call.receive()
    await tailnet.resume_token()
    assert len(tailnet.connection.mux.session.stream_ids) <= 1
