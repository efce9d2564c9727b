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

_NARROW_BLOCKS: Final = ((0x20, 0x7E), (0xA0, 0x52F), (0x2010, 0x2027), (0x2030, 0x205F), (0x2070, 0x20CF),
                         (0x2100, 0x25FF))  # fmt: skip
_WIDE_BLOCKS: Final = ((0x3041, 0x3096), (0x30A1, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
                       (0xFF01, 0xFF60), (0x1F300, 0x1F64F), (0x1F680, 0x1F6FF))  # fmt: skip
_SKIN: Final = range(0x1F3FB, 0x1F400)
_FLAGS: Final = range(0x1F1E6, 0x1F200)


@lru_cache(maxsize=4096)
def width(char: str) -> int:
    """Columns of one character: 0, 1 or 2. Control characters take none."""
    return max(wcwidth(char), 0)


def _members(blocks: tuple[tuple[int, int], ...], columns: int) -> str:
    """The members of a character class: what in `blocks` is `columns` wide and joins nothing."""
    out: list[str] = []
    for low, high in blocks:
        start: int | None = None
        if high - low > 5000:  # two blocks of ideographs and syllables: even, so the ends speak for all
            out.append(f"{chr(low)}-{chr(high)}")
            continue
        for point in range(low, high + 2):
            fits = point <= high and width(chr(point)) == columns and point not in _SKIN and point != 0xAD
            if fits and start is None:
                start = point
            elif not fits and start is not None:
                out.append(f"{re.escape(chr(start))}-{re.escape(chr(point - 1))}")
                start = None
    return "".join(out)


class _Classes:
    """The compiled classes; made when the first character outside ASCII arrives."""

    def __init__(self) -> None:
        narrow, wide = _members(_NARROW_BLOCKS, 1), _members(_WIDE_BLOCKS, 2)
        self.all_narrow: Final = re.compile(f"[{narrow}]*").fullmatch
        self.all_plain: Final = re.compile(f"[{narrow}{wide}]*").fullmatch
        self.wide: Final = re.compile(f"[{wide}]")
        self.marked: Final = re.compile("[^\u0300-\u036f][\u0300-\u036f]{1,8}")


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
    """Cells of a text of plain narrow and wide characters: a wide one is followed by an empty cell."""
    return [piece for char in text for piece in ((char, "") if width(char) == 2 else (char,))]


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
