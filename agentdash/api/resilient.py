"""A stream that comes back: states, backoff with jitter, resume position (contract: README §7.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.sources import Source
from agentdash.api.stream import SILENCE_S, Closed, Data, Gap, Heartbeat, Opened, Stream, StreamError
from agentdash.wire.backoff import Backoff

T = TypeVar("T")

_FINAL = (errors.Refused, errors.Redirected, errors.ServerTooOld)


@dataclass(frozen=True, slots=True)
class Connecting:
    """A new attempt has begun."""


@dataclass(frozen=True, slots=True)
class Live:
    """The server listens; what it says follows."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """The next attempt begins in `in_s` seconds; `error` is the last one's, None after an ordinary end."""

    in_s: float
    reason: str
    error: errors.ApiError | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The last item: trying again would give the same. `error` None = the stream has no future, as `ask` said."""

    reason: str
    error: errors.ApiError | None = None


State = Connecting | Live | Retrying | Stopped
Event = State | Data[T] | Heartbeat | Gap | StreamError


@dataclass(frozen=True, slots=True)
class Timing:
    """Clock, sleep and delays, so that tests need none of the real ones."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    silence_s: float = SILENCE_S


async def _always() -> bool:
    return True


async def resilient(
    client: Client,
    source: Source[T],
    backoff: Backoff,
    timing: Timing,
    has_future: Callable[[], Awaitable[bool]] = _always,
) -> AsyncGenerator[Event[T], None]:
    """Keep a stream open; iterate inside `contextlib.aclosing`.

    A log goes on after its last line. After 30 healthy seconds a failure counts as the first again. 401,
    403, 404, a bad parameter and a redirect end it with their error; a 429 waits as long as the server
    says.

    Args:
        has_future: asked by REST after a close that may be the last one (a log's, when its agent left the
            latest build): False ends it. An `ApiError` it raises counts like one of the stream.
    """
    while True:
        yield Connecting()
        closed: Closed | None = None
        error: errors.ApiError | None = None
        began: float | None = None
        try:
            async with Stream(client, source, silence_s=timing.silence_s) as items:
                began = timing.clock()
                async for item in items:
                    if isinstance(item, Opened):
                        yield Live()
                    elif isinstance(item, Closed):
                        closed = item
                    else:
                        yield item
        except errors.ApiError as refused:
            error = refused
        if began is not None:
            backoff.ended(timing.clock() - began)
        if closed is not None:
            error = closed.error
            if closed.ask and error is None:
                try:
                    if not await has_future():
                        yield Stopped(closed.reason or "It ended")
                        return
                except errors.ApiError as refused:
                    error = refused
            if not closed.retry:
                yield Stopped(closed.reason, error)
                return
        if isinstance(error, _FINAL) and error.is_final:
            yield Stopped(error.detail or error.title, error)
            return
        wait_s = backoff.delay(error.retry_after_s if isinstance(error, errors.RateLimited) else None)
        reason = error.title if error is not None else (closed.reason if closed is not None else "")
        yield Retrying(wait_s, reason, error)
        await timing.sleep(wait_s)
