"""What is on a terminal's screen, as the output that draws it on a blank one: where a recording begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from agentdash.term.emulator import Emulator
from agentdash.term.modes import PRIVATE_FLAGS, Modes
from agentdash.term.row import Row
from agentdash.term.style import Color, style_of

_LOOKS = {
    "bold": 1,
    "dim": 2,
    "italic": 3,
    "underline": 4,
    "blink": 5,
    "reverse": 7,
    "conceal": 8,
    "strike": 9,
}
_LATER = ("origin", "synchronized")
"""Origin mode would move what is drawn; a frame that is held back would show nothing."""


def picture(emulator: Emulator) -> str:
    """Draw screen, cursor and modes, on a blank terminal of the same size.

    Lines that were wrapped are lines of their own then, the scrollback is left out, and so is a main screen that was
    left at another size.
    """
    behind, modes, cursor = emulator.behind, emulator.modes, emulator.cursor
    parts: list[str] = []
    if behind is not None:
        if (behind.columns, behind.lines) == (emulator.columns, emulator.lines):
            parts += _rows(behind.rows, behind.columns)
        if behind.cursor is not None:
            parts.append(f"\x1b[{behind.cursor.y + 1};{behind.cursor.x + 1}H")
        parts.append("\x1b[m\x1b[?1049h")
    parts += _rows(emulator.rows, emulator.columns)
    parts += _switches(modes)
    if emulator.has_region:
        parts.append(f"\x1b[{emulator.top + 1};{emulator.bottom + 1}r")
    parts.append("\x1b[?6h" if modes.origin else "")
    y = cursor.y - (emulator.top if modes.origin else 0)
    parts.append(f"\x1b[{y + 1};{min(cursor.x, emulator.columns - 1) + 1}H{_sgr(cursor.code)}")
    return "".join(parts)


def _rows(rows: Sequence[Row], columns: int) -> Iterator[str]:
    for y, row in enumerate(rows):
        yield f"\x1b[{y + 1}H"
        chars, codes = row.cells(columns)
        for code, cells in groupby(zip(chars, codes, strict=True), key=lambda cell: cell[1]):
            yield _sgr(code) + "".join(char for char, _ in cells)


def _switches(modes: Modes) -> Iterator[str]:
    usual = Modes()
    for number, name in PRIVATE_FLAGS.items():
        if name not in _LATER and (is_on := getattr(modes, name)) != getattr(usual, name):
            yield f"\x1b[?{number}{'h' if is_on else 'l'}"
    if modes.insert:
        yield "\x1b[4h"


def _sgr(code: int) -> str:
    style = style_of(code)
    words = ["0", *(str(number) for name, number in _LOOKS.items() if getattr(style, name))]
    words += [*_color(38, style.fg), *_color(48, style.bg)]
    return f"\x1b[{';'.join(words)}m"


def _color(first: int, color: Color) -> Iterable[str]:
    if color is None:
        return ()
    numbers = (first, 5, color) if isinstance(color, int) else (first, 2, *color)
    return map(str, numbers)
