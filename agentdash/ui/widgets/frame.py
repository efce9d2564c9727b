"""A pane: one frame, its title on the upper left, its freshness on the lower right.

The frame is information: it is dim, in the accent colour while the focus is inside, and its texts repaint one edge
and nothing within.
"""

from __future__ import annotations

from typing import Self

from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.glyphs import ASCII, UNICODE, Signs

TONE_STYLES = {
    Tone.PLAIN: "$foreground",
    Tone.DIM: "$text-muted",
    Tone.BRIGHT: "bold $text",
    Tone.BROKEN: "$text-error",
    Tone.WARN: "$text-warning",
    Tone.WELL: "$text-success",
    Tone.ACCENT: "$text-accent",
}
"""Tones as styles of Textual's content, for places that are not lines of a line view."""


def content_of(*cells: Cell) -> Content:
    """Cells one after the other as content; their text is never read as markup."""
    parts = []
    for cell in cells:
        part = Content(cell.text).stylize(TONE_STYLES[cell.tone])
        for span in cell.spans:
            part = part.stylize(TONE_STYLES[span.tone], span.start, span.end)
        parts.append(part)
    return Content("").join(parts) if parts else Content("")


class Pane(Vertical):
    """Base of everything with a frame. Panes touch; nothing inside one has a frame of its own.

    Args:
        title: Name of the pane.
        number: Digit that gives it the focus, empty for none.
        signs: The set of signs; with the ASCII set the frame is ASCII too.
    """

    DEFAULT_CSS = """
    Pane {
        width: 1fr;
        height: 1fr;
        border: round $border-blurred;
        border-title-align: left;
        border-title-color: $text-muted;
        border-title-background: transparent;
        border-subtitle-align: right;
        border-subtitle-color: $text-muted;
        border-subtitle-background: transparent;
        &.-ascii { border: ascii $border-blurred; }
        &:focus-within, &:focus { border: round $border; border-title-style: bold; }
        &:nocolor:focus-within, &:nocolor:focus { border: heavy $border; }
        &.-ascii:focus-within, &.-ascii:focus { border: ascii $border; }
    }
    """

    def __init__(
        self,
        title: str,
        number: str = "",
        *,
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.signs = signs
        self.pane_title = title
        self.number = number
        self._state: tuple[Cell, ...] = ()
        self._freshness: Cell | None = None
        self._look: object = None
        self.set_class(signs is ASCII, "-ascii")
        self._border_title = self._title_content()

    def set_title_state(self, *cells: Cell) -> None:
        """Set what follows the name: a word of state or a count; without cells only the name stands there."""
        if cells != self._state:
            self._state = cells
            self._retitle()

    def set_pane_title(self, title: str) -> None:
        """Set the name."""
        if title != self.pane_title:
            self.pane_title = title
            self._retitle()

    def set_freshness(self, text: str, tone: Tone = Tone.DIM) -> None:
        """Set how fresh the content is: `live`, `5 s ago`, `retry in 4 s`, or why there is nothing."""
        cell = Cell(text, tone) if text else None
        if cell != self._freshness:
            self._freshness = cell
            self._border_subtitle = None if cell is None else content_of(cell)
            width, height = self.outer_size
            self._refresh_edge(Region(0, height - 1, width, 1))

    @property
    def title_text(self) -> str:
        """The whole title as text."""
        return self._title_content().plain

    @property
    def freshness_text(self) -> str:
        """What the lower border says."""
        return "" if self._freshness is None else self._freshness.text

    def _retitle(self) -> None:
        self._border_title = self._title_content()
        self._refresh_edge(Region(0, 0, self.outer_size.width, 1))

    def _title_content(self) -> Content:
        cells = [Cell(f"{self.number} ", Tone.ACCENT)] if self.number else []
        cells.append(Cell(self.pane_title, Tone.PLAIN))
        if self._state:
            cells.append(Cell(f" {self.signs.separator} ", Tone.DIM))
            cells += self._state
        return content_of(*cells)

    def _refresh_edge(self, *edges: Region) -> None:
        """Repaint parts of the frame, given from the upper left corner of the frame."""
        if self.is_mounted and self.outer_size:
            left, top = self.content_offset
            super().refresh(*(edge.translate((-left, -top)) for edge in edges))

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Repaint; when only the focus moved, the frame is all there is to repaint."""
        if regions or layout or recompose or not repaint or not self.is_mounted or not self.outer_size:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        edges = tuple((edge, color.with_alpha(1.0)) for edge, color in self.styles.border)
        look = (self.background_colors, self.outer_size)
        frame = (look, edges, self.styles.border_title_color, self.styles.border_title_style)
        before, self._look = self._look, frame
        if before == frame:
            return self
        if before is None or not isinstance(before, tuple) or before[0] != look:
            return super().refresh()
        width, height = self.outer_size
        self._refresh_edge(
            Region(0, 0, width, 1),
            Region(0, height - 1, width, 1),
            Region(0, 0, 1, height),
            Region(width - 1, 0, 1, height),
        )
        return self
