"""Places in a log whose lines may be several rows high: arithmetic without a terminal.

A place is the index of the line at the upper edge and which of its rows stands there. Heights are asked for only around
the place, so a million wrapped lines cost what a screen of them costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Place = tuple[int, int]
HeightOf = Callable[[int], int]


def end_place(count: int, height: int, height_of: HeightOf) -> Place:
    """The place at which the last row stands at the lower edge of a screen of `height` rows."""
    index, left = count, max(1, height)
    while index > 0 and left > 0:
        index -= 1
        left -= height_of(index)
    return index, max(0, -left)


def walk(place: Place, rows: int, count: int, height_of: HeightOf) -> Place:
    """The place some rows further down (or up, if negative), within the lines."""
    index, row = place
    while rows < 0 and (index, row) > (0, 0):
        if row:
            step = min(row, -rows)
            row, rows = row - step, rows + step
        else:
            index, rows = index - 1, rows + 1
            row = height_of(index) - 1
    while rows > 0 and index < count:
        below = height_of(index) - 1 - row
        if below > 0:
            step = min(below, rows)
            row, rows = row + step, rows - step
        elif index + 1 < count:
            index, row, rows = index + 1, 0, rows - 1
        else:
            break
    return index, row


def rows_from(place: Place, count: int, height: int, height_of: HeightOf) -> Iterator[Place]:
    """Line and row of each row of the screen, from above; fewer than `height` at the end of the lines."""
    index, row = place
    while height > 0 and index < count:
        last = height_of(index)
        for at in range(min(row, last - 1), last):
            yield index, at
            height -= 1
            if not height:
                return
        index, row = index + 1, 0
