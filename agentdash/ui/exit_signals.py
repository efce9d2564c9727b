"""Ending by signal with the terminal restored.

Textual restores the terminal when the app exits, but TERM, HUP and QUIT would end the process before that (models.md §4.3
trap 5). Here they become an ordinary exit with the code a shell expects, 128 + number. A second signal while the first is
being obeyed ends the process at once, so that a program that hangs can still be ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

from textual.app import App

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)


def restore_on_signals(app: App[Any]) -> Callable[[], None]:
    """Make signals end a running app in order; call it on the app's event loop.

    Returns:
        Takes the handlers away again.
    """
    loop = asyncio.get_running_loop()
    is_ending = False

    def end(number: int) -> None:
        nonlocal is_ending
        if is_ending:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        is_ending = True
        app.exit(return_code=128 + number)

    installed = []
    for number in SIGNALS:
        try:
            loop.add_signal_handler(number, end, number)
        except (NotImplementedError, RuntimeError, ValueError):
            continue  # no signals on this loop: Windows, or not the main thread (a test, a web server)
        installed.append(number)

    def uninstall() -> None:
        for number in installed:
            loop.remove_signal_handler(number)

    return uninstall
