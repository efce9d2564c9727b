"""What the application asks of the screens it switches between; how they do it is the business of `base`.

Apart from that, so that the application can paint before the state and its words are loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.screen import Screen

from agentdash.present.cells import Tone

if TYPE_CHECKING:
    from textual.widget import Widget

    from agentdash.actions.action import Action
    from agentdash.state.model import ActionRecord
    from agentdash.state.state import Changes


class View(Screen[Any], inherit_bindings=False):
    """A screen with a scope of keys, that hears of the state and can say something."""

    SCOPE: ClassVar[str] = "global"
    VIEW: ClassVar[str] = ""

    @property
    def place_key(self) -> str:
        """Row key of the agent or build this screen shows; empty for a view."""
        return ""

    def session_opened(self) -> None:
        """There is a connection now."""

    def state_changed(self, changes: Changes, touched: set[str]) -> None:
        """The state is another; `touched` are row keys."""
        raise NotImplementedError

    def time_passed(self, touched: set[str]) -> None:
        """Words that depend on time may read differently."""
        raise NotImplementedError

    def judged(self, touched: set[str]) -> None:
        """There is a new diagnosis."""
        raise NotImplementedError

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a notice for some seconds."""
        raise NotImplementedError

    def say_outcome(self, record: ActionRecord) -> None:
        """Tell how an action stands."""
        raise NotImplementedError

    def scope_of(self, widget: Widget | None) -> str:
        """The scope of keys where the focus is."""
        raise NotImplementedError

    def act_on_targets(self, action: Action) -> object:
        """Guard, ask, run."""
        raise NotImplementedError

    def obey(self, word: str, argument: str) -> None:
        """Carry out a command that is no action."""
        raise NotImplementedError
