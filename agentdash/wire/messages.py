r"""Text messages of the one-way websockets, both directions (contract: README §7.2, §7.3; agents.md §3.3).

| stream | one message is |
| --- | --- |
| agent log follow | a JSON array of lines, `[]` if none |
| build log follow | one JSON object |
| containers watch, connection watch | one JSON object |
| workspace and metadata watch | `{"type":"ping" or "data" or "error","data":…}` |

Each message ends in a newline. Decoded values are plain Python objects; `api/schema` checks them.
"""

from __future__ import annotations

from agentdash.wire import jsontext
from agentdash.wire.errors import MessageError
from agentdash.wire.events import StreamEvent, event_of

JsonObject = dict[str, object]

PING = '{"type":"ping","data":null}\n'


def decode_lines(message: str | bytes) -> list[JsonObject]:
    """Read one message of an agent log follow: a list of lines, perhaps empty.

    Raises:
        MessageError: Not a JSON array of objects.
    """
    value = jsontext.loads(message)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _unexpected("an array of log lines", value, message)
    for item in value:
        if not isinstance(item, dict):
            raise _unexpected("an array of log lines", item, message)
    return value


def decode_object(message: str | bytes) -> JsonObject:
    """Read one message of a build log follow, a containers watch or a connection watch.

    Raises:
        MessageError: Not a JSON object.
    """
    value = jsontext.loads(message)
    if not isinstance(value, dict):
        raise _unexpected("an object", value, message)
    return value


def decode_event(message: str | bytes) -> StreamEvent:
    """Read one message of a workspace or metadata watch.

    Raises:
        MessageError: Not an object with a string `type`.
    """
    value = decode_object(message)
    kind = value.get("type")
    if not isinstance(kind, str):
        raise _unexpected("an event with a type", kind, message)
    return event_of(kind, value.get("data"))


def encode_message(value: object) -> str:
    """Write one message: a list of log lines, a build log line, a container list."""
    return jsontext.dumps(value) + "\n"


def encode_data(value: object) -> str:
    """Write one `data` event of a watch."""
    return encode_message({"type": "data", "data": value})


def encode_error(message: str, detail: str = "") -> str:
    """Write one `error` event of a watch; an empty detail is left out."""
    body = {"message": message, "detail": detail} if detail else {"message": message}
    return encode_message({"type": "error", "data": body})


def _unexpected(wanted: str, value: object, message: str | bytes) -> MessageError:
    head = message[: jsontext.EXCERPT]
    excerpt = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    return MessageError(f"expected {wanted}, got {_NAMES.get(type(value), 'something else')}", excerpt)


_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}
