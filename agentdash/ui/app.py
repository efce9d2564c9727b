"""The application: wiring only. Events come in, screens are told what changed, keys become actions."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen

from agentdash.actions.action import Action
from agentdash.present.cells import Tone
from agentdash.ui import judging, themes
from agentdash.ui.colourless import Colourless
from agentdash.ui.exit_signals import restore_on_signals
from agentdash.ui.front import Front
from agentdash.ui.screens.opening import OpeningScreen
from agentdash.ui.screens.view import View
from agentdash.ui.session import Connect, Refusal, Session
from agentdash.ui.trail import Place, Trail
from agentdash.ui.typedapp import TypedApp
from agentdash.ui.views import screen_at, view_named
from agentdash.ui.widgets.later import later

if TYPE_CHECKING:
    from agentdash.state.events import Event
    from agentdash.state.model import ActionRecord
    from agentdash.state.state import Changes

log = logging.getLogger(__name__)

FRAME_S = 1 / 30
"""Events are taken in at most this often."""
WITH_ROWS = ("fleet", "prebuilds", "triage")
"""Views from which an agent is opened, and to which one comes back from it."""
LOOSE = frozenset({"detached", "ended", "refused"})
"""States of shells that leaving does nothing to."""
SWITCH_S = 0.001
"""Threads that decode pages or judge the fleet hand the interpreter back to the keys after this time, not after 5 ms."""
TICK_S = 5.0
"""How often words that depend on time are looked at; nothing is repainted that reads the same."""


class AgentDash(TypedApp, inherit_bindings=False):
    """The dashboard.

    Args:
        front: What the first frame is painted from, and what loads the rest.
        connect: Opens the session after that.
    """

    TITLE = "agentdash"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "styles/base.tcss"
    BINDINGS: ClassVar[list[BindingType]] = []
    MODES: ClassVar[dict[str, Any]] = {}

    def __init__(self, front: Front, connect: Connect) -> None:
        super().__init__()
        self._front = front
        self.session: Session | None = None
        self._connect = connect
        self._pending: list[Event] = []
        self._take_planned = False
        self._taken_at = 0.0
        self._views: dict[str, View] = {}
        self._work: asyncio.Task[None] | None = None
        self._judging: asyncio.Task[None] | None = None
        self._told: tuple[ActionRecord, ...] = ()
        self._counted: tuple[object, object, dict[str, str]] | None = None
        self.trail = Trail()
        self._colourless = Colourless()

    # Life

    def get_driver_class(self) -> type[Driver]:
        """Textual's own, made to outlive a terminal that vanishes."""
        found = super().get_driver_class()
        if found.__name__ != "LinuxDriver":
            return found
        from agentdash.ui.driver import TerminalDriver  # noqa: PLC0415 - there is none on Windows

        return TerminalDriver

    def get_default_screen(self) -> Screen[Any]:
        """What is painted first."""
        return OpeningScreen(self._front)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through before it is sent."""
        return [self._colourless] if self.no_color else super().get_line_filters()

    def on_mount(self) -> None:
        """Paint at once; everything else is loaded after that, and the network follows."""
        # Made for terminals whose colours are not ours, it tells by dim and reverse what others tell by a tint.
        themes.use(self, themes.TERMINAL if self.no_color else self._front.settings.theme)
        restore_on_signals(self)
        sys.setswitchinterval(SWITCH_S)
        # What waits for the load are keys, in the app's own queue; the first frame is painted and stays.
        self.call_after_refresh(self.call_later, self._begin)

    async def _begin(self) -> None:
        """Load the rest, and show the fleet with what is known of it so far."""
        self.context = await asyncio.to_thread(self._front.whole)
        self.show_view("fleet")
        self.call_after_refresh(self._start_work)

    def _start_work(self) -> None:
        self._work = asyncio.create_task(self._run_session(), name="session")
        self._work.add_done_callback(self._tell_failure)
        self._judging = judging.start(self)
        self.set_interval(TICK_S, self._tick)

    async def _run_session(self) -> None:
        try:
            self.session = session = await self._connect(self.post, lambda: self.context.state)
        except Refusal as refusal:
            self._say_problem("Refusal", refusal.title, refusal.detail, refusal.next_step)
            return
        self.context.feed, self.context.shells = session.feed, session.shells
        session.shells.turn = self._keys_first.turn
        for screen in self._views.values():
            if screen.is_mounted:  # one that is not yet looks for the feed when it is
                screen.session_opened()
        try:
            await session.feed.run()
        finally:
            await session.shells.aclose()
            await session.close()

    def _tell_failure(self, work: asyncio.Task[None]) -> None:
        """A mistake of ours must not look like a server that never answers."""
        error = None if work.cancelled() else work.exception()
        if error is not None:
            log.error("the session has ended", exc_info=error)
            what = f"{type(error).__name__} in this program"
            self._say_problem("Failure", what, "Nothing is read any more", "Start agentdash again")

    def _say_problem(self, kind: str, title: str, detail: str, next_step: str) -> None:
        from agentdash.state.events import ServerFailed  # noqa: PLC0415 - not before the first paint
        from agentdash.state.freshness import Problem  # noqa: PLC0415

        self.post([ServerFailed(Problem(kind, title, detail, next_step))])

    def _fatal_error(self) -> None:
        """End because of a mistake of ours: the trace goes to the log, one line to the person.

        Textual would print the trace with all locals: thousands of lines that hold the whole deployment. There is no
        public place to say otherwise.
        """
        log.critical("the dashboard failed", exc_info=self._exception)
        self._close_messages_no_wait()

    @property
    def failure(self) -> str:
        """What ended the program, if a mistake of ours did; empty otherwise."""
        return "" if self._exception is None else type(self._exception).__name__

    async def on_unmount(self) -> None:
        """End the session before the loop ends."""
        await self._gate.aclose()
        tasks = [task for task in (self._judging, self._work) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # State

    def post(self, batch: Sequence[Event]) -> None:
        """Take events; the screens hear of them at most once a frame."""
        self._pending.extend(batch)
        if self._take_planned or not self._pending:
            return
        self._take_planned = True
        wait = self._taken_at + FRAME_S - asyncio.get_running_loop().time()
        if wait <= 0:
            self.call_next(self._take_in)
        else:
            later(self, wait, self._take_in)

    def _take_in(self) -> None:
        self._take_planned = False
        self._taken_at = asyncio.get_running_loop().time()
        batch, self._pending = self._pending, []
        changes = self.context.store.apply(batch)
        if changes:
            self.tell(changes)

    def tell(self, changes: Changes) -> None:
        """Tell all views what changed; those not in sight remember it."""
        context = self.context
        touched = context.fleet.apply(context.state, changes, context.now())
        if context.judge is not None:
            context.judge.state_changed()
        for screen in self._screens():
            screen.state_changed(changes, touched)
        if changes.actions:
            self._say_outcomes()

    def _say_outcomes(self) -> None:
        """What was done from here, on the view in sight: it may have ended long after the question."""
        records = self.context.state.actions
        fresh = [record for record in records if record not in self._told]
        self._told = records
        shown = [s for s in self.screen_stack if isinstance(s, View) and s.is_mounted]
        for record in fresh:
            if shown:
                shown[-1].say_outcome(record)

    def judged(self) -> None:
        """There is a new diagnosis."""
        context = self.context
        view = None if context.judge is None else context.judge.view
        if view is None:
            return
        touched = context.fleet.hear(view.told, view.facts.state, view.facts.now)
        for screen in self._screens():
            if screen.is_current and screen.is_mounted:
                screen.judged(touched)

    def _tick(self) -> None:
        context = self.context
        touched = context.fleet.rejudge(context.state, context.now())
        for screen in self._screens():
            if screen.is_current and screen.is_mounted:
                screen.time_passed(touched)

    def _screens(self) -> list[View]:
        """Those that can be told something: none while the program ends and takes them apart."""
        if not self.is_running:
            return []
        found = list(self._views.values())
        found += [s for s in self.screen_stack if isinstance(s, View) and s not in found]
        return found

    # Views

    def show_view(self, name: str) -> None:
        """Switch to a view; it is as it was left. Its key a second time goes to its ground."""
        if name not in self._views:
            self._views[name] = view_named(name, self.context)
            self.add_mode(name, lambda: self._views[name])
        if self.current_mode == name:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        self.switch_mode(name)
        self.trail.visit(Place(name))

    def show_fleet(self, query: str) -> None:
        """Switch to the fleet, filtered."""
        self.show_view("fleet")
        self.call_after_refresh(self._views["fleet"].obey, "filter", query)

    def open_row(self, key: str, start: str = "", *, shell_id: str = "") -> None:
        """Open a row's agent, at a pane; a row without an agent opens its build log."""
        found = self.context.state.row(key)
        if found is None or found[1] is None:
            if self.context.state.row(key.partition("/")[0]) is not None:
                self.open_build_log(key)
            return
        from agentdash.ui.screens.agent import AgentScreen  # noqa: PLC0415 - not before the first paint

        self._open(AgentScreen(self.context, key, start, shell_id=shell_id), Place("fleet", key))

    def open_build_log(self, key: str) -> None:
        """Show the log of a workspace's latest build."""
        place = Place("fleet", key, is_build=True)
        self._open(screen_at(place, self.context), place)

    def _open(self, screen: View, place: Place) -> None:
        if self.current_mode not in WITH_ROWS:
            self.switch_mode("fleet")
        self.trail.visit(Place(self.current_mode, place.key, place.is_build))
        if len(self.screen_stack) > 1 and type(self.screen) is type(screen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def open_named(self, name: str) -> None:
        """Open an agent by `owner/workspace[.agent]`, the owner left out for one's own."""
        wanted = name.lower()
        for workspace in self.context.state.workspaces.values():
            names = {workspace.name.lower(), workspace.full_name.lower()}
            for agent in workspace.agents:
                if wanted in names or wanted in {f"{known}.{agent.name.lower()}" for known in names}:
                    self.open_row(agent.key)
                    return
        self._say(f"no agent {name!r} among those that are loaded", Tone.WARN)

    def close_top(self) -> None:
        """Leave the screen on top, if there is one below."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
            below = self.screen
            if isinstance(below, View):
                self.trail.visit(Place(self.current_mode, below.place_key, below.SCOPE == "build"))

    def _go(self, by: int) -> None:
        place = self.trail.step(by)
        if place is None:
            self._say("there is nowhere further to go")
            return
        self.switch_mode(place.view)
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if place.key:
            self.push_screen(screen_at(place, self.context))

    def _say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        if isinstance(self.screen, View):
            self.screen.say(text, tone)

    def view_counts(self) -> dict[str, str]:
        """What stands behind the names of views, by name."""
        shells = self.context.shells
        count = len(shells.all()) if shells is not None else 0
        counts = {"shells": str(count)} if count else {}
        judge = self.context.judge
        if judge is None:
            return counts
        # Asked for each frame; to count hundreds of findings takes a third of one.
        view, marks = judge.view, dict(judge.acks.marks)
        if self._counted is None or self._counted[0] is not view or self._counted[1] != marks:
            self._counted = view, marks, judge.counts(self.context.now())
        return counts | self._counted[2]

    @property
    def views(self) -> dict[str, View]:
        """Views that have been opened, by name."""
        return self._views

    # Actions

    def act(self, action: Action) -> None:
        """Carry out an action where the focus is: the pane, then its screen, then the program answers for it."""
        name = "do_" + action.id.replace("-", "_")
        screen = self.screen
        places: list[Any] = [] if self.focused is None else list(self.focused.ancestors_with_self)
        for place in (*(p for p in places if not isinstance(p, (Screen, App))), screen, self):
            handler = getattr(place, name, None)
            if handler is not None:
                handler()
                return
        if isinstance(screen, View):
            screen.act_on_targets(action)

    def act_soon(self, action: Action) -> None:
        """Carry out an action once what is on top has closed."""
        self.call_later(self.act, action)

    def do_view_fleet(self) -> None:
        """F"""
        self.show_view("fleet")

    def do_view_prebuilds(self) -> None:
        """P"""
        self.show_view("prebuilds")

    def do_view_triage(self) -> None:
        """T"""
        self.show_view("triage")

    def do_view_shells(self) -> None:
        """X"""
        self.show_view("shells")

    def do_history_back(self) -> None:
        """["""
        self._go(-1)

    def do_history_forward(self) -> None:
        """]"""
        self._go(1)

    def do_next_theme(self) -> None:
        """The next of our own themes."""
        names = [theme.name for theme in themes.OWN]
        at = names.index(self.theme) if self.theme in names else -1
        self._say(self.use_theme(names[(at + 1) % len(names)]))

    def use_theme(self, name: str) -> str:
        """Use a theme; says what came of it."""
        problem = themes.unknown(name)
        if problem:
            return problem if "?" in problem else f"{problem}; :theme tells which there are"
        themes.use(self, name)
        return f"theme {name}"

    @work(exclusive=True, group="quit", exit_on_error=False)
    async def do_quit(self) -> None:
        """q: asks while terminals are open."""
        from agentdash.ui.widgets.confirm import Confirm, Question  # noqa: PLC0415 - not before the first paint

        shells = self.context.shells
        live = [] if shells is None else [s for s in shells.all() if s.status.state not in LOOSE]
        if shells is not None and live:
            from agentdash.ui.shell_words import whole  # noqa: PLC0415

            now = self.context.clock()
            words = "1 terminal is open" if len(live) == 1 else f"{len(live)} terminals are open"
            question = Question(
                f"Quit? {words}.",
                targets=tuple(whole(shell, shells.of_agent(shell.target.agent_key), now) for shell in live),
                lasting="A shell that nobody comes back to ends after five minutes.",
                verb="Quit",
            )
            if not await self.push_screen_wait(Confirm(question, signs=self.context.signs)):
                return
        self.exit(0)
