"""Log book: the lines of one agent or build in the order of their ids, with gaps and overflow, bounded.

A book is appended to by the store only; the screen reads a `LogBook` by index. Ids rise within a book but two writers of
one agent may commit out of order, so a lower id can arrive after a higher one (contract: agents.md §3.4).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from agentdash.state.model import LogLine

DEFAULT_LIMIT = 50_000
"""Lines kept of one book; the server itself stores at most 1 MiB of an agent's output."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where lines may be missing, drawn as a line of its own."""

    after_id: int
    """Id of the last line before the gap; 0 at the start."""
    at: datetime
    reason: str


class LogBook:
    """Lines of one log, ascending by id.

    `version` rises with every change that is not a mere append, so that a view over the book knows when to start anew.
    """

    __slots__ = ("_floor", "_ids", "dropped", "gaps", "limit", "lines", "overflowed", "version")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.lines: list[LogLine] = []
        self._ids: list[int] = []
        self._floor = 0
        self.gaps: tuple[Gap, ...] = ()
        self.limit = limit
        self.dropped = 0
        """Lines let go at the front because of `limit`."""
        self.overflowed = False
        self.version = 0

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def last_id(self) -> int:
        """Highest id held, 0 if empty: where a follow stream resumes."""
        return self._ids[-1] if self._ids else 0

    def find(self, line_id: int) -> LogLine | None:
        """The line with an id, if it is held."""
        index = bisect_left(self._ids, line_id)
        return self.lines[index] if index < len(self._ids) and self._ids[index] == line_id else None

    def add(self, lines: Iterable[LogLine]) -> int:
        """Take in lines; those already held are passed over. Returns how many were new."""
        new = 0
        for line in lines:
            if not self._ids or line.id > self._ids[-1]:
                self._ids.append(line.id)
                self.lines.append(line)
            elif line.id <= self._floor:
                # Already let go: a resumed stream may send it again, and it would push out a newer one.
                continue
            else:
                index = bisect_left(self._ids, line.id)
                if self._ids[index] == line.id:
                    continue
                self._ids.insert(index, line.id)
                self.lines.insert(index, line)
                self.version += 1
            new += 1
        self._bound()
        return new

    def mark_gap(self, at: datetime, reason: str) -> None:
        """Note that lines may be missing after the last one held. Twice in the same place counts once."""
        last = self.last_id
        if self.gaps and self.gaps[-1].after_id == last:
            self.gaps = (*self.gaps[:-1], Gap(last, at, reason))
        else:
            self.gaps = (*self.gaps[-99:], Gap(last, at, reason))
        self.version += 1

    def _bound(self) -> None:
        excess = len(self.lines) - self.limit
        if excess <= 0:
            return
        # Some more than needed, so that a full book does not shift its lists for every line.
        excess = min(len(self.lines), excess + self.limit // 10)
        self._floor = self._ids[excess - 1]
        del self.lines[:excess]
        del self._ids[:excess]
        self.dropped += excess
        first = self._ids[0] if self._ids else 0
        self.gaps = tuple(gap for gap in self.gaps if gap.after_id >= first)
        self.version += 1
