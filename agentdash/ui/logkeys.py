"""The keys of a log, in whatever place it stands: search, levels, errors, times, copies, files."""

from __future__ import annotations

from textual import on
from textual.widget import Widget

from agentdash.present.cells import Tone
from agentdash.present.logline import LEVELS
from agentdash.present.times import LogTime
from agentdash.ui.book import BookSource
from agentdash.ui.files import save_text
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.logview import LogView

TIMES: tuple[LogTime, ...] = ("short", "relative", "full", "none")


class LogKeys(Widget):
    """A place with a log in it; mixed into a pane or a screen, which shows the lines and says where they are from.

    It comes after the other base: Textual takes a widget's styles and its names in queries from the first one.
    """

    level_at = 0
    """Which of `LEVELS` is the least that is shown."""
    times_at = 0
    """Which of `TIMES` stands before the lines."""

    # What the place says

    @property
    def speaker(self) -> BaseScreen:
        """The screen that tells a person something and copies texts."""
        raise NotImplementedError

    @property
    def lines(self) -> LogView:
        """Where the lines are drawn."""
        raise NotImplementedError

    @property
    def search_line(self) -> FilterBar:
        """Where a search is typed."""
        raise NotImplementedError

    @property
    def shown_book(self) -> BookSource | None:
        """The lines, if there are any."""
        raise NotImplementedError

    @property
    def file_name(self) -> str:
        """What a file with these lines is called."""
        raise NotImplementedError

    @property
    def shown_source(self) -> str | None:
        """The one source that is shown; None for all."""
        return None

    def filter_changed(self) -> None:
        """Other lines are shown now."""

    # For all of them

    def apply_filter(self) -> None:
        """Show the lines of the chosen source and level."""
        book = self.shown_book
        if book is not None:
            book.set_filter(self.shown_source, LEVELS[self.level_at], TIMES[self.times_at])
            self.lines.source_changed()
            self.filter_changed()

    def find_error(self, start: int, direction: int) -> int | None:
        """Where the next error is; None if there is none."""
        book = self.shown_book
        return None if book is None else book.find_level("error", start, direction)

    @on(FilterBar.Closed)
    def find(self, message: FilterBar.Closed) -> None:
        """Search what was entered; esc ends the search."""
        if message.bar is not self.search_line:
            return
        message.stop()
        message.bar.display = False
        self.lines.focus()
        self.lines.search(message.text if message.is_kept else "")

    @on(FilterBar.Changed)
    def find_as_typed(self, message: FilterBar.Changed) -> None:
        """Enter searches, letters do not."""
        if message.bar is self.search_line:
            message.stop()

    @on(LogView.SearchEnded)
    def say_search(self, message: LogView.SearchEnded) -> None:
        """Say when nothing was found, or the search began anew."""
        if not message.is_found:
            self.speaker.say(f"“{message.text}” is not in these lines", Tone.WARN)
        elif message.has_wrapped:
            self.speaker.say("search went past the end")

    @on(LogView.LinesCopied)
    def copy_lines(self, message: LogView.LinesCopied) -> None:
        """Bring chosen lines to the clipboard."""
        self.speaker.copy_text(message.text, f"{message.lines} line{'s' * (message.lines != 1)}")

    # Actions

    def do_log_follow(self) -> None:
        """f"""
        self.lines.follow()

    def do_log_find(self) -> None:
        """/"""
        self.search_line.open("")

    def do_log_find_next(self) -> None:
        """n"""
        self.lines.find(1)

    def do_log_find_previous(self) -> None:
        """N"""
        self.lines.find(-1)

    def do_log_level(self) -> None:
        """v: each level in turn."""
        self.level_at = (self.level_at + 1) % len(LEVELS)
        self.apply_filter()

    def do_log_next_error(self) -> None:
        """e"""
        self.lines.jump_error(1)

    def do_log_previous_error(self) -> None:
        """E"""
        self.lines.jump_error(-1)

    def do_log_wrap(self) -> None:
        """w"""
        self.lines.toggle_wrap()

    def do_log_times(self) -> None:
        """t"""
        self.times_at = (self.times_at + 1) % len(TIMES)
        self.apply_filter()

    def do_log_copy(self) -> None:
        """y"""
        self.lines.copy_lines()

    def do_log_save(self) -> None:
        """ctrl+s"""
        book = self.shown_book
        if book is not None:
            self.speaker.say(save_text(self.file_name, book.as_text()))
