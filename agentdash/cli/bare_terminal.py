"""The terminal this program runs on, given to a remote shell whole: raw mode, its size, and back to what it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

READ_SIZE = 65536
WAITING = 256 * 1024
"""Bytes that may wait for a slow terminal before no more are taken."""
JOIN_S = 2.0


@contextmanager
def raw_mode(fd: int) -> Iterator[Callable[[], None]]:
    """Every key as it is, without echo; restored however this ends. Gives what makes it raw again after a stop."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSANOW)
        yield lambda: tty.setraw(fd, termios.TCSANOW)
    finally:
        # A terminal that has gone has nothing to restore.
        with contextlib.suppress(termios.error):
            # Answers to what programs asked would be read by the shell that comes after us.
            termios.tcflush(fd, termios.TCIFLUSH)
            termios.tcsetattr(fd, termios.TCSANOW, before)


def size_of(fd: int) -> tuple[int, int]:
    """(rows, columns) of a terminal; one that does not know is taken for 24×80."""
    try:
        columns, rows = os.get_terminal_size(fd)
    except OSError:
        rows = columns = 0
    return rows or 24, columns or 80


class TerminalWriter:
    """Writes to a terminal in a thread of its own: a slow one holds up neither keys nor the connection.

    Must be made on a running loop.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.is_broken = False
        """The terminal has gone."""
        self._thread = threading.Thread(target=self._run, name="terminal-writer", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Write soon."""
        if not data or self.is_broken:
            return
        self._waiting += len(data)
        if self._waiting > WAITING:
            self._has_room.clear()
        self._queue.put(data)

    async def drain(self) -> None:
        """Wait for room."""
        await asyncio.sleep(0)
        await self._has_room.wait()

    def close(self) -> None:
        """End; what waits is still written, unless the terminal takes nothing for seconds."""
        self._queue.put(None)
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                self.is_broken = True
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._written, len(data))

    def _written(self, count: int) -> None:
        self._waiting -= count
        if self._waiting <= WAITING // 2 or self.is_broken:
            self._has_room.set()
