"""Searching in a log: the pattern, its hits in a line, and the way to the next line that has one."""

from __future__ import annotations

import asyncio
import re

from agentdash.ui.widgets.loglines import LogLine, LogSource

SLICE = 2_000
"""Lines searched before the event loop gets its turn."""
MAX_HITS = 200
"""Hits highlighted in one line."""

Hits = tuple[tuple[int, int], ...]
"""Start and end of each hit in a line, in characters."""


class Search:
    """What is searched for; nothing, to begin with.

    Args:
        text: Letters without upper case match both cases. Empty ends the search.
        is_regex: The text is a regular expression.

    Raises:
        re.error: `is_regex` and the text is not one.
    """

    def __init__(self, text: str = "", *, is_regex: bool = False) -> None:
        self.text = text
        flags = re.IGNORECASE if text == text.lower() else 0
        self._pattern = re.compile(text if is_regex else re.escape(text), flags) if text else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def hits(self, line: LogLine) -> Hits:
        """All hits in a line; a gap has none."""
        if self._pattern is None or line.is_gap:
            return ()
        hits = []
        for match in self._pattern.finditer(line.text):
            if match.end() > match.start():
                hits.append(match.span())
                if len(hits) == MAX_HITS:
                    break
        return tuple(hits)

    async def next_line(self, source: LogSource, start: int, direction: int) -> int | None:
        """Index of the nearest line with a hit, from `start` on and around the end; None if there is none."""
        if self._pattern is None:
            return None
        count = len(source)
        for searched in range(count):
            if searched % SLICE == SLICE - 1:
                await asyncio.sleep(0)
                if len(source) < count:
                    return None
            index = (start + searched * direction) % count
            line = source.line(index)
            if not line.is_gap and self._pattern.search(line.text):
                return index
        return None
