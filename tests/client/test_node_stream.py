"""Agents and clients of 2023 tell each other of their nodes (contract: agent-side.md §10, tailnet.md §4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from agentdash.api import agent_errors, errors
from agentdash.api.agent_legacy import LegacyAgentApi
from agentdash.api.client import Client
from agentdash.api.node_stream import NodeStream, open_node_stream
from agentdash.api.schema.agent_side import LegacyNode
from agentdash.config.secret import Secret
from agentdash.local import bus as topics
from agentdash.local.agent_side import side_of
from agentdash.local.faults import Fault
from agentdash.local.records import Agent, Deployment, Workspace
from agentdash.local.revisions import REVISIONS
from agentdash.local.rpc_ids import agent_address
from agentdash.local.server import Served
from tests.conftest import Serve

ME = "/api/v2/workspaceagents/me/coordinate"
KEY = "nodekey:" + "ab" * 32


def the_agent(deployment: Deployment) -> Agent:
    return next(iter(deployment.workspaces.values())).latest_build.agents[0]


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def agent_client(served: Served) -> Client:
    token = side_of(served.runtime).tokens.token_of(served.deployment, the_agent(served.deployment))
    return Client(served.url, Secret(token))


@pytest.fixture(params=["2023-03", "2023-06"])
async def old(
    request: pytest.FixtureRequest, deployment: Deployment, running_server: Serve
) -> AsyncIterator[Served]:
    async with running_server(deployment, revision=REVISIONS[request.param]) as served:
        yield served


async def test_an_agent_and_its_client_hear_of_each_other(old: Served) -> None:
    agent = the_agent(old.deployment)
    own = LegacyNode(
        id=7, key=KEY, preferred_derp=999, derp_latency={"999-v4": 0.0123}, derp_forced_websockets={"999": "a proxy"},
        addresses=(f"{agent_address(agent.id)}/128",), endpoints=("10.0.0.5:41641",)
    )  # fmt: skip
    async with asyncio.timeout(15), agent_client(old) as inside, Client(old.url, old.token) as outside:
        async with LegacyAgentApi(inside).coordinate() as as_agent:
            await as_agent.tell(own)
            path = f"/api/v2/workspaceagents/{agent.id}/coordinate"
            async with open_node_stream(outside, path) as as_client:
                told = as_client.nodes()
                while (found := (await anext(told))[0]).id != 7:
                    pass
                assert (found.key, found.preferred_derp, found.derp_latency) == (KEY, 999, {"999-v4": 0.0123})
                assert (found.derp_forced_websockets, found.endpoints) == (
                    {"999": "a proxy"},
                    ("10.0.0.5:41641",),
                )
                await as_client.tell(LegacyNode(id=8, disco="discokey:1"))
                dialling = as_agent.nodes()
                assert [(node.id, node.disco) for node in await anext(dialling)] == [(8, "discokey:1")]
                await told.aclose()
            # The client has gone.
            assert await anext(dialling) == ()
            # The home relay is seen in the dashboard.
            assert agent.latency["Coder Embedded Relay"].latency_ms == pytest.approx(12.3)
            topic = topics.workspace_topic(agent.workspace_id, the_workspace(old).owner_id)
            async with old.deployment.bus.subscribe(topic) as news:
                await as_agent._connection.close()
                await news.wait()
        # It counted as connected as long as this connection lasted.
        assert agent.status(old.deployment.now()) == "disconnected"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"<html>", "read json: not a stream of nodes"),
        (b'{"id":"x"}', "read json: a node with fields of other kinds"),
        (b'{"addresses":["fd7a::1/128"]}', "read json: invalid node address"),
        (b"[1]", "read json: a node that is no object"),
    ],
)
async def test_what_is_no_node_ends_that_connection_alone(old: Served, sent: bytes, words: str) -> None:
    async with asyncio.timeout(15), agent_client(old) as inside:
        async with LegacyAgentApi(inside).coordinate() as broken:
            await broken._connection.send(sent)
            with pytest.raises(errors.ConnectFailed, match=words):
                await anext(broken.nodes())
        assert (await LegacyAgentApi(inside).manifest()).directory == "/tmp"


async def test_a_users_token_is_none_of_an_agents(old: Served) -> None:
    async with Client(old.url, old.token) as user:
        with pytest.raises(agent_errors.AgentNotAuthorized):
            async with LegacyAgentApi(user).coordinate():
                pass


@pytest.mark.parametrize("name", ["2024-09", "2025-07", "2026-08"])
async def test_later_servers_do_not_have_it(deployment: Deployment, running_server: Serve, name: str) -> None:
    async with running_server(deployment, revision=REVISIONS[name]) as served, agent_client(served) as inside:
        with pytest.raises(errors.RouteNotFound):
            async with LegacyAgentApi(inside).coordinate():
                pass


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(ME, cut_after_bytes=5), errors.ConnectFailed),
        (Fault(ME, cut_after_messages=1), errors.ConnectFailed),
        (Fault(ME, cut_after_messages=1, close_code=1000), None),
        (Fault(ME, cut_after_messages=1, close_code=1011, close_reason="gone"), errors.ConnectFailed),
    ],
    ids=["before anything", "cut", "closed", "given up"],
)
async def test_ends(old: Served, fault: Fault, error: type[errors.ApiError] | None) -> None:
    agent = the_agent(old.deployment)
    side_of(old.runtime).dialers[agent.id] = {1: {"id": 8}}
    old.faults.add(fault)
    async with (
        asyncio.timeout(15),
        agent_client(old) as inside,
        LegacyAgentApi(inside).coordinate() as stream,
    ):
        if error is None:
            assert [node.id for nodes in [n async for n in stream.nodes()] for node in nodes] == [8]
        else:
            with pytest.raises(error):
                async for _ in stream.nodes():
                    pass


# -- servers that break rules ------------------------------------------------------------------------------------------


@asynccontextmanager
async def saying(*messages: bytes) -> AsyncIterator[NodeStream]:
    async def play(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)

    async with serve(play, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with (
            asyncio.timeout(15),
            Client(f"http://127.0.0.1:{port}", Secret("token-x")) as client,
            LegacyAgentApi(client).coordinate() as stream,
        ):
            yield stream


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (b'[{"id":', "was cut"),
        (b"<html>", "invalid character"),
        (b"[[[]]]", "no object"),
        (b'[{"disco":"' + b"a" * (5 << 20), "larger than"),
    ],
    ids=["cut", "no JSON", "no nodes", "oversized"],
)
async def test_what_is_no_list_of_nodes(after: bytes, words: str) -> None:
    async with saying(b'[{"id":1}]\n', after) as stream:
        told = stream.nodes()
        assert [node.id for node in await anext(told)] == [1]
        with pytest.raises(errors.MalformedAnswer, match=words):
            await anext(told)


async def test_a_slow_server_that_says_a_byte_at_a_time_is_understood() -> None:
    whole = '[{"id":1,"disco":"日本"}]\n'.encode()
    async with saying(*(bytes([byte]) for byte in whole)) as stream:
        ((node,),) = [nodes async for nodes in stream.nodes()]
    assert (node.id, node.disco) == (1, "日本")
