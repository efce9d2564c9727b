"""A few lines to fill in, and a button; the result is what stands in them.

Example::

    asked = Form("New shell", [Field("command", "command", "empty for a login shell")], verb="Open")
    values = await self.app.push_screen_wait(asked)      # {"command": "htop"}, or None
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.glyphs import UNICODE, Signs


@dataclass(frozen=True, slots=True)
class Field:
    """One line: its name in the result, what stands before it, a hint, and values to complete from."""

    name: str
    label: str
    hint: str = ""
    known: tuple[str, ...] = ()
    value: str = ""


class Form(ModalScreen[dict[str, str] | None]):
    """Asks for values; the result is None if the user went away.

    Args:
        title: What it is about.
        fields: The lines.
        verb: What the button says.
        signs: The set of signs.
    """

    CSS_PATH = "form.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False, id="form-cancel"),
        Binding("up", "app.focus_previous", "Line before", show=False, id="form-before"),
        Binding("down", "app.focus_next", "Next line", show=False, id="form-next"),
    ]

    def __init__(
        self, title: str, fields: Sequence[Field], *, verb: str = "OK", signs: Signs = UNICODE
    ) -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self._verb = verb
        self._signs = signs

    def compose(self) -> ComposeResult:
        """A line for each field, two buttons."""
        wide = max(len(field.label) for field in self._fields)
        with Pane(self._title, signs=self._signs):
            for field in self._fields:
                with Horizontal(classes="field"):
                    yield Static(field.label.rjust(wide), markup=False)
                    yield Input(
                        field.value,
                        placeholder=field.hint,
                        compact=True,
                        id=f"field-{field.name}",
                        suggester=SuggestFromList(field.known, case_sensitive=False) if field.known else None,
                    )
            with Horizontal(id="buttons"):
                yield Button(Content("Cancel"), id="cancel", compact=True)
                yield Button(Content(self._verb), id="do", compact=True)

    @on(Input.Submitted)
    def go_on(self, message: Input.Submitted) -> None:
        """Enter takes what stands there."""
        message.stop()
        self.take()

    @on(Button.Pressed, "#do")
    def take(self) -> None:
        """Done."""
        self.dismiss({f.name: self.query_one(f"#field-{f.name}", Input).value.strip() for f in self._fields})

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Away."""
        self.dismiss(None)
