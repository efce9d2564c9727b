"""Triage on screen: rows, what is known of one, entering, acting, putting aside, filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentdash.config.settings import Settings
from agentdash.state import deployment_events as dev
from agentdash.state.deployment import PrebuildsSettings
from agentdash.state.freshness import Problem
from agentdash.state.model import MatchedProvisioners, RegionLatency
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.build import BuildScreen
from agentdash.ui.screens.fleet import FleetScreen
from agentdash.ui.screens.triage import TriageScreen
from agentdash.ui.widgets.confirm import Confirm
from agentdash.ui.widgets.facts import Facts
from agentdash.ui.widgets.grid import Grid
from agentdash.ui.widgets.help import Help
from tests.ui.dash import Desk, broken, desk, workspace
from tests.unit.model_factory import NOW, before, make_agent, make_build, make_job, make_script

NEAR = (RegionLatency("fra", 22.0, preferred=True),)


def failing(number: int, version: str = "v31", **fields: Any) -> Any:
    name = f"w{number}"
    agent = make_agent(
        workspace_id=name,
        lifecycle="start_error",
        scripts=(make_script(status="exit_failure", exit_code=127),),
        healthy=False,
        latency=NEAR,
    )
    build = {"template_version_name": version, "template_version_id": f"ver-{version}"}
    return workspace(name, f"web-{number}", agent, build=build, template_id="t1", **fields)


def queued() -> Any:
    build = make_build(
        "pending",
        id="w9-b1",
        workspace_id="w9",
        job=make_job("pending", created_at=before(900), started_at=None, completed_at=None),
        matched=MatchedProvisioners(0, 0, None),
    )
    return replace(workspace("w9", "arm"), build=build, agents=())


def well(number: int) -> Any:
    agent = make_agent(workspace_id=f"ok{number}", latency=NEAR)
    return workspace(f"ok{number}", f"calm-{number}", agent, template_id="t2", template_name="go")


async def triage(it: Desk) -> TriageScreen:
    """Open Triage once the diagnosis knows the fleet."""
    context = it.context
    context.judge_every_s = 0.02
    await it.until(lambda: context.judge is not None, "the diagnosis")
    assert context.judge is not None
    context.judge.every_s = 0.02
    context.judge.state_changed()
    await it.press("T")
    await it.until(lambda: isinstance(it.app.screen, TriageScreen))
    screen = it.app.screen
    assert isinstance(screen, TriageScreen)
    await it.until(lambda: context.judge is not None and context.judge.view is not None)
    return screen


def count(screen: TriageScreen) -> int:
    """How many rows are findings: beside them one may say what cannot be judged."""
    return sum(bool(item.findings) for item in screen._items.values())


async def showing(it: Desk, wanted: int) -> TriageScreen:
    screen = await triage(it)
    await it.until(lambda: count(screen) == wanted, f"{wanted} rows")
    return screen


def rows(screen: TriageScreen) -> list[str]:
    return [i.finding.rule for i in screen._items.values() if i.finding is not None]


def detail(screen: TriageScreen) -> str:
    return "\n".join(f"{f.label} {f.value.text}" for f in screen.query_one("#finding-facts", Facts).facts)


FLEET = (broken("w2"), failing(1), queued(), well(1), well(2))


async def test_rows_worst_first_with_proof_and_next_step() -> None:
    async with desk(*FLEET) as it:
        screen = await showing(it, 3)
        assert rows(screen)[:2] == ["B01", "A05"]
        assert rows(screen)[2] == "S03"
        screen.grid.move_to(list(screen._items)[2])
        await it.pilot.pause()
        assert "exit 127" in detail(screen)
        assert "next:" in it.line("finding-next")
        assert "T Triage 3" in it.line("views")
        assert it.line("filter-line").endswith("3 need a person")


async def test_a_quiet_fleet_says_one_sentence() -> None:
    async with desk(well(1)) as it:
        await triage(it)
        await it.until(lambda: "nothing needs a person" in it.line("filter-line"))
        assert "T Triage  " in it.line("views")


async def test_a_group_is_one_row_unfolds_and_filters_the_fleet() -> None:
    async with desk(*(failing(n) for n in range(1, 6)), *(well(n) for n in range(1, 6))) as it:
        screen = await showing(it, 1)
        item = screen.item
        assert item is not None
        assert item.group is not None
        assert (item.group.affected, item.group.others_total) == (5, 5)
        assert "5 of 5" in it.text
        await it.press("space")
        await it.until(lambda: count(screen) == 6)
        await it.press("down", "space")
        await it.until(lambda: count(screen) == 1)
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, FleetScreen))
        await it.until(lambda: it.fleet.grid.row_count == 5)


async def test_enter_opens_the_agent_and_back_returns() -> None:
    async with desk(broken("w2"), well(1)) as it:
        screen = await showing(it, 1)
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        assert it.agent.key == "w2/main"
        await it.press("escape")
        await it.until(lambda: it.app.screen is screen)


async def test_logs_go_to_the_source_that_fails() -> None:
    async with desk(failing(1)) as it:
        await showing(it, 1)
        await it.press("l")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.focused is not None)
        pane: Any = it.agent.pane("logs")
        await it.until(lambda: pane._source_name == "install-deps")


async def test_trouble_of_a_build_goes_to_its_log() -> None:
    async with desk(queued()) as it:
        await showing(it, 1)
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, BuildScreen))


async def test_the_advised_command_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(failing(1)) as it:
        screen = await showing(it, 1)
        copied: list[str] = []
        monkeypatch.setattr(screen, "copy_text", lambda text, what: copied.append(text))
        await it.press("y")
        item = screen.item
        assert item is not None
        assert item.finding is not None
        assert copied == [next(s.command for s in item.finding.next if s.command)]


async def test_the_rule_is_explained() -> None:
    async with desk(failing(1)) as it:
        await showing(it, 1)
        await it.press("e")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert "Start script failed" in it.text
        await it.press("escape")


async def test_acknowledged_goes_away_and_comes_back() -> None:
    async with desk(broken("w2"), failing(1)) as it:
        screen = await showing(it, 2)
        first = screen.grid.cursor_key
        await it.press("a")
        await it.until(lambda: count(screen) == 1)
        assert "1 put aside" in it.line("filter-line")
        assert "T Triage 1" in it.line("views")
        await it.press("A")
        await it.until(lambda: count(screen) == 2)
        assert [k for k, i in screen._items.items() if i.findings][-1] == first
        assert first is not None
        screen.grid.move_to(first)
        await it.press("a")
        await it.until(lambda: "put aside" not in it.line("filter-line"))


async def test_put_aside_is_kept_over_a_restart() -> None:
    async with desk(broken("w2")) as it:
        screen = await showing(it, 1)
        await it.press("z")
        await it.until(lambda: count(screen) == 0)
        assert "put aside" in it.text
    async with desk(broken("w2")) as it:
        screen = await triage(it)
        await it.until(lambda: "1 put aside" in it.line("filter-line"))
        assert count(screen) == 0


async def test_the_filter_is_the_fleets_language() -> None:
    async with desk(*FLEET) as it:
        screen = await showing(it, 3)
        await it.press("slash")
        await it.type("agent:main rule")
        await it.press("escape")
        screen._filter("a05")
        await it.until(lambda: count(screen) == 1)
        await it.press("escape")
        await it.until(lambda: count(screen) == 3)
        await it.command("filter owner:nobody")
        await it.until(lambda: "No finding matches" in it.text)
        await it.command("filter nokey:x")
        assert any("nokey" in said for said in it.said)


async def test_delete_asks_for_the_name() -> None:
    async with desk(broken("w2")) as it:
        await showing(it, 1)
        await it.press("D")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "gpu-12" in it.text
        await it.press("escape")
        await it.until(lambda: not isinstance(it.app.screen, Confirm))
        assert it.ran == []


async def test_pools_are_resumed_after_a_question() -> None:
    async with desk(well(1)) as it:
        await triage(it)
        await it.tell(dev.PrebuildsSettingsRead(PrebuildsSettings(reconciliation_paused=True), NOW))
        await it.press("p")
        await it.until(lambda: any("already paused" in said for said in it.said))
        await it.press("r")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "coder prebuilds resume" in it.text
        await it.press("right", "enter")
        await it.until(lambda: not isinstance(it.app.screen, Confirm))
        done = [name for name, _ in it.ran]
        assert done in ([], ["resume-prebuilds"])


async def test_read_only_takes_away_what_harms() -> None:
    async with desk(broken("w2"), settings=Settings(read_only=True)) as it:
        await showing(it, 1)
        await it.press("D", "r", "p")
        assert not isinstance(it.app.screen, Confirm)
        assert it.ran == []


async def test_the_cursor_stays_on_the_thing() -> None:
    async with desk(broken("w2"), failing(1)) as it:
        screen = await showing(it, 2)
        await it.press("down")
        key = screen.grid.cursor_key
        await it.know(broken("w2"), failing(1), queued(), ended=True)
        assert it.context.judge is not None
        await it.until(lambda: count(screen) == 3)
        assert screen.grid.cursor_key == key


async def test_tab_scrolls_the_facts_and_esc_goes_to_the_fleet() -> None:
    async with desk(broken("w2")) as it:
        screen = await showing(it, 1)
        await it.press("tab")
        assert isinstance(screen.focused, Facts)
        await it.press("escape")
        assert isinstance(screen.focused, Grid)
        await it.press("escape")
        await it.until(lambda: isinstance(it.app.screen, FleetScreen))


async def test_what_cannot_be_judged_is_said_with_the_reason() -> None:
    async with desk(well(1)) as it:
        screen = await triage(it)
        problem = Problem("Forbidden", "Not allowed", "", "", 403)
        await it.tell(dev.SurroundingsFailed("health", "", problem, refused=True))
        await it.until(lambda: any(i.untold for i in screen._items.values()))
        assert "cannot be judged" in it.text


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 16), (200, 60)])
async def test_sizes(size: tuple[int, int]) -> None:
    async with desk(*FLEET, size=size, settings=Settings(ascii=True)) as it:
        screen = await showing(it, 3)
        assert screen.grid.region.height >= 4
        assert it.line("finding-next").startswith(" next:")
        assert {c for c in it.text if not c.isascii()} == set()
