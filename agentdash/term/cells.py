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
    """Whether a cell's content takes two columns."""
    return bool(cell) and (width(cell[0]) == 2 or (VS16 in cell and _is_widened(cell[0])))


@lru_cache(maxsize=4096)
def width(char: str) -> int:
    """Columns of one character: 0, 1 or 2. Control characters take none.

    As the drawing library has it, half a flag takes one (so that two make a flag of two) and a skin tone
    none: what is counted in one way and painted in another tears the screen.
    """
    point = ord(char)
    if point in _FLAGS:
        return 1
    return 0 if point in _SKIN else max(wcwidth(char), 0)


@lru_cache(maxsize=512)
def _is_widened(char: str) -> bool:
    """Whether variation selector 16 makes a narrow character wide."""
    return width(char) == 1 and ord(char) not in _FLAGS and wcswidth(char + VS16) == 2


def _is_symbol(char: str) -> bool:
    """Whether a character may stand in an emoji sequence."""
    return 0x2190 <= ord(char) <= 0x2BFF or 0x1F000 <= ord(char) <= 0x1FFFF


def _members() -> tuple[str, str]:
    """The members of two character classes: narrow and wide characters that join nothing."""
    spans: tuple[list[list[int]], list[list[int]]] = [], [[low, high] for low, high in _WIDE_BLOCKS]
    for low, high in _BLOCKS:
        for point in range(low, high + 1):
            columns = width(chr(point)) if point in _FLAGS or point in _SKIN else wcwidth(chr(point))
            if columns < 1:
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
        self.by_width: Final = re.compile(f"([{wide}]+)").split


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
    cells: list[str] = []
    narrow = True
    for part in classes().by_width(text):
        if narrow:
            cells += part
        else:
            pairs = [""] * (2 * len(part))
            pairs[::2] = part
            cells += pairs
        narrow = not narrow
    return cells


def is_mark(cell: str, char: str) -> bool:
    """Whether a character of no width belongs to the cell before it: accents, selectors, skin tones.

    All others of no width (zero-width space, direction marks, tags) are dropped: drawn again on the
    outer terminal they would hide or reorder text.
    """
    if ord(char) in _SKIN:
        return width(cell[0]) == 2 and _is_symbol(cell[0])
    return char in (VS16, "\ufe0e") or unicodedata.category(char) in ("Mn", "Me", "Mc", "Lo")


def joins(cell: str, char: str) -> bool:
    """Whether a character behind a joiner continues the cell before it.

    Only then the joiner is kept: one at the end of a cell would join what happens to stand next to it.
    """
    return _is_symbol(cell[0]) and _is_symbol(char) and len(cell) + 2 <= MAX_CLUSTER


def extended(cell: str, more: str) -> str:
    """A cell with a mark, or a joiner and a character, behind it. A full cell stays as it is."""
    if len(cell) + len(more) > MAX_CLUSTER:
        return cell
    cell += more
    return unicodedata.normalize("NFC", cell) if unicodedata.combining(more[-1]) else cell


def clusters(text: str) -> list[str]:
    """Cells of any text, as drawing it on an empty line leaves them."""
    if text.isascii() or classes().all_narrow(text):
        return list(text)
    if classes().all_plain(text):
        return spread(text)
    cells: list[str] = []
    last = 0  # where the cell before is
    joiner = ""
    for char in text:
        columns = width(char)
        if char == ZWJ:
            joiner = char
            continue
        if cells and ((joiner and joins(cells[last], char)) or (not columns and is_mark(cells[last], char))):
            cells[last] = extended(cells[last], joiner + char)
            if last == len(cells) - 1 and is_wide(cells[last]):
                cells.append("")
        elif columns:
            last = len(cells)
            cells += (char, "")[:columns]
        joiner = ""
    return cells
