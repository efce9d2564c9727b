"""Pane 1: how the agent is, and the facts behind it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from agentdash.present.describe import health_facts
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.factlist import facts_of
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.facts import Facts
from agentdash.ui.widgets.glyphs import Signs


class HealthPane(AgentPane):
    """Verdict, times, versions, warnings."""

    NAME = "Health"
    SCOPE = "health"

    def __init__(self, number: int, *, signs: Signs) -> None:
        super().__init__(number, signs=signs)
        self.facts = Facts(signs=signs)

    def compose(self) -> Sequence[Widget]:
        """The facts."""
        return [self.facts]

    def focus_target(self) -> Widget:
        """The facts."""
        return self.facts

    def refresh_content(self, view: AgentView) -> None:
        """Show the facts."""
        self.facts.set_facts(
            facts_of(
                health_facts(
                    view.workspace,
                    view.agent,
                    view.verdict,
                    view.now,
                    server=view.state.server,
                    history=view.history,
                    findings=view.findings,
                    group=view.group,
                    glyphs=view.glyphs,
                )
            )
        )
