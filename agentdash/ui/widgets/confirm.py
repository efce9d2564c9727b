"""The question before harm: what will be hit, who uses it, what cannot be undone, and the command that does the same.

Example::

    question = Question(
        "Delete 2 workspaces?",
        targets=("ada/web-9", "mara/gpu-12"),
        affected=("mara: 1 open shell",),
        lasting="Their disks are deleted.",
        command="coder delete ada/web-9 mara/gpu-12",
        verb="Delete",
        typed="2",
    )
    if await self.app.push_screen_wait(Confirm(question)): ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.facts import Fact, Facts
from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.glyphs import UNICODE, Signs


class Asked(Protocol):
    """What a question says; any object with these attributes will do."""

    @property
    def title(self) -> str:
        """The question."""

    @property
    def targets(self) -> Sequence[str]:
        """What will be hit."""

    @property
    def affected(self) -> Sequence[str]:
        """Who uses it, or what else is touched; may be empty."""

    @property
    def lasting(self) -> str:
        """What cannot be undone; may be empty."""

    @property
    def command(self) -> str:
        """The command that does the same; may be empty."""

    @property
    def verb(self) -> str:
        """What the button says."""

    @property
    def typed(self) -> str | None:
        """A name or count that has to be typed, None if the button is enough."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its facts, see `Asked`."""

    title: str
    targets: tuple[str, ...]
    affected: tuple[str, ...] = ()
    lasting: str = ""
    command: str = ""
    verb: str = "Do it"
    typed: str | None = None


def facts_of(question: Asked) -> list[Fact]:
    """What the question shows, in the order in which it should be read."""
    facts: list[Fact] = []

    def put(label: str, texts: Sequence[str], tone: Tone) -> None:
        facts.extend(
            Fact(f"{label}.{at}", label if at == 0 else "", Cell(text, tone)) for at, text in enumerate(texts)
        )

    put("hits", question.targets, Tone.BRIGHT)
    put("used by", question.affected, Tone.WARN)
    put("for good", (question.lasting,) if question.lasting else (), Tone.BROKEN)
    put("same as", (question.command,) if question.command else (), Tone.DIM)
    return facts


class Confirm(ModalScreen[bool]):
    """Asks; the result is True only if the user pressed the button that does it. The focus is on Cancel.

    Args:
        question: What is asked.
        signs: The set of signs.
    """

    CSS_PATH = "confirm.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False, id="confirm-cancel"),
        Binding("left,right", "other_button", "Other button", show=False, id="confirm-other"),
    ]

    def __init__(self, question: Asked, *, signs: Signs = UNICODE) -> None:
        super().__init__()
        self._question = question
        self._signs = signs
        # Beside a button that cancels something, "Cancel" says nothing.
        self._refusal = "Keep it" if question.verb.lower().startswith("cancel") else "Cancel"

    def compose(self) -> ComposeResult:
        """Facts, the word to type if one is asked for, two buttons."""
        question = self._question
        with Pane(question.title, signs=self._signs):
            yield Facts(facts_of(question), signs=self._signs)
            if question.typed is not None:
                yield Static(f" type {question.typed} to go on:", markup=False, id="ask")
                yield Input(compact=True, id="typed", select_on_focus=False)
            with Horizontal(id="buttons"):
                yield Button(Content(self._refusal), id="cancel", compact=True)
                yield Button(
                    Content(question.verb),
                    id="do",
                    compact=True,
                    variant="error",
                    disabled=question.typed is not None,
                )

    @on(Input.Changed, "#typed")
    def judge_typed(self, message: Input.Changed) -> None:
        """The button works only while the word stands there."""
        self.query_one("#do", Button).disabled = message.value.strip() != self._question.typed

    @on(Input.Submitted, "#typed")
    def go_to_button(self) -> None:
        """Enter in the input leads to the button, it does not press it."""
        button = self.query_one("#do", Button)
        if not button.disabled:
            button.focus()

    @on(Button.Pressed, "#do")
    def do_it(self) -> None:
        """Yes."""
        self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """No."""
        self.dismiss(False)

    def action_other_button(self) -> None:
        """From one button to the other."""
        do, cancel = self.query_one("#do", Button), self.query_one("#cancel", Button)
        (do if self.focused is cancel and not do.disabled else cancel).focus()
