"""Lines of a log as a view wants them, where they come from, and how they break: no widget here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agentdash.present.cells import Cell, Span, Tone
from agentdash.text.sgr import StyleSpan
from agentdash.text.width import cell_width, clusters


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, finished and cleaned.

    Attributes:
        key: What the line is; position, cursor and selection hold on to it.
        text: The line itself: searched, wrapped and copied.
        prefix: Cells before it (time, level), as wide as the owner made them; one blank between two.
        source: Name of the source after the prefix, padded by the owner, in the hue of the source.
        hue: Which of the source hues, any number.
        spans: Tones, or colours that the line brought along.
        tone: Tone of the text.
        is_gap: Lines are missing here: drawn as a rule with the text as its sentence.
    """

    key: int
    text: str
    prefix: tuple[Cell, ...] = ()
    source: Cell | None = None
    hue: int = 0
    spans: tuple[Span | StyleSpan, ...] = ()
    tone: Tone = Tone.PLAIN
    is_gap: bool = False


class LogSource(Protocol):
    """Lines by index, already filtered and in order; may grow, shrink and change at any time."""

    def __len__(self) -> int:
        """How many lines there are."""

    def line(self, index: int) -> LogLine:
        """The line at an index; called for lines in sight and while searching."""

    def position(self, key: int) -> int:
        """Index of the line with a key; if it is gone, of the first line after its place (at most the length)."""


class ListSource:
    """A source over a list of lines with ascending keys, for short logs."""

    def __init__(self, lines: Sequence[LogLine] = ()) -> None:
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, index: int) -> LogLine:
        """The line at an index."""
        return self.lines[index]

    def position(self, key: int) -> int:
        """Index of the first line whose key is not below."""
        low, high = 0, len(self.lines)
        while low < high:
            middle = (low + high) // 2
            if self.lines[middle].key < key:
                low = middle + 1
            else:
                high = middle
        return low


def wrap(text: str, width: int) -> tuple[tuple[int, int], ...]:
    """Break text into pieces of at most `width` cells, at a blank if one is near the edge.

    Returns:
        Start and end of each piece in characters; at least one piece, together they are the whole text.
    """
    width = max(1, width)
    if len(text) <= width and cell_width(text) <= width:
        return ((0, len(text)),)
    pieces = []
    start = at = used = 0
    blank = -1
    for cluster, cells in clusters(text):
        if used + cells > width and at > start:
            end = blank if blank - start > (at - start) * 2 // 3 else at
            pieces.append((start, end))
            used = cell_width(text[end:at])
            start, blank = end, -1
        at += len(cluster)
        used += cells
        if cluster == " ":
            blank = at
    pieces.append((start, len(text)))
    return tuple(pieces)


def window(text: str, skip: int, width: int) -> tuple[int, int]:
    """Start and end, in characters, of what shows of a text in `width` cells after `skip` cells."""
    if text.isascii():
        return min(skip, len(text)), min(skip + width, len(text))
    at = used = 0
    start = -1
    for cluster, cells in clusters(text):
        if used >= skip and start < 0:
            start, skip = at, used
        if start >= 0 and used + cells > skip + width:
            return start, at
        at += len(cluster)
        used += cells
    return (len(text) if start < 0 else start), len(text)
