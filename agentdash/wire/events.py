"""What a server-sent event stream or its websocket twin says (contract: README §7.1, §7.2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ping:
    """The server lives and has nothing to say."""


@dataclass(frozen=True, slots=True)
class Data:
    """One full snapshot, decoded from JSON and not yet checked against a schema."""

    value: object


@dataclass(frozen=True, slots=True)
class ServerError:
    """The server reports trouble; the stream need not end."""

    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a type that this version does not know; `value` is its JSON value."""

    type: str
    value: object = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """An event that could not be read; the stream goes on after it. `excerpt` is its beginning, uncleaned."""

    reason: str
    excerpt: str = ""


StreamEvent = Ping | Data | ServerError | Unknown | Malformed


def event_of(kind: str, value: object) -> StreamEvent:
    """Build the event from its type and its decoded data (`None` where there is none)."""
    if kind == "ping":
        return Ping()
    if kind == "data":
        return Data(value)
    if kind == "error":
        return _server_error(value)
    return Unknown(kind, value)


def _server_error(value: object) -> ServerError:
    if not isinstance(value, dict):
        return ServerError("" if value is None else str(value))
    message, detail = value.get("message"), value.get("detail")
    return ServerError(
        message if isinstance(message, str) else "",
        detail if isinstance(detail, str) else "",
    )
