"""The terminal widget: what is painted, searched, chosen and sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual import events, on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from agentdash.term.emulator import Emulator
from agentdash.term.style import PLAIN, Style
from agentdash.ui.widgets import termview
from agentdash.ui.widgets.termlines import TermLines, cells_between
from agentdash.ui.widgets.termpaint import Look, Mark, changed_cells
from agentdash.ui.widgets.termsearch import TermSearch
from agentdash.ui.widgets.termselect import TermSelection
from agentdash.ui.widgets.termview import TermView
from tests.ui.screen_text import painting, screen_lines

RED = Style(fg=1)


class Lone(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.typed: list[str] = []
        self.view = TermView(self.typed.append)
        self.emulator = Emulator(40, 10, 100)
        self.chosen: list[str] = []
        self.sizes: list[tuple[int, int]] = []

    def compose(self) -> ComposeResult:
        yield self.view

    @on(TermView.Chosen)
    def take_chosen(self, message: TermView.Chosen) -> None:
        self.chosen.append(message.text)

    @on(TermView.Resized)
    def take_size(self, message: TermView.Resized) -> None:
        self.sizes.append((message.rows, message.columns))
        self.emulator.resize(message.rows, message.columns)

    async def feed(self, pilot: Pilot[None], data: bytes) -> None:
        self.emulator.feed(data)
        self.view.update()
        await drawn(pilot, self)


async def drawn(pilot: Pilot[None], app: Lone) -> None:
    """All that was planned is on screen."""
    while app.view._planned:
        await pilot.pause(0.001)
    await pilot.pause()


@asynccontextmanager
async def lone(typing: bool = True) -> AsyncIterator[tuple[Lone, Pilot[None]]]:
    app = Lone()
    async with app.run_test(size=(40, 10)) as pilot:
        app.view.show(app.emulator)
        app.view.focus()
        app.view.set_typing(typing)
        await drawn(pilot, app)
        yield app, pilot


# Cells that changed


def look(*runs: tuple[str, Style], marks: tuple[tuple[int, int, Mark], ...] = ()) -> Look:
    return Look(runs, marks)


def test_only_cells_that_differ_are_painted() -> None:
    assert changed_cells(look(("abc", PLAIN)), look(("abc", PLAIN)), 80) == (0, 0)
    assert changed_cells(look(("abc", PLAIN)), look(("abcd", PLAIN)), 80) == (3, 4)
    assert changed_cells(look(), look(("abc", PLAIN)), 80) == (0, 3)
    assert changed_cells(look(("one two", PLAIN)), look(("one", PLAIN), (" two", RED)), 80) == (3, 7)
    bar = look(("[###   ] 50%", PLAIN)), look(("[####  ] 66%", PLAIN))
    assert changed_cells(*bar, 80) == (4, 11)
    cursor = (
        look(("ab", PLAIN), marks=((2, 3, Mark.CURSOR),)),
        look(("abc", PLAIN), marks=((3, 4, Mark.CURSOR),)),
    )
    assert changed_cells(*cursor, 80) == (2, 4)


def test_half_a_wide_character_is_never_painted() -> None:
    old = look(("日本", PLAIN), marks=((2, 3, Mark.CURSOR),))
    assert changed_cells(old, look(("日本", PLAIN)), 80) == (2, 4)
    assert changed_cells(look(("日本", PLAIN)), look(("ab本", PLAIN)), 80)[0] == 0


async def test_a_key_that_echoes_costs_a_few_bytes_and_an_equal_row_none() -> None:
    async with lone() as (app, pilot):
        await app.feed(pilot, b"\x1b[2J\x1b[H$ ls -la " + b"x" * 20)
        with painting(app) as paint:
            await app.feed(pilot, b"q")
        assert 0 < paint.size < 200
        with painting(app, app.view) as paint:
            await app.feed(pilot, b"\x1b7\x1b[1;1H$ ls\x1b8")
        assert paint.size == 0
        assert screen_lines(app)[0] == "$ ls -la xxxxxxxxxxxxxxxxxxxxq"


async def test_what_scrolls_is_drawn_where_it_is_now() -> None:
    async with lone() as (app, pilot):
        for n in range(30):
            await app.feed(pilot, f"line {n}\r\n".encode())
        assert screen_lines(app)[:9] == [f"line {n}" for n in range(21, 30)]


async def test_out_of_sight_nothing_is_painted_and_all_is_there_after() -> None:
    async with lone() as (app, pilot):
        app.view.display = False
        await pilot.pause()
        with painting(app, app.view) as paint:
            await app.feed(pilot, b"meanwhile")
        assert paint.lines == []
        app.view.display = True
        await pilot.pause()
        assert screen_lines(app)[0] == "meanwhile"


async def test_a_picture_that_is_never_declared_whole_is_shown_after_a_moment() -> None:
    async with lone() as (app, pilot):
        app.emulator.feed(b"\x1b[?2026hhalf")
        app.view.update()
        await drawn(pilot, app)
        assert screen_lines(app)[0] == "half"


async def test_the_cursor_is_whole_over_a_wide_character() -> None:
    async with lone() as (app, pilot):
        await app.feed(pilot, "日本\x1b[1;1H".encode())
        assert screen_lines(app)[0] == "日本"


# Scrollback and search


async def test_a_view_of_the_past_stays_while_more_comes() -> None:
    async with lone(typing=False) as (app, pilot):
        await app.feed(pilot, b"".join(b"line %d\r\n" % n for n in range(50)))
        app.view.scroll_back_to(20)
        await drawn(pilot, app)
        before = screen_lines(app)
        await app.feed(pilot, b"".join(b"more %d\r\n" % n for n in range(15)))
        assert screen_lines(app) == before
        assert app.view.back == 35


def emulated(text: str, columns: int = 40, lines: int = 10) -> TermLines:
    emulator = Emulator(columns, lines, 100)
    emulator.feed(text.encode())
    return TermLines(emulator)


def test_a_search_goes_up_from_the_newest_and_around() -> None:
    lines = emulated("".join(f"Error {n}\r\nfine\r\n" for n in range(10)))
    search = TermSearch("error")
    search.look(lines)
    assert search.count == 10
    assert [lines.text(search.step(-1, lines.end)[0][0]) for _ in range(3)] == [
        "Error 9",
        "Error 8",
        "Error 7",
    ]
    assert search.place == "3 of 10"
    assert lines.text(search.step(1, lines.end)[0][0]) == "Error 8"
    for _ in range(2):
        search.step(1, lines.end)
    assert search.place == "10 of 10"
    exact = TermSearch("error 1X".replace("X", ""))
    exact.look(lines)
    assert exact.count == 1
    capital = TermSearch("ERROR")
    capital.look(lines)
    assert capital.count == 0


def test_a_match_across_a_wrapped_line_is_one() -> None:
    lines = emulated("x" * 38 + "needle", columns=40)
    search = TermSearch("needle")
    search.look(lines)
    assert search.step(-1, lines.end) == ((0, 38, 40), (1, 0, 4))
    assert search.in_line(1) == [(0, 4)]


def test_a_match_after_wide_characters_stands_where_it_is_drawn() -> None:
    lines = emulated("日本 needle")
    search = TermSearch("needle")
    search.look(lines)
    assert search.step(-1, lines.end) == ((0, 5, 11),)


async def test_hits_are_marked_and_found_lines_come_into_sight() -> None:
    async with lone(typing=False) as (app, pilot):
        await app.feed(pilot, b"needle\r\n" + b"".join(b"line %d\r\n" % n for n in range(50)))
        assert app.view.find("needle", begin=True)
        await drawn(pilot, app)
        assert "needle" in "\n".join(screen_lines(app))
        assert app.view.search.place == "1 of 1"
        assert not app.view.find("nowhere", begin=True)
        assert not app.view.find("")


# Choosing


def test_chosen_text_joins_wrapped_lines_and_drops_blanks_at_ends() -> None:
    lines = emulated("a" * 45 + "\r\nsecond   \r\n日本語", columns=40)
    selection = TermSelection(lines, (0, 38))
    selection.cursor = (3, 1)
    assert selection.text() == "a" * 7 + "\nsecond\n日"
    selection.is_lines = True
    assert selection.text() == "a" * 45 + "\nsecond\n日本語\n"
    assert selection.cells(1) == (0, 40)


def test_cells_between_takes_wide_characters_where_they_begin() -> None:
    assert cells_between("a日b", 0, 2) == "a日"
    assert cells_between("a日b", 2, 4) == "b"


def test_a_word_is_a_path_too() -> None:
    lines = emulated("see /etc/hosts: now")
    selection = TermSelection(lines, (0, 7))
    selection.choose_word()
    assert selection.text() == "/etc/hosts:"


async def test_the_mouse_chooses_and_says_what() -> None:
    async with lone() as (app, pilot):
        await app.feed(pilot, b"one two three")
        await pilot.mouse_down(app.view, offset=(4, 0))
        await pilot.hover(app.view, offset=(6, 0))
        await pilot.mouse_up(app.view, offset=(6, 0))
        await pilot.pause()
        assert app.chosen == ["two"]
        await pilot.press("x")
        assert app.view.selection is None
        await pilot.click(app.view, offset=(9, 0), times=2)
        await pilot.pause()
        assert app.chosen[-1] == "three"
        assert app.typed == ["x"]


async def test_a_key_is_taken_at_once_unless_something_waits_before_it() -> None:
    async with lone() as (app, pilot):
        assert app.view.take_key(events.Key("a", "a"))
        assert app.typed == ["a"]
        app.view.post_message(events.Key("b", "b"))
        assert not app.view.take_key(events.Key("c", "c"))
        await pilot.pause()
        assert app.typed == ["a", "b"]
        app.view.set_typing(False)
        assert not app.view.take_key(events.Key("d", "d"))


async def test_a_mere_click_chooses_nothing() -> None:
    async with lone() as (app, pilot):
        await app.feed(pilot, b"one two three")
        await pilot.click(app.view, offset=(4, 0))
        await pilot.pause()
        assert app.chosen == []
        assert app.view.selection is None


async def test_a_program_that_asks_for_the_mouse_has_it() -> None:
    async with lone() as (app, pilot):
        await app.feed(pilot, b"\x1b[?1000h\x1b[?1006h one")
        await pilot.click(app.view, offset=(4, 0))
        await pilot.pause()
        assert app.typed == ["\x1b[<0;5;1M", "\x1b[<0;5;1m"]


async def test_choosing_begins_where_a_search_ended_or_in_sight() -> None:
    async with lone(typing=False) as (app, pilot):
        await app.feed(pilot, b"\r\n".join(b"line %d" % number for number in range(60)))
        assert app.view.find("line 17")
        app.view.choose()
        app.view.begin_choice(is_lines=False)
        await pilot.press("j", "$")
        assert app.view.chosen_text() == "line 17\nline 18"
        app.view.end_choice()
        app.view.find("")
        app.view.scroll_back_to(30)
        first = app.view.visible_text()[0]
        app.view.choose()
        app.view.begin_choice(is_lines=False)
        await pilot.press("$")
        assert app.view.chosen_text() == first


async def test_keys_choose_with_a_cursor_of_their_own() -> None:
    async with lone(typing=False) as (app, pilot):
        await app.feed(pilot, b"one two\r\nthree four\r\n")
        app.view.choose()
        await pilot.press("k", "0")
        app.view.begin_choice(is_lines=False)
        await pilot.press("w", "h", "h")
        assert app.view.chosen_text() == "thre"
        app.view.choose()
        assert app.view.selection is None
        app.view.choose()
        await pilot.press("k", "k")
        app.view.begin_choice(is_lines=True)
        await pilot.press("j")
        assert app.view.chosen_text() == "one two\nthree four\n"
        app.view.let_go()
        assert app.view.is_choosing
        assert app.view.chosen_text() == ""
        app.view.let_go()
        assert app.view.selection is None
        assert app.typed == []


# Sizes and focus


async def test_a_size_is_told_once_it_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termview, "SETTLE_S", 3600.0)
    async with lone() as (app, pilot):
        await pilot.pause()
        told = [(10, 40)] * len(app.sizes)
        for width in range(41, 46):
            await pilot.resize_terminal(width, 12)
        assert app.sizes == told
        monkeypatch.setattr(termview, "SETTLE_S", 0.001)
        await pilot.resize_terminal(60, 12)
        async with asyncio.timeout(10):
            while app.sizes == told:
                await pilot.pause(0.005)
        assert app.sizes == [*told, (12, 60)]


async def test_focus_is_told_to_a_program_that_wants_to_know() -> None:
    async with lone() as (app, pilot):
        await app.feed(pilot, b"\x1b[?1004h")
        app.screen.set_focus(None)
        await pilot.pause()
        app.view.focus()
        await pilot.pause()
        assert app.typed == ["\x1b[O", "\x1b[I"]
