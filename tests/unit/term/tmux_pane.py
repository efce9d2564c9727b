"""A pane of a private tmux server, to compare pictures with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from agentdash.term.style import Style, sgr, style_of

Cell = tuple[str, Style]

# Written bytes are known to be read once the answer to a question behind them is there.
_CHILD = """
import os, sys, termios, tty
tty.setraw(0)
data = open(sys.argv[1], "rb").read() + b"\\x1b\\\\\\x1b[5n"
while data:
    data = data[os.write(1, data[:2048]):]
seen = b""
while not seen.endswith(b"\\x1b[0n"):
    seen += os.read(0, 1)
os.system(sys.argv[2])
while True:
    os.read(0, 4096)
"""


@dataclass
class Picture:
    """What a pane shows."""

    cells: list[list[Cell]]
    cursor: tuple[int, int]
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        return ["".join(text for text, _ in row).rstrip() for row in self.cells]


def cells_of_capture(line: str, code: int, *, acs: bool = False) -> tuple[list[Cell], int]:
    """Cells of a captured line: text and colour sequences; gives also the style at its end."""
    out: list[Cell] = []
    for sequence, shift, char in re.findall("\x1b\\[([0-9;:]*)m|([\x0e\x0f])|([^\x1b])", line):
        if char:
            out.append((char, style_of(code)))
        elif not shift:
            keep, bits = sgr(sequence)
            code = code & keep | bits
    return out, code


class TmuxPane:
    """One window of one session; each `show` starts from a blank screen."""

    FLAGS = ("alternate_on", "insert_flag", "wrap_flag", "origin_flag", "keypad_cursor_flag", "keypad_flag",
             "mouse_standard_flag", "mouse_button_flag", "mouse_all_flag", "mouse_sgr_flag", "cursor_flag")  # fmt: skip

    def __init__(self, folder: Path, columns: int, lines: int) -> None:
        self._folder = folder
        self._socket = folder / "tmux"
        self._env = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "HOME": str(folder)}
        self._env.pop("TMUX", None)
        (folder / "child.py").write_text(_CHILD)
        self._run("new-session", "-d", "-x", str(columns), "-y", str(lines), "sleep 1000")
        self._run("set", "-g", "status", "off")
        self._run("set", "-g", "remain-on-exit", "on")
        self._run("set", "-g", "window-size", "manual")
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def _run(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-S", str(self._socket), "-f", "/dev/null", *arguments]
        done = subprocess.run(command, capture_output=True, env=self._env, check=True, timeout=20)
        return done.stdout.decode()

    def show(self, data: bytes) -> Picture:
        """Write bytes into a blank pane and take its picture."""
        (self._folder / "data").write_bytes(data)
        tmux = shutil.which("tmux")
        signal = f"{tmux} -S {self._socket} wait-for -S done"
        child = f"exec {sys.executable} {self._folder}/child.py {self._folder}/data '{signal}'"
        self._run("clear-history")
        self._run("respawn-pane", "-k", child)
        self._run("wait-for", "done")
        return self.picture()

    def resize(self, columns: int, lines: int) -> Picture:
        """Take another size and the picture then."""
        self._run("resize-window", "-x", str(columns), "-y", str(lines))
        return self.picture()

    def picture(self) -> Picture:
        """What the pane shows now."""
        captured = self._run("capture-pane", "-e", "-p", "-N").split("\n")[:-1]
        wanted = " ".join(f"#{{{flag}}}" for flag in ("cursor_x", "cursor_y", *self.FLAGS))
        x, y, *flags = self._run("display", "-p", wanted).split()
        code, rows = 0, []
        for line in captured:
            cells, code = cells_of_capture(line, code)
            rows.append(cells)
        return Picture(rows, (int(x), int(y)), dict(zip(self.FLAGS, flags, strict=True)))

    def close(self) -> None:
        """End the server."""
        self._run("kill-server")
