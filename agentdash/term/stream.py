"""Bytes in, calls on the screen out.

One compiled expression splits a whole chunk into text and controls at C speed. What it cannot match (a
sequence cut by the end of a frame, control characters inside one, strings) goes piece by piece through
a small state machine and comes back.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from agentdash.term.controls import (
    BLOCK,
    CHANGE,
    COLUMN,
    LINE,
    LOOK,
    MAX_CONTROL,
    NOTHING,
    OPENING,
    PLACE,
    PLAIN,
    Controls,
)
from agentdash.term.reports import Reporter
from agentdash.term.style import BG

# The most frequent control characters first. Named one by one: only when each alternative begins with a literal does the
# expression skip text at the speed of a table; and possessive, for nothing that was matched is ever given back.
_SINGLES: Final = "\r\n\x08\t\x07\x1b\x0e\x0f"
_OTHERS: Final = [chr(n) for n in (*range(0x20), *range(0x7F, 0xA0)) if chr(n) not in _SINGLES]
# Complete sequences, an OSC without control characters inside it, blocks of plain lines, single controls.
_SPLIT: Final = re.compile(
    "("
    "\x1b(?:\\[[0-9;:<=>?]*+[ -/]*+[@-~]|\\][^\x00-\x1f]*+(?:\x07|\x1b\\\\)|[ -/]*+[0-~])"
    "|\r\n(?:[ -~]*+\r\n)*+|" + "|".join(map(re.escape, (*_SINGLES, *_OTHERS))) + ")"
).split
_CANCEL: Final = "\x18\x1a"
_STRINGS: Final = "]PX^_k"
# What may stand between the beginning and the end of an escape (False) or control (True) sequence.
_INNER: Final = {False: re.compile("[ -/]+").match, True: re.compile("[ -?]+").match}


def _pairs(text: str) -> list[str]:
    """Text, control, …, text, control; the last control is empty."""
    if not text:
        return []
    pieces = _SPLIT(text)
    pieces.append("")
    return pieces


class _State(Enum):
    """What the machine is in the middle of."""

    ESCAPE = auto()
    SEQUENCE = auto()
    STRING = auto()
    STRING_END = auto()


class Stream:
    """Feeds one screen."""

    def __init__(self, screen: Reporter) -> None:
        self._screen = screen
        self.controls = Controls(screen)
        self.reset()

    def reset(self) -> None:
        """Forget what was begun."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state: _State | None = None  # None: nothing is open
        self._open = ""  # the sequence read so far, from its ESC on
        self._string: list[str] = []
        self._string_size = 0

    def feed(self, data: bytes) -> None:
        """Take bytes, cut anywhere."""
        pieces = iter(_pairs(self._decoder.decode(data)))
        while True:
            if self._state is not None:
                self._resume(pieces)
                if self._state is not None:
                    return
            self._run(pieces)
            if self._state is None:
                return

    def _run(self, pieces: Iterator[str]) -> None:  # noqa: C901, PLR0912, PLR0915  # see below
        """Interpret pieces (text, control, …, text, control) until one begins what it does not end.

        The hot loop: everything frequent is spelled out here, a call would cost as much as the work. The cursor is
        kept in local names and handed over where something else is called.
        """
        screen, known, find = self._screen, self.controls.known, self.controls.find
        cur, dirty = screen.cursor, screen.dirty
        rows, modes = screen.rows, screen.modes
        direct, narrow_seen = screen.is_direct, screen.narrow_seen
        cols, last = screen.columns, screen.lines - 1
        x, y, code = cur.x, cur.y, cur.code
        marked = -1  # the line that is known to be in `dirty`
        for text, control in zip(pieces, pieces, strict=True):
            if text:
                end = x + len(text)
                if direct and end <= cols and (text.isascii() or text in narrow_seen):
                    row = rows[y]
                    chars = row.chars
                    if chars is None:
                        if is_drawn := x == row.n:
                            row.segs.append((text, code, 1))
                            x = row.n = end
                    elif is_drawn := bool(chars[x] and (end == cols or chars[end])):
                        if end == x + 1:
                            chars[x] = text
                            row.codes[x] = code
                        else:
                            chars[x:end] = text
                            row.codes[x:end] = [code] * (end - x)
                        x = end
                    if not is_drawn:
                        cur.x, cur.y, cur.code = x, y, code
                        screen.draw_narrow(text)
                        x, y, marked = cur.x, cur.y, -1
                    elif y != marked:
                        dirty.add(y)
                        marked = y
                else:
                    cur.x, cur.y, cur.code = x, y, code
                    screen.draw(text)
                    x, y, marked = cur.x, cur.y, -1
                    direct = screen.is_direct
            what = known.get(control) or find(control)
            kind = what[0]
            if kind == LOOK:
                code = code & what[1] | what[2]
            elif kind == PLACE and not modes.origin:
                x, y = what[1], what[2]
            elif kind == LINE:
                x = 0
                if y != screen.bottom and y < last:
                    y += 1
                else:
                    cur.x, cur.y, cur.code = 0, y, code
                    screen.index()
                    y, marked = cur.y, -1
            elif kind == COLUMN:
                x = what[1]
            elif kind != NOTHING and not (kind == PLAIN and direct and not screen.charset):
                cur.x, cur.y, cur.code = x, y, code
                if kind == BLOCK:
                    self._draw_lines(control[2:-2].split("\r\n"), is_direct=direct)
                elif kind == OPENING:
                    if self._begin(control):
                        return
                else:
                    what[3](*what[4])
                    if kind >= CHANGE:
                        rows, modes, direct = screen.rows, screen.modes, screen.is_direct
                x, y, code, marked = cur.x, cur.y, cur.code, -1
        cur.x, cur.y, cur.code = x, y, code

    def _draw_lines(self, lines: list[str], *, is_direct: bool) -> None:
        """CR LF, then lines with CR LF behind each."""
        screen = self._screen
        cur = screen.cursor
        if (
            is_direct
            and not cur.code & BG
            and not screen.has_region
            and max(map(len, lines)) <= screen.columns
        ):
            screen.draw_block(lines)
            return
        cur.x = 0
        screen.index()
        for line in lines:
            if line:
                screen.draw(line)
            cur.x = 0
            screen.index()

    # -- what the expression does not match --------------------------------------

    def _begin(self, control: str) -> bool:
        """A control string nothing is bound to: the start of something longer, or to be ignored."""
        kind = control[1:2]
        if len(control) == 1:
            self._state, self._open = _State.ESCAPE, "\x1b"
        elif len(control) == 2 and kind == "[":
            self._state, self._open = _State.SEQUENCE, "\x1b["
        elif len(control) == 2 and kind in _STRINGS:
            self._begin_string(kind)
        elif kind == "]":
            self._screen.operating_system_command(control[2 : -1 if control[-1] == "\x07" else -2])
            return False
        else:
            return False
        return True

    def _begin_string(self, kind: str) -> None:
        self._state, self._open = _State.STRING, kind
        self._string, self._string_size = [], 0

    def _resume(self, pieces: Iterator[str]) -> None:
        """Go on in the middle of a sequence until it ends; what follows it in the piece is run."""
        is_text = True
        for piece in pieces:
            rest = self._step(piece)
            if self._state is None:
                if is_text:
                    self._run(iter((rest, next(pieces, ""))))
                elif rest:
                    self._run(iter(_pairs(rest)))
                if not self._is_open():
                    return
                is_text = False
            is_text = not is_text

    def _is_open(self) -> bool:
        """Whether something was begun and not ended."""
        return self._state is not None

    def _step(self, piece: str) -> str:
        """Take one piece in the middle of something; gives what is left of it once that has ended."""
        while piece and self._state is not None:
            if self._state is _State.STRING:
                piece = self._in_string(piece)
            elif self._state is _State.STRING_END:
                if piece[0] == "\\":
                    self._end_string()
                    return piece[1:]
                self._state, self._open = _State.ESCAPE, "\x1b"
            else:
                piece = self._in_sequence(piece)
        return piece

    def _in_string(self, piece: str) -> str:
        """Inside OSC, DCS, APC, PM, SOS or a title: keep a bounded part."""
        if piece[0] == "\x1b":
            if piece == "\x1b\\":
                self._end_string()
                return ""
            if piece == "\x1b":
                self._state = _State.STRING_END
                return ""
            self._state = None  # another sequence begins: the string was not ended, and is nothing
            return piece
        if piece == "\x07" and self._open == "]":
            self._end_string()
            return ""
        if piece in _CANCEL:
            self._state = None
            return ""
        if self._string_size <= self._screen.string_limit and self._open in "]k":
            self._string.append(piece)
            self._string_size += len(piece)
        return ""

    def _end_string(self) -> None:
        self._state = None
        if self._string_size <= self._screen.string_limit:
            body = "".join(char for char in "".join(self._string) if char >= " ")
            if self._open == "]":
                self._screen.operating_system_command(body)
            elif self._open == "k":
                self._screen.set_title(body)
        self._string = []

    def _in_sequence(self, piece: str) -> str:
        """Inside an escape or control sequence: what belongs to it, then the character that does not."""
        inner = _INNER[self._state is _State.SEQUENCE](piece)
        if inner is not None:
            if len(self._open) <= MAX_CONTROL:
                self._open += inner[0][:MAX_CONTROL]
            return piece[inner.end() :]
        char = piece[0]
        if char == "\x1b":
            if len(piece) > 1:  # a whole sequence: this one was given up
                self._state = None
                return piece
            self._state, self._open = _State.ESCAPE, "\x1b"
        elif char in _CANCEL or char > "\x7f":
            self._state = None
            return piece if char > "\x7f" else piece[1:]
        elif char < " ":
            self._run(iter(("", char)))
        elif char < "\x7f":
            control = self._open + char
            self._state = None
            if self._open == "\x1b" and char in "[" + _STRINGS:
                self._begin(control)
            else:
                self._run(iter(("", control)))
        return piece[1:]
