"""yamux: many byte streams on one connection, without I/O (contract: tailnet.md §5.2).

    version(1)=0 | type(1) | flags(2) | stream id(4) | length(4)        big-endian

`Session.receive` takes bytes however they are cut and returns events; what is to be sent collects until
`take_output`. A peer that breaks the rules ends the session: the last event is `Broken`, and a go away that
says so stands in the output. Times (pings without answer, streams never accepted) are the driver's business.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from agentdash.wire.errors import SessionOverError, StreamOverError, TooManyStreamsError
from agentdash.wire.yamux_events import (
    Broken,
    DataReceived,
    Event,
    Flags,
    FrameType,
    GoAwayCode,
    GoneAway,
    PingAnswered,
    StreamAccepted,
    StreamFinished,
    StreamOffered,
    StreamReset,
    WindowGrown,
)

WINDOW: Final = 256 * 1024
"""Bytes of a stream that one side may send before the other has taken any."""
MAX_WINDOW: Final = 0xFFFFFFFF
MAX_WAITING: Final = 256
"""Streams that wait to be accepted, in each direction."""
MAX_STREAMS: Final = 1024
"""Streams of the peer that may be open at once."""

_HEADER: Final = struct.Struct(">BBHII")
_GAPS: Final = 1024


class _RuleBrokenError(Exception):
    """The peer did what no peer may; becomes `Broken`."""


@dataclass(slots=True)
class _Stream:
    send_window: int = WINDOW
    receive_window: int = WINDOW
    credit: int = 0
    is_accepted: bool = False
    is_ours: bool = False
    is_finished_here: bool = False
    is_finished_there: bool = False


class _PeerIds:
    """Which ids the peer has used. Streams opened at once may arrive out of order, so gaps are remembered."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._gaps: set[int] = set()

    def take(self, stream_id: int) -> bool:
        """Use an id; False when it was used before."""
        if stream_id >= self._next:
            self._gaps.update(range(max(self._next, stream_id - 2 * _GAPS), stream_id, 2))
            self._next = stream_id + 2
            if len(self._gaps) > _GAPS:
                self._gaps = set(sorted(self._gaps)[-_GAPS:])
            return True
        if stream_id in self._gaps:
            self._gaps.remove(stream_id)
            return True
        return False

    def knows(self, stream_id: int) -> bool:
        """Whether it was used before."""
        return stream_id < self._next and stream_id not in self._gaps


class Session:
    """One side of a connection. Not safe for several tasks at once between two calls' effects on the output."""

    def __init__(self, *, is_client: bool, max_streams: int = MAX_STREAMS) -> None:
        self._next_id = 1 if is_client else 2
        self._peer_ids = _PeerIds(2 if is_client else 1)
        self._max_streams = max_streams
        self._streams: dict[int, _Stream] = {}
        self._input = bytearray()
        self._output = bytearray()
        self._skip = 0
        self._pings: set[int] = set()
        self._next_ping = 0
        self._has_left = False
        self._peer_has_left = False
        self._is_over = False

    # -- what the driver asks ---------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether `Broken` was told; nothing more can be sent."""
        return self._is_over

    @property
    def stream_ids(self) -> tuple[int, ...]:
        """Streams that are open in at least one direction."""
        return tuple(self._streams)

    def take_output(self) -> bytes:
        """What is to be sent now; afterwards it is gone."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def open(self) -> int:
        """Open a stream and return its id; data may follow before the peer accepts it.

        Raises:
            SessionOverError: The session has ended or one side is leaving.
            TooManyStreamsError: 256 are waiting for the peer.
        """
        if self._is_over or self._has_left or self._peer_has_left:
            raise SessionOverError("the session takes no new streams")
        if sum(1 for one in self._streams.values() if one.is_ours and not one.is_accepted) >= MAX_WAITING:
            raise TooManyStreamsError(f"{MAX_WAITING} streams wait for the peer")
        if self._next_id > MAX_WINDOW:
            raise SessionOverError("all stream ids are used up")
        stream_id = self._next_id
        self._next_id += 2
        self._streams[stream_id] = _Stream(is_ours=True)
        self._frame(FrameType.WINDOW_UPDATE, Flags.SYN, stream_id, 0)
        return stream_id

    def accept(self, stream_id: int) -> None:
        """Take a stream that the peer offered.

        Raises:
            StreamOverError: It is not there any more.
        """
        stream = self._get(stream_id)
        if not stream.is_accepted and not stream.is_ours:
            stream.is_accepted = True
            self._frame(FrameType.WINDOW_UPDATE, Flags.ACK, stream_id, 0)

    def window(self, stream_id: int) -> int:
        """How many bytes may be sent on a stream now; 0 once it is closed."""
        stream = self._streams.get(stream_id)
        return 0 if stream is None or stream.is_finished_here else stream.send_window

    def send(self, stream_id: int, data: bytes) -> int:
        """Send as much as the window lets through; returns how many bytes that was. The rest waits for
        `WindowGrown`.

        Raises:
            StreamOverError: Closed in this direction, or reset.
        """
        stream = self._get(stream_id)
        if stream.is_finished_here:
            raise StreamOverError(f"stream {stream_id} was closed here")
        count = min(stream.send_window, len(data))
        if count:
            stream.send_window -= count
            self._frame(FrameType.DATA, Flags(0), stream_id, count, data[:count])
        return count

    def consume(self, stream_id: int, count: int) -> None:
        """Give the peer credit for bytes that were dealt with; told to it in halves of the window."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.is_finished_there or self._is_over:
            return
        stream.credit += count
        if stream.credit >= WINDOW // 2:
            stream.receive_window += stream.credit
            self._frame(FrameType.WINDOW_UPDATE, Flags(0), stream_id, stream.credit)
            stream.credit = 0

    def finish(self, stream_id: int) -> None:
        """Close our direction; may be repeated. What the peer still sends is received."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.is_finished_here or self._is_over:
            return
        stream.is_finished_here = True
        self._frame(FrameType.WINDOW_UPDATE, Flags.FIN, stream_id, 0)
        self._forget_if_done(stream_id, stream)

    def reset(self, stream_id: int) -> None:
        """Throw a stream away in both directions; may be repeated."""
        if self._streams.pop(stream_id, None) is not None and not self._is_over:
            self._frame(FrameType.WINDOW_UPDATE, Flags.RST, stream_id, 0)

    def ping(self) -> int:
        """Ask for a sign of life; returns the value that `PingAnswered` will bring."""
        if self._is_over:
            raise SessionOverError("the session has ended")
        value = self._next_ping
        self._next_ping = (value + 1) & MAX_WINDOW
        self._pings.add(value)
        self._frame(FrameType.PING, Flags.SYN, 0, value)
        return value

    def go_away(self, code: GoAwayCode = GoAwayCode.NORMAL) -> None:
        """Say that no new stream is taken; those that are open go on. May be repeated."""
        if not self._has_left and not self._is_over:
            self._has_left = True
            self._frame(FrameType.GO_AWAY, Flags(0), 0, code)

    # -- what the peer says -----------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the connection, cut anywhere, and return what they say. Never raises."""
        events: list[Event] = []
        if self._is_over:
            return events
        self._input += data
        try:
            while self._next_frame(events):
                pass
        except _RuleBrokenError as error:
            self._break(events, str(error))
        return events

    def receive_end(self) -> list[Event]:
        """The connection has ended: every stream with it."""
        if self._is_over:
            return []
        self._is_over = True
        self._streams.clear()
        return [Broken("the connection ended" + (" inside a frame" if self._input or self._skip else ""))]

    def _next_frame(self, events: list[Event]) -> bool:
        if self._is_over:
            return False
        if self._skip:
            count = min(self._skip, len(self._input))
            del self._input[:count]
            self._skip -= count
        if self._skip or len(self._input) < _HEADER.size:
            return False
        version, kind, flags, stream_id, length = _HEADER.unpack_from(self._input)
        if version != 0:
            raise _RuleBrokenError(f"a frame of version {version}")
        if kind == FrameType.DATA:
            return self._data(Flags(flags & 15), stream_id, length, events)
        del self._input[: _HEADER.size]
        if kind == FrameType.WINDOW_UPDATE:
            self._window_update(Flags(flags & 15), stream_id, length, events)
        elif kind == FrameType.PING:
            self._ping(Flags(flags & 15), stream_id, length, events)
        elif kind == FrameType.GO_AWAY:
            self._go_away(stream_id, length, events)
        else:
            raise _RuleBrokenError(f"a frame of the unknown type {kind}")
        return True

    def _data(self, flags: Flags, stream_id: int, length: int, events: list[Event]) -> bool:
        """Judge the header before the body has come: an oversized frame is never stored."""
        self._check_id(stream_id, flags)
        stream = self._streams.get(stream_id)
        limit = WINDOW if flags & Flags.SYN else stream.receive_window if stream else WINDOW
        if length > limit:
            raise _RuleBrokenError(f"{length} bytes on stream {stream_id}, its window is {limit}")
        if stream is not None and stream.is_finished_there and length:
            raise _RuleBrokenError(f"data on stream {stream_id} after its end")
        if stream is None and not flags & Flags.SYN:
            # What was under way when we reset or closed the stream.
            del self._input[: _HEADER.size]
            self._skip = length
            return True
        end = _HEADER.size + length
        if len(self._input) < end:
            return False
        body = bytes(self._input[_HEADER.size : end])
        del self._input[:end]
        stream = self._open_from_peer(stream_id, flags, events)
        if stream is None:
            return True
        self._acknowledge(stream_id, stream, flags, events)
        if body:
            stream.receive_window -= length
            events.append(DataReceived(stream_id, body))
        self._close_from_peer(stream_id, stream, flags, events)
        return True

    def _window_update(self, flags: Flags, stream_id: int, length: int, events: list[Event]) -> None:
        self._check_id(stream_id, flags)
        stream = self._open_from_peer(stream_id, flags, events)
        if stream is None:
            return
        self._acknowledge(stream_id, stream, flags, events)
        if length:
            stream.send_window += length
            if stream.send_window > MAX_WINDOW:
                raise _RuleBrokenError(f"the window of stream {stream_id} grew beyond 32 bits")
            events.append(WindowGrown(stream_id, stream.send_window))
        self._close_from_peer(stream_id, stream, flags, events)

    def _check_id(self, stream_id: int, flags: Flags) -> None:
        if stream_id == 0:
            raise _RuleBrokenError("a stream's frame on id 0")
        is_ours = stream_id % 2 == self._next_id % 2
        if flags & Flags.SYN:
            if is_ours:
                raise _RuleBrokenError(f"the peer opened stream {stream_id}, an id of our side")
            if self._peer_ids.knows(stream_id):
                raise _RuleBrokenError(f"stream id {stream_id} was used twice")
        elif stream_id >= self._next_id if is_ours else not self._peer_ids.knows(stream_id):
            raise _RuleBrokenError(f"stream {stream_id} was never opened")

    def _open_from_peer(self, stream_id: int, flags: Flags, events: list[Event]) -> _Stream | None:
        """The stream of a frame, made when the frame opens it; None when it is not wanted, or gone."""
        if not flags & Flags.SYN:
            return self._streams.get(stream_id)
        self._peer_ids.take(stream_id)
        theirs = [one for one in self._streams.values() if not one.is_ours]
        waiting = sum(1 for one in theirs if not one.is_accepted)
        if self._has_left or len(theirs) >= self._max_streams or waiting >= MAX_WAITING:
            self._frame(FrameType.WINDOW_UPDATE, Flags.RST, stream_id, 0)
            return None
        stream = self._streams[stream_id] = _Stream()
        events.append(StreamOffered(stream_id))
        return stream

    def _acknowledge(self, stream_id: int, stream: _Stream, flags: Flags, events: list[Event]) -> None:
        if flags & Flags.ACK and stream.is_ours and not stream.is_accepted:
            stream.is_accepted = True
            events.append(StreamAccepted(stream_id))

    def _close_from_peer(self, stream_id: int, stream: _Stream, flags: Flags, events: list[Event]) -> None:
        if flags & Flags.RST:
            del self._streams[stream_id]
            events.append(StreamReset(stream_id))
        elif flags & Flags.FIN:
            if stream.is_finished_there:
                raise _RuleBrokenError(f"stream {stream_id} was ended twice")
            stream.is_finished_there = True
            events.append(StreamFinished(stream_id))
            self._forget_if_done(stream_id, stream)

    def _ping(self, flags: Flags, stream_id: int, value: int, events: list[Event]) -> None:
        if stream_id:
            raise _RuleBrokenError("a ping on a stream")
        if flags & Flags.SYN:
            self._frame(FrameType.PING, Flags.ACK, 0, value)
        elif value in self._pings:
            self._pings.remove(value)
            events.append(PingAnswered(value))

    def _go_away(self, stream_id: int, code: int, events: list[Event]) -> None:
        if stream_id:
            raise _RuleBrokenError("a go away on a stream")
        if code not in set(GoAwayCode):
            raise _RuleBrokenError(f"a go away with the unknown code {code}")
        self._peer_has_left = True
        events.append(GoneAway(GoAwayCode(code)))
        if code != GoAwayCode.NORMAL:
            words = "a protocol error" if code == GoAwayCode.PROTOCOL_ERROR else "an internal error"
            self._is_over = True
            self._streams.clear()
            events.append(Broken(f"the peer reports {words}", by_peer=True))

    # -- small things -----------------------------------------------------------------------------------------

    def _break(self, events: list[Event], reason: str) -> None:
        self._frame(FrameType.GO_AWAY, Flags(0), 0, GoAwayCode.PROTOCOL_ERROR)
        self._is_over = True
        self._streams.clear()
        self._input.clear()
        events.append(Broken(reason))

    def _get(self, stream_id: int) -> _Stream:
        stream = self._streams.get(stream_id)
        if stream is None or self._is_over:
            raise StreamOverError(f"stream {stream_id} is not open")
        return stream

    def _forget_if_done(self, stream_id: int, stream: _Stream) -> None:
        if stream.is_finished_here and stream.is_finished_there:
            del self._streams[stream_id]

    def _frame(self, kind: FrameType, flags: Flags, stream_id: int, length: int, body: bytes = b"") -> None:
        self._output += _HEADER.pack(0, kind, flags, stream_id, length) + body
