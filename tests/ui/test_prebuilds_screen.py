"""Prebuilds on screen: presets, instances with their starts, the switch of all pools."""

from __future__ import annotations

from typing import Any

import pytest
from immutables import Map

from agentdash.config.settings import Settings
from agentdash.state import deployment_events as dev
from agentdash.state import events as ev
from agentdash.state.deployment import PrebuildsSettings, Preset, Template
from agentdash.state.model import Role, User
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.fleet import FleetScreen
from agentdash.ui.screens.prebuilds import PrebuildsScreen
from agentdash.ui.widgets.confirm import Confirm
from agentdash.ui.widgets.facts import Facts
from agentdash.ui.widgets.help import Help
from tests.ui.dash import Desk, desk, workspace
from tests.unit.model_factory import NOW
from tests.unit.triage import builders as b


def stuck(number: int) -> Any:
    agent = b.agent(
        workspace_id=f"pb{number}",
        lifecycle="start_error",
        scripts=(b.script(status="exit_failure", exit_code=127),),
    )
    return b.prebuild(number, agent)


POOLS: tuple[Any, ...] = (
    dev.TemplatesRead((Template("tpl-web", "web", b.ORG, active_version_id=b.VERSION),), NOW),
    dev.PresetsRead(
        b.VERSION,
        (Preset(b.PRESET, "small", b.VERSION, 2), Preset("p-large", "large", b.VERSION, 1)),
        NOW,
    ),
    dev.PrebuildsSettingsRead(PrebuildsSettings(), NOW),
    ev.EntitlementsRead(Map({"workspace_prebuilds": True})),
)


async def prebuilds(it: Desk, wanted: int = 2) -> PrebuildsScreen:
    """Open the view once the diagnosis knows the pools."""
    context = it.context
    await it.until(lambda: context.judge is not None, "the diagnosis")
    assert context.judge is not None
    context.judge.every_s = 0.02
    await it.tell(*POOLS)
    await it.press("P")
    await it.until(lambda: isinstance(it.app.screen, PrebuildsScreen))
    screen = it.app.screen
    assert isinstance(screen, PrebuildsScreen)
    await it.until(lambda: screen.pools_grid.row_count == wanted, f"{wanted} pools")
    return screen


async def test_a_row_a_preset_and_its_instances_below() -> None:
    async with desk(stuck(1), stuck(2), size=(140, 40)) as it:
        screen = await prebuilds(it)
        await it.until(lambda: screen.instances_grid.row_count == 2)
        assert "2 running, none claimable: install-deps fails  P07 ×2" in it.line("instances-title")
        assert "✗✗" in it.line("instances-title")
        assert "start of prebuild-1" in it.line("start-title")
        assert "P Prebuilds 2!" in it.line("views")
        assert "reconciliation runs" in it.line("pools-line")
        assert "queue " in it.text


async def test_another_preset_shows_its_own_instances() -> None:
    async with desk(stuck(1), size=(140, 40)) as it:
        screen = await prebuilds(it)
        await it.until(lambda: screen.instances_grid.row_count == 1)
        screen.pools_grid.move_to("p-large")
        await it.until(lambda: screen.instances_grid.row_count == 0)
        assert "this pool has none" in it.text


async def test_enter_goes_to_the_instances_then_to_the_agent_and_back() -> None:
    async with desk(stuck(1)) as it:
        screen = await prebuilds(it)
        await it.until(lambda: screen.instances_grid.row_count == 1)
        await it.press("enter")
        assert screen.focused is screen.instances_grid
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        assert it.agent.key == "pb1/main"
        await it.press("escape")
        await it.until(lambda: it.app.screen is screen)
        await it.press("escape")
        assert screen.focused is screen.pools_grid
        await it.press("escape")
        await it.until(lambda: isinstance(it.app.screen, FleetScreen))


async def test_delete_hits_an_instance_never_a_preset() -> None:
    async with desk(stuck(1)) as it:
        screen = await prebuilds(it)
        await it.until(lambda: screen.instances_grid.row_count == 1)
        await it.press("D")
        await it.until(lambda: any("nothing is selected" in said for said in it.said))
        await it.press("enter", "D")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "prebuild-1" in it.text
        await it.press("escape")
        assert it.ran == []


async def test_logs_explain_and_the_fleet() -> None:
    async with desk(stuck(1)) as it:
        screen = await prebuilds(it)
        await it.until(lambda: screen.instances_grid.row_count == 1)
        await it.press("e")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert "P07" in it.text
        await it.press("escape", "l")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        await it.press("escape", "i")
        await it.until(lambda: isinstance(it.app.screen, FleetScreen))
        await it.until(lambda: it.fleet.grid.row_count == 1)


async def test_pausing_asks_first_and_names_the_command() -> None:
    async with desk(stuck(1)) as it:
        await prebuilds(it)
        await it.press("r")
        await it.until(lambda: any("not paused" in said for said in it.said))
        await it.press("p")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "coder prebuilds pause" in it.text
        assert "all prebuild pools of coder.example.com" in it.text
        await it.press("escape")
        await it.until(lambda: any("nothing was done" in said for said in it.said))
        assert it.ran == []


async def test_pausing_is_for_site_owners() -> None:
    async with desk(stuck(1)) as it:
        await it.tell(ev.UserRead(User("u2", "tess", roles=(Role("template-admin"),))))
        await prebuilds(it)
        await it.press("p")
        await it.until(lambda: any("Only site owners" in said for said in it.said))


async def test_a_paused_reconciler_is_said() -> None:
    async with desk(stuck(1)) as it:
        screen = await prebuilds(it)
        await it.tell(dev.PrebuildsSettingsRead(PrebuildsSettings(reconciliation_paused=True), NOW))
        await it.until(lambda: "PAUSED" in it.line("pools-line"))
        await it.until(lambda: screen.pool is not None and screen.pool.why.endswith("P01"))


async def test_no_pools_says_one_sentence() -> None:
    async with desk(workspace("w1")) as it:
        screen = await prebuilds(it, 2)
        await it.tell(dev.PresetsRead(b.VERSION, (), NOW))
        await it.until(lambda: screen.pools_grid.row_count == 0)
        assert "no preset of any template wants prebuilt workspaces" in it.text


async def test_tab_walks_and_the_cursor_stays() -> None:
    async with desk(stuck(1), stuck(2)) as it:
        screen = await prebuilds(it)
        await it.until(lambda: screen.instances_grid.row_count == 2)
        await it.press("tab", "down")
        assert screen.instances_grid.cursor_key == "pb2"
        await it.know(stuck(1), stuck(2), stuck(3), ended=True)
        await it.until(lambda: screen.instances_grid.row_count == 3)
        assert screen.instances_grid.cursor_key == "pb2"
        await it.press("tab")
        assert isinstance(screen.focused, Facts)


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (200, 60)])
async def test_sizes(size: tuple[int, int]) -> None:
    async with desk(stuck(1), size=size, settings=Settings(ascii=True)) as it:
        screen = await prebuilds(it)
        await it.until(lambda: screen.instances_grid.row_count == 1)
        assert screen.instances_grid.region.height >= 2
        assert {c for c in it.text if not c.isascii()} == set()
