"""The way of keys, pastes and the mouse into the program whose picture is shown.

Knows nothing of where the bytes come from: it draws the emulator it is given, calls `typed` with what a person enters, and
says `Left` when the leave key is pressed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from agentdash.term.emulator import Emulator
from agentdash.term.keys import asks_before_paste, encode_key, paste
from agentdash.term.mouse import encode_focus
from agentdash.ui.keygate import TakesKeys
from agentdash.ui.widgets.later import later
from agentdash.ui.widgets.termmouse import TermMouse
from agentdash.ui.widgets.termscreen import TermScreen

SETTLE_S = 0.05
"""A size is told when it has stood so long: dragging a window's corner makes dozens."""


class TermView(TakesKeys, TermMouse, TermScreen):
    """A terminal to work in.

    Args:
        typed: Called with text for the program; a message would have it wait behind a flood once more.
        leave_key: The one key that is not sent to the program, in Textual's spelling.
        scopes: Name of the place while keys do not go to the program, while they do, and while text is chosen by keys.
    """

    BINDINGS: ClassVar[list[BindingType]] = []

    class Left(Message):
        """The leave key was pressed."""

    class Resized(Message):
        """The picture has another size now."""

        def __init__(self, rows: int, columns: int) -> None:
            super().__init__()
            self.rows = rows
            self.columns = columns

    class PasteAsked(Message):
        """A paste that would run commands at once: the owner asks before it is typed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Chosen(Message):
        """Text was chosen to be copied."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        typed: Callable[[str], None] | None = None,
        *,
        leave_key: str = "ctrl+right_square_bracket",
        scopes: tuple[str, str, str] = ("", "", ""),
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self.typed = typed
        self.leave_key = leave_key
        self.scopes = scopes
        self._told = (0, 0)
        self._settling: asyncio.TimerHandle | None = None

    @property
    def scope(self) -> str:
        """Where keys belong at present."""
        if self.is_typing:
            return self.scopes[1]
        return self.scopes[2] if self.is_choosing else self.scopes[0]

    def show(self, emulator: Emulator | None) -> None:
        """Draw another emulator."""
        super().show(emulator)
        self._told = (0, 0)
        self._tell_size()

    def set_typing(self, typing: bool) -> None:
        """Send keys to the program, or leave them to the program around."""
        if typing is self.is_typing:
            return
        self.is_typing = typing
        if self.emulator is not None:
            self._tell_focus(typing)
            if typing:
                self.selection = None
                self.end_search()
                self.scroll_back_to(0)
            self.repaint()

    def _tell_focus(self, focused: bool) -> None:
        if self.emulator is not None:
            self.send(encode_focus(focused, self.emulator.modes))

    def on_focus(self) -> None:
        """The program may want to know, and the cursor looks different."""
        if self.is_typing:
            self._tell_focus(True)
        self.refresh_rows({self._cursor_row})

    def on_blur(self) -> None:
        """The focus went elsewhere, perhaps to another window."""
        if self.is_typing:
            self._tell_focus(False)
        self.refresh_rows({self._cursor_row})

    # Input

    def _choose_by_key(self, key: str) -> bool:
        """Move the cursor that chooses; what else is done with it are actions."""
        selection = self.selection
        if selection is None or not selection.is_keyboard or self.emulator is None:
            return False
        if not selection.move(key, max(1, self.emulator.lines - 1)):
            return False
        self.reveal(selection.cursor[0])
        self.choice_changed()
        return True

    def take_key(self, key: events.Key) -> bool:
        """Take a key before it becomes a message; False if it must be one, to come after what is still waiting."""
        if not self.is_typing or self.emulator is None or self.message_queue_size:
            return False
        self.on_key(key)
        return True

    def on_key(self, event: events.Key) -> None:
        """Every key belongs to the program while typing, except the one that leaves."""
        emulator = self.emulator
        if emulator is None:
            return
        if not self.is_typing:
            if self._choose_by_key(event.key) if self.is_choosing else self._scroll_by_key(event.key):
                event.stop()
                event.prevent_default()
            return
        event.stop()
        event.prevent_default()
        if event.key == self.leave_key:
            self.set_typing(False)
            self.post_message(self.Left())
            return
        if event.key in ("shift+pageup", "shift+pagedown") and not emulator.modes.alternate_screen:
            self.scroll_back_to(self.back + (1 if event.key == "shift+pageup" else -1) * (emulator.lines - 1))
            return
        text = encode_key(event.key, event.character, emulator.modes)
        if text:
            self.scroll_back_to(0)
            self.end_choice()
            self.send(text)

    def _scroll_by_key(self, key: str) -> bool:
        page = 1 if self.emulator is None else max(1, self.emulator.lines - 1)
        steps = {"up": 1, "k": 1, "down": -1, "j": -1, "pageup": page, "pagedown": -page}
        steps |= {"ctrl+u": page // 2, "ctrl+d": -(page // 2)}
        steps |= dict.fromkeys(("home", "g"), 1_000_000) | dict.fromkeys(("end", "G"), -1_000_000)
        if key in steps:
            self.scroll_back_to(self.back + steps[key])
        return key in steps

    def on_paste(self, event: events.Paste) -> None:
        """A paste; one with line ends is asked about when the program did not ask for brackets."""
        emulator = self.emulator
        if emulator is None or not self.is_typing:
            return
        event.stop()
        if asks_before_paste(event.text, emulator.modes):
            self.post_message(self.PasteAsked(event.text))
        else:
            self.paste(event.text)

    def paste(self, text: str) -> None:
        """Type a text as a paste."""
        if self.emulator is not None:
            self.scroll_back_to(0)
            self.send(paste(text, self.emulator.modes))

    def send(self, text: str | None) -> None:
        if text and self.typed is not None:
            self.expect()
            self.typed(text)

    def on_resize(self, event: events.Resize) -> None:
        """The program follows the size of the pane, once it stands still."""
        del event
        self._is_stale = True
        if self._told == (0, 0):
            self._tell_size()
        else:
            if self._settling is not None:
                self._settling.cancel()
            self._settling = later(self, SETTLE_S, self._tell_size)

    def _tell_size(self) -> None:
        width, height = self.size
        if width > 1 and height > 0 and (height, width) != self._told:
            self._told = height, width
            self.end_choice()
            self.post_message(self.Resized(height, width))
