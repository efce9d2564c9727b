"""Waiting for whichever comes first, without losing a cancellation on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def first_of(*waits: Awaitable[object]) -> tuple[bool, ...]:
    """Wait until one of these is done and cancel the others; an error of one that is done is raised.

    The cancelled ones are not awaited. Who awaits them and swallows their end swallows a cancellation of his own that
    arrives in that moment, and then goes on for ever: so did a server that was told to end.

    Returns:
        For each whether it is done.
    """
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        done = tuple(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
    return done
