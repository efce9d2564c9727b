"""A program's output becomes log rows of the agent: lines, cuts, batches (contract: agent-side.md §7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_LINE_CHARS: Final = 1024
"""Characters that are stored; the server cuts the rest without a word, yet counts it."""
MAX_BATCH_BYTES: Final = 256 * 1024
"""Text of one request: even escaped it stays far below the 4 MiB that a body may have."""
MAX_BATCH_LINES: Final = 1000
LOG_QUOTA: Final = 1 << 20
_CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row. Newer servers replace `created_at` by the time of arrival."""

    output: str
    level: str = "info"
    created_at: datetime | None = None

    def as_json(self) -> dict[str, str]:
        """The wire form."""
        row = {"level": self.level, "output": self.output}
        if self.created_at is not None:
            row["created_at"] = self.created_at.isoformat().replace("+00:00", "Z")
        return row


class LineCutter:
    """Bytes of a program in, whole lines out. CR LF counts as one end; a line longer than `limit` bytes is cut."""

    def __init__(self, limit: int = 64 * 1024) -> None:
        self._limit = limit
        self._partial = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The lines that these bytes complete."""
        first, *rest = data.split(b"\n")
        self._add(first)
        lines = []
        for piece in rest:
            lines.append(self._take())
            self._add(piece)
        return lines

    def end(self) -> list[str]:
        """The last line, if it had no end."""
        return [self._take()] if self._partial else []

    def _add(self, piece: bytes) -> None:
        self._partial += piece[: max(0, self._limit - len(self._partial))]

    def _take(self) -> str:
        line = bytes(self._partial).removesuffix(b"\r").decode("utf-8", "replace")
        self._partial.clear()
        return line


def storable(text: str) -> str:
    """The part of a line that is stored, with a sign where it is cut: the rest would only use up the quota.

    NUL becomes a visible sign, as the server does it.
    """
    text = text.replace("\0", "❌")
    return text if len(text) <= MAX_LINE_CHARS else text[: MAX_LINE_CHARS - 1] + _CUT


def batches(entries: Iterable[LogEntry]) -> Iterator[tuple[LogEntry, ...]]:
    """Entries in groups that one request carries, in order; lines are cut to what is stored."""
    group: list[LogEntry] = []
    size = 0
    for entry in entries:
        output = storable(entry.output)
        cost = len(output.encode("utf-8", "replace"))
        if group and (size + cost > MAX_BATCH_BYTES or len(group) >= MAX_BATCH_LINES):
            yield tuple(group)
            group, size = [], 0
        group.append(LogEntry(output, entry.level, entry.created_at))
        size += cost
    if group:
        yield tuple(group)
