"""Starting the embedded deployment as a child process, its address and token handed over privately.

The child gets a pipe by number, writes one JSON line `{"url": …, "token": …}` and closes it: nothing is on a
command line, in the environment or on disk. The child's standard input is held open by the parent; when the
parent ends, for whatever reason, the child reads end-of-file and ends with everything it started.
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from agentdash.local.auth import Token

HANDOVER_FLAG = "--handover-fd"
CHILD_COMMAND = (sys.executable, "-m", "agentdash", "local")
START_TIMEOUT_S = 20.0
END_TIMEOUT_S = 8.0
_MAX_LINE = 4096


class HandoverError(Exception):
    """The child did not start: it ended, or said nothing in time. `detail` is the end of its error output."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Handover:
    """Where the deployment answers, and the token that opens it."""

    url: str
    token: Token


class LocalChild:
    """A running child; `end` it, or let it end with this process."""

    def __init__(self, process: subprocess.Popen[bytes], handover_fd: int, errors: IO[bytes]) -> None:
        self.process = process
        self._handover_fd = handover_fd
        self._errors = errors

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    async def handover(self, timeout_s: float = START_TIMEOUT_S) -> Handover:
        """Address and token, once the child listens. Call once.

        Raises:
            HandoverError: See there.
        """
        return await asyncio.to_thread(self.wait_handover, timeout_s)

    def wait_handover(self, timeout_s: float = START_TIMEOUT_S) -> Handover:
        """`handover` for callers without an event loop."""
        try:
            line = _read_line(self._handover_fd, timeout_s)
        finally:
            os.close(self._handover_fd)
            self._handover_fd = -1
        if not line:
            self._stop()
            raise HandoverError("the embedded deployment did not start", self._error_tail())
        told = json.loads(line)
        return Handover(told["url"], Token(told["token"]))

    def end(self, timeout_s: float = END_TIMEOUT_S) -> int:
        """End the child in order, by force after `timeout_s` seconds; returns its exit code. May be repeated."""
        if self._handover_fd >= 0:
            os.close(self._handover_fd)
            self._handover_fd = -1
        code = self._stop(timeout_s)
        self._errors.close()
        return code

    def _stop(self, timeout_s: float = END_TIMEOUT_S) -> int:
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _error_tail(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-_MAX_LINE:]


def spawn_child(command: Sequence[str] = CHILD_COMMAND) -> LocalChild:
    """Start `python -m agentdash local --handover-fd N` and return at once.

    Args:
        command: Another program that hands over in the same way; the flag and the number are appended.

    Raises:
        OSError: The interpreter cannot be started.
    """
    read_fd, write_fd = os.pipe()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
    try:
        process = subprocess.Popen(
            [*command, HANDOVER_FLAG, str(write_fd)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(write_fd,),
            # Ctrl-C in the terminal is the parent's business; the child ends when the parent says so.
            start_new_session=True,
        )
    except BaseException:
        os.close(read_fd)
        errors.close()
        raise
    finally:
        os.close(write_fd)
    return LocalChild(process, read_fd, errors)


def write_handover(fd: int, url: str, token: Token) -> None:
    """The child's side: tell address and token on `fd` and close it."""
    with os.fdopen(fd, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps({"url": url, "token": token.reveal()}) + "\n")


def write_token_file(path: Path, token: Token) -> None:
    """Write the token to a new file that only its owner may read.

    Raises:
        FileExistsError: Something is there already; it is not touched.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(token.reveal() + "\n")


def _read_line(fd: int, timeout_s: float) -> bytes:
    deadline = time.monotonic() + timeout_s
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return b""
            piece = os.read(fd, _MAX_LINE)
            if not piece:
                return b""
            line += piece
    return line
