"""The backend `screen` with real GNU screen over a real socket, raw and through our session (contract: pty.md §9.2)."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from agentdash.api.client import Client
from agentdash.feed.clock import SystemClock
from agentdash.feed.shell_session import Session
from agentdash.feed.shell_status import ShellState, Target
from agentdash.feed.terminal_lines import TerminalLines
from agentdash.local.processes import child_environment
from agentdash.local.pty_process import Program, shell_argv
from agentdash.local.pty_screen import ScreenTerminal, screen_command
from agentdash.local.records import Agent
from agentdash.local.runtime import ShellRequest
from agentdash.local.server import Served
from agentdash.term.emulator import Emulator

SCREEN = screen_command()
pytestmark = pytest.mark.skipif(SCREEN is None, reason="GNU screen is not installed")


@pytest.fixture
def agent(served: Served, tmp_path: Path) -> Agent:
    """An agent of `served` whose shells run in GNU screen."""

    async def start(request: ShellRequest) -> ScreenTerminal:
        assert request.backend == "screen"
        assert SCREEN is not None
        environment = child_environment(
            {"PATH": "/usr/bin:/bin", "PS1": "$ ", "HOME": str(tmp_path)}, TERM="xterm-256color"
        )
        argv = shell_argv("/bin/sh", request.command) if request.command else ["/bin/sh", "-i"]
        return ScreenTerminal(Program(argv, environment, "/"), SCREEN)

    found = next(iter(served.deployment.workspaces.values())).latest_build.agents[0]
    found.kind = "host"
    served.runtime.shells[found.workspace_id] = start
    return found


class Seen:
    """A client with the picture it has: what screen sends is no longer what the program wrote."""

    def __init__(self, socket: ClientConnection, columns: int, lines: int) -> None:
        self.socket = socket
        self.emulator = Emulator(columns, lines)
        self.raw = b""

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.emulator.display)

    async def until(self, *words: str) -> str:
        async with asyncio.timeout(30):
            while not all(word in self.text() for word in words):
                self.take(await self.socket.recv())
        return self.text()

    def take(self, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        self.raw += message
        self.emulator.feed(message)

    async def ask(self, text: str, word: str) -> None:
        """Type until the answer comes: screen follows a size in its own time."""
        async with asyncio.timeout(30):
            while word not in self.text():
                await self.type(text)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        while word not in self.text():
                            self.take(await self.socket.recv())

    async def end(self) -> int:
        async with asyncio.timeout(30):
            with suppress(ConnectionClosed):
                while True:
                    self.take(await self.socket.recv())
        return self.socket.close_code or 0

    async def type(self, text: str) -> None:
        await self.socket.send(json.dumps({"data": text}).encode())

    async def resize(self, lines: int, columns: int) -> None:
        self.emulator.resize(lines, columns)
        await self.socket.send(json.dumps({"height": lines, "width": columns}).encode())


@asynccontextmanager
async def seen(
    served: Served, agent: Agent, session: str, columns: int = 80, lines: int = 24
) -> AsyncIterator[Seen]:
    url = served.url.replace("http", "ws") + f"/api/v2/workspaceagents/{agent.id}/pty"
    url += f"?reconnect={session}&backend_type=screen&width={columns}&height={lines}"
    headers = {"Coder-Session-Token": served.token.reveal()}
    async with connect(url, additional_headers=headers, max_size=None) as socket:
        yield Seen(socket, columns, lines)


async def test_it_paints_what_is_there_for_who_comes_back(
    served: Served, agent: Agent, new_uuid: Callable[[], str]
) -> None:
    session = new_uuid()
    async with seen(served, agent, session) as one:
        await one.type("word=kept; echo fir''st\r")
        await one.until("first")
        assert one.raw.startswith(b"\x1b[!p")
        assert "\x1b[?1049h" not in one.raw.decode()
    async with seen(served, agent, session) as one:
        await one.until("first")
        await one.type("echo $word-here\r")
        await one.until("kept-here")


async def test_all_clients_see_the_same_and_end_together(
    served: Served, agent: Agent, new_uuid: Callable[[], str]
) -> None:
    session = new_uuid()
    async with seen(served, agent, session) as one, seen(served, agent, session) as two:
        await one.type("echo from-o''ne\r")
        await two.until("from-one")
        await two.type("echo from-t''wo\r")
        await one.until("from-two")
        await one.type("exit\r")
        assert await one.end() == 1000
        assert await two.end() == 1000
        assert b"[screen is terminating]" in one.raw
        assert b"[screen is terminating]" in two.raw
    async with seen(served, agent, session) as three:
        await three.type("echo a-new-o''ne\r")
        assert "from-one" not in await three.until("a-new-one")


async def test_a_size_is_followed(served: Served, agent: Agent, new_uuid: Callable[[], str]) -> None:
    async with seen(served, agent, new_uuid(), 80, 24) as one:
        await one.type("stty size\r")
        await one.until("24 80")
        await one.resize(30, 100)
        await one.ask("clear; stty size\r", "30 100")


async def test_nothing_is_left_when_the_server_ends_it(
    served: Served, agent: Agent, new_uuid: Callable[[], str]
) -> None:
    session = new_uuid()
    async with seen(served, agent, session) as one:
        await one.type("echo pid=$$.\r")
        async with asyncio.timeout(30):
            while (found := re.search(r"pid=(\d+)\.", one.text())) is None:
                one.take(await one.socket.recv())
    pid = found[1]
    assert runs(pid)
    await served.runtime.sessions.end_agent(agent.id)
    assert not runs(pid)


def runs(pid: str) -> bool:
    """Not every first process of a container fetches the dead."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    return False


class Picture:
    """The face of a session: an emulator."""

    def __init__(self) -> None:
        self.emulator = Emulator(80, 24)

    def begin_again(self) -> None:
        self.emulator.reset(keep_history=True)

    def show(self, output: bytes, *, is_replay: bool) -> str:
        del is_replay
        self.emulator.feed(output)
        return self.emulator.take_replies()

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.emulator.display)


async def test_our_session_goes_back_and_its_size_comes_with_the_first_key(
    served: Served, agent: Agent
) -> None:
    picture = Picture()
    changed = asyncio.Event()

    async def until(*words: str) -> None:
        async with asyncio.timeout(40):
            while not all(word in picture.text() for word in words):
                changed.clear()
                await changed.wait()

    async def until_state(states: Sequence[ShellState]) -> None:
        async with asyncio.timeout(40):
            while session.status.state not in states:
                changed.clear()
                await changed.wait()

    async with Client(served.url, served.token) as client:
        session = Session(
            Target(agent.workspace_id, "key", "label"),
            TerminalLines(client, "screen"),
            lambda: agent.id,
            SystemClock(),
            random.Random(1),
            face=picture,
            size=(24, 80),
            is_screen=True,
        )
        session.on_change = changed.set
        running = asyncio.create_task(session.run())
        try:
            await until_state([ShellState.CONNECTED])
            session.type("word=kept; stty size\r")
            await until("24 80")
            served.drop_connections()
            await until_state([ShellState.RETRYING, ShellState.CONNECTING])
            picture.emulator.resize(30, 100)
            session.resize(30, 100)
            await until_state([ShellState.CONNECTED])
            await until("24 80")  # painted by screen in the size it had
            for _ in range(20):
                session.type("clear; stty size; echo $word-here\r")
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await until("30 100", "kept-here")
                        break
            await until("30 100", "kept-here")
            session.type("exit\r")
            await until_state([ShellState.ENDED])
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
