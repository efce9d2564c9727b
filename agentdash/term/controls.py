"""Which control function a complete control string is.

pyte's own tables name most of them; the others are added here. A control string is looked up by its
whole text, so that a repeated one costs one dictionary access.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pyte
from pyte import charsets

from agentdash.term.reports import Reporter
from agentdash.term.style import direct_color, sgr

MAX_CONTROL: Final = 512
"""Longest control sequence looked at; a longer one is swallowed."""
MAX_PARAMETER: Final = 9999
MAX_REMEMBERED: Final = 16_384

Action = tuple[Callable[..., None], tuple[int, ...], bool]
"""What to call, with what, and whether the screen may be another one afterwards."""

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
        self.actions: dict[str, Action] = {}
        self.looks: dict[str, tuple[int, int]] = {}
        self.places: dict[str, tuple[int, int]] = {}

    def look(self, control: str) -> tuple[int, int]:
        """(keep, bits) of a complete SGR sequence, remembered."""
        found = direct_color(control[2:-1]) if 8 < len(control) < 48 else None
        if found is None:
            # private (`>4;2m`, `?4m`), with an intermediate, or no control sequence at all: not a look
            found = sgr(control[2:-1]) if len(control) <= MAX_CONTROL and _SGR_RE(control) else (-1, 0)
        if len(self.looks) >= MAX_REMEMBERED:
            self.looks.clear()
        self.looks[control] = found
        return found

    def place(self, control: str) -> tuple[int, int] | None:
        """(x, y) of a complete `CSI line ; column H`, remembered; None when it is something else."""
        match = _CSI_RE(control) if len(control) <= MAX_CONTROL else None
        if match is None or match[1] or match[3]:
            return None
        line, column, *_ = [*numbers(match[2]), 0, 0]
        found = (
            max(0, min(column - 1, self._screen.columns - 1)),
            max(0, min(line - 1, self._screen.lines - 1)),
        )
        if len(self.places) >= MAX_REMEMBERED:
            self.places.clear()
        self.places[control] = found
        return found

    def action(self, control: str) -> Action | None:
        """What an escape or control sequence does, remembered; None when nothing."""
        found = self._csi(control) if control[1:2] == "[" else self._escape(control)
        if found is not None:
            if len(self.actions) >= MAX_REMEMBERED:
                self.actions.clear()
            self.actions[control] = found
        return found

    def _csi(self, control: str) -> Action | None:
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
        arguments = numbers(body)[: _ARGUMENTS.get(key, 1)]
        function = getattr(self._screen, name)
        if prefix == "?" and final in "hl" and not between:
            private: Callable[..., None] = function
            return (lambda *modes: private(*modes, private=True)), arguments, True
        return function, arguments, name in _CHANGING

    def _escape(self, control: str) -> Action | None:
        screen, final = self._screen, control[-1]
        if len(control) == 2:
            if final in "=>":
                return screen.set_keypad, (int(final == "="),), False
            name = _ESCAPE.get(final)
            return None if name is None else (getattr(screen, name), (), name in _CHANGING)
        if len(control) == 3 and control[1] in "()":
            index, table = int(control[1] == ")"), charsets.MAPS.get(final)
            if table is None:
                table = charsets.LAT1_MAP
            return (lambda: screen.choose_charset(index, table)), (), True
        if control[1:] == "#8":
            return screen.alignment_display, (), False
        return None


def numbers(body: str) -> tuple[int, ...]:
    """Parameters as numbers; missing ones are 0, sub-parameters are left out."""
    if not body:
        return ()
    return tuple([_number(part.partition(":")[0]) for part in body.split(";")])


def _number(text: str) -> int:
    if not text:
        return 0
    return min(int(text), MAX_PARAMETER) if len(text) < 6 else MAX_PARAMETER
