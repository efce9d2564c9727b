"""The whole program on a real terminal: it comes up without any configuration, and leaves the terminal as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
LIMIT_S = 90.0


class OnTerminal:
    """A process on a terminal of its own, 120×36."""

    def __init__(self, home: Path, **more: str) -> None:
        self._fd, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.before = termios.tcgetattr(self._fd)
        environ = {"HOME": str(home), "TERM": "xterm-256color", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        environ |= more
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agentdash", "--log-file", str(home / "log")],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environ,
            cwd=home,
            start_new_session=True,
        )
        os.close(inner)
        self.seen = b""

    def read_until(self, wanted: bytes) -> None:
        """Read until this has been written."""
        deadline = time.monotonic() + LIMIT_S
        while wanted not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} did not come; last: {self.seen[-2000:]!r}"
            if not select.select([self._fd], [], [], left)[0]:
                continue
            try:
                piece = os.read(self._fd, 65536)
            except OSError:  # the other end has closed
                piece = b""
            assert piece, f"ended before {wanted!r}; last: {self.seen[-2000:]!r}"
            self.seen += piece

    def type(self, text: bytes) -> None:
        os.write(self._fd, text)

    def is_restored(self) -> bool:
        return termios.tcgetattr(self._fd)[:4] == self.before[:4]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._fd)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[OnTerminal]:
    """The program without any configuration."""
    running = OnTerminal(tmp_path)
    yield running
    running.close()


@pytest.mark.timeout(240)
def test_it_shows_this_machine_and_leaves_with_q(program: OnTerminal, tmp_path: Path) -> None:
    program.read_until(ENTER)
    program.read_until(b"this machine")
    program.read_until(b"Install tools exit 127")
    program.type(b"q")
    program.read_until(LEAVE)
    assert program.process.wait(30) == 0
    assert program.is_restored()
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.timeout(240)
def test_a_signal_ends_it_with_its_number_and_the_terminal_restored(program: OnTerminal) -> None:
    program.read_until(b"Fleet")
    program.process.send_signal(signal.SIGTERM)
    program.read_until(LEAVE)
    assert program.process.wait(30) == 128 + signal.SIGTERM
    assert program.is_restored()


@pytest.mark.timeout(240)
def test_no_color_sends_no_colour_at_all(tmp_path: Path) -> None:
    program = OnTerminal(tmp_path, NO_COLOR="1")
    try:
        program.read_until(b"Install tools exit 127")
        program.type(b"R")
        program.read_until(b"last used")
        program.type(b"\r")
        program.read_until(b"nothing was done")
        program.type(b"q")
        program.read_until(LEAVE)
        codes = {
            code for codes in re.findall(rb"\x1b\[([0-9;:]*)m", program.seen) for code in codes.split(b";")
        }
        assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"9"}
        assert {b"1", b"2", b"7"} <= codes
    finally:
        program.close()
