"""`agentdash shell [OWNER/]WORKSPACE[.AGENT] [-- COMMAND]`: a shell of an agent on the bare terminal.

The same session as in the dashboard's terminal pane, by the same rules, without a picture of ours: bytes go from the
shell to the terminal and keys from the terminal to the shell, all but one.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import random
import shlex
import signal
import sys
from typing import TYPE_CHECKING

from agentdash.cli.agent import choose, parse_target
from agentdash.cli.connect import client_for, load_settings, opened
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agentdash.api.client import Client
    from agentdash.cli.main import Call
    from agentdash.config.settings import Settings
    from agentdash.feed.shell_status import Target
    from agentdash.state.model import Agent, Workspace

POLL_S, POLL_LOST_S = 10.0, 3.0
"""Between two questions for the agent, while it is connected and while it is not."""
SETTLE_S = 0.05
"""A size is told when it has stood so long."""
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
CTRL_C = b"\x03"


def run(call: Call) -> int:
    """Open a shell and stay until it ends or is left."""
    need_terminal()
    settings = load_settings(call, warn=False).settings
    if settings.read_only:
        raise CliError("read-only mode: a shell could change everything", ExitCode.REFUSED)
    owner, name, agent_name = parse_target(call.options.target)
    client = client_for(call, settings)
    options = call.options

    async def serve() -> int:
        from agentdash.cli.reading import Reading  # noqa: PLC0415 - after the command line has been understood
        from agentdash.feed.shell_status import Target  # noqa: PLC0415

        async with opened(client):
            reading = Reading(client)
            await reading.server()
            workspace = await reading.workspace(owner, name)
            agent = choose(workspace, agent_name)
            target = Target(
                workspace.id,
                agent.key,
                f"{workspace.full_name}.{agent.name}",
                command_of(options.words),
                options.container or "",
                options.container_user or "",
            )
            watch = AgentWatch(reading.workspace, workspace, agent)
            bare = BareShell(client, settings, target, watch)
            return await bare.run(reading.state.server.deployment_id)

    return asyncio.run(serve())


def need_terminal() -> None:
    """Input and output are a terminal.

    Raises:
        CliError: One is not.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CliError(
            "agentdash shell needs a terminal for input and output: a session on an agent's terminal tells neither "
            "where output ends nor an exit status",
            ExitCode.USAGE,
            "Use `coder ssh WORKSPACE -- COMMAND` in scripts and pipes",
        )


def command_of(words: list[str]) -> str:
    """The command line for the agent's shell: one word is a line already, several are quoted."""
    return words[0] if len(words) == 1 else shlex.join(words)


def leave_bytes(leave_key: str) -> tuple[bytes, ...]:
    """What the terminal may send for the leave key, also when a program has changed how keys are told.

    Raises:
        CliError: A bare terminal has no such key.
    """
    name = leave_key.strip().lower()
    char = {"right_square_bracket": "]", "backslash": "\\", "circumflex_accent": "^", "underscore": "_"}.get(
        name.removeprefix("ctrl+"), name.removeprefix("ctrl+")
    )
    if not name.startswith("ctrl+") or len(char) != 1 or not 0x40 <= ord(char.upper()) < 0x60:
        raise CliError(
            f"leave_key {leave_key} cannot be told apart on a bare terminal",
            ExitCode.USAGE,
            "Use ctrl and a letter or one of ] \\ ^ _",
        )
    point = ord(char)
    plain = bytes([ord(char.upper()) & 0x1F])
    return plain, b"\x1b[%d;5u" % point, b"\x1b[27;5;%d~" % point


class AgentWatch:
    """The agent as the server has it now."""

    def __init__(self, read: Callable[[str, str], object], workspace: Workspace, agent: Agent) -> None:
        self._read = read
        self._owner, self._name = workspace.owner_name, workspace.name
        self._agent_name = agent.name
        self._take(workspace)

    def _take(self, workspace: Workspace) -> None:
        found = next((a for a in workspace.agents if a.name == self._agent_name), None)
        is_there = found is not None and found.is_connected and not workspace.agents_are_previous
        self._id = found.id if found is not None and is_there else None

    def agent_id(self) -> str | None:
        """Its id, None while it is not connected."""
        return self._id

    async def run(self) -> None:
        """Ask again and again."""
        from agentdash.api.errors import ApiError  # noqa: PLC0415
        from agentdash.state.model import Workspace  # noqa: PLC0415

        while True:
            await asyncio.sleep(POLL_S if self._id else POLL_LOST_S)
            try:
                found = await self._read(self._owner, self._name)  # type: ignore[misc]
            except ApiError:
                continue  # what was known stays; the session itself notices a cut
            except CliError:
                self._id = None  # deleted
                continue
            if isinstance(found, Workspace):
                self._take(found)


class BareShell:
    """A session on this terminal."""

    def __init__(self, client: Client, settings: Settings, target: Target, watch: AgentWatch) -> None:
        from agentdash.cli.bare_notice import HangingNotice  # noqa: PLC0415
        from agentdash.cli.bare_output import BareOutput  # noqa: PLC0415
        from agentdash.cli.bare_terminal import TerminalWriter, size_of  # noqa: PLC0415
        from agentdash.feed.clock import SystemClock  # noqa: PLC0415
        from agentdash.feed.shell_session import Session  # noqa: PLC0415
        from agentdash.feed.terminal_lines import TerminalLines  # noqa: PLC0415

        self._leave = leave_bytes(settings.leave_key)
        self._leave_key = settings.leave_key
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self._filter = BareOutput(allow_clipboard=settings.terminal.allow_clipboard)
        self._writer = TerminalWriter(self._out)
        self._hanging = HangingNotice(target.label)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._watch = watch
        backend = settings.terminal.backend or "buffered"
        self.session = Session(
            target,
            TerminalLines(client, backend),
            watch.agent_id,
            SystemClock(),
            random.Random(os.urandom(16)),  # noqa: S311 - jitter, not a secret
            face=self,
            size=size_of(self._out),
            is_screen=backend == "screen",
        )
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._told: tuple[object, str] | None = None
        self._noticed = ""
        self._settling: asyncio.TimerHandle | None = None

    async def run(self, deployment_id: str) -> int:
        """Give the terminal away until the end; returns the exit code."""
        from agentdash.cli.bare_terminal import raw_mode  # noqa: PLC0415

        loop = asyncio.get_running_loop()
        session = self.session
        session.on_change = self._changed
        tasks = [
            asyncio.create_task(session.run(), name="shell"),
            asyncio.create_task(self._watch.run(), name="agent"),
        ]
        with raw_mode(self._in) as again:
            for task in tasks:
                task.add_done_callback(self._failed)
            loop.add_reader(self._in, self._read_keys)
            loop.add_signal_handler(signal.SIGWINCH, self._resize_soon)
            loop.add_signal_handler(signal.SIGCONT, self._continued, again)
            for number in SIGNALS:
                loop.add_signal_handler(number, self._end, 128 + number)
            try:
                code = await self._ended
            finally:
                loop.remove_reader(self._in)
                self._writer.write(self._hanging.take() + self._filter.undo())
                self._tell_end()
                for number in (signal.SIGWINCH, signal.SIGCONT, *SIGNALS):
                    loop.remove_signal_handler(number)
                for task in tasks:
                    task.cancel()
                done = await asyncio.gather(*tasks, return_exceptions=True)
                self._writer.close()
        for error in done:
            if isinstance(error, Exception):
                raise error
        await self._remember(deployment_id)
        return code

    def _failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._end(ExitCode.TROUBLE)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)

    async def _remember(self, deployment_id: str) -> None:
        """A shell that was left runs on; the dashboard finds it."""
        from platformdirs import user_state_path  # noqa: PLC0415

        from agentdash.feed.shell_book import Kept, ShellBook  # noqa: PLC0415
        from agentdash.feed.shell_status import ShellState  # noqa: PLC0415

        session = self.session
        if deployment_id and session.has_begun and session.status.state is not ShellState.ENDED:
            folder: Path = user_state_path("agentdash") / "shells"
            kept = Kept(str(session.reconnect), session.target, session.seen_at, "")
            await asyncio.to_thread(ShellBook(folder, deployment_id).keep, [kept], session.seen_at)

    # Keys

    def _read_keys(self) -> None:
        try:
            data = os.read(self._in, 65536)
        except OSError:
            data = b""
        if not data:
            self._end(128 + signal.SIGHUP)
            return
        at = min((found for key in self._leave if (found := data.find(key)) >= 0), default=-1)
        text = self._decoder.decode(data if at < 0 else data[:at])
        if text and not self.session.type(text):
            self._while_down(data)
        if at >= 0:
            self._end(ExitCode.LEFT)

    def _while_down(self, data: bytes) -> None:
        """Nothing is sent later that was typed now: enter tries again, ctrl+c gives up."""
        if CTRL_C in data:
            self._end(ExitCode.INTERRUPTED)
        elif b"\r" in data or b"\n" in data:
            self.session.restart()
        else:
            self._writer.write(b"\x07")

    # Its size

    def _resize_soon(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self._resize)

    def _resize(self) -> None:
        from agentdash.cli.bare_terminal import size_of  # noqa: PLC0415

        self.session.resize(*size_of(self._out))

    def _continued(self, again: Callable[[], None]) -> None:
        """Back from a stop: whoever ran meanwhile has left the terminal in another mode."""
        again()
        self._resize_soon()
        self.session.redraw()

    # What it says

    def _changed(self) -> None:
        from agentdash.feed.shell_status import FINAL, OPEN, ShellState  # noqa: PLC0415

        session = self.session
        told = session.status.state, session.status.sentence or session.advice
        if told == self._told:
            return
        before, self._told = self._told, told
        state, sentence = told
        if state in FINAL:
            self._end(self._code())
        elif state in OPEN:
            if before is not None and before[0] not in OPEN and session.has_returned:
                self._notice("back at the shell")
            self._hang(
                sentence, rings=state is ShellState.SILENT and before is not None and before[0] != state
            )
        elif state is not ShellState.CONNECTING or sentence.startswith("not sent"):
            self._notice(f"{sentence or state} ({self._leave_key} leaves)")

    def _code(self) -> int:
        from agentdash.api import errors  # noqa: PLC0415
        from agentdash.api.terminal import EndKind  # noqa: PLC0415

        session = self.session
        if isinstance(session.error, (errors.NotLoggedIn, errors.Forbidden)):
            return ExitCode.REFUSED
        is_well = session.end is not None and session.end.kind is EndKind.EXITED
        return ExitCode.OK if is_well else ExitCode.TROUBLE

    def _hang(self, text: str, *, rings: bool) -> None:
        """Say what is odd about an open line, or that nothing is, without touching the shell's picture."""
        from agentdash.text import clean  # noqa: PLC0415

        if not text:
            self._writer.write(self._hanging.take())
            return
        words, columns = clean(text, 300), self.session.size[1]
        bell = b"\x07" if rings else b""
        self._writer.write(self._hanging.hang(words, columns, is_alternate=self._filter.is_alternate) + bell)

    def _notice(self, text: str) -> None:
        """A line of ours between those of the shell; one that stands there already is not said again."""
        from agentdash.text import clean  # noqa: PLC0415

        if text == self._noticed:
            return
        self._noticed = text
        line = clean(" ".join(text.split()), 300).encode()
        self._writer.write(self._hanging.take() + b"\x1b[0m\r\n[agentdash: " + line + b"]\r\n")

    def _tell_end(self) -> None:
        from agentdash.feed.shell_status import FINAL  # noqa: PLC0415

        session = self.session
        if session.status.state in FINAL:
            sentence = session.status.sentence.removesuffix(" Enter starts a new one.")
            self._notice(sentence)
        elif session.has_begun:
            self._notice("left; the shell runs on for 5 minutes, and the dashboard's Shells view finds it")
        else:
            self._notice("left")

    # The face of the session

    def begin_again(self) -> None:
        """The session's output comes once more."""
        self._writer.write(self._hanging.take() + self._filter.begin_again())

    def show(self, output: bytes, *, is_replay: bool) -> str:
        """Write it; the terminal answers by itself, as if somebody typed."""
        self._writer.write(self._hanging.take() + self._filter.take(output, is_replay=is_replay))
        if self._writer.is_broken:
            self._end(128 + signal.SIGHUP)
        return ""

    async def drain(self) -> None:
        """Wait for a slow terminal."""
        await self._writer.drain()
