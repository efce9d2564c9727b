"""One agent on screen: nine panes, zoom and narrow layout, what is asked of the feed, gone and rebuilt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentdash.state import events as ev
from agentdash.state.detail import AgentDetail
from agentdash.state.freshness import Problem, StreamState
from agentdash.state.model import (
    Connection,
    Container,
    Containers,
    DerpRegion,
    Devcontainer,
    LogLine,
    LogSource,
    MetadataItem,
    Port,
    PortShare,
)
from agentdash.ui.panes.logs import LogsPane
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.build import BuildScreen
from agentdash.ui.widgets.help import Help
from tests.ui.dash import Desk, broken, desk, rebuilt, workspace
from tests.ui.screen_text import widget_lines
from tests.unit.model_factory import before, make_agent, make_app, make_script

SOURCES = (LogSource("s-dots", "dotfiles"), LogSource("s-deps", "install-deps"))
SCRIPTS = (
    make_script("dotfiles", source_id="s-dots"),
    make_script("install-deps", source_id="s-deps", status="exit_failure", exit_code=127),
)
APPS = (make_app("web", health="healthy"), make_app("docs", url="https://docs.example.com", external=True))
AGENT = make_agent(lifecycle="start_error", scripts=SCRIPTS, log_sources=SOURCES, apps=APPS, latency=())
HERE = workspace("w1", "go-7f3a", AGENT)
CHILD = make_agent("app", id="w1-child", parent_id=AGENT.id, parent_name="main")
DEV = Devcontainer(
    "d1", "app", "/home/coder/app", "running", agent_id="w1-child",
    container=Container("c0ffee123456", "app-1", "node:22", "running", running=True),
)  # fmt: skip
BOX = Container("deadbeef0000", "db", "postgres:17", "running", running=True)


def line(number: int, text: str, source: str = "s-dots", level: str = "info") -> LogLine:
    return LogLine(number, before(100 - number), source, level, text)


def logs(*lines: LogLine, agent_id: str = AGENT.id) -> ev.LogLinesRead:
    return ev.LogLinesRead(agent_id, lines)


async def facts(it: Desk) -> None:
    """Everything the panes show, read now."""
    now, agent_id = it.clock.now(), AGENT.id
    await it.tell(
        ev.AgentOpened(agent_id),
        ev.PortsRead(agent_id, (Port(8080, "tcp", "node"), Port(5432, "tcp", "postgres")), now),
        ev.SharesRead(agent_id, (PortShare("main", 8080, "organization", "http"),), now),
        ev.ContainersRead(agent_id, Containers((DEV,), (BOX,)), now, live=True),
        ev.MetadataRead(agent_id, (MetadataItem("cpu", "CPU", "12%", age_s=2, interval_s=10),), now),
        ev.ConnectionRead(agent_id, Connection((DerpRegion(1, "fra", "Frankfurt", embedded=False),)), now),
        logs(line(1, "cloning dotfiles"), line(2, "npm: not found", "s-deps", "error"), line(3, "linked")),
        ev.StreamChanged(f"logs:{agent_id}", StreamState.LIVE, now),
    )


# Panes


async def test_every_pane_shows_its_facts() -> None:
    async with desk(HERE, size=(160, 50)) as it:
        screen = await it.open_agent()
        await facts(it)
        assert [pane.number for pane in screen.panes] == list("123456789")
        said = {pane.SCOPE: "\n".join(widget_lines(pane)) for pane in screen.panes if pane.display}
        assert "install-deps exit 127" in said["health"]
        assert "exit 127" in said["scripts"]
        assert "8080" in said["ports"]
        assert "node" in said["ports"]
        assert "npm: not found" in said["logs"]
        assert "app" in said["devcontainers"]
        assert "12%" in said["metadata"]
        assert "Press enter to open a shell here." in said["terminal"]
        for scope, expected in (("apps", "docs"), ("network", "Frankfurt")):
            screen.focus_pane(scope)
            pane = screen.pane(scope)
            await it.until(lambda pane=pane, expected=expected: expected in "\n".join(widget_lines(pane)))


async def test_borders_say_how_fresh_things_are() -> None:
    async with desk(HERE, size=(160, 50)) as it:
        screen = await it.open_agent()
        await facts(it)
        assert screen.pane("metadata").freshness_text == "live"
        assert screen.pane("logs").freshness_text == "live"
        problem = Problem("ConnectFailed", "The connection was lost")
        await it.tell(
            ev.FactFailed(AGENT.id, "metadata", problem, retry_at=it.clock.now()),
            ev.StreamChanged(f"logs:{AGENT.id}", StreamState.RETRYING, it.clock.now(), problem=problem),
        )
        assert "live" not in screen.pane("metadata").freshness_text
        assert "live" not in screen.pane("logs").freshness_text
        await it.tell(ev.FactFailed(AGENT.id, "ports", Problem("Forbidden", "No right"), refused=True))
        assert "No right" in screen.pane("ports").freshness_text


@pytest.mark.parametrize(
    ("digit", "scope"),
    list(enumerate(("health", "scripts", "ports", "logs", "devcontainers", "terminal", "apps", "metadata", "network"), 1)),
)  # fmt: skip
async def test_a_digit_focuses_a_pane(digit: int, scope: str) -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await it.press(str(digit))
        await it.until(lambda: it.app.focused is screen.pane(scope).focus_target())
        assert screen.pane(scope).display
        assert screen.scope_of(it.app.focused) == scope
        assert it.context.keys.footer(scope)[0].title in it.line("footer")


async def test_tab_walks_the_panes_round() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        order = []
        for _ in range(9):
            await it.press("tab")
            order.append(screen.scope_of(it.app.focused))
        assert order == [p.SCOPE for p in [*screen.panes[1:], screen.panes[0]]]
        await it.press("shift+tab")
        assert screen.scope_of(it.app.focused) == "network"


async def test_zoom_gives_a_pane_the_screen_and_esc_gives_it_back() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await it.press("4", "z")
        await it.until(lambda: [p.SCOPE for p in screen.panes if p.display] == ["logs"])
        assert screen.pane("logs").size.width >= 116
        await it.press("escape")
        await it.until(lambda: screen.pane("health").display)
        assert it.app.screen is screen
        assert it.app.focused is screen.pane("logs").focus_target()
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)


async def test_one_pane_at_a_time_on_a_small_screen() -> None:
    async with desk(HERE, size=(80, 24)) as it:
        screen = await it.open_agent()
        await it.until(lambda: [p.SCOPE for p in screen.panes if p.display] == ["health"])
        strip = it.line("panes-strip")
        assert strip.startswith(" ▌1 Hlth ✗")
        assert "9 Net" in strip
        await it.press("3")
        await it.until(lambda: [p.SCOPE for p in screen.panes if p.display] == ["ports"])
        assert it.feed.panes >= {"ports"}
        await it.pilot.resize_terminal(120, 36)
        await it.until(lambda: screen.pane("health").display and screen.pane("logs").display)


async def test_a_click_on_a_name_goes_to_the_pane() -> None:
    async with desk(HERE, size=(80, 24)) as it:
        screen = await it.open_agent()
        at = it.line("panes-strip").index("4 Logs")
        await it.pilot.click("#panes-strip", offset=(at + 1, 0))
        await it.until(lambda: screen.pane("logs").display)


# What is read


async def test_only_what_is_in_sight_is_read() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        assert it.feed.agent == "w1/main"
        assert it.feed.panes == {"health", "scripts", "ports", "logs", "terminal", "metadata"}
        await it.press("9")
        await it.until(lambda: "network" in it.feed.panes)
        assert "metadata" not in it.feed.panes
        assert screen.pane("network").display
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)
        assert it.feed.agent is None


async def test_a_dialog_over_the_agent_leaves_its_streams_open() -> None:
    async with desk(HERE) as it:
        await it.open_agent()
        await it.press("question_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        await it.pilot.pause()
        assert it.feed.agent == "w1/main"
        assert None not in it.feed.agents
        await it.press("escape", "ctrl+p")
        await it.until(lambda: not isinstance(it.app.screen, AgentScreen))
        await it.pilot.pause()
        assert None not in it.feed.agents


async def test_from_one_agent_to_another_the_second_is_read() -> None:
    both = replace(HERE, agents=(AGENT, CHILD))
    async with desk(both, size=(160, 50)) as it:
        await it.open_agent()
        await facts(it)
        await it.press("5", "enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.key == "w1/main/app")
        await it.pilot.pause()
        assert it.feed.agent == "w1/main/app"
        assert len(it.app.screen_stack) == 2
        await it.press("left_square_bracket")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.key == "w1/main")
        await it.pilot.pause()
        assert it.feed.agent == "w1/main"


async def test_another_view_and_back_opens_the_streams_again() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await it.press("X")
        await it.until(lambda: it.app.screen is not screen and it.feed.agent is None)
        await it.press("F")
        await it.until(lambda: it.app.screen is screen)
        await it.until(lambda: it.feed.agent == "w1/main")


# Rebuilt and gone


async def test_a_rebuild_is_followed_by_name() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await facts(it)
        await it.press("4", "s")  # the largest source: dotfiles
        pane = screen.pane("logs")
        assert isinstance(pane, LogsPane)
        await it.until(lambda: "npm: not found" not in "\n".join(widget_lines(pane)))
        new = rebuilt(HERE)
        await it.clock.advance(5)
        await it.know(new)
        await it.tell(
            logs(
                line(10, "again", "s-dots-new"),
                line(11, "other", "s-deps-new"),
                line(12, "done", "s-dots-new"),
                agent_id=new.agents[0].id,
            )
        )
        shown = "\n".join(widget_lines(pane))
        assert "again" in shown
        assert "other" not in shown  # the chosen source is meant by its name: ids are new at every start
        view = screen.view_now()
        assert view is not None
        assert view.workspace.build.number == 4


async def test_during_a_build_the_last_agents_stay_and_are_said_to_be_old() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        job = replace(HERE.build.job, status="running", completed_at=None)
        building = replace(HERE.build, id="b9", number=9, status="starting", job=job)
        await it.clock.advance(5)
        await it.know(replace(HERE, agents=(), build=building))
        assert screen.view_now() is not None
        assert "build" in "\n".join(widget_lines(screen.pane("health"))).lower()
        assert it.app.screen is screen


async def test_an_agent_that_is_gone_is_said_once() -> None:
    async with desk(HERE, broken()) as it:
        screen = await it.open_agent()
        await it.tell(ev.WorkspaceGone("w1"))
        await it.tell(ev.WorkspaceGone("w9"))
        assert [s for s in it.said if "gone" in s] == ["the workspace is gone; esc goes back to the fleet"]
        assert it.app.screen is screen
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)


async def test_the_last_picture_of_a_stopped_workspace_is_not_called_live() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await facts(it)
        assert screen.pane("health").freshness_text not in ("", "as it was")
        await it.clock.advance(5)
        stop = replace(HERE.build, id="b9", number=9, transition="stop", status="stopped")
        await it.know(replace(HERE, agents=(), build=stop))
        assert it.said[-1] == "the workspace is stopped: S starts it, esc goes back"
        assert {pane.freshness_text for pane in screen.panes} == {"as it was"}
        assert "stopped" in it.text.splitlines()[0]


async def test_details_of_another_agent_repaint_nothing_here() -> None:
    async with desk(HERE, broken()) as it:
        screen = await it.open_agent()
        await facts(it)
        view = screen.pane("ports").view
        await it.tell(
            ev.AgentOpened("w2-main"), ev.PortsRead("w2-main", (Port(1, "tcp", "x"),), it.clock.now())
        )
        assert screen.pane("ports").view is view


# Actions of panes


async def test_a_script_leads_to_its_lines() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await facts(it)
        await it.press("2")
        grid = screen.pane("scripts").focus_target()
        assert grid is it.app.focused
        await it.press("l")  # the failed one comes first
        await it.until(lambda: screen.scope_of(it.app.focused) == "logs")
        shown = "\n".join(widget_lines(screen.pane("logs")))
        assert "npm: not found" in shown
        assert "cloning" not in shown
        await it.press("a")
        await it.until(lambda: "cloning" in "\n".join(widget_lines(screen.pane("logs"))))


@pytest.mark.parametrize(
    ("scope", "keys", "said"),
    [
        ("scripts", ["y"], "script sent to the terminal's clipboard"),
        ("ports", ["y"], "address"),
        ("apps", ["y"], "address"),
        ("metadata", ["y"], "value"),
        ("health", ["y"], "command"),
        ("network", ["y"], "command"),
        ("health", ["Y"], "name"),
        ("logs", ["e", "y"], "1 line"),
    ],
)
async def test_copying_says_what_was_copied(
    scope: str, keys: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []

    def copy(app: object, text: str, what: str) -> str:
        copied.append(text)
        return f"{what} sent to the terminal's clipboard"

    monkeypatch.setattr("agentdash.ui.screens.base.copy", copy)
    async with desk(HERE, size=(160, 50)) as it:
        screen = await it.open_agent()
        await facts(it)
        screen.focus_pane(scope)
        await it.until(lambda: screen.scope_of(it.app.focused) == scope)
        await it.press(*keys)
        await it.until(lambda: it.said)
        assert said in it.said[-1]
        assert copied
        assert copied[0]


async def test_logs_are_searched_levelled_and_saved(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[str, str]] = []

    def save(name: str, text: str) -> str:
        saved.append((name, text))
        return f"saved to {name}"

    monkeypatch.setattr("agentdash.ui.logkeys.save_text", save)
    async with desk(HERE) as it:
        screen = await it.open_agent(start="logs")
        await facts(it)
        pane = screen.pane("logs")
        assert isinstance(pane, LogsPane)
        await it.press("slash")
        await it.type("linked")
        await it.press("enter")
        await it.until(lambda: it.app.focused is pane.log_view and pane.log_view.cursor_key is not None)
        await it.press("slash")
        await it.type("nowhere")
        await it.press("enter")
        await it.until(lambda: any("“nowhere” is not in these lines" in s for s in it.said))
        await it.press("v", "v", "v", "v")
        await it.until(lambda: "cloning" not in "\n".join(widget_lines(pane)))
        assert "npm: not found" in "\n".join(widget_lines(pane))
        await it.press("ctrl+s")
        assert saved[0][0] == "ada-go-7f3a-main.log"
        assert "npm: not found" in saved[0][1]
        assert it.said[-1] == "saved to ada-go-7f3a-main.log"


async def test_commands_work_in_the_pane_that_had_the_focus() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await facts(it)
        await it.press("2")
        await it.command("script-log")
        await it.until(lambda: screen.scope_of(it.app.focused) == "logs")
        await it.command("no such thing")
        assert "no command 'no such thing'" in it.said[-1]


async def test_the_build_log_opens_and_leads_back() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await it.press("b")
        await it.until(lambda: isinstance(it.app.screen, BuildScreen))
        assert it.feed.build_log == HERE.build.id
        await it.tell(ev.BuildLogLinesRead(HERE.build.id, (line(1, "Terraform apply", "Starting"),)))
        assert "Terraform apply" in it.text
        assert "ada/go-7f3a #3 started" in it.text
        await it.press("escape")
        await it.until(lambda: it.app.screen is screen)
        await it.until(lambda: it.feed.build_log is None and it.feed.agent == "w1/main")


async def test_a_pane_of_an_agent_without_details_says_one_sentence() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        assert it.state.details.get(AGENT.id, AgentDetail(AGENT.id)).ports.value is None
        for scope in ("ports", "logs", "metadata"):
            assert len(" ".join(widget_lines(screen.pane(scope))[1:-1]).strip(" │")) > 10
