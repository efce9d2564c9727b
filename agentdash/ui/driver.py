"""The way to the terminal, which may vanish: an ssh session that drops takes it away without a word.

Textual writes from a thread of its own that ends at the first error; its queue is full soon after, and whoever writes next
waits for ever, deaf to signals.

The answer to a key does not wait for that thread to be woken, which on a busy machine takes longer than all else.
"""

from __future__ import annotations

import asyncio
import os
import select
import selectors
import termios
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import IO, Any

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from agentdash.ui.keyparse import KeyParser

AT_ONCE = 4096
"""Characters that are written at once; whoever reads them has room for more."""
ANSWERS_S = 0.1
"""So long after a key what is written may be its answer. That a key came proves that somebody is at the other end."""
LOOK_S = 0.1
"""How often the thread that reads looks whether it shall end, and whether an escape was a key of its own."""
READ = 4096
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
        self._lock = threading.Lock()
        self._poll: select.poll | None = None
        self.written = 0
        """Texts that the thread has written."""

    def write(self, text: str) -> None:
        """Write, if there is somebody left to read."""
        with self._lock:
            self._do(lambda: self._file.write(text))
            self.written += 1

    def flush(self) -> None:
        """Have it written."""
        with self._lock:
            self._do(self._file.flush)

    def write_at_once(self, text: str) -> bool:
        """Write and flush without waiting; False if that is not possible now."""
        if self._is_gone or not self._lock.acquire(blocking=False):
            return False
        try:
            if not self._has_room():
                return False
            self._do(lambda: (self._file.write(text), self._file.flush()))
            return True
        finally:
            self._lock.release()

    def _has_room(self) -> bool:
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._file.fileno(), select.POLLOUT)
        return self._poll.poll(0) == [(self._file.fileno(), select.POLLOUT)]

    def _do(self, what: Callable[[], object]) -> None:
        if not self._is_gone:
            try:
                what()
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

        self._end = end
        self._file: Any = Vanishing(self._file, end)
        self._order = threading.Lock()
        self._queued = 0
        self._input_at = float("-inf")

    def run_input_thread(self) -> None:
        """Read what is typed until told to end. A byte that is no text, of a noisy line, is passed over."""
        parser = KeyParser(self._debug, erase=_erase_of(self.fileno))
        decode = getincrementaldecoder("utf-8")("ignore").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(LOOK_S):
                    read = self._read()
                    if not read:
                        self._end()
                        return
                    if text := decode(read):
                        for message in parser.feed(text):
                            self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, READ)
        except OSError:
            return b""

    def process_message(self, message: Message) -> None:
        """Hand on what was read."""
        if isinstance(message, events.InputEvent):
            self._input_at = monotonic()
        self._tell_input()
        super().process_message(message)

    def write(self, data: str) -> None:
        """Write, the answer to a key at once if nothing is before it."""
        with self._order:
            is_answer = len(data) <= AT_ONCE and monotonic() - self._input_at < ANSWERS_S
            if is_answer and self._queued == self._file.written and self._file.write_at_once(data):
                return
            self._queued += 1
            super().write(data)


def _erase_of(terminal: int) -> str:
    """What the backspace of a terminal sends, as far as the terminal knows."""
    try:
        erase: bytes = termios.tcgetattr(terminal)[6][termios.VERASE]
    except termios.error:
        return ""
    return erase.decode("latin-1")


def _nothing() -> None:
    return None
