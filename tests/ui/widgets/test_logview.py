from __future__ import annotations

import re

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.message import Message

from agentdash.present.cells import Cell, Span, Tone
from agentdash.text.sgr import parse
from agentdash.ui.widgets.glyphs import ASCII
from agentdash.ui.widgets.logrows import coarse
from agentdash.ui.widgets.logview import ListSource, LogLine, LogView
from tests.ui.screen_text import painting, screen_lines, style_at


class Host(App[None]):
    """One log, its messages kept."""

    def __init__(self, view: LogView) -> None:
        super().__init__()
        self.view = view
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_log_view_state_changed(self, message: LogView.StateChanged) -> None:
        self.told.append(message)

    def on_log_view_search_ended(self, message: LogView.SearchEnded) -> None:
        self.told.append(message)

    def on_log_view_lines_copied(self, message: LogView.LinesCopied) -> None:
        self.told.append(message)


def lines(count: int, start: int = 0) -> list[LogLine]:
    return [LogLine(key, f"line {key}") for key in range(start, start + count)]


def texts(view: LogView) -> list[str]:
    return [line.text for line in view.visible_lines]


async def test_it_follows_the_end_until_scrolled_up_and_says_what_arrived() -> None:
    data = lines(100)
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        assert screen_lines(app)[-1].startswith(" line 99")
        data += lines(3, 100)
        view.source_changed()
        await pilot.pause()
        assert screen_lines(app)[-1].startswith(" line 102")
        await pilot.press("up")
        assert texts(view)[-1] == "line 101"
        data += lines(7, 103)
        view.source_changed()
        await pilot.pause()
        assert texts(view)[0] == "line 97"
        assert screen_lines(app)[-1].startswith(" +7 new lines: End follows")
        state = app.told[-1]
        assert isinstance(state, LogView.StateChanged)
        assert (state.is_following, state.new_lines) == (False, 7)
        await pilot.press("G")
        assert view.is_following
        await pilot.pause()
        assert screen_lines(app)[-1].startswith(" line 109")
        state = app.told[-1]
        assert isinstance(state, LogView.StateChanged)
        assert (state.is_following, state.new_lines) == (True, 0)


async def test_scrolling_to_the_end_by_hand_follows_again() -> None:
    view = LogView(ListSource(lines(30)))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        await pilot._post_mouse_events([MouseScrollUp], view, offset=(3, 3))
        assert not view.is_following
        assert texts(view)[0] == "line 22"
        await pilot.press("down", "down", "down")
        assert view.is_following


async def test_keys_move_through_the_log() -> None:
    view = LogView(ListSource(lines(100)))
    app = Host(view)
    async with app.run_test(size=(40, 11)) as pilot:
        await pilot.press("g")
        assert texts(view)[0] == "line 0"
        await pilot.press("pagedown")
        assert texts(view)[0] == "line 10"
        await pilot.press("ctrl+u")
        assert texts(view)[0] == "line 5"
        await pilot.press("up")
        assert texts(view)[0] == "line 4"


async def test_dropping_and_filtering_keep_the_context() -> None:
    data = lines(100)
    source = ListSource(data)
    view = LogView(source)
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        view.show_index(50)
        await pilot.pause()
        first = texts(view)[0]
        source.lines = data[30:]
        view.source_changed()
        assert texts(view)[0] == first
        view.set_source(ListSource([line for line in data if line.key % 2]))
        assert texts(view)[0] == "line 49"
        view.set_source(ListSource([]))
        view.set_source(ListSource(data))
        assert len(texts(view)) == 5


async def test_a_filter_that_leaves_little_fills_the_screen_around_the_place() -> None:
    data = lines(100)
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        view.show_index(70)
        await pilot.pause()
        view.set_source(ListSource([line for line in data if line.key % 10 == 0 and line.key < 80]))
        assert texts(view) == ["line 30", "line 40", "line 50", "line 60", "line 70"]


async def test_filters_one_after_the_other_hide_the_place_and_show_it_again() -> None:
    data = lines(100)
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        await pilot.press("g", "pagedown", "pagedown")
        first = texts(view)
        for every in (3, 7, 50, 1000):
            view.set_source(ListSource([line for line in data if line.key % every == every - 1]))
            await pilot.pause()
        assert texts(view) == []
        view.set_source(ListSource(data))
        assert texts(view) == first
        assert not view.is_following


async def test_following_goes_through_filters() -> None:
    data = lines(100)
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        for every in (3, 50, 1000, 1):
            view.set_source(ListSource([line for line in data if line.key % every == every - 1]))
            await pilot.pause()
        assert view.is_following
        assert texts(view)[-1] == "line 99"


async def test_the_end_of_a_log_that_shrinks_stays_at_the_edge() -> None:
    source = ListSource(lines(100))
    view = LogView(source)
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        source.lines = lines(3)
        view.source_changed()
        await pilot.pause()
        assert [line.strip() for line in screen_lines(app)] == ["line 0", "line 1", "line 2", "", ""]


async def test_prefix_source_gap_and_empty() -> None:
    view = LogView(empty="No output yet: [b]scripts[/b] write here.")
    app = Host(view)
    async with app.run_test(size=(50, 4)) as pilot:
        await pilot.pause()
        assert screen_lines(app)[0] == " No output yet: [b]scripts[/b] write here."
        view.set_source(
            ListSource(
                [
                    LogLine(1, "npm [red]ci[/]", (Cell("09:12:40", Tone.DIM),), Cell("install "), 0),
                    LogLine(2, "connection lost for 38 s", is_gap=True),
                    LogLine(3, "x" * 60, (Cell("09:13:18", Tone.DIM),), Cell("dotfiles"), 1),
                ]
            )
        )
        await pilot.pause()
        assert screen_lines(app)[:3] == [
            " 09:12:40 install   npm [red]ci[/]",
            " ── connection lost for 38 s ───────────────────",
            " 09:13:18 dotfiles  " + "x" * 28 + "…",
        ]
        assert style_at(app, "install").color != style_at(app, "dotfiles").color
        await pilot.press("right")
        await pilot.pause()
        assert screen_lines(app)[0] == " 09:12:40 install"


async def test_wrapping_shows_the_whole_line_and_keeps_the_end() -> None:
    data = [*lines(5), LogLine(9, "word " * 12)]
    view = LogView(ListSource(data), signs=ASCII)
    app = Host(view)
    async with app.run_test(size=(24, 5)) as pilot:
        view.toggle_wrap()
        await pilot.pause()
        rows = [line.rstrip("# ") for line in screen_lines(app)]
        assert rows == [
            " line 3",
            " line 4",
            " word word word word",
            " word word word word",
            " word word word word",
        ]
        await pilot.press("up", "up")
        assert texts(view)[0] == "line 1"
        await pilot.resize_terminal(64, 5)
        await pilot.pause()
        assert texts(view)[0] == "line 1"


async def test_search_highlights_and_goes_from_hit_to_hit_with_context() -> None:
    data = lines(1000)
    data[300] = LogLine(300, "npm: Not found", spans=(Span(0, 3, Tone.WARN),))
    data[700] = LogLine(700, "also not found")
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("g")
        view.search("not found")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert view.cursor_key == 300
        assert texts(view)[3] == "npm: Not found"
        assert style_at(app, "Not found").bgcolor != style_at(app, "npm").bgcolor
        view.find(1)
        await app.workers.wait_for_complete()
        assert view.cursor_key == 700
        view.find(1)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert view.cursor_key == 300
        ended = app.told[-1]
        assert isinstance(ended, LogView.SearchEnded)
        assert (ended.is_found, ended.has_wrapped) == (True, True)
        view.find(-1)
        await app.workers.wait_for_complete()
        assert view.cursor_key == 700
        view.search("Not Found")
        await app.workers.wait_for_complete()
        await pilot.pause()
        ended = [m for m in app.told if isinstance(m, LogView.SearchEnded)][-1]
        assert not ended.is_found
        with pytest.raises(re.error):
            view.search("(", is_regex=True)
        view.search(r"line 4\d\d$", is_regex=True)
        await app.workers.wait_for_complete()
        assert view.cursor_key == 400


async def test_errors_are_found_by_the_owner() -> None:
    view = LogView(
        ListSource(lines(100)), find_error=lambda index, step: index // 10 * 10 + (10 if step > 0 else 0)
    )
    app = Host(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("g")
        view.jump_error(1)
        assert view.cursor_key == 0
        view.jump_error(1)
        assert view.cursor_key == 10
        assert not view.is_following


async def test_lines_are_chosen_and_copied_by_key_and_by_mouse() -> None:
    view = LogView(ListSource(lines(100)))
    app = Host(view)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("shift+up", "shift+up", "shift+up")
        await pilot.pause()
        assert [line[:8] for line in screen_lines(app)[-4:]] == [
            " line 96",
            "▌line 97",
            "▌line 98",
            "▌line 99",
        ]
        view.copy_lines()
        await pilot.pause()
        copied = app.told[-1]
        assert isinstance(copied, LogView.LinesCopied)
        assert (copied.text, copied.lines) == ("line 97\nline 98\nline 99", 3)
        await pilot.mouse_down(view, offset=(3, 1))
        await pilot.hover(view, offset=(3, 2))
        await pilot.mouse_up(view, offset=(3, 2))
        view.copy_lines()
        await pilot.pause()
        copied = app.told[-1]
        assert isinstance(copied, LogView.LinesCopied)
        assert copied.text == "line 91\nline 92"


async def test_choosing_beyond_the_edge_scrolls() -> None:
    view = LogView(ListSource(lines(100)))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        await pilot.press(*["shift+up"] * 11)
        assert view.cursor_key == 89
        assert "line 89" in texts(view)
        await pilot.press(*["shift+down"] * 9)
        assert "line 98" in texts(view)


async def test_colours_of_a_line_stay_legible() -> None:
    parsed = parse("\x1b[30mblack\x1b[0m \x1b[38;2;20;20;60mnight\x1b[0m \x1b[41mon red\x1b[0m")
    view = LogView(ListSource([LogLine(1, parsed.text, spans=parsed.spans)]))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        from textual.color import Color

        from agentdash.ui.widgets.colours import contrast

        for word in ("black", "night", "on red"):
            style = style_at(app, word)
            assert style.color is not None
            assert style.bgcolor is not None
            assert contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)) >= 4.5


async def test_what_arrives_out_of_sight_paints_no_line_and_no_change_nothing() -> None:
    data = lines(1000)
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.press("g")
        data += lines(1, 1000)
        view.source_changed()
        await pilot.pause()
        with painting(app, view) as paint:
            view.source_changed()
            await pilot.pause()
        assert (paint.lines, paint.size) == ([], 0)
        with painting(app, view) as paint:
            data += lines(1, 1001)
            view.source_changed()
            await pilot.pause()
        assert paint.lines == [19], "only the notice counts on"


async def test_a_line_that_arrives_below_the_others_paints_itself_only() -> None:
    data = lines(3)
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        with painting(app, view) as paint:
            data += lines(2, 3)
            view.source_changed()
            await pilot.pause()
        assert paint.lines == [3, 4]


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (10, 1)])
async def test_absurd_sizes_do_not_break_it(size: tuple[int, int]) -> None:
    data = [LogLine(k, "漢字 text " * 5, (Cell("09:12"),), Cell("source")) for k in range(30)]
    view = LogView(ListSource(data))
    app = Host(view)
    async with app.run_test(size=size) as pilot:
        await pilot.press("up", "up", "g", "shift+down", "shift+down", "G", "right")
        await pilot.resize_terminal(50, 6)
        await pilot.pause()
        assert len(texts(view)) > 0


async def test_without_colour_a_hit_is_still_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    view = LogView(ListSource([LogLine(1, "npm: not found")]))
    app = Host(view)
    async with app.run_test(size=(40, 5)) as pilot:
        view.search("not")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert style_at(app, "not").reverse
        assert not style_at(app, "npm").reverse


def test_new_lines_are_counted_in_steps_worth_a_repaint() -> None:
    assert [coarse(n) for n in (0, 7, 99, 100, 129, 999, 1234, 98765)] == [
        0,
        7,
        99,
        100,
        120,
        990,
        1200,
        98000,
    ]
