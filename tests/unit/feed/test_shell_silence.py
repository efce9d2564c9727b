"""Who is silent: the server, or what is behind it. And what is said of keys that went nowhere."""

from __future__ import annotations

import asyncio

import pytest

from agentdash.api.errors import ConnectFailed, TerminalRefused
from agentdash.api.terminal import TerminalClose
from agentdash.feed.shell_silence import PASTE, Silence, is_report
from agentdash.feed.shells import Shell, ShellState
from tests.unit.feed.fake_lines import FakeLine
from tests.unit.feed.fakes import settle
from tests.unit.feed.test_shells_life import CUT, EXITED, Bench, bench
from tests.unit.feed.test_shells_return import state


class Line:
    """A server that was heard at some time of a clock of ours."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard_at = 0.0
        self.round_trip_s = 0.0
        self.probed: list[float] = []

    @property
    def unheard_s(self) -> float:
        return self.now - self.heard_at

    def probe(self) -> None:
        self.probed.append(self.now)


def a_silence(*, is_heard: bool = True) -> tuple[Silence, Line]:
    silence, line = Silence(), Line()
    silence.attached(0.0, line)
    if is_heard:
        silence.heard()
    return silence, line


def wait(silence: Silence, line: Line, until: float, *, pong_after: float | None = None) -> list[float]:
    """One look a second; returns what was said of the server's silence."""
    said = []
    while line.now < until:
        line.now += 1.0
        if pong_after is not None and line.probed and line.now >= line.probed[-1] + pong_after:
            line.heard_at = max(line.heard_at, line.probed[-1] + pong_after)
        silence.look(line.now)
        said.append(silence.line_silent_s)
    return said


def test_keys_without_output_have_the_server_asked_and_it_is_silent_three_seconds_later() -> None:
    silence, line = a_silence()
    silence.typed(0.0)
    assert wait(silence, line, 4) == [0, 0, 0, 0]
    assert line.probed == [2.0]
    assert wait(silence, line, 8) == [5, 6, 7, 8]
    assert silence.line_sentence() == "no answer from the server for 5 s; keys typed now may be lost"
    line.heard_at = 8.5
    assert wait(silence, line, 9) == [0]


def test_a_server_that_answers_is_there_and_the_program_is_silent() -> None:
    silence, line = a_silence()
    silence.typed(0.0)
    assert set(wait(silence, line, 60, pong_after=0.1)) == {0}
    assert 8 <= len(line.probed) <= 14
    assert silence.sentence(60.0) == (
        "no answer to the keys typed 1 m ago: the program is busy, or the agent is lost; the server answers"
    )


def test_a_server_that_answered_and_then_does_not_is_silent() -> None:
    silence, line = a_silence()
    silence.typed(0.0)
    wait(silence, line, 10, pong_after=0.1)
    assert any(wait(silence, line, 20))


def test_a_slow_line_has_the_time_it_takes() -> None:
    silence, line = a_silence()
    line.round_trip_s = 2.5
    silence.typed(0.0)
    assert set(wait(silence, line, 60, pong_after=6.0)) == {0}


def test_nothing_typed_the_servers_own_ping_is_waited_for() -> None:
    silence, line = a_silence()
    wait(silence, line, 15)
    assert line.probed == []
    assert wait(silence, line, 20)[-2:] == [19, 20]
    assert line.probed == [16.0]


def test_nothing_is_concluded_before_the_first_byte() -> None:
    silence, line = a_silence(is_heard=False)
    silence.typed(1.0)
    assert set(wait(silence, line, 40)) == {0}
    assert line.probed == []


def test_a_large_paste_may_keep_the_server_from_reading_a_ping() -> None:
    silence, line = a_silence()
    silence.typed(0.0, PASTE + 1)
    assert set(wait(silence, line, 21)) == {0}
    assert wait(silence, line, 22) == [22]


def test_after_a_stop_of_this_program_the_server_is_asked_anew() -> None:
    silence, line = a_silence()
    silence.typed(0.0)
    wait(silence, line, 3)
    line.now = 40.0
    silence.look(line.now)
    assert silence.line_silent_s == 0
    assert line.probed == [2.0, 40.0]


def test_a_pong_of_before_the_question_is_no_answer() -> None:
    silence, line = a_silence()
    silence.typed(0.0)
    wait(silence, line, 2)
    line.heard_at = 1.9
    assert wait(silence, line, 6)[-1] > 0


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("\x1b[I", True),
        ("\x1b[<35;10;5M\x1b[<35;11;5M", True),
        ("\x1b[M !!", True),
        ("\x1b[?1;2c", True),
        ("\x1b]11;rgb:0000/0000/0000\x1b\\", True),
        ("\x1b[2;5R", True),
        ("\x1b[A", False),
        ("\x1b", False),
        ("\x1b[Ix", False),
        ("\x1bOP", False),
        ("é", False),
        ("", False),
    ],
)
def test_what_a_terminal_says_by_itself(text: str, is_one: bool) -> None:
    assert is_report(text) is is_one


# In a session


async def heard_shell(it: Bench) -> Shell:
    shell = await it.open()
    it.line.say(b"$ ")
    await settle()
    return shell


def freeze(it: Bench, line: FakeLine) -> None:
    since = it.clock.monotonic()
    line.answers = False
    line.unheard = lambda: it.clock.monotonic() - since


async def test_a_frozen_server_is_said_to_be_silent_and_the_words_move() -> None:
    async with bench() as it:
        shell = await heard_shell(it)
        freeze(it, it.line)
        it.lines.status_gate = asyncio.Event()
        assert shell.type("l")
        await it.clock.advance(8)
        assert state(shell) is ShellState.SILENT
        assert "no answer from the server for 5 s" in shell.status.sentence
        assert shell.advice == ""
        assert shell.is_open
        assert shell.type("s")
        await settle()
        assert it.line.typed == ["l", "s"]
        await it.clock.advance(4)
        assert "no answer from the server for 10 s" in shell.status.sentence
        it.line.unheard = float
        it.line.say(b"ls")
        await settle()
        assert (shell.status.state, shell.status.sentence) == (ShellState.CONNECTED, "")


async def test_a_line_that_fell_silent_is_cut_and_gone_back_to_without_asking_the_silent_server() -> None:
    async with bench() as it:
        shell = await heard_shell(it)
        it.lines.status_gate = asyncio.Event()
        await it.cut(TerminalClose(None, is_silent=True, had_output=True, lasted_s=60.0))
        assert state(shell) is ShellState.RETRYING
        assert shell.status.sentence == "The connection fell silent. Going back to the same shell"


async def test_the_advice_moves_on_while_the_question_for_the_agent_has_no_answer() -> None:
    async with bench() as it:
        shell = await heard_shell(it)
        it.lines.status_gate = asyncio.Event()
        told: list[str] = []
        shell.on_change = lambda: told.append(shell.advice)
        shell.type("l")
        await it.clock.advance(35)
        steps = [words.partition(" typed ")[2].partition(" ago")[0] for words in told if words]
        assert steps == ["5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]


async def test_reports_of_the_terminal_are_owed_no_answer() -> None:
    async with bench() as it:
        shell = await heard_shell(it)
        assert shell.type("\x1b[I")
        await it.clock.advance(10)
        assert (shell.advice, it.line.typed) == ("", ["\x1b[I"])
        await it.cut()
        assert not shell.type("\x1b[O")
        assert "not sent" not in shell.status.sentence


async def test_a_key_that_finds_the_line_ended_first_does_not_decide_what_the_end_was() -> None:
    async with bench() as it:
        shell = await heard_shell(it)
        shell.type("\x04")
        await settle()
        it.line.has_closed = True
        shell.type("\x04")
        await settle()
        assert state(shell) is ShellState.CONNECTED  # how it ended is on its way
        await it.cut(EXITED)
        assert state(shell) is ShellState.ENDED
        assert shell.status.sentence == "The shell has ended. Enter starts a new one."
        await it.clock.advance(100)
        assert len(it.lines.opened) == 1


async def test_a_dropped_key_is_said_until_the_line_is_back() -> None:
    async with bench() as it:
        shell = await heard_shell(it)
        await it.cut()
        before = shell.status
        assert not shell.type("\r")  # tries again, is no text
        assert shell.status == before
        told = []
        shell.on_change = lambda: told.append(shell.status.sentence)
        it.lines.refuse = [ConnectFailed("Nothing listens")]
        assert not shell.type("r")
        assert shell.status.sentence == "not sent: the line is down. The connection ended."
        assert shell.status.retry_at == before.retry_at
        assert len(told) == 1
        assert not shell.type("m")
        assert len(told) == 1
        await it.clock.advance(1.5)
        assert shell.status.sentence == "not sent: the line is down. Nothing listens"
        await it.clock.advance(5)
        assert state(shell) is ShellState.CONNECTED
        assert it.line.typed == []
        await it.cut(CUT)
        assert "not sent" not in shell.status.sentence


async def test_keys_before_the_first_line_are_said_to_have_gone_nowhere() -> None:
    async with bench() as it:
        it.know(status="connecting")
        shell = await it.open()
        assert not shell.type("ls")
        assert shell.status.sentence == "not sent: there is no line yet. waiting for the agent to connect"


async def test_a_refusal_that_is_tried_again_tells_the_next_step_too() -> None:
    async with bench() as it:
        it.lines.refuse = [TerminalRefused("404 - Application Not Found"), ConnectFailed("Nothing listens")]
        shell = await it.open()
        assert state(shell) is ShellState.RETRYING
        assert shell.status.sentence == (
            "404 - Application Not Found. A terminal needs a connected agent and the right to connect by ssh."
        )
        await it.clock.advance(1.5)
        assert shell.status.sentence == "Nothing listens"  # that it is tried again is told anyway


async def test_keys_after_the_end_are_no_loss() -> None:
    async with bench() as it:
        shell = await heard_shell(it)
        await it.cut(EXITED)
        assert not shell.type("x")
        assert shell.status.sentence == "The shell has ended. Enter starts a new one."
