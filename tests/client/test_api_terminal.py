"""The terminal: bytes both ways, refusals as sentences, ends judged with the agent's status beside them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from agentdash.api import errors, terminal
from agentdash.api.client import Client
from agentdash.api.terminal import EndKind, TerminalClose, judge_end, open_terminal
from agentdash.api.websocket import LiveConnection
from agentdash.wire.errors import CommandTooLongError

SESSION = UUID("11111111-0000-4000-8000-000000000001")


class Hidden:
    def reveal(self) -> str:
        return "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"


class Shell:
    """A scripted agent: plays `scene`, keeps what was typed."""

    def __init__(self) -> None:
        self.typed: list[Any] = []
        self.paths: list[str] = []
        self.scene: Any = None
        self.refusal: tuple[int, str, str] | None = None
        self.url = ""
        self.left = asyncio.Event()

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if self.refusal is None:
            return None
        status, kind, body = self.refusal
        answer = connection.respond(HTTPStatus(status), body)
        del answer.headers["Content-Type"]
        answer.headers["Content-Type"] = kind
        return answer

    async def play(self, connection: ServerConnection) -> None:
        reader = asyncio.create_task(self.read(connection))
        await self.scene(connection)
        await connection.wait_closed()
        await reader
        self.left.set()

    async def read(self, connection: ServerConnection) -> None:
        async for message in connection:
            assert isinstance(message, bytes), "text messages are refused with 1003"
            self.typed.append(json.loads(message))


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    scripted = Shell()
    async with serve(
        scripted.play, "127.0.0.1", 0, process_request=scripted.check, ping_interval=None, close_timeout=1
    ) as running:
        scripted.url = f"http://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"
        yield scripted


@pytest.fixture
async def client(shell: Shell) -> AsyncIterator[Client]:
    async with Client(shell.url, Hidden()) as made:
        yield made


def says(*chunks: bytes, code: int | None = 1000, reason: str = "") -> Any:
    async def scene(connection: ServerConnection) -> None:
        for chunk in chunks:
            await connection.send(chunk)
        if code is None:
            connection.transport.abort()
        else:
            await connection.close(code, reason)

    return scene


async def run(client: Client, **options: Any) -> tuple[bytes, TerminalClose]:
    async with open_terminal(client, "a", SESSION, height=24, width=80, **options) as one:
        output = b"".join([chunk async for chunk in one])
        assert one.ended is not None
        return output, one.ended


async def test_bytes_arrive_as_they_were_sent(shell: Shell, client: Client) -> None:
    shell.scene = says(b"\xe2\x94", b"\x80 \x1b[0m", b"x" * 32768)
    output, ended = await run(client)
    assert output == b"\xe2\x94\x80 \x1b[0m" + b"x" * 32768
    assert (ended.code, ended.reason, ended.had_output) == (1000, "", True)


async def test_the_query_is_encoded_whole(shell: Shell, client: Client) -> None:
    shell.scene = says()
    await run(client, command="a; b&c=%20", container="web", container_user="me", backend_type="buffered")
    (path,) = shell.paths
    assert urlsplit(path).path == "/api/v2/workspaceagents/a/pty"
    assert ";" not in path
    assert parse_qs(urlsplit(path).query) == {
        "reconnect": [str(SESSION)],
        "height": ["24"],
        "width": ["80"],
        "command": ["a; b&c=%20"],
        "container": ["web"],
        "container_user": ["me"],
        "backend_type": ["buffered"],
    }


async def test_input_is_binary_json_and_sizes_are_never_zero(shell: Shell, client: Client) -> None:
    async def scene(connection: ServerConnection) -> None:
        await connection.send(b"$ ")

    shell.scene = scene
    async with open_terminal(client, "a", SESSION, height=0, width=0) as one:
        assert await anext(one) == b"$ "
        await one.send_input("ls\r")
        await one.resize(40, 0)
        await one.send_input("\u2026" * 3000)
    await asyncio.wait_for(shell.left.wait(), 5)
    assert "height=1&width=1" in shell.paths[0]
    assert shell.typed[:2] == [{"data": "ls\r"}, {"height": 40, "width": 1}]
    assert "".join(frame["data"] for frame in shell.typed[2:]) == "\u2026" * 3000
    assert len(shell.typed) > 3


async def test_leaving_detaches_with_a_normal_close(shell: Shell, client: Client) -> None:
    codes = []

    async def scene(connection: ServerConnection) -> None:
        await connection.wait_closed()
        codes.append(connection.close_code)

    shell.scene = scene
    async with open_terminal(client, "a", SESSION, height=24, width=80) as one:
        pass
    await asyncio.wait_for(shell.left.wait(), 5)
    assert codes == [1000]
    assert one.ended is not None
    assert one.ended.is_ours
    with pytest.raises(errors.ConnectFailed, match="ended"):
        await one.send_input("x")


async def test_a_screen_that_does_not_keep_up_pauses_the_reading(
    shell: Shell, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "BACKLOG", 1000)
    shell.scene = says(*[bytes([n]) * 600 for n in range(50)])
    async with open_terminal(client, "a", SESSION, height=24, width=80) as one:
        sizes = [len(chunk) async for chunk in one]
    assert sum(sizes) == 30_000
    assert max(sizes) < 2000


async def test_silence_ends_it(shell: Shell, client: Client) -> None:
    async def scene(connection: ServerConnection) -> None:
        await connection.send(b"$ ")

    shell.scene = scene
    output, ended = await run(client, silence_s=0.1)
    assert output == b"$ "
    assert ended.is_silent
    assert judge_end(ended, "connected").kind is EndKind.LOST
    assert judge_end(ended, "disconnected").kind is EndKind.AGENT_LOST


async def _sent(connection: LiveConnection) -> list[tuple[asyncio.Future[float], float]]:
    """Pings that are on their way."""
    await asyncio.sleep(0)
    return list(connection.pending_pings.values())


async def test_a_ping_of_ours_is_answered_and_counts_as_life(shell: Shell, client: Client) -> None:
    async def scene(connection: ServerConnection) -> None:
        await connection.send(b"$ ")

    shell.scene = scene
    async with open_terminal(client, "a", SESSION, height=24, width=80) as one:
        assert await anext(one) == b"$ "
        heard_at = one._connection.last_seen
        assert one.round_trip_s == 0
        one.probe()
        one.probe()
        (waiter, _), *_ = await _sent(one._connection)
        await asyncio.wait_for(waiter, 5)
        assert one.round_trip_s > 0
        assert one._connection.last_seen > heard_at
        assert one.unheard_s < 5
    await asyncio.wait_for(shell.left.wait(), 5)
    one.probe()


async def test_a_ping_that_cannot_be_sent_ends_with_the_terminal(shell: Shell, client: Client) -> None:
    async def scene(connection: ServerConnection) -> None:
        await connection.send(b"$ ")
        connection.transport.pause_reading()

    shell.scene = scene
    async with open_terminal(client, "a", SESSION, height=24, width=80) as one:
        assert await anext(one) == b"$ "
        one.probe()
        await asyncio.sleep(0)
        one._connection.transport.abort()
        assert [chunk async for chunk in one] == []


async def test_an_over_long_command_is_not_sent(shell: Shell, client: Client) -> None:
    with pytest.raises(CommandTooLongError):
        await run(client, command="x" * 1001)
    assert shell.paths == []


PAGE = (
    "<!doctype html><title>404 - Application Unavailable\n</title>"
    "<p>Agent state is &#34;disconnected&#34;, not &#34;connected&#34;</p>"
)


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        ((404, "text/html; charset=utf-8", PAGE), errors.TerminalRefused, 'Agent state is "disconnected"'),
        (
            (404, "text/html", "<title>404 - Application Not Found</title>"),
            errors.TerminalRefused,
            "Not Found",
        ),
        ((500, "text/html", "<title>500 - Internal Server Error</title>"), errors.TerminalRefused, "500"),
        ((502, "text/html", "<title>502 Bad Gateway</title>"), errors.ServerError, "HTTP 502"),
        ((403, "text/html", "<title>Denied</title>"), errors.TerminalRefused, "a page of a proxy (Denied)"),
        (
            (426, "text/plain", 'WebSocket protocol violation: no Upgrade\n{"message":"x"}'),
            errors.BadRequest,
            "x",
        ),
        (
            (
                403,
                "application/json",
                '{"message":"F","detail":"This server answers on loopback only, not as \'x\'."}',
            ),
            errors.Forbidden,
            "not as",
        ),
        ((404, "application/json", '{"message":"Resource not found or …"}'), errors.NotLoggedIn, "token"),
        ((400, "application/json", '{"message":"Invalid query parameters."}'), errors.BadRequest, "Invalid"),
        ((401, "application/json", '{"message":"User is not active"}'), errors.NotLoggedIn, "active"),
        ((429, "application/json", '{"message":"You\'ve been rate limited"}'), errors.RateLimited, "limited"),
    ],
)
async def test_a_refusal_is_a_sentence(
    refusal: tuple[int, str, str], kind: type[errors.ApiError], words: str, shell: Shell, client: Client
) -> None:
    shell.refusal = refusal
    with pytest.raises(errors.ApiError) as one:
        await run(client)
    assert type(one.value) is kind
    assert words in one.value.detail
    assert "<" not in one.value.detail
    assert one.value.next_step or type(one.value) is errors.BadRequest
    assert ("proxy" in one.value.next_step) == (
        words in {"HTTP 502", "a page of a proxy (Denied)", "x", "not as"}
    )
    if isinstance(one.value, errors.TerminalRefused) and "state" in words:
        assert one.value.state == "disconnected"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"", errors.ConnectFailed, "was cut"),
        (b"HTTP/1.1 101 Switching Pro", errors.ConnectFailed, "was cut"),
        (b"SSH-2.0-OpenSSH\r\n", errors.MalformedAnswer, "breaks the protocol"),
    ],
)
async def test_a_line_cut_before_the_answer_is_told_from_a_wrong_answer(
    answer: bytes, kind: type[errors.ApiError], words: str
) -> None:
    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server, Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", Hidden()) as made:
        with pytest.raises(errors.ApiError) as one:
            await run(made)
    assert type(one.value) is kind
    assert words in one.value.detail


@pytest.mark.parametrize(
    ("typed", "output", "options", "status", "kind"),
    [
        (["exit\r"], [b"$ "], {}, "connected", EndKind.EXITED),
        (["ex", "jt\x7f\x7fit 3", "\r"], [b"$ "], {}, "connected", EndKind.EXITED),
        (["\x04"], [b"$ "], {}, "connected", EndKind.EXITED),
        (["exit\x03ls\r"], [b"$ "], {}, "connected", EndKind.LOST),
        (["exit\r"], [b"$ "], {}, "disconnected", EndKind.AGENT_LOST),
        ([], [b"$ ", b"\x1b[24;1H\r\n[screen is terminating]\r\n"], {}, "disconnected", EndKind.EXITED),
        ([], [b"hello\r\n"], {"command": "echo hello"}, "connected", EndKind.EXITED),
        ([], [], {"container": "none"}, "connected", EndKind.REFUSED),
        ([], [b"$ "], {}, None, EndKind.LOST),
    ],
)
async def test_the_end_is_judged(
    typed: list[str],
    output: list[bytes],
    options: dict[str, Any],
    status: str | None,
    kind: EndKind,
    shell: Shell,
    client: Client,
) -> None:
    go = asyncio.Event()

    async def scene(connection: ServerConnection) -> None:
        for chunk in output:
            await connection.send(chunk)
        await go.wait()
        await connection.close(1000)

    shell.scene = scene
    async with open_terminal(client, "a", SESSION, height=24, width=80, **options) as one:
        for text in typed:
            await one.send_input(text)
        go.set()
        async for _ in one:
            pass
    assert one.ended is not None
    end = judge_end(one.ended, status)
    assert end.kind is kind
    assert end.sentence.endswith(".")
    assert end.may_reconnect == (kind in {EndKind.LOST, EndKind.AGENT_LOST})


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1001, "liveness probe failed", EndKind.LOST),
        (1011, "dial workspace agent: agent is unreachable", EndKind.LOST),
        (1003, "unexpected frame type read", EndKind.UNKNOWN),
        (None, "", EndKind.LOST),
    ],
)
async def test_other_closes(
    code: int | None, reason: str, kind: EndKind, shell: Shell, client: Client
) -> None:
    shell.scene = says(b"$ ", code=code, reason=reason)
    _, ended = await run(client)
    end = judge_end(ended, "connected")
    assert (end.kind, end.code, end.reason) == (kind, code, reason)
