"""Terminal sessions without sockets: replay, timers, slow clients (contract: pty.md §9)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agentdash.local.clock import ManualClock
from agentdash.local.pty_process import shell_argv
from agentdash.local.pty_scripted import ScriptedShell
from agentdash.local.pty_sessions import Limits, PtyClient, PtySessions, Terminal

KEY = ("agent", "uuid")


class FakeTerminal:
    """Says what it is told to say."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.say: Callable[[bytes], None] = lambda data: None
        self.exit: Callable[[], None] = lambda: None

    def connect(self, on_output: Callable[[bytes], None], on_exit: Callable[[], None]) -> None:
        self.say, self.exit = on_output, on_exit

    async def write(self, data: bytes) -> None:
        self.calls.append(data)

    def resize(self, rows: int, columns: int) -> None:
        self.calls.append((rows, columns))

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    async def end(self) -> None:
        self.calls.append("end")

    async def leave(self) -> tuple[()]:
        self.calls.append("leave")
        return ()


class Desk:
    """Sessions on a clock moved by hand, and the terminals they started."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sessions = PtySessions(self.clock, Limits(idle_s=300, start_s=30))
        self.terminals: list[FakeTerminal] = []

    async def start(self) -> Terminal:
        self.terminals.append(FakeTerminal())
        return self.terminals[-1]

    async def attach(self, rows: int = 24, columns: int = 80) -> PtyClient:
        self.session, client = await self.sessions.attach(KEY, self.start, rows, columns)
        return client

    def detach(self, client: PtyClient) -> None:
        self.sessions.detach(KEY, self.session, client)


async def taken(client: PtyClient, count: int) -> list[bytes]:
    chunks = client.chunks()
    return [await anext(chunks) for _ in range(count)]


async def test_replay_is_the_last_64_kib_and_comes_before_the_resize() -> None:
    desk = Desk()
    await desk.attach()
    (terminal,) = desk.terminals
    terminal.say(b"a" * 10)
    terminal.say(b"b" * 65536)
    client = await desk.attach(50, 200)
    chunks = await taken(client, 2)
    assert [len(chunk) for chunk in chunks] == [32768, 32768]
    assert set(b"".join(chunks)) == {ord("b")}
    assert client.backlog == 0
    assert terminal.calls[-1] == (50, 200)
    await desk.sessions.close()


async def test_a_session_without_clients_lives_five_minutes() -> None:
    desk = Desk()
    client = await desk.attach()
    desk.detach(client)
    await desk.clock.advance(299)
    client = await desk.attach()
    assert len(desk.terminals) == 1
    await desk.clock.advance(10_000)
    assert desk.sessions.count == 1
    desk.detach(client)
    await desk.clock.advance(301)
    assert desk.sessions.count == 0
    assert desk.terminals[0].calls[-1] == "end"
    await desk.attach()
    assert len(desk.terminals) == 2
    await desk.sessions.close()


async def test_the_end_of_the_program_is_told_after_its_last_output() -> None:
    desk = Desk()
    client = await desk.attach()
    desk.terminals[0].say(b"bye")
    desk.terminals[0].exit()
    assert [chunk async for chunk in client.chunks()] == [b"bye"]
    assert desk.sessions.count == 0
    await desk.sessions.close()
    assert desk.terminals[0].calls[-1] == "leave"


async def test_two_at_once_make_one_session() -> None:
    desk = Desk()
    await asyncio.gather(desk.attach(), desk.attach())
    assert len(desk.terminals) == 1
    await desk.sessions.close()


async def test_a_start_that_fails_leaves_nothing() -> None:
    desk = Desk()

    async def fail() -> Terminal:
        raise FileNotFoundError("nope")

    with pytest.raises(FileNotFoundError):
        await desk.sessions.attach(KEY, fail, 24, 80)
    assert desk.sessions.count == 0
    await desk.sessions.close()


async def test_a_client_that_takes_nothing_holds_the_program_up() -> None:
    desk = Desk()
    slow, quick = await desk.attach(), await desk.attach()
    (terminal,) = desk.terminals
    terminal.say(b"x" * 300_000)
    assert terminal.calls[-1] == "pause"
    await taken(quick, 10)
    assert terminal.calls[-1] == "pause"
    desk.detach(slow)
    assert terminal.calls[-1] == "resume"
    await desk.sessions.close()


async def test_a_stopped_agent_ends_its_sessions_and_tells_nobody() -> None:
    desk = Desk()
    client = await desk.attach()
    await desk.sessions.end_agent("other")
    assert desk.sessions.count == 1
    await desk.sessions.end_agent("agent")
    assert desk.sessions.count == 0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(client.chunks()), 0.01)
    await desk.sessions.close()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("", ["/bin/sh", "-l"]),
        ("echo 1; ls", ["/bin/sh", "-c", "echo 1; ls"]),
        (
            "#!/usr/bin/env python3\nprint(1)",
            ["/usr/bin/env", "python3", "-c", "#!/usr/bin/env python3\nprint(1)"],
        ),
        ("#!", ["/bin/sh", "-c", "#!"]),
    ],
)
def test_commands_run_as_the_agent_runs_them(command: str, expected: list[str]) -> None:
    assert shell_argv("/bin/sh", command) == expected


async def test_the_pseudo_shell_edits_a_line_and_runs_nothing() -> None:
    output = bytearray()
    ended: list[bool] = []
    shell = ScriptedShell("ada", "web")
    shell.connect(output.extend, lambda: ended.append(True))
    await shell.write(b"hexx\x7f\x7flp\r\x15size\x03\x04")
    text = output.decode()
    assert "scripted workspace" in text
    assert "the 16 colours" in text
    assert "^C" in text
    assert ended == [True]
    shell.pause()
    shell.resume()
    await shell.end()
