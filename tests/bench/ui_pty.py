"""A program in a pseudo terminal, watched from outside: what the ui_* benches share."""

from __future__ import annotations

import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path


class Terminal:
    """The outer end of a pty."""

    def __init__(self, descriptor: int, pid: int) -> None:
        self.descriptor = descriptor
        self.pid = pid

    def read(self, wait_s: float, *, quiet_s: float = 0.02) -> bytes:
        """What is written within a time; ends early at a silence after something came (never, if `quiet_s` is 0)."""
        seen, until = b"", time.perf_counter() + wait_s
        while (left := until - time.perf_counter()) > 0:
            wait = min(left, quiet_s) if seen and quiet_s else left
            if select.select([self.descriptor], [], [], wait)[0]:
                seen += os.read(self.descriptor, 1 << 20)
            elif seen and quiet_s:
                break
        return seen

    def wait_for(self, text: bytes, wait_s: float = 20.0) -> None:
        """Read until a text was written."""
        seen, until = b"", time.perf_counter() + wait_s
        while text not in seen:
            if time.perf_counter() > until:
                raise TimeoutError(text)
            seen = seen[-64:] + self.read(0.5)

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self.descriptor, keys)

    def cpu_s(self) -> float:
        """Processor seconds of the program so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def key_times(self, key: bytes, count: int, is_answer: Callable[[bytes], bool]) -> list[float]:
        """Milliseconds from a key to the first write that answers it, sorted."""
        times = []
        for number in range(count):
            while select.select([self.descriptor], [], [], 0)[0]:
                os.read(self.descriptor, 1 << 20)
            began = time.perf_counter()
            self.send(key)
            answer = b""
            while not is_answer(answer) and time.perf_counter() - began < 1.5:
                if select.select([self.descriptor], [], [], 0.5)[0]:
                    answer += os.read(self.descriptor, 1 << 20)
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.03 + 0.001 * (number % 17))
        return sorted(times)


def spread(times: list[float]) -> str:
    """Median, 95th percentile and worst of sorted times."""
    p95 = times[int(len(times) * 0.95)]
    return f"median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms, worst {times[-1]:.1f} ms"


@contextmanager
def running(script: str, *arguments: str, columns: int = 120, lines: int = 50) -> Iterator[Terminal]:
    """Run a script with `--inside` and arguments in a terminal of a size."""
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, script, "--inside", *arguments]
    process = subprocess.Popen(
        command, stdin=inner, stdout=inner, stderr=inner, env=env, start_new_session=True
    )
    os.close(inner)
    try:
        yield Terminal(outer, process.pid)
    finally:
        process.kill()
        process.wait()
        os.close(outer)
