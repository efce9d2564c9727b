"""Text measured, cut and padded in terminal cells.

Widths come from the `wcwidth` tables. Where the tables leave a choice, the choice is the one of the drawing
library above us, because a line that is measured in one way and painted in another tears the screen: a
regional indicator is one cell (a flag is two of them), a skin tone that follows is none, the character after
a zero-width joiner is none, and variation selector 16 widens a narrow pictograph to two.

All functions expect cleaned text (`text.safe`); a control character counts as no cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from wcwidth import wcswidth, wcwidth

ZWJ = "\u200d"
VS16 = "\ufe0f"
TAB_SIZE = 8
"""Columns between tab stops, as terminals have it."""

_REGIONAL = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)


@lru_cache(maxsize=8192)
def char_width(ch: str) -> int:
    """Tell how many cells one character takes: 0, 1 or 2."""
    code = ord(ch)
    if code in _REGIONAL:
        return 1
    if code in _SKIN_TONES:
        return 0
    return max(0, wcwidth(ch))


@lru_cache(maxsize=1024)
def _is_widened(ch: str) -> bool:
    """Tell whether variation selector 16 makes this narrow character two cells wide."""
    return char_width(ch) == 1 and wcswidth(ch + VS16) == 2


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """Yield what stands together on the grid, with its cells: a character and all that joins it."""
    start = width = 0
    base = ""
    joined = False
    for index, ch in enumerate(text):
        if ch == ZWJ:
            joined = True
            continue
        if ch == VS16:
            if base and _is_widened(base):
                width += 1
            base = ""
            continue
        cells = 0 if joined else char_width(ch)
        joined = False
        if cells:
            if index:
                yield text[start:index], width
            start, width, base = index, cells, ch
    if start < len(text):
        yield text[start:], width


def cell_width(text: str) -> int:
    """Measure cleaned text in cells."""
    if text.isascii() and text.isprintable():
        return len(text)
    if ZWJ not in text and VS16 not in text:
        return sum(map(char_width, text))
    return sum(width for _, width in clusters(text))


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut text at its end to at most `width` cells; `ellipsis` marks the cut (for sentences)."""
    if width <= 0:
        return ""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(ellipsis)
    if room < 0:
        return _head(ellipsis, width)
    return _head(text, room) + ellipsis


def cut_middle(text: str, width: int, ellipsis: str = "…") -> str:
    """Cut text in its middle to at most `width` cells: both ends of a name tell it apart (`go-7f…3a`)."""
    if width <= 0:
        return ""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(ellipsis)
    if room < 0:
        return _head(ellipsis, width)
    return _head(text, room - room // 2) + ellipsis + _tail(text, room // 2)


def pad(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """Fill text with spaces up to `width` cells; wider text is returned as it is."""
    missing = width - cell_width(text)
    if missing <= 0:
        return text
    return text + " " * missing if align == "left" else " " * missing + text


def fit(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """Cut or pad text to exactly `width` cells."""
    return pad(cut(text, width), width, align)


def expand_tabs(text: str, column: int = 0, size: int = TAB_SIZE) -> str:
    """Replace tabs by spaces up to the next stop; `column` is the cell in which the text begins."""
    if "\t" not in text:
        return text
    parts: list[str] = []
    for piece in text.split("\t"):
        if parts:
            gap = size - column % size
            parts.append(" " * gap)
            column += gap
        parts.append(piece)
        column += cell_width(piece)
    return "".join(parts)


def _head(text: str, width: int) -> str:
    """Take whole clusters from the left while they fit."""
    if text.isascii():
        return text[:width]
    taken = length = 0
    for cluster, cells in clusters(text):
        if taken + cells > width:
            break
        taken += cells
        length += len(cluster)
    return text[:length]


def _tail(text: str, width: int) -> str:
    """Take whole clusters from the right while they fit."""
    if width <= 0:
        return ""
    if text.isascii():
        return text[-width:]
    taken = length = 0
    for cluster, cells in reversed(list(clusters(text))):
        if taken + cells > width:
            break
        taken += cells
        length += len(cluster)
    return text[len(text) - length :]
