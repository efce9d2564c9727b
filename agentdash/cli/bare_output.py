"""Output of a remote shell on its way to the bare terminal: what may not reach it is taken out.

Everything else passes as it is; this is no emulator.
"""

from __future__ import annotations

import re
from typing import Final

_CLIPBOARD: Final = re.compile(rb"\x1b\]52;[^\x07\x1b]*(?:\x07|\x1b\\)?", re.DOTALL)
_CLIPBOARD_END: Final = re.compile(rb"\x07|\x1b\\|\x1b(?=.)", re.DOTALL)
_QUESTIONS: Final = re.compile(
    rb"\x1b\[[?>=]?[\d;]*[cn]"  # identity, status, place of the cursor
    rb"|\x1b\[\??[\d;]*\$p|\x1b\[>[\d;]*q|\x1b\[\?u|\x1b\[1[1-9]t|\x1b\[2[01]t"  # modes, version, keyboard, sizes
    rb"|\x1b\](?:4;\d+|1[0-9]);\?(?:\x07|\x1b\\)"  # colours
    rb"|\x1bP[+$]q[^\x1b]*\x1b\\"  # settings
)
"""Sequences that a terminal answers. In a replay they are old: the answer would be typed into the shell."""
_OPEN_END: Final = re.compile(
    rb"\x1b(?:\[[\d;?>=$]*|\][^\x07\x1b]*\x1b?|P[+$]?q?[^\x1b]*\x1b?)?\Z", re.DOTALL
)
_MODES: Final = re.compile(rb"\x1b\[\?([\d;]+)([hl])|\x1b\[([<>])[\d;]*u")
HELD: Final = 4096
"""Bytes of an unfinished sequence that wait for the rest."""
_ALTERNATE: Final = frozenset({b"47", b"1047", b"1049"})


class BareOutput:
    """A filter for bytes that may be cut anywhere; notes which modes the terminal is in.

    Args:
        allow_clipboard: Leave programs their access to the clipboard (OSC 52).
    """

    def __init__(self, *, allow_clipboard: bool = False) -> None:
        self._allow_clipboard = allow_clipboard
        self._held = b""
        self._is_in_clipboard = False
        self.is_alternate = False
        """A full-screen program has the screen."""
        self._keyboard = 0

    def take(self, data: bytes, *, is_replay: bool = False) -> bytes:
        """Returns what may be written."""
        data, self._held = self._held + data, b""
        if self._is_in_clipboard:
            end = _CLIPBOARD_END.search(data)
            if end is None:
                self._held = b"\x1b" if data.endswith(b"\x1b") else b""
                return b""
            self._is_in_clipboard = False
            data = data[end.end() :]
        at = _OPEN_END.search(data)
        if at is not None:
            tail = data[at.start() :]
            if not self._allow_clipboard and tail.startswith(b"\x1b]52;"):
                self._is_in_clipboard, data = True, data[: at.start()]
                if tail.endswith(b"\x1b"):  # perhaps the first half of its end
                    self._is_in_clipboard, self._held = False, b"\x1b]52;\x1b"
            elif len(tail) <= HELD:
                self._held, data = tail, data[: at.start()]
        if not self._allow_clipboard:
            data = _CLIPBOARD.sub(b"", data)
        if is_replay:
            data = _QUESTIONS.sub(b"", data)
        self._note(data)
        return data

    def _note(self, data: bytes) -> None:
        for match in _MODES.finditer(data):
            if match[3]:
                self._keyboard += 1 if match[3] == b">" else -1
            elif _ALTERNATE & set(match[1].split(b";")):
                self.is_alternate = match[2] == b"h"

    def begin_again(self) -> bytes:
        """What clears the terminal for a replay."""
        self._held, self._is_in_clipboard = b"", False
        return self.undo() + b"\x1b[H\x1b[2J"

    def undo(self) -> bytes:
        """What takes back all that programs have switched on, as their own end would have."""
        keyboard = b"\x1b[<u" * max(0, min(self._keyboard, 8))
        screen = b"\x1b[?1049l" if self.is_alternate else b""
        self.is_alternate, self._keyboard = False, 0
        modes = b"".join(b"\x1b[?%dl" % mode for mode in (1, 9, 1000, 1002, 1003, 1004, 1006, 2004, 2026))
        # Setting the scroll region moves the cursor home; it is put back to where it was.
        rest = b"\x1b7\x1b[r\x1b8\x1b[?7h\x1b[?25h\x1b[4l\x1b>\x1b[>4;0m\x1b(B\x0f\x1b[0m"
        return keyboard + screen + modes + rest
