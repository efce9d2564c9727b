"""Runs one agent script for real and tells its lines and its result (contract: agents.md §2.5, §3.2)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from agentdash.local.clock import Clock
from agentdash.local.processes import end_session, session_processes
from agentdash.local.pty_process import shell_argv
from agentdash.local.waiting import first_of

PIPES_OPEN_S = 10.0
NO_EXIT_CODE = 255
_READ_SIZE = 65536
_LONGEST_LINE = 65536
_PIPES_WARNING = (
    "WARNING: script exited successfully, but output pipes were not closed after {seconds:.0f}s. "
    "This usually means a child process was started with references to stdout or stderr."
)

OnLine = Callable[[str, str], None]
"""Called with (level, text) for each line: `info` from stdout, `error` from stderr."""


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """Result of one run. `status` is `ok`, `exit_failure`, `timed_out` or `pipes_left_open`."""

    started_at: datetime
    ended_at: datetime
    exit_code: int
    status: str


@dataclass(frozen=True, slots=True)
class ScriptRoom:
    """Where scripts run: a directory of their own, a shell, and what they may see."""

    shell: str
    directory: Path
    environment: Mapping[str, str]
    pipes_open_s: float = PIPES_OPEN_S


class ScriptRunner:
    """Runs scripts in sessions of their own and remembers what they leave behind."""

    def __init__(self, room: ScriptRoom, clock: Clock) -> None:
        self._room = room
        self._clock = clock
        self.leftovers: list[psutil.Process] = []

    async def run(self, text: str, timeout_s: float, on_line: OnLine) -> ScriptRun:
        """Run a script to its end; cancelling ends it with all its children."""
        started = self._clock.now()
        out, err = _Pipe("info", on_line), _Pipe("error", on_line)
        try:
            process = await self._spawn(text, out, err)
        except OSError as error:
            out.close()
            err.close()
            on_line("error", f"run script: {error.strerror}")
            return ScriptRun(started, self._clock.now(), NO_EXIT_CODE, "exit_failure")
        try:
            exit_code, status = await self._finish(process, timeout_s, (out, err), on_line)
            self.leftovers += await asyncio.to_thread(session_processes, process.pid)
        except asyncio.CancelledError:
            # The script itself may have ended already and left children behind that nobody has noted yet.
            await asyncio.shield(_kill(process))
            raise
        finally:
            out.close()
            err.close()
        return ScriptRun(started, self._clock.now(), exit_code, status)

    async def _spawn(self, text: str, out: _Pipe, err: _Pipe) -> asyncio.subprocess.Process:
        with out.writer() as stdout, err.writer() as stderr:
            return await asyncio.create_subprocess_exec(
                *shell_argv(self._room.shell, text),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=dict(self._room.environment),
                cwd=self._room.directory,
                start_new_session=True,
            )

    async def _finish(
        self,
        process: asyncio.subprocess.Process,
        timeout_s: float,
        pipes: tuple[_Pipe, _Pipe],
        on_line: OnLine,
    ) -> tuple[int, str]:
        try:
            await self._within(process.wait(), timeout_s)
        except TimeoutError:
            await _kill(process)
            return NO_EXIT_CODE, "timed_out"
        try:
            await self._within(
                asyncio.gather(*(pipe.closed.wait() for pipe in pipes)), self._room.pipes_open_s
            )
        except TimeoutError:
            on_line("error", _PIPES_WARNING.format(seconds=self._room.pipes_open_s))
            return NO_EXIT_CODE, "pipes_left_open"
        code = process.returncode if process.returncode is not None else NO_EXIT_CODE
        if code < 0:
            return -1, "exit_failure"
        return code, "ok" if code == 0 else "exit_failure"

    async def _within(self, work: Awaitable[object], limit_s: float) -> None:
        """Wait for `work`, at most `limit_s` seconds of the clock; 0 = without limit.

        Raises:
            TimeoutError: The time was up first.
        """
        limit = (self._clock.sleep(limit_s),) if limit_s > 0 else ()
        if not (await first_of(work, *limit))[0]:
            raise TimeoutError


class _Pipe:
    """The reading end of a script's output, split into lines."""

    def __init__(self, level: str, on_line: OnLine) -> None:
        self.closed = asyncio.Event()
        self._level = level
        self._on_line = on_line
        self._reader, self._writer = os.pipe()
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._reader, False)
        self._loop.add_reader(self._reader, self._read)

    @contextlib.contextmanager
    def writer(self) -> Iterator[int]:
        """The writing end, for the child; ours is closed on the way out."""
        try:
            yield self._writer
        finally:
            os.close(self._writer)
            self._writer = -1

    def close(self) -> None:
        """Stop reading; whoever still writes will get SIGPIPE."""
        if self._reader >= 0:
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1
            if self._rest:
                self._tell(self._rest)
                self._rest = b""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1
        self.closed.set()

    def _read(self) -> None:
        try:
            data = os.read(self._reader, _READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._tell(line)
        if len(self._rest) > _LONGEST_LINE:
            self._tell(self._rest)
            self._rest = b""

    def _tell(self, line: bytes) -> None:
        self._on_line(self._level, line.removesuffix(b"\r").decode(errors="replace"))


async def _kill(process: asyncio.subprocess.Process) -> None:
    await end_session(process.pid)
    await process.wait()
