"""Pictures, few: what a person sees at first. Made anew with `pytest tests/snapshots --snapshot-update`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from agentdash.config.settings import Settings
from agentdash.state import events as ev
from agentdash.state.freshness import StreamState
from agentdash.state.model import (
    LogLine,
    LogSource,
    MetadataItem,
    Port,
    PortShare,
    RegionLatency,
)
from agentdash.ui.widgets.confirm import Confirm
from tests.ui.dash import Desk, broken, greeting, workspace
from tests.unit.model_factory import NOW, before, make_agent, make_build, make_job, make_script

Compare = Callable[..., bool]

SOURCES = (
    LogSource("s-deps", "install-deps"),
    LogSource("s-dots", "dotfiles"),
    LogSource("s-watch", "watcher"),
)
SCRIPTS = (
    make_script("install-deps", source_id="s-deps", status="exit_failure", exit_code=127),
    make_script("dotfiles", source_id="s-dots"),
    make_script("watcher", source_id="s-watch", status=None, exit_code=None),
    make_script(
        "backup", source_id="s-back", run_on_start=False, cron="0 3 * * *", status=None, exit_code=None
    ),
)
FRANKFURT = (RegionLatency("fra", 34.2, preferred=True),)
UNWELL = make_agent(
    lifecycle="start_error",
    ready_at=before(3400),
    scripts=SCRIPTS,
    log_sources=SOURCES,
    latency=FRANKFURT,
    metadata=(MetadataItem("cpu", "CPU", "3%", age_s=2, interval_s=10),),
)
MINE = workspace("w1", "go-7f3a", UNWELL)


def well(workspace_id: str, name: str, **fields: Any) -> Any:
    agent = make_agent(workspace_id=workspace_id, latency=(RegionLatency("fra", 22.0, preferred=True),))
    return workspace(workspace_id, name, agent, **fields)


def a_fleet() -> list[Any]:
    starting = make_agent(workspace_id="w3", lifecycle="starting", started_at=before(720), ready_at=None)
    failed = make_build(
        "failed",
        id="w5-b1",
        workspace_id="w5",
        number=1,
        job=make_job("failed", error="terraform apply: no quota"),
    )
    child = make_agent("app", workspace_id="w4", parent_id="w4-main", parent_name="main")
    four = well("w4", "web-9", template_name="web")
    return [
        MINE,
        broken("w2", "gpu-12"),
        workspace("w3", "api-3", starting, owner_name="kofi"),
        replace(four, agents=(*four.agents, child)),
        replace(workspace("w5", "ledger", owner_name="mara"), agents=(), build=failed),
        well("w6", "checkout", owner_name="june", template_name="cuda"),
        well("w7", "notebook-with-a-very-long-name", owner_name="hana", template_name="data"),
    ]


def facts() -> list[ev.Event]:
    agent_id = UNWELL.id

    def line(number: int, text: str, source: str, level: str = "info") -> LogLine:
        return LogLine(number, NOW - timedelta(seconds=70 - number), source, level, text)

    lines = (
        line(1, "cloning dotfiles", "s-dots"),
        line(2, "linked 14 files", "s-dots"),
        line(3, "+ npm ci", "s-deps"),
        line(4, "npm: not found", "s-deps", "error"),
        line(5, "[31m is text here, and so is [b]this[/b]", "s-watch", "warn"),
    )
    readings = [
        ev.MetadataRead(
            agent_id,
            (
                MetadataItem("cpu", "CPU", f"{value}%", age_s=0, interval_s=10),
                MetadataItem(
                    "mem", "Memory", f"{20 + value // 4}.{value % 10}/64 GiB", age_s=0, interval_s=10
                ),
                MetadataItem("disk", "Home disk", "", "df: /home: no such file", 0, 60),
            ),
            NOW - timedelta(seconds=10 * (20 - value // 5)),
        )
        for value in range(0, 100, 5)
    ]
    return [
        ev.AgentOpened(agent_id),
        ev.PortsRead(agent_id, (Port(3000, "tcp", "vite"), Port(5432, "tcp", "postgres")), NOW),
        ev.SharesRead(agent_id, (PortShare("main", 3000, "organization", "http"),), NOW),
        *readings,
        ev.LogLinesRead(agent_id, lines),
        ev.StreamChanged(f"logs:{agent_id}", StreamState.LIVE, NOW),
        ev.StreamChanged("watch:w1", StreamState.LIVE, NOW),
    ]


@pytest.fixture
def picture(snap_compare: Compare) -> Callable[..., bool]:
    """`picture(size, then, settings)`: the fleet, and what a test does then, compared with the kept picture."""

    def take(
        size: tuple[int, int],
        then: Callable[[Desk], Awaitable[None]] | None = None,
        settings: Settings | None = None,
    ) -> bool:
        it = Desk(settings=settings)

        async def prepare(pilot: Pilot[Any]) -> None:
            it.pilot = pilot
            await it.until(lambda: it.feed.is_running)
            await it.tell(*greeting())
            await it.know(*a_fleet(), ended=True)
            await it.until(lambda: it.fleet.grid.row_count == 8)
            await it.judged()
            await it.until(lambda: not it.context.fleet.needs_order)
            if then is not None:
                await then(it)
            await it.judged()
            await it.pilot.pause()

        return snap_compare(it.app, terminal_size=size, run_before=prepare)

    return take


async def at_the_agent(it: Desk) -> None:
    await it.open_agent()
    await it.tell(*facts())
    await it.until(lambda: "go-7f3a" in it.line("title"))


async def before_harm(it: Desk) -> None:
    await it.press("R")
    await it.until(lambda: isinstance(it.app.screen, Confirm) and it.app.focused)


def test_fleet_120x36(picture: Callable[..., bool]) -> None:
    """The unwell stand out at the top, the well recede, the evidence of the row under the cursor is below."""
    assert picture((120, 36))


def test_fleet_80x24(picture: Callable[..., bool]) -> None:
    """Verdict, agent and age are still there."""
    assert picture((80, 24))


def test_agent_120x36(picture: Callable[..., bool]) -> None:
    """Six panes with their freshness: the failed script is named, the log shows why."""
    assert picture((120, 36), at_the_agent)


def test_agent_80x24(picture: Callable[..., bool]) -> None:
    """One pane below a strip of nine names."""
    assert picture((80, 24), at_the_agent)


def test_fleet_ascii_without_colour(picture: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same told with ASCII signs and no colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert picture((100, 30), settings=Settings(ascii=True))


def test_confirm(picture: Callable[..., bool]) -> None:
    """What is hit, who uses it, what is lost, the equal command; the focus on Cancel."""
    assert picture((120, 36), before_harm)
