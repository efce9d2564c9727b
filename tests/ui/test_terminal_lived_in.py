"""Working in shells for hours: room, words that are true, marks that go, and which of several shells is which."""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from agentdash.feed.shell_book import Kept, ShellBook
from agentdash.feed.shells import ShellState, Target
from agentdash.present.cells import Tone
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.state.model import Workspace
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.shells import ShellsScreen
from agentdash.ui.widgets.confirm import Confirm
from agentdash.ui.widgets.help import Help
from tests.ui.dash import Desk, desk, workspace
from tests.ui.screen_text import widget_lines
from tests.unit.model_factory import make_agent

LEAVE = "ctrl+right_square_bracket"
HERE = workspace("w1", "go-7f3a")
LEFT = "keys are agentdash's again"


async def shell_open(it: Desk) -> AgentScreen:
    """A shell of w1/main that echoes, typed into as `s` in the fleet opens it."""
    it.lines.echoes = True
    screen = await it.open_agent(start="shell")
    await it.until(lambda: it.lines.opened and it.shells.all()[-1].status.state is ShellState.CONNECTED)
    await it.until(lambda: screen.terminal.term.is_typing)
    return screen


def shown(screen: AgentScreen) -> str:
    return "\n".join(widget_lines(screen.terminal))


def height(screen: AgentScreen) -> int:
    return int(screen.terminal.term.size.height)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(AgentScreen, "copy_text", lambda _, text, what: found.append(f"{what}: {text}"))
    return found


# What is said of the keys


async def test_what_is_said_on_leaving_goes_on_coming_back() -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        await it.press(LEAVE)
        assert LEFT in it.line("footer")
        await it.press("enter")
        assert "ctrl+] leave terminal" in it.line("footer")


@pytest.mark.parametrize("key", ["z", "4"])
async def test_what_is_said_on_leaving_goes_with_the_layout_it_is_about(key: str) -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        await it.press(LEAVE, key)
        assert LEFT not in it.line("footer")


async def test_a_failure_is_still_said_after_the_shell_is_entered() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press(LEAVE)
        screen._say("stop ada/go-7f3a: failed.", Tone.BROKEN, stand_s=30)
        await it.press("enter")
        assert "failed" in it.line("footer")


# Choosing text


async def test_choosing_has_a_mode_word_and_its_keys_in_footer_and_help(copied: list[str]) -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        it.lines.last.say(b"one two\r\nthree\r\n")
        await it.until(lambda: "three" in shown(screen))
        await it.press(LEAVE, "v")
        assert "choosing" in screen.terminal.title_text
        for hint in ("space from here", "V lines", "⏎ copy", "esc end", "? help"):
            assert hint in it.line("footer")
        await it.press("question_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert "Copy what is chosen, and end choosing." in it.text
        assert "Close the connection" not in it.text
        await it.press("escape")
        await it.until(lambda: it.app.screen is screen)
        await it.press("k", "k", "0", "space")
        assert "choosing characters" in screen.terminal.title_text
        await it.press("V")
        assert "choosing lines" in screen.terminal.title_text
        await it.press("enter")
        assert copied == ["selection: one two\n"]
        assert "choosing" not in screen.terminal.title_text
        assert "⏎ type here" in it.line("footer")


async def test_a_key_that_quits_elsewhere_ends_choosing() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press(LEAVE, "v", "x", "1", "q")
        assert it.app.screen is screen
        assert not screen.terminal.term.is_choosing
        assert it.lines.last.is_open
        assert it.app.focused is screen.terminal.term


# Which is which


async def test_shells_of_one_agent_are_told_apart() -> None:
    async with desk(HERE, size=(160, 40)) as it:
        screen = await shell_open(it)
        screen.terminal.open(new=True, command="htop", container="db")
        await it.until(lambda: len(it.lines.opened) == 2)
        it.lines.opened[0].say(b"\x1b]2;vim notes\x07")
        await it.until(lambda: it.shells.all()[0].emulator.title == "vim notes")
        await it.clock.advance(70)
        await it.press(LEAVE, "q")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert "ada/go-7f3a.main 1/2: vim notes, connected 1m" in it.text
        assert "ada/go-7f3a.main 2/2: db htop, connected 1m" in it.text
        await it.press("escape")
        await it.press("X")
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        first, second = widget_lines(it.shells_view.grid)[1:3]
        assert [word in first for word in ("1/2", "vim notes", "connected", "1m")] == [True] * 4
        assert [word in second for word in ("2/2", "db htop", "connected", "1m")] == [True] * 4


async def test_a_detached_shell_says_since_when_and_until_when(tmp_path: Path) -> None:
    async with desk(HERE, size=(160, 40)) as it:
        await it.until(lambda: it.context.shells is not None)
        target = Target("w1", "w1/main", "ada/go-7f3a.main")
        kept = Kept(str(uuid.uuid4()), target, it.clock.now() - timedelta(seconds=61), "")
        owner = f"{os.uname().nodename}:999999999"
        await asyncio.to_thread(ShellBook(tmp_path, "d", owner).keep, [kept], it.clock.now())
        await it.shells.remember(ShellBook(tmp_path, "d")).wait()
        await it.press("X")
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        head, row = widget_lines(it.shells_view.grid)[:2]
        assert "OPEN" not in head
        assert [word in row for word in ("detached", "1m", "ends in 4 m")] == [True] * 3


# Room


async def test_a_shell_has_the_whole_screen_until_its_pane_is_left() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        assert height(screen) > 25
        assert it.shells.all()[0].size == (height(screen), screen.terminal.term.size.width)
        await it.press(LEAVE)
        assert "z shows all panes" in it.line("footer")
        assert height(screen) > 25  # the program is not disturbed by who looks at its scrollback
        await it.press("4")
        await it.until(lambda: screen.pane("health").display and screen.pane("terminal").display)
        assert not screen.is_single


async def test_esc_leads_from_a_shell_back_to_where_it_was_entered() -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        await it.press(LEAVE, "escape")
        await it.until(lambda: it.app.screen is it.fleet)
        screen = await it.open_agent()
        screen.focus_pane("logs")
        screen.open_shell()
        assert screen.is_single
        await it.press(LEAVE, "escape")
        await it.until(lambda: not screen.is_single)
        assert it.app.focused is screen.pane("logs").focus_target()


async def test_closing_a_shell_brings_the_other_panes_back() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        await it.press(LEAVE, "x")
        await it.until(lambda: screen.terminal.shell is None)
        assert not screen.is_single


async def test_beside_other_panes_the_terminal_is_the_tall_one() -> None:
    async with desk(HERE) as it:
        screen = await it.open_agent()
        await it.press("6", "enter")
        await it.until(lambda: screen.terminal.term.is_typing)
        await it.until(lambda: height(screen) > screen.pane("logs").size.height)
        assert height(screen) > screen.pane("health").size.height


@pytest.mark.parametrize("is_beside", [True, False])
async def test_the_list_of_shells_leads_back_to_the_room_a_shell_had(is_beside: bool) -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        await it.press(LEAVE, "z")
        if not is_beside:
            await it.press("z")
        await it.press("X")
        await it.until(lambda: isinstance(it.app.screen, ShellsScreen))
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen) and it.agent.terminal.term.is_typing)
        assert it.agent.is_single is not is_beside


# What stands above


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_trouble_above_a_shell_leaves_its_size_alone(size: tuple[int, int]) -> None:
    async with desk(HERE, size=size) as it:
        screen = await shell_open(it)
        before = screen.terminal.term.region
        it.lines.last.say(b"\x1b[?1049h\x1b[%d;1Hstatus line\x1b[1;1H" % before.height)
        await it.until(lambda: "status line" in shown(screen))
        problem = Problem("Unreachable", "cannot reach it", "connection refused", "Check the network")
        await it.tell(ev.ServerFailed(problem))
        await it.until(lambda: "cannot reach it" in it.line("trouble"))
        assert "Check the network" in it.line("trouble")
        assert screen.terminal.term.region == before
        assert "status line" in shown(screen)


def unwell(lifecycle: str = "start_error") -> Workspace:
    return workspace("w1", "go-7f3a", make_agent(lifecycle=lifecycle))


async def test_a_failed_script_is_said_over_a_line_until_one_works_under_it() -> None:
    async with desk(unwell()) as it:
        screen = await shell_open(it)
        await it.until(lambda: "a start script failed" in shown(screen))
        before = screen.terminal.term.size
        await it.type("ls")
        assert "a start script failed" in shown(screen)
        await it.press("enter")
        await it.until(lambda: "a start script failed" not in shown(screen))
        assert "script failed" in screen.terminal.title_text
        assert screen.terminal.term.size == before


async def test_a_warning_is_put_aside_with_a_key_and_brought_back() -> None:
    async with desk(unwell()) as it:
        screen = await shell_open(it)
        await it.press(LEAVE)
        await it.until(lambda: "a start script failed" in shown(screen))
        await it.press("w")
        assert "a start script failed" not in shown(screen)
        await it.press("w")
        await it.until(lambda: "a start script failed" in shown(screen))
        await it.press("w", "escape")
        await it.until(lambda: it.app.screen is it.fleet)
        screen = await it.open_agent()
        await it.until(lambda: "script failed" in screen.terminal.title_text)
        assert "a start script failed" not in shown(screen)


async def test_a_warning_never_covers_the_cursor() -> None:
    async with desk(unwell()) as it:
        screen = await shell_open(it)
        await it.until(lambda: "a start script failed" in shown(screen))
        place = screen.terminal.notice.region
        assert place.y > screen.terminal.term.region.y
        it.lines.last.say(b"one\r\ntwo")
        await it.until(lambda: screen.terminal.notice.region.y == screen.terminal.term.region.y)


# Search


async def found(it: Desk) -> AgentScreen:
    screen = await shell_open(it)
    it.lines.last.say(b"one\r\ntwo one\r\n")
    await it.until(lambda: "two one" in shown(screen))
    await it.press(LEAVE, "slash")
    await it.type("one")
    await it.press("enter")
    await it.until(lambda: "1 of 2" in screen.terminal.title_text)
    return screen


async def test_a_search_ends_when_one_types_again_and_goes_on_later() -> None:
    async with desk(HERE) as it:
        screen = await found(it)
        await it.press("enter")
        assert "of 2" not in screen.terminal.title_text
        assert not screen.terminal.term.search.count
        await it.press(LEAVE, "n")
        await it.until(lambda: "1 of 2" in screen.terminal.title_text)


async def test_esc_clears_what_a_search_marks_and_only_then_leaves() -> None:
    async with desk(HERE) as it:
        screen = await found(it)
        await it.press("escape")
        assert it.app.screen is screen
        assert "of 2" not in screen.terminal.title_text
        assert not screen.terminal.term.search.count
        await it.press("escape")
        await it.until(lambda: it.app.screen is it.fleet)


async def test_a_search_takes_no_line_from_the_program() -> None:
    async with desk(HERE) as it:
        screen = await shell_open(it)
        before = screen.terminal.term.size
        it.lines.last.say(b"\x1b[%d;1Hneedle" % before.height)
        await it.until(lambda: "needle" in shown(screen))
        await it.press(LEAVE, "slash")
        await it.type("needle")
        await it.until(lambda: screen.terminal.find_bar.region.y == screen.terminal.term.region.y)
        assert screen.terminal.term.size == before
        assert any("needle" in line for line in widget_lines(screen.terminal)[-3:])
