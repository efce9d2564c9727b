"""The first frame: where one is, and what will be here; up until the rest of the program is loaded."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import Screen

from agentdash.present.cells import Cell, Tone
from agentdash.ui.bars import view_cells
from agentdash.ui.front import Front
from agentdash.ui.widgets.statusbar import StatusLine


class OpeningScreen(Screen[Any], inherit_bindings=False):
    """Title, views, and a sentence; laid out as the views are, so that nothing jumps when the first one comes.

    Args:
        front: What is known by now.
    """

    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = ""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self._front = front

    def compose(self) -> ComposeResult:
        """Frame of every view."""
        signs = self._front.signs
        yield StatusLine(id="title", signs=signs)
        yield StatusLine(id="views", signs=signs)
        with Vertical(id="content"):
            yield StatusLine(id="what", signs=signs)
        yield StatusLine(id="footer", signs=signs)

    def on_mount(self) -> None:
        """Say where one is."""
        front = self._front
        settings = front.settings
        where = "this machine" if settings.url is None else urlsplit(settings.url).netloc
        title = [Cell("agentdash", Tone.BRIGHT), Cell(where, Tone.DIM)]
        right = [Cell("READ-ONLY", Tone.WARN)] if settings.read_only else []
        self.query_one("#title", StatusLine).show(title)
        self.query_one("#views", StatusLine).show(view_cells(front.keys, front.signs, "fleet", {}), right)
        what = "Agents come here as they are read, what is wrong with them first."
        self.query_one("#what", StatusLine).show([Cell(what, Tone.DIM)])
