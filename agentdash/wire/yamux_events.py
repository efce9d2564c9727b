"""What a yamux session says, and the numbers of its frames (contract: tailnet.md §5.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class FrameType(IntEnum):
    """Second byte of a frame."""

    DATA = 0
    WINDOW_UPDATE = 1
    PING = 2
    GO_AWAY = 3


class Flags(IntFlag):
    """What a frame says besides its type."""

    SYN = 1
    ACK = 2
    FIN = 4
    RST = 8


class GoAwayCode(IntEnum):
    """Why a session takes no new streams."""

    NORMAL = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2


@dataclass(frozen=True, slots=True)
class StreamOffered:
    """The peer opened a stream: accept or reset it."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamAccepted:
    """The peer took a stream of ours."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes of one frame; `consume` them once they are dealt with, or the peer runs out of window."""

    stream_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class WindowGrown:
    """More may be sent; `window` is all that may."""

    stream_id: int
    window: int


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """The peer sends no more on this stream; our direction is open until we close it."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The peer threw the stream away, in both directions."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class PingAnswered:
    """The answer to one of our pings."""

    value: int


@dataclass(frozen=True, slots=True)
class GoneAway:
    """The peer takes no new streams. With another code than `NORMAL`, `Broken` follows."""

    code: GoAwayCode


@dataclass(frozen=True, slots=True)
class Broken:
    """The last event: the session is of no use any more. `by_peer`: the peer says that we broke the rules."""

    reason: str
    by_peer: bool = False


Event = (
    StreamOffered
    | StreamAccepted
    | DataReceived
    | WindowGrown
    | StreamFinished
    | StreamReset
    | PingAnswered
    | GoneAway
    | Broken
)
