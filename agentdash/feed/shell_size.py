"""Which size is told to a session, and when: the backends differ (contract: pty.md §8).

A size is (rows, columns).
"""

from __future__ import annotations

import re
from typing import Final

Size = tuple[int, int]

SETTLE_S: Final = 1.2
"""Two changes within a second cancel each other in the `screen` backend."""
_PLACES: Final = re.compile(rb"\x1b\[(\d{1,3})(?:;\d{1,4})?[Hfd]|\x1b\[\d{0,3};(\d{1,3})r")
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


def rows_drawn_on(output: bytes, rows: int) -> int:
    """The lowest row below ours that a full-screen program addresses, 0 if there is none.

    The wire does not tell that another client has given the session its size; a program that draws below our last row
    does. A smaller one shows no such sign.
    """
    lowest = 0
    for match in _PLACES.finditer(output):
        row = int(match[1] or match[2])
        if rows < row < PROBE_ROWS:
            lowest = max(lowest, row)
    return lowest
