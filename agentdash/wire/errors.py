"""What can be wrong with bytes, as one tree.

    WireError
    ├── MessageError           a websocket message or event is not what its stream carries
    ├── PtyRequestError        a terminal cannot be asked for like this (ours to mend before sending)
    │   ├── SizeError          rows or columns outside 1…65535
    │   └── CommandTooLongError  the agent would cut the command off without a word
    ├── JsonSyntaxError        the byte stream is not JSON
    ├── MuxError               a yamux session cannot do what was asked of it
    │   ├── SessionOverError   it has ended, or takes no new streams
    │   ├── MuxEndedError      its connection has gone
    │   ├── StreamOverError    no such stream, or this side of it is closed
    │   └── TooManyStreamsError  the peer has not accepted the last ones yet
    └── CallError              a dRPC call cannot do what was asked of it
        ├── CallBrokenError    the peer broke the rules, or went in the middle
        └── CallFailedError    the server's answer is an error

No error text repeats the payload beyond a short excerpt: payloads are foreign and may hold secrets.
"""

from __future__ import annotations


class WireError(Exception):
    """Root of everything the codecs raise."""


class MessageError(WireError):
    """A message does not have the form of its stream; `excerpt` is its beginning, uncleaned."""

    def __init__(self, reason: str, excerpt: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.excerpt = excerpt


class PtyRequestError(WireError, ValueError):
    """A terminal request that must not be sent."""


class SizeError(PtyRequestError):
    """Rows or columns outside 1…65535; a size of 0 is accepted by servers and breaks programs."""


class CommandTooLongError(PtyRequestError):
    """More bytes than an agent reads reliably (contract: pty.md §2)."""


class JsonSyntaxError(WireError):
    """A character that no JSON text can have at this place."""


class MuxError(WireError):
    """Asked of a yamux session what it cannot do; the session itself is none the worse."""


class SessionOverError(MuxError):
    """The session has ended, or one side said that it takes no new streams."""


class MuxEndedError(MuxError):
    """The connection of a session has gone; the text says how, as far as it is known."""


class StreamOverError(MuxError):
    """There is no such stream, or it was closed in this direction."""


class TooManyStreamsError(MuxError):
    """The peer has not yet accepted as many streams as may wait (contract: tailnet.md §5.2)."""


class CallError(WireError):
    """Asked of a dRPC call what its state or the limits forbid."""


class CallBrokenError(CallError):
    """The peer broke the rules of a call, or left it in the middle."""


class CallFailedError(CallError):
    """The server's answer is an error; `text` is foreign. Almost all have code 0."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
