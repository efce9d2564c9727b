"""An input line with a sign before it: `/` for filters and searches, `:` for commands.

Example::

    bar = FilterBar("/")
    bar.open("template:web")     # shows it and takes the focus; Changed at each letter, then Closed
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from agentdash.ui.widgets.glyphs import UNICODE, Signs

MAX_HISTORY = 100


class FilterBar(Horizontal):
    """An input line. Enter keeps what was typed, escape restores what was there, up and down walk the history.

    Args:
        prompt: The sign before the input.
        history: Earlier inputs, oldest first.
        placeholder: Shown while nothing is typed.
        signs: Taken as by every widget; the bar draws none of them.
    """

    DEFAULT_CSS = """
    FilterBar {
        height: 1;
        width: 1fr;
        background: $background;
        & > Static { width: 3; padding: 0 1; color: $text-accent; }
        & > Input { width: 1fr; border: none; height: 1; padding: 0; background: $background; }
        & > Input:focus { border: none; background-tint: $foreground 0%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "restore", "Back", show=False, id="input-restore"),
        Binding("up", "recall(-1)", "Earlier", show=False, id="input-earlier"),
        Binding("down", "recall(1)", "Later", show=False, id="input-later"),
    ]

    class Changed(Message):
        """Another text stands in the line."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> FilterBar:
            """The bar that says so."""
            return self.bar

    class Closed(Message):
        """The input ended: kept by enter, or the text from before restored."""

        def __init__(self, bar: FilterBar, text: str, *, is_kept: bool) -> None:
            super().__init__()
            self.bar = bar
            self.text = text
            self.is_kept = is_kept

        @property
        def control(self) -> FilterBar:
            """The bar that says so."""
            return self.bar

    def __init__(
        self,
        prompt: str = "/",
        *,
        history: Iterable[str] = (),
        placeholder: str = "",
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.signs = signs
        self.history = list(history)
        self._prompt = prompt
        self._placeholder = placeholder
        self._before = ""
        self._typed = ""
        self._told = ""
        self._at = 0
        self._is_open = False

    def compose(self) -> ComposeResult:
        """Sign and input."""
        yield Static(self._prompt, markup=False)
        yield Input(placeholder=self._placeholder, compact=True, select_on_focus=False)

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self.query_one(Input).value

    def open(self, text: str = "") -> None:
        """Show the line with a text to change, and take the focus."""
        field = self.query_one(Input)
        self._before = self._typed = self._told = text
        self._at = len(self.history)
        self._is_open = True
        field.value = text
        field.cursor_position = len(text)
        self.display = True
        field.focus()

    def _close(self, text: str, *, is_kept: bool) -> None:
        if not self._is_open:
            return
        self._is_open = False
        if is_kept and text.strip():
            earlier = [past for past in self.history if past != text]
            self.history = [*earlier[-MAX_HISTORY + 1 :], text]
        self.post_message(self.Closed(self, text, is_kept=is_kept))

    @on(Input.Changed)
    def tell_change(self, message: Input.Changed) -> None:
        """Pass on what is typed."""
        message.stop()
        if self._is_open and message.value != self._told:
            self._told = message.value
            self.post_message(self.Changed(self, message.value))

    @on(Input.Submitted)
    def keep(self, message: Input.Submitted) -> None:
        """Enter keeps the text."""
        message.stop()
        self._close(message.value, is_kept=True)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Who clicks elsewhere keeps the text."""
        del event
        self._close(self.text, is_kept=True)

    def action_restore(self) -> None:
        """Escape restores the text from before."""
        self._close(self._before, is_kept=False)

    def action_recall(self, steps: int) -> None:
        """Walk through earlier inputs; after the latest comes what was being typed."""
        field = self.query_one(Input)
        if self._at == len(self.history):
            self._typed = field.value
        self._at = max(0, min(self._at + steps, len(self.history)))
        field.value = self._typed if self._at == len(self.history) else self.history[self._at]
        field.cursor_position = len(field.value)
