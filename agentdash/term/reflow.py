"""Resizing as tmux does it: lines that were wrapped are joined and wrapped anew, on screen and above it."""

from __future__ import annotations

from typing import Final

from agentdash.term.cells import is_wide
from agentdash.term.row import (
    FULL,
    GAP,
    Kept,
    Row,
    cells_of,
    is_wrapped,
    most_columns,
    packed,
    pieces_of,
    row_of,
)
from agentdash.term.style import BG

WIDE_SIGN: Final = "\ufffd"
"""Stands for a wide character where only one column is left."""


class _Logical:
    """What the program wrote as one line, over several rows."""

    __slots__ = ("chars", "codes")

    def __init__(self) -> None:
        self.chars: list[str] = []
        self.codes: list[int] = []

    def add(self, chars: list[str], codes: list[int]) -> None:
        self.chars += chars
        self.codes += codes

    def trim(self) -> None:
        """Leave out the blanks at the end, also those a coloured erase left."""
        chars, codes = self.chars, self.codes
        end = len(chars)
        while end and chars[end - 1] == " " and not codes[end - 1] & ~BG:
            end -= 1
        del chars[end:], codes[end:]

    def squeeze(self) -> None:
        """For a screen of one column: wide characters do not fit anywhere."""
        kept = [(char, code) for char, code in zip(self.chars, self.codes, strict=True) if char]
        kept = [(WIDE_SIGN if is_wide(char) else char, code) for char, code in kept]
        self.chars, self.codes = [char for char, _ in kept], [code for _, code in kept]

    def cut(self, columns: int) -> list[tuple[int, int]]:
        """Where each row of the new width begins and ends; a wide character is not cut in two."""
        self.trim()
        if columns == 1:
            self.squeeze()
        chars, total, start = self.chars, len(self.chars), 0
        out: list[tuple[int, int]] = []
        while total - start > columns:
            end = start + columns
            if not chars[end]:
                end -= 1
            out.append((start, end))
            start = end
        out.append((start, total))
        return out


def reflow_history(lines: list[Kept], columns: int) -> list[Kept]:
    """Scrollback lines wrapped to a new width; the last one must not be wrapped into the screen."""
    out: list[Kept] = []
    group: list[Kept] = []
    for line in lines:
        if not group and _fits(line, columns):
            out.append(line)
            continue
        group.append(line)
        if not is_wrapped(line):
            out += _wrapped_anew(group, columns)
            group = []
    return out + _wrapped_anew(group, columns) if group else out


def _fits(line: Kept, columns: int) -> bool:
    """Whether a line stays as it is; in doubt no."""
    return not is_wrapped(line) and most_columns(line) <= columns


def _wrapped_anew(group: list[Kept], columns: int) -> list[Kept]:
    """The rows of one line the program wrote; in pieces where every character takes one column."""
    pieces = [piece for line in group for piece in pieces_of(line)]
    while pieces and not pieces[-1][1] & ~BG and not pieces[-1][0].rstrip(" "):
        pieces.pop()
    if pieces and not pieces[-1][1] & ~BG:
        pieces[-1] = pieces[-1][0].rstrip(" "), pieces[-1][1]
    if all(text.isascii() for text, _ in pieces):
        return _cut_pieces(pieces, columns)
    joined = _Logical()
    for line in group:
        joined.add(*cells_of(line))
    spans = joined.cut(columns)
    return [
        row_of(joined.chars[start:end], joined.codes[start:end], end - start, wrapped=at < len(spans) - 1).packed()
        for at, (start, end) in enumerate(spans)
    ]  # fmt: skip


def _cut_pieces(pieces: list[tuple[str, int]], columns: int) -> list[Kept]:
    """Rows of pieces of narrow characters."""
    out: list[Kept] = []
    row: list[tuple[str, int]] = []
    room = columns
    for text, code in pieces:
        at = 0
        while len(text) - at > room:
            if room:
                row.append((text[at : at + room], code))
                at += room
            out.append(packed(row, is_wrapped=True))
            row, room = [], columns
        row.append((text[at:], code))
        room -= len(text) - at
    if len(row) > 1 or (row and row[0][1]):
        return [*out, packed(row, is_wrapped=False)]
    return [*out, row[0][0].rstrip(" ") if row else ""]


class Reflowed:
    """The result of `reflow_screen`: rows, what overflowed at the top is for the caller to cut off."""

    __slots__ = ("rows", "x", "y")

    def __init__(self, rows: list[Row], x: int, y: int) -> None:
        self.rows, self.x, self.y = rows, x, y


def reflow_screen(
    head: list[Kept], rows: list[Row], old_columns: int, columns: int, cursor: tuple[int, int]
) -> Reflowed:
    """Wrap the screen's rows to a new width.

    Args:
        head: The scrollback lines that are wrapped into the first row, if any.
        rows: The screen's rows.
        old_columns: Their width.
        columns: The new width.
        cursor: Its column and row in the old picture.

    Returns:
        All rows of the new picture from the first of `head` on, and where the cursor is in it.
    """
    out: list[Row] = []
    x, y = cursor
    new_x = new_y = 0
    joined = _Logical()
    at: int | None = None  # cells before the cursor in the line being joined
    for line in head:
        joined.add(*cells_of(line))
    for number, row in enumerate(rows):
        if number == y:
            at = len(joined.chars) + x
        used = old_columns - (row.wrapped == GAP)
        chars, codes = row.cells(old_columns)
        joined.add(chars[:used], codes[:used])
        if row.wrapped and number + 1 < len(rows) and not _is_empty(rows[number + 1]):
            continue
        if at is not None:
            new_x, new_y = _locate(joined, at, columns)
            new_y += len(out)
        out += _rows(joined, columns)
        joined, at = _Logical(), None
    return Reflowed(out, new_x, new_y)


def _is_empty(row: Row) -> bool:
    """Whether a wrapped line cannot go on here: what it went on in was erased."""
    return not row.wrapped and not row.text(0).strip(" ")


def _rows(joined: _Logical, columns: int) -> list[Row]:
    spans = joined.cut(columns)
    return [
        row_of(
            joined.chars[start:end],
            joined.codes[start:end],
            columns,
            wrapped=0 if at == len(spans) - 1 else FULL if end - start == columns else GAP,
        )
        for at, (start, end) in enumerate(spans)
    ]


def _locate(joined: _Logical, at: int, columns: int) -> tuple[int, int]:
    """Column and row of the cell `at` of a joined line; behind its end on its last row."""
    spans = joined.cut(columns)
    for number, (start, end) in enumerate(spans):
        if at < end or number == len(spans) - 1:
            return min(at - start, columns if at <= end else columns - 1), number
    return 0, 0


def text_of(line: Kept | Row) -> str:
    """The characters of a line, trailing blanks left out unless the line goes on."""
    if isinstance(line, Row):
        text = "".join([text for text, _ in line.pieces()])
        if line.wrapped == GAP and line.chars is not None:
            return text[:-1]  # the column a wide character left free
        return text if line.wrapped else text.rstrip(" ")
    text = "".join([text for text, _ in pieces_of(line)])
    return text if is_wrapped(line) else text.rstrip(" ")
