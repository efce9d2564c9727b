"""The way to the terminal, which may vanish: an ssh session that drops takes it away without a word.

Textual writes from a thread of its own that ends at the first error; its queue is full soon after, and whoever writes next
waits for ever, deaf to signals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

HANGUP_CODE = 128 + 1
"""What a shell expects of a program that was hung up."""


class Vanishing:
    """A terminal as a file. Once it is gone, what is written goes nowhere.

    Args:
        file: The terminal.
        tell: Called once when it is gone, by whichever thread writes.
    """

    def __init__(self, file: IO[str], tell: Callable[[], None]) -> None:
        self._file = file
        self._tell = tell
        self._is_gone = False

    def write(self, text: str) -> None:
        """Write, if there is somebody left to read."""
        if not self._is_gone:
            try:
                self._file.write(text)
            except OSError:
                self._lose()

    def flush(self) -> None:
        """Have it written."""
        if not self._is_gone:
            try:
                self._file.flush()
            except OSError:
                self._lose()

    def fileno(self) -> int:
        """Its descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Whether it is, or was, a terminal."""
        return self._file.isatty()

    def _lose(self) -> None:
        self._is_gone = True
        self._tell()


class TerminalDriver(LinuxDriver):
    """Textual's driver on a terminal that may vanish: the program then ends as if hung up.

    An app that has a method `input_came` is told of all input in the thread that reads it, before its own turn.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._tell_input: Callable[[], None] = getattr(app, "input_came", _nothing)
        loop = asyncio.get_running_loop()

        def end() -> None:
            with suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(lambda: app.exit(return_code=HANGUP_CODE))

        self._file: Any = Vanishing(self._file, end)

    def process_message(self, message: Message) -> None:
        """Hand on what was read."""
        self._tell_input()
        super().process_message(message)


def _nothing() -> None:
    return None
