"""Modes a program sets, as far as whoever paints or encodes keys has to know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SYNC_TIMEOUT_S: Final = 0.15
"""Longest time a painter holds a frame back for synchronized output (2026) that is not ended."""

CURSOR_SHAPES: Final = {
    0: "block",
    1: "block",
    2: "block",
    3: "underline",
    4: "underline",
    5: "bar",
    6: "bar",
}


@dataclass(slots=True)
class Modes:
    """What is switched on. Mutable, owned by the emulator; readers take it as a view.

    `mouse` is 0 (off), 1000 (press and release), 1002 (and drag) or 1003 (and any move). `cursor_shape`
    is `block`, `underline` or `bar`.
    """

    bracketed_paste: bool = False
    application_cursor: bool = False
    application_keypad: bool = False
    mouse: int = 0
    mouse_sgr: bool = False
    focus_events: bool = False
    alternate_scroll: bool = True
    alternate_screen: bool = False
    synchronized: bool = False
    cursor_visible: bool = True
    cursor_blink: bool = True
    cursor_shape: str = "block"
    autowrap: bool = True
    origin: bool = False
    insert: bool = False
    newline: bool = False
    reverse_video: bool = False


PRIVATE_FLAGS: Final = {
    1: "application_cursor",
    5: "reverse_video",
    6: "origin",
    7: "autowrap",
    12: "cursor_blink",
    25: "cursor_visible",
    66: "application_keypad",
    1004: "focus_events",
    1006: "mouse_sgr",
    1007: "alternate_scroll",
    2004: "bracketed_paste",
    2026: "synchronized",
}
ANSI_FLAGS: Final = {4: "insert", 20: "newline"}
MOUSE: Final = (1000, 1002, 1003)
ALTERNATE: Final = (47, 1047, 1049)
FIXED: Final = {3: 4, 8: 3}
"""Private modes that cannot be changed, with what a mode request is told (3 always set, 4 never)."""


def report(modes: Modes, number: int, *, private: bool) -> int:
    """What DECRQM is told: 0 unknown, 1 set, 2 reset, 3 always set, 4 never set."""
    flag = (PRIVATE_FLAGS if private else ANSI_FLAGS).get(number)
    if flag is not None:
        return 1 if getattr(modes, flag) else 2
    if not private:
        return 0
    if number in MOUSE:
        return 1 if modes.mouse == number else 2
    if number in ALTERNATE:
        return 1 if modes.alternate_screen else 2
    return FIXED.get(number, 0)
