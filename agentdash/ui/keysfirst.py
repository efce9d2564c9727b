"""Keys before output: a flood makes room for what a person types.

A key goes through half a dozen turns of the event loop, from the thread that reads the terminal to the websocket. In a
flood each turn takes as long as a piece of output takes to draw, and the ctrl+c that shall end it comes last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

ROOM_S = 0.003
"""How long output waits after a key: enough for its turns, and not noticed in what a flood takes."""


class KeysFirst:
    """Notes when something was typed, and lets output wait for it.

    Args:
        clock: Monotonic seconds.
        sleep: Waits for so many seconds; for 0, for one turn of the loop.
    """

    def __init__(
        self,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._until = float("-inf")

    def came(self) -> None:
        """Something was typed. May be called in any thread."""
        self._until = self._clock() + ROOM_S

    async def turn(self) -> None:
        """Wait until it is the turn of the next piece of output."""
        await self._sleep(max(0.0, self._until - self._clock()))
