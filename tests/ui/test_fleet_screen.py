"""The fleet on screen: rows, order, cursor, filter, marks, evidence, and the lines around it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdash.config.settings import Settings
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.build import BuildScreen
from agentdash.ui.screens.columns import ColumnsScreen
from agentdash.ui.session import Refusal
from tests.ui.dash import Desk, broken, desk, workspace
from tests.ui.screen_text import widget_lines
from tests.unit.model_factory import before, make_agent, make_job

WELL = workspace("w1", "web-1")
LOST = broken("w2", "gpu-12")
OTHER = workspace("w3", "api-3", template_name="cuda")


def keys(it: Desk) -> list[str]:
    return list(it.context.fleet.keys)


async def test_worst_first_with_the_verdict_in_words() -> None:
    async with desk(WELL, LOST, OTHER) as it:
        assert keys(it)[0] == "w2/main"
        rows = widget_lines(it.fleet.grid)
        assert "✗ lost connection 10m ago" in rows[1]
        assert "gpu-12 › main" in rows[1]
        assert all("● ready" in row for row in rows[2:4])
        assert it.line("filter-line").endswith("sort severity ↓  3")
        assert "coder.example.com · ada · v2.37.1" in it.line("title")
        assert "READ-ONLY" not in it.line("views")


async def test_the_first_picture_needs_no_network() -> None:
    async with desk() as it:
        assert it.fleet.grid.row_count == 0
        assert "Workspaces are being read" in it.text
        await it.know(WELL, ended=True)
        await it.until(lambda: "web-1" in it.text)


async def test_a_stopped_workspace_has_a_row_of_its_own() -> None:
    stopped = replace(workspace("w4", "idle-4", build={"status": "stopped", "transition": "stop"}), agents=())
    async with desk(WELL, stopped) as it:
        assert "w4" in keys(it)
        await it.until(lambda: "idle-4" in it.text)


async def test_the_cursor_stays_on_its_row_when_rows_come_and_the_order_changes() -> None:
    async with desk(WELL, OTHER) as it:
        grid = it.fleet.grid
        assert grid.move_to("w3/main")
        await it.know(LOST)
        await it.until(lambda: grid.row_count == 3)
        assert grid.cursor_key == "w3/main"
        assert grid.cursor_index == keys(it).index("w3/main")
        later = replace(
            OTHER, agents=(replace(OTHER.agents[0], status="disconnected", disconnected_at=before(5)),)
        )
        await it.know(later)
        await it.until(lambda: keys(it).index("w3/main") < keys(it).index("w1/main"))
        assert grid.cursor_key == "w3/main"


async def test_a_removed_row_leaves_the_cursor_on_its_neighbour() -> None:
    async with desk(WELL, OTHER, LOST) as it:
        grid = it.fleet.grid
        here = keys(it)[1]
        grid.move_to(here)
        await it.tell(ev.WorkspaceGone(here.partition("/")[0]))
        await it.until(lambda: grid.row_count == 2)
        assert grid.cursor_key == keys(it)[1]


async def test_evidence_follows_the_cursor() -> None:
    async with desk(WELL, LOST) as it:
        await it.until(lambda: "gpu-12" in it.line("evidence-title"))
        assert "lost connection" in it.line("evidence-title")
        assert "next:" in it.line("evidence-next")
        await it.press("down")
        await it.until(lambda: "web-1" in it.line("evidence-title"))


async def test_the_filter_works_while_it_is_typed_and_esc_restores_it() -> None:
    async with desk(WELL, LOST, OTHER) as it:
        await it.press("slash")
        await it.type("cuda")
        await it.until(lambda: keys(it) == ["w3/main"])
        await it.press("enter")
        await it.until(lambda: it.app.focused is it.fleet.grid)
        assert it.line("filter-line").startswith(" / cuda")
        assert it.line("filter-line").endswith("1 of 3")
        await it.press("slash")
        await it.type("x")
        await it.until(lambda: keys(it) == [])
        assert "Agents that match “cudax” would be here" in it.text
        await it.press("escape")
        await it.until(lambda: keys(it) == ["w3/main"])
        await it.until(lambda: it.app.focused is it.fleet.grid)
        await it.press("escape")
        await it.until(lambda: len(keys(it)) == 3)


async def test_after_filtering_and_coming_back_keys_are_keys_again() -> None:
    async with desk(WELL, LOST, OTHER) as it:
        await it.press("slash")
        await it.type("cuda")
        await it.press("enter", "enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)
        await it.press("o")
        assert it.line("filter-line").startswith(" / cuda ")
        assert "sort severity" not in it.line("filter-line")
        assert it.app.focused is it.fleet.grid


async def test_a_query_that_cannot_be_read_is_said_and_the_old_one_stays() -> None:
    async with desk(WELL, LOST) as it:
        await it.command("filter health:bad")
        assert keys(it) == ["w2/main"]
        await it.command("filter health:")
        assert keys(it) == ["w2/main"]
        assert it.said


async def test_sorting_by_key_command_and_back() -> None:
    async with desk(WELL, LOST, OTHER) as it:
        await it.command("sort agent")
        assert keys(it) == ["w3/main", "w2/main", "w1/main"]
        await it.press("O")
        assert keys(it) == ["w1/main", "w2/main", "w3/main"]
        await it.command("sort")
        assert keys(it)[0] == "w2/main"
        await it.command("sort nonsense")
        assert "no column 'nonsense'" in it.said[-1]


async def test_marks_count_and_survive_the_filter() -> None:
    async with desk(WELL, LOST, OTHER) as it:
        first = it.fleet.grid.cursor_key
        await it.press("space")
        assert it.context.marks == {first}
        assert it.fleet.grid.cursor_index == 1
        assert "1 marked" in it.line("filter-line")
        assert it.feed.marked == {"w2"}
        await it.press("asterisk")
        assert len(it.context.marks) == 3
        await it.press("u")
        assert not it.context.marks
        assert it.feed.marked == frozenset()
        await it.press("space", "escape")
        assert not it.context.marks


async def test_what_is_in_sight_is_told_to_the_feed() -> None:
    many = [workspace(f"w{n:03}", f"web-{n:03}") for n in range(60)]
    async with desk(*many) as it:
        await it.until(lambda: it.feed.visible)
        assert len(it.feed.visible) == it.fleet.grid.body_height
        await it.press("end")
        await it.until(lambda: "w059" in it.feed.visible)
        assert "w000" not in it.feed.visible


async def test_columns_are_chosen_and_given_back() -> None:
    async with desk(WELL) as it:
        before_ = it.fleet.grid.visible_columns
        await it.command("columns agent,owner")
        assert it.fleet.grid.visible_columns == ("agent", "owner")
        await it.command("columns agent,nonsense")
        assert it.fleet.grid.visible_columns == ("agent", "owner")
        await it.press("w")
        await it.until(lambda: isinstance(it.app.screen, ColumnsScreen))
        await it.press("space", "enter")
        await it.until(lambda: it.app.screen is it.fleet)
        assert it.fleet.grid.visible_columns == ("owner",)
        await it.press("w")
        await it.until(lambda: isinstance(it.app.screen, ColumnsScreen))
        await it.press("r")
        await it.until(lambda: it.fleet.grid.visible_columns == before_)


async def test_enter_opens_an_agent_or_the_log_of_the_build() -> None:
    stopped = replace(workspace("w4", "idle-4", build={"status": "failed"}), agents=())
    stopped = replace(stopped, build=replace(stopped.build, job=make_job("failed", error="boom")))
    async with desk(WELL, stopped) as it:
        it.fleet.grid.move_to("w1/main")
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        assert it.agent.key == "w1/main"
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)
        it.fleet.grid.move_to("w4")
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, BuildScreen))
        assert it.feed.build_log == "w4-b3"
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet and it.feed.build_log is None)


@pytest.mark.parametrize(("key", "pane"), [("l", "logs"), ("s", "terminal")])
async def test_a_letter_opens_the_agent_at_a_pane(key: str, pane: str) -> None:
    async with desk(WELL) as it:
        await it.press(key)
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        focus = it.agent.pane(pane).focus_target
        await it.until(lambda: it.app.focused is focus())
        assert bool(it.shells.all()) is (pane == "terminal")


async def test_trouble_is_said_on_screen_until_it_is_over() -> None:
    problem = Problem("ConnectFailed", "Cannot reach the server", "connection refused", "Check the address")
    async with desk(WELL) as it:
        assert not it.fleet.query_one("#trouble").display
        await it.tell(ev.ServerFailed(problem), ev.FleetFailed(problem, None))
        assert it.fleet.query_one("#trouble").display
        line = it.line("trouble")
        assert line.startswith(" ✗ Cannot reach the server")
        assert "Check the address" in it.text
        assert "✗ Cannot reach the server" in it.line("title")
        assert "web-1" in it.text  # what was known stays
        await it.know(WELL, ended=True)
        await it.tell(ev.ServerAnswered(it.clock.now(), "v2.37.1", 0.0, 0.02))
        assert not it.fleet.query_one("#trouble").display


async def test_a_refused_session_is_said_and_the_program_stays_up() -> None:
    refusal = Refusal("The token is not valid", "coder.example.com said 401", "Log in with `coder login`")
    async with desk(refusal=refusal) as it:
        await it.until(lambda: "The token is not valid" in it.line("trouble"))
        assert "Log in with `coder login`" in it.text
        await it.press("question_mark")
        await it.until(lambda: it.app.screen is not it.fleet)
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)
        await it.press("R")
        assert it.app.is_running


async def test_a_mistake_of_ours_does_not_look_like_a_silent_server(caplog: pytest.LogCaptureFixture) -> None:
    async with desk(refusal=RuntimeError("a bug")) as it:
        await it.until(lambda: "RuntimeError in this program" in it.line("trouble"))
        assert "Start agentdash again" in it.text
        assert "a bug" not in it.text
    assert "the session has ended" in caplog.text


async def test_ascii_and_narrow() -> None:
    async with desk(WELL, LOST, size=(80, 24), settings=Settings(ascii=True)) as it:
        rows = widget_lines(it.fleet.grid)
        assert "x lost connection" in rows[1]
        assert it.text.isascii()


async def test_a_row_that_just_changed_carries_a_mark_that_fades() -> None:
    async with desk(WELL, LOST) as it:
        it.fleet.grid.move_to("w2/main")
        failing = replace(WELL, agents=(make_agent(workspace_id="w1", lifecycle="start_error"),))
        await it.clock.advance(1)
        await it.know(failing)
        await it.until(lambda: "•" in it.text)
        await it.clock.advance(60)
        it.app._tick()
        await it.until(lambda: "•" not in it.text)
