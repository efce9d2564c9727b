"""The agent's side of the terminal websocket: a strict parser of what clients send (contract: pty.md §6).

The bytes of all binary messages are one stream of JSON values; borders of messages mean nothing.
"""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass

from agentdash.wire.errors import JsonSyntaxError
from agentdash.wire.jsonstream import MAX_VALUE, ValueScanner
from agentdash.wire.jsontext import well_formed


@dataclass(frozen=True, slots=True)
class Typed:
    """Text for the program, never empty; write it as UTF-8."""

    data: str


@dataclass(frozen=True, slots=True)
class Resized:
    """A new size in rows and columns, 1…65535 each."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The stream is no longer readable: end this connection with close 1000, the session lives on."""

    reason: str


PtyInput = Typed | Resized | Broken


class _Number(str):
    """A number as it was written: `1.0` and `1e2` are no sizes, though equal to some."""

    __slots__ = ()


class _BadFieldError(Exception):
    pass


class InputDecoder:
    """Binary messages of one connection in, inputs out. After `Broken` nothing more comes."""

    def __init__(self, max_value: int = MAX_VALUE) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._scanner = ValueScanner(max_value)
        self._is_broken = False

    def feed(self, message: bytes) -> list[PtyInput]:
        """Take one message; inputs come in the order in which they take effect. Never raises."""
        inputs: list[PtyInput] = []
        if self._is_broken:
            return inputs
        try:
            for value in self._scanner.feed(self._utf8.decode(message)):
                inputs.extend(_inputs(value))
        except (JsonSyntaxError, _BadFieldError) as error:
            self._is_broken = True
            inputs.append(Broken(str(error)))
        return inputs


def _inputs(text: str) -> list[PtyInput]:
    """Read one complete value: data first, then the size, each only if it has an effect."""
    value = json.loads(text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number)
    if value is None:
        return []
    if not isinstance(value, _Pairs):
        raise _BadFieldError("the value is not an object")
    data, height, width = "", 0, 0
    for key, item in value:
        name = key.lower()
        if item is None or name not in ("data", "height", "width"):
            continue
        if name == "data":
            if not isinstance(item, str) or isinstance(item, _Number):
                raise _BadFieldError("data is not a string")
            data = item
        elif name == "height":
            height = _size(name, item)
        else:
            width = _size(name, item)
    inputs: list[PtyInput] = []
    if data:
        inputs.append(Typed(well_formed(data)))
    if height and width:
        inputs.append(Resized(height, width))
    return inputs


class _Pairs(list[tuple[str, object]]):
    """The members of an object in the order sent: the last one of a name counts."""


def _size(name: str, item: object) -> int:
    if isinstance(item, _Number) and item.isdecimal() and len(item) <= 5 and int(item) <= 65535:
        return int(item)
    raise _BadFieldError(f"{name} is not a whole number from 0 to 65535")
