"""Where cursor and view go when the rows below them change: arithmetic without a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def follow(key: str, at: int, before: Sequence[str], after: Sequence[str]) -> int:
    """Index of the cursor after a change of rows: on its key, or on the nearest old neighbour that is left.

    Args:
        key: What the cursor stood on.
        at: Its index before.
        before: Rows before the change.
        after: Rows now, at least one.
    """
    try:
        return after.index(key)
    except ValueError:
        position = {row: index for index, row in enumerate(after)}
    for distance in range(1, len(before)):
        for neighbour in (at + distance, at - distance):
            if 0 <= neighbour < len(before) and before[neighbour] in position:
                return position[before[neighbour]]
    return min(at, len(after) - 1)


def steady_top(
    top: int, cursor_before: int, cursor: int, before: Sequence[str], after: Sequence[str], *, height: int
) -> int:
    """First row of the view after a change of rows.

    With the cursor in sight it keeps its line on the screen, except that a view at its top stays there as long as the
    cursor does not leave it: what is worst arrives above and must be seen. A user who scrolled away from the cursor
    keeps looking at the same rows.

    Args:
        top: First row of the view before.
        cursor_before: Index of the cursor before.
        cursor: Index of the cursor now.
        before: Rows before the change.
        after: Rows now.
        height: Rows of the view.
    """
    height = max(1, height)
    offset = cursor_before - top
    if not 0 <= offset < height:
        try:
            wanted = after.index(before[top]) if 0 < top < len(before) else 0
        except ValueError:
            wanted = top
    elif top == 0 and cursor < height:
        wanted = 0
    else:
        wanted = cursor - offset
    return max(0, min(wanted, len(after) - height))
