"""Where the columns of a table stand at a given width: arithmetic without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentdash.ui.widgets.painting import Align, Cut

GAP = 2
"""Blank cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. Widths are terminal cells.

    Attributes:
        id: Name for sorting and for the user's choice of columns.
        title: Heading.
        width: Wanted width; None means `min_width` and whatever `flex` brings.
        min_width: Narrowest useful width; below it the column vanishes. 0 means `width`.
        flex: Share of the room that is left over.
        align: Words left, numbers right.
        priority: Columns of the lowest priority vanish first when there is no room.
        cut: Names are cut in the middle, sentences at the end.
    """

    id: str
    title: str
    width: int | None = None
    min_width: int = 0
    flex: int = 0
    align: Align = "left"
    priority: int = 0
    cut: Cut = "end"

    @property
    def least(self) -> int:
        """Narrowest useful width."""
        return self.min_width or self.width or 1


@dataclass(frozen=True, slots=True)
class Placed:
    """A column that is shown: its index among all columns, where it starts and how wide it is."""

    index: int
    column: Column
    x: int
    width: int


def lay_out(columns: Sequence[Column], width: int, *, gap: int = GAP) -> tuple[Placed, ...]:
    """Choose and place the columns that fit.

    Columns vanish by priority, the right one first among equals; at least one remains. What is left goes to wanted
    widths in order of priority, then to flexible columns by their share.

    Args:
        columns: All columns, left to right.
        width: Room in cells.
        gap: Blank cells between two columns.
    """
    shown = list(range(len(columns)))
    while len(shown) > 1 and sum(columns[i].least for i in shown) + gap * (len(shown) - 1) > width:
        shown.remove(min(shown, key=lambda i: (columns[i].priority, -i)))
    widths = {i: min(columns[i].least, max(1, width)) for i in shown}
    spare = max(0, width - sum(widths.values()) - gap * (len(shown) - 1))
    for i in sorted(shown, key=lambda i: (-columns[i].priority, i)):
        wanted = columns[i].width or 0
        more = min(spare, max(0, wanted - widths[i]))
        widths[i] += more
        spare -= more
    shares = sum(columns[i].flex for i in shown)
    left = spare
    for i in shown:
        if columns[i].flex and shares:
            more = left * columns[i].flex // shares
            widths[i] += more
            left -= more
            shares -= columns[i].flex
    placed, x = [], 0
    for i in shown:
        placed.append(Placed(i, columns[i], x, widths[i]))
        x += widths[i] + gap
    return tuple(placed)
