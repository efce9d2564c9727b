"""From text to cells: how many columns each character takes.

Widths are those of `wcwidth`. The blocks a terminal sees most are compiled into character classes, so
that a whole run is judged by one regular expression; everything else is asked for one by one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

from wcwidth import wcswidth, wcwidth

ZWJ: Final = "\u200d"
VS16: Final = "\ufe0f"
MAX_CLUSTER: Final = 12
"""Code points one cell may hold. The longest emoji sequences in use have ten."""

_BLOCKS: Final = ((0x20, 0x7E), (0xA0, 0x52F), (0x1E00, 0x20CF), (0x2100, 0x27BF), (0x2B00, 0x2BFF),
                  (0x3000, 0x33FF), (0xFF00, 0xFFE6), (0xFFFD, 0xFFFD), (0x1F300, 0x1F6FF), (0x1F900, 0x1FAFF))  # fmt: skip
"""Code points asked one by one, when the first character outside ASCII arrives (some milliseconds)."""
_WIDE_BLOCKS: Final = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x20000, 0x2A6DF))
"""Ideographs and syllables, wide from end to end."""
_SKIN: Final = range(0x1F3FB, 0x1F400)
_FLAGS: Final = range(0x1F1E6, 0x1F200)


def is_wide(cell: str) -> bool:
    """Whether a cell's character takes two columns."""
    return bool(cell) and (width(cell[0]) == 2 or (len(cell) > 1 and wcswidth(cell) == 2))


@lru_cache(maxsize=4096)
def width(char: str) -> int:
    """Columns of one character: 0, 1 or 2. Control characters take none."""
    return max(wcwidth(char), 0)


def _members() -> tuple[str, str]:
    """The members of two character classes: narrow and wide characters that join nothing."""
    spans: tuple[list[list[int]], list[list[int]]] = [], [[low, high] for low, high in _WIDE_BLOCKS]
    for low, high in _BLOCKS:
        for point in range(low, high + 1):
            columns = wcwidth(chr(point))
            if columns < 1 or point in _SKIN:
                continue
            into = spans[columns - 1]
            if into and into[-1][1] == point - 1:
                into[-1][1] = point
            else:
                into.append([point, point])
    narrow, wide = (
        "".join([f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in part]) for part in spans
    )
    return narrow, wide


class _Classes:
    """The compiled classes; made when the first character outside ASCII arrives."""

    def __init__(self) -> None:
        narrow, wide = _members()
        self.all_narrow: Final = re.compile(f"[{narrow}]*").fullmatch
        self.all_plain: Final = re.compile(f"[{narrow}{wide}]*").fullmatch
        self.wide: Final = re.compile(f"[{wide}]+").findall
        self.stretches: Final = re.compile(f"([{narrow}{wide}]+)|[^{narrow}{wide}]").finditer
        self.marked: Final = re.compile("[^\u0300-\u036f][\u0300-\u036f]{1,8}")
        self._cells: Final = re.compile(f"[{wide}]").sub

    def spread(self, text: str) -> list[str]:
        """Cells of plain narrow and wide characters: a wide one is followed by an empty cell."""
        return ["" if char == "\0" else char for char in self._cells("\\g<0>\0", text)]


@cache
def classes() -> _Classes:
    """The character classes, compiled once."""
    return _Classes()


def _composed(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", match.group())


def compose(text: str) -> str:
    """Join letters and their accents where one character exists for both."""
    return classes().marked.sub(_composed, text)


def spread(text: str) -> list[str]:
    """Cells of plain narrow and wide characters: a wide one is followed by an empty cell."""
    return classes().spread(text)


def is_mark(char: str) -> bool:
    """Whether a character of no width belongs to the cell before it.

    All others of no width (zero-width space, direction marks, tags) are dropped: drawn again on the
    outer terminal they would hide or reorder text.
    """
    return char in (ZWJ, VS16, "\ufe0e") or unicodedata.category(char) in ("Mn", "Me", "Mc", "Lo")


def joins(cell: str, char: str) -> bool:
    """Whether `char`, which has a width of its own, continues the cell before it.

    After a joiner, as a skin tone, or as the second letter of a flag.
    """
    if not cell or len(cell) >= MAX_CLUSTER:
        return False
    point = ord(char)
    if cell[-1] == ZWJ:
        return width(char) == 2 or point >= 0x2190
    if point in _SKIN:
        return width(cell[0]) == 2 and wcswidth(cell + char) == 2
    return point in _FLAGS and len(cell) == 1 and ord(cell) in _FLAGS


def clusters(text: str) -> list[str]:
    """Cells of any text, as drawing it on an empty line would leave them."""
    if text.isascii() or classes().all_narrow(text):
        return list(text)
    if classes().all_plain(text):
        return spread(text)
    cells: list[str] = []
    for char in text:
        columns = width(char)
        last = -2 if len(cells) > 1 and cells[-1] == "" else -1
        previous = cells[last] if cells else ""
        if columns and not joins(previous, char):
            cells += (char, "") if columns == 2 else (char,)
        elif previous and (columns or is_mark(char)):
            cells[last], wide = extended(previous, char)
            if wide and last == -1:
                cells.append("")
    return cells


def extended(cell: str, char: str) -> tuple[str, bool]:
    """A cell with one more mark or joined character.

    Returns:
        The new content and whether it takes two columns by the width table (VS16 makes some symbols
        wide). A full cell stays as it is.
    """
    if len(cell) >= MAX_CLUSTER:
        return cell, False
    cell += char
    if char == VS16:
        return cell, len(cell) == 2 and wcswidth(cell) == 2
    if char != ZWJ and unicodedata.combining(char):
        cell = unicodedata.normalize("NFC", cell)
    return cell, False
