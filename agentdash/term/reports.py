"""Answers to what programs ask the terminal, and the strings (OSC, DCS) they send it.

The list of answers is fixed: identity, status, cursor position, modes, size, colours. Nothing a program
wrote is ever sent back as input (no title report, no clipboard read, no status strings).
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from agentdash.term.modes import report
from agentdash.term.screen import Screen

MAX_REPLIES: Final = 4096
MAX_TITLE: Final = 1024
MAX_STRING: Final = 8192
MAX_CLIPBOARD: Final = 1 << 20

# DA1: VT220 with colour. DA2: the number makes vim choose SGR mouse reports, the only ones that fit
# through a text channel (contract: pty.md §6).
DA1: Final = "\x1b[?62;22c"
DA2: Final = "\x1b[>1;277;0c"
XTVERSION: Final = "\x1bP>|agentdash\x1b\\"


class Reporter(Screen):
    """A screen that answers and takes titles and clipboard requests."""

    def __init__(self, columns: int, lines: int, history: int, *, allow_clipboard: bool) -> None:
        super().__init__(columns, lines, history)
        self.allow_clipboard = allow_clipboard
        self.clipboard: str | None = None
        self.foreground: tuple[int, int, int] = (0xCC, 0xCC, 0xCC)
        self.background: tuple[int, int, int] = (0, 0, 0)
        self._replies: list[str] = []
        self._reply_size = 0

    @property
    def string_limit(self) -> int:
        """Characters of a string sequence that are kept while it is read; a longer one is swallowed."""
        return MAX_CLIPBOARD if self.allow_clipboard else MAX_STRING

    def write_process_input(self, data: str) -> None:
        """Keep an answer for `take_replies`. A flood of questions is answered in part."""
        if self._reply_size + len(data) <= MAX_REPLIES:
            self._replies.append(data)
            self._reply_size += len(data)

    def take_replies(self) -> str:
        """Answers since the last call, to be sent as input."""
        data = "".join(self._replies)
        self._replies.clear()
        self._reply_size = 0
        return data

    @property
    def bell(self) -> int:  # type: ignore[override]  # pyte's stub of the same name does nothing
        """Bells so far."""
        return self._bells

    def ring(self) -> None:
        """Count a bell."""
        self._bells += 1

    def report_device_attributes(self, mode: int = 0, **_kwargs: bool) -> None:
        """DA1."""
        if mode == 0:
            self.write_process_input(DA1)

    def report_secondary_attributes(self, mode: int = 0) -> None:
        """DA2."""
        if mode == 0:
            self.write_process_input(DA2)

    def report_version(self, mode: int = 0) -> None:
        """XTVERSION."""
        if mode == 0:
            self.write_process_input(XTVERSION)

    def report_device_status(self, mode: int = 0) -> None:
        """DSR 5 (fine) and 6 (cursor position)."""
        if mode == 5:
            self.write_process_input("\x1b[0n")
        elif mode == 6:
            self.write_process_input("\x1b[{};{}R".format(*self._position()))

    def report_private_status(self, mode: int = 0) -> None:
        """DECXCPR."""
        if mode == 6:
            self.write_process_input("\x1b[?{};{}R".format(*self._position()))

    def _position(self) -> tuple[int, int]:
        y = self.cursor.y - (self.top if self.modes.origin else 0)
        return y + 1, min(self.cursor.x, self.columns - 1) + 1

    def report_mode(self, number: int = 0) -> None:
        """DECRQM for an ANSI mode."""
        self.write_process_input(f"\x1b[{number};{report(self.modes, number, private=False)}$y")

    def report_private_mode(self, number: int = 0) -> None:
        """DECRQM for a DEC mode."""
        self.write_process_input(f"\x1b[?{number};{report(self.modes, number, private=True)}$y")

    def window_operation(self, number: int = 0, which: int = 0) -> None:
        """XTWINOPS: the size in cells and the title stack; everything else is not a pane's to do."""
        if number == 18:
            self.write_process_input(f"\x1b[8;{self.lines};{self.columns}t")
        elif number == 22 and which in (0, 2):
            self.push_title()
        elif number == 23 and which in (0, 2):
            self.pop_title()

    def set_title(self, param: str) -> None:
        """Take a title, raw and cut."""
        self.title = param[:MAX_TITLE]

    def operating_system_command(self, body: str) -> None:
        """OSC: titles, clipboard, questions for colours. Links, directories and marks are swallowed."""
        if len(body) > self.string_limit:
            return
        number, _, text = body.partition(";")
        if number in ("0", "2"):
            self.set_title(text)
        elif number == "1":
            self.set_icon_name(text[:MAX_TITLE])
        elif number in ("10", "11") and text == "?":
            color = self.foreground if number == "10" else self.background
            self.write_process_input("\x1b]{};rgb:{:02x}{:02x}/{:02x}{:02x}/{:02x}{:02x}\x1b\\".format(
                number, *(part for part in color for _ in range(2))))  # fmt: skip
        elif number == "52" and self.allow_clipboard:
            self._take_clipboard(text.partition(";")[2])

    def _take_clipboard(self, data: str) -> None:
        try:
            self.clipboard = base64.b64decode(data, validate=True).decode("utf-8", "replace") or None
        except (binascii.Error, ValueError):  # also the question "?"
            return
