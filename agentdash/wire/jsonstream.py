"""Where one JSON value of an endless stream ends, decided as the agent's decoder decides it.

An object or array is complete with its last bracket. A bare scalar is complete only when the next character
arrives, because `1` may go on as `12` (contract: pty.md §6). A character that cannot stand where it stands is
an error at once, not when the value is complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto

from agentdash.wire.errors import JsonSyntaxError

MAX_DEPTH = 200
"""Brackets inside brackets; the values of this protocol have one."""
MAX_VALUE = 16 * 1024 * 1024
"""Characters of one value; a paste comes in pieces of a few KiB."""

_SPACE = " \t\r\n"
_STRING_BODY = re.compile(r'[^"\\\x00-\x1f]*')
_LITERALS = {"t": "rue", "f": "alse", "n": "ull"}
_HEX = frozenset("0123456789abcdefABCDEF")


class _At(Enum):
    """What may come next."""

    VALUE = auto()
    FIRST_ITEM = auto()
    FIRST_KEY = auto()
    KEY = auto()
    COLON = auto()
    AFTER = auto()
    STRING = auto()
    ESCAPE = auto()
    HEX = auto()
    LITERAL = auto()
    MINUS = auto()
    ZERO = auto()
    INTEGER = auto()
    POINT = auto()
    FRACTION = auto()
    EXPONENT = auto()
    EXPONENT_SIGN = auto()
    EXPONENT_DIGITS = auto()


_DIGITS = "0123456789"
_NUMBERS: dict[_At, tuple[tuple[str, _At], ...]] = {
    _At.MINUS: (("0", _At.ZERO), (_DIGITS, _At.INTEGER)),
    _At.ZERO: ((".", _At.POINT), ("eE", _At.EXPONENT)),
    _At.INTEGER: ((_DIGITS, _At.INTEGER), (".", _At.POINT), ("eE", _At.EXPONENT)),
    _At.POINT: ((_DIGITS, _At.FRACTION),),
    _At.FRACTION: ((_DIGITS, _At.FRACTION), ("eE", _At.EXPONENT)),
    _At.EXPONENT: ((_DIGITS, _At.EXPONENT_DIGITS), ("+-", _At.EXPONENT_SIGN)),
    _At.EXPONENT_SIGN: ((_DIGITS, _At.EXPONENT_DIGITS),),
    _At.EXPONENT_DIGITS: ((_DIGITS, _At.EXPONENT_DIGITS),),
}
_COMPLETE_NUMBERS = frozenset({_At.ZERO, _At.INTEGER, _At.FRACTION, _At.EXPONENT_DIGITS})


class ValueScanner:
    """Pieces of text in, complete values out, each as its text."""

    def __init__(self, max_value: int = MAX_VALUE, max_depth: int = MAX_DEPTH) -> None:
        self._max_value = max_value
        self._max_depth = max_depth
        self._parts: list[str] = []
        self._size = 0
        self._reset()

    def _reset(self) -> None:
        self._at = _At.VALUE
        self._stack: list[str] = []
        self._is_key = False
        self._left = ""
        self._is_scalar_done = False

    @property
    def is_inside(self) -> bool:
        """Whether a value has begun and is not complete."""
        return self._size > 0

    def feed(self, text: str) -> Iterator[str]:
        """Yield the values that this piece completes.

        Raises:
            JsonSyntaxError: The stream is not JSON, too deep or too large; the scanner is of no use
            afterwards.
        """
        start = index = 0
        while index < len(text):
            if (
                self._at is _At.VALUE
                and not self._stack
                and not self._is_scalar_done
                and text[index] in _SPACE
            ):
                index += 1
                start = index
                continue
            if self._is_scalar_done:
                yield self._take(text[start:index])
                start = index
                continue
            used, is_closed = self._step(text, index)
            index += used
            if is_closed:
                yield self._take(text[start:index])
                start = index
        self._keep(text[start:])

    def _take(self, piece: str) -> str:
        self._keep(piece)
        value = "".join(self._parts)
        self._parts = []
        self._size = 0
        self._reset()
        return value

    def _keep(self, piece: str) -> None:
        self._size += len(piece)
        if self._size > self._max_value:
            raise JsonSyntaxError(f"value larger than {self._max_value} characters")
        if piece:
            self._parts.append(piece)

    def _step(self, text: str, index: int) -> tuple[int, bool]:
        """Take what stands at `index`; tell how many characters that was, and whether the value is closed."""
        ch = text[index]
        if self._at is _At.STRING:
            end = _STRING_BODY.match(text, index).end()  # type: ignore[union-attr]  # matches everywhere
            if end > index:
                return end - index, False
            self._string(ch)
        elif self._at in (_At.ESCAPE, _At.HEX):
            self._escape(ch)
        elif self._at is _At.LITERAL:
            if ch != self._left[0]:
                raise _refused(ch)
            self._left = self._left[1:]
            if not self._left:
                self._end()
        elif self._at in _NUMBERS:
            return self._number(ch)
        elif ch not in _SPACE:
            return 1, self._structure(ch)
        return 1, False

    def _structure(self, ch: str) -> bool:
        """Take a character between values."""
        at = self._at
        if at is _At.COLON and ch == ":":
            self._at = _At.VALUE
        elif at in (_At.KEY, _At.FIRST_KEY) and ch == '"':
            self._at, self._is_key = _At.STRING, True
        elif at is _At.AFTER and ch == ",":
            self._at = _At.KEY if self._stack[-1] == "}" else _At.VALUE
        elif at in (_At.AFTER, _At.FIRST_KEY, _At.FIRST_ITEM) and ch == self._stack[-1]:
            self._stack.pop()
            self._at = _At.AFTER
            return not self._stack
        elif at in (_At.VALUE, _At.FIRST_ITEM):
            self._begin(ch)
        else:
            raise _refused(ch)
        return False

    def _begin(self, ch: str) -> None:
        if ch in "{[":
            if len(self._stack) >= self._max_depth:
                raise JsonSyntaxError("nested too deeply")
            self._stack.append("}" if ch == "{" else "]")
            self._at = _At.FIRST_KEY if ch == "{" else _At.FIRST_ITEM
        elif ch == '"':
            self._at, self._is_key = _At.STRING, False
        elif ch in _LITERALS:
            self._at, self._left = _At.LITERAL, _LITERALS[ch]
        elif ch == "-":
            self._at = _At.MINUS
        elif ch in _DIGITS:
            self._at = _At.ZERO if ch == "0" else _At.INTEGER
        else:
            raise _refused(ch)

    def _string(self, ch: str) -> None:
        if ch == "\\":
            self._at = _At.ESCAPE
        elif ch != '"':
            raise _refused(ch)
        elif self._is_key:
            self._at = _At.COLON
        else:
            self._end()

    def _escape(self, ch: str) -> None:
        if self._at is _At.HEX:
            if ch not in _HEX:
                raise _refused(ch)
            self._left = self._left[1:]
            if not self._left:
                self._at = _At.STRING
        elif ch == "u":
            self._at, self._left = _At.HEX, "xxxx"
        elif ch in '"\\/bfnrt':
            self._at = _At.STRING
        else:
            raise _refused(ch)

    def _number(self, ch: str) -> tuple[int, bool]:
        for chars, following in _NUMBERS[self._at]:
            if ch in chars:
                self._at = following
                return 1, False
        if self._at not in _COMPLETE_NUMBERS:
            raise _refused(ch)
        self._end()
        return 0, False

    def _end(self) -> None:
        """A scalar is complete: inside brackets something may follow, outside it waits for the next character."""
        self._at = _At.AFTER
        self._is_scalar_done = not self._stack


def _refused(ch: str) -> JsonSyntaxError:
    return JsonSyntaxError(f"invalid character {ch!a}")
