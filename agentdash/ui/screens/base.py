"""What every view shares: title, views, footer, notices, help, confirmation, and where a key belongs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from agentdash.actions.action import Action
from agentdash.actions.guard import check
from agentdash.actions.pools import POOLS
from agentdash.actions.target import Target
from agentdash.present.agent_title import top_line
from agentdash.present.cells import Cell, Tone
from agentdash.present.nextstep import enter_command, locator
from agentdash.present.times import moment
from agentdash.state.events import Event
from agentdash.state.model import ActionRecord, Agent, Workspace
from agentdash.state.state import Changes
from agentdash.ui import themes
from agentdash.ui.bars import key_word, view_cells
from agentdash.ui.clipboard import copy
from agentdash.ui.commands import understand
from agentdash.ui.context import Context
from agentdash.ui.palette import palette
from agentdash.ui.screens.view import View
from agentdash.ui.urls import open_url, workspace_url
from agentdash.ui.widgets.confirm import Confirm, Question
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.glyphs import ASCII
from agentdash.ui.widgets.help import Help, HelpSection
from agentdash.ui.widgets.message import STAND_S, MessageLine
from agentdash.ui.widgets.statusbar import StatusLine, hint

if TYPE_CHECKING:
    from agentdash.feed.shell import Shell
    from agentdash.ui.app import AgentDash


class BaseScreen(View, inherit_bindings=False):
    """A view.

    Subclasses set `SCOPE` and `VIEW`, compose their content in `compose_content`, and say in `refresh_content` what is
    shown; this class calls it when state, time or size made it necessary, and only while the view is in sight.
    """

    SCOPE: ClassVar[str] = "global"
    VIEW: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = ""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.set_class(context.signs is ASCII, "-ascii")

    @property
    def dash(self) -> AgentDash:
        """The application, typed."""
        return self.app  # type: ignore[return-value]  # there is only one

    def compose(self) -> ComposeResult:
        """Frame of every view."""
        signs = self.context.signs
        yield StatusLine(id="title", signs=signs)
        yield StatusLine(id="views", signs=signs)
        yield StatusLine(id="trouble", signs=signs)
        yield StatusLine(id="trouble-next", margin=3, signs=signs)
        with Vertical(id="content"):
            yield from self.compose_content()
        yield MessageLine(id="footer", signs=signs)
        yield FilterBar(":", id="command", signs=signs)

    def compose_content(self) -> Iterable[Widget]:
        """The view's own widgets."""
        raise NotImplementedError

    def refresh_content(self, changes: Changes, touched: set[str]) -> None:
        """Show what changed; `touched` are row keys. An empty `changes` means: look at everything."""
        raise NotImplementedError

    # What the app tells

    def on_mount(self) -> None:
        """First look."""
        self.query_one("#command").display = False
        self.call_after_refresh(self._look_at_all)

    def on_screen_resume(self) -> None:
        """Catch up on what happened while another view was in sight."""
        if self.is_mounted:
            self._look_at_all()

    def _look_at_all(self) -> None:
        self.refresh_content(Changes(), set())
        self.refresh_bars()

    def session_opened(self) -> None:
        """There is a connection now."""

    def state_changed(self, changes: Changes, touched: set[str]) -> None:
        """Take in changes now, or note them for later when out of sight."""
        if not (self.is_current and self.is_mounted):
            return  # `on_screen_resume` looks at everything
        self.refresh_content(changes, touched)
        self.refresh_bars()

    def time_passed(self, touched: set[str]) -> None:
        """Words that depend on time may read differently."""
        self.refresh_content(Changes(), touched)
        self.refresh_bars()

    def judged(self, touched: set[str]) -> None:
        """There is a new diagnosis: rows may say something else, and the counts beside the views may differ."""
        self.refresh_content(Changes(), touched)
        self.refresh_bars()

    # Bars

    def refresh_bars(self) -> None:
        """Title, views, trouble and footer; each repaints only if it reads differently."""
        self.query_one("#title", StatusLine).show(*self.title_cells())
        right = [Cell("READ-ONLY", Tone.WARN)] if self.context.read_only else []
        self.query_one("#views", StatusLine).show(
            view_cells(self.context.keys, self.context.signs, self.VIEW, self.dash.view_counts()), right
        )
        for name, cells in zip(("trouble", "trouble-next"), self._trouble_cells(), strict=True):
            line = self.query_one(f"#{name}", StatusLine)
            line.show(cells)
            line.display = bool(cells)
        self._refresh_footer()

    def title_cells(self) -> tuple[Sequence[Cell], Sequence[Cell]]:
        """Left and right of the first line."""
        context = self.context
        line = top_line(context.state, context.now(), rows=context.fleet.total, glyphs=context.glyphs)
        return line.left, line.right

    def _trouble_cells(self) -> tuple[list[Cell], list[Cell]]:
        """Why nothing is heard of the deployment, and what to do; empty while all is well."""
        problem = self.context.state.server.problem
        if problem is None:
            return [], []
        why = [Cell(f"{self.context.glyphs.broken} {problem.title}", Tone.BROKEN)]
        why += [Cell(problem.detail)] if problem.detail else []
        return why, [Cell(problem.next_step, Tone.ACCENT)] if problem.next_step else []

    def _refresh_footer(self) -> None:
        actions = self.context.keys.footer(self.scope_of(self.focused))
        say = self.context.glyphs.say
        hints = [hint(self.key_word(a.keys[0]), say(a.title)) for a in actions]
        self.query_one("#footer", MessageLine).rest(hints)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """A notice in the footer's place for some seconds; kept in the list of notices."""
        self._say(text, tone)

    def _say(self, text: str, tone: Tone, stand_s: float = STAND_S) -> None:
        footer = self.query_one("#footer", MessageLine)
        footer.say(self.context.glyphs.say(text), tone, stand_s=stand_s, at=self.context.now())

    def say_outcome(self, record: ActionRecord) -> None:
        """How an action stands. What failed, or may have, is left to stand longer."""
        words = {"running": "under way", "unknown": "outcome unknown"}.get(record.outcome, record.outcome)
        text = f"{record.title} {record.target}: {words}. {record.detail}".strip()
        tone = {"done": Tone.WELL, "failed": Tone.BROKEN, "unknown": Tone.WARN}.get(
            record.outcome, Tone.PLAIN
        )
        stand_s = STAND_S if record.outcome in ("done", "running") else 5 * STAND_S
        self._say(text, tone, stand_s)

    def key_word(self, key: str) -> str:
        """A key as the set of signs can show it."""
        return key_word(key, self.context.signs)

    def on_descendant_focus(self) -> None:
        """The footer names what works here."""
        self._refresh_footer()

    # Keys

    def scope_of(self, widget: Widget | None) -> str:
        """The scope of the place that has the focus."""
        if widget is not None:
            for place in widget.ancestors_with_self:
                scope = getattr(place, "scope", None)
                if isinstance(scope, str) and scope:
                    return scope
        return self.SCOPE

    def targets(self) -> list[Target]:
        """What an action would hit."""
        return [Target(key) for key in self.target_keys()]

    @work(exclusive=True, group="action", exit_on_error=False)
    async def act_on_targets(self, action: Action) -> None:
        """Guard, ask, run: every action that changes something comes through here."""
        context, session = self.context, self.dash.session
        targets = [POOLS] if action.hits_deployment else self.targets()
        if session is None:
            self.say("not connected yet", Tone.WARN)
            return
        if not targets:
            self.say(f"{action.title}: nothing is selected", Tone.WARN)
            return
        guard = check(
            action,
            targets,
            context.state,
            read_only=context.read_only,
            now=context.now(),
            strict=context.settings.confirm == "strict",
        )
        if not guard.allowed:
            self.say(guard.reason, Tone.WARN)
            return
        question = guard.confirm
        if question is not None and not await self.app.push_screen_wait(
            Confirm(question, signs=context.signs)
        ):
            self.say("nothing was done")
            return
        await session.runner.run(action, guard.targets)
        if action.hits_deployment:
            session.feed.refresh()

    # Actions every view has

    def do_help(self) -> None:
        """?"""
        self.app.push_screen(Help(self._help_sections(), signs=self.context.signs))

    def _help_sections(self) -> list[HelpSection]:
        table, scope = self.context.keys, self.scope_of(self.focused)
        sections = []
        for ring, actions in table.by_ring(scope):
            rows = [
                (
                    "  ".join(map(self.key_word, action.keys)) or "palette",
                    self.context.glyphs.say(action.help),
                )
                for action in actions
            ]
            if rows:
                sections.append(HelpSection(ring.capitalize(), tuple(rows)))
        return sections

    def do_refresh(self) -> None:
        """ctrl+r"""
        if self.context.feed is not None:
            self.context.feed.refresh()
            self.say("reading again")

    def do_copy_locator(self) -> None:
        """Y"""
        names = [locator(*found) for found in self._found_targets()]
        self.copy_text("\n".join(names), "name" if len(names) == 1 else f"{len(names)} names")

    def do_copy_command(self) -> None:
        """y"""
        commands = [enter_command(*found) for found in self._found_targets()]
        self.copy_text("\n".join(commands), "command" if len(commands) == 1 else f"{len(commands)} commands")

    def _found_targets(self) -> list[tuple[Workspace, Agent | None]]:
        found = (self.context.state.row(key) for key in self.target_keys())
        return [row for row in found if row is not None]

    @property
    def place_key(self) -> str:
        """Row key of the agent or build this screen shows; empty for a view."""
        return ""

    def target_keys(self) -> list[str]:
        """Row keys an action would hit: the marked, else the one under the cursor."""
        return []

    def copy_text(self, text: str, what: str) -> None:
        """Copy, and say what came of it."""
        if not text:
            self.say("nothing to copy", Tone.WARN)
            return
        self.say(copy(self.app, text, what))

    def do_back(self) -> None:
        """esc"""

    def do_open_dashboard(self) -> None:
        """The workspace's page in the web dashboard."""
        found = self._found_targets()
        if not found:
            self.say("nothing is selected", Tone.WARN)
            return
        self.say(open_url(self.app, workspace_url(self.context.state.server, found[0][0])))

    def do_palette(self) -> None:
        """ctrl+p"""
        actions = self.context.keys.in_scope(self.scope_of(self.focused))
        self.app.push_screen(palette(actions, self.dash.act_soon))

    def do_notices(self) -> None:
        """!: what was said and done, newest first."""
        now = self.context.now()
        done = [
            (moment(r.at, now), f"{r.title} {r.target}: {r.outcome} {r.detail}  {r.command}".strip())
            for r in reversed(self.context.state.actions)
        ]
        notices = self.query_one("#footer", MessageLine).notices
        said = [("" if n.at is None else moment(n.at, now), n.text) for n in reversed(notices)]
        sections = [HelpSection("Done from here", tuple(done or [("", "nothing yet")]))]
        sections.append(HelpSection("Said", tuple(said or [("", "nothing yet")])))
        self.app.push_screen(Help(sections, title="Notices", signs=self.context.signs))

    # The command line

    def do_command_line(self) -> None:
        """:"""
        self.query_one("#footer").display = False
        self.query_one("#command", FilterBar).open("")

    @on(FilterBar.Changed, "#command")
    def hold_back(self, message: FilterBar.Changed) -> None:
        """A command is read when it is entered."""
        message.stop()

    @on(FilterBar.Closed, "#command")
    def run_command(self, message: FilterBar.Closed) -> None:
        """Enter carries it out."""
        message.stop()
        self.query_one("#command").display = False
        self.query_one("#footer").display = True
        self.restore_focus()
        if message.is_kept:
            # Once the focus is back where it was: that place says which actions there are.
            self.dash.call_later(self.carry_out, message.text)

    def carry_out(self, text: str) -> None:
        """Read a command and do it."""
        command = understand(text, self.context.keys.in_scope(self.scope_of(self.focused)))
        if command.problem:
            self.say(command.problem, Tone.WARN)
        elif command.action is not None:
            self.dash.act(command.action)
        elif command.word:
            self.obey(command.word, command.argument)

    def restore_focus(self) -> None:
        """Give the focus back to the view's own widget."""

    def obey(self, word: str, argument: str) -> None:
        """Carry out a command that is no action."""
        if word == "theme" and not argument:
            self._list_themes()
        elif word == "theme":
            self.say(self.dash.use_theme(argument))
        elif word == "open":
            self.dash.open_named(argument)
        else:
            self.say(f"{word} works in the fleet: press F", Tone.WARN)

    def _list_themes(self) -> None:
        present = self.app.theme
        others = tuple(("", name) for name in themes.names() if name != present)
        sections = [
            HelpSection("Now", ((":theme", present),)),
            HelpSection("Others, by :theme NAME or the setting theme", others),
        ]
        self.app.push_screen(Help(sections, title="Themes", signs=self.context.signs))

    async def ask_to_leave(self, shell: Shell) -> bool:
        """Ask before the connection to a live shell is closed."""
        from agentdash.ui.shell_words import whole  # noqa: PLC0415 - not before the first paint

        shells = self.context.shells
        mine = () if shells is None else shells.of_agent(shell.target.agent_key)
        question = Question(
            "Close the connection to this shell?",
            targets=(whole(shell, mine, self.context.clock()),),
            lasting="What runs in it ends after five minutes without anybody attached; `exit` ends it at once.",
            verb="Close",
        )
        return await self.app.push_screen_wait(Confirm(question, signs=self.context.signs)) is True

    def post_events(self, *batch: Event) -> None:
        """Hand events to the store."""
        self.dash.post(batch)
