"""The real application, feed, client and sockets against the embedded deployment."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from agentdash.api.errors import ReadOnly
from agentdash.cli import dashboard
from agentdash.config.secret import Secret
from agentdash.config.settings import Settings
from agentdash.feed.settings import FeedSettings
from agentdash.feed.shells import ShellState, Target
from agentdash.local.processes import child_environment
from agentdash.local.pty_process import Program, PtyProcess
from agentdash.local.pty_sessions import Terminal
from agentdash.local.records import Deployment
from agentdash.local.runtime import ShellRequest
from agentdash.local.server import Served, ServerOptions, serve_in_loop
from agentdash.ui.app import AgentDash
from agentdash.ui.panes.logs import LogsPane
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.screens.fleet import FleetScreen
from agentdash.ui.widgets.confirm import Confirm
from agentdash.ui.widgets.help import Help
from agentdash.ui.widgets.message import MessageLine
from agentdash.ui.widgets.statusbar import StatusLine
from tests.conftest import add_start_build, small_deployment, the_agent
from tests.ui.screen_text import screen_text, widget_lines

PATIENCE_S = 30.0
QUICK = FeedSettings(
    ports_s=0.2,
    tick_s=0.05,
    sweep_interval_s=0.5,
    trouble_interval_s=0.5,
    reread_s=0.5,
    final_logs_s=0.1,
)


class Live:
    """The app on screen, and the server behind it."""

    def __init__(self, app: AgentDash, pilot: Pilot[Any], served: Served) -> None:
        self.app = app
        self.pilot = pilot
        self.served = served
        workspace = next(iter(served.deployment.workspaces.values()))
        self.workspace_id = workspace.id
        self.key = f"{workspace.id}/main"

    async def until(self, condition: Callable[[], object]) -> None:
        """Let app and server work until something holds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        while not condition():
            assert loop.time() < end, f"it did not come; the screen says:\n{screen_text(self.app)}"
            await self.pilot.pause(0.02)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def enter(self, start: str = "") -> AgentScreen:
        """The agent's screen, once the agent is known."""
        await self.until(lambda: self.state.row(self.key))
        self.app.open_row(self.key, start)
        await self.until(lambda: isinstance(self.app.screen, AgentScreen) and self.app.screen.focused)
        return self.agent

    @property
    def state(self) -> Any:
        return self.app.context.state

    @property
    def deployment(self) -> Deployment:
        return self.served.deployment

    @property
    def fleet(self) -> FleetScreen:
        found = self.app.views["fleet"]
        assert isinstance(found, FleetScreen)
        return found

    @property
    def agent(self) -> AgentScreen:
        assert isinstance(self.app.screen, AgentScreen)
        return self.app.screen

    @property
    def screen(self) -> BaseScreen:
        return [s for s in self.app.screen_stack if isinstance(s, BaseScreen)][-1]

    def line(self, name: str) -> str:
        return self.screen.query_one(f"#{name}", StatusLine).text.rstrip()

    @property
    def said(self) -> list[str]:
        return [cell.text for cell in self.screen.query_one("#footer", MessageLine).notices]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A quicker feed, and a home of the test's own."""
    monkeypatch.setattr("agentdash.feed.settings.feed_settings", lambda settings: QUICK)
    monkeypatch.setattr(dashboard, "_is_utf8", lambda: True)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


@asynccontextmanager
async def dashboard_on(
    served: Served, *, size: tuple[int, int] = (120, 36), **fields: Any
) -> AsyncIterator[Live]:
    """The dashboard as `agentdash --url …` makes it."""
    settings = Settings(url=served.url, token=Secret(served.token.reveal()), **fields)
    context = dashboard.make_context(settings)
    app = AgentDash(context, dashboard.session_opener(settings, {}))
    async with app.run_test(size=size) as pilot:
        it = Live(app, pilot, served)
        await it.until(lambda: app.screen.query("#fleet-grid"))
        yield it


async def test_the_fleet_fills_and_names_the_server(served: Served) -> None:
    async with dashboard_on(served) as it:
        await it.until(lambda: it.fleet.grid.row_count == 1)
        await it.until(lambda: "alpha › main" in screen_text(it.app))
        await it.until(lambda: "● live" in it.line("title") and "ops" in it.line("title"))
        assert it.fleet.grid.cursor_key == it.key


async def test_logs_arrive_while_one_watches(served: Served) -> None:
    agent = the_agent(served.deployment)
    served.deployment.append_logs(agent, agent.log_sources[0].id, [("info", "before")])
    async with dashboard_on(served) as it:
        screen = await it.enter()
        pane = screen.pane("logs")
        await it.until(lambda: "before" in "\n".join(widget_lines(pane)))
        await it.until(lambda: pane.freshness_text == "live")
        it.deployment.append_logs(agent, agent.log_sources[0].id, [("error", "while you watch")])
        await it.until(lambda: "while you watch" in "\n".join(widget_lines(pane)))


async def test_metadata_moves(served: Served) -> None:
    agent = the_agent(served.deployment)
    item = agent.metadata[0]
    async with dashboard_on(served) as it:
        screen = await it.enter()
        pane = screen.pane("metadata")
        for value in ("12%", "57%"):
            item.value, item.collected_at = value, it.deployment.now()
            it.deployment.touch_agent(agent)
            await it.until(lambda value=value: value in "\n".join(widget_lines(pane)))
        assert pane.freshness_text == "live"


@pytest.fixture
def real_shell(served: Served) -> None:
    """Gives the agent of `served` a real POSIX shell."""

    async def start(request: ShellRequest) -> Terminal:
        environment = child_environment({"PATH": "/usr/bin:/bin", "PS1": "$ "}, TERM="xterm-256color")
        return await PtyProcess.start(
            Program(["/bin/sh", "-i"], environment, "/"), request.rows, request.columns
        )

    agent = the_agent(served.deployment)
    agent.kind = "host"
    served.runtime.shells[agent.workspace_id] = start


async def typed(it: Live, text: str) -> None:
    await it.press(*("enter" if letter == "\r" else letter for letter in text))


@pytest.mark.usefixtures("real_shell")
async def test_a_real_shell_echoes_survives_a_cut_and_ends(served: Served) -> None:
    async with dashboard_on(served) as it:
        screen = await it.enter("shell")
        shells = it.app.context.shells
        assert shells is not None
        await it.until(lambda: shells.all() and shells.all()[0].status.state is ShellState.CONNECTED)
        shell = shells.all()[0]
        await it.until(lambda: screen.terminal.term.is_typing)
        await typed(it, "echo $((6*7))-here; kept=yes\r")
        await it.until(lambda: "42-here" in "\n".join(widget_lines(screen.terminal)))
        served.drop_connections()
        await it.until(lambda: shell.status.state is not ShellState.CONNECTED)
        await it.until(lambda: shell.status.state is ShellState.CONNECTED)
        await typed(it, "echo still-$kept\r")
        await it.until(lambda: "still-yes" in "\n".join(widget_lines(screen.terminal)))
        await typed(it, "exit\r")
        await it.until(lambda: shell.status.state is ShellState.ENDED)
        await it.until(lambda: "Enter starts a new one" in "\n".join(widget_lines(screen.terminal)))


@pytest.fixture
def fixed_port_server() -> Callable[..., Any]:
    """Serves a deployment at a given port."""

    def serve(deployment: Deployment, port: int, token: Any) -> Any:
        options = ServerOptions(port=port, ping_interval_s=0.2)
        return serve_in_loop(deployment, options=options, token=token)

    return serve


async def test_a_server_that_goes_away_and_comes_back(fixed_port_server: Callable[..., Any]) -> None:
    deployment = small_deployment()
    async with fixed_port_server(deployment, 0, None) as first:
        pass
    port = int(first.url.rpartition(":")[2])
    token = first.token
    stack = fixed_port_server(deployment, port, token)
    served = await stack.__aenter__()
    async with dashboard_on(served) as it:
        screen = await it.enter()
        await it.until(lambda: screen.pane("metadata").freshness_text == "live")
        await stack.__aexit__(None, None, None)
        await it.until(lambda: screen.query_one("#trouble").display)
        assert "✗" in it.line("trouble")
        await it.until(lambda: "live" not in screen.pane("metadata").freshness_text)
        await it.until(lambda: "live" not in screen.pane("logs").freshness_text)
        assert screen.view_now() is not None  # what was known stays
        async with fixed_port_server(deployment, port, token):
            it.app.context.feed.refresh()  # type: ignore[union-attr]
            await it.until(lambda: not screen.query_one("#trouble").display)
            await it.until(lambda: screen.pane("metadata").freshness_text == "live")
            await it.until(lambda: screen.pane("logs").freshness_text == "live")
            it.app.exit()


async def test_a_rebuild_keeps_the_cursor_and_opens_the_streams_anew(served: Served) -> None:
    deployment = served.deployment
    async with dashboard_on(served) as it:
        screen = await it.enter("logs")
        pane = screen.pane("logs")
        assert isinstance(pane, LogsPane)
        await it.until(lambda: pane.freshness_text == "live")
        workspace = deployment.workspaces[it.workspace_id]
        new = add_start_build(deployment, workspace)
        deployment.touch(workspace)
        deployment.append_logs(new, new.log_sources[0].id, [("info", "a new life")])
        await it.until(lambda: "a new life" in "\n".join(widget_lines(pane)))
        await it.until(lambda: pane.freshness_text == "live")
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)
        assert it.fleet.grid.cursor_key == it.key


async def test_a_restart_is_asked_about_done_and_told(served: Served) -> None:
    async with dashboard_on(served) as it:
        await it.until(lambda: it.fleet.grid.row_count == 1 and it.state.server.user)
        builds = it.deployment.workspaces[it.workspace_id].builds
        await it.press("R")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert it.app.focused is not None
        assert it.app.focused.id == "cancel"
        await it.press("enter")
        await it.until(lambda: it.app.screen is it.fleet)
        assert len(builds) == 1
        await it.press("H")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        await it.press("left", "enter")
        await it.until(lambda: it.state.actions and it.state.actions[-1].outcome == "done")
        assert len(builds) == 2
        await it.until(lambda: "stop ops/alpha: done. Build 2 is queued." in it.said)
        await it.press("exclamation_mark")
        await it.until(lambda: isinstance(it.app.screen, Help) and "ops/alpha: done" in screen_text(it.app))


async def test_read_only_is_kept_on_screen_and_in_the_client(served: Served) -> None:
    async with dashboard_on(served, read_only=True) as it:
        await it.until(lambda: it.fleet.grid.row_count == 1)
        assert "READ-ONLY" in it.line("views")
        await it.press("R", "s", "H")
        assert it.app.screen is it.fleet
        session = it.app.session
        assert session is not None
        doer = session.runner._doer
        with pytest.raises(ReadOnly):
            await doer.stop(it.workspace_id)
        lines = session.shells._lines
        target = Target(it.workspace_id, it.key, "ops/alpha.main")
        with pytest.raises(ReadOnly):
            async with lines.open(the_agent(it.deployment).id, uuid.uuid4(), target, height=24, width=80):
                pass
        assert len(it.deployment.workspaces[it.workspace_id].builds) == 1


async def test_a_wrong_token_is_said_and_the_program_stays_up(served: Served) -> None:
    wrong = replace(served, token=Secret("wrong-token-of-nobody"))  # type: ignore[arg-type]
    async with dashboard_on(wrong) as it:
        await it.until(lambda: it.fleet.query_one("#trouble").display and it.line("trouble"))
        await it.until(lambda: "coder login" in screen_text(it.app))
        assert "wrong-token" not in screen_text(it.app)
        assert it.app.is_running


async def test_nothing_listens_there(served: Served) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        nowhere = replace(served, url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    async with dashboard_on(nowhere) as it:
        await it.until(lambda: it.fleet.query_one("#trouble").display and it.line("trouble"))
        assert it.line("trouble").startswith(" ✗ ")
