"""DER, as far as certificates and signed messages need it (X.690; RFC 5280, RFC 2315)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
UTF8_STRING: Final = 0x0C
UTC_TIME: Final = 0x17
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONTEXT_0: Final = 0xA0


class DerError(ValueError):
    """Not DER, or not of the form that was expected."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value: its tag, its contents, and all its bytes as they came."""

    tag: int
    content: bytes
    raw: bytes

    def children(self, tag: int | None = None) -> list[Node]:
        """The values inside. Raises `DerError`, also when this has another tag than the wanted."""
        if tag is not None and self.tag != tag:
            raise DerError(f"tag {self.tag:#x} where {tag:#x} belongs")
        found, at = [], 0
        while at < len(self.content):
            node = read(self.content, at)
            found.append(node)
            at += len(node.raw)
        return found

    def number(self) -> int:
        """The value of an INTEGER."""
        if self.tag != INTEGER or not self.content:
            raise DerError("no integer")
        return int.from_bytes(self.content, "big", signed=True)


def read(data: bytes, at: int = 0) -> Node:
    """The value that begins at `at`. Raises `DerError` when it is cut."""
    if at + 2 > len(data):
        raise DerError("cut")
    length, start = data[at + 1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or start + count > len(data):
            raise DerError("a length that cannot be read")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise DerError("cut")
    return Node(data[at], data[start : start + length], data[at : start + length])


def write(tag: int, *parts: bytes) -> bytes:
    """A value of these contents."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def integer(number: int) -> bytes:
    """An INTEGER that is not negative."""
    return write(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = [int(part) for part in dotted.split(".")]
    return write(OID, b"".join(_base128(number) for number in (first * 40 + second, *rest)))


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return write(SEQUENCE, *parts)


def child(nodes: Sequence[Node], index: int) -> Node:
    """One of several. Raises `DerError` when there are fewer."""
    if index >= len(nodes):
        raise DerError("a part is missing")
    return nodes[index]


def _base128(number: int) -> bytes:
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(number & 0x7F | 0x80)
    return bytes(reversed(out))
