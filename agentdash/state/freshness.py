"""How old and how sure a fact is; every pane says it in its border.

A fact is never bridged over a silence: when its source stops speaking it keeps its value and becomes stale, with the
time since when.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")

NOT_ON_SCREEN = "NotOnScreen"
"""Kind of the problem that nobody asks at present: no error of the server."""


class Freshness(StrEnum):
    """What keeps a fact true at present."""

    UNKNOWN = "unknown"
    """Never read."""
    LOADING = "loading"
    """Asked for, no answer yet."""
    LIVE = "live"
    """A stream keeps it; the stream is open and speaks."""
    POLLED = "polled"
    """Read once or on a clock; true at `Fact.at`."""
    STALE = "stale"
    """Its source has stopped; the value is that of `Fact.at`."""
    REFUSED = "refused"
    """The server will not tell: no right, no such route on this version, feature off, agent not connected."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A trouble in words a person can act on; made from a typed error, already cleaned."""

    kind: str
    """Name of the error's class in api/errors, for decisions."""
    title: str
    detail: str = ""
    next_step: str = ""
    status: int | None = None
    """HTTP status, where there was one."""
    request_id: str = ""

    @property
    def version_needed(self) -> str:
        """The sentence that names the version of Coder it takes; "" unless an old server is the trouble."""
        is_old = self.kind == "RouteNotFound" and " came with " in self.next_step
        return self.next_step if is_old else ""


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value with its age.

    Attributes:
        value: The last value read, or None if there never was one.
        freshness: What keeps it true.
        at: Server time of the last reading (aware UTC).
        problem: Why it is stale or refused.
        retry_at: When the source is tried again, if it is.
    """

    value: T | None = None
    freshness: Freshness = Freshness.UNKNOWN
    at: datetime | None = None
    problem: Problem | None = None
    retry_at: datetime | None = None

    def read(self, value: T, at: datetime, *, live: bool) -> Fact[T]:
        """The fact after a reading."""
        return Fact(value, Freshness.LIVE if live else Freshness.POLLED, at)

    def failed(self, problem: Problem, *, refused: bool = False, retry_at: datetime | None = None) -> Fact[T]:
        """The fact after its source failed: the value stays and ages."""
        freshness = Freshness.REFUSED if refused else Freshness.STALE
        return replace(self, freshness=freshness, problem=problem, retry_at=retry_at)

    def stale(self) -> Fact[T]:
        """The fact when its source has gone quiet without a word."""
        if self.freshness in (Freshness.LIVE, Freshness.POLLED):
            return replace(self, freshness=Freshness.STALE)
        return self

    def left(self) -> Fact[T]:
        """The fact when nobody asks for it any more: nothing keeps it, nothing is on its way, and nothing tries again."""
        if self.freshness is Freshness.LOADING:
            return replace(self, freshness=Freshness.UNKNOWN if self.value is None else Freshness.STALE)
        return replace(self.stale(), retry_at=None)

    @property
    def is_usable(self) -> bool:
        """Whether there is a value to show, however old."""
        return self.value is not None


class StreamState(StrEnum):
    """Life of a watch or follow stream."""

    CONNECTING = "connecting"
    LIVE = "live"
    RETRYING = "retrying"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as the person sees it."""

    id: str
    """Kind and subject, e.g. `logs:<agent id>`."""
    state: StreamState
    since: datetime
    """When this state began."""
    retry_at: datetime | None = None
    problem: Problem | None = None
    reconnects: int = 0
    """How often it was lost after it had been live."""
