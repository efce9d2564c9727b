"""Mouse and focus events as a terminal reports them, by mode."""

from __future__ import annotations

from enum import Enum
from typing import Final

from agentdash.term.modes import Modes

WHEEL_LINES: Final = 3
_MAX_LEGACY: Final = 95
"""Largest coordinate of the old form: input is text, so a report must stay in ASCII (contract: pty.md §6)."""


class Mouse(Enum):
    """What the mouse did."""

    PRESS = "press"
    RELEASE = "release"
    MOVE = "move"
    WHEEL_UP = "wheel_up"
    WHEEL_DOWN = "wheel_down"
    WHEEL_LEFT = "wheel_left"
    WHEEL_RIGHT = "wheel_right"


_WHEEL: Final = {Mouse.WHEEL_UP: 64, Mouse.WHEEL_DOWN: 65, Mouse.WHEEL_LEFT: 66, Mouse.WHEEL_RIGHT: 67}


def encode_mouse(
    event: Mouse,
    x: int,
    y: int,
    modes: Modes,
    *,
    button: int = 0,
    shift: bool = False,
    alt: bool = False,
    ctrl: bool = False,
) -> str | None:
    """What a terminal sends for a mouse event.

    Args:
        event: What happened.
        x: Column from 0.
        y: Row from 0.
        modes: The emulator's modes.
        button: 1 left, 2 middle, 3 right; for a move the one held down, 0 for none.
        shift: Whether shift is held.
        alt: Whether alt is held.
        ctrl: Whether control is held.

    Returns:
        Text to send, None when the program did not ask for this event or it cannot be told.
    """
    if not modes.mouse or x < 0 or y < 0:
        return None
    if event is Mouse.MOVE and not (modes.mouse == 1003 or (modes.mouse == 1002 and button)):
        return None
    code = _WHEEL.get(event)
    if code is None:
        if event is not Mouse.MOVE and not 1 <= button <= 3:
            return None
        code = (button - 1 if button else 3) + (32 if event is Mouse.MOVE else 0)
    code += 4 * shift + 8 * alt + 16 * ctrl
    if modes.mouse_sgr:
        return f"\x1b[<{code};{x + 1};{y + 1}{'m' if event is Mouse.RELEASE else 'M'}"
    if x + 1 > _MAX_LEGACY or y + 1 > _MAX_LEGACY:
        return None
    if event is Mouse.RELEASE:
        code |= 3
    return f"\x1b[M{chr(32 + code)}{chr(33 + x)}{chr(33 + y)}"


def encode_wheel_as_keys(event: Mouse, modes: Modes) -> str | None:
    """The wheel as arrow keys, for a full-screen program that does not ask for the mouse."""
    if modes.mouse or not (modes.alternate_screen and modes.alternate_scroll):
        return None
    letter = {Mouse.WHEEL_UP: "A", Mouse.WHEEL_DOWN: "B"}.get(event)
    if letter is None:
        return None
    return (("\x1bO" if modes.application_cursor else "\x1b[") + letter) * WHEEL_LINES


def encode_focus(has_focus: bool, modes: Modes) -> str | None:
    """What a terminal sends when it gets or loses the focus, if the program asked for it."""
    if not modes.focus_events:
        return None
    return "\x1b[I" if has_focus else "\x1b[O"
