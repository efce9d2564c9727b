"""The terminal of a pane: pyte behind a guard, without a widget and without I/O."""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from agentdash.term import reflow
from agentdash.term import style as st
from agentdash.term.reports import Reporter
from agentdash.term.row import FULL, GAP, Kept, Row, Runs, cells_of, is_wrapped, pieces_of, row_of, runs_of
from agentdash.term.screen import NOTHING_SAVED
from agentdash.term.stream import Stream

log = logging.getLogger(__name__)

MIN_SIZE: Final = 1
MAX_COLUMNS: Final = 4096
MAX_LINES: Final = 2048


class Changes(NamedTuple):
    """What to repaint: first move the picture up by `scrolled` rows, then paint `rows`."""

    scrolled: int
    rows: frozenset[int]


class TextLine(NamedTuple):
    """One line for saving and searching; `wrapped` when the next one continues it."""

    text: str
    wrapped: bool


class Emulator(Reporter):
    """A terminal screen with scrollback under pyte's names.

    A view into the scrollback stays in place by the growth of `history_total`, which counts the lines
    that ever went into it.

    Fed with bytes that may be cut anywhere; never raises on them and holds a bounded amount of them.
    Nothing it takes in leaves it except through `take_replies`, whose answers are a fixed list.
    """

    def __init__(
        self, columns: int, lines: int, history: int = 10_000, *, allow_clipboard: bool = False
    ) -> None:
        columns, lines = _clamp(columns, MAX_COLUMNS), _clamp(lines, MAX_LINES)
        super().__init__(columns, lines, history, allow_clipboard=allow_clipboard)
        self._stream = Stream(self)
        self.faults = 0

    # -- input -----------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take output of the program, cut anywhere. Never raises.

        A fault in the emulator costs the rest of this chunk; it is counted in `faults` and logged.
        """
        try:
            self._stream.feed(data)
        except Exception:  # border: a picture may be wrong, the session goes on
            self.faults += 1
            log.exception("terminal emulation failed on a chunk of %d bytes", len(data))
            self._mend()

    def _mend(self) -> None:
        """Bring the screen back into a state that can be drawn."""
        self._stream.reset()
        cur = self.cursor
        cur.x = max(0, min(cur.x, self.columns))
        cur.y = max(0, min(cur.y, self.lines - 1))
        self.top, self.bottom = 0, self.lines - 1
        del self.rows[self.lines :]
        self.rows += [Row() for _ in range(self.lines - len(self.rows))]
        for y, row in enumerate(self.rows):
            if row.chars is not None and not len(row.chars) == len(row.codes) == self.columns:
                self.rows[y] = Row()
        self.touch()

    def reset(self, *, keep_history: bool = False) -> None:
        """Begin anew, as before a replay: blank screen, default modes, nothing half read.

        Args:
            keep_history: Keep the scrollback (a backend that repaints only the screen), with what was
                on the screen at its end; else forget it (a backend that sends its output again).
        """
        self._stream.reset()
        self.full_reset()
        self.take_replies()
        self.clipboard = None
        self.saved = NOTHING_SAVED
        if not keep_history:
            self.history.clear()
            self.pullable = 0

    # -- output ----------------------------------------------------------------

    def take_dirty(self) -> frozenset[int]:
        """Rows that differ from the last look, for a painter that does not scroll."""
        scrolled, rows = self.take_changes()
        return frozenset(range(self.lines)) if scrolled else rows

    def take_changes(self) -> Changes:
        """What differs from the last look."""
        scrolled, rows = self._scrolled, frozenset(self.dirty)
        self._scrolled = 0
        self.dirty.clear()
        if scrolled >= self.lines:
            return Changes(0, frozenset(range(self.lines)))
        return Changes(scrolled, rows)

    def row(self, y: int) -> Runs:
        """The runs (text, style) of a screen row; blank cells at its end are left out."""
        pieces = self.rows[y].pieces()
        if not self.modes.reverse_video:
            return runs_of(pieces)
        row = self.rows[y]
        pad = self.columns - row.n if row.chars is None else 0
        return runs_of([*pieces, (" " * pad, 0)], st.REVERSE)

    @property
    def history_len(self) -> int:
        """Lines in the scrollback."""
        return len(self.history)

    def history_row(self, i: int) -> Runs:
        """The runs of a scrollback line, 0 being the oldest."""
        return runs_of(pieces_of(self.history[i]))

    def take_clipboard(self) -> str | None:
        """Text a program asked to put into the clipboard (OSC 52), once; None without permission."""
        text, self.clipboard = self.clipboard, None
        return text

    def text(self) -> list[TextLine]:
        """All lines from the oldest of the scrollback to the last that is drawn on the main screen."""
        out = [TextLine(reflow.text_of(line), is_wrapped(line)) for line in self.history]
        rows = self.rows if self.behind is None else self.behind.rows
        lines = [TextLine(reflow.text_of(row), row.wrapped > 0) for row in rows]
        while lines and not lines[-1].text:
            lines.pop()
        return out + lines

    # -- size ------------------------------------------------------------------

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Take a new size. The main screen and its scrollback are wrapped anew, as tmux does it.

        The alternate screen is cut or padded: its program repaints. The main screen follows when the
        program leaves.
        """
        lines = _clamp(lines or self.lines, MAX_LINES)
        columns = _clamp(columns or self.columns, MAX_COLUMNS)
        if (lines, columns) == (self.lines, self.columns):
            return
        if self.behind is None:
            self._resize_main(lines, columns)
        else:
            self._resize_alternate(lines, columns)
        self._settle()

    def restore_size(self, columns: int, lines: int) -> None:
        """Bring the main screen, left at another size, to the present one."""
        if (lines, columns) == (self.lines, self.columns):
            return
        new_lines, new_columns = self.lines, self.columns
        self.lines, self.columns = lines, columns
        self._resize_main(new_lines, new_columns)
        self._settle()

    def _settle(self) -> None:
        self.top, self.bottom = 0, self.lines - 1
        cur = self.cursor
        cur.x, cur.y = min(cur.x, self.columns), min(cur.y, self.lines - 1)
        self.tabstops = set(range(8, self.columns, 8))
        self._stream.controls.forget()
        self.touch()

    def _resize_alternate(self, lines: int, columns: int) -> None:
        rows = [row_of(*row.cells(self.columns), columns, wrapped=row.wrapped) for row in self.rows]
        if lines < len(rows):  # empty lines below the cursor go first, then the topmost
            below = min(len(rows) - lines, len(rows) - 1 - self.cursor.y)
            del rows[len(rows) - below :]
            above = len(rows) - lines
            del rows[:above]
            self.cursor.y -= above
        rows += [Row() for _ in range(lines - len(rows))]
        self.rows, self.lines, self.columns = rows, lines, columns

    def _resize_main(self, lines: int, columns: int) -> None:
        self._resize_height(lines)
        self.lines = lines
        if columns != self.columns:
            self._resize_width(columns)

    def _resize_height(self, lines: int) -> None:
        """Fewer: lines below the cursor go, then the top into the scrollback. More: take them back."""
        rows, cur = self.rows, self.cursor
        if lines < len(rows):
            below = min(len(rows) - lines, len(rows) - 1 - cur.y)
            del rows[len(rows) - below :]
            above = len(rows) - lines
            self.history.extend([row.packed() for row in rows[:above]])
            self.pullable += above
            del rows[:above]
            cur.y -= above
        elif lines > len(rows):
            back = min(self.pullable, len(self.history), lines - len(rows))
            self.pullable = min(self.pullable, len(self.history)) - back
            taken = [self.history.pop() for _ in range(back)][::-1]
            rows[0:0] = [_row_again(line, self.columns) for line in taken]
            cur.y += back
            rows += [Row() for _ in range(lines - len(rows))]

    def _resize_width(self, columns: int) -> None:
        history = self.history
        head: list[Kept] = []
        while history and is_wrapped(history[-1]):
            head.append(history.pop())
        head.reverse()
        old = list(history)
        fixed = len(old) - min(self.pullable, len(old))
        cur = self.cursor
        done = reflow.reflow_screen(head, self.rows, self.columns, columns, (cur.x, cur.y))
        rows, y = done.rows, done.y
        above = reflow.reflow_history(old[:fixed], columns)
        recent = reflow.reflow_history(old[fixed:], columns)
        fixed = len(above)
        above += recent
        missing = self.lines - len(rows)
        if missing > 0:  # fewer rows than before: the scrollback's end moves down into the screen
            back = above[len(above) - missing :] if missing < len(above) else above
            above = above[: len(above) - len(back)]
            rows = [_row_again(line, columns) for line in back] + rows
            y += len(back)
        over = len(rows) - self.lines
        if over > 0:
            above += [row.packed() for row in rows[:over]]
            rows = rows[over:]
            y -= over
        rows += [Row() for _ in range(self.lines - len(rows))]
        history.clear()
        history.extend(above)
        self.pullable = max(0, len(above) - fixed)
        self.rows, self.columns = rows, columns
        cur.x, cur.y = (done.x, y) if y >= 0 else (0, 0)


def _row_again(line: Kept, columns: int) -> Row:
    """A line of the scrollback back on the screen."""
    chars, codes = cells_of(line)
    wrapped = 0 if not is_wrapped(line) else FULL if len(chars) >= columns else GAP
    return row_of(chars, codes, columns, wrapped=wrapped)


def _clamp(value: int, most: int) -> int:
    return max(MIN_SIZE, min(value, most))
