"""One line of cells, on screen and in the scrollback."""

from __future__ import annotations

from array import array
from itertools import groupby
from typing import Final

from agentdash.term.cells import clusters, spread
from agentdash.term.style import Style, style_of

Runs = list[tuple[str, Style]]
"""Pieces of a line from left to right, neighbours in different styles. Blank cells after the last drawn
one are left out."""

FULL: Final = 1
GAP: Final = 2
"""How a row goes on in the next one: from its last column, or from the one before because a wide
character did not fit."""
MAX_PIECES: Final = 8
"""Pieces up to which a row goes into the scrollback as it is; packing one costs as much as drawing it."""
MIXED: Final = 0
"""Width of a piece whose characters are narrow and wide."""

Piece = tuple[str, int, int]
"""(text, style code, width of each character)"""
Few = tuple[int, tuple[Piece, ...]]
"""(whether the next line continues it, pieces)"""
Many = tuple[int, str, "array[int]", "array[int]"]
"""(whether the next line continues it, text, lengths of its pieces, their style codes): ten bytes a piece."""
Kept = str | Few | Many
"""A line of the scrollback. Made of nothing but tuples, texts and numbers: the garbage collector does not look through
them again and again, as it would through ten thousand objects."""

_NO_CODES: Final[list[int]] = []


class Row:
    """A line of the screen; `wrapped` (0, `FULL`, `GAP`) when the next one continues it.

    Two forms. While it is only appended to (shells, compilers, logs) it is `segs`: pieces (text, style
    code, width of each character) that cover the columns up to `n`; `chars` is then None. The first
    random access turns it into two lists, one entry a column: `chars` and `codes`. The second column of
    a wide character holds an empty string.
    """

    __slots__ = ("chars", "codes", "n", "segs", "wrapped")

    def __init__(self) -> None:
        self.segs: list[Piece] = []
        self.n = 0
        self.chars: list[str] | None = None
        self.codes = _NO_CODES
        self.wrapped = 0

    def cells(self, columns: int) -> tuple[list[str], list[int]]:
        """Turn to random access; gives (chars, codes), each `columns` long."""
        if self.chars is not None:
            return self.chars, self.codes
        chars: list[str] = []
        codes: list[int] = []
        for text, code, width in self.segs:
            if width == 1:
                chars += text
                codes += [code] * len(text)
            else:
                part = spread(text)
                chars += part
                codes += [code] * len(part)
        pad = columns - len(chars)
        if pad > 0:
            chars += " " * pad
            codes += [0] * pad
        self.chars, self.codes, self.segs = chars, codes, []
        return chars, codes

    def clear(self) -> None:
        """Make the line blank in the default style."""
        self.segs = []
        self.n = 0
        self.chars = None
        self.codes = _NO_CODES
        self.wrapped = 0

    def pieces(self) -> list[tuple[str, int]]:
        """(text, style code) from left to right; may end in blanks."""
        if self.chars is None:
            return [(text, code) for text, code, _ in self.segs]
        out: list[tuple[str, int]] = []
        x = 0
        for code, group in groupby(self.codes):
            count = sum(1 for _ in group)
            out.append(("".join(self.chars[x : x + count]), code))
            x += count
        return out

    def text(self, columns: int) -> str:
        """The line padded to the screen's width."""
        if self.chars is None:
            return "".join([seg[0] for seg in self.segs]) + " " * (columns - self.n)
        return "".join(self.chars)

    def packed(self) -> Kept:
        """What the scrollback keeps: a bare string for a plain line, a few pieces as they are."""
        if self.chars is not None:
            if self.wrapped == GAP:
                del self.chars[-1], self.codes[-1]
            return packed(self.pieces(), is_wrapped=bool(self.wrapped))
        segs = self.segs
        if not self.wrapped:
            if not segs:
                return ""
            if len(segs) == 1 and not segs[0][1]:
                return segs[0][0]
        if len(segs) <= MAX_PIECES:
            return int(self.wrapped > 0), tuple(segs)
        return packed(self.pieces(), is_wrapped=bool(self.wrapped))


def plain_row(text: str, code: int) -> Row:
    """A line of narrow characters in one style."""
    row = Row()
    if text:
        row.segs.append((text, code, 1))
        row.n = len(text)
    return row


def packed(pieces: list[tuple[str, int]], *, is_wrapped: bool) -> Many:
    """(text, style code) from left to right as the scrollback keeps it; blanks at the end are left out."""
    while pieces and not is_wrapped:  # a wrapped line is full, its blanks count when it is joined
        text, code = pieces[-1]
        text = text if code else text.rstrip(" ")
        if text:
            pieces[-1] = text, code
            break
        del pieces[-1]
    text = "".join([text for text, _ in pieces])
    lengths = array("I", [len(text) for text, _ in pieces])
    return int(is_wrapped), text, lengths, array("Q", [code for _, code in pieces])


def is_wrapped(line: Kept) -> bool:
    """Whether the next line continues this one."""
    return not isinstance(line, str) and line[0] > 0


def pieces_of(line: Kept) -> list[tuple[str, int]]:
    """(text, style code) of a line of the scrollback, from left to right."""
    if isinstance(line, str):
        return [(line, 0)] if line else []
    if len(line) == 2:
        return [(text, code) for text, code, _ in line[1]]
    out: list[tuple[str, int]] = []
    _, text, lengths, codes = line
    start = 0
    for length, code in zip(lengths, codes, strict=True):
        out.append((text[start : start + length], code))
        start += length
    return out


def most_columns(line: Kept) -> int:
    """How many columns a line takes, or more: told by its lengths alone."""
    if isinstance(line, str):
        return len(line) if line.isascii() else len(line) * 2
    if len(line) == 2:
        return sum(len(text) * (width or 2) for text, _, width in line[1])
    return len(line[1]) if line[1].isascii() else len(line[1]) * 2


def cells_of(line: Kept) -> tuple[list[str], list[int]]:
    """Cells and style codes of a line of the scrollback."""
    chars: list[str] = []
    codes: list[int] = []
    for text, code in pieces_of(line):
        part = list(text) if text.isascii() else clusters(text)
        chars += part
        codes += [code] * len(part)
    return chars, codes


def runs_of(pieces: list[tuple[str, int]], flip: int = 0) -> Runs:
    """Pieces with their styles, equal neighbours joined, blanks at the end left out.

    Args:
        pieces: (text, style code) from left to right.
        flip: Style bits to invert, for a screen in reverse video.
    """
    out: Runs = []
    parts: list[str] = []
    last = -1
    for text, code in pieces:
        if code == last:
            parts.append(text)
        else:
            if parts:
                out.append(("".join(parts), style_of(last ^ flip)))
            parts, last = [text], code
    if parts:
        text = "".join(parts)
        if not last and not flip:
            text = text.rstrip(" ")
        if text:
            out.append((text, style_of(last ^ flip)))
    return out


def row_of(chars: list[str], codes: list[int], columns: int, *, wrapped: int) -> Row:
    """A screen line of given cells, cut or filled to the width."""
    row = Row()
    pad = columns - len(chars)
    row.chars = chars[:columns] + [" "] * pad
    row.codes = codes[:columns] + [0] * pad
    if pad < 0 and not chars[columns]:  # a wide character that was cut in two is gone
        row.chars[-1], row.codes[-1] = " ", 0
    row.wrapped = wrapped
    return row
