"""What a person has chosen about terminals, kept while the program runs: their panes come and go with the agent's screen."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Remembered:
    """Choices about terminals.

    Attributes:
        beside: Row keys of agents whose shells are wanted beside the other panes; others get the whole screen.
        read: Warnings that were put aside, as (shell id, warning).
    """

    beside: set[str] = field(default_factory=set)
    read: set[tuple[str, str]] = field(default_factory=set)
