"""Pane 6: shells in the agent; one is shown, the others stay open behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from textual import on, work
from textual.widget import Widget

from agentdash.feed.cast import Cast
from agentdash.feed.shells import Shell, Shells, ShellState, Target
from agentdash.present.cells import Cell, Tone
from agentdash.present.describe import empty_place
from agentdash.present.nextstep import locator
from agentdash.triage.verdict import Kind
from agentdash.ui.files import new_path
from agentdash.ui.panes.terminal_text import TerminalText
from agentdash.ui.panes.terminal_words import LASTING, kind_of, notice_cells, title_cells, tone_of
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.form import Field, Form
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.statusbar import StatusLine
from agentdash.ui.widgets.termview import TermView

FRAME = 6
"""Cells of the title's line that are the frame's and the blanks in it."""
TYPED = 10
"""Keys after which a warning has been read by whoever types under it; enter is enough."""


class TerminalPane(TerminalText):
    """A terminal, or the sentence that says how to get one."""

    NAME = "Terminal"
    SCOPE = "terminal"
    DEFAULT_CSS = """
    TerminalPane {
        layers: default over;
        & > .term-notice.-over { layer: over; dock: top; background: $background; }
        & > .term-notice.-over.-low { dock: bottom; }
        & > FilterBar { layer: over; dock: bottom; }
        & > FilterBar.-high { dock: top; }
    }
    """

    def __init__(self, number: int, *, signs: Signs, leave_key: str) -> None:
        super().__init__(number, signs=signs, leave_key=leave_key)
        self.notice = StatusLine(signs=signs, classes="term-notice")
        self._said: object = None
        self._rung_at = 0.0
        self._typed = 0
        self._scope_told = ""

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
        """While typing, all keys but one belong to the shell; while choosing text, they move and choose."""
        return self.term.scope

    def refresh_content(self, view: AgentView) -> None:
        """Pick up a shell that is open in this agent; say what stands in its way."""
        shells = self.agent_screen.context.shells
        mine = () if shells is None else shells.of_agent(view.key)
        if self.shell not in mine:  # closed, or another agent's
            wanted = mine[-1] if mine else None
            if wanted is not self.shell:
                self.attach(wanted)
        self._refresh_words()

    # The shell

    def attach(self, shell: Shell | None) -> None:
        """Show a shell, or none."""
        self._let_go()
        self.shell, self._typed = shell, 0
        if shell is None:
            self.term.set_typing(False)
        else:
            shell.on_change = self._shell_changed
            shell.bells_heard = shell.emulator.bell
        self.term.show(None if shell is None else shell.emulator)
        self.agent_screen.shell_changed()
        self._refresh_words()

    def _let_go(self) -> None:
        """The shell goes on untold; unless another screen shows it by now."""
        if self.shell is not None and self.shell.on_change == self._shell_changed:
            self.shell.on_change = _ignore

    def on_unmount(self) -> None:
        """The screen is left."""
        self._let_go()

    def open(
        self, *, command: str = "", container: str = "", container_user: str = "", new: bool = False
    ) -> None:
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
            size = self.content_size  # all of it, once the sentence is gone that stands in for a shell
            label = locator(view.workspace, view.agent)
            target = Target(view.workspace.id, view.key, label, command, container, container_user)
            self.attach(shells.open(target, max(2, size.width or 80), max(2, size.height or 24)))
            self.agent_screen.refresh_bars()
        elif self.shell is not None:
            shells.wake(self.shell)
            self.shell.bells_heard = self.shell.emulator.bell
        self.term.focus()
        self.term.set_typing(True)
        self._refresh_words()
        self.agent_screen.typing_changed(is_entered=True)

    def _shell_changed(self) -> None:
        """Output, or another status: called for each piece of output, so most of it must cost nothing."""
        shell = self.shell
        if not self.is_attached or shell is None:
            return
        self.term.update()
        emulator = shell.emulator
        said = (
            shell.status,
            shell.advice,
            shell.foreign_rows,
            emulator.title,
            emulator.bell,
            self.term.back,
            self._hides_cursor(),
            None if shell.cast is None else shell.cast.trouble,
        )
        if said != self._said:
            self._said = said
            self._ring(shell)
            self._refresh_words()
        if emulator.clipboard is not None:
            text = emulator.take_clipboard()
            if text:
                self.agent_screen.copy_text(text, "the program's text")

    def _ring(self, shell: Shell) -> None:
        """Pass the bell on, once a second at most; it is noted in the title while nobody types here."""
        if not shell.has_rung:
            return
        now = monotonic()
        if now - self._rung_at >= 1.0:
            self._rung_at = now
            self.app.bell()
        if self.term.is_typing and self.term.has_focus:
            shell.bells_heard = shell.emulator.bell

    def _refresh_words(self) -> None:
        self._refresh_notice()
        self._refresh_title()

    def _refresh_title(self) -> None:
        shell = self.shell
        if shell is None:
            self.set_title_state()
            self.set_freshness("")
            return
        shells = self.agent_screen.context.shells
        mine = () if shells is None else shells.of_agent(shell.target.agent_key)
        if self.view is not None:
            room = self.size.width - FRAME - len(f"{self.number} {self.NAME}")
            self.set_title_state(*title_cells(shell, mine, self.term, self.view.agent, room))
        self.set_freshness(str(shell.status.state), tone_of(shell.status.state))

    def _refresh_notice(self) -> None:
        cells = self._notice_cells()
        # It covers a line: one that took a line would have the program draw itself anew, twice.
        self.notice.set_class(self.shell is not None, "-over")
        self.notice.set_class(self._hides_cursor(), "-low")
        self.notice.display = bool(cells)
        self.notice.show(cells)

    def _hides_cursor(self) -> bool:
        """Whether what covers the first line would cover the program's cursor."""
        shell = self.shell
        return shell is not None and shell.is_open and shell.emulator.cursor.y + self.term.back == 0

    def _notice_cells(self) -> list[Cell]:
        view, shell = self.view, self.shell
        if view is None:
            return []
        if shell is None:
            return [Cell(empty_place("terminal", view.agent), Tone.DIM)]
        context = self.agent_screen.context
        is_read = (shell.id, view.agent.lifecycle) in context.remembered.read
        _, lasting = LASTING.get(view.agent.lifecycle, ("", ""))
        return notice_cells(shell, self.term, "" if is_read else lasting, context.clock())

    @property
    def kind(self) -> Kind:
        """Mark in the strip of names."""
        return kind_of(self.shell)

    # What the screen says

    def type(self, text: str) -> None:
        """Send what was typed; enter after the end starts a new shell."""
        shell = self.shell
        if shell is None:
            return
        if shell.status.state in (ShellState.ENDED, ShellState.REFUSED):
            if text == "\r":
                shell.restart()
        elif shell.type(text):
            self._count_typed(text)
        elif text == "\r":
            shell.restart()

    def _count_typed(self, text: str) -> None:
        """Who works under a warning has read it."""
        self._typed += 1
        if text == "\r" or self._typed == TYPED:
            self._put_aside(is_read=True)

    def _put_aside(self, *, is_read: bool) -> None:
        if self.shell is None or self.view is None or self.view.agent.lifecycle not in LASTING:
            return
        read, warning = self.agent_screen.context.remembered.read, (self.shell.id, self.view.agent.lifecycle)
        if is_read is (warning not in read):
            (read.add if is_read else read.discard)(warning)
            self._refresh_words()

    @on(TermView.Resized)
    def resize(self, message: TermView.Resized) -> None:
        """The shell follows the pane."""
        if self.shell is not None:
            self.shell.resize(message.rows, message.columns)

    @on(TermView.Moved)
    def tell_place(self) -> None:
        """Where the view is, and whether text is being chosen."""
        self._refresh_words()
        if self.scope != self._scope_told:
            self._scope_told = self.scope
            self.agent_screen.typing_changed(is_entered=self.term.is_choosing)

    @on(TermView.Left)
    def leave(self) -> None:
        """The keys are ours again."""
        self.agent_screen.left_terminal()

    # Actions

    def do_terminal_enter(self) -> None:
        """enter"""
        self.open()

    def do_terminal_new(self) -> None:
        """c"""
        self.open(new=True)

    @work(exclusive=True, group="form", exit_on_error=False)
    async def do_terminal_new_with(self) -> None:
        """o: a command, a container, a user."""
        view = self.view
        if view is None:
            return
        found = view.detail.containers.value
        names = tuple(c.name for c in found.containers if c.running) if found else ()
        fields = [
            Field("command", "command", "empty for a login shell"),
            Field("container", "container", ", ".join(names[:4]) or "empty for the workspace itself", names),
            Field("container_user", "as user", "empty for the container's own"),
        ]
        form = Form(
            f"New shell in {locator(view.workspace, view.agent)}", fields, verb="Open", signs=self.signs
        )
        values = await self.app.push_screen_wait(form)
        if values is not None:
            self.open(new=True, **values)

    def do_terminal_next(self) -> None:
        """>"""
        self._switch(1)

    def do_terminal_previous(self) -> None:
        """<"""
        self._switch(-1)

    def _switch(self, steps: int) -> None:
        shells, shell = self.agent_screen.context.shells, self.shell
        mine = [] if shells is None or shell is None else list(shells.of_agent(shell.target.agent_key))
        if shell is None or len(mine) < 2 or shell not in mine:
            self.agent_screen.say("there is no other shell in this agent")
            return
        self.attach(mine[(mine.index(shell) + steps) % len(mine)])

    def do_terminal_redraw(self) -> None:
        """="""
        if self.shell is not None and self.shell.is_open:
            self.shell.redraw()
            self._refresh_words()

    def do_terminal_warning(self) -> None:
        """w: puts the warning aside, or brings it back."""
        view, shell = self.view, self.shell
        if view is None or shell is None or view.agent.lifecycle not in LASTING:
            self.agent_screen.say("there is no warning")
        else:
            read = self.agent_screen.context.remembered.read
            self._put_aside(is_read=(shell.id, view.agent.lifecycle) not in read)

    @work(exclusive=True, group="record", exit_on_error=False)
    async def do_terminal_record(self) -> None:
        """r: begins a recording, or ends it."""
        shell, screen = self.shell, self.agent_screen
        if shell is None:
            screen.say("there is no shell to record")
        elif shell.cast is not None:
            cast, shell.cast = shell.cast, None
            await asyncio.to_thread(cast.close)
            screen.say(cast.trouble or f"recorded to {cast.path}", Tone.WARN if cast.trouble else Tone.PLAIN)
        else:
            path = new_path(f"{shell.target.label.replace('/', '-')}.cast")
            emulator, clock = shell.emulator, screen.context.clock
            try:
                cast = Cast(
                    path,
                    emulator.columns,
                    emulator.lines,
                    shell.target.label,
                    now=clock().timestamp(),
                    monotonic=monotonic,
                )
                shell.record(cast)
                screen.say(f"recording output to {path}; r ends it")
            except OSError as error:
                screen.say(f"cannot record: {error.strerror or error}", Tone.WARN)
        self._refresh_words()

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
