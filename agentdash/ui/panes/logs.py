"""Pane 4: the agent's log, all sources or one, with search, levels and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual import on
from textual.widget import Widget

from agentdash.present.cells import Cell, Tone
from agentdash.present.describe import empty_place
from agentdash.present.logline import LEVELS, Sources, Tally, tabs
from agentdash.state.freshness import StreamState
from agentdash.state.logs import LogBook
from agentdash.state.model import Agent
from agentdash.ui.book import BookSource
from agentdash.ui.logkeys import LogKeys
from agentdash.ui.panes.base import AgentPane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.screens.base import BaseScreen
from agentdash.ui.widgets.filterbar import FilterBar
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.logview import LogView
from agentdash.ui.widgets.statusbar import StatusLine


class LogsPane(AgentPane, LogKeys):
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

    def compose(self) -> Sequence[Widget]:
        """Sources, lines, search."""
        return [self.tabs, self.log_view, self.find_bar]

    def on_mount(self) -> None:
        """The search line shows only while it is used."""
        self.find_bar.display = False
        self.log_view.find_error = self.find_error

    def focus_target(self) -> Widget:
        """The lines."""
        return self.log_view

    @property
    def speaker(self) -> BaseScreen:
        """The agent's screen."""
        return self.agent_screen

    @property
    def lines(self) -> LogView:
        """The lines."""
        return self.log_view

    @property
    def search_line(self) -> FilterBar:
        """Below the lines."""
        return self.find_bar

    @property
    def shown_book(self) -> BookSource | None:
        """The agent's log."""
        return self._source

    @property
    def shown_source(self) -> str | None:
        """The source that was chosen."""
        return self._source_id

    @property
    def file_name(self) -> str:
        """Owner, workspace and agent."""
        view = self.view
        if view is None:
            return "agent.log"
        return f"{view.workspace.owner_name}-{view.workspace.name}-{view.agent.name}.log"

    def filter_changed(self) -> None:
        """The tabs say which lines are shown."""
        self._refresh_tabs()

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
            self.apply_filter()
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
        if self.level_at:
            right.append(Cell(f"{LEVELS[self.level_at]} and up", Tone.ACCENT))
        if self.log_view.is_following:
            right.append(Cell("following", Tone.DIM))
        self.tabs.show(tabs(self._tally, source.sources, self._source_id), right)

    def _now(self) -> datetime:
        return self.agent_screen.context.now()

    def show_source(self, source_id: str | None) -> None:
        """Show the lines of one source, or of all."""
        self._source_id = source_id
        known = () if self.view is None else self.view.agent.log_sources
        self._source_name = next((s.name for s in known if s.id == source_id), "")
        self.apply_filter()

    @on(LogView.StateChanged)
    def say_following(self) -> None:
        """Following began or ended."""
        self._refresh_tabs()

    # Actions

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

    def do_back(self) -> None:
        """esc: first the chosen lines, then the search, then the pane."""
        if not self.log_view.end_choice():
            self.agent_screen.do_back()
