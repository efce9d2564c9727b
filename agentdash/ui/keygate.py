"""Keys typed faster than the focus moves: each waits until the one before it has had its whole effect.

Textual hands a key to the widget that has the focus when the key arrives. What a key does comes later, as messages: a
focus that is asked for is set by a message of its own, a dialog takes its focus when it has mounted, an entered line
goes through three widgets before the view acts on it. In a burst (`/foo` and enter in one write of the terminal) the
second key would reach the place that the first one leaves, and in front of a question that is dangerous.

So a key that may move the focus closes the gate, and the gate opens when nothing moves any more. How long that takes
does not matter: a slow machine makes keys later, but leads none elsewhere and loses none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.message_pump import MessagePump
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import WorkerState

Typed = events.Key | events.Paste
"""What goes to the focus."""

PASSES = 3
"""How often what a key did is followed from the focus up to the app: an entered line becomes another message twice."""
LOOK_S = 0.1
"""How often it is checked that a widget that is waited for still exists."""


class TakesKeys:
    """Part of a widget that a key can reach without becoming a message."""

    def take_key(self, key: events.Key) -> bool:
        """Take a key at once; False if it must be a message, to come after what is still waiting."""
        raise NotImplementedError


class KeyGate:
    """Holds keys back while an earlier one is at work.

    Args:
        app: Whose focus it is.
        hand_on: Gives a key to the focus.
        stays: Whether a key changes nothing but the widget that has the focus, as a letter in an input line does; the
            next one may follow at once.
    """

    def __init__(
        self, app: App[Any], hand_on: Callable[[Typed], Awaitable[None]], stays: Callable[[events.Key], bool]
    ) -> None:
        self._app = app
        self._hand_on = hand_on
        self._stays = stays
        self._held: deque[Typed] = deque()
        self._settling: asyncio.Task[None] | None = None

    def holds(self, key: Typed) -> bool:
        """Take a key that has just arrived: True if it waits, False if it is the app's turn to hand it on now."""
        if self._settling is not None:
            self._held.append(key)
            return True
        self._watch(key)
        return False

    async def aclose(self) -> None:
        """Forget what waits."""
        self._held.clear()
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)

    def _watch(self, key: Typed) -> None:
        """Close the gate behind a key, unless it stays where it is."""
        if isinstance(key, events.Key) and not self._stays(key):
            self._settling = asyncio.create_task(self._settle(self._chain()), name="keys")

    async def _release(self) -> None:
        """Let what waits go, up to the next key that may move the focus."""
        self._settling = None
        while self._held and self._settling is None:
            key = self._held.popleft()
            self._watch(key)
            await self._hand_on(key)

    # Waiting

    def _chain(self) -> Sequence[MessagePump]:
        """The way a key takes: from the focus up to the app."""
        place: Widget = self._app.focused or self._app.screen
        return list(place.ancestors_with_self)

    async def _settle(self, chain: Sequence[MessagePump]) -> None:
        """Wait until whole passes leave the focus where it was, then open the gate."""
        try:
            await self._come_to_rest(chain)
        finally:
            self._app.call_later(self._release)

    async def _come_to_rest(self, chain: Sequence[MessagePump]) -> None:
        is_moving = True
        while is_moving:
            screen, focused = self._app.screen, self._app.focused
            for _ in range(PASSES):
                for pump in chain:
                    await self._wait_for(pump, pump.call_later)
                chain = self._chain()
            if self._app.screen is not screen:
                # A screen that has just come chooses its focus when it is drawn for the first time.
                await self._wait_for(self._app.screen, self._app.screen.call_after_refresh)
            is_moving = (
                self._app.screen is not screen
                or self._app.focused is not focused
                or any(worker.state is WorkerState.PENDING for worker in self._app.workers)
            )

    async def _wait_for(self, pump: MessagePump, call: Callable[[Callable[[], None]], bool]) -> None:
        """Wait until a pump has gone through what it has been sent so far."""
        passed = asyncio.Event()
        if not call(passed.set):
            return  # it is closing
        while not passed.is_set() and (pump is self._app or pump.is_attached):
            try:
                async with asyncio.timeout(LOOK_S):
                    await passed.wait()
            except TimeoutError:
                continue


def is_letter_in_line(app: App[Any], key: events.Key) -> bool:
    """Whether a key is a letter that goes into an input line, where the focus stays."""
    return key.is_printable and isinstance(app.focused, Input)


def is_cursor_key(widget: Widget | None, key: str) -> bool:
    """Whether a key moves the cursor within a widget: held down it comes thirty times a second."""
    return widget is not None and key in _cursor_keys(type(widget))


@cache
def _cursor_keys(kind: type[Widget]) -> frozenset[str]:
    found: set[str] = set()
    for base in kind.__mro__:
        for binding in vars(base).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.action.startswith("move"):
                found.update(name.strip() for name in binding.key.split(","))
    return frozenset(found)
