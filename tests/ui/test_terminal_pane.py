"""Shells on screen: typing, leaving, what stands in the way, several of them, the list of all."""

from __future__ import annotations

from dataclasses import replace

from agentdash.api.terminal import TerminalClose
from agentdash.config.settings import Settings
from agentdash.feed.shells import ShellState
from agentdash.state import events as ev
from agentdash.state.model import Container, Containers
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.shells import ShellsScreen
from agentdash.ui.widgets.confirm import Confirm
from tests.ui.dash import Desk, desk, workspace
from tests.ui.screen_text import widget_lines
from tests.unit.model_factory import make_agent

LEAVE = "ctrl+right_square_bracket"
HERE = workspace("w1", "go-7f3a")


async def shell_open(it: Desk) -> AgentScreen:
    """A shell of w1/main that echoes, typed into."""
    it.lines.echoes = True
    screen = await it.open_agent(start="shell")
    await it.until(lambda: it.lines.opened and it.shells.all()[0].status.state is ShellState.CONNECTED)
    await it.until(lambda: screen.terminal.term.is_typing)
    return screen


def shown(screen: AgentScreen) -> str:
    return "\n".join(widget_lines(screen.terminal))


async def test_every_key_goes_to_the_shell_but_the_one_that_leaves() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        assert "ctrl+] leave terminal" in it.line("footer")
        await it.press(
            "l", "s", "space", "q", "X", "question_mark", "enter", "escape", "tab", "ctrl+c", "ctrl+q"
        )
        await it.until(lambda: "".join(it.lines.last.typed) == "ls qX?\r\x1b\t\x03\x11")
        assert "ls qX?" in shown(screen)
        assert it.app.screen is screen
        await it.press(LEAVE)
        assert not screen.terminal.term.is_typing
        assert any("keys are agentdash's again" in s for s in it.said)
        await it.press("1")
        await it.until(lambda: it.app.focused is screen.pane("health").focus_target())
        assert "".join(it.lines.last.typed).endswith("\x11")
        assert it.lines.last.is_open


async def test_the_key_that_opens_a_shell_in_the_list_opens_it_on_the_agents_page_too() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await it.press("s", "l", "s")
        await it.until(lambda: screen.terminal.term.is_typing)
        await it.until(lambda: it.lines.opened and "".join(it.lines.last.typed) == "ls")


async def test_enter_goes_back_to_the_shell_that_is_open() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press(LEAVE, "enter")
        assert screen.terminal.term.is_typing
        assert len(it.shells.all()) == 1


async def test_another_leave_key() -> None:
    async with desk(HERE, settings=Settings(leave_key="ctrl+g")) as it:
        screen = await shell_open(it)
        await it.press(LEAVE)
        assert screen.terminal.term.is_typing
        assert "ctrl+g leave terminal" in it.line("footer")
        await it.press("ctrl+g")
        assert not screen.terminal.term.is_typing


async def test_the_shell_has_the_size_of_the_pane() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        emulator = it.shells.all()[0].emulator
        size = screen.terminal.term.size
        await it.until(lambda: (emulator.lines, emulator.columns) == (size.height, size.width))
        assert size.height > 25
        await it.press(LEAVE, "z")
        await it.until(lambda: 10 < screen.terminal.term.size.height < 20)
        size = screen.terminal.term.size
        await it.until(lambda: it.lines.last.sizes and it.lines.last.sizes[-1] == (size.height, size.width))


async def test_what_stands_in_the_way_is_said_in_the_pane() -> None:
    async with desk(workspace("w1", "go-7f3a", make_agent(status="connecting"))) as it:
        screen = await it.open_agent(start="shell")
        await it.until(lambda: "waiting for the agent to connect" in shown(screen))
        assert screen.terminal.freshness_text == "waiting"
        await it.press("x", "y")
        starting = make_agent(lifecycle="starting", ready_at=None)
        await it.clock.advance(1)
        await it.know(workspace("w1", "go-7f3a", starting))
        await it.clock.advance(3)
        await it.until(lambda: "start scripts still run" in shown(screen))
        assert screen.terminal.freshness_text == "connected"
        assert it.lines.last.typed == []
        await it.clock.advance(1)
        await it.know(workspace("w1", "go-7f3a", make_agent(lifecycle="start_error")))
        await it.until(lambda: "a start script failed" in shown(screen))


async def test_an_ended_shell_says_so_and_enter_starts_another() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.end(TerminalClose(1000, had_output=True, lasted_s=5, after_exit_s=0.1))
        await it.until(lambda: "Enter starts a new one" in shown(screen))
        await it.press("x")
        assert len(it.lines.opened) == 1
        await it.press("enter")
        await it.until(lambda: len(it.lines.opened) == 2)
        await it.until(lambda: screen.terminal.freshness_text == "connected")
        assert it.lines.last.typed == []


async def test_the_title_of_the_program_is_shown_as_text() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.say(b"\x1b]2;[b]vim\x07")
        await it.until(lambda: "[b]vim" in screen.terminal.title_text)


async def test_a_paste_that_would_run_asks_first() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        from textual.events import Paste

        screen.terminal.term.post_message(Paste("rm -rf a\nrm -rf b\n"))
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "Paste 2 lines?" in it.text
        assert it.app.focused is not None
        assert it.app.focused.id == "cancel"
        await it.press("enter")
        await it.until(lambda: it.app.screen is screen)
        assert it.lines.last.typed == []


async def test_several_shells_are_counted_and_closed_one_by_one() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press(LEAVE, "c")
        await it.until(lambda: len(it.lines.opened) == 2)
        assert "2/2" in screen.terminal.title_text
        second = it.shells.all()[1]
        assert screen.terminal.shell is second
        await it.press(LEAVE, "x")
        await it.until(lambda: len(it.shells.all()) == 1)
        await it.until(lambda: screen.terminal.shell is it.shells.all()[0])
        assert not it.lines.opened[1].is_open
        await it.press("x")
        await it.until(lambda: screen.terminal.shell is None)
        await it.until(lambda: "Press enter to open a shell here." in shown(screen))


async def test_scrollback_is_walked_searched_and_left() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.say("".join(f"line {n}\r\n" for n in range(60)).encode())
        await it.until(lambda: "line 59" in shown(screen))
        await it.press(LEAVE, "pageup")
        await it.until(lambda: "line 59" not in shown(screen))
        await it.until(lambda: "lines back" in screen.terminal.title_text)
        await it.press("end", "slash")
        await it.type("line 7")
        await it.press("enter")
        await it.until(
            lambda: "line 7 " in shown(screen).replace("│", " ") and "line 59" not in shown(screen)
        )
        await it.press("slash")
        await it.type("nowhere")
        await it.press("enter")
        await it.until(lambda: any("nowhere" in s for s in it.said))
        await it.press("enter")
        await it.until(lambda: "line 59" in shown(screen))


async def test_a_shell_goes_on_while_the_screen_shows_something_else() -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        await it.press(LEAVE, "escape")
        await it.until(lambda: it.app.screen is it.fleet)
        it.lines.last.say(b"meanwhile")
        assert "X Shells 1" in it.line("views")
        screen = await it.open_agent()
        await it.until(lambda: "meanwhile" in shown(screen))


async def test_a_shell_in_a_container() -> None:
    box = Container("c0ffee123456", "db", "postgres:17", "running", running=True)
    async with desk(HERE, size=(160, 50)) as it:
        screen = await it.open_agent()
        agent_id = HERE.agents[0].id
        found = Containers((), (box, replace(box, id="dead", name="old", running=False)))
        await it.tell(ev.AgentOpened(agent_id), ev.ContainersRead(agent_id, found, it.clock.now(), live=True))
        await it.press("5", "s")
        await it.until(lambda: it.lines.opened)
        assert it.lines.targets[-1].container == "c0ffee123456"
        assert screen.terminal.term.is_typing


# The list of shells


async def test_the_list_shows_every_shell_and_leads_back() -> None:
    other = workspace("w2", "api-3", make_agent(workspace_id="w2", status="disconnected"))
    async with desk(HERE, other) as it:
        await shell_open(it)
        await it.press(LEAVE, "escape")
        await it.until(lambda: it.app.screen is it.fleet)
        await it.open_agent("w2/main", "shell")
        await it.until(lambda: len(it.shells.all()) == 2)
        await it.press(LEAVE, "X")
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        rows = widget_lines(it.shells_view.grid)
        assert "ada/go-7f3a.main" in rows[1]
        assert "connected" in rows[1]
        assert "ada/api-3.main" in rows[2]
        assert "waiting" in rows[2]
        it.shells_view.grid.move_to(it.shells.all()[0].id)
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.key == "w1/main")
        await it.until(lambda: it.agent.terminal.term.is_typing)
        assert it.agent.terminal.shell is it.shells.all()[0]


async def test_a_shell_closed_in_the_list_is_gone_from_its_pane() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press(LEAVE, "X")
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        await it.press("x")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        await it.press("enter")  # the focus is on Cancel
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        assert it.shells.all()
        await it.press("x")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        await it.press("right", "enter")
        await it.until(lambda: not it.shells.all())
        await it.until(lambda: "Open terminals would be here" in it.text)
        await it.press("F")
        await it.until(lambda: it.app.screen is screen)
        await it.until(lambda: screen.terminal.shell is None)


async def test_the_list_follows_its_shells() -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        await it.press(LEAVE, "X")
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        it.lines.last.end(TerminalClose(1000, had_output=True, lasted_s=5, after_exit_s=0.1))
        await it.until(lambda: it.shells.all()[0].status.state is ShellState.ENDED)
        await it.until(lambda: "ended" in widget_lines(it.shells_view.grid)[1])


# Leaving


async def test_quitting_asks_while_a_terminal_is_open() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press(LEAVE, "q")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "Quit? 1 terminal is open." in it.text
        assert "ada/go-7f3a.main" in it.text
        await it.press("enter")
        await it.until(lambda: it.app.screen is screen)
        await it.press("q")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        await it.press("left", "enter")
        await it.until(lambda: not it.app.is_running or it.app._exit)
    assert it.app.return_code == 0
    assert not any(line.is_open for line in it.lines.opened)


async def test_a_shell_that_has_ended_is_no_reason_to_ask() -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        it.lines.last.end(TerminalClose(1000, had_output=True, lasted_s=5, after_exit_s=0.1))
        await it.until(lambda: it.shells.all()[0].status.state is ShellState.ENDED)
        await it.press(LEAVE, "q")
        await it.until(lambda: not it.app.is_running or it.app._exit)
    assert it.app.return_code == 0


async def test_without_a_terminal_q_leaves_at_once() -> None:
    async with desk(HERE) as it:
        await it.press("q")
        await it.until(lambda: not it.app.is_running or it.app._exit)
    assert it.app.return_code == 0
