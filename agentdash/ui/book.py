"""A log book as a source of drawn lines: filtered by source and level, with gaps as lines of their own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime

from agentdash.present.cells import Cell, Tone
from agentdash.present.logline import (
    Sources,
    draw_line,
    dropped_cell,
    gap_cell,
    level_rank,
    overflow_cell,
    passes,
    plain_text,
)
from agentdash.present.times import LogTime
from agentdash.state.logs import LogBook
from agentdash.state.model import Agent
from agentdash.text.width import fit
from agentdash.ui.widgets.loglines import LogLine

SOURCE_WIDTH = 16
"""Cells that names of sources take at most, so that the lines begin in one column."""
_GAP_SHIFT = 2
"""Keys of lines are even, the key of a gap is that of the line before plus one, so they sort among each other."""


class BookSource:
    """Lines of a book as the view wants them.

    Args:
        book: The log.
        sources: Names and hues of its sources.
        now: The server's time, for relative times.
        source_width: Cells that names of sources take at most.
    """

    def __init__(
        self, book: LogBook, sources: Sources, now: Callable[[], datetime], source_width: int = SOURCE_WIDTH
    ) -> None:
        self.book = book
        self.sources = sources
        self._now = now
        self._source_width = source_width
        self._source_id: str | None = None
        self._least = "trace"
        self._times: LogTime = "short"
        self._keys: list[int] = []
        self._extra: dict[int, Cell] = {}
        self._seen = 0
        self._version = -1
        self._dropped = 0
        self._tail: Cell | None = None

    def learn(self, agent: Agent) -> None:
        """Take in sources that have come, and whether the server has stopped storing lines."""
        self.sources.learn(agent)
        tail = overflow_cell(agent)
        if tail != self._tail:
            self._tail = tail
            self._version = -1

    def set_filter(self, source_id: str | None, least: str, times: LogTime) -> None:
        """Show one source or all, from a level on, with such times."""
        self._source_id, self._least, self._times = source_id, least, times
        self._version = -1
        self.update()

    def update(self) -> bool:
        """Take in what has come; True if anything did."""
        book = self.book
        if book.version != self._version:
            self._version, self._seen, self._keys = book.version, 0, []
            self._extra = {gap.after_id * _GAP_SHIFT + 1: gap_cell(gap, self._now()) for gap in book.gaps}
            first = dropped_cell(book)
            if first is not None:
                self._extra[-1] = first
            fresh = True
        else:
            fresh = len(book) != self._seen
        if not fresh:
            return False
        if self._keys and self._keys[-1] == _TAIL_KEY:
            self._keys.pop()
        had = self._seen
        new = [
            line.id * _GAP_SHIFT
            for line in book.lines[had:]
            if passes(line, least=self._least, source_id=self._source_id)
        ]
        if had == 0:
            self._keys = sorted({*new, *self._extra})
        else:
            self._keys += new
        self._seen = len(book)
        if self._tail is not None:
            self._extra[_TAIL_KEY] = self._tail
            self._keys.append(_TAIL_KEY)
        return True

    def __len__(self) -> int:
        return len(self._keys)

    def line(self, index: int) -> LogLine:
        """The line at an index, drawn."""
        key = self._keys[index]
        extra = self._extra.get(key)
        if extra is not None:
            return LogLine(key, extra.text, tone=extra.tone, is_gap=True)
        line = self.book.find(key // _GAP_SHIFT)
        if line is None:
            return LogLine(key, "", tone=Tone.DIM)
        drawn = draw_line(line, self.sources, self._now(), times=self._times)
        prefix = tuple(cell for cell in (drawn.time, drawn.mark) if cell.text)
        name = drawn.source
        source = (
            Cell(fit(name.text, min(self.sources.width, self._source_width)), name.tone)
            if name.text
            else name
        )
        return LogLine(key, drawn.text, prefix, source, drawn.source_index, drawn.spans)

    def position(self, key: int) -> int:
        """Index of a key, or of the first after its place."""
        return bisect_left(self._keys, key)

    def find_level(self, level: str, start: int, direction: int) -> int | None:
        """Index of the next line of a level from an index on, in a direction; None if there is none."""
        rank = level_rank(level)
        index = start + direction
        while 0 <= index < len(self._keys):
            key = self._keys[index]
            line = None if key in self._extra else self.book.find(key // _GAP_SHIFT)
            if line is not None and level_rank(line.level) >= rank:
                return index
            index += direction
        return None

    def as_text(self) -> str:
        """The shown lines with times and sources, for a file."""
        found = (self.book.find(key // _GAP_SHIFT) for key in self._keys if key not in self._extra)
        return plain_text((line for line in found if line is not None), self.sources)


_TAIL_KEY = (1 << 63) * _GAP_SHIFT + 1
"""After every id a server can give."""
