"""Streams against a small scripted server: items, ends, silence, fallback, resume."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response

from agentdash.api import client as client_module
from agentdash.api import errors, stream
from agentdash.api.client import Client
from agentdash.api.sources import (
    AgentLogSource,
    BuildLogSource,
    ConnectionSource,
    ContainersSource,
    MetadataSource,
    Transport,
    WorkspaceSource,
)
from agentdash.api.stream import Closed, Data, Gap, Heartbeat, Mailbox, Opened, Stream, StreamError

TOKEN = "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"
Play = Callable[[ServerConnection], Awaitable[None]]


class Hidden:
    def reveal(self) -> str:
        return TOKEN


class Server:
    """Plays one scene per connection; a scene is a coroutine, or a status with a body."""

    def __init__(self) -> None:
        self.scenes: list[Any] = []
        self.paths: list[str] = []
        self.headers: list[Any] = []
        self.url = ""

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        self.headers.append(request.headers)
        if self.scenes and isinstance(self.scenes[0], tuple):
            status, body, headers = self.scenes.pop(0)
            answer = connection.respond(HTTPStatus(status), body)
            kind = {"Content-Type": "application/json"} if body.startswith("{") else {}
            for name, value in (kind | headers).items():
                if name in answer.headers:
                    del answer.headers[name]
                answer.headers[name] = value
            return answer
        return None

    async def play(self, connection: ServerConnection) -> None:
        await self.scenes.pop(0)(connection)

    def add(self, *scenes: Any) -> None:
        self.scenes.extend(scenes)

    def refuse(self, status: int, message: str, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.add((status, json.dumps({"message": message}), named))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    scripted = Server()
    async with serve(
        scripted.play, "127.0.0.1", 0, process_request=scripted.check, ping_interval=None, close_timeout=1
    ) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        scripted.url = f"http://127.0.0.1:{port}"
        yield scripted


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with Client(server.url, Hidden()) as made:
        yield made


def says(*frames: Any, code: int = 1000, reason: str = "") -> Play:
    async def scene(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame if isinstance(frame, str) else json.dumps(frame) + "\n")
        await connection.close(code, reason)

    return scene


async def hangs(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def items_of(client: Client, source: Any, **options: Any) -> list[Any]:
    async with Stream(client, source, **options) as items:
        return [item async for item in items if not isinstance(item, Heartbeat)]


async def test_workspace_watch_gives_typed_snapshots_and_its_end(server: Server, client: Client) -> None:
    frames = [
        {"type": "ping", "data": None},
        {"type": "data", "data": {"id": "w", "name": "one"}},
        {"type": "error", "data": {"message": "Trouble.", "detail": "d"}},
    ]
    server.add(says(*frames, reason="Connection closed"))
    opened, data, error, closed = await items_of(client, WorkspaceSource("w"))
    assert opened == Opened(Transport.WEBSOCKET)
    assert data.payload.name == "one"
    assert error == StreamError("Trouble. d")
    assert (closed.code, closed.reason, closed.retry, closed.ask) == (1000, "Connection closed", True, False)
    assert server.paths == ["/api/v2/workspaces/w/watch-ws"]


async def test_handshake_has_the_token_and_nothing_a_server_stumbles_over(
    server: Server, client: Client
) -> None:
    server.add(says())
    await items_of(client, WorkspaceSource("w"))
    (headers,) = server.headers
    assert headers["Coder-Session-Token"] == TOKEN
    assert headers["User-Agent"].startswith("agentdash/")
    for name in ("Origin", "Cookie", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"):
        assert name not in headers


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirected_handshake_carries_the_token_nowhere(
    status: int, server: Server, client: Client
) -> None:
    other = Server()
    async with serve(other.play, "127.0.0.1", 0, process_request=other.check) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        target = f"http://127.0.0.1:{port}"
        server.add((status, "", {"Location": f"{target}/api"}))
        with pytest.raises(errors.Redirected) as one:
            await items_of(client, ContainersSource("a"))
    assert other.paths == []
    assert one.value.location == target


async def test_log_lines_come_once_and_resume_after_the_last(server: Server, client: Client) -> None:
    server.add(
        says([{"id": 1, "output": "a"}, {"id": 2, "output": "b"}], [{"id": 2}, {"id": 5, "output": "c"}])
    )
    source = AgentLogSource("a")
    lines = [
        line.id for item in await items_of(client, source) if isinstance(item, Data) for line in item.payload
    ]
    assert lines == [1, 2, 5]
    server.add(says([]))
    closed = (await items_of(client, source))[-1]
    assert closed.ask
    assert parse_qs(urlsplit(server.paths[1]).query, keep_blank_values=True) == {
        "follow": [""],
        "after": ["5"],
    }


async def test_a_backlog_of_megabytes_arrives(server: Server, client: Client) -> None:
    backlog = [{"id": n, "output": "x" * 1000} for n in range(1, 3000)]
    server.add(says(backlog))
    items = await items_of(client, AgentLogSource("a"))
    assert sum(len(item.payload) for item in items if isinstance(item, Data)) == 2999


async def test_build_log_is_one_line_a_message(server: Server, client: Client) -> None:
    server.add(says({"id": 1, "stage": "Plan"}, {"id": 2, "output": "x"}, reason="done"))
    *items, closed = await items_of(client, BuildLogSource("b"))
    assert [line.id for item in items if isinstance(item, Data) for line in item.payload] == [1, 2]
    assert (closed.reason, closed.ask) == ("done", True)


async def test_containers_without_an_engine_are_not_asked_again(server: Server, client: Client) -> None:
    server.add(says())
    assert (await items_of(client, ContainersSource("a")))[-1].retry is False
    server.add(says({"devcontainers": None, "containers": []}))
    assert (await items_of(client, ContainersSource("a")))[-1].retry is True


async def test_connection_watch_names_its_agent(server: Server, client: Client) -> None:
    server.add(says({"error": None, "agent_update": {"lifecycle": "ready", "id": "x"}}))
    items = await items_of(client, ConnectionSource("w", "main"))
    assert items[1].payload.agent_update.lifecycle == "ready"
    assert server.paths == ["/api/v2/workspaces/w/agent-connection-watch?agent_name=main"]


async def test_silence_is_the_end_and_pings_are_life(server: Server, client: Client) -> None:
    async def pings_then_silence(connection: ServerConnection) -> None:
        for n in range(4):
            await asyncio.sleep(0.1)
            await connection.ping(str(n).encode())
        await connection.wait_closed()

    server.add(pings_then_silence)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with Stream(client, WorkspaceSource("w"), silence_s=0.3) as items:
        seen = [item async for item in items]
    assert any(isinstance(item, Heartbeat) for item in seen)
    assert seen[-1].code is None
    assert "No sign of life" in seen[-1].reason
    assert loop.time() - began > 0.5


async def test_a_ping_is_told_as_a_sign_of_life_but_not_each(server: Server) -> None:
    async def pings(connection: ServerConnection) -> None:
        for n in range(3):
            await connection.ping(str(n).encode())
        await connection.close()

    now, heard = [100.0], []
    async with Client(server.url, Hidden(), clock=lambda: now[0]) as client:
        client.on_heard = lambda: heard.append(now[0])
        server.add(pings, pings)
        await items_of(client, WorkspaceSource("w"))
        assert heard == [100.0]
        now[0] += client_module.HEARD_EVERY_S
        await items_of(client, WorkspaceSource("w"))
    assert heard == [100.0, 105.0]


async def test_a_cut_is_told_from_a_close(server: Server, client: Client) -> None:
    async def cut(connection: ServerConnection) -> None:
        connection.transport.abort()

    server.add(cut)
    closed = (await items_of(client, WorkspaceSource("w")))[-1]
    assert (closed.code, closed.retry) == (None, True)


async def test_unreadable_messages_cost_only_themselves(server: Server, client: Client) -> None:
    good = {"type": "data", "data": {"id": "w"}}
    server.add(says("{", [1], {"type": 7}, {"type": "new", "data": 1}, {"type": "data", "data": 3}, good))
    items = await items_of(client, WorkspaceSource("w"))
    assert sum(isinstance(item, StreamError) for item in items) == 4
    assert any(isinstance(item, Data) for item in items)


async def test_a_useless_workspace_watch_ends_as_forbidden(server: Server, client: Client) -> None:
    message = "Forbidden reading template of selected workspace."
    server.add(says({"type": "error", "data": {"message": message}}))
    closed = (await items_of(client, WorkspaceSource("w")))[-1]
    assert isinstance(closed.error, errors.Forbidden)
    assert not closed.retry


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "no", errors.NotLoggedIn),
        (403, "Forbidden.", errors.Forbidden),
        (404, "Agent doesn't exist with that id", errors.NotFound),
        (400, 'Agent state is "timeout", it must be connected', errors.AgentNotConnected),
        (500, "Internal error dialing workspace agent.", errors.AgentUnreachable),
        (429, "slow", errors.RateLimited),
    ],
)
async def test_refusals_have_their_names(
    status: int, message: str, kind: type[errors.ApiError], server: Server, client: Client
) -> None:
    server.refuse(status, message)
    with pytest.raises(kind):
        await items_of(client, ContainersSource("a"))


async def test_old_log_path_is_found_and_remembered(server: Server, client: Client) -> None:
    server.refuse(404, "Route not found.")
    server.add(says([{"id": 1}]), says([]))
    await items_of(client, AgentLogSource("a"))
    await items_of(client, AgentLogSource("b"))
    assert [urlsplit(path).path.rpartition("/")[2] for path in server.paths] == [
        "logs",
        "startup-logs",
        "startup-logs",
    ]


async def test_leaving_early_closes_the_connection(server: Server, client: Client) -> None:
    ended = asyncio.Event()

    async def scene(connection: ServerConnection) -> None:
        await connection.wait_closed()
        ended.set()

    server.add(scene)
    async with Stream(client, WorkspaceSource("w")) as items:
        assert isinstance(await anext(items), Opened)
    await asyncio.wait_for(ended.wait(), 5)


async def test_cancelling_the_opening_leaves_nothing(server: Server) -> None:
    async def never(connection: ServerConnection, request: Request) -> None:
        await asyncio.Event().wait()

    async with serve(hangs, "127.0.0.1", 0, process_request=never, open_timeout=0.3) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        async with Client(f"http://127.0.0.1:{port}", Hidden()) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), Stream(client, WorkspaceSource("w")):
                    raise AssertionError
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "stream"]


def test_a_slow_reader_gets_the_newest_snapshot_and_all_lines() -> None:
    async def play() -> None:
        mail: Mailbox[Any] = Mailbox(WorkspaceSource("w"))
        for item in (
            Opened(Transport.SSE),
            Data("old"),
            Data("new"),
            StreamError("x"),
            Closed("end", 1000, True),
        ):
            mail.put(item)
        mail.put(Closed("later", 1, False))
        taken = [await mail.get() for _ in range(4)]
        assert taken == [Opened(Transport.SSE), Data("new"), StreamError("x"), Closed("end", 1000, True)]
        lines: Mailbox[Any] = Mailbox(AgentLogSource("a"))
        lines.put(Data((1, 2)))
        lines.put(Data((3,)))
        lines.put(Data(tuple(range(4, 50_010))))
        assert await lines.get() == Gap(9)
        newest = await lines.get()
        assert isinstance(newest, Data)
        assert (newest.payload[0], newest.payload[-1], len(newest.payload)) == (10, 50_009, 50_000)

    asyncio.run(play())


# -- server-sent events -----------------------------------------------------------------------------------------------


class Body(httpx.AsyncByteStream):
    def __init__(self, chunks: list[Any]) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


@asynccontextmanager
async def sse_client(*chunks: Any, **headers: str) -> AsyncIterator[Client]:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"Content-Type": "text/event-stream"} | headers, stream=Body(list(chunks))
        )

    async with Client("http://coder.test", Hidden(), http_transport=httpx.MockTransport(answer)) as client:
        client.absences.add("workspace-watch-ws")
        client.absences.add("metadata-ws")
        yield client


async def test_sse_gives_the_same_items() -> None:
    chunks = [
        b"event: ping\n\nevent: da",
        b'ta\ndata: {"id":"w",',
        b'"name":"n"}\n\n',
        b"event: error\ndata: {}\n\n",
    ]
    async with sse_client(*chunks) as client:
        opened, data, error, closed = await items_of(client, WorkspaceSource("w"))
    assert opened == Opened(Transport.SSE)
    assert data.payload.name == "n"
    assert isinstance(error, StreamError)
    assert (closed.code, closed.retry) == (None, True)


async def test_sse_metadata() -> None:
    body = b'event: data\ndata: [{"result":{"value":"12%"},"description":{"key":"cpu"}}, 3]\n\n'
    async with sse_client(body) as client:
        items = await items_of(client, MetadataSource("a"))
    assert [(item.result.value, item.description.key) for item in items[1].payload] == [("12%", "cpu")]


@pytest.mark.parametrize(
    ("end", "word"),
    [(httpx.ReadTimeout("x"), "No sign of life"), (httpx.RemoteProtocolError("incomplete chunk"), "cut")],
)
async def test_sse_ends_by_silence_or_cut(end: Exception, word: str) -> None:
    async with sse_client(b"event: ping\n\n", end) as client:
        closed = (await items_of(client, WorkspaceSource("w")))[-1]
    assert word in closed.reason
    assert closed.retry


async def test_html_instead_of_events_is_not_coder() -> None:
    async with sse_client(b"<title>Login</title>", **{"Content-Type": "text/html"}) as client:
        with pytest.raises(errors.NotCoder):
            await items_of(client, WorkspaceSource("w"))


def test_silence_is_two_missed_pings_and_some() -> None:
    assert stream.SILENCE_S == 35
    assert Frame(Opcode.PING, b"").opcode is Opcode.PING
