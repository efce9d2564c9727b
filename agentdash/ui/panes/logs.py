"""Pane 4: the agent's log, all sources or one, with search, levels and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual import on
from textual.widget import Widget

from agentdash.present.cells import Cell, Tone
from agentdash.present.describe import empty_place
from agentdash.present.logline import LEVELS, Sources, Tally, tabs
from agentdash.present.times import LogTime
from agentdash.state.freshness import StreamState
from agentdash.state.logs import LogBook
from agentdash.state.model import Agent
from agentdash.ui.book import BookSource
from agentdash.ui.files import save_text
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.logview import LogView
from agentdash.ui.widgets.statusbar import StatusLine

TIMES: tuple[LogTime, ...] = ("short", "relative", "full", "none")


class LogsPane(AgentPane):
    """The log of one agent; an empty book until its first line."""

    NAME = "Logs"
    SCOPE = "logs"

    def __init__(self, number: int, *, signs: Signs) -> None:
        super().__init__(number, signs=signs)
        self.log_view = LogView(signs=signs)
        self.tabs = StatusLine(signs=signs, classes="log-tabs")
        self.find_bar = FilterBar("/", signs=signs)
        self._tally = Tally()
        self._book: LogBook | None = None
        self._source: BookSource | None = None
        self._source_id: str | None = None
        self._source_name = ""
        self._agent_id = ""
        self._level = 0
        self._times = 0

    def compose(self) -> Sequence[Widget]:
        """Sources, lines, search."""
        return [self.tabs, self.log_view, self.find_bar]

    def on_mount(self) -> None:
        """The search line shows only while it is used."""
        self.find_bar.display = False
        self.log_view.find_error = self._find_error

    def focus_target(self) -> Widget:
        """The lines."""
        return self.log_view

    def refresh_content(self, view: AgentView) -> None:
        """Show the lines that have come."""
        if view.agent.id != self._agent_id:
            self._agent_id = view.agent.id
            self._source_id = self._same_source(view.agent)
        book = view.state.logs.get(view.agent.id)
        if book is None:
            stream = view.state.streams.get(f"logs:{view.agent.id}")
            is_read = stream is not None and stream.state is not StreamState.CONNECTING
            self.log_view.set_empty(
                empty_place("logs", view.agent) if is_read else "Log lines are being read."
            )
            if self._source is not None:
                self._book = self._source = None
                self._tally = Tally()
                self.tabs.show([])
                self.log_view.set_source(BookSource(LogBook(), Sources(view.agent), self._now))
            return
        if book is not self._book:
            self._book, self._tally = book, Tally()
            self._source = BookSource(book, Sources(view.agent), self._now)
            self._set_filter()
            self.log_view.set_source(self._source)
        source = self._source
        assert source is not None
        source.learn(view.agent)
        grew = source.update()
        counted = self._tally.update(book)
        if grew or counted:
            self.log_view.source_changed()
        self.log_view.set_empty(
            "No line passes the filter: press a for all sources, v for all levels."
            if len(book)
            else empty_place("logs", view.agent)
        )
        self._refresh_tabs()

    def _same_source(self, agent: Agent) -> str | None:
        """The chosen source in an agent's next life: ids are new at every start, names are not."""
        if self._source_id is None or not self._source_name:
            return self._source_id
        return next((s.id for s in agent.log_sources if s.name == self._source_name), None)

    def _refresh_tabs(self) -> None:
        source = self._source
        if source is None:
            return
        right = []
        if not self.log_view.is_following:
            new = self.log_view.new_lines
            right.append(Cell(f"+{new} new" if new else "scrolled back", Tone.ACCENT))
        if self._level:
            right.append(Cell(f"{LEVELS[self._level]} and up", Tone.ACCENT))
        if self.log_view.is_following:
            right.append(Cell("following", Tone.DIM))
        self.tabs.show(tabs(self._tally, source.sources, self._source_id), right)

    def _now(self) -> datetime:
        return self.agent_screen.context.now()

    def _set_filter(self) -> None:
        if self._source is not None:
            self._source.set_filter(self._source_id, LEVELS[self._level], TIMES[self._times])
            self.log_view.source_changed()
            self._refresh_tabs()

    def show_source(self, source_id: str | None) -> None:
        """Show the lines of one source, or of all."""
        self._source_id = source_id
        known = () if self.view is None else self.view.agent.log_sources
        self._source_name = next((s.name for s in known if s.id == source_id), "")
        self._set_filter()

    @on(LogView.StateChanged)
    def say_following(self) -> None:
        """Following began or ended."""
        self._refresh_tabs()

    @on(LogView.SearchEnded)
    def say_search(self, message: LogView.SearchEnded) -> None:
        """Say when nothing was found, or the search began anew."""
        if not message.is_found:
            self.agent_screen.say(f"“{message.text}” is not in these lines", Tone.WARN)
        elif message.has_wrapped:
            self.agent_screen.say("search went past the end")

    @on(LogView.LinesCopied)
    def copy_lines(self, message: LogView.LinesCopied) -> None:
        """Bring chosen lines to the clipboard."""
        self.agent_screen.copy_text(message.text, f"{message.lines} line{'s' * (message.lines != 1)}")

    def _find_error(self, start: int, direction: int) -> int | None:
        return None if self._source is None else self._source.find_level("error", start, direction)

    # Actions

    def do_log_follow(self) -> None:
        """f"""
        self.log_view.follow()

    def do_log_find(self) -> None:
        """/"""
        self.find_bar.open("")

    @on(FilterBar.Closed)
    def find(self, message: FilterBar.Closed) -> None:
        """Search what was entered; esc ends the search."""
        message.stop()
        self.find_bar.display = False
        self.log_view.focus()
        self.log_view.search(message.text if message.is_kept else "")

    @on(FilterBar.Changed)
    def find_as_typed(self, message: FilterBar.Changed) -> None:
        """Enter searches, letters do not."""
        message.stop()

    def do_log_find_next(self) -> None:
        """n"""
        self.log_view.find(1)

    def do_log_find_previous(self) -> None:
        """N"""
        self.log_view.find(-1)

    def do_log_source(self) -> None:
        """s: each source in turn, then all."""
        ids: list[str | None] = [
            None,
            *sorted(self._tally.by_source, key=lambda i: (-self._tally.by_source[i], i)),
        ]
        at = ids.index(self._source_id) if self._source_id in ids else 0
        self.show_source(ids[(at + 1) % len(ids)])

    def do_log_source_all(self) -> None:
        """a"""
        self.show_source(None)

    def do_log_level(self) -> None:
        """v: each level in turn."""
        self._level = (self._level + 1) % len(LEVELS)
        self._set_filter()

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

    def do_log_save(self) -> None:
        """ctrl+s"""
        if self._source is not None and self.view is not None:
            name = f"{self.view.workspace.owner_name}-{self.view.workspace.name}-{self.view.agent.name}.log"
            self.agent_screen.say(save_text(name, self._source.as_text()))

    def do_back(self) -> None:
        """esc: first the chosen lines, then the search, then the pane."""
        if not self.log_view.end_choice():
            self.agent_screen.do_back()
