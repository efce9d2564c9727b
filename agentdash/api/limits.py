"""A time limit on an injected clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

Sleep = Callable[[float], Awaitable[None]]


async def within(sleep: Sleep, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Do something within a time.

    Raises:
        TimeoutError: it has not ended by then; it is cancelled and has ended when this is raised.
    """
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(sleep(seconds))
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise TimeoutError
        return doing.result()
    finally:
        await cancelled((doing, waiting))


async def cancelled(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel these and wait until they have ended."""
    waited = list(tasks)
    for task in waited:
        task.cancel()
    await asyncio.gather(*waited, return_exceptions=True)
