"""Every place of the dashboard against a server of each revision: it works, or says which version it would need."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from agentdash.cli import dashboard
from agentdash.feed.settings import FeedSettings
from agentdash.feed.shells import ShellState
from agentdash.local.processes import child_environment
from agentdash.local.pty_process import Program, PtyProcess
from agentdash.local.pty_sessions import Terminal
from agentdash.local.records import Deployment
from agentdash.local.revisions import REVISIONS
from agentdash.local.runtime import ShellRequest
from agentdash.local.server import Served, serve_in_loop
from agentdash.local.world import build_fleet
from tests.client.test_dashboard_live import Live, dashboard_on
from tests.conftest import the_agent
from tests.ui.screen_text import screen_text

NAMES: Final = list(REVISIONS)
V2023: Final = ("2023-03", "2023-06")
BEFORE_PREBUILDS: Final = (*V2023, "2024-09")
WORKSPACE: Final = "api-next"
SERVER: Final = {"2023-03": "0.21", "2023-06": "0.25", "2024-09": "2.16"}

PANES: Final[dict[str, Place]] = {
    # Pane → (key, words everywhere, words by revision where they differ).
    "health": ("1", "connected since", {}),
    "scripts": (
        "2",
        "Git Clone start ok",
        {
            "2023-03": "Startup Script start failed",
            "2023-06": "Startup Script start failed",
            "2024-09": "Git Clone start not told – results need Coder 2.17",
        },
    ),
    "ports": ("3", "8443 tcp caddy", {}),
    "logs": (
        "4",
        "Git Clone Cloning into",
        dict.fromkeys(V2023, "all 15 Startup Script 15"),
    ),
    "devcontainers": (
        "5",
        "site error exit status 1",
        {
            name: f"Devcontainers and containers would be here, which came with Coder 2.20; this server is {number}."
            for name, number in SERVER.items()
        },
    ),
    "terminal": ("6", "Press enter to open a shell here.", {}),
    "apps": ("7", "The template gives this agent no apps.", {}),
    "metadata": ("8", "Memory", {}),
    "network": ("9", "Coder Embedded Relay", {}),
}
VIEWS: Final[dict[str, Place]] = {
    "fleet": ("F", "api-next › main", {}),
    "build log": ("b", "Cleaning Up", {}),
    "shells": ("X", "Open terminals would be here: press F, choose an agent, and s opens a shell in it.", {}),
    "triage": ("T", "A05 Agent lost its connection", {}),
    "prebuilds": (
        "P",
        "web / small",
        {
            name: f"prebuilt workspaces came with Coder about 2.22; this server is {number}."
            for name, number in SERVER.items()
        },
    ),
}


STEADY: Final = FeedSettings(tick_s=0.05, surroundings_settle_s=0.1)
"""The fleet stands still: it need not be read again."""
Place = tuple[str, str, dict[str, str]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A quicker feed, and a home of the test's own."""
    monkeypatch.setattr("agentdash.feed.settings.feed_settings", lambda settings: STEADY)
    monkeypatch.setattr(dashboard, "_is_utf8", lambda: True)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(params=NAMES)
async def old(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """The scripted fleet, standing still, as a server of each revision has it."""
    world = build_fleet(Deployment(None))
    revision = REVISIONS[request.param]
    async with serve_in_loop(world.deployment, viewer=world.user("ops"), revision=revision) as served:
        yield served


def shown(it: Live) -> str:
    """The screen as one line of words, frames and line breaks left out."""
    return re.sub(r"[\s│╭╮╰╯─▐▌]+", " ", screen_text(it.app))


def words_for(place: Place, served: Served) -> str:
    return place[2].get(served.runtime.revision.name, place[1])


async def is_shown(it: Live, place: Place, served: Served) -> None:
    """Wait until the words stand there."""
    words = words_for(place, served)
    await it.until(lambda: words in shown(it))


async def test_every_pane_of_an_agent(old: Served) -> None:
    workspace = next(w for w in old.deployment.workspaces.values() if w.name == WORKSPACE)
    async with dashboard_on(old, size=(80, 24)) as it:
        it.key = f"{workspace.id}/main"
        await it.enter()
        for place in PANES.values():
            await it.press(place[0])
            await is_shown(it, place, old)


async def test_every_view(old: Served) -> None:
    workspace = next(w for w in old.deployment.workspaces.values() if w.name == WORKSPACE)
    async with dashboard_on(old, size=(80, 24)) as it:
        await it.until(lambda: it.state.row(f"{workspace.id}/main"))
        for place in VIEWS.values():
            await it.press(place[0])
            await is_shown(it, place, old)


@pytest.mark.parametrize("name", NAMES)
async def test_a_shell(deployment: Deployment, name: str) -> None:
    async def start(request: ShellRequest) -> Terminal:
        environment = child_environment({"PATH": "/usr/bin:/bin", "PS1": "$ "}, TERM="xterm-256color")
        return await PtyProcess.start(
            Program(["/bin/sh", "-i"], environment, "/"), request.rows, request.columns
        )

    agent = the_agent(deployment)
    agent.kind = "host"
    async with serve_in_loop(deployment, revision=REVISIONS[name]) as served:
        served.runtime.shells[agent.workspace_id] = start
        async with dashboard_on(served, size=(80, 24)) as it:
            screen = await it.enter("shell")
            shells = it.app.context.shells
            assert shells is not None
            await it.until(lambda: screen.terminal.term.is_typing)
            await it.until(lambda: shells.all() and shells.all()[0].status.state is ShellState.CONNECTED)
            await it.press(*("space" if letter == " " else letter for letter in "echo $((6*7))"), "enter")
            await it.until(lambda: "42 $" in shown(it))
            await it.press(*"exit", "enter")
            await it.until(lambda: shells.all()[0].status.state is ShellState.ENDED)
