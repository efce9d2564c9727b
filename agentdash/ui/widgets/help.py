"""Help over the present screen: sections of keys and what they do, made by the owner from what works right now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.facts import Fact, Facts
from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.glyphs import UNICODE, Signs


@dataclass(frozen=True, slots=True)
class HelpSection:
    """A heading and its rows of (key, text)."""

    title: str
    rows: tuple[tuple[str, str], ...]


def facts_of(sections: Sequence[HelpSection]) -> list[Fact]:
    """The sections as one list."""
    facts: list[Fact] = []
    for number, section in enumerate(sections):
        if facts:
            facts.append(Fact(f"{number}", "", Cell(""), is_wide=True))
        facts.append(Fact(f"{number}.", "", Cell(section.title, Tone.BRIGHT), is_wide=True))
        facts += [
            Fact(f"{number}.{at}", key, Cell(text), Tone.ACCENT)
            for at, (key, text) in enumerate(section.rows)
        ]
    return facts


class Help(ModalScreen[None]):
    """Overlay with the help.

    Args:
        sections: What to show.
        title: Heading of the frame.
        signs: The set of signs.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "close", "Close", show=False, id="help-close"),
    ]

    def __init__(
        self, sections: Sequence[HelpSection], *, title: str = "Help", signs: Signs = UNICODE
    ) -> None:
        super().__init__()
        self._sections = tuple(sections)
        self._title = title
        self._signs = signs

    def compose(self) -> ComposeResult:
        """A frame around the lines."""
        pane = Pane(self._title, signs=self._signs)
        with pane:
            yield Facts(facts_of(self._sections), signs=self._signs)
        pane.set_freshness("esc closes")

    def on_click(self, event: events.Click) -> None:
        """A click beside the frame closes."""
        if event.widget is self:
            self.dismiss(None)

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)
