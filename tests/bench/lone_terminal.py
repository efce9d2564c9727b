"""An app that is nothing but our terminal widget; its program runs here, without a server between."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios

from textual import on
from textual.app import App, ComposeResult

from agentdash.term.emulator import Emulator
from agentdash.ui.widgets.termview import TermView

READ_AT_ONCE = 65536
FED_AT_ONCE_S = 0.008


class LoneTerminal(App[None], inherit_bindings=False):
    """Runs a script."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, script: str) -> None:
        super().__init__()
        self._script = script
        self._outer = -1
        self._waiting: list[bytes] = []
        self._fed_at = 0.0
        self._view = TermView(self.type)

    def compose(self) -> ComposeResult:
        """The widget."""
        yield self._view

    def on_mount(self) -> None:
        """Take the keys."""
        self._view.focus()

    @on(TermView.Resized)
    def begin(self, message: TermView.Resized) -> None:
        """The first size starts the script."""
        if self._outer >= 0:
            return
        child, self._outer = pty.fork()
        if child == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv("/bin/sh", ["/bin/sh", self._script])
        size = struct.pack("HHHH", message.rows, message.columns, 0, 0)
        fcntl.ioctl(self._outer, termios.TIOCSWINSZ, size)
        os.set_blocking(self._outer, False)
        self._view.show(Emulator(message.columns, message.rows))
        self._view.set_typing(True)
        asyncio.get_running_loop().add_reader(self._outer, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._outer, READ_AT_ONCE)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._outer)
            return
        self._waiting.append(data)
        if len(self._waiting) == 1:
            # What comes after a silence is shown at once, the rest of a flood in larger pieces.
            now = asyncio.get_running_loop().time()
            wait = max(0.0, self._fed_at + FED_AT_ONCE_S - now)
            asyncio.get_running_loop().call_later(wait, self._feed)

    def _feed(self) -> None:
        self._fed_at = asyncio.get_running_loop().time()
        data, self._waiting = b"".join(self._waiting), []
        if self._view.emulator is not None:
            self._view.emulator.feed(data)
            self._view.update()

    def type(self, text: str) -> None:
        """To the script."""
        os.write(self._outer, text.encode())


def run(script: str) -> None:
    """Show a terminal in which a script runs."""
    LoneTerminal(script).run()
