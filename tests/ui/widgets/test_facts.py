from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.message import Message

from agentdash.present.cells import Cell, Span, Tone
from agentdash.ui.widgets.facts import Fact, Facts
from agentdash.ui.widgets.help import Help, HelpSection
from tests.ui.screen_text import painting, screen_lines, screen_text, style_at


class Host(App[None]):
    """One list, its messages kept."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.facts

    def on_facts_fact_highlighted(self, message: Facts.FactHighlighted) -> None:
        self.told.append(message)

    def on_facts_fact_opened(self, message: Facts.FactOpened) -> None:
        self.told.append(message)


def some(rtt: str = "34 ms") -> list[Fact]:
    return [
        Fact("head", "", Cell("startup script failed", Tone.BROKEN), is_wide=True),
        Fact("status", "status", Cell("[b]connected[/b] since 09:12:03", spans=(Span(0, 9, Tone.WELL),))),
        Fact("rtt", "RTT", Cell(rtt)),
    ]


async def test_labels_and_values_stand_in_columns_and_long_values_break() -> None:
    app = Host(Facts(some()))
    async with app.run_test(size=(30, 6)) as pilot:
        await pilot.pause()
        assert screen_lines(app) == [
            " startup script failed",
            " status  [b]connected[/b]",
            "         since 09:12:03",
            " RTT     34 ms",
            "",
            "",
        ]
        assert style_at(app, "status").color != style_at(app, "since").color
        await pilot.resize_terminal(60, 6)
        await pilot.pause()
        assert screen_lines(app)[1] == " status  [b]connected[/b] since 09:12:03"


async def test_only_a_changed_value_is_painted() -> None:
    facts = Facts(some())
    app = Host(facts)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        with painting(app, facts) as paint:
            facts.set_facts(some())
            await pilot.pause()
        assert (paint.lines, paint.size) == ([], 0)
        with painting(app, facts) as paint:
            facts.set_facts(some("38 ms"))
            await pilot.pause()
        assert paint.lines == [2]
        assert screen_lines(app)[2] == " RTT     38 ms"


async def test_a_cursor_holds_on_to_its_fact() -> None:
    facts = Facts(some(), is_selectable=True, empty="Nothing is known yet.")
    app = Host(facts)
    async with app.run_test(size=(60, 4)) as pilot:
        await pilot.press("down", "down")
        assert facts.cursor_key == "rtt"
        await pilot.pause()
        assert screen_lines(app)[2] == "▌RTT     34 ms"
        facts.set_facts(some()[1:])
        assert facts.cursor_key == "rtt"
        facts.set_facts(some()[:2])
        assert facts.cursor_key == "status"
        await pilot.press("enter")
        await pilot.click(facts, offset=(4, 0))
        assert facts.cursor_key == "head"
        assert not facts.move_to("nothing")
        facts.set_facts([])
        await pilot.press("down", "enter", "G")
        await pilot.pause()
        assert screen_lines(app)[0] == " Nothing is known yet."
        last = [m.key for m in app.told if isinstance(m, Facts.FactHighlighted)][-1]
        assert last is None
        opened = [m.key for m in app.told if isinstance(m, Facts.FactOpened)]
        assert opened == ["status"]


@pytest.mark.parametrize("size", [(1, 1), (4, 2), (9, 3)])
async def test_absurd_sizes_do_not_break_it(size: tuple[int, int]) -> None:
    app = Host(Facts(some(), is_selectable=True))
    async with app.run_test(size=size) as pilot:
        await pilot.press("down", "G", "pageup")
        await pilot.resize_terminal(50, 8)
        await pilot.pause()
        assert " RTT     34 ms" in screen_text(app)


async def test_help_lists_sections_and_closes() -> None:
    app = Host(Facts())
    sections = [
        HelpSection("Fleet", (("enter", "Open the [b]agent[/b]."), ("s", "Open a shell " + "on it " * 30))),
        HelpSection("Everywhere", (("q", "Quit."),)),
    ]
    async with app.run_test(size=(60, 20)) as pilot:
        for key in ("escape", "q", "question_mark"):
            app.push_screen(Help(sections))
            await pilot.pause()
            text = screen_text(app)
            assert "Fleet" in text
            assert "enter  Open the [b]agent[/b]." in text
            assert "q      Quit." in text
            await pilot.press(key)
            await pilot.pause()
            assert not isinstance(app.screen, Help)
