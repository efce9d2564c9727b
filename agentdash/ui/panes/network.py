"""Pane 9: both links to the relays, which way traffic goes, and how the start went on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.widget import Widget

from agentdash.actions.action import key_label
from agentdash.actions.guard import READ_ONLY, check
from agentdash.actions.registry import action
from agentdash.actions.target import Target
from agentdash.present.cells import Cell, joined
from agentdash.present.describe import (
    bar_lines,
    empty_place,
    link_sentence,
    network_facts,
    node_facts,
    relay_rows,
    relay_table,
    startup,
)
from agentdash.present.tables import LabelledFact
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.factlist import facts_of
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.facts import SIGN_WIDTH, Facts
from agentdash.ui.widgets.glyphs import Signs

BAR_MARGIN = 30
"""Cells of a bar's label, length and note."""
ASK = action("network-node")


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

    def on_resize(self, event: events.Resize) -> None:
        """The columns are as wide as there is room."""
        del event
        if self.view is not None:
            self.refresh_content(self.view)

    def refresh_content(self, view: AgentView) -> None:
        """Show the sentence, the relays, the ways, and the bars of the start."""
        connection = view.detail.connection
        facts = [*self._relays(view), *self._ways(view)]
        bars = self._bars(view)
        if facts and bars:
            facts.append(LabelledFact("", Cell(" ")))
        self.facts.set_empty(empty_place("network", view.agent, connection))
        self.facts.set_facts(facts_of([*facts, *bars]))

    def _relays(self, view: AgentView) -> list[LabelledFact]:
        detail, agent = view.detail, view.agent
        links = detail.links.value
        rows = relay_rows(agent, detail.connection.value, links, detail.node.value)
        is_measuring = links is None or not links.is_complete
        if detail.links.problem is not None:
            is_measuring = False
        sentence = link_sentence(rows, is_connected=agent.is_connected, is_measuring=is_measuring)
        width = max(1, self.facts.body_width - SIGN_WIDTH)
        table = relay_table(rows, width, is_measuring=is_measuring, glyphs=view.glyphs)
        found = [LabelledFact("", view.glyphs.cell(sentence))] if sentence.text else []
        found += [LabelledFact("", line) for line in table]
        return [*found, LabelledFact("", Cell(" "))] if found else []

    def _ways(self, view: AgentView) -> list[LabelledFact]:
        detail = view.detail
        connection = detail.connection.value
        if connection is None:
            return []
        found = [*network_facts(view.agent, connection, detail.node.value, glyphs=view.glyphs)]
        found += node_facts(
            detail.node,
            connection,
            view.now,
            key=self._key_to_ask(),
            refusal=self._refusal(view),
            glyphs=view.glyphs,
        )
        return found

    def _key_to_ask(self) -> str:
        bound = self.agent_screen.context.keys.get(ASK.id)
        return key_label(bound.keys[0]) if bound is not None and bound.keys else ""

    def _refusal(self, view: AgentView) -> str:
        read_only = self.agent_screen.context.read_only
        guard = check(ASK, [Target(view.key)], view.state, read_only=read_only, now=view.now)
        if guard.reason == READ_ONLY:
            return "not asked in read-only mode: asking leaves a connection log entry"
        return guard.reason

    def _bars(self, view: AgentView) -> list[LabelledFact]:
        timings = view.detail.timings.value
        timeline = startup(view.workspace.build, view.agent, timings, view.now, view.history)
        width = max(8, self.facts.size.width - BAR_MARGIN)
        return [
            LabelledFact(label.text.strip(), joined(bar, note), length)
            for label, bar, length, note in bar_lines(timeline, width, glyphs=view.glyphs)
        ]

    def do_network_measure(self) -> None:
        """m"""
        feed = self.agent_screen.context.feed
        if feed is not None:
            feed.measure_links()
            self.agent_screen.say("measuring the relays from here")
