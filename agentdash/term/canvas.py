"""The cells of the screen: drawing runs of text, scrolling, what changed since the last look."""

from __future__ import annotations

from collections import deque

import pyte
from pyte import charsets

from agentdash.term import style as st
from agentdash.term.cells import ZWJ, classes, compose, extended, is_mark, is_wide, joins, spread, width
from agentdash.term.modes import Modes
from agentdash.term.row import FULL, GAP, MIXED, Kept, Row, plain_row
from agentdash.term.view import Buffer, Cursor


class Canvas(pyte.Screen):
    """The state of a screen and what draws on it.

    The scroll region is `top` to `bottom`, both inclusive, and always set. `rows` is one list object for
    as long as the screen is neither switched nor resized.
    """

    cursor: Cursor

    def __init__(self, columns: int, lines: int, history: int) -> None:
        self.columns, self.lines = columns, lines
        self.history: deque[Kept] = deque(maxlen=max(history, 0))
        self.history_total = 0  # lines that ever went into the scrollback
        self.pullable = 0  # lines at the end of the history that growing may take back, or more
        self.dirty: set[int] = set()
        self._scrolled = 0  # lines the whole screen went up since the last look; `lines` means all is new
        self.rows = [Row() for _ in range(lines)]
        self.modes = Modes()
        self.cursor = Cursor()
        self.top, self.bottom = 0, lines - 1
        self.charset = 0
        self.g0_charset: str = charsets.LAT1_MAP
        self.g1_charset: str = charsets.LAT1_MAP
        self.tabstops: set[int] = set(range(8, columns, 8))
        self.title = ""
        self.icon_name = ""
        self._bells = 0
        self.joining: tuple[int, int] | None = None  # where a joiner was drawn just now
        self.narrow_seen: set[str] = set()  # short texts of plain narrow characters outside ASCII

    @property
    def buffer(self) -> Buffer:  # type: ignore[override]  # pyte's is a dict of dicts, this one a view
        """Cells as `buffer[y][x]`, each a pyte `Char`."""
        return Buffer(self.rows, self.columns)

    @property
    def display(self) -> list[str]:
        """The screen's lines as text, padded to its width."""
        return [row.text(self.columns) for row in self.rows]

    @property
    def is_translating(self) -> bool:
        """Whether the character set in use is not the plain one."""
        return (self.g1_charset if self.charset else self.g0_charset) is not charsets.LAT1_MAP

    @property
    def is_direct(self) -> bool:
        """Whether narrow text goes to the cells as it is."""
        modes = self.modes
        return modes.autowrap and not (modes.insert or self.joining or self.is_translating)

    @property
    def has_region(self) -> bool:
        """Whether only part of the screen scrolls."""
        return self.top > 0 or self.bottom < self.lines - 1

    # -- drawing -------------------------------------------------------------

    def draw(self, data: str) -> None:
        """Draw text without control characters at the cursor."""
        charset = self.g1_charset if self.charset else self.g0_charset
        if charset is not charsets.LAT1_MAP:
            data = data.translate(charset)
        if data.isascii():
            self.joining = None
            self.draw_narrow(data)
            return
        if data in self.narrow_seen and not self.joining:
            self.draw_narrow(data)
            return
        found = classes()
        if not found.all_plain(data):
            data = compose(data)
            if not found.all_plain(data):
                self._draw_stretches(data)
                return
        if self.joining:
            self._draw_odd(data[0])
            data = data[1:]
        if data:
            self._draw_plain(data)

    def _draw_stretches(self, text: str) -> None:
        """Draw what is neither all plain nor all odd."""
        for match in classes().stretches(text):
            part = match[0]
            if self.joining or not match[1]:
                self._draw_odd(part[0])
                part = part[1:]
            if part:
                self._draw_plain(part)

    def _draw_plain(self, text: str) -> None:
        """Draw narrow and wide characters none of which joins another."""
        wide = classes().wide(text)
        if not wide:
            if len(text) < 8 and len(self.narrow_seen) < 4096:
                self.narrow_seen.add(text)
            self.draw_narrow(text)
            return
        columns = len(text) + len("".join(wide))
        if self.cursor.x + columns > self.columns or self.modes.insert:
            self.draw_cells(spread(text))
        else:
            self._place(text, columns, MIXED)

    def draw_narrow(self, text: str) -> None:
        """Draw characters of one column each."""
        cur, cols = self.cursor, self.columns
        if cur.x + len(text) <= cols and not self.modes.insert:
            self._place(text, len(text), 1)
            return
        at = 0
        while at < len(text):
            if cur.x >= cols:
                self._wrap()
            room = cols - cur.x
            part = text[at : at + room]
            if len(text) - at > room and not self.modes.autowrap:
                part = part[:-1] + text[-1]
                at = len(text)
            if self.modes.insert:
                self.insert_characters(len(part))
            self._place(part, len(part), 1)
            at += room

    def draw_cells(self, cells: list[str], *, odd: bool = False) -> None:
        """Draw narrow and wide cells that may not fit on the line; `odd` ones are in no class."""
        cur, cols = self.cursor, self.columns
        at, total = 0, len(cells)
        while at < total:
            if cur.x >= cols:
                self._wrap()
            end = min(total, at + cols - cur.x)
            if end < total and not cells[end]:  # a wide character is never cut in two
                end -= 1
            if end > at:
                if self.modes.insert:
                    self.insert_characters(end - at)
                if odd:  # a row of pieces could not tell its columns
                    self._overwrite(cells[at:end], end - at)
                else:
                    self._place("".join(cells[at:end]), end - at, MIXED)
                at = end
            elif self.modes.autowrap and cols > 1:
                self._wrap(GAP)
            else:  # no room for it anywhere on this line: as terminals do, not drawn
                at += 2

    def _draw_odd(self, char: str) -> None:
        """Draw a character that may belong to the cell before: marks, joiners, rare scripts."""
        cur, previous, columns = self.cursor, self._previous(), width(char)
        cells = self.rows[cur.y].cells(self.columns)[0]
        cell = cells[previous - 1] if previous else ""
        joining, self.joining = self.joining, None
        if char == ZWJ:
            self.joining = (cur.x, cur.y) if cell else None
        elif cell and joining == (cur.x, cur.y) and joins(cell, char):
            self._extend(previous - 1, ZWJ + char)
        elif columns:
            self.draw_cells([char, ""][:columns], odd=True)
        elif cell and is_mark(cell, char):
            self._extend(previous - 1, char)

    def _previous(self) -> int:
        """One more than the column of the cell left of the cursor; 0 when there is none."""
        x = min(self.cursor.x, self.columns)
        if x > 1 and not self.rows[self.cursor.y].cells(self.columns)[0][x - 1]:
            return x - 1
        return x

    def _extend(self, x: int, more: str) -> None:
        """Add to the cell at `x`; some symbols become wide by it."""
        chars, codes = self.rows[self.cursor.y].cells(self.columns)
        cell, is_last = extended(chars[x], more), x + 1 >= self.columns
        if is_wide(cell) and (is_last or chars[x + 1]):
            if is_last:  # no column left for it: drawn narrow, without the selector
                return
            if x + 2 < self.columns and not chars[x + 2]:
                chars[x + 2], codes[x + 2] = " ", 0
            chars[x + 1], codes[x + 1] = "", codes[x]
            self.cursor.x = max(self.cursor.x, x + 2)
        chars[x] = cell
        self.dirty.add(self.cursor.y)

    def _place(self, text: str, columns: int, kind: int) -> None:
        """Write a run that fits at the cursor, and move the cursor behind it."""
        cur = self.cursor
        x, row = cur.x, self.rows[cur.y]
        if row.chars is None and x >= row.n:
            if x > row.n:
                row.segs.append((" " * (x - row.n), 0, 1))
            row.segs.append((text, cur.code, kind))
            cur.x = row.n = x + columns
            self.dirty.add(cur.y)
        else:
            self._overwrite(text if kind == 1 else spread(text), columns)

    def _overwrite(self, cells: str | list[str], columns: int) -> None:
        """Write cells that fit over what stands at the cursor, and move the cursor behind them."""
        cur = self.cursor
        row = self.rows[cur.y]
        chars, codes = (row.chars, row.codes) if row.chars is not None else row.cells(self.columns)
        x, end = cur.x, cur.x + columns
        if not chars[x] and x:
            chars[x - 1], codes[x - 1] = " ", 0
        if end < self.columns and not chars[end]:
            chars[end], codes[end] = " ", 0
        chars[x:end] = cells
        codes[x:end] = [cur.code] * columns
        cur.x = end
        self.dirty.add(cur.y)

    def _wrap(self, how: int = FULL) -> None:
        """Go on at the beginning of the next line."""
        cur = self.cursor
        if not self.modes.autowrap:
            cur.x = self.columns - 1
            return
        cur.x = 0
        self.rows[cur.y].wrapped = how
        self.index()

    # -- scrolling -----------------------------------------------------------

    def blank(self) -> Row:
        """A new line in the cursor's background."""
        code = self.cursor.code & st.BG
        return plain_row(" " * self.columns, code) if code else Row()

    def index(self) -> None:
        """One line down, scrolling the region at its end."""
        cur, top, bottom = self.cursor, self.top, self.bottom
        if cur.y != bottom:
            if cur.y < self.lines - 1:
                cur.y += 1
            return
        rows, last = self.rows, self.lines - 1  # `scroll_up(1)`, for every line of output
        gone = rows.pop(top)
        if top == 0 and not self.modes.alternate_screen:
            self.history.append(gone.packed())
            self.pullable += 1
            self.history_total += 1
        if cur.code & st.BG:
            gone = self.blank()
        else:  # the same object once more: that is cheaper
            gone.clear()
        rows.insert(bottom, gone)
        if top or bottom != last:
            if len(self.dirty) <= last:
                self.dirty.update(range(top, bottom + 1))
        elif self._scrolled <= last:
            self.went_up(1)

    def reverse_index(self) -> None:
        """One line up, scrolling the region at its beginning."""
        cur = self.cursor
        if cur.y == self.top:
            self.scroll_down(1, self.top)
        elif cur.y:
            cur.y -= 1

    def scroll_up(self, count: int | None = None) -> None:
        """Move the region's lines up. What leaves the top of the screen goes into the scrollback.

        Lines that leave a region further down were part of a picture, not of the output.
        """
        top, bottom, rows = self.top, self.bottom, self.rows
        count = min(count or 1, bottom + 1 - top)
        if top == 0 and not self.modes.alternate_screen:
            self.history.extend([row.packed() for row in rows[:count]])
            self.pullable += count
            self.history_total += count
        del rows[top : top + count]
        rows[bottom + 1 - count : bottom + 1 - count] = [self.blank() for _ in range(count)]
        if top == 0 and bottom == self.lines - 1:
            self.went_up(count)
        else:
            self.dirty.update(range(top, bottom + 1))

    def scroll_down(self, count: int, top: int) -> None:
        """Move the lines from `top` to the end of the region down; the last ones are lost."""
        bottom, rows = self.bottom, self.rows
        count = min(count, bottom + 1 - top)
        del rows[bottom + 1 - count : bottom + 1]
        rows[top:top] = [self.blank() for _ in range(count)]
        self.dirty.update(range(top, bottom + 1))

    def went_up(self, count: int) -> None:
        """Note that the whole screen moved up, so that a painter may scroll instead of repainting."""
        lines = self.lines
        if self._scrolled >= lines:
            return
        self._scrolled += count
        if self._scrolled >= lines:
            self.touch()
            return
        moved = [y - count for y in self.dirty if y >= count]
        self.dirty.clear()
        self.dirty.update(moved, range(lines - count, lines))

    def touch(self) -> None:
        """Everything has to be painted anew."""
        self._scrolled = self.lines
        self.dirty.clear()
        self.dirty.update(range(self.lines))

    def draw_block(self, lines: list[str]) -> None:
        """CR LF, then each of `lines` with CR LF behind it.

        Only for printable ASCII narrower than the screen, no scroll region, no insert mode, no
        background. Lines that scroll through between two looks are never built.
        """
        cur, rows, last = self.cursor, self.rows, self.lines - 1
        cur.x = 0
        at, y = 0, cur.y
        if y < last:
            y += 1
            while y < last and at < len(lines):
                self._overlay(rows[y], lines[at])
                self.dirty.add(y)
                at += 1
                y += 1
            cur.y = y
            if at == len(lines):
                return
            self._overlay(rows[y], lines[at])
            at += 1
        self._scroll_in(lines[at:])

    def _overlay(self, row: Row, text: str) -> None:
        """Write a line over what stands there."""
        if not text:
            return
        if row.chars is None and row.n == 0:
            row.segs.append((text, self.cursor.code, 1))
            row.n = len(text)
            return
        chars, codes = row.cells(self.columns)
        end = len(text)
        if end < self.columns and not chars[end]:
            chars[end], codes[end] = " ", 0
        chars[:end] = text
        codes[:end] = [self.cursor.code] * end

    def _scroll_in(self, lines: list[str]) -> None:
        """The cursor is on the last line: scroll, then write and scroll each of `lines`."""
        rows, code, keep = self.rows, self.cursor.code, self.lines - 1
        count = len(lines) + 1
        through = max(0, len(lines) - keep)
        leaving = rows[: min(self.lines, count)]
        if not self.modes.alternate_screen:
            history = self.history
            history.extend([row.packed() for row in leaving])
            if through and not code:
                history.extend(lines[:through])
            elif through:
                history.extend([(0, ((text, code, 1),)) if text else "" for text in lines[:through]])
            self.pullable += count
            self.history_total += count
        del rows[: len(leaving)]
        rows += [plain_row(text, code) for text in lines[through:]]
        rows.append(Row())
        self.went_up(count)
