"""The programs that benches run inside a terminal: `python -m tests.bench.inside NAME …`."""

from __future__ import annotations

import sys
from collections.abc import Callable


def bare() -> None:
    """The smallest useful Textual app: one text that fills the screen."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Bare(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def compose(self) -> ComposeResult:
            yield Static("\n".join(f"agent {number:03} running  " * 3 for number in range(36)))

    Bare().run()


def widgets() -> None:
    """An app without state or network that shows a screenful in our own table."""
    from textual.app import App, ComposeResult

    from agentdash.present.cells import Cell
    from agentdash.ui import themes
    from agentdash.ui.widgets.grid import Column, Grid, GridRow
    from agentdash.ui.widgets.statusbar import StatusLine

    class Widgets(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def on_mount(self) -> None:
            themes.use(self, themes.DARK)
            self.query_one(StatusLine).show([Cell("agentdash")])
            grid = self.query_one(Grid)
            grid.set_columns([Column("agent", "AGENT", width=20), Column("words", "WORDS", flex=1)])
            grid.set_rows(
                [f"agent {number:03}" for number in range(36)],
                lambda key: GridRow(key, (Cell(key), Cell("running  " * 3))),
            )

        def compose(self) -> ComposeResult:
            yield StatusLine()
            yield Grid()

    Widgets().run()


def busy(count: str, rate: str) -> None:
    """The dashboard over `count` agents that were put into its state, `rate` of which change each second."""
    from tests.bench.busy_fleet import run

    run(int(count), int(rate))


def watched(report_fd: str, *arguments: str) -> None:
    """The dashboard as it is, which tells on a descriptor when a row's verdict changes and what each request cost."""
    from tests.bench.watched_dash import run

    run(int(report_fd), arguments)


def terminal(script: str) -> None:
    """Our terminal widget alone, its program run here instead of behind a server."""
    from tests.bench.lone_terminal import run

    run(script)


PROGRAMS: dict[str, Callable[..., None]] = {
    "bare": bare,
    "widgets": widgets,
    "busy": busy,
    "watched": watched,
    "terminal": terminal,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
