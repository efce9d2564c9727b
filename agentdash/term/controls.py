"""Which control function a complete control string is.

pyte's own tables name most of them; the others are added here. A control string is looked up by its
whole text, so that a repeated one costs one dictionary access, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

import pyte
from pyte import charsets

from agentdash.term.reports import Reporter
from agentdash.term.style import direct_color, sgr

MAX_CONTROL: Final = 512
"""Longest control sequence looked at; a longer one is swallowed."""
MAX_PARAMETER: Final = 9999
MAX_REMEMBERED: Final = 16_384

LOOK: Final = 0
"""(LOOK, keep, bits): the style becomes `style & keep | bits`."""
PLACE: Final = 1
"""(PLACE, x, y, function, arguments): the cursor goes there; in origin mode the function knows where."""
LINE: Final = 2
"""(LINE,): CR LF."""
COLUMN: Final = 3
"""(COLUMN, x): the cursor goes to a column."""
NOTHING: Final = 4
BLOCK: Final = 5
"""(BLOCK,): CR LF, and plain lines with CR LF behind each."""
OPENING: Final = 6
"""(OPENING,): begins what it does not end, or is a whole string."""
ACTION: Final = 7
"""(ACTION, 0, 0, function, arguments)"""
CHANGE: Final = 8
"""The same, and the screen may be another one afterwards."""
PLAIN: Final = 9
"""The same, and without effect where the character set is the plain one already."""

Meaning = tuple[Any, ...]
"""One of the above: a kind and what it needs."""
_NOTHING: Final[Meaning] = (NOTHING,)
_BLOCK: Final[Meaning] = (BLOCK,)
_OPENING: Final[Meaning] = (OPENING,)

_COUNTED: Final = {"": 1, **{str(number): number for number in range(1, 1000)}}

_CSI_RE: Final = re.compile("\x1b\\[([<=>?]?)([0-9;:]*)([ -/]*)([@-~])", re.ASCII).fullmatch
_SGR_RE: Final = re.compile("\x1b\\[[0-9;:]*m", re.ASCII).fullmatch
_CSI: Final = {
    **{final: name for final, name in pyte.Stream.csi.items() if final != "'"},
    "`": "cursor_to_column",
    "I": "tab",
    "Z": "back_tab",
    "S": "scroll_up",
    "T": "scroll_region_down",
    "b": "repeat_character",
    "s": "save_cursor",
    "u": "restore_cursor",
    "t": "window_operation",
    ">c": "report_secondary_attributes",
    ">q": "report_version",
    "?n": "report_private_status",
    "$p": "report_mode",
    "?$p": "report_private_mode",
    "?J": "erase_in_display",
    "?K": "erase_in_line",
    "!p": "soft_reset",
    " q": "set_cursor_shape",
    "?h": "set_mode",
    "?l": "reset_mode",
}
_ARGUMENTS: Final = {
    "H": 2,
    "f": 2,
    "r": 2,
    "t": 2,
    "s": 0,
    "u": 0,
    "!p": 0,
    "h": 16,
    "l": 16,
    "?h": 16,
    "?l": 16,
}
_CHANGING: Final = frozenset(("set_mode", "reset_mode", "restore_cursor", "soft_reset", "full_reset"))
_ESCAPE: Final = {**pyte.Stream.escape, "E": "next_line", "c": "full_reset"}


class Controls:
    """Control strings of one screen and what they do."""

    def __init__(self, screen: Reporter) -> None:
        self._screen = screen
        self._fixed: dict[str, Meaning] = {
            "": _NOTHING,
            "\r": (COLUMN, 0),
            "\r\n": (LINE,),
            **{char: self._act(screen.linefeed) for char in "\n\x0b\x0c"},
            "\x08": self._act(screen.backspace),
            "\t": self._act(screen.tab),
            "\x07": self._act(screen.ring),
            "\x0e": (CHANGE, 0, 0, screen.shift_out, ()),
            "\x0f": (CHANGE, 0, 0, screen.shift_in, ()),
        }
        self.known: dict[str, Meaning] = {}
        """What was asked for before; of the present size."""
        self.forget()

    def forget(self) -> None:
        """Begin anew, as for a screen of another size."""
        self.known.clear()
        self.known.update(self._fixed)

    def find(self, control: str) -> Meaning:
        """What a control string does; remembered, unless it is as long as a text or a text itself."""
        first = control[0]
        if first == "\r":
            return _BLOCK
        if first != "\x1b":
            return _NOTHING
        final = control[-1]
        if final == "m":
            found: Meaning | None = self._look(control)
        elif final == "H" and (place := self._place(control)):
            found = place
        elif control[1:2] == "[":
            found = self._csi(control)
        else:
            found = self._escape(control)
        if found is None:
            return _OPENING
        known = self.known
        if len(known) >= MAX_REMEMBERED:  # the oldest go; all at once would take as long as a frame
            for old in list(islice(known, MAX_REMEMBERED // 8)):
                del known[old]
            known.update(self._fixed)
        known[control] = found
        return found

    def _look(self, control: str) -> Meaning:
        """A complete SGR sequence."""
        found = direct_color(control[2:-1]) if 8 < len(control) < 48 else None
        if found is None:
            # private (`>4;2m`, `?4m`), with an intermediate, or no control sequence at all: not a look
            found = sgr(control[2:-1]) if len(control) <= MAX_CONTROL and _SGR_RE(control) else (-1, 0)
        return LOOK, *found

    def _place(self, control: str) -> Meaning | None:
        """`CSI line ; column H` as programs write it; None when it is something else, or written in another way."""
        line, _, column = control[2:-1].partition(";")
        try:
            to = _COUNTED[line], _COUNTED[column]
        except KeyError:
            return None
        if control[1] != "[":
            return None
        screen = self._screen
        return PLACE, min(to[1], screen.columns) - 1, min(to[0], screen.lines) - 1, screen.cursor_position, to

    def _csi(self, control: str) -> Meaning | None:
        match = _CSI_RE(control) if len(control) <= MAX_CONTROL else None
        if match is None:
            return None
        prefix, body, between, final = match.groups()
        key = prefix + between + final
        name = _CSI.get(key)
        if name is None or (key == "s" and body):
            return None
        if name == "select_graphic_rendition":
            return None
        screen, arguments = self._screen, numbers(body)[: _ARGUMENTS.get(key, 1)]
        function = getattr(screen, name)
        if name == "cursor_position":
            line, column, *_ = [*arguments, 0, 0]
            return PLACE, _within(column, screen.columns), _within(line, screen.lines), function, arguments
        if name == "cursor_to_column":
            return COLUMN, _within(arguments[0] if arguments else 0, screen.columns)
        if prefix == "?" and final in "hl" and not between:
            private: Callable[..., None] = function
            return CHANGE, 0, 0, lambda *modes: private(*modes, private=True), arguments
        return CHANGE if name in _CHANGING else ACTION, 0, 0, function, arguments

    def _escape(self, control: str) -> Meaning | None:
        screen, final = self._screen, control[-1]
        if len(control) == 2:
            if final in "=>":
                return self._act(screen.set_keypad, int(final == "="))
            name = _ESCAPE.get(final)
            if name is None:
                return None
            return CHANGE if name in _CHANGING else ACTION, 0, 0, getattr(screen, name), ()
        if len(control) == 3 and control[1] in "()":
            index, table = int(control[1] == ")"), charsets.MAPS.get(final)
            if table is None:
                table = charsets.LAT1_MAP
            kind = PLAIN if control == "\x1b(B" else CHANGE
            return kind, 0, 0, lambda: screen.choose_charset(index, table), ()
        if control[1:] == "#8":
            return self._act(screen.alignment_display)
        return None

    @staticmethod
    def _act(function: Callable[..., None], *arguments: int) -> Meaning:
        return ACTION, 0, 0, function, arguments


def _within(number: int, count: int) -> int:
    """A line or column counted from 1, from 0 and on the screen."""
    return max(0, min(number - 1, count - 1))


def numbers(body: str) -> tuple[int, ...]:
    """Parameters as numbers; missing ones are 0, sub-parameters are left out."""
    if not body:
        return ()
    return tuple([_number(part.partition(":")[0]) for part in body.split(";")])


def _number(text: str) -> int:
    if not text:
        return 0
    return min(int(text), MAX_PARAMETER) if len(text) < 6 else MAX_PARAMETER
