from __future__ import annotations

from textual.app import App, ComposeResult
from textual.message import Message

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.grid import Grid
from agentdash.ui.widgets.message import MessageLine
from tests.ui.screen_text import screen_lines, style_at


class Host(App[None]):
    """An input line over a grid, and a line for notices."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = FilterBar("/", history=["owner:ada", "health:bad"])
        self.line = MessageLine()
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.bar
        yield Grid()
        yield self.line

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        self.told.append(message)

    def on_filter_bar_closed(self, message: FilterBar.Closed) -> None:
        self.told.append(message)


def closed(app: Host) -> tuple[str, bool]:
    message = app.told[-1]
    assert isinstance(message, FilterBar.Closed)
    return message.text, message.is_kept


async def test_every_letter_is_told_and_enter_keeps() -> None:
    app = Host()
    async with app.run_test(size=(40, 5)) as pilot:
        app.bar.open("[b]")
        await pilot.press("x", "j", "backspace")
        await pilot.pause()
        assert screen_lines(app)[0].startswith(" / [b]x")
        assert [m.text for m in app.told if isinstance(m, FilterBar.Changed)] == ["[b]x", "[b]xj", "[b]x"]
        await pilot.press("enter")
        await pilot.pause()
        assert closed(app) == ("[b]x", True)
        assert app.bar.history[-1] == "[b]x"


async def test_escape_restores_what_was_there() -> None:
    app = Host()
    async with app.run_test(size=(40, 5)) as pilot:
        app.bar.open("before")
        await pilot.press("x", "escape")
        await pilot.pause()
        assert closed(app) == ("before", False)
        assert "beforex" not in app.bar.history
        count = len(app.told)
        app.query_one(Grid).focus()
        await pilot.pause()
        assert len(app.told) == count


async def test_leaving_keeps_what_was_typed() -> None:
    app = Host()
    async with app.run_test(size=(40, 5)) as pilot:
        app.bar.open("")
        await pilot.press("x")
        app.query_one(Grid).focus()
        await pilot.pause()
        assert closed(app) == ("x", True)


async def test_the_history_is_walked_and_what_was_typed_comes_back() -> None:
    app = Host()
    async with app.run_test(size=(40, 5)) as pilot:
        app.bar.open("")
        await pilot.press("n", "up")
        assert app.bar.text == "health:bad"
        await pilot.press("up", "up")
        assert app.bar.text == "owner:ada"
        await pilot.press("down", "down", "down")
        assert app.bar.text == "n"


async def test_notices_stand_and_are_kept() -> None:
    app = Host()
    async with app.run_test(size=(40, 5)) as pilot:
        app.line.rest([Cell("? help")])
        await pilot.pause()
        assert screen_lines(app)[-1] == " ? help"
        app.line.say("[b]stopped[/b]", Tone.WARN)
        app.line.rest([Cell("? help"), Cell("q quit")])
        await pilot.pause()
        assert screen_lines(app)[-1] == " [b]stopped[/b]"
        app.line.say("deleted", Tone.BROKEN)
        await pilot.pause()
        assert style_at(app, "deleted").color is not None
        app.line.clear_notice()
        await pilot.pause()
        assert screen_lines(app)[-1] == " ? help  q quit"
        assert [notice.text for notice in app.line.notices] == ["[b]stopped[/b]", "deleted"]
