"""Which size is told to a session, and when: the backends differ (contract: pty.md §8).

A size is (rows, columns).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Size = tuple[int, int]

SETTLE_S: Final = 1.2
"""Two changes within a second cancel each other in the `screen` backend."""
_PLACES: Final = re.compile(rb"\x1b\[(?:(\d{1,3})(?:;(\d{1,4}))?[Hfd]|\d{0,3};(\d{1,3})r)")
_CLEAR: Final = b"\x1b[2J"
SMALL_AFTER_S: Final = 1.0
"""A program has drawn itself anew by then."""
OF_A_KEY_S: Final = 2.0
"""What is drawn so soon after a key of ours is its answer."""
LEAST_ROWS: Final = 4
PROBE_ROWS: Final = 500
"""Programs that look for the size of a terminal go to row 999 or the like: that is no row they draw on."""


class Sizing:
    """What to attach with and what to send after, for one session."""

    def __init__(self, *, is_screen: bool = False) -> None:
        self._is_screen = is_screen
        self._attached: Size | None = None
        self._is_held = False
        self._told: Size | None = None
        """The size the session had last."""

    def attach(self, size: Size, *, is_return: bool) -> Size:
        """The size of the query.

        The replay of a full-screen program is no picture of it, and a change of size makes it draw itself anew (contract:
        pty.md §9.1): a return to a `buffered` session attaches one row smaller and grows. A `screen` session paints
        itself, but in the size it had, and follows none before the first key.
        """
        rows, columns = size
        if self._is_screen:
            self._is_held = is_return
            self._attached = self._told if is_return and self._told is not None else size
        else:
            self._is_held = False
            self._attached = (max(1, rows - 1), columns) if is_return else size
        return self._attached

    def opened(self, size: Size) -> list[Size]:
        """What to send once attached."""
        if self._is_held or self._attached == size:
            self._told = self._attached
            return []
        self._told = size
        return [size]

    def resized(self, size: Size) -> list[Size]:
        """What to send when the pane has changed."""
        if self._is_held:
            return []
        self._told = size
        return [size]

    def first_key(self, size: Size) -> list[tuple[float, Size]]:
        """What to send, after how many seconds each, when a person has typed; empty after the first time."""
        if not self._is_held:
            return []
        self._is_held, attached, self._told = False, self._attached, size
        if attached != size:
            return [(0.0, size)]
        rows, columns = size
        return [(0.0, (rows + 1 if rows == 1 else rows - 1, columns)), (SETTLE_S, size)]

    def redraw(self, size: Size) -> list[tuple[float, Size]]:
        """What to send to make this size the session's, and the program draw itself anew."""
        rows, columns = size
        self._is_held, self._told = False, size
        wait = SETTLE_S if self._is_screen else 0.1
        return [(0.0, (rows + 1 if rows == 1 else rows - 1, columns)), (wait, size)]


class ForeignSize:
    """Notices that another client has set the session's size, by what a full-screen program draws.

    The wire does not tell it. A program that draws beyond our last row or column gives a larger size away. A smaller one
    shows when the program, unasked, draws itself anew, as it does when its size changes, and ends above the last row that
    it used before. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.rows = 0
        """Rows that it seems to draw for, if more than ours; else 0."""
        self._columns = 0
        self._less = 0
        self._key_at = -OF_A_KEY_S
        self._lowest = 0
        self._cleared_at: float | None = None
        self._had_last_row = False

    def ours(self) -> None:
        """Our size has just been set, or the session's picture begins anew."""
        self.rows = self._columns = self._less = self._lowest = 0
        self._cleared_at, self._had_last_row = None, False

    def typed(self, now: float) -> None:
        """A key of ours was sent."""
        self._key_at = now

    def saw(self, output: bytes, rows: int, columns: int, now: float) -> None:
        """A full-screen program wrote this."""
        before, clear, rest = output.rpartition(_CLEAR)
        self._saw(*_drawn_on(before if clear else rest), rows, columns)
        if clear:
            is_asked = now - self._key_at < OF_A_KEY_S
            is_whole = self._had_last_row or self._less > 0
            self._cleared_at = now if is_whole and not is_asked else None
            self._lowest, self._had_last_row = 0, False
            self._saw(*_drawn_on(rest), rows, columns)

    def _saw(self, drawn: set[int], corners: set[int], rows: int, columns: int) -> None:
        self.rows = max(self.rows, _beyond(drawn, rows))
        self._columns = max(self._columns, _beyond(corners, columns))
        self._place(drawn, rows)

    def place(self, output: bytes, rows: int) -> None:
        """Note how far down a full-screen program draws."""
        self._place(_drawn_on(output)[0], rows)

    def _place(self, drawn: set[int], rows: int) -> None:
        self._lowest = max([self._lowest, *(row for row in drawn if row <= rows)])
        if rows in drawn:
            self._had_last_row, self._less, self._cleared_at = True, 0, None

    def look(self, now: float, filled: Callable[[], int]) -> None:
        """Judge a picture that has been drawn anew.

        Args:
            filled: The lowest row that is not empty.
        """
        if self._cleared_at is not None and now - self._cleared_at >= SMALL_AFTER_S:
            self._cleared_at = None
            # A row that is addressed and the last one that is filled is where a program has its status line.
            self._less = self._lowest if self._lowest >= LEAST_ROWS and self._lowest == filled() else 0

    @property
    def sentence(self) -> str:
        """What to say of a width, or of a smaller size; empty if ours it is, as far as can be seen."""
        if self.rows:
            return ""
        if self._columns:
            return f"drawn for {self._columns} columns or more: another client has set the size; = sets ours"
        return (
            f"drawn for {self._less} rows, it seems: another client has set the size; = sets ours"
            if self._less
            else ""
        )


def _drawn_on(output: bytes) -> tuple[set[int], set[int]]:
    """Rows and columns that are addressed; once each, for a flood addresses the same ones again and again."""
    found = set(_PLACES.findall(output))
    rows = {int(row or last) for row, _, last in found}
    return rows, {int(column) for _, column, _ in found if column}


def _beyond(addressed: set[int], ours: int) -> int:
    """The farthest one beyond our size, 0 if there is none.

    The wire does not tell that another client has given the session its size; a program that draws below our last row
    does.
    """
    return max((number for number in addressed if ours < number < PROBE_ROWS), default=0)
