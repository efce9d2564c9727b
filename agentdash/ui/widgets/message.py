"""A line for what just happened: it stands for some seconds, and everything said is kept for reading later."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agentdash.present.cells import Cell, Tone
from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.later import later
from agentdash.ui.widgets.statusbar import StatusLine

STAND_S = 6.0
"""How long a notice stands by default."""
MAX_NOTICES = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """What was said, and when if that was told."""

    text: str
    at: datetime | None


class MessageLine(StatusLine):
    """Shows the latest notice in place of its ordinary cells (a footer's hints), then those again."""

    def __init__(
        self,
        *,
        gap: int = 2,
        margin: int = 1,
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(gap=gap, margin=margin, signs=signs, name=name, id=id, classes=classes)
        self._resting: tuple[tuple[Cell, ...], tuple[Cell, ...]] = ((), ())
        self._timer: asyncio.TimerHandle | None = None
        self._is_brief = True
        self._kept: deque[Notice] = deque(maxlen=MAX_NOTICES)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Everything said, oldest first, at most `MAX_NOTICES`."""
        return tuple(self._kept)

    def rest(self, left: Sequence[Cell], right: Sequence[Cell] = ()) -> None:
        """Set what stands here while there is nothing to say."""
        self._resting = (tuple(left), tuple(right))
        if self._timer is None:
            self.show(*self._resting)

    def say(
        self, text: str, tone: Tone = Tone.PLAIN, *, stand_s: float = STAND_S, at: datetime | None = None
    ) -> None:
        """Say something for some seconds; `at` is when, for those who read it later."""
        self._kept.append(Notice(text, at))
        if self._timer is not None:
            self._timer.cancel()
        self._is_brief = stand_s <= STAND_S
        self.show([Cell(text, tone)])
        self._timer = later(self, stand_s, self.clear_notice)

    def clear_brief(self) -> None:
        """Show the ordinary cells again, unless a notice stands that was given longer than usual."""
        if self._is_brief:
            self.clear_notice()

    def take_back(self, text: str) -> None:
        """Show the ordinary cells again if this stands here: it is no longer so."""
        if self._timer is not None and self._kept and self._kept[-1].text == text:
            self.clear_notice()

    def clear_notice(self) -> None:
        """Show the ordinary cells again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.show(*self._resting)
