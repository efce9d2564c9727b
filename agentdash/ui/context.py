"""What every screen and pane is given: the state, the time, the signs, and the way to act. Holds no widget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from agentdash.config.settings import Settings
from agentdash.present.glyphs import Glyphs
from agentdash.state.state import State
from agentdash.state.store import Store
from agentdash.ui.fleet_rows import FleetRows
from agentdash.ui.keys import KeyTable
from agentdash.ui.remembered import Remembered
from agentdash.ui.widgets.glyphs import Signs

if TYPE_CHECKING:
    from agentdash.feed.shells import Shells
    from agentdash.feed.supervisor import Feed
    from agentdash.ui.diagnosis import Judge


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Context:
    """Shared by the app and its screens.

    Attributes:
        settings: As loaded.
        store: Holder of the state; only the app applies events to it.
        fleet: The rows of the fleet.
        keys: Actions by key.
        glyphs: Signs in words and cells.
        signs: Signs that widgets draw by themselves.
        clock: Local time, aware UTC; a test hands in its own.
        feed: The tasks that keep the state true, once there is a connection.
        shells: The open terminals, once there is a connection.
        marks: Row keys the user has marked.
        remembered: How the user wants the terminals.
        judge: What keeps the diagnosis, once it is loaded.
        judge_every_s: Seconds between two judgements at least.
        state_dir: Where the program keeps what outlives it; the user's state directory if None.
    """

    settings: Settings
    store: Store
    fleet: FleetRows
    keys: KeyTable
    glyphs: Glyphs
    signs: Signs
    clock: Callable[[], datetime] = utc_now
    feed: Feed | None = None
    shells: Shells | None = None
    marks: set[str] = field(default_factory=set)
    remembered: Remembered = field(default_factory=Remembered)
    judge: Judge | None = None
    judge_every_s: float = 2.0
    state_dir: Path | None = None

    @property
    def state(self) -> State:
        """The present state."""
        return self.store.state

    def now(self) -> datetime:
        """Server time: the clock all ages are told by."""
        offset = self.store.state.server.clock_offset_s
        return self.clock() + timedelta(seconds=offset or 0.0)

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""
        return self.settings.read_only

    def whole(self) -> Context:
        """As a front of itself: everything is loaded."""
        return self
