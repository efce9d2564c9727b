"""Applies the fault plan to one exchange: delays, other answers, cuts and silence.

Everything is done between the handlers and the socket, so no handler knows of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from agentdash.local.clock import Clock
from agentdash.local.faults import Fault
from agentdash.local.websocket import HTTP_ABORT


async def answer_instead(fault: Fault, clock: Clock, scope: Scope, receive: Receive, send: Send) -> bool:
    """Do what the fault does before any handler; True when the exchange is over with that."""
    if fault.delay_s > 0:
        await clock.sleep(fault.delay_s)
    if fault.disconnect:
        await abort(scope, send)
        return True
    if fault.answer is None:
        return False
    answer = fault.answer
    headers = {**answer.headers, "Content-Type": answer.content_type}
    await Response(answer.body, answer.status, headers)(scope, receive, send)
    return True


async def abort(scope: Scope, send: Send) -> None:
    """Drop the TCP connection of an exchange."""
    if scope["type"] == "websocket":
        await send({"type": "agentdash.abort"})
    else:
        drop: Callable[[], None] = scope[HTTP_ABORT]
        drop()
    # The loss is told to the protocol in the next turns of the loop; until then it expects an answer.
    for _ in range(3):
        await asyncio.sleep(0)


@asynccontextmanager
async def cut_by_age(fault: Fault, clock: Clock, scope: Scope, send: Send) -> AsyncIterator[None]:
    """Drop the connection once it is as old as the fault allows."""
    if fault.cut_after_s is None:
        yield
        return

    async def cut(age_s: float) -> None:
        await clock.sleep(age_s)
        await abort(scope, send)

    cutting = asyncio.create_task(cut(fault.cut_after_s), name="cut by age")
    try:
        yield
    finally:
        cutting.cancel()
        await asyncio.gather(cutting, return_exceptions=True)


class StreamFault:
    """Cuts or silences a stream after so many messages or bytes."""

    def __init__(self, fault: Fault, scope: Scope, send: Send) -> None:
        self._fault = fault
        self._scope = scope
        self._send = send
        self._messages = 0
        self._bytes = 0
        self._is_silent = False

    async def send(self, message: Message) -> None:
        """Pass a message on, if it still may pass.

        Raises:
            ClientDisconnected: The stream has been cut.
        """
        size = _payload_size(message)
        if size is None:
            await self._send(message)
            return
        if self._is_silent:
            return
        limit = self._fault.cut_after_bytes
        if limit is not None and self._bytes + size > limit:
            await self._send_part(message, limit - self._bytes)
            await self._cut()
        await self._send(message)
        self._messages += 1
        self._bytes += size
        if self._messages == self._fault.cut_after_messages:
            await self._cut()
        if self._messages == self._fault.silent_after_messages:
            self._is_silent = True
            if self._scope["type"] == "websocket":
                await self._send({"type": "agentdash.mute"})

    async def _send_part(self, message: Message, size: int) -> None:
        if message["type"] == "http.response.body" and size > 0:
            await self._send({**message, "body": message["body"][:size], "more_body": True})

    async def _cut(self) -> None:
        fault = self._fault
        if self._scope["type"] == "websocket" and fault.close_code is not None:
            close = {"type": "websocket.close", "code": fault.close_code, "reason": fault.close_reason}
            await self._send(close)
        else:
            await abort(self._scope, self._send)
        raise ClientDisconnected


def _payload_size(message: Message) -> int | None:
    """Bytes of a message of a stream or body, None for what is neither."""
    if message["type"] == "websocket.send":
        text, data = message.get("text"), message.get("bytes")
        return len(data) if data is not None else len((text or "").encode())
    if message["type"] == "http.response.body":
        return len(message.get("body", b""))
    return None
