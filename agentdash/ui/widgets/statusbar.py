"""One-line widgets made of cells: title line, view line, footer. Equal cells cost nothing.

Example::

    line = StatusLine()
    line.show([Cell("agentdash", Tone.BRIGHT), Cell("coder.example.com")], [Cell("● live"), Cell("12:04Z")])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from agentdash.present.cells import Cell, Span, Tone
from agentdash.text.width import cell_width
from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.painting import COMPONENTS, TONE_CSS, Ground, Palette, fit, line_strip

Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a cell stands on the line: its side and index, its first column and its width."""

    side: Side
    index: int
    x: int
    width: int


def hint(key: str, text: str) -> Cell:
    """A key and what it does, as one cell of a footer."""
    return Cell(f"{key} {text}", Tone.DIM, (Span(0, len(key), Tone.ACCENT),))


def arrange(
    left: Sequence[Cell], right: Sequence[Cell], width: int, *, gap: int, margin: int, ellipsis: str
) -> tuple[list[Cell], list[Spot]]:
    """Put cells on a line.

    Without room the right side gives way first, its first cell before its last; then the left side from its end. A cell
    is shown whole or not at all, except the first.

    Returns:
        Cells that fill the line, blanks included, and where the given ones stand.
    """
    room = max(0, width - 2 * margin)
    lefts, rights = list(enumerate(left)), list(enumerate(right))

    def needed() -> int:
        shown = [cell_width(cell.text) for _, cell in lefts + rights]
        return sum(shown) + gap * max(0, len(shown) - 1)

    while rights and needed() > room:
        rights.pop(0)
    while len(lefts) > 1 and needed() > room:
        lefts.pop()
    cells, spots, x = [Cell(" " * margin)], list[Spot](), margin
    for at, (index, cell) in enumerate(lefts):
        shown = cell if cell_width(cell.text) <= room else fit(cell, room, ellipsis=ellipsis)
        if at:
            cells.append(Cell(" " * gap))
            x += gap
        spots.append(Spot("left", index, x, cell_width(shown.text)))
        cells.append(shown)
        x += cell_width(shown.text)
    wide = sum(cell_width(cell.text) for _, cell in rights) + gap * max(0, len(rights) - 1)
    blank = max(0, width - margin - wide - x)
    cells.append(Cell(" " * blank))
    x += blank
    for at, (index, cell) in enumerate(rights):
        if at:
            cells.append(Cell(" " * gap))
            x += gap
        spots.append(Spot("right", index, x, cell_width(cell.text)))
        cells.append(cell)
        x += cell_width(cell.text)
    return cells, spots


class StatusLine(Widget):
    """A line of cells at both ends.

    Args:
        gap: Blanks between two cells.
        margin: Blanks at both ends.
        signs: The set of signs.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)
    DEFAULT_CSS = "StatusLine { height: 1; width: 1fr; " + TONE_CSS + "}"

    class CellClicked(Message):
        """A click on one of the cells."""

        def __init__(self, line: StatusLine, side: Side, index: int) -> None:
            super().__init__()
            self.line = line
            self.side = side
            self.index = index

        @property
        def control(self) -> StatusLine:
            """The line that says so."""
            return self.line

    def __init__(
        self,
        *,
        gap: int = 2,
        margin: int = 1,
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.signs = signs
        self._gap = gap
        self._margin = margin
        self._left: tuple[Cell, ...] = ()
        self._right: tuple[Cell, ...] = ()
        self._spots: list[Spot] = []

    def show(self, left: Sequence[Cell], right: Sequence[Cell] = ()) -> None:
        """Show cells; nothing is repainted if they are the ones that are shown."""
        if tuple(left) == self._left and tuple(right) == self._right:
            return
        self._left, self._right = tuple(left), tuple(right)
        self.refresh()

    @property
    def text(self) -> str:
        """The line as text."""
        return "".join(cell.text for cell in self._arranged())

    def _arranged(self) -> list[Cell]:
        cells, self._spots = arrange(
            self._left,
            self._right,
            self.size.width,
            gap=self._gap,
            margin=self._margin,
            ellipsis=self.signs.ellipsis,
        )
        return cells

    def render_line(self, y: int) -> Strip:
        """Draw the line."""
        del y
        palette = Palette(self)
        return line_strip(
            self._arranged(), self.size.width, palette.on(Ground.BASE), ellipsis=self.signs.ellipsis
        )

    def on_click(self, event: events.Click) -> None:
        """Tell which cell was clicked."""
        at = event.get_content_offset(self)
        for spot in self._spots:
            if at is not None and spot.x <= at.x < spot.x + spot.width:
                self.post_message(self.CellClicked(self, spot.side, spot.index))
                return
