from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.message import Message

from agentdash.present.cells import Cell, Tone
from agentdash.text.width import cell_width
from agentdash.ui.widgets.statusbar import StatusLine, arrange, hint
from agentdash.ui.widgets.tabs import Tab, TabStrip
from tests.ui.screen_text import painting, screen_lines, style_at

CELLS = st.lists(st.sampled_from(["agentdash", "漢字", "● live", "x"]).map(Cell), max_size=5)


class Host(App[None]):
    """A line, its messages kept."""

    def __init__(self, line: StatusLine) -> None:
        super().__init__()
        self.line = line
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.line

    def on_status_line_cell_clicked(self, message: StatusLine.CellClicked) -> None:
        self.told.append(message)

    def on_tab_strip_tab_chosen(self, message: TabStrip.TabChosen) -> None:
        self.told.append(message)


@given(CELLS, CELLS, st.integers(1, 60))
def test_a_line_is_filled_and_cells_stand_where_it_says(
    left: list[Cell], right: list[Cell], width: int
) -> None:
    cells, spots = arrange(left, right, width, gap=2, margin=1, ellipsis="…")
    total = sum(cell_width(cell.text) for cell in cells)
    assert total <= width or width < 3
    assert [s.index for s in spots if s.side == "right"] == list(
        range(len(right) - sum(s.side == "right" for s in spots), len(right))
    ), "the right side gives way from its first cell"
    for spot in spots:
        if spot.side == "right":
            assert spot.x + spot.width <= width - 1


async def test_both_ends_and_what_gives_way() -> None:
    line = StatusLine()
    app = Host(line)
    async with app.run_test(size=(50, 3)) as pilot:
        line.show(
            [Cell("agentdash", Tone.BRIGHT), Cell("[b]x[/b]")],
            [Cell("3 streams"), Cell("● live"), Cell("12:04Z")],
        )
        await pilot.pause()
        assert screen_lines(app)[0] == " agentdash  [b]x[/b]    3 streams  ● live  12:04Z"
        await pilot.resize_terminal(30, 3)
        await pilot.pause()
        assert screen_lines(app)[0] == " agentdash  [b]x[/b]   12:04Z"
        await pilot.resize_terminal(14, 3)
        await pilot.pause()
        assert screen_lines(app)[0] == " agentdash"
        await pilot.resize_terminal(7, 3)
        await pilot.pause()
        assert screen_lines(app)[0] == " agen…"


async def test_equal_cells_cost_nothing() -> None:
    line = StatusLine()
    app = Host(line)
    async with app.run_test(size=(120, 3)) as pilot:
        line.show([Cell("agentdash")], [Cell("● live"), Cell("12:04Z")])
        await pilot.pause()
        with painting(app, line) as paint:
            line.show([Cell("agentdash")], [Cell("● live"), Cell("12:04Z")])
            await pilot.pause()
        assert (paint.lines, paint.size) == ([], 0)
        with painting(app, line) as paint:
            line.show([Cell("agentdash")], [Cell("● live"), Cell("12:05Z")])
            await pilot.pause()
        assert paint.lines == [0]
        assert screen_lines(app)[0].endswith("12:05Z")


async def test_clicks_and_hints() -> None:
    line = StatusLine(gap=3)
    app = Host(line)
    async with app.run_test(size=(60, 3)) as pilot:
        line.show([hint("?", "help"), hint("ctrl+p", "palette")], [Cell("READ-ONLY")])
        await pilot.pause()
        assert screen_lines(app)[0].startswith(" ? help   ctrl+p palette")
        assert style_at(app, "ctrl+p").color != style_at(app, "palette").color
        await pilot.click(line, offset=(12, 0))
        await pilot.click(line, offset=(58, 0))
        await pilot.click(line, offset=(40, 0))
        assert [(m.side, m.index) for m in app.told if isinstance(m, StatusLine.CellClicked)] == [
            ("left", 1),
            ("right", 0),
        ]


async def test_tabs_show_marks_and_keep_the_active_one_in_sight() -> None:
    strip = TabStrip()
    app = Host(strip)
    tabs = [Tab(str(i), f"{i} Pane", Cell("✗", Tone.BROKEN) if i == 2 else Cell("")) for i in range(1, 10)]
    async with app.run_test(size=(40, 3)) as pilot:
        strip.set_tabs(tabs, "1")
        await pilot.pause()
        assert screen_lines(app)[0] == " ▌1 Pane   2 Pane ✗   3 Pane   4 Pane"
        assert style_at(app, "✗").color != style_at(app, "3").color
        await pilot.click(strip, offset=(13, 0))
        await pilot.pause()
        chosen = app.told[-1]
        assert isinstance(chosen, TabStrip.TabChosen)
        assert chosen.key == "2"
        strip.set_tabs(tabs, "9")
        await pilot.pause()
        assert screen_lines(app)[0] == "  6 Pane   7 Pane   8 Pane  ▌9 Pane"
        await pilot.click(strip, offset=(3, 0))
        await pilot.pause()
        chosen = app.told[-1]
        assert isinstance(chosen, TabStrip.TabChosen)
        assert chosen.key == "6"
