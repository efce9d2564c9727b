"""Which panes of an agent have room: all of them, one at a time, or a shell that was given the screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from agentdash.present.cells import Cell
from agentdash.ui.context import Context
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.terminal import TerminalPane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.screens.panekeys import PaneKeys
from agentdash.ui.widgets.message import MessageLine
from agentdash.ui.widgets.tabs import TabStrip

SLOT = ("devcontainers", "apps", "metadata", "network")
"""Panes that share one place; the one chosen last is shown."""
NARROW_WIDTH, NARROW_HEIGHT = 100, 30
TALL = 44
"""From this height on the shared place shows metadata beside another of its panes."""


class PaneLayout(PaneKeys):
    """The part of an agent's screen that gives its panes their room.

    Args:
        context: What all screens share.
        key: The agent's row.
    """

    def __init__(self, context: Context, key: str) -> None:
        super().__init__(context)
        self.key = key
        self._slot = "metadata"
        self._slot_chosen = False
        self._current = "health"
        self._is_zoomed = False
        self._lent_from: str | None = None
        """The pane from which a shell was given the whole screen, empty for another view; None if it was not."""
        self._left_said = ""

    def view_now(self) -> AgentView | None:
        """The agent as it is now; None when it is gone."""
        raise NotImplementedError

    def show_panes(self, view: AgentView) -> None:
        """Show the agent in the panes that are in sight."""
        raise NotImplementedError

    def _open_feed(self) -> None:
        """Ask for what the panes in sight show."""
        raise NotImplementedError

    def _refresh_strip(self) -> None:
        """Mark the current pane among the names."""
        raise NotImplementedError

    @property
    def panes(self) -> Sequence[AgentPane]:
        """The nine panes in the order of their digits."""
        return sorted(self.query(AgentPane), key=lambda pane: int(pane.number))

    def pane(self, scope: str) -> AgentPane:
        """A pane by its scope."""
        return self.query_one(f"#pane-{scope}", AgentPane)

    @property
    def terminal(self) -> TerminalPane:
        """Pane 6."""
        return self.query_one(TerminalPane)

    def on_resize(self, event: events.Resize) -> None:
        """One pane at a time on a small screen."""
        del event
        self._lay_out()
        if self.is_current:
            self.refresh_bars()

    @property
    def is_single(self) -> bool:
        """Whether only the current pane is shown."""
        return self._is_zoomed or self._is_small

    @property
    def _is_small(self) -> bool:
        width, height = self.app.size
        return width < NARROW_WIDTH or height < NARROW_HEIGHT

    def _shown(self) -> frozenset[str]:
        if self.is_single:
            return frozenset({self._current})
        shown = {"health", "scripts", "ports", "logs", "terminal", self._slot}
        if self.app.size.height >= TALL:
            shown.add("metadata" if self._slot != "metadata" else "devcontainers")
        return frozenset(shown)

    def _lay_out(self) -> None:
        shown = self._shown()
        for pane in self.panes:
            pane.display = pane.SCOPE in shown
        self.query_one("#row-top").display = bool(shown & {"health", "scripts", "ports"})
        self.query_one("#row-middle").display = bool(shown & {"logs", *SLOT})
        self.query_one("#slot").display = bool(shown & set(SLOT))
        self.query_one("#row-bottom").display = "terminal" in shown
        self.set_class(self.is_single, "-single")
        # A place for a shell that nobody has opened needs no more than its sentence.
        self.set_class(self.terminal.shell is None, "-no-shell")
        if self.is_current:
            self._open_feed()
        self._refresh_strip()

    def focus_pane(self, scope: str) -> None:
        """Go to a pane."""
        if scope != "terminal" and self._lent_from is not None:
            self._lent_from, self._is_zoomed = None, False
        self._take_back_left()
        self._current = scope
        if scope in SLOT:
            self._slot, self._slot_chosen = scope, True
        self._lay_out()
        view = self.view_now()
        if view is not None:
            self.show_panes(view)
        self.pane(scope).focus_target().focus()
        self.refresh_bars()

    def shell_changed(self) -> None:
        """There is a shell now, or none any more: the pane takes room, or gives it back."""
        self.set_class(self.terminal.shell is None, "-no-shell")
        if self.terminal.shell is None:
            self._end_loan()
        self._place_trouble()

    def _lend_screen(self, origin: str) -> None:
        """Give a shell the whole screen until its pane is left, unless it was wanted beside the other panes."""
        if not self._is_zoomed and self.key not in self.context.remembered.beside:
            self._lent_from, self._is_zoomed, self._current = origin, True, "terminal"

    def _end_loan(self) -> None:
        """All panes again, if a shell had their room."""
        if self._lent_from is not None:
            self._lent_from, self._is_zoomed = None, False
            self._lay_out()

    def refresh_bars(self) -> None:
        """As everywhere; under trouble a shell keeps its size."""
        super().refresh_bars()
        self._place_trouble()

    def _place_trouble(self) -> None:
        """Trouble takes the place of the names above a shell: a line more or less would redraw the program in it."""
        strip = self.query_one(TabStrip)
        strip.display = not (self._is_shell_shown and self.context.state.server.problem is not None)

    @property
    def _is_shell_shown(self) -> bool:
        return self.terminal.shell is not None and "terminal" in self._shown()

    def _trouble_cells(self) -> tuple[list[Cell], list[Cell]]:
        why, step = super()._trouble_cells()
        return ([*why[:1], *step, *why[1:]], []) if self._is_shell_shown else (why, step)

    def do_zoom(self) -> None:
        """z"""
        self._is_zoomed, self._lent_from = not self._is_zoomed, None
        if self._current == "terminal" and self.terminal.shell is not None and not self._is_small:
            beside = self.context.remembered.beside
            (beside.discard if self._is_zoomed else beside.add)(self.key)
        self.focus_pane(self._current)

    def do_back(self) -> None:
        """esc: first the zoom, then the screen; a shell that was given the screen goes back to where it was entered."""
        if self._lent_from:
            self.focus_pane(self._lent_from)
        elif self._lent_from == "":
            self.dash.close_top()
        elif self._is_zoomed:
            self._is_zoomed = False
            self.focus_pane(self._current)
        else:
            self.dash.close_top()

    def left_terminal(self) -> None:
        """The leave key: keys are the dashboard's again."""
        self.refresh_bars()
        ways = "; z shows all panes" if self._lent_from is not None and not self._is_small else ""
        self._left_said = f"keys are agentdash's again; enter goes back to the shell, which runs on{ways}"
        self.say(self._left_said)

    def _take_back_left(self) -> None:
        """In another pane or another layout that is no longer so."""
        self.query_one("#footer", MessageLine).take_back(self.context.glyphs.say(self._left_said))
