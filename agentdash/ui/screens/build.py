"""The log of a workspace's latest build."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.screen import ModalScreen
from textual.widget import Widget

from agentdash.present.cells import Cell, Tone
from agentdash.present.describe import empty_place
from agentdash.present.logline import LEVELS, Sources
from agentdash.present.times import LogTime, stream_words
from agentdash.state.logs import LogBook
from agentdash.state.store import Changes
from agentdash.ui.book import BookSource
from agentdash.ui.context import Context
from agentdash.ui.files import save_text
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.logview import LogView

TIMES: tuple[LogTime, ...] = ("short", "relative", "full", "none")
STAGE_WIDTH = 24
"""Stages of a build have longer names than scripts."""


class BuildScreen(BaseScreen):
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
        self._level = 0
        self._times = 0

    def compose_content(self) -> Iterable[Widget]:
        """The log in a frame, the search line below."""
        signs = self.context.signs
        with Pane("Build log", signs=signs, id="build-pane"):
            yield LogView(self._source, signs=signs, find_error=self._find_error)
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
            self._set_filter()
            self.log_view.set_source(self._source)
        elif self._source.update():
            self.log_view.source_changed()
        self.log_view.set_empty(empty_place("build", None))
        build = workspace.build
        pane = self.query_one("#build-pane", Pane)
        pane.set_title_state(Cell(f"{workspace.full_name} #{build.number} {build.transition} {build.status}"))
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

    def _find_error(self, start: int, direction: int) -> int | None:
        return self._source.find_level("error", start, direction)

    def _set_filter(self) -> None:
        self._source.set_filter(None, LEVELS[self._level], TIMES[self._times])
        self.log_view.source_changed()

    # Actions

    def do_back(self) -> None:
        """esc"""
        if not self.log_view.end_choice():
            self.dash.close_top()

    def do_build_open(self) -> None:
        """enter"""
        self.dash.close_top()
        self.dash.open_row(self.key)

    def do_log_follow(self) -> None:
        """f"""
        self.log_view.follow()

    def do_log_find(self) -> None:
        """/"""
        self.query_one("#find", FilterBar).open("")

    def restore_focus(self) -> None:
        """To the lines."""
        self.log_view.focus()

    @on(FilterBar.Closed, "#find")
    def find(self, message: FilterBar.Closed) -> None:
        """Search what was entered; esc ends the search."""
        self.query_one("#find").display = False
        self.log_view.focus()
        self.log_view.search(message.text if message.is_kept else "")

    @on(LogView.SearchEnded)
    def say_search(self, message: LogView.SearchEnded) -> None:
        """Say when nothing was found, or the search began anew."""
        if not message.is_found:
            self.say(f"“{message.text}” is not in these lines", Tone.WARN)
        elif message.has_wrapped:
            self.say("search went past the end")

    def do_log_find_next(self) -> None:
        """n"""
        self.log_view.find(1)

    def do_log_find_previous(self) -> None:
        """N"""
        self.log_view.find(-1)

    def do_log_level(self) -> None:
        """v"""
        self._level = (self._level + 1) % len(LEVELS)
        self._set_filter()
        self.say(f"lines of level {LEVELS[self._level]} and up")

    def do_log_next_error(self) -> None:
        """e"""
        self.log_view.jump_error(1)

    def do_log_previous_error(self) -> None:
        """E"""
        self.log_view.jump_error(-1)

    def do_log_wrap(self) -> None:
        """w"""
        self.log_view.toggle_wrap()

    def do_log_times(self) -> None:
        """t"""
        self._times = (self._times + 1) % len(TIMES)
        self._set_filter()

    def do_log_copy(self) -> None:
        """y"""
        self.log_view.copy_lines()

    @on(LogView.LinesCopied)
    def copy_lines(self, message: LogView.LinesCopied) -> None:
        """Bring chosen lines to the clipboard."""
        self.copy_text(message.text, f"{message.lines} line{'s' * (message.lines != 1)}")

    def do_log_save(self) -> None:
        """ctrl+s"""
        self.say(save_text(f"build-{self._build_id[:8]}.log", self._source.as_text()))
