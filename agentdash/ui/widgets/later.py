"""A call after a time that is never forgotten.

Textual's one-shot timer (8.2) drops its call when the machine lets it run only after the time is over: a microsecond is
over at once, and a busy machine takes milliseconds away from anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.message_pump import MessagePump


def later(pump: MessagePump, wait_s: float, call: Callable[[], object]) -> asyncio.TimerHandle:
    """Have something called in its turn among the messages of a widget or the app; the handle cancels it.

    Args:
        pump: Whose turn it is; one that is closed calls nothing.
        wait_s: Seconds, however few.
        call: What; not called any more once the program ends and takes its screens apart.
    """
    app = pump.app

    def turn() -> None:
        if app.is_running:
            call()

    return asyncio.get_running_loop().call_later(wait_s, pump.call_next, turn)
