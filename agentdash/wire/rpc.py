"""dRPC calls for tasks, each on a stream of its own (contract: tailnet.md §5.3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from agentdash.wire import drpc
from agentdash.wire.errors import CallBrokenError, CallError, CallFailedError, MuxError
from agentdash.wire.mux import Mux, MuxStream

FIN_WITHIN_S: Final = 5.0
MAX_CALLS: Final = 256

Handler = Callable[["ServerCall"], Awaitable[None]]
"""Serves one call. Raises `CallFailedError` to answer with an error."""


class _Talk:
    """A call's codec and the stream it is on."""

    def __init__(self, stream: MuxStream, side: drpc.Side) -> None:
        self.stream = stream
        self.call = drpc.Call(side)
        self._events: deque[drpc.CallEvent] = deque()

    async def event(self) -> drpc.CallEvent:
        """The next thing that the peer says; the last is `Closed`, `Failed` or `Broken`, then again and again."""
        while not self._events:
            data = await self.stream.read()
            self._events.extend(self.call.receive(data) if data else self.call.receive_end())
            if not data and not self._events:
                return drpc.Closed()
        return self._events.popleft()

    async def write(self, data: bytes) -> None:
        """Send a packet."""
        if data:
            await self.stream.write(data)


class ClientCall:
    """A call of ours: send messages, receive messages."""

    def __init__(self, stream: MuxStream, method: str) -> None:
        self._talk = _Talk(stream, drpc.Side.CLIENT)
        self._method = method
        self._is_over = False

    async def begin(self) -> None:
        """Name the method."""
        await self._talk.write(self._talk.call.invoke(self._method))

    async def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            CallError: Too large, or the call is over.
            MuxError: Stream or session have ended.
        """
        await self._talk.write(self._talk.call.message(message))

    async def end_sending(self) -> None:
        """No more messages from here."""
        await self._talk.write(self._talk.call.end_sending())

    async def receive(self) -> bytes | None:
        """The next message; None when there are no more.

        Raises:
            CallFailedError: The server answered with an error.
            CallBrokenError: The server broke the rules, or the stream was cut inside a message.
            MuxError: The stream was reset, or the session has ended.
        """
        while not self._is_over:
            match await self._talk.event():
                case drpc.Message(data):
                    return data
                case drpc.Failed(code, text):
                    self._is_over = True
                    raise CallFailedError(text, code)
                case drpc.Broken(reason):
                    self._is_over = True
                    self._talk.stream.reset()
                    raise CallBrokenError(reason)
                case _:
                    self._is_over = True
        return None

    async def leave(self) -> None:
        """Say that the call is over and close our direction."""
        with contextlib.suppress(MuxError, CallError):
            await self._talk.write(self._talk.call.close())
        self._talk.stream.finish()


@asynccontextmanager
async def calling(mux: Mux, method: str) -> AsyncIterator[ClientCall]:
    """A call on a new stream; it is left at the end of the block.

    Raises:
        MuxError: No stream can be opened.
    """
    call = ClientCall(mux.open(), method)
    try:
        await call.begin()
        yield call
    finally:
        await call.leave()


async def ask(mux: Mux, method: str, request: bytes) -> bytes:
    """A unary call.

    Raises:
        CallFailedError: The server answered with an error.
        CallBrokenError: It answered without a message, or broke the rules.
        MuxError: The session has ended.
    """
    async with calling(mux, method) as call:
        await call.send(request)
        await call.end_sending()
        answer = await call.receive()
        if answer is None:
            raise CallBrokenError("the call ended without an answer")
        return answer


class ServerCall:
    """A call of the peer."""

    def __init__(self, stream: MuxStream) -> None:
        self._talk = _Talk(stream, drpc.Side.SERVER)
        self._is_over = False
        self.method = ""

    async def begin(self) -> bool:
        """Learn the method; False when the peer went before it named one.

        Raises:
            CallBrokenError: It broke the rules.
        """
        match await self._talk.event():
            case drpc.Invoked(method):
                self.method = method
                return True
            case drpc.Broken(reason):
                raise CallBrokenError(reason)
            case _:
                return False

    async def receive(self) -> bytes | None:
        """The next message; None when the client sends no more.

        Raises:
            CallBrokenError: It broke the rules.
        """
        while not self._is_over:
            match await self._talk.event():
                case drpc.Message(data):
                    return data
                case drpc.Broken(reason):
                    self._is_over = True
                    raise CallBrokenError(reason)
                case _:
                    self._is_over = True
        return None

    async def request(self) -> bytes:
        """The one message of a unary or server-stream call.

        Raises:
            CallBrokenError: There is none.
        """
        message = await self.receive()
        if message is None:
            raise CallBrokenError("a call without its message")
        return message

    async def send(self, message: bytes) -> None:
        """Send one message, an empty one too."""
        await self._talk.write(self._talk.call.message(message))

    async def wait_left(self) -> None:
        """Wait until the client gives up the call or closes its stream."""
        while True:
            match await self._talk.event():
                case drpc.Closed() | drpc.Broken() | drpc.Failed():
                    return

    async def end_sending(self) -> None:
        """No more messages; the client may close."""
        await self._talk.write(self._talk.call.end_sending())

    async def close(self) -> None:
        """End the call."""
        await self._talk.write(self._talk.call.close())

    async def fail(self, text: str, code: int = 0) -> None:
        """End the call with an error."""
        await self._talk.write(self._talk.call.fail(text, code))


async def serve(mux: Mux, handlers: dict[str, Handler]) -> str:
    """Serve the peer's calls until the session ends; returns its reason. Handlers run side by side."""
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(mux.wait_ended())
        running: set[asyncio.Task[None]] = set()
        while not mux.is_over:
            try:
                stream = await mux.accept()
            except MuxError:
                break
            if len(running) >= MAX_CALLS:
                stream.reset()
                continue
            task = group.create_task(_serve_one(stream, handlers))
            running.add(task)
            task.add_done_callback(running.discard)
        for task in tuple(running):
            task.cancel()
        return await ended


async def _serve_one(stream: MuxStream, handlers: dict[str, Handler]) -> None:
    call = ServerCall(stream)
    try:
        if await call.begin():
            handler = handlers.get(call.method)
            if handler is None:
                await call.fail(f'protocol error: unknown rpc: "{call.method}"')
            else:
                await handler(call)
                await call.end_sending()
    except CallFailedError as error:
        with contextlib.suppress(MuxError, CallError):
            await call.fail(error.text, error.code)
    except CallBrokenError:
        stream.reset()
        return
    except (MuxError, CallError):
        return
    with contextlib.suppress(MuxError, TimeoutError):
        async with asyncio.timeout(FIN_WITHIN_S):
            await call.wait_left()
    stream.finish()
