"""Pane 9: relays, latencies, and how the start went on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from agentdash.present.cells import joined
from agentdash.present.describe import (
    bar_lines,
    empty_place,
    network_facts,
    region_lines,
    startup,
)
from agentdash.present.tables import LabelledFact
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.factlist import facts_of
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.facts import Facts
from agentdash.ui.widgets.glyphs import Signs

BAR_MARGIN = 30
"""Cells of a bar's label, length and note."""


class NetworkPane(AgentPane):
    """Network and timeline in one list."""

    NAME = "Network"
    SCOPE = "network"

    def __init__(self, number: int, *, signs: Signs) -> None:
        super().__init__(number, signs=signs)
        self.facts = Facts(signs=signs)

    def compose(self) -> Sequence[Widget]:
        """The list."""
        return [self.facts]

    def focus_target(self) -> Widget:
        """The list."""
        return self.facts

    def refresh_content(self, view: AgentView) -> None:
        """Show relays, settings and the bars of the start."""
        connection = view.detail.connection.value
        facts = list(network_facts(view.agent, connection, glyphs=view.glyphs))
        facts += [
            LabelledFact(line.cells[1].text, line.cells[3], line.cells[4])
            for line in region_lines(view.agent, connection, glyphs=view.glyphs)
        ]
        timeline = startup(
            view.workspace.build, view.agent, view.detail.timings.value, view.now, view.history
        )
        width = max(8, self.facts.size.width - BAR_MARGIN)
        facts += [
            LabelledFact(label.text.strip(), joined(bar, note), length)
            for label, bar, length, note in bar_lines(timeline, width, glyphs=view.glyphs)
        ]
        self.facts.set_empty(empty_place("network", view.agent, view.detail.connection))
        self.facts.set_facts(facts_of(facts))
