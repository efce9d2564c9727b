"""Pane 6: shells in the agent; one is shown, the others stay open behind it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on, work
from textual.widget import Widget

from agentdash.feed.shells import Shell, Shells, ShellState, Target
from agentdash.present.cells import Cell, Tone
from agentdash.present.describe import empty_place
from agentdash.present.nextstep import locator
from agentdash.present.times import countdown
from agentdash.text.safe import clean
from agentdash.triage.verdict import Kind
from agentdash.ui.files import save_text
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.statusbar import StatusLine
from agentdash.ui.widgets.termview import TermView

_TONES = {
    ShellState.CONNECTED: Tone.DIM,
    ShellState.CONNECTING: Tone.WARN,
    ShellState.WAITING: Tone.WARN,
    ShellState.RETRYING: Tone.WARN,
    ShellState.LOST: Tone.BROKEN,
    ShellState.REFUSED: Tone.BROKEN,
    ShellState.ENDED: Tone.DIM,
}
_KINDS: dict[ShellState, Kind] = {
    ShellState.CONNECTED: "well",
    ShellState.LOST: "broken",
    ShellState.REFUSED: "broken",
    ShellState.ENDED: "off",
}
TITLE_LIMIT = 60


class TerminalPane(AgentPane):
    """A terminal, or the sentence that says how to get one."""

    NAME = "Terminal"
    SCOPE = "terminal"

    def __init__(self, number: int, *, signs: Signs, leave_key: str) -> None:
        super().__init__(number, signs=signs)
        self.term = TermView(leave_key=leave_key, scopes=("terminal", "shell"))
        self.notice = StatusLine(signs=signs, classes="term-notice")
        self.find_bar = FilterBar("/", signs=signs)
        self._sought = ""
        self.shell: Shell | None = None

    def compose(self) -> Sequence[Widget]:
        """A line for warnings, the screen."""
        return [self.notice, self.term, self.find_bar]

    def on_mount(self) -> None:
        """No warning at first."""
        self.notice.display = False
        self.find_bar.display = False

    def focus_target(self) -> Widget:
        """The screen."""
        return self.term

    @property
    def scope(self) -> str:
        """While typing, all keys but one belong to the shell."""
        return "shell" if self.term.is_typing else self.SCOPE

    def refresh_content(self, view: AgentView) -> None:
        """Pick up a shell that is open in this agent; say what stands in its way."""
        shells = self.agent_screen.context.shells
        shell = self.shell
        if shell is not None and (
            shell.target.agent_key != view.key or shells is None or shells.get(shell.id) is not shell
        ):
            self.attach(None)  # another agent's, or closed
        if self.shell is None and shells is not None:
            mine = shells.of_agent(view.key)
            if mine:
                self.attach(mine[-1])
        self._refresh_notice()
        self._refresh_title()

    # The shell

    def attach(self, shell: Shell | None) -> None:
        """Show a shell, or none."""
        if self.shell is not None:
            self.shell.on_change = _ignore
        self.shell = shell
        if shell is None:
            self.term.set_typing(False)
        else:
            shell.on_change = self._shell_changed
        self.term.show(None if shell is None else shell.emulator)
        self.agent_screen.shell_changed()
        self._refresh_notice()
        self._refresh_title()

    def open(self, *, command: str = "", container: str = "", new: bool = False) -> None:
        """Show a shell of this agent and type into it; opens one if there is none or a new one is wanted."""
        context = self.agent_screen.context
        view, shells = self.view, context.shells
        if context.read_only:
            self.agent_screen.say("read-only mode: a shell could change everything", Tone.WARN)
            return
        if view is None or shells is None:
            self.agent_screen.say("not connected yet", Tone.WARN)
            return
        if self.shell is None or new or command or container:
            size = self.term.size
            target = Target(
                view.workspace.id, view.key, locator(view.workspace, view.agent), command, container
            )
            self.attach(shells.open(target, max(2, size.width or 80), max(2, size.height or 24)))
            self.agent_screen.refresh_bars()
        self.term.focus()
        self.term.set_typing(True)
        self._refresh_notice()
        self.agent_screen.typing_changed()

    def _shell_changed(self) -> None:
        if not self.is_mounted:
            return
        self.term.update()
        self._refresh_title()
        self._refresh_notice()

    def _refresh_title(self) -> None:
        shell = self.shell
        if shell is None:
            self.set_title_state()
            self.set_freshness("")
            return
        shells = self.agent_screen.context.shells
        mine = () if shells is None else shells.of_agent(shell.target.agent_key)
        cells = []
        title = clean(shell.emulator.title, TITLE_LIMIT)
        if len(mine) > 1:
            cells.append(Cell(f"{mine.index(shell) + 1 if shell in mine else 1}/{len(mine)} ", Tone.DIM))
        if title:
            cells.append(Cell(title, Tone.DIM))
        if self.term.back:
            cells.append(Cell(f" {self.term.back} lines back", Tone.ACCENT))
        self.set_title_state(*cells)
        status = shell.status
        self.set_freshness(str(status.state), _TONES.get(status.state, Tone.WARN))

    def _refresh_notice(self) -> None:
        cells = self._notice_cells()
        self.notice.display = bool(cells)
        self.notice.show(cells)

    def _notice_cells(self) -> list[Cell]:
        view, shell = self.view, self.shell
        if view is None:
            return []
        if shell is None:
            return [Cell(empty_place("terminal", view.agent), Tone.DIM)]
        status = shell.status
        if status.state is not ShellState.CONNECTED:
            sentence = status.sentence or str(status.state)
            if status.retry_at is not None:
                sentence += f"; again in {countdown(status.retry_at, self.agent_screen.context.clock())}"
            return [Cell(sentence, _TONES.get(status.state, Tone.WARN))]
        if view.agent.lifecycle == "starting":
            return [Cell("start scripts still run: the workspace may not be ready", Tone.WARN)]
        if view.agent.lifecycle in ("start_error", "start_timeout"):
            return [Cell("a start script failed: the workspace may be incomplete (pane 2)", Tone.WARN)]
        return []

    @property
    def kind(self) -> Kind:
        """Mark in the strip of names."""
        return "off" if self.shell is None else _KINDS.get(self.shell.status.state, "moving")

    # What the screen says

    @on(TermView.Typed)
    def type(self, message: TermView.Typed) -> None:
        """Send it; enter after the end starts a new shell."""
        shell = self.shell
        if shell is None:
            return
        if shell.status.state in (ShellState.ENDED, ShellState.REFUSED):
            if message.text == "\r":
                shell.restart()
        elif not shell.type(message.text) and message.text == "\r":
            shell.restart()

    @on(TermView.Resized)
    def resize(self, message: TermView.Resized) -> None:
        """The shell follows the pane."""
        if self.shell is not None:
            self.shell.resize(message.rows, message.columns)

    @on(TermView.Left)
    def leave(self) -> None:
        """The keys are ours again."""
        self.agent_screen.left_terminal()

    @on(TermView.PasteAsked)
    def ask_paste(self, message: TermView.PasteAsked) -> None:
        """A paste with line ends would run at once."""
        self.agent_screen.ask_paste(message.text, self.term.paste)

    # Actions

    def do_terminal_enter(self) -> None:
        """enter"""
        self.open()

    def do_terminal_new(self) -> None:
        """c"""
        self.open(new=True)

    def do_terminal_find(self) -> None:
        """/"""
        self.find_bar.open("")

    @on(FilterBar.Changed)
    def hold_back(self, message: FilterBar.Changed) -> None:
        """Enter searches, letters do not."""
        message.stop()

    @on(FilterBar.Closed)
    def find(self, message: FilterBar.Closed) -> None:
        """Search the scrollback upwards; esc ends the search."""
        message.stop()
        self.find_bar.display = False
        self.term.focus()
        self._sought = message.text if message.is_kept else ""
        if not self.term.find(self._sought, begin=True) and self._sought:
            self.agent_screen.say(f"“{self._sought}” is not in this terminal", Tone.WARN)
        self._refresh_title()

    def do_terminal_find_next(self) -> None:
        """n: further up, where the older lines are."""
        self._find(-1)

    def do_terminal_find_previous(self) -> None:
        """N"""
        self._find(1)

    def _find(self, direction: int) -> None:
        if self._sought and not self.term.find(self._sought, direction):
            self.agent_screen.say("no further match")
        self._refresh_title()

    def do_terminal_copy(self) -> None:
        """y"""
        self.agent_screen.copy_text("\n".join(self.term.visible_text()).rstrip(), "screen")

    def do_terminal_save(self) -> None:
        """ctrl+s"""
        if self.shell is not None:
            lines = "\n".join(line.text for line in self.shell.emulator.text())
            name = f"{self.shell.target.label.replace('/', '-')}.txt"
            self.agent_screen.say(save_text(name, lines + "\n"))

    def do_terminal_close(self) -> None:
        """x"""
        shells, shell = self.agent_screen.context.shells, self.shell
        if shells is not None and shell is not None:
            self._close(shells, shell)

    @work(exit_on_error=False)
    async def _close(self, shells: Shells, shell: Shell) -> None:
        await shells.close(shell.id)
        self.agent_screen.refresh_all()


def _ignore() -> None:
    return None
