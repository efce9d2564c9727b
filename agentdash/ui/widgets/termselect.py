"""Choosing text in a terminal: by mouse or with a cursor of its own, also beyond what is in sight."""

from __future__ import annotations

from agentdash.ui.widgets.termlines import TermLines, width_of

Place = tuple[int, int]
"""(line, cell)"""
_LINES = {"up": -1, "k": -1, "down": 1, "j": 1}
_CELLS = {"left": -1, "h": -1, "right": 1, "l": 1}
_PAGES = {"pageup": -1.0, "ctrl+b": -1.0, "pagedown": 1.0, "ctrl+f": 1.0, "ctrl+u": -0.5, "ctrl+d": 0.5}
_INSIDE_WORDS = frozenset("_-./~:@%+#?&=")
"""What belongs to a word beside letters and digits: paths, addresses and names are chosen whole."""


class TermSelection:
    """A stretch of text between an anchor and a cursor, both included.

    Args:
        lines: The terminal's lines.
        place: Where the cursor begins.
        is_keyboard: A person moves the cursor with keys.
    """

    def __init__(self, lines: TermLines, place: Place, *, is_keyboard: bool = False) -> None:
        self._lines = lines
        self.cursor = place
        self.anchor: Place | None = None if is_keyboard else place
        self.is_keyboard = is_keyboard
        self.is_lines = False
        """Whole lines are chosen."""

    @property
    def is_empty(self) -> bool:
        """Nothing is chosen."""
        return self.anchor is None or (
            not self.is_keyboard and not self.is_lines and self.anchor == self.cursor
        )

    def begin(self, *, is_lines: bool) -> None:
        """Choose from the cursor on; once more lets go."""
        if self.anchor is not None and self.is_lines is is_lines:
            self.anchor = None
        elif self.anchor is None:
            self.anchor = self.cursor
        self.is_lines = is_lines

    def cells(self, line: int) -> tuple[int, int] | None:
        """Cells of a line that are chosen."""
        if self.anchor is None or self.is_empty:
            return None
        (first, start), (last, stop) = sorted((self.anchor, self.cursor))
        if not first <= line <= last:
            return None
        width = self._lines.emulator.columns
        if self.is_lines:
            return 0, width
        return (start if line == first else 0), (stop + 1 if line == last else width)

    def text(self) -> str:
        """What is chosen. A line that was wrapped is one line again; blanks at the ends of lines are left out."""
        if self.anchor is None or self.is_empty:
            return ""
        lines, first = self._lines, self._lines.first
        wrapped = lines.wrapped()
        begin, end = sorted((self.anchor[0], self.cursor[0]))
        out: list[str] = []
        for line in range(max(begin, first), min(end, lines.end - 1) + 1):
            cells = self.cells(line)
            assert cells is not None
            goes_on = line - first < len(wrapped) and wrapped[line - first] and line < end
            text = lines.cut(line, *cells)
            out.append(text if goes_on else text + "\n")
        joined = "".join(out)
        return joined if self.is_lines else joined.removesuffix("\n")

    # The cursor

    def move(self, key: str, page: int) -> bool:
        """Move as a key says; False if it is no key that moves."""
        (line, x), lines = self.cursor, self._lines
        if key in _LINES:
            line += _LINES[key]
        elif key in _PAGES:
            line += int(page * _PAGES[key])
        elif key in _CELLS:
            x += _CELLS[key]
        else:
            match key:
                case "home" | "0":
                    x = 0
                case "end" | "dollar_sign" | "$":
                    x = width_of(lines.text(line)) - 1
                case "g" | "ctrl+home":
                    line = lines.first
                case "G" | "ctrl+end":
                    line = lines.end - 1
                case "w":
                    x = self._word_end(line, x) + 1
                case "b":
                    x = self._word_start(line, x - 1)
                case _:
                    return False
        last = max(0, lines.emulator.columns - 1)
        self.cursor = min(max(line, lines.first), lines.end - 1), min(max(x, 0), last)
        return True

    def choose_word(self) -> None:
        """The word under the cursor."""
        line, x = self.cursor
        self.anchor = line, self._word_start(line, x)
        self.cursor = line, self._word_end(line, x)

    def choose_line(self) -> None:
        """The whole line under the cursor."""
        self.anchor, self.is_lines = self.cursor, True

    def _word_start(self, line: int, x: int) -> int:
        while x > 0 and not self._is_word(line, x):
            x -= 1
        while x > 0 and self._is_word(line, x - 1):
            x -= 1
        return max(0, x)

    def _word_end(self, line: int, x: int) -> int:
        end = width_of(self._lines.text(line))
        while x < end - 1 and not self._is_word(line, x):
            x += 1
        while x < end - 1 and self._is_word(line, x + 1):
            x += 1
        return x

    def _is_word(self, line: int, x: int) -> bool:
        # The second cell of a wide character belongs to it.
        found = self._lines.cut(line, x, x + 1) or self._lines.cut(line, x - 1, x)
        return bool(found) and (found[0].isalnum() or found[0] in _INSIDE_WORDS)
