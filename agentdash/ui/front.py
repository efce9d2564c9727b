"""What the first frame is painted from: little, because everything else is loaded while it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agentdash.config.settings import Settings
from agentdash.ui.keys import KeyTable
from agentdash.ui.widgets.glyphs import Signs

if TYPE_CHECKING:
    from agentdash.ui.context import Context


class Front(Protocol):
    """What is known before anything is loaded."""

    @property
    def settings(self) -> Settings:
        """As loaded."""

    @property
    def keys(self) -> KeyTable:
        """Actions by key."""

    @property
    def signs(self) -> Signs:
        """Signs that widgets draw by themselves."""

    def whole(self) -> Context:
        """Everything; loads what that needs, which takes a third of a second, so not on the loop."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The front of a program that has just begun."""

    settings: Settings
    keys: KeyTable
    signs: Signs
    load: Callable[[Opening], Context]

    def whole(self) -> Context:
        """Load the rest."""
        return self.load(self)
