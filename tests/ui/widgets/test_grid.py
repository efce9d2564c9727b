from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.message import Message

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.glyphs import ASCII
from agentdash.ui.widgets.grid import Column, Grid, GridRow
from tests.ui.screen_text import painting, screen_lines, style_at

COLUMNS = [
    Column("verdict", "VERDICT", min_width=10, flex=1, priority=9),
    Column("agent", "AGENT", width=12, min_width=6, priority=8, cut="middle"),
    Column("rtt", "RTT", width=6, align="right", priority=1),
]


class Host(App[None]):
    """One grid, its messages kept."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.grid

    def on_mount(self) -> None:
        self.grid.set_columns(COLUMNS, indented="agent")

    def on_grid_row_highlighted(self, message: Grid.RowHighlighted) -> None:
        self.told.append(message)

    def on_grid_row_opened(self, message: Grid.RowOpened) -> None:
        self.told.append(message)

    def on_grid_header_clicked(self, message: Grid.HeaderClicked) -> None:
        self.told.append(message)


class Data:
    """Rows by key, and which were asked for."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.asked: list[str] = []
        self.extra: dict[str, dict[str, Any]] = {}

    def row(self, key: str) -> GridRow:
        self.asked.append(key)
        text = self.values.get(key, "ready")
        return GridRow(key, (Cell(text), Cell(key), Cell("34")), **self.extra.get(key, {}))


def keys(count: int) -> list[str]:
    return [f"k{i}" for i in range(count)]


async def test_rows_stand_below_their_headings_numbers_right() -> None:
    data, grid = Data(), Grid()
    data.extra["k1"] = {"indent": 1, "changed": True}
    data.extra["k2"] = {"marked": True}
    app = Host(grid)
    async with app.run_test(size=(40, 6)) as pilot:
        grid.set_rows(keys(3), data.row)
        grid.set_sort("rtt", descending=True)
        await pilot.pause()
        assert screen_lines(app) == [
            "  VERDICT          AGENT          RTT ↓",
            "▌ ready            k0                34",
            " •ready              k1              34",
            " ✓ready            k2                34",
            "",
            "",
        ]


async def test_ascii_signs_and_narrow_columns() -> None:
    data, grid = Data(), Grid(signs=ASCII)
    data.values["k0"] = "a very long verdict that is cut"
    app = Host(grid)
    async with app.run_test(size=(26, 3)) as pilot:
        grid.set_rows(["k0", "a-long-agent-name"], data.row)
        await pilot.pause()
        assert grid.visible_columns == ("verdict", "agent")
        assert screen_lines(app) == [
            "  VERDICT     AGENT",
            "> a very lo~  k0",
            "  ready       a-lon~-name",
        ]


async def test_wide_letters_keep_the_columns_straight() -> None:
    data, grid = Data(), Grid()
    data.values["k0"] = "漢字 verdict 漢字 漢字"
    app = Host(grid)
    async with app.run_test(size=(40, 3)) as pilot:
        grid.set_rows(keys(2), data.row)
        await pilot.pause()
        assert screen_lines(app)[1:] == [
            "▌ 漢字 verdict …   k0                34",
            "  ready            k1                34",
        ]


async def test_text_never_becomes_markup() -> None:
    data, grid = Data(), Grid(empty="[red]nothing[/]")
    app = Host(grid)
    async with app.run_test(size=(40, 4)) as pilot:
        await pilot.pause()
        assert "[red]nothing[/]" in screen_lines(app)[2]
        data.values["k0"] = "[/x] [b]y[/b]"
        grid.set_rows(["k0"], data.row)
        await pilot.pause()
        assert screen_lines(app)[1].startswith("▌ [/x] [b]y[/b]")


async def test_only_rows_in_sight_are_asked_for() -> None:
    data, grid = Data(), Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)) as pilot:
        grid.set_rows(keys(10_000), data.row)
        await pilot.pause()
        assert set(data.asked) == set(keys(10))
        data.asked.clear()
        grid.update_rows(keys(10_000))
        await pilot.pause()
        assert sorted(data.asked) == sorted(keys(10))
        await pilot.press("G")
        assert grid.cursor_key == "k9999"
        assert grid.visible_keys[-1] == "k9999"


async def test_keys_move_the_cursor_and_the_view_follows() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)) as pilot:
        grid.set_rows(keys(100), Data().row)
        await pilot.pause()
        seen = []
        for key in (
            "down",
            "j",
            "k",
            "up",
            "up",
            "pagedown",
            "ctrl+d",
            "ctrl+u",
            "G",
            "down",
            "home",
            "end",
            "g",
        ):
            await pilot.press(key)
            seen.append(grid.cursor_key)
            assert grid.cursor_key in grid.visible_keys
        assert seen == ["k1", "k2", "k1", "k0", "k0", "k9", "k13", "k9", "k99", "k99", "k0", "k99", "k0"]
        assert isinstance(app.told[0], Grid.RowHighlighted)
        assert app.told[0].key == "k0"
        await pilot.press("enter")
        assert isinstance(app.told[-1], Grid.RowOpened)
        assert app.told[-1].key == "k0"


async def test_mouse_clicks_wheel_headings_and_bar() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)) as pilot:
        grid.set_rows(keys(100), Data().row)
        await pilot.pause()
        await pilot.click(grid, offset=(5, 3))
        assert grid.cursor_key == "k2"
        await pilot.double_click(grid, offset=(5, 4))
        await pilot.pause()
        assert isinstance(app.told[-1], Grid.RowOpened)
        assert app.told[-1].key == "k3"
        await pilot._post_mouse_events([MouseScrollDown], grid, offset=(5, 5))
        assert grid.top == 3
        assert grid.cursor_key == "k3"
        await pilot.click(grid, offset=(21, 0))
        assert isinstance(app.told[-1], Grid.HeaderClicked)
        assert app.told[-1].column_id == "agent"
        await pilot.mouse_down(grid, offset=(39, 10))
        await pilot.mouse_up(grid, offset=(39, 10))
        assert grid.top == 90


async def test_the_cursor_follows_its_key_through_sorting_and_keeps_its_place_on_the_screen() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)) as pilot:
        grid.set_rows(keys(100), Data().row)
        assert grid.move_to("k50")
        await pilot.pause()
        offset = grid.cursor_index - grid.top
        grid.set_rows(keys(100)[::-1], Data().row)
        assert grid.cursor_key == "k50"
        assert grid.cursor_index - grid.top == offset
        assert not grid.move_to("nobody")


async def test_a_vanished_row_hands_the_cursor_to_its_neighbour() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)) as pilot:
        grid.set_rows(keys(10), Data().row)
        grid.move_to("k5")
        grid.set_rows(["k0", "k4", "k7"], Data().row)
        assert grid.cursor_key == "k4"
        grid.set_rows(["k0", "k7"], Data().row)
        assert grid.cursor_key == "k7"
        grid.set_rows([], Data().row)
        await pilot.pause()
        await pilot.press("down", "enter", "G")
        assert grid.cursor_index == 0
        last = app.told[-1]
        assert isinstance(last, Grid.RowHighlighted)
        assert last.key is None


async def test_until_the_user_moves_the_cursor_waits_at_the_top() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)) as pilot:
        grid.set_rows(["k5"], Data().row)
        grid.set_rows(["k1", "k5"], Data().row)
        assert (grid.cursor_key, grid.top) == ("k1", 0)
        await pilot.press("enter")
        grid.set_rows(["k0", "k1", "k5"], Data().row)
        assert (grid.cursor_key, grid.top) == ("k1", 0)


async def test_a_view_at_its_top_shows_what_arrives_above() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)):
        grid.set_rows(keys(50), Data().row)
        grid.move_to("k2")
        grid.set_rows(["worst", *keys(50)], Data().row)
        assert grid.visible_keys[0] == "worst"
        assert grid.cursor_key == "k2"


async def test_scrolled_away_from_the_cursor_the_lines_looked_at_stay() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 11)) as pilot:
        grid.set_rows(keys(100), Data().row)
        await pilot.press("down")
        grid.scrolled_by_hand(40)
        grid.set_rows(["new", *keys(100)], Data().row)
        assert grid.visible_keys[0] == "k40"
        assert grid.cursor_key == "k1"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(keys(60)), unique=True, max_size=60),
            st.sampled_from(["", "down", "up", "pagedown", "G", "g"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_the_cursor_stays_on_the_thing(steps: list[tuple[list[str], str]]) -> None:
    async def run() -> None:
        grid = Grid()
        app = Host(grid)
        async with app.run_test(size=(40, 9)) as pilot:
            grid.set_rows(keys(60), Data().row)
            await pilot.press("down")
            before: Sequence[str] = keys(60)
            for order, key in steps:
                held = grid.cursor_key
                grid.set_rows(order, Data().row)
                check(grid, before, order, held)
                before = order
                if key:
                    await pilot.press(key)
                await pilot.pause()
                assert screen_lines(app)[1:] == [picture(grid, y) for y in range(8)]

    def picture(grid: Grid, y: int) -> str:
        shown = grid.visible_keys
        if y >= len(shown):
            return ""
        strip = grid.render_line(y + 1)
        return strip.text.rstrip()

    def check(grid: Grid, before: Sequence[str], after: Sequence[str], held: str | None) -> None:
        if not after:
            assert grid.cursor_key is None
        elif held in after:
            assert grid.cursor_key == held
        else:
            assert grid.cursor_key in after
            left = [k for k in before if k in after]
            if held is not None and left:
                at = before.index(held)
                nearest = min(abs(before.index(k) - at) for k in left)
                assert abs(before.index(str(grid.cursor_key)) - at) == nearest
        assert 0 <= grid.top <= max(0, len(after) - grid.body_height)

    asyncio.run(run())


async def test_only_changed_rows_are_painted() -> None:
    data, grid = Data(), Grid()
    app = Host(grid)
    async with app.run_test(size=(80, 24)) as pilot:
        grid.set_rows(keys(1000), data.row)
        await pilot.pause()
        with painting(app, grid) as paint:
            grid.update_rows(keys(1000))
            grid.set_rows(keys(1000), data.row)
            await pilot.pause()
        assert (paint.lines, paint.size) == ([], 0), "equal values cost nothing"
        with painting(app, grid) as paint:
            data.values["k3"] = "broken"
            data.values["k500"] = "broken out of sight"
            grid.update_rows(["k3", "k500"])
            await pilot.pause()
        assert paint.lines == [4]
        assert 0 < paint.size < 400
        with painting(app, grid) as paint:
            await pilot.press("down")
        assert sorted(paint.lines) == [1, 2]


async def test_focus_repaints_the_selected_row_only() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(80, 24)) as pilot:
        grid.set_rows(keys(100), Data().row)
        await pilot.pause()
        assert grid.has_focus
        tint = style_at(app, "▌").bgcolor
        with painting(app, grid) as paint:
            app.screen.set_focus(None)
            await pilot.pause()
        assert paint.lines == [1]
        assert style_at(app, "▌").bgcolor != tint


@pytest.mark.parametrize("size", [(5, 2), (2, 1), (1, 1), (40, 1), (12, 30)])
async def test_absurd_sizes_do_not_break_it(size: tuple[int, int]) -> None:
    grid = Grid(empty="Nothing here.")
    app = Host(grid)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        grid.set_rows(keys(100), Data().row)
        await pilot.press("down", "G", "pageup")
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert screen_lines(app)[0].startswith("  VERDICT")


async def test_tones_come_from_the_theme_and_follow_it() -> None:
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 5)) as pilot:
        grid.set_rows(
            ["a", "b"],
            lambda key: GridRow(key, (Cell("sad", Tone.BROKEN), Cell("x"), Cell("1")), tone=Tone.DIM),
        )
        await pilot.pause()
        dark = style_at(app, "sad").color
        assert dark != style_at(app, "x ").color
        app.theme = "textual-light"
        await pilot.pause()
        assert style_at(app, "sad").color != dark


async def test_without_colour_the_selection_is_still_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    grid = Grid()
    app = Host(grid)
    async with app.run_test(size=(40, 5)) as pilot:
        grid.set_rows(keys(3), Data().row)
        await pilot.pause()
        assert screen_lines(app)[1].startswith("▌")


async def test_a_list_without_headings() -> None:
    grid = Grid(has_header=False, keeps_cursor=False, empty="No ports are open.")
    app = Host(grid)
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.pause()
        assert screen_lines(app)[0] == "  No ports are open."
        grid.set_rows(keys(5), Data().row)
        await pilot.pause()
        assert screen_lines(app)[0].startswith("▌ ready            k0")
        await pilot.click(grid, offset=(4, 2))
        assert grid.cursor_key == "k2"
        await pilot.press("G")
        await pilot.pause()
        assert grid.visible_keys == ("k2", "k3", "k4")
        assert screen_lines(app)[2].startswith("▌ ready")
        app.screen.set_focus(None)
        await pilot.pause()
        assert screen_lines(app)[2].startswith("  ready")
