"""The log of a build on screen: followed, searched, and changed for that of the next build."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdash.state import events as ev
from agentdash.state.freshness import Problem, StreamState
from agentdash.state.model import LogLine
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.build import BuildScreen
from tests.ui.dash import Desk, desk, rebuilt, workspace
from tests.ui.screen_text import widget_lines
from tests.unit.model_factory import before

HERE = workspace("w1", "go-7f3a")
OTHER = workspace("w2", "api-3")


def lines(build_id: str, *texts: str, first: int = 1, level: str = "info") -> ev.BuildLogLinesRead:
    found = (LogLine(n, before(60), "Terraform apply", level, text) for n, text in enumerate(texts, first))
    return ev.BuildLogLinesRead(build_id, tuple(found))


async def open_build(it: Desk, key: str = "w1/main") -> BuildScreen:
    it.app.open_build_log(key)
    await it.until(lambda: isinstance(it.app.screen, BuildScreen) and it.app.screen.key == key)
    await it.until(lambda: it.app.screen.focused is not None)
    return it.build


def shown(screen: BuildScreen) -> str:
    return "\n".join(widget_lines(screen.query_one("#build-pane")))


async def test_lines_arrive_and_the_frame_says_how_fresh_they_are() -> None:
    async with desk(HERE) as it:
        screen = await open_build(it)
        assert it.feed.build_log == "w1-b3"
        assert "ada/go-7f3a #3 started" in shown(screen)
        now = it.clock.now()
        await it.tell(lines("w1-b3", "Planning"), ev.StreamChanged("buildlog:w1-b3", StreamState.LIVE, now))
        assert "Planning" in shown(screen)
        assert "live" in shown(screen).splitlines()[-1]
        await it.tell(lines("w1-b3", "Applying", first=2))
        assert "Applying" in shown(screen)
        problem = Problem("ConnectFailed", "The connection was lost")
        await it.tell(ev.StreamChanged("buildlog:w1-b3", StreamState.RETRYING, now, problem=problem))
        assert "live" not in shown(screen).splitlines()[-1]


async def test_the_next_build_begins_a_new_log() -> None:
    async with desk(HERE) as it:
        screen = await open_build(it)
        await it.tell(lines("w1-b3", "the old one"))
        new = rebuilt(HERE)
        await it.clock.advance(1)
        await it.know(new)
        assert it.feed.build_log == new.build.id
        await it.tell(lines(new.build.id, "the new one"))
        assert "the new one" in shown(screen)
        assert "the old one" not in shown(screen)
        assert "#4 start" in shown(screen)


async def test_from_one_build_to_another_the_second_is_read() -> None:
    async with desk(HERE, OTHER) as it:
        await open_build(it)
        await open_build(it, "w2/main")
        await it.pilot.pause()
        assert it.feed.build_log == "w2-b3"
        assert len(it.app.screen_stack) == 2
        await it.press("left_square_bracket")
        await it.until(lambda: isinstance(it.app.screen, BuildScreen) and it.build.key == "w1/main")
        await it.pilot.pause()
        assert it.feed.build_log == "w1-b3"


async def test_search_levels_and_errors() -> None:
    async with desk(HERE) as it:
        screen = await open_build(it)
        await it.tell(lines("w1-b3", *(f"step {n}" for n in range(80))))
        await it.tell(lines("w1-b3", "no quota", first=100, level="error"), lines("w1-b3", "bye", first=101))
        await it.press("slash")
        await it.type("step 7")
        await it.press("enter")
        await it.until(lambda: screen.log_view.cursor_key is not None)
        found = screen.log_view.cursor_key
        await it.press("n")
        await it.until(lambda: screen.log_view.cursor_key != found)
        await it.press("f")
        await it.until(lambda: screen.log_view.is_following)
        await it.press("v", "v", "v", "v")
        await it.until(lambda: "step" not in shown(screen) and "no quota" in shown(screen))
        assert "lines of level error and up" in it.said
        await it.press("v")
        await it.until(lambda: "step 79" in shown(screen))
        await it.press("escape", "escape", "escape")
        await it.until(lambda: it.app.screen is it.fleet)


async def test_a_search_that_finds_nothing_says_so() -> None:
    async with desk(HERE) as it:
        await open_build(it)
        await it.tell(lines("w1-b3", "one"))
        await it.press("slash")
        await it.type("nowhere")
        await it.press("enter")
        await it.until(lambda: any("nowhere" in text for text in it.said))


async def test_saving_and_leading_to_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []
    monkeypatch.setattr(
        "agentdash.ui.logkeys.save_text", lambda name, text: saved.append(text) or f"saved to {name}"
    )
    async with desk(HERE) as it:
        await open_build(it)
        await it.tell(lines("w1-b3", "one", "two"))
        await it.press("ctrl+s")
        assert "two" in saved[0]
        assert it.said[-1].startswith("saved to build-")
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.key == "w1/main")
        assert len(it.app.screen_stack) == 2


async def test_a_workspace_that_is_gone_leaves_the_log_readable() -> None:
    async with desk(HERE) as it:
        screen = await open_build(it)
        await it.tell(lines("w1-b3", "one"))
        await it.tell(ev.WorkspaceGone("w1"))
        assert it.app.screen is screen
        assert "one" in shown(screen)
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)


async def test_a_failed_build_has_no_agents_and_still_a_log() -> None:
    failed = replace(HERE, agents=(), build=replace(HERE.build, status="failed"))
    async with desk(failed) as it:
        await it.press("b")
        await it.until(lambda: isinstance(it.app.screen, BuildScreen))
        assert it.feed.build_log == "w1-b3"
