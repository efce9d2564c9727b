"""Search in a terminal's lines: all matches at once, across wrapped lines, from the newest up."""

from __future__ import annotations

from agentdash.ui.widgets.termlines import TermLines, cell_of

Found = tuple[tuple[int, int, int], ...]
"""A match: its stretches as (line, first cell, one after the last), several where the line was wrapped."""
MOST = 5_000
"""Matches that are kept; the newest."""


class TermSearch:
    """Where a text stands. A text without capitals is found in any case.

    Args:
        text: What to look for; empty finds nothing.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._is_exact = text != text.lower()
        self._found: list[Found] = []
        self._at: int | None = None
        self._by_line: dict[int, list[tuple[int, int]]] = {}

    @property
    def count(self) -> int:
        """Matches."""
        return len(self._found)

    @property
    def place(self) -> str:
        """`3 of 17`, counted from the newest; empty without a match."""
        return "" if self._at is None else f"{len(self._found) - self._at} of {len(self._found)}"

    @property
    def here(self) -> Found:
        """The match that is shown."""
        return () if self._at is None or not self._found else self._found[self._at]

    def look(self, lines: TermLines) -> None:
        """Search again: more has come. The place stays at the same match if it is still there."""
        before, self._found, self._by_line = self.here, [], {}
        if self.text:
            for parts in lines.logical():
                self._found += self._matches(parts)
        del self._found[:-MOST]
        for found in self._found:
            for line, start, stop in found:
                self._by_line.setdefault(line, []).append((start, stop))
        self._at = self._found.index(before) if before in self._found else None

    def _matches(self, parts: list[tuple[int, str]]) -> list[Found]:
        text = "".join([part for _, part in parts])
        text, sought = (text, self.text) if self._is_exact else (_lower(text), _lower(self.text))
        found: list[Found] = []
        at = text.find(sought)
        while at >= 0:
            found.append(tuple(_stretches(parts, at, at + len(sought))))
            at = text.find(sought, at + len(sought))
        return found

    def in_line(self, line: int) -> list[tuple[int, int]]:
        """Cells of matches in a line."""
        return self._by_line.get(line, [])

    def step(self, direction: int, line: int) -> Found:
        """Go to the next match up (-1) or down (1), around the ends; the first one counts from a line.

        Returns:
            The match; empty if there is none.
        """
        if not self._found:
            self._at = None
            return ()
        if self._at is not None:
            self._at = (self._at + direction) % len(self._found)
        else:
            near = [i for i, found in enumerate(self._found) if (found[0][0] <= line) == (direction < 0)]
            around = len(self._found) - 1 if direction < 0 else 0
            self._at = (near[-1] if direction < 0 else near[0]) if near else around
        return self._found[self._at]


def _lower(text: str) -> str:
    """Lower case of the same length: places must agree."""
    return "".join([low if len(low := char.lower()) == 1 else char for char in text])


def _stretches(parts: list[tuple[int, str]], start: int, stop: int) -> list[tuple[int, int, int]]:
    found = []
    for line, text in parts:
        if start < len(text) and stop > 0:
            first, last = max(0, start), min(stop, len(text))
            found.append((line, cell_of(text, first), cell_of(text, last)))
        start, stop = start - len(text), stop - len(text)
    return found
