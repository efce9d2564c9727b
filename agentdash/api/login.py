"""The token a client speaks with, and another one from where it was stored once the server refuses it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from agentdash.api.exchange import Secret

READ_AGAIN_S = 1.0
"""A fleet's worth of requests is refused at once; the place is looked at once for all of them."""

StoredToken = Callable[[], Secret | None]
"""Reads the token from its place again, which may take a while; None if there is none any more."""


class Login:
    """The present token.

    Args:
        token: The first one.
        again: Reads it from its place again; None if it has no place.
        clock: Monotonic seconds.
    """

    def __init__(
        self, token: Secret, again: StoredToken | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tokens = [token]
        self._again = again
        self._clock = clock
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    @property
    def token(self) -> str:
        """The token for the next request."""
        return self._tokens[-1].reveal()

    @property
    def secrets(self) -> list[Secret]:
        """Every token there has been: a late answer may still quote an old one."""
        return list(self._tokens)

    async def renew(self, refused: str) -> bool:
        """After a 401: whether there is another token now than the refused one (contract: README §2.3)."""
        if self._again is None:
            return False
        async with self._reading:
            if self.token == refused and self._may_read():
                found = await asyncio.to_thread(self._again)
                self._read_at = self._clock()
                if found is not None and found.reveal() != refused:
                    self._tokens.append(found)
        return self.token != refused

    def _may_read(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at >= READ_AGAIN_S
