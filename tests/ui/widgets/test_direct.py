"""Painting past the compositor: what the terminal shows in the end is what a repaint of everything would show."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from agentdash.term.emulator import Emulator
from agentdash.ui.widgets.direct import move_of, moved
from agentdash.ui.widgets.logview import ListSource, LogLine, LogView
from agentdash.ui.widgets.termview import TermView

COLUMNS, LINES = 50, 16


class Over(ModalScreen[None]):
    DEFAULT_CSS = "Over { align: center middle; } Over > Static { width: 20; height: 6; border: round red; }"

    def compose(self) -> ComposeResult:
        yield Static("over")


class Framed(App[None]):
    """A widget in a frame between a line above and one below, perhaps with another beside it."""

    CSS = "#frame { border: round green; } Static { height: 1; } #beside { width: 12; height: 100%; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, widget: Widget, *, beside: bool = False) -> None:
        super().__init__()
        self.widget = widget
        self.beside = beside

    def compose(self) -> ComposeResult:
        yield Static("above", id="above")
        with Horizontal():
            with Vertical(id="frame"):
                yield self.widget
            if self.beside:
                yield Static("beside", id="beside")
        yield Static("below")


class Outer:
    """The terminal around the program: it gets all that is written."""

    def __init__(self) -> None:
        self.emulator = Emulator(COLUMNS, LINES, 0)
        self.written: list[str] = []

    def write(self, data: str) -> None:
        self.written.append(data)
        self.emulator.feed(data.encode())

    def rows(self) -> list[object]:
        return [self.emulator.row(y) for y in range(self.emulator.lines)]

    def text(self) -> str:
        return "".join(self.written)


def whole(app: App[Any]) -> list[object]:
    """The picture that a repaint of everything makes."""
    screen = app.screen
    fresh = Emulator(app.size.width, app.size.height, 0)
    update: Any = screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    fresh.feed(update.render_segments(app.console).encode())
    return [fresh.row(y) for y in range(fresh.lines)]


@asynccontextmanager
async def shown(
    app: Framed, monkeypatch: pytest.MonkeyPatch, *, syncs: bool = True
) -> AsyncIterator[tuple[Pilot[None], Outer]]:
    outer = Outer()
    monkeypatch.setattr(HeadlessDriver, "is_headless", property(lambda driver: False))
    monkeypatch.setattr(HeadlessDriver, "write", lambda driver, data: outer.write(data))
    async with app.run_test(size=(COLUMNS, LINES)) as pilot:
        app._sync_available = syncs
        await pilot.pause()
        outer.written.clear()
        yield pilot, outer


async def calm(pilot: Pilot[Any], view: TermView) -> None:
    while view._planned:
        await pilot.pause(0.001)
    await pilot.pause()


def terminal(app: Framed) -> tuple[TermView, Emulator]:
    view = app.widget
    assert isinstance(view, TermView)
    emulator = Emulator(view.size.width, view.size.height, 100)
    view.show(emulator)
    return view, emulator


async def test_an_echoed_key_sends_its_cell_and_the_cursors(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Framed(TermView())
    async with shown(app, monkeypatch) as (pilot, outer):
        view, emulator = terminal(app)
        view.focus()
        view.set_typing(True)
        emulator.feed(b"$ a long line before it")
        view.update()
        await calm(pilot, view)
        outer.written.clear()
        emulator.feed(b"x")
        view.update()
        await calm(pilot, view)
        assert "before" not in outer.text()
        assert outer.rows() == whole(app)


@pytest.mark.parametrize("beside", [False, True])
async def test_a_line_more_moves_the_others_where_nothing_stands_beside(
    monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    app = Framed(TermView(), beside=beside)
    async with shown(app, monkeypatch) as (pilot, outer):
        view, emulator = terminal(app)
        emulator.feed(b"\r\n".join(b"line %d" % number for number in range(40)))
        view.update()
        await calm(pilot, view)
        outer.written.clear()
        emulator.feed(b"\r\nnew")
        view.update()
        await calm(pilot, view)
        assert outer.rows() == whole(app)
        assert ("\x1b[1S" in outer.text()) is not beside
        assert "line 38" not in outer.text()


async def test_a_terminal_that_takes_no_whole_updates_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Framed(TermView())
    async with shown(app, monkeypatch, syncs=False) as (pilot, outer):
        view, emulator = terminal(app)
        emulator.feed(b"\r\n".join(b"line %d" % number for number in range(40)) + b"\r\nnew")
        view.update()
        await calm(pilot, view)
        emulator.feed(b"\r\nnewer")
        view.update()
        await calm(pilot, view)
        assert "S" not in "".join(part[-1:] for part in outer.text().split("\x1b["))
        assert outer.rows() == whole(app)


async def test_a_followed_log_sends_the_new_line_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [LogLine(key, f"line {key}") for key in range(1000)]
    view = LogView(ListSource(lines))
    app = Framed(view)
    async with shown(app, monkeypatch) as (pilot, outer):
        view.source_changed()
        await pilot.pause()
        outer.written.clear()
        for key in range(1000, 1005):
            lines.append(LogLine(key, f"line {key}"))
            view.source_changed()
            await pilot.pause()
            assert outer.rows() == whole(app)
        assert "line 1004" in outer.text()
        assert "line 998" not in outer.text()
        assert len(outer.text()) < 5 * 500
        await pilot.press("up", "up", "pageup", "down", "g", "down")
        await pilot.pause()
        assert outer.rows() == whole(app)


OUTPUTS: Sequence[bytes] = (
    b"\r\nplain line",
    b"\r\n\x1b[31mred\x1b[0m and \x1b[44mblue\x1b[0m",
    b"\r\n\xe5\xa5\xbd wide",
    b"\x1b[H\x1b[L inserted",
    b"\x1b[3;6r\x1b[6;1H\r\nscrolled\x1b[r",
    b"\x1bM",
    b"\x1b[2;3Hthere",
    b"\x1b[5S",
    b"\x1b[2T",
    b"\x1b[44m\r\n\r\n\x1b[0m",
    b"\x1b[2J",
    b"\r\n".join(b"many %d" % number for number in range(9)),
)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_the_picture_is_that_of_a_repaint(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    app = Framed(TermView())
    async with shown(app, monkeypatch) as (pilot, outer):
        view, emulator = terminal(app)
        view.focus()
        has_over = False
        for _ in range(40):
            kind = rng.random()
            if kind < 0.04:
                app.notify("a notice")
            elif kind < 0.08:
                app.clear_notifications()
            elif kind < 0.12:
                has_over = not has_over
                if has_over:
                    await app.push_screen(Over())
                else:
                    app.pop_screen()
            elif kind < 0.16:
                columns, lines = rng.choice((50, 40, 30)), rng.choice((16, 12, 9))
                outer.emulator.resize(lines, columns)
                await pilot.resize_terminal(columns, lines)
                emulator.resize(view.size.height, view.size.width)
            elif kind < 0.2:
                app.query_one("#above", Static).update(rng.choice(("above", "another")))
            elif kind < 0.24:
                view.set_typing(not view.is_typing)
            elif kind < 0.32:
                view.scroll_back_to(rng.randint(0, 12))
            else:
                emulator.feed(rng.choice(OUTPUTS))
                view.update()
            if rng.random() < 0.6:
                await calm(pilot, view)
        await calm(pilot, view)
        await pilot.pause()
        assert outer.rows() == whole(app), outer.text()[-2000:]


async def test_what_waits_for_its_turn_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that was asked for and not yet painted is still the old one on the terminal."""
    lines = [LogLine(key, f"line {key}") for key in range(100)]
    view = LogView(ListSource(lines))
    app = Framed(view)
    async with shown(app, monkeypatch) as (pilot, outer):
        view.source_changed()
        await pilot.pause()
        view.search("line 95")
        for key in range(100, 104):
            lines.append(LogLine(key, f"line {key}"))
            view.source_changed()
        await pilot.pause()
        await pilot.pause()
        assert outer.rows() == whole(app)


def test_where_lines_went() -> None:
    before = [f"line {number}" for number in range(10)]
    assert move_of(before, [*before[1:], "new"]) == 1
    assert move_of(before, ["new", "newer", *before[:-2]]) == -2
    assert move_of(before, before) == 0
    assert move_of(before, ["other"] * 10) == 0
    assert move_of(["same"] * 10, [*["same"] * 9, "new"]) == 0
    assert move_of(before, [*before[8:], *["new"] * 8]) == 0  # saves less than it costs
    assert moved([1, 2, 3], 1, 0) == [2, 3, 0]
    assert moved([1, 2, 3], -2, 0) == [0, 0, 1]


def test_a_line_at_the_edge_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program's own status line does not hide that the rest has moved."""
    del monkeypatch
    before = [*(f"line {number}" for number in range(10)), "status"]
    assert move_of(before, [*before[2:10], "new", "newer", "status"]) == 2
