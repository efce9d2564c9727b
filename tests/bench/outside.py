"""A program in a pseudo terminal, measured from outside: every write is kept with its time.

The instrument answers the questions a modern terminal answers, types keys and reads /proc; it knows nothing of the
program. Linux only.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

COLUMNS, LINES = 120, 36
now = time.perf_counter

_ANSWERS: tuple[tuple[re.Pattern[bytes], bytes], ...] = (
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[>0?c"), b"\x1b[>41;380;0c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[\?(?:25|1000|1006|1049|2004|2026)\$p"), b"\x1b[?2026;2$y"),
)
"""What the terminal is asked, and what it says; the last one promises synchronized output (mode 2026)."""
ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|[\x00-\x1f\x7f]", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a program and its children have used: processor seconds so far, megabytes now (PSS)."""

    cpu_s: float
    memory_mb: float


class Program:
    """The outer end of the terminal a program runs in."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes], started: float) -> None:
        self.descriptor = descriptor
        self.process = process
        self.started = started
        self.writes: list[tuple[float, bytes]] = []
        self._asked = b""

    def send(self, keys: bytes) -> float:
        """Type; returns the moment."""
        os.write(self.descriptor, keys)
        return now()

    def read(self, wait_s: float) -> bytes:
        """Read what is written within a time."""
        first, until = len(self.writes), now() + wait_s
        while self._read_once(until - now()):
            pass
        return self.since(first)

    def since(self, number: int) -> bytes:
        """All that was written from a write on."""
        return b"".join(data for _, data in self.writes[number:])

    def read_until(self, is_enough: Callable[[bytes], bool], wait_s: float = 30.0) -> float | None:
        """Read until what was written from now on is enough; returns the moment, None when it was not in time."""
        first, until = len(self.writes), now() + wait_s
        seen = b""
        while self._read_once(until - now()):
            if len(self.writes) > first:
                seen += self.since(first)
                first = len(self.writes)
                if is_enough(seen):
                    return self.writes[-1][0]
        return None

    def wait_for(self, text: str | bytes, wait_s: float = 30.0) -> float:
        """The moment at which a text was written in one piece from now on.

        Raises:
            TimeoutError: It was not.
        """
        wanted = text.encode() if isinstance(text, str) else text
        moment = self.read_until(lambda seen: wanted in ESCAPES.sub(b"", seen), wait_s)
        if moment is None:
            said = ESCAPES.sub(b" ", self.since(0)[-2000:]).decode("utf-8", "replace")
            raise TimeoutError(f"{text!r} was not drawn, but: {' '.join(said.split())[-400:]}")
        return moment

    def settle(self, quiet_s: float = 0.5, limit_s: float = 20.0) -> None:
        """Read until nothing has been written for a while."""
        until = now() + limit_s
        while self._read_once(min(quiet_s, until - now())) and now() < until:
            before = len(self.writes)
            self.read(quiet_s)
            if len(self.writes) == before:
                return

    def _read_once(self, wait_s: float) -> bool:
        """One write, if one comes in time; False when time is over or the program has ended."""
        if wait_s <= 0 or not select.select([self.descriptor], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self.descriptor, 1 << 20)
        except OSError:
            return False
        self.writes.append((now(), data))
        self._answer(data)
        return bool(data)

    def _answer(self, data: bytes) -> None:
        asked = self._asked + data
        end = 0
        for pattern, reply in _ANSWERS:
            for found in pattern.finditer(asked):
                os.write(self.descriptor, reply)
                end = max(end, found.end())
        self._asked = asked[max(end, len(asked) - 16) :]

    def usage(self) -> Usage:
        """Of the program and all its children."""
        cpu_s, memory_kb = 0.0, 0
        for pid in _tree(self.process.pid):
            with suppress(OSError):
                cpu_s += _cpu_s(pid)
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                memory_kb += sum(
                    int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
                )
        return Usage(cpu_s, memory_kb / 1024)

    def own_cpu_s(self) -> float:
        """Processor seconds of the program alone."""
        return _cpu_s(self.process.pid)

    def queued_s(self, *, with_children: bool = False) -> float:
        """Seconds its threads could have run and had no processor: what neighbours on the machine cost it."""
        queued_ns = 0
        for pid in _tree(self.process.pid) if with_children else [self.process.pid]:
            with suppress(OSError):
                queued_ns += sum(int(line.split()[1]) for line in _schedules(pid))
        return queued_ns / 1e9


def _cpu_s(pid: int) -> float:
    return sum(int(line.split()[0]) for line in _schedules(pid)) / 1e9


def _schedules(pid: int) -> list[str]:
    return [(task / "schedstat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def shown(data: bytes) -> int:
    """How many characters that can be seen are in what was written."""
    return len(ESCAPES.sub(b"", data).decode("utf-8", "ignore").replace(" ", ""))


@contextmanager
def running(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    size: tuple[int, int] = (COLUMNS, LINES),
) -> Iterator[Program]:
    """Run a program in a terminal, with a home of its own and nothing of Coder in its environment."""
    home = tempfile.mkdtemp(prefix="agentdash-bench-")
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    own = {k: v for k, v in os.environ.items() if not k.startswith(("CODER_", "AGENTDASH_", "XDG_", "TMUX"))}
    own |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "HOME": home}
    own.pop("NO_COLOR", None)
    started = now()
    process = subprocess.Popen(
        command,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=own | dict(env or {}),
        pass_fds=pass_fds,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - no thread runs yet; tmux wants its own terminal
    )
    os.close(inner)
    try:
        yield Program(outer, process, started)
    finally:
        # Hanging up, not killing: a program with children of its own then ends them.
        process.send_signal(signal.SIGHUP)
        _drain_until_end(outer, process)
        os.close(outer)
        shutil.rmtree(home, ignore_errors=True)


def _take_terminal() -> None:
    ioctl(0, termios.TIOCSCTTY, 0)


def _drain_until_end(outer: int, process: subprocess.Popen[bytes]) -> None:
    until = now() + 5
    while process.poll() is None and now() < until:
        if select.select([outer], [], [], 0.05)[0]:
            with suppress(OSError):
                os.read(outer, 1 << 20)
    if process.poll() is None:
        process.kill()
    process.wait()


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours."""
    return [sys.executable, "-m", name, *arguments]
