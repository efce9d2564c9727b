"""Standard input, or a file, as it comes: read by a thread that nobody has to wait for at the end."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from agentdash.cli.output import CliError, ExitCode

_CHUNK = 64 * 1024
_AHEAD = 4


@contextmanager
def opened_input(name: str) -> Iterator[int]:
    """The descriptor of a file, or of standard input for `-`.

    Raises:
        CliError: It cannot be read.
    """
    if name == "-":
        yield sys.stdin.fileno()
        return
    try:
        fd = os.open(name, os.O_RDONLY)
    except OSError as error:
        raise CliError(f"{name} cannot be read: {error.strerror}", ExitCode.USAGE) from None
    try:
        yield fd
    finally:
        os.close(fd)


async def chunks_of(fd: int) -> AsyncIterator[bytes]:
    """What can be read, at once as it comes; at last an empty piece.

    The reader is a daemon: a read of a terminal or pipe that never returns must not hold up the program's end.
    It reads ahead a little; then whoever writes the pipe has to wait.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(_AHEAD)

    def read() -> None:
        while True:
            room.acquire()
            try:
                chunk: bytes | OSError = os.read(fd, _CHUNK)
            except OSError as error:
                chunk = error
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            if not chunk or isinstance(chunk, OSError):
                return

    threading.Thread(target=read, name="input", daemon=True).start()
    while True:
        chunk = await chunks.get()
        room.release()
        if isinstance(chunk, OSError):
            raise CliError(f"the input cannot be read: {chunk.strerror}")
        yield chunk
        if not chunk:
            return
