from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.glyphs import ASCII
from agentdash.ui.widgets.grid import Grid
from tests.ui.screen_text import painting, screen_lines, style_at


class Host(App[None]):
    """Two panes side by side."""

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Pane("Health", "1", id="health"):
                yield Grid(empty="Nothing to say.", id="grid")
            with Pane("Ports", "3", id="ports", signs=ASCII):
                yield Grid(empty="No ports.", id="other")


async def test_the_frame_says_name_state_and_freshness() -> None:
    app = Host()
    async with app.run_test(size=(80, 4)) as pilot:
        pane = app.query_one("#health", Pane)
        pane.set_title_state(Cell("✗ [red]failed[/]", Tone.BROKEN))
        pane.set_freshness("live")
        await pilot.pause()
        rows = screen_lines(app)
        assert rows[0].startswith("╭─ 1 Health · ✗ [red]failed[/] ─")
        assert rows[0].endswith(
            "+- 3 Ports --------------------+".replace("--------------------+", "-" * 28 + "+")
        )
        assert rows[3][:40].endswith(" live ─╯")
        assert pane.title_text == "1 Health · ✗ [red]failed[/]"
        assert pane.freshness_text == "live"
        assert style_at(app, "✗ [").color != style_at(app, "Health").color
        pane.set_title_state()
        pane.set_freshness("")
        await pilot.pause()
        assert screen_lines(app)[0].startswith("╭─ 1 Health ───")
        assert "live" not in screen_lines(app)[3]


async def test_a_new_text_repaints_one_edge_and_the_same_text_nothing() -> None:
    app = Host()
    async with app.run_test(size=(80, 30)) as pilot:
        pane = app.query_one("#health", Pane)
        grid = app.query_one("#grid", Grid)
        pane.set_freshness("live")
        await pilot.pause()
        with painting(app, grid) as paint:
            pane.set_freshness("live")
            pane.set_title_state()
            await pilot.pause()
        assert (paint.updates, paint.size) == (0, 0)
        with painting(app, grid) as paint:
            pane.set_freshness("5 s ago", Tone.WARN)
            await pilot.pause()
        assert paint.lines == []
        assert 0 < paint.size < 400
        assert "5 s ago" in screen_lines(app)[-1]


async def test_the_focus_repaints_frames_not_contents() -> None:
    app = Host()
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.pause()
        frame = style_at(app, "╭").color
        with painting(app, app.query_one("#grid")) as paint:
            app.query_one("#other").focus()
            await pilot.pause()
        assert style_at(app, "╭").color != frame
        assert style_at(app, "+-").color == frame
        assert paint.lines == []
        app.theme = "textual-light"
        await pilot.pause()
        assert style_at(app, "+-").color != frame


async def test_without_colour_the_focused_frame_differs_by_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host()
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert screen_lines(app)[0].startswith("┏━ 1 Health ")
        app.query_one("#other").focus()
        await pilot.pause()
        await pilot.pause()
        assert screen_lines(app)[0].startswith("╭─ 1 Health ")
        assert style_at(app, "3 Ports").bold
        assert not style_at(app, "1 Health").bold
