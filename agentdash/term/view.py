"""pyte's own words for what is on the screen: cursor, cells, colour names."""

from __future__ import annotations

from typing import Final

import pyte
from pyte import graphics
from pyte.screens import Char

from agentdash.term.row import Row
from agentdash.term.style import Color, style_of

_NAMES: Final = [*graphics.FG_ANSI.values()][:8] + ["bright" + n for n in [*graphics.FG_ANSI.values()][:8]]


def _name(color: Color) -> str:
    """A colour in pyte's words."""
    if color is None:
        return "default"
    if isinstance(color, tuple):
        return "{:02x}{:02x}{:02x}".format(*color)
    return _NAMES[color] if color < 16 else str(graphics.FG_BG_256[color])


def char_of(text: str, code: int) -> Char:
    """A cell as pyte gives it."""
    s = style_of(code)
    return Char(text, _name(s.fg), _name(s.bg), s.bold, s.italic, s.underline, s.strike, s.reverse, s.blink)


class Cursor(pyte.screens.Cursor):
    """pyte's cursor with its look packed into `code`. `x` equals the width behind the last column."""

    __slots__ = ("code",)

    def __init__(self) -> None:
        self.x = 0
        self.y = 0
        self.hidden = False
        self.code = 0

    @property
    def attrs(self) -> Char:  # type: ignore[override]  # made when somebody asks
        """The look as pyte gives it."""
        return char_of(" ", self.code)


class _CellsOfRow:
    """One line of `buffer`: index by column."""

    def __init__(self, row: Row, columns: int) -> None:
        self._row, self._columns = row, columns

    def __getitem__(self, x: int) -> Char:
        chars, codes = self._row.cells(self._columns)
        return char_of(chars[x], codes[x]) if 0 <= x < len(chars) else char_of(" ", 0)


class Buffer:
    """pyte's `buffer[y][x]`, read-only, made cell by cell."""

    def __init__(self, rows: list[Row], columns: int) -> None:
        self._rows, self._columns = rows, columns

    def __getitem__(self, y: int) -> _CellsOfRow:
        return _CellsOfRow(self._rows[y], self._columns)
