"""dRPC: one call on one byte stream, without I/O (contract: tailnet.md §5.3).

    control(1) | stream id varint | message id varint | length varint | data

`Call` is one side of a call: its methods return the bytes to send, `receive` turns bytes, however they are
cut, into events. A peer that breaks the rules ends the call: the last event is `Broken`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from agentdash.wire.errors import CallError

MAX_FRAME: Final = 64 * 1024
"""Bytes of data that one frame of ours carries."""
MAX_PACKET: Final = 4 * 1024 * 1024
MAX_METHOD: Final = 4096
UNIMPLEMENTED: Final = 12
"""Code of an error that means: this server has the method in name only."""

_MAX_VARINT: Final = 10
_DONE: Final = 0x01
_CONTROL: Final = 0x80
_CODE_BYTES: Final = 8
_STREAM_ID: Final = 1


class Kind(IntEnum):
    """Bits 1 to 6 of the control byte."""

    INVOKE = 1
    MESSAGE = 2
    ERROR = 3
    CANCEL = 4
    CLOSE = 5
    CLOSE_SEND = 6
    METADATA = 7


class Side(Enum):
    """Who is speaking through a `Call`."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Invoked:
    """The client names the method, for example `/coder.tailnet.v2.Tailnet/Coordinate`."""

    method: str


@dataclass(frozen=True, slots=True)
class Message:
    """One protobuf message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The call ends with an error; almost all have code 0. `text` is foreign."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class SendingDone:
    """The peer sends no more messages; the call itself goes on."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The call is over, as the peer wanted it. `is_cancelled`: it gave up."""

    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """The peer broke the rules, or the stream ended inside a packet: the call is over."""

    reason: str


CallEvent = Invoked | Message | Failed | SendingDone | Closed | Broken


@dataclass(frozen=True, slots=True)
class Packet:
    """Frames of one message id, joined. Kinds that are unknown stay numbers."""

    kind: int
    stream_id: int
    message_id: int
    data: bytes


class _RuleBrokenError(Exception):
    """Becomes `Broken`."""


def varint(number: int) -> bytes:
    """Unsigned LEB128.

    Raises:
        ValueError: Negative.
    """
    if number < 0:
        raise ValueError("a varint is not negative")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_packet(
    kind: Kind, message_id: int, data: bytes = b"", *, stream_id: int = _STREAM_ID, max_frame: int = MAX_FRAME
) -> bytes:
    """Write one packet, in as many frames as it needs.

    Raises:
        CallError: Larger than the peer takes.
    """
    if len(data) > MAX_PACKET:
        raise CallError(f"a message of {len(data)} bytes, the limit is {MAX_PACKET}")
    ids = varint(stream_id) + varint(message_id)
    out = bytearray()
    for start in range(0, max(1, len(data)), max_frame):
        piece = data[start : start + max_frame]
        is_last = start + max_frame >= len(data)
        out.append(kind << 1 | (_DONE if is_last else 0))
        out += ids + varint(len(piece)) + piece
    return bytes(out)


class PacketReader:
    """Bytes in, whole packets out."""

    def __init__(self, max_packet: int = MAX_PACKET) -> None:
        self._max_packet = max_packet
        self._input = bytearray()
        self._ids = (0, 0)
        self._kind = -1
        """Of the packet that was begun, -1 between two packets."""
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def is_idle(self) -> bool:
        """Whether the last packet is complete: a stream that ends elsewhere was cut."""
        return not self._input and self._kind < 0

    def feed(self, data: bytes, packets: list[Packet]) -> str:
        """Append the packets that these bytes complete; returns what rule they break, "" if none. After a broken
        rule the reader is of no use.
        """
        self._input += data
        start = 0
        try:
            while (end := self._frame(start, packets)) > start:
                start = end
        except _RuleBrokenError as error:
            return str(error)
        finally:
            del self._input[:start]
        return ""

    def _frame(self, start: int, packets: list[Packet]) -> int:
        """Read the frame at `start`; returns where it ends, or `start` when it is not complete."""
        if start >= len(self._input):
            return start
        control = self._input[start]
        at = start + 1
        numbers: list[int] = []
        for _ in range(3):
            number, at = self._varint(at)
            if number < 0:
                return start
            numbers.append(number)
        stream_id, message_id, length = numbers
        is_known = not control & _CONTROL
        if length > self._max_packet or (is_known and self._size_with(length, numbers) > self._max_packet):
            raise _RuleBrokenError(f"a packet of more than {self._max_packet} bytes")
        if len(self._input) < at + length:
            return start
        if is_known:
            self._take(control, (stream_id, message_id), bytes(self._input[at : at + length]), packets)
        return at + length

    def _size_with(self, length: int, numbers: list[int]) -> int:
        return length + (self._size if (numbers[0], numbers[1]) == self._ids else 0)

    def _take(self, control: int, ids: tuple[int, int], data: bytes, packets: list[Packet]) -> None:
        kind = control >> 1 & 0x3F
        if 0 in ids:
            raise _RuleBrokenError("a packet with the id 0")
        if ids < self._ids:
            raise _RuleBrokenError(f"packet {ids[1]} after packet {self._ids[1]}")
        if ids > self._ids or self._kind < 0:
            # A packet that was begun and never ended is dropped by whoever begins the next one.
            self._ids, self._kind, self._parts, self._size = ids, kind, [], 0
        elif kind != self._kind:
            raise _RuleBrokenError("a packet that changes its kind")
        if data:
            self._parts.append(data)
            self._size += len(data)
        if control & _DONE:
            packets.append(Packet(kind, *ids, b"".join(self._parts)))
            self._ids, self._kind, self._parts, self._size = (ids[0], ids[1] + 1), -1, [], 0

    def _varint(self, at: int) -> tuple[int, int]:
        """The number at `at` and where it ends; -1 when it is not complete."""
        number = 0
        for count in range(_MAX_VARINT):
            if at + count >= len(self._input):
                return -1, at
            byte = self._input[at + count]
            number |= (byte & 0x7F) << 7 * count
            if byte < 0x80:
                if number >> 64:
                    break
                return number, at + count + 1
        raise _RuleBrokenError("a number of more than 64 bits")


class Call:
    """One side of one call."""

    def __init__(self, side: Side, *, max_packet: int = MAX_PACKET) -> None:
        self._side = side
        self._reader = PacketReader(max_packet)
        self._message_id = 0
        self._has_begun = False
        self._has_sent_all = False
        self._is_over_here = False
        self._peer_has_begun = False
        self._peer_has_sent_all = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the peer, or an error, has ended the call."""
        return self._is_over

    # -- sending ------------------------------------------------------------------------------------------------

    def invoke(self, method: str) -> bytes:
        """Begin a call, as its client.

        Raises:
            CallError: It was begun before, or this is the server.
        """
        if self._side is Side.SERVER or self._has_begun:
            raise CallError("a call is begun once, by its client")
        self._has_begun = True
        return self._packet(Kind.INVOKE, method.encode())

    def message(self, data: bytes) -> bytes:
        """One message; an empty one is sent too.

        Raises:
            CallError: Not begun, over, or too large.
        """
        if self._has_sent_all or (self._side is Side.CLIENT and not self._has_begun):
            raise CallError("no message can be sent now")
        return self._packet(Kind.MESSAGE, data)

    def end_sending(self) -> bytes:
        """No more messages from here; empty when that was said."""
        if self._has_sent_all or self._is_over_here:
            return b""
        self._has_sent_all = True
        return self._packet(Kind.CLOSE_SEND)

    def close(self) -> bytes:
        """The call is over; empty when that was said."""
        return self._end(Kind.CLOSE)

    def cancel(self) -> bytes:
        """Give up; empty when the call is over."""
        return self._end(Kind.CANCEL)

    def fail(self, text: str, code: int = 0) -> bytes:
        """End the call with an error; empty when it is over."""
        return self._end(Kind.ERROR, code.to_bytes(_CODE_BYTES, "big") + text.encode())

    def _end(self, kind: Kind, data: bytes = b"") -> bytes:
        if self._is_over_here:
            return b""
        packet = self._packet(kind, data)
        self._is_over_here = self._has_sent_all = True
        return packet

    def _packet(self, kind: Kind, data: bytes = b"") -> bytes:
        if self._is_over_here:
            raise CallError("the call is over")
        packet = encode_packet(kind, self._message_id + 1, data)
        self._message_id += 1
        return packet

    # -- receiving ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[CallEvent]:
        """Take bytes of the stream and return what they say. Never raises."""
        events: list[CallEvent] = []
        if self._is_over:
            return events
        packets: list[Packet] = []
        broken = self._reader.feed(data, packets)
        try:
            for packet in packets:
                if not self._take(packet, events):
                    self._is_over = True
                    return events
        except _RuleBrokenError as error:
            broken = str(error)
        if broken:
            self._is_over = True
            events.append(Broken(broken))
        return events

    def receive_end(self) -> list[CallEvent]:
        """The peer's direction of the stream has ended: in order, or inside a packet."""
        if self._is_over:
            return []
        self._is_over = True
        return [Closed() if self._reader.is_idle else Broken("the stream ended inside a packet")]

    def _take(self, packet: Packet, events: list[CallEvent]) -> bool:
        """Add what a packet says; False when it ends the call."""
        if packet.stream_id != _STREAM_ID:
            raise _RuleBrokenError("a second call on one stream")
        kind = packet.kind
        if kind in {Kind.CLOSE, Kind.CANCEL}:
            events.append(Closed(is_cancelled=kind == Kind.CANCEL))
            return False
        if kind == Kind.ERROR:
            if len(packet.data) < _CODE_BYTES:
                raise _RuleBrokenError("an error without its code")
            code = int.from_bytes(packet.data[:_CODE_BYTES], "big")
            events.append(Failed(code, packet.data[_CODE_BYTES:].decode("utf-8", "replace")))
            return False
        if self._side is Side.SERVER and not self._peer_has_begun:
            self._begin(packet, events)
        elif kind == Kind.MESSAGE and not self._peer_has_sent_all:
            events.append(Message(packet.data))
        elif kind == Kind.CLOSE_SEND and not self._peer_has_sent_all:
            self._peer_has_sent_all = True
            events.append(SendingDone())
        else:
            raise _RuleBrokenError(f"a packet of kind {kind} out of place")
        return True

    def _begin(self, packet: Packet, events: list[CallEvent]) -> None:
        if packet.kind == Kind.METADATA:
            return
        if packet.kind != Kind.INVOKE:
            raise _RuleBrokenError("a call that does not begin with its method")
        if len(packet.data) > MAX_METHOD:
            raise _RuleBrokenError("a method's name that is too long")
        self._peer_has_begun = True
        events.append(Invoked(packet.data.decode("utf-8", "replace")))
