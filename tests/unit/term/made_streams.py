"""Random output that a terminal of 20 by 6 must show like others do: what is in dispute is left out."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from pathlib import Path

from agentdash.term.emulator import Emulator

COLUMNS, LINES = 20, 6
LOOKS = ("0", "1", "2", "3", "4", "7", "9", "22", "27", "39", "49", "31", "42", "97", "105", "38;5;200", "48;5;17",
         "38;2;1;2;3", "48;2;250;128;7", "4:3", "38:2::9:8:7", "38:5:99")  # fmt: skip
MODES = ("\x1b[?6h", "\x1b[?6l", "\x1b[?7l", "\x1b[?7h", "\x1b[4h", "\x1b[4l", "\x1b[?25l", "\x1b[?1h", "\x1b=",
         "\x1b[?1002h", "\x1b[?1006h")  # fmt: skip
OTHERS = ("\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bM", "\t", "\x1bH", "\x1b[g", "\x1b[3g", "\n", "\x1b]0;t\x07",
          "\x1bPx\x1b\\", "\x1b[r")  # fmt: skip


class Maker:
    """Makes a stream and plays it at once, to keep out of the places where terminals differ."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._emulator = Emulator(COLUMNS, LINES)
        self._parts: list[str] = []
        self._saved_by = ""
        """What used the main screen's slot for a saved cursor last: 1049 or DECSC."""

    def _put(self, part: str) -> None:
        self._parts.append(part)
        self._emulator.feed(part.encode())

    def _number(self, most: int = 8) -> str:
        return self._rng.choice(("", str(self._rng.randint(1, most))))

    def stream(self, tokens: int) -> bytes:
        """So many tokens of text, colours, movement, editing, modes."""
        for _ in range(tokens):
            self._token()
        return "".join(self._parts).encode()

    def _token(self) -> None:
        rng, emulator = self._rng, self._emulator
        is_pending = emulator.cursor.x >= COLUMNS  # what an edit or a step back does then is in dispute
        kind = rng.random()
        if kind < 0.35 or (is_pending and kind < 0.7):
            self._text(rng.choice(("a", "hello", "world wide", "xyz" * 4, "─│", "é", "  ", "Ж")))
        elif kind < 0.45 or is_pending:
            self._put(rng.choice(("\r\n", "\r\n", "\r")))
        elif kind < 0.55:
            self._put(f"\x1b[{';'.join(rng.choice(LOOKS) for _ in range(rng.randint(0, 3)))}m")
        elif kind < 0.62:
            self._put(f"\x1b[{self._number(7)};{self._number(22)}H")
        elif kind < 0.82:
            self._edit()
        elif kind < 0.86:
            top = rng.randint(1, 5)
            if not emulator.modes.origin:
                self._put(f"\x1b[{top};{rng.randint(top + 1, 6)}r")
        elif kind < 0.9:
            self._put(rng.choice(MODES))
        elif kind < 0.93:
            self._switch(rng.choice(("\x1b[?1049h", "\x1b[?1049l")))
        elif emulator.cursor.x:
            self._other(rng.choice((*OTHERS, "\b")))

    def _text(self, text: str) -> None:
        emulator = self._emulator
        if emulator.cursor.x + len(text) > COLUMNS:
            if emulator.modes.insert:
                text = "\r\n"  # for which line room is made is in dispute
            elif emulator.cursor.y == emulator.bottom:
                self._put("\x1b[49m")  # and so is the colour of the line that a wrap scrolls in
        self._put(text)

    def _switch(self, part: str) -> None:
        is_main = self._emulator.behind is None
        if is_main and part.endswith("l") and self._saved_by == "DECSC":
            return  # tmux has another slot for each
        if is_main and part.endswith("h"):
            self._saved_by = "1049"
        self._put("\x1b[?6l")  # whether it is kept with the cursor is in dispute
        self._put(part)

    def _other(self, part: str) -> None:
        is_main = self._emulator.behind is None
        if part == "\x1b8" and (not is_main or self._saved_by == "1049"):
            return  # which slot is read is in dispute
        if part == "\x1b7" and is_main:
            self._saved_by = "DECSC"
        self._put(part)

    def _edit(self) -> None:
        final = self._rng.choice("@ABCDEFGJKLMPSTXd")
        if final in "JK":
            self._put(f"\x1b[{self._rng.choice(('', '0', '1', '2'))}{final}")
        elif final not in "LM":
            self._put(f"\x1b[{self._number()}{final}")
        elif self._emulator.top <= self._emulator.cursor.y <= self._emulator.bottom:
            self._put(f"\x1b[{self._number()}{final}\r")


def recorded(path: Path) -> bytes:
    """All output frames of a recorded terminal session."""
    out = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if row.get("dir") == "in":
            data = row["data"]
            out.append(b64decode(data["b64"]) if isinstance(data, dict) else data.encode())
    return b"".join(out)


RECORDINGS = {path.stem: path for path in sorted((Path(__file__).parent / "data").glob("*.jsonl"))}
