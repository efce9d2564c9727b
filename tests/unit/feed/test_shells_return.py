"""Going back to a shell: whether it is still there, what is asked of it, keys that nobody answers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agentdash.api.terminal import TerminalClose
from agentdash.feed.cast import Cast
from agentdash.feed.shell_book import Kept, ShellBook
from agentdash.feed.shells import POLL_S, Shell, Shells, ShellState
from agentdash.term.emulator import Emulator
from tests.unit.feed.fakes import settle
from tests.unit.feed.test_shells_life import CUT, EXITED, TARGET, Bench, bench, screen

UNHEARD = replace(CUT, had_output=False)
GONE = "nobody-has-this-host:1"


def state(shell: Shell) -> ShellState:
    return shell.status.state


def mark(it: Bench) -> bytes:
    """What an agent without the old session writes."""
    return it.lines.targets[-1].probe.removeprefix("echo ").encode() + b"\r\n"


async def test_a_first_attach_asks_for_what_was_wanted_and_a_return_only_whether_it_is_there() -> None:
    async with bench() as it:
        await it.open(replace(TARGET, command="make deploy"))
        assert (it.lines.targets[0].command, it.lines.targets[0].probe) == ("make deploy", "")
        await it.cut(replace(CUT, code=None))
        await it.clock.advance(2)
        assert it.lines.targets[1].probe.startswith("echo agentdash-over-")


async def test_a_shell_that_ended_meanwhile_is_said_to_have_ended_and_its_picture_stays() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"last words")
        await settle()
        await it.cut()
        await it.clock.advance(2)
        came = mark(it)
        it.line.say(came[:7])
        await settle()
        assert state(shell) is ShellState.CONNECTED
        it.line.say(came[7:])
        await settle()
        assert state(shell) is ShellState.ENDED
        assert shell.status.sentence == "The shell had ended while the line was down. Enter starts a new one."
        assert screen(shell) == "last words"
        shell.restart()
        await settle()
        assert it.lines.targets[-1].probe == ""
        assert screen(shell) == ""


async def test_a_recording_begins_with_the_screen_and_begins_anew_with_a_replay(tmp_path: Path) -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"\x1b[1mbefore")
        await settle()
        shell.record(Cast(tmp_path / "x.cast", 80, 24, "x", now=0, monotonic=it.clock.monotonic))
        await it.cut()
        await it.clock.advance(2)
        it.line.say(b"before and after")
        await settle()
        assert shell.cast is not None
        shell.cast.close()
        _, *events = (tmp_path / "x.cast").read_text().splitlines()
        told = [json.loads(event)[2] for event in events]
        played = Emulator(80, 24)
        for output, expected in zip(told, ("before", "", "before and after"), strict=True):
            played.feed(output.encode())
            assert played.display[0].rstrip() == expected
        assert [row.rstrip() for row in played.display] == [row.rstrip() for row in shell.emulator.display]


async def test_output_that_only_begins_like_the_mark_is_drawn_whole() -> None:
    async with bench() as it:
        shell = await it.open()
        await it.cut()
        await it.clock.advance(2)
        it.line.say(b"agentdash")
        await settle()
        it.line.say(b" is here")
        await settle()
        assert screen(shell) == "agentdash is here"


async def test_a_shell_that_never_said_a_word_is_opened_anew_with_the_same_id() -> None:
    async with bench() as it:
        await it.open()
        first = it.line.reconnect
        await it.cut(TerminalClose(1001, "liveness probe failed", lasted_s=30))
        await it.clock.advance(2)
        assert it.lines.targets[-1].probe == ""
        assert it.line.reconnect == first
        assert it.line.size == (24, 80)


async def test_a_command_that_may_have_run_is_never_run_again() -> None:
    async with bench() as it:
        shell = await it.open(replace(TARGET, command="make deploy"))
        await it.cut(replace(UNHEARD, code=None))
        await it.clock.advance(2)
        assert state(shell) is ShellState.CONNECTED
        it.line.say(mark(it))
        await settle()
        assert "The command had ended while the line was down" in shell.status.sentence


async def test_old_questions_in_a_replay_are_not_answered_again() -> None:
    async with bench() as it:
        await it.open()
        it.line.say(b"x")
        await settle()
        await it.cut()
        while len(it.lines.opened) == 1:
            await it.clock.advance(0.1)
        it.line.say(b"old \x1b[c\x1b[6n")
        await settle()
        assert it.line.typed == []
        await it.clock.advance(2)
        it.line.say(b"\x1b[6n")
        await settle()
        assert it.line.typed == ["\x1b[1;5R"]


async def test_keys_without_an_answer_are_noticed_and_the_agent_asked_for() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"$ ")
        await settle()
        shell.type("l")
        await it.clock.advance(4)
        assert shell.advice == ""
        told: list[str] = []
        shell.on_change = lambda: told.append(shell.advice)
        await it.clock.advance(2)
        assert "no answer to the keys typed 5 s ago" in shell.advice
        assert told
        shell.type("s")
        it.line.say(b"ls")
        await settle()
        assert shell.advice == ""
        assert told[-1] == ""


async def test_an_agent_that_is_gone_before_the_fleet_knows_it_is_said_to_be() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"$ ")
        await settle()
        it.lines.statuses["w1-main-1"] = "disconnected"
        shell.type("ls\r")
        await it.clock.advance(7)
        assert state(shell) is ShellState.LOST
        assert "The agent is disconnected" in shell.status.sentence
        assert not it.lines.opened[0].is_open
        await it.clock.advance(100)
        assert len(it.lines.opened) == 1
        it.lines.statuses["w1-main-1"] = "connected"
        await it.clock.advance(10)
        assert state(shell) is ShellState.CONNECTED
        assert it.line.typed == []


async def test_silence_alone_is_no_trouble() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"$ ")
        await it.clock.advance(100)
        assert shell.advice == ""


async def test_an_attached_terminal_without_a_byte_is_said_to_wait() -> None:
    async with bench() as it:
        shell = await it.open()
        await it.clock.advance(4)
        assert "nothing has come from it yet" in shell.advice
        it.line.say(b"$ ")
        await settle()
        assert shell.advice == ""


async def test_a_refused_shell_is_asked_for_anew_when_the_workspace_has_another_agent() -> None:
    async with bench() as it:
        from agentdash.api.errors import Forbidden

        it.lines.refuse = [Forbidden("no")]
        shell = await it.open()
        assert state(shell) is ShellState.REFUSED
        it.know(id="w1-main-2")
        await it.clock.advance(POLL_S)
        assert state(shell) is ShellState.CONNECTED


async def test_a_program_that_draws_below_our_last_row_has_another_size() -> None:
    async with bench() as it:
        shell = await it.open()
        await it.clock.advance(3)
        it.line.say(b"\x1b[?1049h\x1b[999;999H\x1b[6n")
        await settle()
        assert shell.foreign_rows == 0
        it.line.say(b"\x1b[50;1Hstatus")
        await settle()
        assert shell.foreign_rows == 50
        shell.redraw()
        await it.clock.advance(1)
        assert it.line.sizes[-2:] == [(23, 80), (24, 80)]
        assert shell.foreign_rows == 0


async def test_a_program_that_is_drawn_for_a_smaller_client_is_said_to_be() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"\x1b[?1049h\x1b[H\x1b[2Jtop\x1b[24;1Hstatus")
        await it.clock.advance(10)
        it.line.say(b"\x1b[H\x1b[2Jtop\x1b[18;1Hstatus")
        await it.clock.advance(3)
        assert shell.advice.startswith("drawn for 18 rows, it seems")
        shell.redraw()
        await it.clock.advance(1)
        it.line.say(b"\x1b[H\x1b[2Jtop\x1b[24;1Hstatus")
        await it.clock.advance(3)
        assert shell.advice == ""
        it.line.say(b"\x1b[H\x1b[2Jtop\x1b[18;1Hstatus")
        await it.clock.advance(3)
        assert shell.advice
        it.line.say(b"\x1b[?1049l$ ")
        await it.clock.advance(3)
        assert shell.advice == ""


# The book


def books(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix == ".json"]


def shells_of(it: Bench) -> Shells:
    return Shells(it.lines, lambda: it.store.state, clock=it.clock)


async def test_the_next_start_finds_the_shells_and_goes_back_when_asked(tmp_path: Path) -> None:
    async with bench() as it:
        await it.shells.remember(ShellBook(tmp_path, "d1", GONE)).wait()
        shell = await it.open(replace(TARGET, container="box"))
        it.line.say(b"x")
        await settle()
        await it.shells.aclose()
        (file,) = books(tmp_path)
        assert file.stat().st_mode & 0o777 == 0o600
        text = file.read_text().replace(GONE, "") + "\n"
        file.write_text(file.read_text().replace(GONE, f"{_here()}:999999999"))
        assert str(shell.reconnect) in text

        again = shells_of(it)
        await again.remember(ShellBook(tmp_path, "d1")).wait()
        (found,) = again.all()
        assert state(found) is ShellState.DETACHED
        assert found.target.container == "box"
        assert len(it.lines.opened) == 1
        again.wake(found)
        await settle()
        assert state(found) is ShellState.CONNECTED
        assert it.line.reconnect == shell.reconnect
        assert it.lines.targets[-1].probe
        await again.aclose()


async def test_nobody_goes_back_in_time_and_it_is_forgotten(tmp_path: Path) -> None:
    async with bench() as it:
        book = ShellBook(tmp_path, "d1", f"{_here()}:999999999")
        seen = it.clock.now() - timedelta(seconds=100)
        book.keep([Kept("0f0f0f0f-0000-4000-8000-000000000001", TARGET, seen, "")], it.clock.now())
        again = shells_of(it)
        await again.remember(ShellBook(tmp_path, "d1")).wait()
        assert len(again.all()) == 1
        await it.clock.advance(199)
        assert len(again.all()) == 1
        await it.clock.advance(2)
        assert again.all() == ()
        await again.aclose()
        assert books(tmp_path) == []


async def test_an_ended_or_closed_shell_is_not_found_again(tmp_path: Path) -> None:
    async with bench() as it:
        await it.shells.remember(ShellBook(tmp_path, "d1")).wait()
        await it.open()
        await it.cut(EXITED)
        closed = await it.open()
        it.line.say(b"x")
        await settle()
        await it.shells.close(closed.id)
        await it.shells.aclose()
        assert books(tmp_path) == []


def _here() -> str:
    import socket

    return socket.gethostname()


async def test_a_shell_whose_line_was_closed_in_order_is_not_said_to_have_ended_while_it_was_down() -> None:
    async with bench() as it:
        shell = await it.open()
        it.line.say(b"logout")
        await settle()
        await it.cut(replace(CUT, code=1000))
        await it.clock.advance(2)
        it.line.say(mark(it))
        await settle()
        assert shell.status.sentence == "The shell has ended. Enter starts a new one."
