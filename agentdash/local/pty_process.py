"""A real program on a real pseudo terminal, driven from the event loop (contract: pty.md §9.3)."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psutil

from agentdash.local.processes import end_session, session_processes

MAX_MESSAGE = 32768
_READ_SIZE = MAX_MESSAGE
_LAST_READS = 64

# The child must own the terminal, which needs an ioctl between setsid and exec; `preexec_fn` is not safe once
# threads exist, so a tiny program does it. Python ignores SIGPIPE and SIGXFSZ, and ignored signals survive exec.
_LAUNCHER = """
import fcntl, os, signal, sys, termios
for name in ("SIGPIPE", "SIGXFSZ"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
try:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.execvp(sys.argv[1], sys.argv[1:])
except OSError:
    os._exit(127)
"""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: arguments, environment, working directory."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: str


def shell_argv(shell: str, command: str) -> list[str]:
    """Arguments for a `command` as the agent runs it; "" = a login shell (contract: pty.md §9.3)."""
    if not command:
        return [shell, "-l"]
    if command.startswith("#!"):
        interpreter = command[2:].partition("\n")[0].split()
        if interpreter:
            return [*interpreter, "-c", command]
    return [shell, "-c", command]


class PtyProcess:
    """A program on a terminal. Output goes to `on_output` in pieces of up to 32 KiB until `on_exit`."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master = master
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._on_output: Callable[[bytes], None] = _ignore
        self._on_exit: Callable[[], None] = _nothing
        self._watcher: asyncio.Task[None] | None = None
        self._is_reading = False
        self._is_open = True
        self._is_at_end = False
        self._write_lock = asyncio.Lock()
        self._can_write = asyncio.Event()

    @classmethod
    async def start(cls, program: Program, rows: int, columns: int) -> PtyProcess:
        """Start a program on a new terminal of that size.

        Raises:
            OSError: No terminal is left, or the directory does not exist.
        """
        master, slave = os.openpty()
        try:
            _set_size(master, rows, columns)
            os.set_blocking(master, False)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", "-c", _LAUNCHER),
                *program.argv,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=dict(program.environment),
                cwd=program.directory,
                start_new_session=True,
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return cls(master, process)

    @property
    def pid(self) -> int:
        """Process id, at the same time the id of its session."""
        return self._process.pid

    def connect(self, on_output: Callable[[bytes], None], on_exit: Callable[[], None]) -> None:
        """Begin to read; call once."""
        self._on_output, self._on_exit = on_output, on_exit
        self._watcher = asyncio.create_task(self._watch(), name=f"pty {self.pid}")
        self.resume()

    def pause(self) -> None:
        """Stop reading: the program blocks once the terminal's buffer is full."""
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._master)

    def resume(self) -> None:
        """Read again."""
        if self._is_open and not self._is_at_end and not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._master, self._read)

    async def write(self, data: bytes) -> None:
        """Type `data`; waits while the program does not read its input."""
        async with self._write_lock:
            view = memoryview(data)
            while view and self._is_open:
                try:
                    view = view[os.write(self._master, view) :]
                except BlockingIOError:
                    await self._writable()
                except OSError:
                    return

    def resize(self, rows: int, columns: int) -> None:
        """Set the size in cells; the program gets SIGWINCH when it changed. Failure is ignored (pty.md §8)."""
        if self._is_open:
            with contextlib.suppress(OSError):
                _set_size(self._master, rows, columns)

    async def end(self) -> None:
        """End the program and its whole family; `on_exit` is not called any more."""
        self._on_exit = _nothing
        self._close_master()
        if self._process.returncode is None:
            await end_session(self.pid)
            await self._process.wait()
        if self._watcher is not None:
            await self._watcher

    async def leave(self) -> list[psutil.Process]:
        """Close the terminal of a program that has exited; returns what it left running in the background."""
        self._close_master()
        return await asyncio.to_thread(session_processes, self.pid)

    async def _watch(self) -> None:
        await self._process.wait()
        self.pause()
        # Bounded, because a background job may go on printing; the terminal's own buffer is far smaller.
        for _ in range(_LAST_READS):
            if not self._read_once():
                break
        self._on_exit()

    def _read(self) -> None:
        self._read_once()

    def _read_once(self) -> bool:
        if not self._is_open or self._is_at_end:
            return False
        try:
            data = os.read(self._master, _READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            # Linux reports EIO once the last process has closed the terminal.
            data = b""
        if not data:
            self._is_at_end = True
            self.pause()
            return False
        self._on_output(data)
        return True

    async def _writable(self) -> None:
        self._can_write.clear()
        self._loop.add_writer(self._master, self._can_write.set)
        try:
            await self._can_write.wait()
        finally:
            if self._is_open:
                self._loop.remove_writer(self._master)

    def _close_master(self) -> None:
        if self._is_open:
            self.pause()
            self._loop.remove_writer(self._master)
            self._is_open = False
            os.close(self._master)
            self._can_write.set()


def _set_size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows & 0xFFFF, columns & 0xFFFF, 0, 0))


def _ignore(data: bytes) -> None:
    del data


def _nothing() -> None:
    return
