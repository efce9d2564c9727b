"""From a key's name to what a terminal sends for it, by mode.

The names are those the user interface gets: modifiers in front (`ctrl+shift+up`), characters by their
Unicode name where they are no letters or digits (`full_stop`), the kitty protocol's own keys
(`left_shift`, `caps_lock`, `decimal`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from agentdash.term.modes import Modes

_CURSOR: Final = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F", "kp_begin": "E"}
_TILDE: Final = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19,
                 "f9": 20, "f10": 21, "f11": 23, "f12": 24}  # fmt: skip
_FUNCTION: Final = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
_KEYPAD: Final = {"decimal": ".n", "divide": "/o", "multiply": "*j", "subtract": "-m", "add": "+k",
                  "equal": "=X", "separator": ",l"}  # fmt: skip
"""What a key of the keypad types, and its letter after `ESC O` in application mode."""
_SIMPLE: Final = {"escape": "\x1b", "backspace": "\x7f", "space": " ", "tab": "\t", "enter": "\r"}
_ALIASES: Final = {"backtab": "shift+tab", "return": "enter", "newline": "ctrl+j", "ctrl-at": "ctrl+@",
                   "ctrl+at": "ctrl+@", "ctrl+space": "ctrl+@"}  # fmt: skip
_NAMES: Final = {"slash": "/", "backslash": "\\", "at": "@", "minus": "-", "plus": "+", "underscore": "_",
                 "less_than_sign": "<", "greater_than_sign": ">", "left_square_brace": "["}  # fmt: skip
_CTRL: Final = {"@": "\x00", "2": "\x00", "`": "\x00", "[": "\x1b", "{": "\x1b", "3": "\x1b", "\\": "\x1c",
                "|": "\x1c", "4": "\x1c", "]": "\x1d", "}": "\x1d", "5": "\x1d", "^": "\x1e", "~": "\x1e",
                "6": "\x1e", "_": "\x1f", "-": "\x1f", "/": "\x1f", "7": "\x1f", "?": "\x7f", "8": "\x7f",
                " ": "\x00"}  # fmt: skip
_SILENT: Final = re.compile(
    r"(?:left|right|iso)_.*(?:shift|control|alt|super|hyper|meta)$|.*_lock$|iso_level\d_shift$|media_.*"
    r"|(?:lower|raise|mute)_volume$|print_screen$|pause$|menu$|<.*>$"
).match
"""Keys that type nothing: modifiers alone, locks, media. The kitty protocol reports them as keys."""
_MODIFIERS: Final = {"shift": 1, "alt": 2, "meta": 2, "ctrl": 4}
_SHIFT, _ALT, _CONTROL = 1, 2, 4


def encode_key(key: str, character: str | None, modes: Modes) -> str | None:
    """What a terminal sends for a key.

    Args:
        key: The key's name.
        character: What it types, where the key event says so.
        modes: The emulator's modes: application cursor keys and keypad, new-line mode.

    Returns:
        Text to send, None for a key that sends nothing.
    """
    *modifiers, base = _ALIASES.get(key, key).split("+")
    if _SILENT(base) or any(modifier not in _MODIFIERS for modifier in modifiers):
        return None
    held = sum({_MODIFIERS[modifier] for modifier in modifiers})
    number = int(base[1:]) if re.fullmatch(r"f\d+", base) else 0
    if number > 12:  # as terminals number them: shift makes 13 to 24 of 1 to 12, control the next
        if number > 36:
            return None
        held |= _SHIFT if number <= 24 else _CONTROL
        base = f"f{(number - 1) % 12 + 1}"
    sent = _special(base, held, modes)
    if sent is not None:
        return sent
    return _typed(base, character, held)


def _special(base: str, held: int, modes: Modes) -> str | None:
    """Keys that do not type a character; None for those that do."""
    if base in _CURSOR:
        if held:
            return f"\x1b[1;{held + 1}{_CURSOR[base]}"
        return ("\x1bO" if modes.application_cursor else "\x1b[") + _CURSOR[base]
    if base in _FUNCTION:
        return f"\x1b[1;{held + 1}{_FUNCTION[base]}" if held else f"\x1bO{_FUNCTION[base]}"
    if base in _TILDE:
        return f"\x1b[{_TILDE[base]};{held + 1}~" if held else f"\x1b[{_TILDE[base]}~"
    if base in _KEYPAD:
        plain, letter = tuple(_KEYPAD[base])
        if not modes.application_keypad:
            return ("\x1b" if held & _ALT else "") + plain
        return f"\x1bO{held + 1}{letter}" if held else f"\x1bO{letter}"
    if base in _SIMPLE:
        return _simple(base, held, modes)
    return None


def _simple(base: str, held: int, modes: Modes) -> str:
    sent = _SIMPLE[base]
    escape = bool(held & _ALT)
    if base == "tab" and held & _SHIFT:
        sent = "\x1b[Z"
    elif base == "backspace" and held & _CONTROL:
        sent = "\x08"
    elif base == "space" and held & _CONTROL:
        sent = "\x00"
    elif base == "enter":
        # what Coder's web terminal sends for a line break that does not submit (contract: pty.md §6)
        escape = escape or bool(held & _SHIFT)
        sent = "\r\n" if modes.newline and not held else "\r"
    return "\x1b" + sent if escape else sent


def _typed(base: str, character: str | None, held: int) -> str | None:
    """A key that types a character, perhaps with control or alt."""
    typed = _character_of(base)
    if held & _CONTROL:
        if typed is None:
            return None
        sent = _CTRL.get(typed) or (chr(ord(typed) & 31) if typed.isascii() and typed.isalpha() else typed)
    elif character and character.isprintable():
        sent = character
    elif typed is not None:
        sent = typed.upper() if held & _SHIFT else typed
    elif character and len(character) == 1 and ord(character) < 0x80:
        sent = character
    else:
        return None
    return "\x1b" + sent if held & _ALT else sent


@lru_cache(maxsize=512)
def _character_of(name: str) -> str | None:
    """The character a key's name stands for."""
    if len(name) == 1:
        return name
    if name in _NAMES:
        return _NAMES[name]
    try:
        return unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return None


_PASTE_END: Final = "\x1b[201~"
_CONTROLS: Final = {point: None for point in (*range(0x20), *range(0x7F, 0xA0)) if chr(point) not in "\t\r"}


def paste(text: str, modes: Modes) -> str:
    """Text as a terminal types it in: line ends as CR, no control characters, in brackets if asked for.

    Without control characters a pasted text cannot end the brackets or press keys.
    """
    while _PASTE_END in text:  # taking one out may put another together
        text = text.replace(_PASTE_END, "")
    text = text.replace("\r\n", "\r").replace("\n", "\r").translate(_CONTROLS)
    return f"\x1b[200~{text}{_PASTE_END}" if modes.bracketed_paste else text


def asks_before_paste(text: str, modes: Modes) -> bool:
    """Whether pasting would run commands at once: line ends, and a program that did not ask for brackets."""
    return not modes.bracketed_paste and ("\n" in text or "\r" in text)
