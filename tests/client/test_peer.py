"""An agent's own word about its connection: of servers of all times, and of broken ones (contract: tailnet.md §9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from agentdash.actions.doer import ClientDoer
from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.peer import ask_node
from agentdash.api.tailnet import PeerNode
from agentdash.api.tailnet_errors import BrowserOnly, PeerRefused, PeerSilent, RpcBroken, RpcCut
from agentdash.config.secret import Secret
from agentdash.local.faults import Answer, Fault
from agentdash.local.records import Latency
from agentdash.local.revisions import REVISIONS
from agentdash.local.server import Served
from agentdash.wire.proto import tailnet_pb2 as pb
from tests.conftest import Serve, the_agent

AGENT = "22222222-2222-4222-8222-222222222222"


def ready(served: Served) -> str:
    """The id of the agent, which knows its relay."""
    agent = the_agent(served.deployment)
    agent.latency = {"Coder Embedded Relay": Latency(12.3, preferred=True)}
    return agent.id


async def ask(client: Client, agent_id: str) -> PeerNode:
    async with asyncio.timeout(15):
        return await ask_node(client, agent_id)


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url, served.token) as made:
        yield made


@pytest.mark.parametrize("revision", REVISIONS)
async def test_servers_of_all_times_pass_it_on(
    revision: str, deployment: object, running_server: Serve
) -> None:
    async with running_server(deployment, revision=REVISIONS[revision]) as served:
        agent_id = ready(served)
        async with Client(served.url, served.token) as client:
            await client.request("GET", "/api/v2/buildinfo")
            node = await ask(client, agent_id)
    assert (node.home_region, node.region_latency_s(999)) == (999, pytest.approx(0.0123))
    assert len(node.endpoints) == 2
    assert all(endpoint.rpartition(":")[2].isdigit() for endpoint in node.endpoints)
    assert node.as_of == the_agent(served.deployment).first_connected_at


async def test_it_reaches_the_model_cleaned(served: Served, client: Client) -> None:
    node = await ClientDoer(client).agent_node(ready(served))
    assert (node.home_id, dict(node.latency_ms)) == (999, {999: pytest.approx(12.3)})
    assert len(node.endpoints) == 2


async def test_who_may_not_connect_is_told_so(served: Served, client: Client) -> None:
    with pytest.raises(errors.NotFound):
        await ask(client, AGENT)
    body = '{"message":"Non-browser connections are disabled for your deployment."}'
    served.faults.add(Fault("*/coordinate", answer=Answer(409, body)))
    with pytest.raises(BrowserOnly):
        await ask(client, ready(served))


async def test_a_cut_line(served: Served, client: Client) -> None:
    served.faults.add(Fault("*/coordinate", cut_after_messages=1))
    with pytest.raises(RpcCut):
        await ask(client, ready(served))


# Servers that break the rules


@asynccontextmanager
async def answering(*messages: bytes, asked: asyncio.Event | None = None) -> AsyncIterator[Client]:
    """A client of a server that says this once it has been asked, and then waits."""

    async def answer(socket: ServerConnection) -> None:
        try:
            await socket.recv()
            if asked is not None:
                asked.set()
            for message in messages:
                await socket.send(message)
            async for _ in socket:
                pass
        except ConnectionClosed:
            pass

    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}", Secret("x")) as client:
            yield client


def frame(kind: int, flags: int, stream: int, length: int, body: bytes = b"") -> bytes:
    head = bytes([0, kind]) + flags.to_bytes(2, "big") + stream.to_bytes(4, "big") + length.to_bytes(4, "big")
    return head + body


def said(packet: bytes, number: int = 1) -> bytes:
    """A message of the call, in one dRPC packet."""
    body = bytes([0x05, 1, number, len(packet)]) + packet
    return frame(0, 0, 1, len(body), body)


def update(kind: int, node: pb.Node | None = None) -> bytes:
    answer = pb.CoordinateResponse()
    one = answer.peer_updates.add(id=bytes.fromhex(AGENT.replace("-", "")), kind=kind)  # type: ignore[arg-type]
    if node is not None:
        one.node.CopyFrom(node)
    return answer.SerializeToString()


ACCEPTED = frame(1, 2, 1, 0)
WHOLE = update(1, pb.Node(id=7, preferred_derp=999, endpoints=["10.0.0.5:41641"]))


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        # More than the window allows, announced and sent.
        ((ACCEPTED, frame(0, 0, 1, 0x7FFFFFFF, b"x" * 512 * 1024)), errors.ApiError),
        # A protobuf cut in its middle, in a packet that is whole.
        ((ACCEPTED, said(WHOLE[:-3])), RpcBroken),
        # A packet whose length never ends.
        ((ACCEPTED, frame(0, 0, 1, 15, bytes([0x05, 1, 1]) + b"\xff" * 12)), errors.ApiError),
        # A stream nobody has opened.
        ((frame(0, 0, 99, 1, b"x"),), errors.ApiError),
        # An error, and the agent gone.
        ((ACCEPTED, said(pb.CoordinateResponse(error="authorization: no").SerializeToString())), PeerRefused),
        ((ACCEPTED, said(update(2))), PeerSilent),
        ((ACCEPTED, frame(0, 0, 1, 4, bytes.fromhex("0b010100"))), PeerSilent),
    ],
    ids=["window", "protobuf", "varint", "stream", "refused", "gone", "closed"],
)
async def test_broken_words_are_errors_by_name(messages: tuple[bytes, ...], kind: type[Exception]) -> None:
    async with answering(*messages) as client:
        with pytest.raises(kind):
            await ask(client, AGENT)


async def test_others_news_are_passed_over() -> None:
    other = pb.CoordinateResponse()
    other.peer_updates.add(id=bytes(16), kind=1, node=pb.Node(id=1, preferred_derp=1))  # type: ignore[arg-type]
    async with answering(ACCEPTED, said(other.SerializeToString()), said(WHOLE, 2)) as client:
        assert (await ask(client, AGENT)).home_region == 999


async def test_silence_ends_with_the_time_that_was_handed_in() -> None:
    limits: list[float] = []
    asked, over = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        limits.append(seconds)
        await over.wait()

    async with asyncio.timeout(15), answering(ACCEPTED, asked=asked) as client:
        task = asyncio.create_task(ask_node(client, AGENT, sleep=sleep))
        await asked.wait()
        over.set()
        with pytest.raises(PeerSilent, match="within 10 seconds"):
            await task
    assert limits == [10.0]
