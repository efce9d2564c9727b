"""One terminal through cuts, ends and refusals: what it says, what it sends, what it never sends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from agentdash.api.errors import ConnectFailed, Forbidden, NotLoggedIn
from agentdash.api.terminal import TerminalClose
from agentdash.feed.shells import POLL_S, USAGE_S, Shell, Shells, ShellState, Target
from agentdash.state import events as ev
from agentdash.state.store import Store
from agentdash.wire.errors import CommandTooLongError
from tests.unit.feed.fake_lines import FakeLine, FakeLines
from tests.unit.feed.fakes import FakeClock, a_workspace, active, an_agent, settle

CUT = TerminalClose(1006, had_output=True, lasted_s=60.0)
EXITED = TerminalClose(1000, had_output=True, lasted_s=60.0, after_exit_s=0.1)
TARGET = Target("w1", "w1/main", "ada/w1.main")


class Bench:
    """Shells on a clock and lines that the test owns."""

    def __init__(self) -> None:
        self.store = Store()
        self.clock = FakeClock()
        self.lines = FakeLines()
        self.shells = Shells(
            self.lines, lambda: self.store.state, clock=self.clock, rng=random.Random(1), history=100
        )
        self.know()

    def know(self, **agent: Any) -> None:
        """The agent is like this now."""
        workspace = a_workspace(agents=(an_agent(**agent),))
        self.store.apply([ev.WorkspacesRead((workspace,), self.clock.now(), "watch")])

    def building(self) -> None:
        workspace = a_workspace(build=active(transition="start"), agents=())
        self.store.apply([ev.WorkspacesRead((workspace,), self.clock.now(), "watch")])

    async def open(self, target: Target = TARGET) -> Shell:
        shell = self.shells.open(target, 80, 24)
        await settle()
        return shell

    @property
    def line(self) -> FakeLine:
        return self.lines.last

    async def cut(self, close: TerminalClose = CUT) -> None:
        self.line.end(close)
        await settle()


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    it = Bench()
    try:
        yield it
    finally:
        await it.shells.aclose()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []
        assert not any(line.is_open for line in it.lines.opened)


def screen(shell: Shell) -> str:
    return "\n".join(line.text for line in shell.emulator.text())


async def test_output_is_drawn_and_input_is_sent() -> None:
    async with bench() as it:
        shell = await it.open()
        assert shell.status.state is ShellState.CONNECTED
        assert it.line.size == (24, 80)
        assert it.line.agent_id == "w1-main-1"
        told = []
        shell.on_change = lambda: told.append(shell.status.state)
        it.line.say(b"hello \xe2\x9c")
        it.line.say(b"\x93\r\n$ ")
        await settle()
        assert screen(shell).splitlines()[0] == "hello ✓"
        assert told
        assert shell.type("ls")
        assert shell.type("\r")
        await settle()
        assert "".join(it.line.typed) == "ls\r"


async def test_an_answer_of_the_terminal_goes_back_to_the_program() -> None:
    async with bench() as it:
        await it.open()
        it.line.say(b"\x1b[6n")
        await settle()
        assert it.line.typed == ["\x1b[1;1R"]


async def test_without_a_connected_agent_nothing_is_opened_until_it_is_back() -> None:
    async with bench() as it:
        it.know(status="connecting")
        shell = await it.open()
        assert (shell.status.state, it.lines.opened) == (ShellState.WAITING, [])
        assert not shell.type("x")
        await it.clock.advance(3 * POLL_S)
        assert it.lines.opened == []
        it.know(status="connected")
        await it.clock.advance(POLL_S)
        assert shell.status.state is ShellState.CONNECTED


async def test_agents_of_the_build_before_are_not_dialled() -> None:
    async with bench() as it:
        it.building()
        assert it.store.state.workspaces["w1"].agents_are_previous
        shell = await it.open()
        assert shell.status.state is ShellState.WAITING


async def test_what_is_typed_while_the_line_is_down_is_never_sent() -> None:
    async with bench() as it:
        shell = await it.open()
        first = it.line.reconnect
        await it.cut()
        assert shell.status.state is ShellState.RETRYING
        assert shell.status.retry_at is not None
        assert shell.status.retry_at > it.clock.now()
        assert not shell.type("rm -rf build\r")
        await it.clock.advance(2)
        assert shell.status.state is ShellState.CONNECTED
        assert len(it.lines.opened) == 2
        assert it.line.reconnect == first
        assert it.line.typed == []


async def test_what_waited_to_be_sent_when_the_line_broke_is_dropped() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.end(CUT)
        assert shell.type("make deploy\r")  # the cut has not been seen yet
        await it.clock.advance(2)
        assert it.line.typed == []


async def test_a_return_begins_with_a_blank_screen_and_has_the_program_draw_anew() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"one\r\ntwo")
        await settle()
        await it.cut()
        assert "one" in screen(shell)  # what was there stays while the line is down
        await it.clock.advance(2)
        assert it.line.size == (23, 80)
        assert it.line.sizes == [(24, 80)]
        it.line.say(b"one\r\ntwo")
        await settle()
        assert screen(shell).split("\n") == ["one", "two"]


async def test_resize_follows_and_only_once() -> None:
    async with bench() as it:
        shell = await it.open()
        shell.resize(30, 100)
        shell.resize(30, 100)
        shell.resize(0, 0)
        await settle()
        assert it.line.sizes == [(30, 100), (1, 1)]
        assert (shell.emulator.lines, shell.emulator.columns) == (1, 1)


async def test_a_size_chosen_while_the_line_was_down_is_the_one_that_is_asked_for() -> None:
    async with bench() as it:
        shell = await it.open()
        await it.cut()
        shell.resize(40, 132)
        await it.clock.advance(2)
        assert it.line.size == (39, 132)
        assert it.line.sizes == [(40, 132)]


async def test_a_lost_agent_is_said_at_once_although_its_socket_stays_open() -> None:
    async with bench() as it:
        shell = await it.open()
        socket, first = it.line, it.line.reconnect
        it.know(status="disconnected")
        await it.clock.advance(1)
        assert shell.status.state is ShellState.LOST
        assert "waiting for it to come back" in shell.status.sentence
        assert not socket.is_open
        assert not shell.type("x")
        await it.clock.advance(40)
        assert len(it.lines.opened) == 1
        it.know()
        await it.clock.advance(POLL_S)
        assert shell.status.state is ShellState.CONNECTED
        assert it.line.reconnect == first


async def test_a_rebuilt_agent_is_a_new_place_with_the_same_shell_asked_for() -> None:
    async with bench() as it:
        shell = await it.open()
        it.building()
        await it.clock.advance(1)
        assert shell.status.state is ShellState.LOST
        it.know(id="w1-main-2")
        await it.clock.advance(POLL_S)
        assert shell.status.state is ShellState.CONNECTED
        assert it.line.agent_id == "w1-main-2"


async def test_a_close_that_the_agents_status_explains() -> None:
    async with bench() as it:
        shell = await it.open()
        it.lines.statuses["w1-main-1"] = "disconnected"
        await it.cut(TerminalClose(1000, had_output=True, lasted_s=60.0))
        assert shell.status.state is ShellState.LOST
        assert "The agent is disconnected" in shell.status.sentence


async def test_an_exit_ends_it_and_enter_starts_another_shell() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"bye")
        await settle()
        first = it.line.reconnect
        await it.cut(EXITED)
        assert shell.status.state is ShellState.ENDED
        assert shell.status.sentence == "The shell has ended. Enter starts a new one."
        await it.clock.advance(40)
        assert len(it.lines.opened) == 1
        shell.restart()
        await settle()
        assert shell.status.state is ShellState.CONNECTED
        assert it.line.reconnect != first
        assert it.line.size == (24, 80)
        assert screen(shell) == ""


async def test_a_command_is_not_run_twice() -> None:
    async with bench() as it:
        shell = await it.open(replace(TARGET, command="make"))
        await it.cut(TerminalClose(1000, had_output=True, lasted_s=9.0, ran_command=True))
        assert shell.status.state is ShellState.ENDED
        assert "The command has ended" in shell.status.sentence


async def test_enter_cuts_the_wait_for_the_next_attempt_short() -> None:
    async with bench() as it:
        shell = await it.open()
        await it.cut()
        assert len(it.lines.opened) == 1
        shell.restart()
        await settle()
        assert len(it.lines.opened) == 2
        assert shell.status.state is ShellState.CONNECTED


async def test_a_refusal_is_a_sentence_with_the_next_step() -> None:
    async with bench() as it:
        it.lines.refuse = [Forbidden("You may not \x1b[31mopen\x1b[0m it")]
        shell = await it.open()
        assert shell.status.state is ShellState.REFUSED
        assert shell.status.sentence.startswith("You may not ")
        assert ". Ask an administrator" in shell.status.sentence
        assert "\x1b" not in shell.status.sentence
        await it.clock.advance(40)
        assert len(it.lines.targets) == 1
        shell.restart()
        await settle()
        assert shell.status.state is ShellState.CONNECTED


async def test_a_login_that_has_run_out_is_final_too() -> None:
    async with bench() as it:
        it.lines.refuse = [NotLoggedIn("Session expired")]
        shell = await it.open()
        assert shell.status.state is ShellState.REFUSED


async def test_a_server_that_is_away_is_tried_again_with_growing_waits() -> None:
    async with bench() as it:
        it.lines.refuse = [ConnectFailed("connection refused") for _ in range(4)]
        shell = await it.open()
        waits = []
        for _ in range(4):
            assert shell.status.state is ShellState.RETRYING
            assert shell.status.retry_at is not None
            assert "connection refused" in shell.status.sentence
            waits.append((shell.status.retry_at - it.clock.now()).total_seconds())
            await it.clock.advance(waits[-1] + 0.001)
        assert waits[-1] > waits[0]
        assert shell.status.state is ShellState.CONNECTED


async def test_a_command_that_is_too_long_is_said() -> None:
    async with bench() as it:
        it.lines.refuse = [CommandTooLongError("the command is too long")]
        shell = await it.open()
        assert shell.status.state is ShellState.ENDED
        assert "the command is too long" in shell.status.sentence.lower()


async def test_a_status_that_cannot_be_read_leads_to_another_try() -> None:
    async with bench() as it:
        shell = await it.open()
        it.lines.status_error = ConnectFailed("no")
        await it.cut()
        assert shell.status.state is ShellState.RETRYING
        await it.clock.advance(2)
        assert shell.status.state is ShellState.CONNECTED


async def test_use_is_reported_while_it_is_open_and_a_refused_report_ends_nothing() -> None:
    async with bench() as it:
        shell = await it.open()
        assert it.lines.usage == [("w1", "w1-main-1")]
        it.lines.usage_error = Forbidden("no")
        await it.clock.advance(2 * USAGE_S)
        assert len(it.lines.usage) == 3
        assert shell.status.state is ShellState.CONNECTED
        it.know(status="disconnected")
        await it.clock.advance(2 * USAGE_S)
        assert len(it.lines.usage) == 3


async def test_an_error_of_ours_ends_this_terminal_only(caplog: pytest.LogCaptureFixture) -> None:
    async with bench() as it:
        other = await it.open()
        it.lines.refuse = [RuntimeError("a bug")]
        shell = await it.open()
        assert shell.status.state is ShellState.ENDED
        assert "see the log" in shell.status.sentence
        assert "a terminal failed" in caplog.text
        assert other.status.state is ShellState.CONNECTED


async def test_several_shells_are_several_sessions() -> None:
    async with bench() as it:
        first, second = await it.open(), await it.open()
        third = await it.open(replace(TARGET, agent_key="w2/main", workspace_id="w2"))
        assert len({line.reconnect for line in it.lines.opened}) == 2
        assert third.status.state is ShellState.WAITING
        assert it.shells.all() == (first, second, third)
        assert it.shells.of_agent("w1/main") == (first, second)
        assert it.shells.get(second.id) is second
        it.lines.opened[0].say(b"one")
        it.lines.opened[1].say(b"two")
        await settle()
        assert (screen(first), screen(second)) == ("one", "two")
        await it.shells.close(first.id)
        assert it.shells.all() == (second, third)
        assert not it.lines.opened[0].is_open
        assert it.lines.opened[1].is_open
        assert it.shells.get(first.id) is None
        await it.shells.close("unknown")


async def test_a_shell_in_a_container_asks_for_it() -> None:
    async with bench() as it:
        target = replace(TARGET, container="c0ffee", container_user="node")
        await it.open(target)
        assert it.lines.targets == [target]
