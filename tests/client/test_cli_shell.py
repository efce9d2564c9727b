"""`agentdash shell` on a real terminal against the embedded server: bytes through, one key out, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentdash.cli.bare_output import BareOutput
from agentdash.cli.output import CliError, ExitCode
from agentdash.cli.shell import command_of, leave_bytes
from agentdash.feed.shell_book import ShellBook
from agentdash.local.faults import Fault, FaultPlan
from agentdash.local.pty import PtyFault
from agentdash.local.records import Deployment
from agentdash.local.server import Served
from tests.conftest import Serve, the_agent

LIMIT_S = 60.0
PTY = "/api/v2/workspaceagents/*/pty"


class OnTerminal:
    """The command on a terminal of its own, 24×80."""

    def __init__(self, fd: int, inner: int, home: Path) -> None:
        self.fd, self.inner, self.home = fd, inner, home
        self.before = termios.tcgetattr(inner)
        self.seen = b""
        self.process: asyncio.subprocess.Process
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> None:
        self.seen += os.read(self.fd, 65536)
        self._news.set()

    async def until(self, wanted: bytes | Callable[[], object]) -> None:
        """Let it go on until this was written, or holds."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not (wanted() if callable(wanted) else wanted in self.seen):
                    self._news.clear()
                    # A condition may come true without a byte.
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), 0.05)
        except TimeoutError:
            raise AssertionError(f"{wanted!r} did not come: {self.seen!r}") from None

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    async def end(self) -> int:
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()

    @property
    def is_restored(self) -> bool:
        return termios.tcgetattr(self.inner) == self.before


@asynccontextmanager
async def terminal(
    served: Served, home: Path, *arguments: str, token: str = "", inner_out: int | None = None
) -> AsyncIterator[OnTerminal]:
    fd, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "CODER_SESSION_TOKEN": token or served.token.reveal(),
        "CODER_URL": served.url,
    }
    running = OnTerminal(fd, inner, home)
    running.process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentdash", "shell", *arguments),
        stdin=inner,
        stdout=inner if inner_out is None else inner_out,
        stderr=inner,
        env=environ,
        cwd=home,
        start_new_session=True,
    )
    try:
        yield running
    finally:
        if running.process.returncode is None:
            running.process.kill()
        await running.process.wait()
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        os.close(inner)


@pytest.fixture
async def faults() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
async def serving(running_server: Serve, deployment: Deployment, faults: FaultPlan) -> AsyncIterator[Served]:
    async with running_server(deployment, faults=faults) as served:
        yield served


async def test_a_shell_takes_keys_follows_the_size_and_ends_well(serving: Served, tmp_path: Path) -> None:
    async with terminal(serving, tmp_path, "alpha") as it:
        await it.until(b"ops@alpha")
        it.type(b"size\r")
        await it.until(b"24 80")
        assert not it.is_restored
        it.resize(30, 100)
        await it.until(lambda: it.type(b"size\r") or b"30 100" in it.seen)
        it.type(b"exit\r")
        assert await it.end() == ExitCode.OK
        await it.until(b"[agentdash: The shell has ended.]")
        assert it.is_restored


async def test_the_leave_key_leaves_and_the_shell_is_found_again(
    serving: Served, deployment: Deployment, tmp_path: Path
) -> None:
    async with terminal(serving, tmp_path, "ops/alpha.main") as it:
        await it.until(b"ops@alpha")
        it.type(b"hel")
        await it.until(b"hel")
        it.type(b"\x1d")
        assert await it.end() == ExitCode.LEFT
        await it.until(b"the shell runs on for 5 minutes")
        assert it.is_restored
    (session,) = serving.runtime.sessions._sessions
    found = await asyncio.to_thread(_book(tmp_path, deployment).take, deployment.now())
    assert [one.id for one in found] == [session[1]]
    assert found[0].target.label == "ops/alpha.main"


def _book(home: Path, deployment: Deployment) -> ShellBook:
    return ShellBook(home / ".local/state/agentdash/shells", deployment.deployment_id)


async def test_a_cut_line_leads_back_to_the_same_shell(
    serving: Served, faults: FaultPlan, tmp_path: Path
) -> None:
    async with terminal(serving, tmp_path, "alpha") as it:
        await it.until(b"ops@alpha")
        it.type(b"hello")
        await it.until(b"hello")
        faults.restart_requested = True
        await it.until(b"Going back to the same shell")
        await it.until(b"back at the shell")
        await it.until(lambda: it.seen.rpartition(b"\x1b[2J")[2].count(b"hello") == 1)
        it.type(b"\x15size\r")
        await it.until(lambda: b"24 80" in it.seen.rpartition(b"\x1b[2J")[2])
        assert serving.runtime.sessions.count == 1
        it.type(b"exit\r")
        assert await it.end() == ExitCode.OK


async def test_a_shell_that_ended_meanwhile_is_said_to_have_ended(
    serving: Served, faults: FaultPlan, tmp_path: Path
) -> None:
    async with terminal(serving, tmp_path, "alpha") as it:
        await it.until(b"ops@alpha")
        refusal = faults.add(Fault(PTY, disconnect=True))
        faults.restart_requested = True
        await it.until(b"Going back to the same shell")
        await serving.runtime.sessions.close()
        faults._faults.remove(refusal)
        await it.until(b"[agentdash: The shell had ended while the line was down.]")
        assert await it.end() == ExitCode.OK
        assert it.is_restored


async def test_what_is_typed_while_the_line_is_down_is_not_sent_and_ctrl_c_gives_up(
    serving: Served, faults: FaultPlan, tmp_path: Path
) -> None:
    async with terminal(serving, tmp_path, "alpha") as it:
        await it.until(b"ops@alpha")
        faults.add(Fault(PTY, disconnect=True))
        faults.restart_requested = True
        await it.until(b"Going back to the same shell")
        it.type(b"rm")
        await it.until(b"\x07")
        it.type(b"\x03")
        assert await it.end() == ExitCode.INTERRUPTED
        assert it.is_restored
        assert b"rm" not in it.seen


async def test_a_signal_ends_it_with_its_number_and_the_terminal_restored(
    serving: Served, tmp_path: Path
) -> None:
    async with terminal(serving, tmp_path, "alpha") as it:
        await it.until(b"ops@alpha")
        it.process.send_signal(signal.SIGTERM)
        assert await it.end() == 128 + signal.SIGTERM
        assert it.is_restored


async def test_a_command_runs_instead_and_its_end_is_the_end(serving: Served, tmp_path: Path) -> None:
    async with terminal(serving, tmp_path, "alpha", "--", "make", "two words") as it:
        await it.until(b"make 'two words': not run in a scripted workspace")
        assert await it.end() == ExitCode.OK
        await it.until(b"The command has ended.")


async def test_a_container_that_is_not_there_is_said(serving: Served, tmp_path: Path) -> None:
    async with terminal(serving, tmp_path, "alpha", "--container", "nowhere") as it:
        await it.until(b"no such container or user, or no shell in it")
        assert await it.end() == ExitCode.TROUBLE
        assert it.is_restored


async def test_an_agent_that_is_away_is_waited_for(
    serving: Served, deployment: Deployment, tmp_path: Path
) -> None:
    the_agent(deployment).is_beating = False
    the_agent(deployment).last_connected_at = deployment.now().replace(year=2020)
    async with terminal(serving, tmp_path, "alpha") as it:
        await it.until(b"waiting for the agent to connect (ctrl+] leaves)")
        the_agent(deployment).is_beating = True
        the_agent(deployment).last_connected_at = deployment.now()
        await it.until(b"ops@alpha")
        it.type(b"\x1d")
        assert await it.end() == ExitCode.LEFT


async def test_a_line_that_cannot_be_dialled_is_tried_again(
    serving: Served, deployment: Deployment, tmp_path: Path
) -> None:
    agent_id = the_agent(deployment).id
    serving.runtime.pty_faults[agent_id] = PtyFault.DIAL_ERROR
    async with terminal(serving, tmp_path, "alpha") as it:
        await it.until(b"The agent could not be reached")
        del serving.runtime.pty_faults[agent_id]
        it.type(b"\r")
        await it.until(b"ops@alpha")
        it.type(b"\x1d")
        assert await it.end() == ExitCode.LEFT


@pytest.mark.parametrize(
    ("arguments", "token", "code", "words"),
    [
        (("nowhere",), "", ExitCode.TROUBLE, b"there is no workspace nowhere"),
        (("alpha.none",), "", ExitCode.TROUBLE, b"ops/alpha has no agent none"),
        (("alpha",), "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB", ExitCode.REFUSED, b"log"),
        (("alpha", "--read-only"), "", ExitCode.REFUSED, b"read-only mode"),
    ],
)
async def test_what_cannot_be_opened_is_said_before_the_terminal_is_touched(
    serving: Served, tmp_path: Path, arguments: tuple[str, ...], token: str, code: int, words: bytes
) -> None:
    async with terminal(serving, tmp_path, *arguments, token=token) as it:
        assert await it.end() == code
        await it.until(words)
        assert it.is_restored
        assert b"\x1b" not in it.seen


async def test_a_pipe_is_refused_with_a_reason(serving: Served, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    async with terminal(serving, tmp_path, "alpha", inner_out=writing) as it:
        assert await it.end() == ExitCode.USAGE
        await it.until(b"needs a terminal for input and output")
        await it.until(b"coder ssh")
    os.close(reading)
    os.close(writing)


# The parts


def test_words_are_quoted_unless_they_are_a_line_already() -> None:
    assert command_of([]) == ""
    assert command_of(["ls -la | wc"]) == "ls -la | wc"
    assert command_of(["echo", "two words", "$HOME"]) == "echo 'two words' '$HOME'"


def test_the_leave_key_in_all_spellings_of_terminals() -> None:
    assert leave_bytes("ctrl+]") == (b"\x1d", b"\x1b[93;5u", b"\x1b[27;5;93~")
    assert leave_bytes("ctrl+right_square_bracket")[0] == b"\x1d"
    assert leave_bytes("ctrl+g")[0] == b"\x07"
    with pytest.raises(CliError, match="cannot be told apart"):
        leave_bytes("f12")


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_the_clipboard_and_old_questions_do_not_reach_the_terminal(step: int) -> None:
    data = b"a\x1b]52;c;aGk=\x07b\x1b]52;c;aGk=\x1b\\c\x1b[31md\x1b[6n\x1b[c\x1b]0;title\x07e\x1b]11;?\x1b\\f"
    output = BareOutput()
    taken = b"".join(output.take(data[at : at + step], is_replay=True) for at in range(0, len(data), step))
    assert taken == b"abc\x1b[31md\x1b]0;title\x07ef"
    live = BareOutput(allow_clipboard=True)
    assert b"".join(live.take(data[at : at + step]) for at in range(0, len(data), step)) == data


def test_what_programs_switched_on_is_switched_off() -> None:
    output = BareOutput()
    output.take(b"\x1b[?1049h\x1b[?1000h\x1b[>1u")
    assert output.is_alternate
    undone = output.undo()
    assert undone.startswith(b"\x1b[<u\x1b[?1049l")
    assert b"\x1b[?1000l" in undone
    assert b"1049" not in output.undo()
