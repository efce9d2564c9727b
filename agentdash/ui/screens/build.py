"""The log of a workspace's latest build."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.screen import ModalScreen
from textual.widget import Widget

from agentdash.present.builds import build_words
from agentdash.present.cells import Cell, Tone
from agentdash.present.describe import empty_place
from agentdash.present.logline import LEVELS, Sources
from agentdash.present.times import stream_words
from agentdash.state.logs import LogBook
from agentdash.state.state import Changes
from agentdash.ui.book import BookSource
from agentdash.ui.context import Context
from agentdash.ui.logkeys import LogKeys
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.logview import LogView

STAGE_WIDTH = 24
"""Stages of a build have longer names than scripts."""


class BuildScreen(BaseScreen, LogKeys):
    """One build's log, followed while it runs.

    Args:
        context: What all screens share.
        key: A row of the workspace.
    """

    SCOPE: ClassVar[str] = "build"
    VIEW: ClassVar[str] = "fleet"
    AUTO_FOCUS = "LogView"

    def __init__(self, context: Context, key: str) -> None:
        super().__init__(context)
        self.key = key
        self._build_id = ""
        self._book: LogBook | None = None
        self._source = BookSource(LogBook(), Sources(), context.now, STAGE_WIDTH)

    def compose_content(self) -> Iterable[Widget]:
        """The log in a frame, the search line below."""
        signs = self.context.signs
        with Pane("Build log", signs=signs, id="build-pane"):
            yield LogView(self._source, signs=signs, find_error=self.find_error)
        yield FilterBar("/", id="find", signs=signs)

    def on_mount(self) -> None:
        """The search line shows only while it is used."""
        self.query_one("#find").display = False
        super().on_mount()
        self._open_feed()

    def session_opened(self) -> None:
        """Ask for the log."""
        self._open_feed()

    def on_screen_resume(self) -> None:
        """The log is on screen again."""
        super().on_screen_resume()
        self._open_feed()

    def on_screen_suspend(self) -> None:
        """Nobody reads it any more, unless through a dialog; another build's log has said what it wants."""
        if self.context.feed is not None and not isinstance(self.app.screen, (ModalScreen, BuildScreen)):
            self.context.feed.open_build_log(None)

    def _open_feed(self) -> None:
        found = self.context.state.row(self.key) or self.context.state.row(self.key.partition("/")[0])
        if found is not None and self.context.feed is not None:
            self._build_id = found[0].build.id
            self.context.feed.open_build_log(self._build_id)

    @property
    def log_view(self) -> LogView:
        """The lines."""
        return self.query_one(LogView)

    def refresh_content(self, changes: Changes, touched: set[str]) -> None:
        """Show lines that have come; another build begins a new log."""
        del touched
        state = self.context.state
        workspace = state.workspaces.get(self.key.partition("/")[0])
        if workspace is None:
            return
        if workspace.build.id != self._build_id or not changes:
            self._open_feed()
        book = state.build_logs.get(self._build_id)
        if book is not None and book is not self._book:
            self._book = book
            self._source = BookSource(book, Sources(), self.context.now, STAGE_WIDTH)
            self.apply_filter()
            self.log_view.set_source(self._source)
        elif self._source.update():
            self.log_view.source_changed()
        self.log_view.set_empty(empty_place("build", None))
        pane = self.query_one("#build-pane", Pane)
        pane.set_title_state(Cell(f"{workspace.full_name} {build_words(workspace.build)}"))
        words = stream_words(state.streams.get(f"buildlog:{self._build_id}"), self.context.now())
        pane.set_freshness(words.text, words.tone)

    def title_cells(self) -> tuple[Sequence[Cell], Sequence[Cell]]:
        """Where one is."""
        left, right = super().title_cells()
        return [Cell("Fleet", Tone.DIM), Cell("› build log", Tone.BRIGHT), *left[1:]], right

    @property
    def place_key(self) -> str:
        """Its row."""
        return self.key

    def target_keys(self) -> list[str]:
        """The workspace of the build."""
        return [self.key]

    # The log

    @property
    def speaker(self) -> BaseScreen:
        """This screen."""
        return self

    @property
    def lines(self) -> LogView:
        """The lines."""
        return self.log_view

    @property
    def search_line(self) -> FilterBar:
        """Below the lines."""
        return self.query_one("#find", FilterBar)

    @property
    def shown_book(self) -> BookSource | None:
        """The build's log."""
        return self._source

    @property
    def file_name(self) -> str:
        """The build."""
        return f"build-{self._build_id[:8]}.log"

    # Actions

    def do_back(self) -> None:
        """esc"""
        if not self.log_view.end_choice():
            self.dash.close_top()

    def do_build_open(self) -> None:
        """enter"""
        self.dash.close_top()
        self.dash.open_row(self.key)

    def restore_focus(self) -> None:
        """To the lines."""
        self.log_view.focus()

    def do_log_level(self) -> None:
        """v: nothing else here says which lines are shown."""
        super().do_log_level()
        self.say(f"lines of level {LEVELS[self.level_at]} and up")
