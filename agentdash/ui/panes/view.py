"""What a pane is given: one agent at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agentdash.present.glyphs import Glyphs
from agentdash.state.detail import AgentDetail
from agentdash.state.model import Agent, Transition, Workspace
from agentdash.state.state import State
from agentdash.state.views import Row
from agentdash.triage.finding import Finding, Group
from agentdash.triage.verdict import Verdict


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent with everything a pane needs to describe it.

    Attributes:
        state: What is known.
        row: Its row in the fleet.
        agent: The agent.
        verdict: What is said of it.
        now: Server time.
        glyphs: Set of signs.
        findings: All that the diagnosis found about it and its workspace.
        group: The common cause of what its verdict says.
    """

    state: State
    row: Row
    agent: Agent
    verdict: Verdict
    now: datetime
    glyphs: Glyphs
    findings: tuple[Finding, ...] = ()
    group: Group | None = None

    @property
    def workspace(self) -> Workspace:
        """Its workspace."""
        return self.row.workspace

    @property
    def key(self) -> str:
        """Key of its row."""
        return self.row.key

    @property
    def detail(self) -> AgentDetail:
        """Facts that are read while it is on screen."""
        return self.state.details.get(self.agent.id) or AgentDetail(self.agent.id)

    @property
    def history(self) -> Sequence[Transition]:
        """What changed lately."""
        return self.state.history.get(self.key, ())
