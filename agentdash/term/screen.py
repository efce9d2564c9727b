"""What control functions do: pyte's methods on the canvas, to the standard where pyte strays from it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Final, NamedTuple

from pyte import charsets

from agentdash.term import style as st
from agentdash.term.canvas import Canvas
from agentdash.term.modes import ALTERNATE, ANSI_FLAGS, CURSOR_SHAPES, MOUSE, PRIVATE_FLAGS, Modes
from agentdash.term.row import Row, plain_row

MAX_TITLES: Final = 8


class Saved(NamedTuple):
    """What DECSC keeps."""

    x: int = 0
    y: int = 0
    code: int = 0
    g0: str = charsets.LAT1_MAP
    g1: str = charsets.LAT1_MAP
    charset: int = 0
    origin: bool = False


NOTHING_SAVED: Final = Saved()
"""What DECRC takes back before the first DECSC."""


class Behind(NamedTuple):
    """The main screen while the alternate one is shown."""

    rows: list[Row]
    columns: int
    lines: int
    saved: Saved
    cursor: Saved | None  # where the program that switched with 1049 left the cursor


class Screen(Canvas):
    """Cursor movement, editing, erasing and modes."""

    def __init__(self, columns: int, lines: int, history: int) -> None:
        super().__init__(columns, lines, history)
        self.saved = NOTHING_SAVED
        self.behind: Behind | None = None
        self.titles: list[str] = []

    # -- cursor --------------------------------------------------------------

    def carriage_return(self) -> None:
        """To the first column."""
        self.cursor.x = 0

    def linefeed(self) -> None:
        """One line down; in new-line mode also to the first column."""
        self.index()
        if self.modes.newline:
            self.cursor.x = 0

    def next_line(self) -> None:
        """To the first column of the next line (NEL)."""
        self.cursor.x = 0
        self.index()

    def backspace(self) -> None:
        """One column left, never beyond the first."""
        self.cursor_back(1)

    def tab(self, count: int | None = 1) -> None:
        """To the next tab stop or the last column."""
        for _ in range(min(count or 1, self.columns)):
            x = self.cursor.x
            if x >= self.columns - 1:  # a pending wrap stays, as in tmux: nothing is overwritten
                return
            self.cursor.x = min((stop for stop in self.tabstops if stop > x), default=self.columns - 1)

    def back_tab(self, count: int | None = 1) -> None:
        """To the tab stop before (CBT)."""
        for _ in range(min(count or 1, self.columns)):
            x = min(self.cursor.x, self.columns - 1)
            self.cursor.x = max((stop for stop in self.tabstops if stop < x), default=0)

    def cursor_up(self, count: int | None = None) -> None:
        """Up, stopping at the region's first line when the cursor is in or below it."""
        y = self.cursor.y
        self._hold()
        self.cursor.y = max(y - (count or 1), self.top if y >= self.top else 0)

    def cursor_down(self, count: int | None = None) -> None:
        """Down, stopping at the region's last line when the cursor is in or above it."""
        y = self.cursor.y
        self._hold()
        self.cursor.y = min(y + (count or 1), self.bottom if y <= self.bottom else self.lines - 1)

    def cursor_back(self, count: int | None = None) -> None:
        """Left, stopping at the first column."""
        self.cursor.x = max(0, min(self.cursor.x, self.columns - 1) - (count or 1))

    def cursor_forward(self, count: int | None = None) -> None:
        """Right, stopping at the last column."""
        self.cursor.x = min(self.columns - 1, self.cursor.x + (count or 1))

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """To a line and column counted from 1, in origin mode within the region."""
        self.cursor_to_line(line)
        self.cursor_to_column(column)

    def cursor_to_column(self, column: int | None = None) -> None:
        """To a column counted from 1."""
        self.cursor.x = max(0, min((column or 1) - 1, self.columns - 1))

    def cursor_to_line(self, line: int | None = None) -> None:
        """To a line counted from 1, in origin mode within the region."""
        self._hold()
        y = (line or 1) - 1
        if self.modes.origin:
            self.cursor.y = max(self.top, min(y + self.top, self.bottom))
        else:
            self.cursor.y = max(0, min(y, self.lines - 1))

    def _hold(self) -> None:
        """A pending wrap does not survive a movement."""
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    def save_cursor(self) -> None:
        """Remember position, look and character sets in the one slot there is (DECSC)."""
        cur = self.cursor
        self.saved = Saved(
            cur.x, cur.y, cur.code, self.g0_charset, self.g1_charset, self.charset, self.modes.origin
        )

    def restore_cursor(self) -> None:
        """Take back what was remembered; it stays remembered (DECRC)."""
        self._recall(self.saved)

    def _recall(self, saved: Saved) -> None:
        cur = self.cursor
        cur.x, cur.y, cur.code = min(saved.x, self.columns), min(saved.y, self.lines - 1), saved.code
        self.g0_charset, self.g1_charset, self.charset = saved.g0, saved.g1, saved.charset
        self.modes.origin = saved.origin

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """Set the scroll region, lines counted from 1, and go home."""
        first = max(top or 1, 1) - 1
        last = min(bottom or self.lines, self.lines) - 1
        if first < last:
            self.top, self.bottom = first, last
            self.cursor_position()

    # -- editing -------------------------------------------------------------

    def insert_lines(self, count: int | None = None) -> None:
        """Insert blank lines at the cursor, within the region."""
        if self.top <= self.cursor.y <= self.bottom:
            self.scroll_down(count or 1, self.cursor.y)
            self.cursor.x = 0

    def delete_lines(self, count: int | None = None) -> None:
        """Delete lines at the cursor; the region's rest moves up and nothing is kept."""
        y, bottom = self.cursor.y, self.bottom
        if self.top <= y <= bottom:
            number = min(count or 1, bottom + 1 - y)
            del self.rows[y : y + number]
            self.rows[bottom + 1 - number : bottom + 1 - number] = [self.blank() for _ in range(number)]
            self.dirty.update(range(y, bottom + 1))
            self.cursor.x = 0

    def insert_characters(self, count: int | None = None) -> None:
        """Insert blanks at the cursor; what leaves the line is lost."""
        row, x, cols = self.rows[self.cursor.y], self.cursor.x, self.columns
        if x >= cols:  # behind the last column is nothing to edit, as pyte and tmux have it
            return
        chars, codes = row.cells(cols)
        number = min(count or 1, cols - x)
        self._split_wide(row, x)
        self._split_wide(row, cols - number)
        del chars[cols - number :], codes[cols - number :]
        chars[x:x] = [" "] * number
        codes[x:x] = [self.cursor.code & st.BG] * number
        self.dirty.add(self.cursor.y)

    def delete_characters(self, count: int | None = None) -> None:
        """Delete cells at the cursor; the rest of the line moves left."""
        row, x, cols = self.rows[self.cursor.y], self.cursor.x, self.columns
        if x >= cols:  # behind the last column is nothing to edit, as pyte and tmux have it
            return
        chars, codes = row.cells(cols)
        number = min(count or 1, cols - x)
        self._split_wide(row, x)
        self._split_wide(row, x + number)
        del chars[x : x + number], codes[x : x + number]
        chars += [" "] * number
        codes += [self.cursor.code & st.BG] * number
        self.dirty.add(self.cursor.y)

    def _split_wide(self, row: Row, x: int) -> None:
        """Both halves of a wide character that an edit cuts at `x` become blank."""
        chars, codes = row.cells(self.columns)
        if 0 < x < self.columns and not chars[x]:
            chars[x - 1] = chars[x] = " "
            codes[x - 1] = codes[x] = 0

    def erase(self, y: int, start: int, end: int) -> None:
        """Blank columns `start` to `end` (exclusive) of a line in the cursor's background."""
        row, cols, code = self.rows[y], self.columns, self.cursor.code & st.BG
        self.dirty.add(y)
        if start <= 0 and end >= cols:
            row.clear()
            if code:
                row.segs, row.n = [(" " * cols, code, 1)], cols
            return
        if end <= start:
            return
        if row.chars is None and start >= row.n and not code:
            return
        if row.chars is None and not code and end >= cols and self._cut(row, start):
            return
        chars, codes = row.cells(cols)
        self._split_wide(row, start)
        self._split_wide(row, end)
        chars[start:end] = [" "] * (end - start)
        codes[start:end] = [code] * (end - start)
        if end >= cols:
            row.wrapped = 0

    def _cut(self, row: Row, start: int) -> bool:
        """Shorten an appended-to line of narrow characters; False when it has others."""
        for _, _, kind in row.segs:
            if kind != 1:
                return False
        while row.n > start:
            text, code, kind = row.segs.pop()
            row.n -= len(text)
            if row.n < start:
                row.segs.append((text[: start - row.n], code, kind))
                row.n = start
        row.wrapped = 0
        return True

    def erase_characters(self, count: int | None = None) -> None:
        """Blank cells from the cursor on."""
        x = self.cursor.x
        self.erase(self.cursor.y, x, min(x + (count or 1), self.columns))

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:  # noqa: ARG002  # in pyte's signature
        """Blank the line from the cursor (0), up to it (1) or whole (2)."""
        x, cols = self.cursor.x, self.columns
        if how == 0:
            self.erase(self.cursor.y, x, cols)
        elif how == 1:
            self.erase(self.cursor.y, 0, min(x + 1, cols))
        elif how == 2:
            self.erase(self.cursor.y, 0, cols)

    def erase_in_display(self, how: int = 0, *_args: Any, **_kwargs: Any) -> None:
        """Blank the screen from the cursor (0), up to it (1), whole (2), or the scrollback (3).

        What a whole clear takes away goes into the scrollback, so that `clear` loses no output.
        """
        y, cols = self.cursor.y, self.columns
        if how == 3:
            self.history.clear()
            self.pullable = 0
            return
        if how == 2:
            self._keep_screen()
        if how in (0, 1):
            self.erase_in_line(how)
        for line in {0: range(y + 1, self.lines), 1: range(y), 2: range(self.lines)}.get(how, ()):
            self.erase(line, 0, cols)

    def _keep_screen(self) -> None:
        """Move what is on the main screen into the scrollback."""
        if self.modes.alternate_screen:
            return
        packed = [row.packed() for row in self.rows]
        while packed and packed[-1] == "":
            packed.pop()
        self.history.extend(packed)
        self.history_total += len(packed)
        self.rows[:] = [Row() for _ in range(self.lines)]
        self.pullable = 0

    def alignment_display(self) -> None:
        """Fill the screen with E (DECALN)."""
        self.top, self.bottom = 0, self.lines - 1
        self.cursor.x = self.cursor.y = 0
        self.rows[:] = [plain_row("E" * self.columns, 0) for _ in range(self.lines)]
        self.touch()

    def repeat_character(self, count: int | None = None) -> None:
        """Draw the character before the cursor again (REP), to the end of the line at most."""
        cells = self.rows[self.cursor.y].cells(self.columns)[0]
        at = self._previous()
        if at:
            cell = [cells[at - 1], ""] if at < len(cells) and not cells[at] else [cells[at - 1]]
            room = (self.columns - self.cursor.x) // len(cell)
            self.draw_cells(cell * min(count or 1, room), odd=True)

    # -- modes ---------------------------------------------------------------

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """Switch modes on; `private=True` for DEC's."""
        for number in modes:
            self._switch(number, True, bool(kwargs.get("private")))

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """Switch modes off; `private=True` for DEC's."""
        for number in modes:
            self._switch(number, False, bool(kwargs.get("private")))

    def _switch(self, number: int, on: bool, private: bool) -> None:
        modes = self.modes
        flag = (PRIVATE_FLAGS if private else ANSI_FLAGS).get(number)
        if flag is not None:
            if flag == "autowrap" and on and not modes.autowrap:
                self._hold()
            setattr(modes, flag, on)
            if flag == "origin":
                self.cursor_position()
            elif flag == "reverse_video":
                self.touch()
            self.cursor.hidden = not modes.cursor_visible
        elif private and number in MOUSE:
            modes.mouse = number if on else 0
        elif private and number == 1048:
            (self.save_cursor if on else self.restore_cursor)()
        elif private and number in ALTERNATE:
            (self.enter_alternate if on else self.leave_alternate)(with_cursor=number == 1049)

    def enter_alternate(self, *, with_cursor: bool) -> None:
        """Show the alternate screen, blank; without scrollback."""
        if self.behind is not None:
            return
        if with_cursor:
            self.save_cursor()
        cursor = self.saved if with_cursor else None
        self.behind = Behind(self.rows, self.columns, self.lines, self.saved, cursor)
        self.saved = NOTHING_SAVED  # each screen has its own slot
        self.modes.alternate_screen = True
        self.rows = [Row() for _ in range(self.lines)]
        self.touch()

    def leave_alternate(self, *, with_cursor: bool) -> None:
        """Show the main screen again, with its cursor if it was saved with it.

        On the main screen already, the saved cursor is taken back all the same, as xterm and tmux do; with none saved
        it stays, as in tmux.
        """
        behind = self.behind
        if behind is None:
            if with_cursor and self.saved is not NOTHING_SAVED:
                self.restore_cursor()
            return
        self.behind = None
        self.modes.alternate_screen = False
        self.rows, self.saved = behind.rows, behind.saved
        if with_cursor and behind.cursor is not None:
            self._recall(behind.cursor)
        self.restore_size(behind.columns, behind.lines)
        self.touch()

    @abstractmethod
    def restore_size(self, columns: int, lines: int) -> None:
        """Bring the main screen, left at a size of `columns` by `lines`, to the present one."""

    def set_cursor_shape(self, number: int = 0) -> None:
        """DECSCUSR: odd numbers and 0 blink."""
        shape = CURSOR_SHAPES.get(number)
        if shape is not None:
            self.modes.cursor_shape = shape
            self.modes.cursor_blink = number % 2 == 1 or number == 0

    def set_keypad(self, application: int) -> None:
        """DECKPAM and DECKPNM."""
        self.modes.application_keypad = bool(application)

    def choose_charset(self, index: int, table: str) -> None:
        """Put a character set into G0 or G1."""
        if index:
            self.g1_charset = table
        else:
            self.g0_charset = table

    def scroll_region_down(self, count: int | None = None) -> None:
        """Move the region's lines down (SD)."""
        self.scroll_down(count or 1, self.top)

    # -- resets --------------------------------------------------------------

    def soft_reset(self) -> None:
        """DECSTR: modes, margins and look, not the screen's content."""
        modes = self.modes
        modes.insert = modes.origin = modes.application_cursor = modes.application_keypad = False
        modes.cursor_visible = modes.autowrap = True
        self.cursor.hidden = False
        self.cursor.code = 0
        self.top, self.bottom = 0, self.lines - 1
        self.charset, self.g0_charset, self.g1_charset = 0, charsets.LAT1_MAP, charsets.LAT1_MAP
        self.saved = NOTHING_SAVED

    def full_reset(self) -> None:
        """RIS: everything but the scrollback, which takes what was on the screen."""
        self.leave_alternate(with_cursor=False)
        self._keep_screen()
        self.modes = Modes()
        self.soft_reset()
        self.tabstops = set(range(8, self.columns, 8))
        self.title = self.icon_name = ""
        self.titles.clear()
        self.cursor.x = self.cursor.y = 0
        for row in self.rows:
            row.clear()
        self.touch()

    def push_title(self) -> None:
        """Remember the title."""
        self.titles = [*self.titles[-MAX_TITLES + 1 :], self.title]

    def pop_title(self) -> None:
        """Take the last remembered title."""
        if self.titles:
            self.title = self.titles.pop()
