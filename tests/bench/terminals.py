"""The same script in terminals of 120x36: the dashboard's pane, our widget alone, tmux, and nothing between.

A script says `GO-ON` when it is ready to be measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from agentdash.local.host_records import _workspace_name
from tests.bench.first_paint import COMMAND
from tests.bench.outside import Program, module, running

Way = Callable[[str], AbstractContextManager[Program]]
PANE, WIDGET, TMUX, BARE = "the dashboard's pane", "the widget alone", "tmux", "bare"


def ways() -> dict[str, Way]:
    """Opens a shell script in each terminal there is."""
    found: dict[str, Way] = {PANE: _pane, WIDGET: _widget}
    if shutil.which("tmux"):
        found[TMUX] = _tmux
    found[BARE] = _bare
    return found


@contextmanager
def _ready(command: Sequence[str]) -> Iterator[Program]:
    with running(command) as program:
        program.wait_for("GO-ON")
        program.settle(0.5, 3)
        yield program


def _bare(script: str) -> AbstractContextManager[Program]:
    return _ready(("/bin/sh", script))


def _widget(script: str) -> AbstractContextManager[Program]:
    return _ready(module("tests.bench.inside", "terminal", script))


@contextmanager
def _tmux(script: str) -> Iterator[Program]:
    socket = f"agentdash-bench-{os.getpid()}"
    tmux = ("tmux", "-L", socket, "-f", "/dev/null")
    try:
        with _ready((*tmux, "new-session", f"/bin/sh {script}")) as program:
            yield program
    finally:
        subprocess.run((*tmux, "kill-server"), check=False, capture_output=True)


@contextmanager
def _pane(script: str) -> Iterator[Program]:
    host = _workspace_name()
    with running((COMMAND,), env={"SHELL": "/bin/sh"}) as program:
        program.wait_for("start_error")
        program.settle(0.7, 4)
        for keys in (b":", f"open {host}\r".encode(), b"6", b"z", b"\r"):
            program.send(keys)
            program.settle(0.7, 3)
        program.send(f"sh {script}\r".encode())
        program.wait_for("GO-ON")
        program.settle(0.7, 3)
        yield program
