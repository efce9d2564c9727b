"""One agent: nine panes, one of them as large as the screen when wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from agentdash.actions.target import Target
from agentdash.present.cells import Cell, Tone
from agentdash.present.describe import NAMES, agent_title, pane_heads
from agentdash.state.state import Changes
from agentdash.text.width import cell_width
from agentdash.ui.context import Context
from agentdash.ui.panes.apps import AppsPane
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.devcontainers import DevcontainersPane
from agentdash.ui.panes.health import HealthPane
from agentdash.ui.panes.logs import LogsPane
from agentdash.ui.panes.metadata import MetadataPane
from agentdash.ui.panes.network import NetworkPane
from agentdash.ui.panes.ports import PortsPane
from agentdash.ui.panes.scripts import ScriptsPane
from agentdash.ui.panes.terminal import TerminalPane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.screens.panelayout import PaneLayout
from agentdash.ui.widgets.message import MessageLine
from agentdash.ui.widgets.tabs import Tab, TabStrip

FULL_NAMES, ALL_MARKS = 112, 130
"""From these widths on the strip has room for full names, and for the marks of panes that are well."""
SHORT = {"Devcontainers": "Devc", "Terminal": "Term", "Metadata": "Meta", "Network": "Net", "Scripts": "Scr"}
SHORT |= {"Health": "Hlth", "Ports": "Port"}


class AgentScreen(PaneLayout):
    """Everything about one agent.

    Args:
        context: What all screens share.
        key: The agent's row.
        start: Pane to begin with: its scope, `shell` to type into a terminal at once, or `logs:NAME` for one source.
        shell_id: Which of the open shells to show.
    """

    SCOPE: ClassVar[str] = "agent"
    VIEW: ClassVar[str] = "fleet"

    def __init__(self, context: Context, key: str, start: str = "", *, shell_id: str = "") -> None:
        super().__init__(context, key)
        self._start = start
        self._shell_id = shell_id
        self._is_gone = False
        self._last: AgentView | None = None

    def compose_content(self) -> Iterable[Widget]:
        """Strip of names and three rows of panes."""
        signs = self.context.signs
        yield TabStrip(id="panes-strip", signs=signs, gap=1)
        with Vertical(id="panes"):
            with Horizontal(id="row-top"):
                yield HealthPane(1, signs=signs)
                yield ScriptsPane(2, signs=signs)
                yield PortsPane(3, signs=signs)
            with Horizontal(id="row-middle"):
                yield LogsPane(4, signs=signs)
                with Vertical(id="slot"):
                    yield DevcontainersPane(5, signs=signs)
                    yield AppsPane(7, signs=signs)
                    yield MetadataPane(8, signs=signs)
                    yield NetworkPane(9, signs=signs)
            with Horizontal(id="row-bottom"):
                yield TerminalPane(6, signs=signs, leave_key=self._leave_key())

    def _leave_key(self) -> str:
        action = self.context.keys.get("terminal-leave")
        return action.keys[0] if action is not None and action.keys else "ctrl+right_square_bracket"

    # Panes

    def on_mount(self) -> None:
        """Begin with the pane that was asked for."""
        super().on_mount()
        if self._start == "shell":
            self._lend_screen("")
        self._lay_out()
        start, _, source = self._start.partition(":")
        self.call_after_refresh(self._begin, {"": "health", "shell": "terminal"}.get(start, start), source)

    def _begin(self, start: str, source: str = "") -> None:
        self.focus_pane(start)
        view = self.view_now()
        known = () if view is None or not source else view.agent.log_sources
        wanted = next((s.id for s in known if s.name == source), "")
        if wanted:
            self.show_log(wanted)
        shells = self.context.shells
        if self._shell_id and shells is not None:
            self.terminal.attach(shells.get(self._shell_id))
        if self._start == "shell":
            self.terminal.open()
            if self.terminal.shell is None:
                self._end_loan()

    def _open_feed(self) -> None:
        if self.context.feed is not None:
            self.context.feed.open_agent(self.key, self._shown() | {"scripts"})

    def on_screen_resume(self) -> None:
        """The agent is on screen again."""
        super().on_screen_resume()
        self._open_feed()

    def on_screen_suspend(self) -> None:
        """Another screen covers it: nothing dials the agent for nobody.

        Through a dialog it is still seen, and another agent's screen has said what it wants.
        """
        if self.context.feed is not None and not isinstance(self.app.screen, (ModalScreen, AgentScreen)):
            self.context.feed.open_agent(None)

    def session_opened(self) -> None:
        """Ask for the agent's facts."""
        self._open_feed()

    # Content

    def view_now(self) -> AgentView | None:
        """The agent as it is now; None when it is gone."""
        context = self.context
        row, judged = context.fleet.row(self.key), context.fleet.verdict(self.key)
        if row is None or row.agent is None or judged is None:
            return None
        return AgentView(
            context.state,
            row,
            row.agent,
            judged,
            context.now(),
            context.glyphs,
            findings=context.fleet.findings(self.key),
            group=context.fleet.group_of(self.key),
        )

    def refresh_content(self, changes: Changes, touched: set[str]) -> None:
        """Show what changed of this agent."""
        view = self.view_now()
        if view is None:
            if not self._is_gone:
                self._is_gone = True
                self._say_gone()
            return
        self._is_gone = False
        self._last = view
        mine = (
            not changes
            or changes.streams
            or self.key in touched
            or view.workspace.id in changes.workspaces
            or view.agent.id in changes.details | changes.logs
        )
        if mine:
            self.show_panes(view)

    def judged(self, touched: set[str]) -> None:
        """Panes are shown anew when something else was found about this agent, also where its verdict is the same."""
        view, shown = self.view_now(), self._last
        if view is None or shown is None or view.findings != shown.findings or view.verdict != shown.verdict:
            self.refresh_content(Changes(), touched)
        self.refresh_bars()

    def _say_gone(self) -> None:
        """The agent has left its workspace: what stands here is its last picture, and no pane calls it live."""
        workspace = self.context.state.workspaces.get(self.key.partition("/")[0])
        for pane in self.panes:
            pane.set_freshness("as it was", Tone.WARN)
        if workspace is None:
            self.say("the workspace is gone; esc goes back to the fleet", Tone.WARN)
        else:
            start = self.context.keys.get("start")
            key = f"{start.keys[0]} starts it, " if start is not None and start.keys else ""
            self.say(f"the workspace is {workspace.build.status}: {key}esc goes back", Tone.WARN)

    def refresh_all(self) -> None:
        """Show everything anew."""
        self.refresh_content(Changes(), set())
        self.refresh_bars()

    def show_panes(self, view: AgentView) -> None:
        """Show the agent in the panes that are in sight."""
        if not self._slot_chosen:
            containers = view.detail.containers.value
            wanted = "devcontainers" if containers and containers.devcontainers else "metadata"
            if wanted != self._slot:
                self._slot = wanted
                self._lay_out()
        terminal = self.terminal
        heads = pane_heads(
            view.state, view.row, view.verdict, view.now, glyphs=view.glyphs, terminal_kind=terminal.kind
        )
        shown = self._shown()
        for pane, head in zip(self.panes, heads, strict=True):
            if pane.SCOPE in shown:
                pane.show(view, head)
        self._refresh_strip()

    def _refresh_strip(self) -> None:
        view = self.view_now()
        glyphs = self.context.glyphs
        heads = (
            ()
            if view is None
            else pane_heads(
                view.state, view.row, view.verdict, view.now, glyphs=glyphs, terminal_kind=self.terminal.kind
            )
        )
        tones = {"broken": Tone.BROKEN, "moving": Tone.WARN}
        marks = [Cell(glyphs.of(h.kind), tones.get(h.kind, Tone.DIM)) for h in heads] or [Cell("")] * len(
            NAMES
        )
        width = self.app.size.width
        short = width < FULL_NAMES
        if width < ALL_MARKS:  # only trouble is marked: there is no room for more
            marks = [mark if mark.tone is not Tone.DIM else Cell("") for mark in marks]
        tabs = [
            Tab(pane.SCOPE, f"{pane.number} {SHORT.get(pane.NAME, pane.NAME) if short else pane.NAME}", mark)
            for pane, mark in zip(self.panes, marks, strict=True)
        ]
        self.query_one(TabStrip).set_tabs(tabs, self._current)

    def title_cells(self) -> tuple[Sequence[Cell], Sequence[Cell]]:
        """The agent's path and state."""
        view = self.view_now() or self._last
        if view is None:
            return super().title_cells()
        workspace = self.context.state.workspaces.get(view.workspace.id)
        if self._is_gone:
            status = "gone" if workspace is None else workspace.build.status
            line = agent_title(view.state, view.row, view.verdict, view.now, glyphs=view.glyphs)
            return line.left, [Cell(f"{view.glyphs.off} {status}", Tone.WARN)]
        line = agent_title(view.state, view.row, view.verdict, view.now, glyphs=view.glyphs)
        right = list(line.right)
        # The state comes first and goes last: what follows it gives way on a narrow screen.
        while len(right) > 1 and _width((*line.left, *right)) > self.app.size.width - 2:
            right.pop()
        return line.left, right

    @property
    def place_key(self) -> str:
        """Its row."""
        return self.key

    def target_keys(self) -> list[str]:
        """This agent."""
        return [self.key]

    def targets(self) -> list[Target]:
        """This agent, or the devcontainer under the cursor of its pane."""
        pane = self.pane("devcontainers")
        if isinstance(pane, DevcontainersPane) and pane.has_focus_within and pane.devcontainer is not None:
            return [Target(self.key, devcontainer=pane.devcontainer.id)]
        return super().targets()

    def restore_focus(self) -> None:
        """To the current pane."""
        self.pane(self._current).focus_target().focus()

    # Moving about

    def typing_changed(self, *, is_entered: bool = False) -> None:
        """Keys go elsewhere now: the footer names what works.

        Args:
            is_entered: To a shell, or to the choice of text: what was said before that is over.
        """
        if is_entered:
            self.query_one("#footer", MessageLine).clear_brief()
        self.refresh_bars()

    def on_descendant_focus(self) -> None:
        """The pane with the focus is the current one."""
        focused = self.focused
        pane = (
            None
            if focused is None
            else next((p for p in focused.ancestors if isinstance(p, AgentPane)), None)
        )
        if pane is not None and self._current != pane.SCOPE:
            self._current = pane.SCOPE
            self._refresh_strip()
        super().on_descendant_focus()

    @on(TabStrip.TabChosen)
    def choose_tab(self, message: TabStrip.TabChosen) -> None:
        """A click on a name."""
        self.focus_pane(message.key)

    def show_log(self, source_id: str | None) -> None:
        """Go to the log, at one source."""
        self.focus_pane("logs")
        pane = self.pane("logs")
        if isinstance(pane, LogsPane):
            pane.show_source(source_id)

    def do_build_log(self) -> None:
        """b"""
        self.dash.open_build_log(self.key)

    # Terminal

    def do_shell(self) -> None:
        """s"""
        self.open_shell()

    def open_shell(self, *, container: str = "") -> None:
        """Type into a shell of this agent."""
        self._lend_screen(self._current)
        self.focus_pane("terminal")
        self.terminal.open(container=container)


def _width(cells: Sequence[Cell]) -> int:
    return sum(cell_width(cell.text) for cell in cells) + 2 * len(cells)
