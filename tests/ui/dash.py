"""The whole application on an injected clock, its state fed by events: no network, no machine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from agentdash.actions.action import Action
from agentdash.actions.target import Target
from agentdash.config.settings import Settings
from agentdash.feed.shells import Shells
from agentdash.present import glyphs as words
from agentdash.present.columns import haystack
from agentdash.state import events as ev
from agentdash.state.model import ActionRecord, Agent, RegionLatency, Role, User, Workspace, agent_key
from agentdash.state.state import State
from agentdash.state.store import Store
from agentdash.ui.app import AgentDash
from agentdash.ui.context import Context
from agentdash.ui.fleet_rows import FleetRows
from agentdash.ui.keys import KeyTable
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.screens.build import BuildScreen
from agentdash.ui.screens.fleet import FleetScreen
from agentdash.ui.screens.shells import ShellsScreen
from agentdash.ui.session import Session
from agentdash.ui.widgets import glyphs as signs
from agentdash.ui.widgets.message import MessageLine
from agentdash.ui.widgets.statusbar import StatusLine
from tests.ui.screen_text import screen_text
from tests.unit.feed.fake_lines import FakeLines
from tests.unit.feed.fakes import FakeClock
from tests.unit.model_factory import NOW, before, make_agent, make_build, make_workspace

PATIENCE_S = 20.0
"""No test waits longer than this for what it expects; most wait some milliseconds."""
NEAR = (RegionLatency("Frankfurt", 20.0, preferred=True),)
OPS = User("u1", "ada", roles=(Role("owner"),))


class StillClock(FakeClock):
    """Starts at `NOW` and stands still until told."""

    def now(self) -> Any:
        return NOW + timedelta(seconds=self.monotonic())


@dataclass
class FakeFeed:
    """Takes down what the screens want to be read."""

    visible: frozenset[str] = frozenset()
    marked: frozenset[str] = frozenset()
    agent: str | None = None
    panes: frozenset[str] = frozenset()
    agents: list[str | None] = field(default_factory=list)
    build_log: str | None = None
    refreshed: int = 0
    measured: int = 0
    is_running: bool = False

    def set_visible(self, ids: set[str]) -> None:
        self.visible = frozenset(ids)

    def set_marked(self, ids: set[str]) -> None:
        self.marked = frozenset(ids)

    def open_agent(self, key: str | None, panes: frozenset[str] = frozenset()) -> None:
        self.agent, self.panes = key, panes
        self.agents.append(key)

    def open_build_log(self, build_id: str | None) -> None:
        self.build_log = build_id

    def refresh(self) -> None:
        self.refreshed += 1

    def measure_links(self) -> None:
        self.measured += 1

    async def run(self) -> None:
        self.is_running = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.is_running = False


class FakeRunner:
    """Takes down what it is asked to do and says how it ended."""

    def __init__(self, post: Callable[[Sequence[ev.Event]], None]) -> None:
        self.done: list[tuple[str, tuple[Target, ...]]] = []
        self.outcome = ("done", "Build 4 is queued.")
        self._post = post

    async def run(self, action: Action, targets: Sequence[Target]) -> tuple[ActionRecord, ...]:
        self.done.append((action.id, tuple(targets)))
        outcome, detail = self.outcome
        title = action.title.rstrip("…")
        record = ActionRecord(len(self.done), NOW, action.id, title, "ada/go-7f3a", "coder x", "running")
        self._post([ev.ActionChanged(record)])
        record = replace(record, outcome=outcome, detail=detail, ended_at=NOW)
        self._post([ev.ActionChanged(record)])
        return (record,)


class Desk:
    """A running app with everything around it that a test holds in its hands."""

    def __init__(self, *, settings: Settings | None = None, refusal: Exception | None = None) -> None:
        self.clock = StillClock()
        self.lines = FakeLines()
        self.feed = FakeFeed()
        self.runner: FakeRunner | None = None
        self.is_closed = False
        self._refusal = refusal
        settings = settings or Settings()
        keymap = {action: ", ".join(keys) for action, keys in settings.keymap.items()}
        keymap.setdefault("terminal-leave", settings.leave_key)
        self.context = Context(
            settings=settings,
            store=Store(settings.logs.lines_per_agent),
            fleet=FleetRows(lambda row, verdict: haystack(row, verdict, self.context.now())),
            keys=KeyTable(keymap, read_only=settings.read_only),
            glyphs=words.ASCII if settings.ascii else words.UNICODE,
            signs=signs.ASCII if settings.ascii else signs.UNICODE,
            clock=self.clock.now,
            judge_every_s=0.02,
        )
        self.app = AgentDash(self.context, self._connect)
        self.pilot: Pilot[Any]

    async def _connect(
        self, post: Callable[[Sequence[ev.Event]], None], state: Callable[[], State]
    ) -> Session:
        if self._refusal is not None:
            raise self._refusal
        self.runner = FakeRunner(post)
        shells = Shells(self.lines, state, clock=self.clock, rng=random.Random(7), history=500)

        async def close() -> None:
            self.is_closed = True

        return Session(self.feed, self.runner, shells, close)  # type: ignore[arg-type]  # stand-ins

    # What a test does

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Let the app work until something holds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        while not condition():
            if loop.time() > end:
                shown = f"{what or 'what was waited for'} did not come; the screen says:\n{self.text}"
                raise AssertionError(shown)
            await self.pilot.pause(0.005)
        await self.pilot.pause()

    async def tell(self, *events: ev.Event) -> None:
        """Post events and let the screens take them in."""
        self.app.post(events)
        await self.until(lambda: not self.app._pending and not self.app._take_planned)

    async def know(self, *workspaces: Workspace, ended: bool = False) -> None:
        """The fleet is this, as of now."""
        now = self.clock.now()
        told: list[ev.Event] = [ev.WorkspacesRead(workspaces, now, "page")]
        if ended:
            told.append(ev.SweepEnded(frozenset(w.id for w in workspaces), now, len(workspaces)))
        await self.tell(*told)

    async def judged(self) -> None:
        """Wait until the diagnosis is that of the present state."""

        def is_judged() -> bool:
            judge = self.context.judge
            return judge is not None and judge.view is not None and judge.view.facts.state is self.state

        if self.context.judge is not None:
            self.context.judge.state_changed()
        await self.until(is_judged, "a diagnosis")

    async def press(self, *keys: str) -> None:
        """Press keys, each taken in before the next."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        named = {" ": "space", "/": "slash", ":": "colon", "-": "minus", ".": "full_stop", ",": "comma"}
        await self.press(*(named.get(letter, letter) for letter in text))

    async def command(self, text: str) -> None:
        """Enter a command."""
        await self.press("colon")
        self.screen.query_one("#command Input", Input).value = text
        await self.press("enter")
        await self.pilot.pause()

    async def open_agent(self, key: str = "w1/main", start: str = "") -> AgentScreen:
        """Enter an agent."""
        self.app.open_row(key, start)
        await self.until(lambda: isinstance(self.app.screen, AgentScreen) and self.app.screen.key == key)
        screen = self.agent
        await self.until(lambda: screen.focused is not None)
        return screen

    # What a test looks at

    @property
    def state(self) -> State:
        return self.context.state

    @property
    def text(self) -> str:
        """All that is on screen."""
        return screen_text(self.app)

    @property
    def screen(self) -> BaseScreen:
        """The view on top that is no dialog."""
        found = [s for s in self.app.screen_stack if isinstance(s, BaseScreen)]
        return found[-1]

    @property
    def fleet(self) -> FleetScreen:
        found = self.app.views["fleet"]
        assert isinstance(found, FleetScreen)
        return found

    @property
    def agent(self) -> AgentScreen:
        assert isinstance(self.app.screen, AgentScreen), self.app.screen
        return self.app.screen

    @property
    def build(self) -> BuildScreen:
        assert isinstance(self.app.screen, BuildScreen), self.app.screen
        return self.app.screen

    @property
    def shells_view(self) -> ShellsScreen:
        assert isinstance(self.app.screen, ShellsScreen), self.app.screen
        return self.app.screen

    @property
    def shells(self) -> Shells:
        assert self.context.shells is not None
        return self.context.shells

    @property
    def ran(self) -> list[tuple[str, tuple[Target, ...]]]:
        """What the runner was asked to do."""
        assert self.runner is not None
        return self.runner.done

    def line(self, name: str) -> str:
        """Text of one of the screen's lines: `title`, `views`, `trouble`, `footer`, `filter-line`, ..."""
        return self.screen.query_one(f"#{name}", StatusLine).text.rstrip()

    @property
    def said(self) -> list[str]:
        """What was said in the footer of this view, oldest first."""
        return [cell.text for cell in self.screen.query_one("#footer", MessageLine).notices]


@asynccontextmanager
async def desk(
    *workspaces: Workspace,
    size: tuple[int, int] = (120, 36),
    settings: Settings | None = None,
    refusal: Exception | None = None,
) -> AsyncIterator[Desk]:
    """The app on screen, connected, with these workspaces known."""
    it = Desk(settings=settings, refusal=refusal)
    async with it.app.run_test(size=size) as it.pilot:
        await it.until(lambda: it.app.screen.query("#fleet-grid"))
        if refusal is None:
            await it.until(lambda: it.feed.is_running)
            await it.tell(*greeting())
        if workspaces:
            await it.know(*workspaces, ended=True)
            await it.until(lambda: it.fleet.grid.row_count)
        yield it
    assert it.is_closed or refusal is not None


def greeting() -> list[ev.Event]:
    """What is known of the deployment once it has answered."""
    return [
        ev.ServerNamed("https://coder.example.com", "coder.example.com", is_embedded=False),
        ev.BuildInfoRead("v2.37.1", "dep", "https://coder.example.com", False),
        ev.UserRead(OPS),
        ev.ServerAnswered(NOW, "v2.37.1", 0.0, 0.02),
    ]


def workspace(
    workspace_id: str = "w1",
    name: str = "",
    *agents: Agent,
    build: dict[str, Any] | None = None,
    **fields: Any,
) -> Workspace:
    """A running workspace of ada with a well agent `main`, unless told otherwise."""
    found = agents or (make_agent(workspace_id=workspace_id, latency=NEAR),)
    made = make_build(**({"id": f"{workspace_id}-b3", "workspace_id": workspace_id} | (build or {})))
    values: dict[str, Any] = {
        "id": workspace_id,
        "name": name or f"dev-{workspace_id}",
        "build": made,
        "last_used_at": before(600),
    }
    return make_workspace(*found, **(values | fields))


def broken(workspace_id: str = "w2", name: str = "gpu-12") -> Workspace:
    """A workspace whose agent was lost ten minutes ago."""
    lost = make_agent(
        workspace_id=workspace_id,
        status="disconnected",
        last_connected_at=before(600),
        disconnected_at=before(600),
        healthy=False,
        health_reason="agent has lost connection",
    )
    return workspace(workspace_id, name, lost)


def rebuilt(old: Workspace, suffix: str = "new") -> Workspace:
    """The workspace after its next start: another build, agents with other ids and log sources of their own."""
    agents = tuple(
        replace(
            agent,
            id=f"{agent.id}-{suffix}",
            key=agent_key(old.id, agent.name, agent.parent_name),
            log_sources=tuple(replace(s, id=f"{s.id}-{suffix}") for s in agent.log_sources),
            scripts=tuple(
                replace(s, id=f"{s.id}-{suffix}", source_id=f"{s.source_id}-{suffix}") for s in agent.scripts
            ),
        )
        for agent in old.agents
    )
    build = replace(old.build, id=f"{old.build.id}-{suffix}", number=old.build.number + 1)
    return replace(old, build=build, agents=agents)


__all__ = ["Desk", "broken", "desk", "greeting", "rebuilt", "workspace"]
