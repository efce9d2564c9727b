r"""Server-sent events as Coder writes them (contract: README §7.1), both directions.

    event: ping\n\n
    event: data\ndata: {…one JSON value…}\n\n
    event: error\ndata: {"message":"…","detail":"…"}\n\n

A chunk of the body may end anywhere. CR LF is taken for LF, since a proxy may rewrite line ends. `id:`,
`retry:` and comments are not used by the server and are passed over.
"""

from __future__ import annotations

from agentdash.wire import jsontext
from agentdash.wire.errors import MessageError
from agentdash.wire.events import Malformed, Ping, StreamEvent, event_of

MAX_EVENT = 64 * 1024 * 1024
"""Bytes of one event; the largest seen is a workspace with all its agents, far below."""

PING = b"event: ping\n\n"


class SseDecoder:
    """Body chunks in, events out; one per response."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._partial = bytearray()
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0
        self._is_skipping = False
        self._is_first = True

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """Take one piece of the body and return the events that it completes, in order. Never raises."""
        events: list[StreamEvent] = []
        first, *rest = chunk.split(b"\n")
        self._extend(first, events)
        for piece in rest:
            line = bytes(self._partial)
            self._partial.clear()
            self._line(line.removesuffix(b"\r"), events)
            self._extend(piece, events)
        return events

    @property
    def is_idle(self) -> bool:
        """Whether the last event is complete: a body that ends elsewhere was cut."""
        return not (self._partial or self._type or self._data or self._is_skipping)

    def _extend(self, piece: bytes, events: list[StreamEvent]) -> None:
        """Add to the unfinished line; an event too large is reported once and passed over up to its end."""
        if not self._is_skipping and self._size + len(self._partial) + len(piece) > self._max_event:
            events.append(Malformed(f"event larger than {self._max_event} bytes"))
            self._forget()
            self._is_skipping = True
            self._partial += b"x"
        if not self._is_skipping:
            self._partial += piece
        elif piece.strip(b"\r"):
            # Only whether the line is blank still matters.
            self._partial[:] = b"x"

    def _line(self, line: bytes, events: list[StreamEvent]) -> None:
        if self._is_first:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._is_first = False
        if not line:
            if not self._is_skipping:
                self._dispatch(events)
            self._forget()
            return
        if self._is_skipping:
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._type = value
        elif name == b"data":
            self._data.append(value)
            self._size += len(value) + 1

    def _dispatch(self, events: list[StreamEvent]) -> None:
        if not self._type and not self._data:
            return
        kind = self._type.decode("utf-8", "replace") or "message"
        if kind == "ping":
            events.append(Ping())
            return
        if not self._data:
            events.append(Malformed(f"{kind!a} event without data"))
            return
        try:
            value = jsontext.loads(b"\n".join(self._data))
        except MessageError as error:
            events.append(Malformed(error.reason, error.excerpt))
        else:
            events.append(event_of(kind, value))

    def _forget(self) -> None:
        self._partial.clear()
        self._type = b""
        self._data = []
        self._size = 0
        self._is_skipping = False


def encode_data(value: object) -> bytes:
    """Write one `data` event."""
    return b"event: data\ndata: " + jsontext.dumps(value).encode() + b"\n\n"


def encode_error(message: str, detail: str = "") -> bytes:
    """Write one `error` event; an empty detail is left out."""
    body = {"message": message, "detail": detail} if detail else {"message": message}
    return b"event: error\ndata: " + jsontext.dumps(body).encode() + b"\n\n"
