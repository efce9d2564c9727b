"""Changes the JSON texts of an answer between the handlers and the socket: bodies, event data, text frames."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.types import Message, Send

from agentdash.local.streams import compact_json

_EVENT_DATA = b"data: "


class ReshapingSend:
    """One answer on its way out.

    Args:
        send: Where the messages go.
        reshape: What becomes of a JSON value.
        is_on: Whether to do so now; a body that began while it was on is finished so.
    """

    def __init__(self, send: Send, reshape: Callable[[object], object], is_on: Callable[[], bool]) -> None:
        self._send = send
        self._reshape = reshape
        self._is_on = is_on
        self._start: Message | None = None
        self._kind = ""

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        kind = message["type"]
        if self._start is None and not self._is_on():
            await self._send(message)
        elif kind.endswith("http.response.start"):
            self._kind = _content_type(message)
            if self._kind.startswith("application/json"):
                self._start = message
            else:
                await self._send(message)
        elif kind.endswith("http.response.body"):
            await self._body(message)
        elif kind == "websocket.send" and message.get("text"):
            await self._send({**message, "text": self._reshaped(message["text"])})
        else:
            await self._send(message)

    async def _body(self, message: Message) -> None:
        body: bytes = message.get("body", b"")
        if self._start is not None:
            start, self._start = self._start, None
            body = self._reshaped(body.decode()).encode()
            kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
            await self._send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
        elif self._kind == "text/event-stream" and _EVENT_DATA in body:
            head, mark, data = body.partition(_EVENT_DATA)
            body = head + mark + self._reshaped(data.decode().rstrip("\n")).rstrip("\n").encode() + b"\n\n"
        await self._send({**message, "body": body})

    def _reshaped(self, text: str) -> str:
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return compact_json(self._reshape(value)) + "\n"


def _content_type(message: Message) -> str:
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-type":
            return str(value.decode("latin-1"))
    return ""
