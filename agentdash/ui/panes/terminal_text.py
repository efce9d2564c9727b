"""What is done with text of and for a terminal: searched, chosen, copied, saved, pasted."""

from __future__ import annotations

from textual import on, work

from agentdash.feed.shells import Shell
from agentdash.present.cells import Tone
from agentdash.term.emulator import Emulator
from agentdash.ui.files import save_text
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.widgets.confirm import Confirm, Question
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.termview import TermView


class TerminalText(AgentPane):
    """The part of the terminal pane that handles text."""

    def __init__(self, number: int, *, signs: Signs, leave_key: str) -> None:
        super().__init__(number, signs=signs)
        self.term = TermView(self.type, leave_key=leave_key, scopes=("terminal", "shell", "choosing"))
        self.find_bar = FilterBar("/", signs=signs)
        self.shell: Shell | None = None

    def type(self, text: str) -> None:
        """Send what was typed."""
        raise NotImplementedError

    def _refresh_title(self) -> None:
        raise NotImplementedError

    # Pasting

    @on(TermView.PasteAsked)
    def ask_paste(self, message: TermView.PasteAsked) -> None:
        """A paste with line ends would run at once."""
        if self.agent_screen.context.settings.terminal.confirm_paste:
            self._ask_before(message.text)
        else:
            self.term.paste(message.text)

    @work(exclusive=True, group="paste", exit_on_error=False)
    async def _ask_before(self, text: str) -> None:
        lines = text.splitlines()
        shown = tuple(line[:70] for line in lines[:5]) + (("…",) if len(lines) > 5 else ())
        question = Question(
            f"Paste {len(lines)} lines? The program runs them as they arrive.", targets=shown, verb="Paste"
        )
        if await self.app.push_screen_wait(Confirm(question, signs=self.signs)):
            self.term.paste(text)

    # Choosing

    @on(TermView.Chosen)
    def copy_chosen(self, message: TermView.Chosen) -> None:
        """Text was chosen, by mouse or keyboard."""
        self.agent_screen.copy_text(message.text, "selection")

    def do_terminal_select(self) -> None:
        """v"""
        self.term.choose()

    def do_choice_begin(self) -> None:
        """space"""
        self.term.begin_choice(is_lines=False)

    def do_choice_lines(self) -> None:
        """V"""
        self.term.begin_choice(is_lines=True)

    def do_choice_copy(self) -> None:
        """enter"""
        if self.term.chosen_text():
            self.do_terminal_copy()
        else:
            self.agent_screen.say("nothing is chosen yet", Tone.WARN)

    def do_choice_end(self) -> None:
        """esc"""
        self.term.let_go()

    def do_back(self) -> None:
        """esc: first what is marked, then the zoom, then the screen."""
        if self.term.search.text:
            self.term.end_search()
        elif self.term.selection is not None:
            self.term.end_choice()
        else:
            self.agent_screen.do_back()

    # Searching

    def do_terminal_find(self) -> None:
        """/"""
        self.find_bar.set_class(False, "-high")
        self.find_bar.open("")

    @on(FilterBar.Changed)
    def find_as_typed(self, message: FilterBar.Changed) -> None:
        """The newest match shows while it is typed."""
        message.stop()
        self.term.find(message.text, begin=True)
        # The line in which one types must not cover what was found.
        self.find_bar.set_class(self.term.is_last_row_found, "-high")
        self._refresh_title()

    @on(FilterBar.Closed)
    def find(self, message: FilterBar.Closed) -> None:
        """Enter keeps the match; esc ends the search."""
        message.stop()
        self.find_bar.display = False
        self.term.focus()
        sought = message.text if message.is_kept else ""
        if sought != self.term.search.text or not sought:
            self.term.find(sought, begin=True)
        if sought and not self.term.search.count:
            self.agent_screen.say(f"“{sought}” is not in this terminal", Tone.WARN)
        self._refresh_title()

    def do_terminal_find_next(self) -> None:
        """n: further up, where the older lines are."""
        self._find(-1)

    def do_terminal_find_previous(self) -> None:
        """N"""
        self._find(1)

    def _find(self, direction: int) -> None:
        sought = self.term.search.text or self.term.sought
        if not sought:
            self.agent_screen.say("nothing is searched for; / begins")
        elif not self.term.find(sought, direction):
            self.agent_screen.say(f"“{sought}” is not in this terminal", Tone.WARN)
        self._refresh_title()

    def do_terminal_copy(self) -> None:
        """y"""
        chosen = self.term.chosen_text()
        if chosen:
            self.agent_screen.copy_text(chosen, "selection")
            self.term.end_choice()
        else:
            self.agent_screen.copy_text("\n".join(self.term.visible_text()).rstrip(), "screen")

    def do_terminal_save(self) -> None:
        """ctrl+s"""
        if self.shell is not None:
            name = f"{self.shell.target.label.replace('/', '-')}.txt"
            self.agent_screen.say(save_text(name, saved_text(self.shell.emulator)))


def saved_text(emulator: Emulator) -> str:
    """Scrollback and screen; lines that were wrapped are whole again."""
    return "".join(line.text + ("" if line.wrapped else "\n") for line in emulator.text())
