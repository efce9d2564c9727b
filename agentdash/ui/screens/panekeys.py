"""From pane to pane by digits and by tab."""

from __future__ import annotations

from collections.abc import Sequence

from agentdash.ui.panes.base import AgentPane
from agentdash.ui.screens.base import BaseScreen


class PaneKeys(BaseScreen):
    """The part of an agent's screen that is walked with keys."""

    _current = "health"
    """Scope of the pane that has the focus."""

    @property
    def panes(self) -> Sequence[AgentPane]:
        """The panes in the order of their digits."""
        raise NotImplementedError

    def focus_pane(self, scope: str) -> None:
        """Go to a pane."""
        raise NotImplementedError

    def _by_number(self, number: int) -> None:
        self.focus_pane(self.panes[number - 1].SCOPE)

    def do_pane_1(self) -> None:
        """1"""
        self._by_number(1)

    def do_pane_2(self) -> None:
        """2"""
        self._by_number(2)

    def do_pane_3(self) -> None:
        """3"""
        self._by_number(3)

    def do_pane_4(self) -> None:
        """4"""
        self._by_number(4)

    def do_pane_5(self) -> None:
        """5"""
        self._by_number(5)

    def do_pane_6(self) -> None:
        """6"""
        self._by_number(6)

    def do_pane_7(self) -> None:
        """7"""
        self._by_number(7)

    def do_pane_8(self) -> None:
        """8"""
        self._by_number(8)

    def do_pane_9(self) -> None:
        """9"""
        self._by_number(9)

    def do_pane_next(self) -> None:
        """tab"""
        self._step(1)

    def do_pane_previous(self) -> None:
        """shift+tab"""
        self._step(-1)

    def _step(self, steps: int) -> None:
        scopes = [pane.SCOPE for pane in self.panes]
        self.focus_pane(scopes[(scopes.index(self._current) + steps) % len(scopes)])
