"""The terminal endpoint over a real socket: real programs on real terminals (contract: pty.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agentdash.local.clock import ManualClock
from agentdash.local.processes import child_environment
from agentdash.local.pty import PtyFault
from agentdash.local.pty_process import Program, PtyProcess, shell_argv
from agentdash.local.pty_sessions import Limits, Terminal
from agentdash.local.records import Agent, Deployment
from agentdash.local.runtime import ShellRequest
from agentdash.local.server import Served, ServerOptions


def first_agent(deployment: Deployment) -> Agent:
    return next(iter(deployment.workspaces.values())).latest_build.agents[0]


@pytest.fixture
def real_shell(served: Served) -> None:
    """Gives the agent of `served` a real POSIX shell."""

    async def start(request: ShellRequest) -> Terminal:
        if request.container:
            raise FileNotFoundError(request.container)
        environment = child_environment({"PATH": "/usr/bin:/bin", "PS1": "$ "}, TERM="xterm-256color")
        argv = shell_argv("/bin/sh", request.command) if request.command else ["/bin/sh", "-i"]
        return await PtyProcess.start(Program(argv, environment, "/"), request.rows, request.columns)

    agent = first_agent(served.deployment)
    agent.kind = "host"
    served.runtime.shells[agent.workspace_id] = start


@asynccontextmanager
async def terminal(
    served: Served, session: str, more: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    agent = first_agent(served.deployment)
    url = (
        served.url.replace("http", "ws") + f"/api/v2/workspaceagents/{agent.id}/pty?reconnect={session}{more}"
    )
    headers = {"Coder-Session-Token": served.token.reveal()}
    async with connect(url, additional_headers=headers, max_size=None, **options) as socket:
        yield socket


async def read_until(socket: ClientConnection, word: str) -> str:
    text = bytearray()
    async with asyncio.timeout(10):
        while word.encode() not in text[-40_000:]:
            message = await socket.recv()
            assert isinstance(message, bytes)
            assert len(message) <= 32768
            text += message
    return text.decode(errors="replace")


async def send(socket: ClientConnection, **keys: object) -> None:
    await socket.send(json.dumps(keys).encode())


async def close_of(socket: ClientConnection) -> tuple[int, str, bytes]:
    """(code, reason, output before it); code 1006 when there was no close frame."""
    text = b""
    async with asyncio.timeout(10):
        while True:
            try:
                message = await socket.recv()
            except ConnectionClosed as closed:
                if closed.rcvd is None:
                    return 1006, "", text
                return closed.rcvd.code, closed.rcvd.reason, text
            assert isinstance(message, bytes)
            text += message


@pytest.mark.usefixtures("real_shell")
async def test_a_shell_runs_on_a_terminal_of_the_asked_size(
    served: Served, new_uuid: Callable[[], str]
) -> None:
    async with terminal(served, new_uuid(), "&height=24&width=91") as socket:
        await send(socket, data="stty size; tty; echo $TERM\r")
        text = await read_until(socket, "xterm-256color\r\n")
        assert "24 91\r\n" in text
        assert "/dev/pts/" in text
        await send(socket, height=30, width=100)
        await send(socket, data="stty size\r")
        assert "30 100" in await read_until(socket, "100\r\n")


@pytest.mark.usefixtures("real_shell")
async def test_the_same_id_comes_back_to_the_same_shell_with_replay(
    served: Served, new_uuid: Callable[[], str]
) -> None:
    session = new_uuid()
    async with terminal(served, session) as socket:
        await send(socket, data="word=kept; echo fir''st\r")
        await read_until(socket, "first\r\n")
    async with terminal(served, session, "&command=false") as socket:
        assert "first" in await read_until(socket, "first\r\n")
        await send(socket, data="echo $word\r")
        await read_until(socket, "kept\r\n")


@pytest.mark.usefixtures("real_shell")
async def test_two_clients_share_one_session(served: Served, new_uuid: Callable[[], str]) -> None:
    session = new_uuid()
    async with terminal(served, session) as one, terminal(served, session, "&height=50&width=200") as two:
        await send(two, data="stty size\r")
        await read_until(one, "50 200\r\n")
        await read_until(two, "50 200\r\n")


@pytest.mark.usefixtures("real_shell")
async def test_the_end_of_the_program_is_1000_without_a_reason(
    served: Served, new_uuid: Callable[[], str]
) -> None:
    async with terminal(served, new_uuid(), "&command=echo%20done%3B%20exit%203") as socket:
        assert await close_of(socket) == (1000, "", b"done\r\n")
    async with terminal(served, new_uuid()) as socket:
        await send(socket, data="exit\r")
        assert (await close_of(socket))[:2] == (1000, "")
    assert served.runtime.sessions.count == 0


@pytest.mark.usefixtures("real_shell")
async def test_a_program_that_cannot_start_ends_at_once(served: Served, new_uuid: Callable[[], str]) -> None:
    async with terminal(served, new_uuid(), "&container=nope") as socket:
        assert await close_of(socket) == (1000, "", b"")


@pytest.mark.usefixtures("real_shell")
async def test_text_messages_are_refused(served: Served, new_uuid: Callable[[], str]) -> None:
    async with terminal(served, new_uuid()) as socket:
        await socket.send('{"data":"x"}')
        code, reason, _ = await close_of(socket)
    assert (code, reason) == (1003, "unexpected frame type read (expected MessageBinary): MessageText")


@pytest.mark.usefixtures("real_shell")
async def test_broken_json_ends_the_connection_but_not_the_session(
    served: Served, new_uuid: Callable[[], str]
) -> None:
    session = new_uuid()
    async with terminal(served, session) as socket:
        await send(socket, data="word=alive\r")
        await socket.send(b'{"height":-1}')
        assert (await close_of(socket))[:2] == (1000, "")
    async with terminal(served, session) as socket:
        await send(socket, data="echo is-$word\r")
        await read_until(socket, "is-alive\r\n")


@pytest.mark.usefixtures("real_shell")
async def test_a_flood_arrives_whole(served: Served, new_uuid: Callable[[], str]) -> None:
    async with terminal(served, new_uuid(), "&command=yes%20%7C%20head%20-c%20600000") as socket:
        code, _, text = await close_of(socket)
    assert code == 1000
    assert text.replace(b"\r", b"").count(b"y\n") == 300_000


@pytest.mark.usefixtures("real_shell")
async def test_replay_holds_the_last_64_kib(served: Served, new_uuid: Callable[[], str]) -> None:
    session = new_uuid()
    async with terminal(served, session, "&command=seq%2030000%3B%20echo%20en''d%3B%20sleep%2060") as socket:
        await read_until(socket, "end\r\n")
    async with terminal(served, session) as socket:
        text = await read_until(socket, "end\r\n")
    assert len(text) == 65536


async def test_the_pseudo_shell_of_a_scripted_agent(served: Served, new_uuid: Callable[[], str]) -> None:
    async with terminal(served, new_uuid(), "&height=10&width=20") as socket:
        await read_until(socket, "$ ")
        await send(socket, data="size\r")
        await read_until(socket, "10 20\r\n")
        await send(socket, data="rm -rf /\r")
        await read_until(socket, "rm: not in a scripted workspace")
        await send(socket, data="exit\r")
        assert (await close_of(socket))[:2] == (1000, "")


async def test_refusals_before_the_upgrade(served: Served, new_uuid: Callable[[], str]) -> None:
    agent = first_agent(served.deployment)

    async def refusal(path: str, **headers: str) -> tuple[int, str, str]:
        url = served.url.replace("http", "ws") + f"/api/v2/workspaceagents/{path}"
        known = {"Coder-Session-Token": served.token.reveal()} | headers
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, additional_headers=known):
                pass
        response = refused.value.response
        return response.status_code, response.headers["content-type"], (response.body or b"").decode()

    pty = f"{agent.id}/pty?reconnect={new_uuid()}"
    status, kind, body = await refusal("nope/pty")
    assert (status, kind) == (500, "text/html; charset=utf-8")
    assert "<title>500 - Internal Server Error" in body
    status, kind, body = await refusal(f"{new_uuid()}/pty")
    assert (status, kind) == (404, "text/html; charset=utf-8")
    assert "<title>404 - Application Not Found" in body
    status, kind, body = await refusal(pty, **{"Coder-Session-Token": "x"})
    assert (status, kind) == (404, "application/json; charset=utf-8")
    assert json.loads(body) == {"message": "Resource not found or you do not have access to this resource"}
    status, kind, body = await refusal(f"{agent.id}/pty?height=x")
    assert status == 400
    assert json.loads(body)["validations"] == [
        {"field": "reconnect", "detail": 'Query param "reconnect" is required and cannot be empty'},
        {
            "field": "height",
            "detail": 'Query param "height" must be a valid positive integer: '
            'strconv.ParseUint: parsing "x": invalid syntax',
        },
    ]
    status, kind, body = await refusal(pty, Origin="http://evil.example")
    assert (status, kind) == (403, "text/plain; charset=utf-8")
    agent.is_beating, agent.disconnected_at = False, served.deployment.now()
    status, kind, body = await refusal(pty)
    assert (status, kind) == (404, "text/html; charset=utf-8")
    assert "<title>404 - Application Unavailable" in body
    assert body.count("<p>") == 1
    assert "<p>Agent state is &#34;disconnected&#34;, not &#34;connected&#34;</p>" in body


async def test_faults(served: Served, new_uuid: Callable[[], str]) -> None:
    agent = first_agent(served.deployment)
    faults = served.runtime.pty_faults
    faults[agent.id] = PtyFault.DIAL_ERROR
    async with terminal(served, new_uuid()) as socket:
        assert (await close_of(socket))[:2] == (1011, "dial workspace agent: agent is unreachable")
    faults[agent.id] = PtyFault.DROP_AT_END
    async with terminal(served, new_uuid(), "&command=x") as socket:
        code, _, text = await close_of(socket)
        assert (code, text[:2]) == (1006, b"x:")


async def test_a_mute_agent_says_nothing_more_but_the_socket_pings(
    served: Served, new_uuid: Callable[[], str]
) -> None:
    async with terminal(served, new_uuid()) as socket:
        await read_until(socket, "$ ")
        agent = first_agent(served.deployment)
        agent.is_beating, agent.disconnected_at = False, served.deployment.now()
        await send(socket, data="size\r")
        await asyncio.wait_for(await socket.ping(), 5)
        agent.is_beating, agent.disconnected_at, agent.last_connected_at = True, None, served.deployment.now()
        await send(socket, data="help\r")
        assert "size of this terminal" in await read_until(socket, "exit ")


async def test_a_frozen_agent_ends_the_terminal_after_unanswered_input(
    make_deployment: Callable[..., Deployment],
    running_server: Callable[..., Any],
    new_uuid: Callable[[], str],
) -> None:
    clock = ManualClock()
    deployment = make_deployment(clock)
    async with running_server(deployment) as served, terminal(served, new_uuid()) as socket:
        await read_until(socket, "$ ")
        first_agent(deployment).is_unreachable = True
        await send(socket, data="ls\r")
        # Loop turns, so that the server has read the input before time goes on.
        await asyncio.wait_for(await socket.ping(), 5)
        await clock.advance(12)
        assert await close_of(socket) == (1000, "", b"")


async def test_an_unreachable_agent_is_silence_and_then_a_failed_probe(
    deployment: Deployment, running_server: Callable[..., Any], new_uuid: Callable[[], str]
) -> None:
    options = ServerOptions(ping_interval_s=0.05, pong_timeout_s=0.05)
    async with running_server(deployment, options=options) as served:
        served.runtime.pty_faults[first_agent(deployment).id] = PtyFault.UNREACHABLE
        async with terminal(served, new_uuid()) as socket:
            assert await close_of(socket) == (1001, "liveness probe failed", b"")


@pytest.mark.usefixtures("real_shell")
async def test_a_client_that_stops_reading_is_dropped_and_the_others_go_on(
    served: Served, new_uuid: Callable[[], str]
) -> None:
    served.runtime.sessions.limits = Limits(slow_client_s=0.3)
    session = new_uuid()
    command = "&command=read%20x%3B%20yes%20%7C%20head%20-c%209000000%3B%20echo%20en''d"
    async with terminal(served, session, command) as quick, terminal(served, session, max_queue=1) as slow:
        await send(quick, data="go\r")
        await read_until(quick, "end\r\n")
        code, _, _ = await close_of(slow)
    assert code == 1006
