"""The connection behind the screens: made once the first frame is painted, closed when the program ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentdash.actions.run import Runner
    from agentdash.feed.shells import Shells
    from agentdash.feed.supervisor import Feed
    from agentdash.state.events import Event
    from agentdash.state.state import State


async def _nothing() -> None:
    return None


@dataclass(slots=True)
class Session:
    """What a connected program has.

    Attributes:
        feed: The tasks that keep the state true; not yet running.
        runner: Carries out actions.
        shells: The open terminals.
        close: Ends what was opened for this session, the embedded deployment included.
    """

    feed: Feed
    runner: Runner
    shells: Shells
    close: Callable[[], Awaitable[None]] = _nothing


Post = Callable[[Sequence["Event"]], None]
Connect = Callable[[Post, Callable[[], "State"]], Awaitable[Session]]
"""Given where events go and where the state is, opens the session. May raise `Refusal`."""


class Refusal(Exception):  # noqa: N818 - named by what happened, as the screens say it
    """There is no session, and why: shown on screen while the program stays up."""

    def __init__(self, title: str, detail: str = "", next_step: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.next_step = next_step
