"""Keys that arrive in one burst: each reaches the place that the ones before it have led to."""

from __future__ import annotations

from textual import events
from textual.command import CommandPalette
from textual.widgets import Input

from agentdash.actions.target import Target
from agentdash.feed.shells import ShellState
from agentdash.ui.keygate import is_cursor_key
from agentdash.ui.screens.agent import AgentScreen
from agentdash.ui.screens.prebuilds import PrebuildsScreen
from agentdash.ui.widgets.help import Help
from tests.ui.dash import Desk, broken, desk, workspace

HERE = workspace("w1", "go-7f3a")
NAMED = {
    "enter": None,
    "right": None,
    "escape": None,
    "down": None,
    "slash": "/",
    "colon": ":",
    "space": " ",
    "ctrl+p": None,
    "question_mark": "?",
    "ctrl+right_square_bracket": None,
}


def burst(it: Desk, *keys: str) -> None:
    """All of these in one read of the terminal: nothing of the app runs in between."""
    for key in keys:
        event = events.Key(key, NAMED.get(key, key))
        event.set_sender(it.app)
        it.app.post_message(event)


async def test_a_filter_and_its_end_typed_at_once() -> None:
    async with desk(HERE, broken()) as it:
        burst(it, "slash", *"gpu", "enter")
        await it.until(lambda: it.fleet.grid.row_count == 1)
        await it.until(lambda: it.app.focused is it.fleet.grid)
        assert it.fleet.grid.cursor_key == "w2/main"


async def test_keys_after_a_filter_go_to_its_rows() -> None:
    async with desk(HERE, broken()) as it:
        burst(it, "slash", *"7f3a", "enter", "enter")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        assert it.agent.key == "w1/main"


async def test_a_command_typed_at_once() -> None:
    async with desk(HERE) as it:
        burst(it, "colon", *"theme", "space", *"nord", "enter")
        await it.until(lambda: it.said)
        assert it.said == ["theme nord"]
        assert it.app.theme == "nord"


async def test_a_command_that_asks_and_its_answer_typed_at_once() -> None:
    async with desk(HERE) as it:
        burst(it, "colon", *"restart", "enter", "right", "enter")
        await it.until(lambda: it.ran)
        assert [name for name, _ in it.ran] == ["restart"]


async def test_an_answer_typed_with_its_question_goes_to_the_button_it_names() -> None:
    async with desk(HERE) as it:
        burst(it, "R", "right", "enter")
        await it.until(lambda: it.ran)
        await it.until(lambda: it.app.screen is it.fleet)
        assert [name for name, _ in it.ran] == ["restart"]


async def test_enter_typed_with_a_question_keeps() -> None:
    async with desk(HERE) as it:
        burst(it, "R", "enter")
        await it.until(lambda: it.said == ["nothing was done"])
        assert it.ran == []
        assert it.app.screen is it.fleet


async def test_keys_after_an_answer_go_to_the_view_below() -> None:
    async with desk(HERE) as it:
        burst(it, "R", "enter", "question_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert it.said == ["nothing was done"]


async def test_keys_after_yes_do_not_answer_again() -> None:
    async with desk(HERE, broken()) as it:
        burst(it, "R", "right", "enter", "escape", "down")
        await it.until(lambda: it.ran)
        await it.until(lambda: it.app.screen is it.fleet)
        assert len(it.ran) == 1


async def test_a_view_and_its_keys_typed_at_once() -> None:
    async with desk(HERE) as it:
        burst(it, "P", "slash", "x", "escape", "F", "enter", "4")
        await it.until(lambda: isinstance(it.app.screen, AgentScreen))
        await it.until(lambda: it.app.focused is it.agent.pane("logs").focus_target())
        assert isinstance(it.app.views["prebuilds"], PrebuildsScreen)


async def test_the_palette_takes_what_is_typed_with_its_key() -> None:
    async with desk(HERE) as it:
        burst(it, "ctrl+p", *"refr")
        await it.until(lambda: isinstance(it.app.screen, CommandPalette))
        await it.until(lambda: it.app.screen.query_one(Input).value == "refr")
        assert it.ran == []


async def test_what_is_typed_with_the_key_of_a_shell_goes_to_the_shell() -> None:
    async with desk(HERE) as it:
        await it.press("s")
        await it.until(lambda: it.lines.opened and it.agent.terminal.term.is_typing)
        shell = it.agent.terminal.shell
        assert shell is not None
        await it.until(lambda: shell.status.state is ShellState.CONNECTED)
        burst(it, "q", "ctrl+right_square_bracket", "question_mark")
        await it.until(lambda: isinstance(it.app.screen, Help))
        assert it.lines.last.typed == ["q"]


async def test_steps_of_the_cursor_come_before_what_hits_its_row() -> None:
    async with desk(*(workspace(f"w{at}", f"go-{at}") for at in range(6))) as it:
        burst(it, "down", "down", "down", "R", "right", "enter")
        await it.until(lambda: it.ran)
        assert it.ran == [("restart", (Target("w3/main"),))]


async def test_a_row_of_steps_waits_for_nothing() -> None:
    async with desk(HERE, broken()) as it:
        assert is_cursor_key(it.app.focused, "down")
        assert is_cursor_key(it.app.focused, "G")
        assert not is_cursor_key(it.app.focused, "enter")
        assert not is_cursor_key(None, "down")
        burst(it, "down", "up", "down")
        await it.until(lambda: it.fleet.grid.cursor_key == it.fleet.grid.visible_keys[1])
