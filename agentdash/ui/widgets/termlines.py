"""The lines of an emulator, scrollback and screen, under numbers that stay while more lines come."""

from __future__ import annotations

from collections.abc import Iterator

from agentdash.term.emulator import Emulator
from agentdash.term.row import Runs
from agentdash.text.width import clusters


class TermLines:
    """Lines `first` to `end` of an emulator; the screen is the last ones.

    A number means the same line until it leaves the scrollback, or until the width changes.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    @property
    def first(self) -> int:
        """The oldest line of the scrollback."""
        return self.emulator.history_total - self.emulator.history_len

    @property
    def top(self) -> int:
        """The first line of the screen."""
        return self.emulator.history_total

    @property
    def end(self) -> int:
        """One more than the last line of the screen."""
        return self.emulator.history_total + self.emulator.lines

    def runs(self, line: int) -> Runs:
        """The pieces of a line; none if there is no such line."""
        emulator = self.emulator
        if line >= self.top:
            y = line - self.top
            return emulator.row(y) if y < emulator.lines else []
        index = line - self.first
        return emulator.history_row(index) if index >= 0 else []

    def text(self, line: int) -> str:
        """A line as text, blanks at its end left out."""
        return "".join([text for text, _ in self.runs(line)]).rstrip(" ")

    def wrapped(self) -> list[bool]:
        """For each line from `first` on: whether the next one continues it. Short on a full-screen program's screen."""
        flags = [line.wrapped for line in self.emulator.text()]
        if self.emulator.modes.alternate_screen:
            del flags[self.emulator.history_len :]
        return flags

    def logical(self) -> Iterator[list[tuple[int, str]]]:
        """Lines as they were before they were wrapped: their parts as (number, text)."""
        flags, first = self.wrapped(), self.first
        parts: list[tuple[int, str]] = []
        for line in range(first, self.end):
            index = line - first
            goes_on = index < len(flags) and flags[index]
            text = "".join([text for text, _ in self.runs(line)])
            if goes_on:  # blanks at its end are part of what goes on
                text += " " * max(0, self.emulator.columns - width_of(text))
            parts.append((line, text if goes_on else text.rstrip(" ")))
            if not goes_on:
                yield parts
                parts = []
        if parts:
            yield parts

    def cut(self, line: int, start: int, stop: int) -> str:
        """The characters of a line in cells `start` to `stop`, blanks at the end of the line left out."""
        return cells_between(self.text(line), start, stop)


def width_of(text: str) -> int:
    """Cells a text of the emulator takes."""
    return len(text) if text.isascii() else sum(width for _, width in clusters(text))


def cells_between(text: str, start: int, stop: int) -> str:
    """What stands in cells `start` to `stop`; a wide character counts where it begins."""
    if text.isascii():
        return text[start:stop]
    x, found = 0, []
    for cluster, width in clusters(text):
        if start <= x < stop:
            found.append(cluster)
        x += width
    return "".join(found)


def cell_of(text: str, index: int) -> int:
    """The cell in which the character of that index begins."""
    return width_of(text[:index])


def snap(text: str, start: int, stop: int) -> tuple[int, int]:
    """The cells of the whole characters that a span of cells touches."""
    if text.isascii():
        return start, stop
    x = 0
    for _, width in clusters(text):
        if x < start < x + width:
            start = x
        if x < stop < x + width:
            stop = x + width
        x += width
        if x >= stop:
            break
    return start, stop
