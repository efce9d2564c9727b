"""Answers as an older server would have written them, between the handlers and the socket."""

from __future__ import annotations

import json

from starlette.types import Message, Send

from agentdash.local.revisions import LATEST, Revision
from agentdash.local.streams import compact_json

_EVENT_DATA = b"data: "


class AgedSend:
    """Reshapes JSON bodies, event data and text frames; a server of now is passed through untouched."""

    def __init__(self, revision: Revision, send: Send) -> None:
        self._revision = revision
        self._send = send
        self._start: Message | None = None
        self._is_events = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        kind = message["type"]
        if self._revision is LATEST:
            await self._send(message)
        elif kind.endswith("http.response.start"):
            content_type = dict(message.get("headers", ())).get(b"content-type", b"")
            self._is_events = content_type == b"text/event-stream"
            if content_type.startswith(b"application/json"):
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
        elif self._is_events and _EVENT_DATA in body:
            head, mark, data = body.partition(_EVENT_DATA)
            body = head + mark + self._reshaped(data.decode().rstrip("\n")).rstrip("\n").encode() + b"\n\n"
        await self._send({**message, "body": body})

    def _reshaped(self, text: str) -> str:
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return compact_json(self._revision.reshaped(value)) + "\n"
