"""What comes with an escape before it, and what is pasted, in the place that has the focus."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from agentdash.feed.shells import ShellState
from agentdash.ui.keyparse import KeyParser
from agentdash.ui.keys import KeyTable
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.typedapp import harmless
from agentdash.ui.widgets.confirm import Confirm
from agentdash.ui.widgets.help import Help
from tests.ui.dash import Desk, desk, workspace

HERE = workspace("w1", "go-7f3a")


def read(it: Desk, text: str) -> None:
    """As if the terminal had sent it in one piece."""
    for message in KeyParser().feed(text):
        message.set_sender(it.app)
        it.app.post_message(message)


async def shell_open(it: Desk) -> None:
    await it.press("s")
    await it.until(lambda: it.lines.opened and it.agent.terminal.term.is_typing)
    shell = it.agent.terminal.shell
    assert shell is not None
    await it.until(lambda: shell.status.state is ShellState.CONNECTED)


async def test_a_shell_gets_all_that_was_typed_with_alt() -> None:
    typed = "\x1b.\x1b.\x1bf\x1bb\x1b1\x1b\x7f\x1b\r\x1bD:q\x1b:"
    async with desk(HERE) as it:
        await shell_open(it)
        read(it, typed)
        await it.until(lambda: "".join(it.lines.last.typed) == typed)


async def test_a_line_of_input_gets_what_textual_makes_of_it() -> None:
    async with desk(HERE) as it:
        await it.press("slash")
        bar = it.app.focused
        assert isinstance(bar, Input)
        read(it, "owner:ops name:vm\x1b\x7f\x1bb")
        await it.until(lambda: (bar.value, bar.cursor_position) == ("owner:ops name:", len("owner:ops ")))


async def test_a_key_chosen_with_alt_works() -> None:
    async with desk(HERE) as it:
        it.app.context.keys = KeyTable({"help": ("alt+full_stop",)}, read_only=False)
        read(it, "\x1b.")
        await it.until(lambda: isinstance(it.app.screen, Help))


async def test_a_coloured_line_pasted_into_a_filter_is_its_text() -> None:
    async with desk(HERE) as it:
        await it.press("slash")
        bar = it.app.focused
        assert isinstance(bar, Input)
        read(it, "\x1b[200~\x1b[31mgo-7f3a\x1b[m\r\nq\r\nR\r\x1b[201~")
        await it.until(lambda: bar.value == "go-7f3a")
        assert it.app.screen is it.fleet
        assert isinstance(it.app.screen, BaseScreen)


async def test_a_coloured_paste_into_a_shell_asks_like_any_other() -> None:
    async with desk(HERE) as it:
        await shell_open(it)
        read(it, "\x1b[200~\x1b[31mls\x1b[m\r\nrm -rf x\r\n\x1b[201~")
        await it.until(lambda: isinstance(it.app.screen, Confirm))
        assert it.lines.last.typed == []


@pytest.mark.parametrize(
    ("pasted", "taken"), [("", ""), ("\n", ""), ("a\x1b[31mb\x9b1mc", "ab\\x9b1mc"), ("one\rtwo", "one")]
)
def test_what_an_input_takes_of_a_paste(pasted: str, taken: str) -> None:
    assert harmless(pasted) == taken
