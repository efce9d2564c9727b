"""A strip of names with state marks, one of them active: the panes of a narrow screen, the sources of a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from agentdash.present.cells import Cell, Span, Tone
from agentdash.text.width import cell_width
from agentdash.ui.widgets.statusbar import StatusLine

__all__ = ["Tab", "TabStrip"]


@dataclass(frozen=True, slots=True)
class Tab:
    """One name.

    Attributes:
        key: What it stands for.
        label: The name, with its digit if it has one.
        mark: Sign of its state after the name.
    """

    key: str
    label: str
    mark: Cell = Cell("")  # noqa: RUF009 - a cell is frozen


class TabStrip(StatusLine):
    """Names side by side; without room for all, those around the active one."""

    class TabChosen(Message):
        """A click on a name."""

        def __init__(self, strip: TabStrip, key: str) -> None:
            super().__init__()
            self.strip = strip
            self.key = key

        @property
        def control(self) -> TabStrip:
            """The strip that says so."""
            return self.strip

    _tabs: tuple[Tab, ...] = ()
    _active: str = ""
    _first: int = 0

    def set_tabs(self, tabs: Sequence[Tab], active: str) -> None:
        """Show names and which of them is active."""
        self._tabs, self._active = tuple(tabs), active
        self._lay_out()

    def on_resize(self) -> None:
        """Show as many names as there is room for."""
        self._lay_out()

    def _lay_out(self) -> None:
        cells = [self._cell(tab, is_active=tab.key == self._active) for tab in self._tabs]
        at = next((i for i, tab in enumerate(self._tabs) if tab.key == self._active), 0)
        room = self.size.width - 2 * self._margin
        self._first = 0
        while self._first < at and room > 0:
            shown = cells[self._first : at + 1]
            if sum(cell_width(cell.text) for cell in shown) + self._gap * (len(shown) - 1) <= room:
                break
            self._first += 1
        self.show(cells[self._first :])

    def on_status_line_cell_clicked(self, message: StatusLine.CellClicked) -> None:
        """Say which tab it is."""
        message.stop()
        self.post_message(self.TabChosen(self, self._tabs[self._first + message.index].key))

    def _cell(self, tab: Tab, *, is_active: bool) -> Cell:
        tone = Tone.BRIGHT if is_active else Tone.DIM
        label = f"{self.signs.cursor if is_active else ' '}{tab.label}"
        bar = (Span(0, 1, Tone.ACCENT),)
        if not tab.mark.text:
            return Cell(label, tone, bar)
        text = f"{label} {tab.mark.text}"
        return Cell(text, tone, (*bar, Span(len(label) + 1, len(text), tab.mark.tone)))
