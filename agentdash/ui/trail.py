"""Places that were shown, walked back and forth like pages."""

from __future__ import annotations

from dataclasses import dataclass

KEPT = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a person can be: a view, or an agent or build over it."""

    view: str
    key: str = ""
    """Row of the agent or build shown; empty for the view itself."""
    is_build: bool = False


class Trail:
    """History of places with a position."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._at = -1

    def visit(self, place: Place) -> None:
        """Go to a place by other means: what lay ahead is forgotten."""
        if self._at >= 0 and self._places[self._at] == place:
            return
        self._places = [*self._places[max(0, self._at + 2 - KEPT) : self._at + 1], place]
        self._at = len(self._places) - 1

    def step(self, by: int) -> Place | None:
        """Go back (-1) or forward (1); None at the end."""
        if not 0 <= self._at + by < len(self._places):
            return None
        self._at += by
        return self._places[self._at]
