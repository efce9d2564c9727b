"""Updates of several owners on one connection: against the embedded deployment, and against servers that break rules."""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from websockets.asyncio.server import ServerConnection, serve

from agentdash.api import errors, tailnet_errors
from agentdash.api.client import Client
from agentdash.api.owners import OwnerStreams
from agentdash.api.tailnet import WorkspaceChanges, open_tailnet
from agentdash.config.secret import Secret
from agentdash.feed.settings import FeedSettings
from agentdash.local import queueing
from agentdash.local.faults import Fault, failing
from agentdash.local.records import Deployment, Workspace
from agentdash.local.revisions import REVISIONS
from agentdash.local.server import Served
from agentdash.state.freshness import StreamState
from agentdash.wire.yamux import Session
from agentdash.wire.yamux_events import DataReceived, StreamOffered
from tests.client.test_feed_live import Live
from tests.conftest import Serve, add_start_build


def the_workspace(deployment: Deployment) -> Workspace:
    return next(iter(deployment.workspaces.values()))


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url, served.token) as made:
        yield made


async def test_owners_share_a_connection_and_may_come_and_go(served: Served, client: Client) -> None:
    deployment, workspace = served.deployment, the_workspace(served.deployment)
    stranger, late = str(uuid.uuid4()), str(uuid.uuid4())
    async with asyncio.timeout(15), open_tailnet(client) as tailnet, OwnerStreams(tailnet) as streams:
        streams.want([workspace.owner_id, stranger])
        async with aclosing(streams.updates()) as updates:
            first = dict([await anext(updates), await anext(updates)])
            assert all(changes.is_snapshot for changes in first.values())
            assert [len(first[owner].workspaces) for owner in (workspace.owner_id, stranger)] == [1, 0]
            streams.want([workspace.owner_id, late])
            assert (await anext(updates)) == (late, WorkspaceChanges(is_snapshot=True))
            streams.want([late])
            queueing.queue_build(deployment, workspace, "start", workspace.owner_id)
            streams.want([late, workspace.owner_id])
            owner, again = await anext(updates)
            assert (owner, again.is_snapshot, again.workspaces[0].status) == (
                workspace.owner_id,
                True,
                "pending",
            )
        assert len(tailnet.connection.mux.session.stream_ids) <= 4


async def test_an_owner_that_is_refused_is_left_out_and_none_is_an_error(
    served: Served, client: Client
) -> None:
    owner_id = the_workspace(served.deployment).owner_id
    async with asyncio.timeout(15), open_tailnet(client) as tailnet, OwnerStreams(tailnet) as streams:
        streams.want(["no id at all", owner_id])
        assert (await anext(streams.updates()))[0] == owner_id
        streams.want(["no id at all"])
        # Refused it was already: asked for again it is refused again.
        streams.want([])
        streams.want(["no id at all"])
        with pytest.raises(tailnet_errors.UpdatesRefused):
            await anext(streams.updates())


async def test_the_end_of_the_server_ends_the_updates(served: Served, client: Client) -> None:
    owner_id = the_workspace(served.deployment).owner_id
    async with asyncio.timeout(15), open_tailnet(client) as tailnet, OwnerStreams(tailnet) as streams:
        streams.want([owner_id])
        async with aclosing(streams.updates()) as updates:
            await anext(updates)
            served.drop_connections()
            with pytest.raises(errors.ConnectFailed):
                await anext(updates)


# -- a server that breaks rules -------------------------------------------------------------------------------------

HEADER = struct.Struct(">BBHII")
SNAPSHOT = bytes.fromhex(
    "0a190a101111111111114111811111111111111112036465761803122a0a1022222222222242228222222222222222"
    "12046d61696e1a1011111111111141118111111111111111"
)
"""The worked example (contract: tailnet.md §5.5)."""


def data(payload: bytes, stream: int = 1, length: int | None = None) -> bytes:
    return HEADER.pack(0, 0, 0, stream, len(payload) if length is None else length) + payload


def message(number: int, payload: bytes, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    varint = b""
    while size > 127:
        varint, size = varint + bytes([size & 127 | 128]), size >> 7
    return bytes([5, 1, number]) + varint + bytes([size]) + payload


@dataclass
class Unruly:
    """Speaks yamux until it has been asked for updates; then says `says` byte for byte and may hang up."""

    says: bytes
    hangs_up: bool = False
    step: int = 1 << 20

    async def play(self, connection: ServerConnection) -> None:
        session = Session(is_client=False)
        async for got in connection:
            assert isinstance(got, bytes)
            for event in session.receive(got):
                if isinstance(event, StreamOffered):
                    session.accept(event.stream_id)
                if isinstance(event, DataReceived) and event.data.endswith(b"\x0d\x01\x03\x00"):
                    await connection.send(session.take_output())
                    for start in range(0, len(self.says), self.step):
                        await connection.send(self.says[start : start + self.step])
                    if self.hangs_up:
                        connection.transport.abort()
            if output := session.take_output():
                await connection.send(output)


@asynccontextmanager
async def unruly(peer: Unruly) -> AsyncIterator[OwnerStreams]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(peer.play, "127.0.0.1", 0, compression=None))
        port = next(iter(server.sockets)).getsockname()[1]
        client = await stack.enter_async_context(Client(f"http://127.0.0.1:{port}", Secret("token-x")))
        await stack.enter_async_context(asyncio.timeout(15))
        tailnet = await stack.enter_async_context(open_tailnet(client))
        yield await stack.enter_async_context(OwnerStreams(tailnet))


OWNER = "33333333-3333-4333-8333-333333333333"
GOOD = data(message(1, SNAPSHOT))
FIN = HEADER.pack(0, 1, 4, 1, 0)


@pytest.mark.parametrize(
    ("says", "hangs_up", "error", "words"),
    [
        (data(message(2, SNAPSHOT)[:10], length=200), True, tailnet_errors.RpcCut, "cut"),
        (data(message(2, b"\x0a\x19", length=60)) + FIN, False, tailnet_errors.RpcBroken, "."),
        (data(message(2, b"\x0a\x7fcut")), False, tailnet_errors.RpcBroken, "cannot be read"),
        (data(message(1, SNAPSHOT)), False, tailnet_errors.RpcBroken, "."),
        (data(message(2, b"", length=5 << 20)), False, tailnet_errors.RpcBroken, "."),
        (HEADER.pack(0, 1, 1, 2, 0) * 2, False, tailnet_errors.RpcCut, "stream"),
        (HEADER.pack(0, 1, 1, 1, 0), False, tailnet_errors.RpcCut, "stream"),
        (data(b"", length=1 << 30), False, tailnet_errors.RpcCut, "window"),
        (b"\x09" + bytes(11), False, tailnet_errors.RpcCut, "version"),
        (HEADER.pack(0, 1, 8, 1, 0), False, tailnet_errors.RpcCut, "reset"),
        (data(bytes([0x0B, 1, 2, 0])), False, tailnet_errors.RpcCut, "ended the updates"),
    ],
    ids=[
        "frame cut", "packet cut", "protobuf cut", "message id reused", "oversized packet", "stream id reused",
        "our stream id", "beyond the window", "other version", "reset", "closed in order",
    ],
)  # fmt: skip
async def test_broken_rules_are_typed_errors_after_what_came_whole(
    says: bytes, hangs_up: bool, error: type[errors.ApiError], words: str
) -> None:
    async with unruly(Unruly(GOOD + says, hangs_up)) as streams:
        streams.want([OWNER])
        async with aclosing(streams.updates()) as updates:
            owner, first = await anext(updates)
            assert (owner, first.workspaces[0].name, first.agents[0].name) == (OWNER, "dev", "main")
            with pytest.raises(error, match=words):
                await anext(updates)


async def test_a_go_away_lets_open_calls_go_on_and_new_ones_fail() -> None:
    says = GOOD + HEADER.pack(0, 3, 0, 0, 0) + data(message(2, SNAPSHOT))
    async with unruly(Unruly(says)) as streams:
        streams.want([OWNER])
        async with aclosing(streams.updates()) as updates:
            assert (await anext(updates))[1].is_snapshot
            assert not (await anext(updates))[1].is_snapshot
            streams.want([OWNER, str(uuid.uuid4())])
            with pytest.raises(tailnet_errors.RpcCut):
                await anext(updates)


async def test_a_server_that_says_one_byte_at_a_time_is_understood() -> None:
    async with unruly(Unruly(GOOD, step=1)) as streams:
        streams.want([OWNER])
        assert (await anext(streams.updates()))[1].workspaces[0].status == "running"


# -- the feed on it ---------------------------------------------------------------------------------------------------

QUIET = FeedSettings(
    tick_s=0.05,
    sweep_interval_s=3600,
    trouble_interval_s=3600,
    begun_interval_s=3600,
    reread_s=3600,
    reread_moving_s=3600,
    fleet_source="tailnet",
)
"""Nothing but updates (and watches of what moves) keeps the state true."""


@asynccontextmanager
async def live(served: Served, settings: FeedSettings = QUIET) -> AsyncIterator[Live]:
    found = Live(served.url, served.token.reveal(), settings)
    async with found.client:
        task = asyncio.create_task(found.feed.run())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def is_told(it: Live) -> None:
    await it.until(lambda s: "updates" in s.streams and s.streams["updates"].state is StreamState.LIVE)


async def test_a_new_workspace_and_a_deleted_one_reach_the_state(served: Served) -> None:
    deployment, workspace = served.deployment, the_workspace(served.deployment)
    async with live(served) as it:
        await is_told(it)
        user = deployment.users[workspace.owner_id]
        made = queueing.create_workspace(deployment, user, "beta", workspace.template_id)
        await it.until(lambda s: made.id in s.workspaces)
        build = queueing.queue_build(deployment, workspace, "delete", workspace.owner_id)
        await it.until(lambda s: s.workspaces[workspace.id].build.status == "pending")
        queueing.finish_job(deployment, build)
        await it.until(lambda s: workspace.id not in s.workspaces)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("*/tailnet", times=1, cut_after_messages=3),
        Fault("*/tailnet", times=1, cut_after_bytes=40),
        Fault("*/tailnet", times=1, cut_after_messages=5, close_code=1011, close_reason="the rpc server gave up"),
        Fault("*/tailnet", times=1, delay_s=0.2),
        Fault("*/tailnet", times=1, disconnect=True),
        failing("*/tailnet", 502, "bad gateway", times=1),
    ],
    ids=["cut", "cut in the middle", "given up", "slow", "no answer", "proxy"],
)  # fmt: skip
async def test_it_comes_back_after_a_fault(served: Served, fault: Fault) -> None:
    deployment, workspace = served.deployment, the_workspace(served.deployment)
    served.faults.add(fault)
    async with live(served) as it:
        await it.until(lambda s: s.workspaces)
        await it.until(lambda s: "updates" in s.streams)
        await is_told(it)
        build = queueing.queue_build(deployment, workspace, "stop", workspace.owner_id)
        queueing.finish_job(deployment, build)
        await it.until(lambda s: s.workspaces[workspace.id].build.status == "stopped")


@pytest.mark.parametrize(("status", "text"), [(404, "Route not found."), (403, "Forbidden.")])
async def test_refused_the_rows_are_watched(served: Served, status: int, text: str) -> None:
    served.faults.add(failing("*/tailnet", status, text))
    workspace = the_workspace(served.deployment)
    async with live(served, replace(QUIET, settle_s=0.0)) as it:
        await it.until(lambda s: "updates" in s.streams)
        await it.until(lambda s: s.streams["updates"].state is StreamState.STOPPED)
        assert it.state.streams["updates"].problem is not None
        it.feed.set_visible([workspace.id])
        watch = f"watch:{workspace.id}"
        await it.until(lambda s: watch in s.streams and s.streams[watch].state is StreamState.LIVE)
        assert it.state.server.problem is None


@pytest.mark.parametrize("name", ["2023-03", "2023-06", "2024-09"])
async def test_servers_before_it_are_watched(
    deployment: Deployment, running_server: Serve, name: str
) -> None:
    async with running_server(deployment, revision=REVISIONS[name]) as served, live(served) as it:
        await it.until(lambda s: "updates" in s.streams)
        await it.until(lambda s: s.streams["updates"].state is StreamState.STOPPED)
        problem = it.state.streams["updates"].problem
        assert problem is not None
        assert problem.kind == "RouteNotFound"


async def test_a_new_build_brings_the_new_agent(served: Served) -> None:
    deployment, workspace = served.deployment, the_workspace(served.deployment)
    async with live(served) as it:
        await is_told(it)
        made = add_start_build(deployment, workspace)
        deployment.touch(workspace)
        await it.until(lambda s: made.id in s.agent_homes)
