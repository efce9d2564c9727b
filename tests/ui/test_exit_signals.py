from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import sys
from textual.app import App
from agentdash.ui.exit_signals import restore_on_signals

class Stays(App):
    def on_mount(self):
        restore_on_signals(self)
    def on_ready(self):
        self._driver.write("READY")
        self._driver.flush()

app = Stays()
app.run()
sys.exit(app.return_code)
"""


TALKS = """
import sys
from textual.app import App
from agentdash.ui.driver import TerminalDriver

class Talks(App):
    def on_ready(self):
        self._driver.write("READY")
        self._driver.flush()
        self.set_interval(0.01, self.talk)
    def talk(self):
        for _ in range(50):
            self._driver.write("x" * 2000)

app = Talks(driver_class=TerminalDriver)
app.run()
sys.exit(app.return_code)
"""


def read_until(descriptor: int, wanted: bytes, deadline_s: float = 20.0) -> bytes:
    """Read a terminal until something was written, or the program is gone."""
    seen = b""
    until = time.monotonic() + deadline_s
    while wanted not in seen and time.monotonic() < until:
        if not select.select([descriptor], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(descriptor, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    return seen


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"])
def test_a_signal_ends_the_program_with_the_terminal_restored(name: str) -> None:
    number = signal.Signals[name]
    outer, inner = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=env,
        start_new_session=True,
    )
    os.close(inner)
    try:
        assert b"READY" in read_until(outer, b"READY")
        process.send_signal(number)
        rest = read_until(outer, b"no such text")
        assert process.wait(20) == 128 + number
        assert b"\x1b[?1049l" in rest, "the alternate screen is left"
        assert b"\x1b[?25h" in rest, "the cursor is shown"
        assert b"Traceback" not in rest
    finally:
        process.kill()
        process.wait()
        os.close(outer)


def test_a_terminal_that_vanishes_ends_the_program_that_goes_on_writing() -> None:
    outer, inner = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", TALKS],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=env,
        start_new_session=True,
    )
    os.close(inner)
    try:
        assert b"READY" in read_until(outer, b"READY")
        os.close(outer)
        assert process.wait(timeout=30) == 129
    finally:
        process.kill()
        process.wait()
