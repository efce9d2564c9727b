"""What every task of the feed works with: the source, the way to post, the clock of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.api.exchange import Exchange
from agentdash.feed.clock import Clock
from agentdash.feed.settings import FeedSettings
from agentdash.feed.source import Source
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.state.state import State
from agentdash.wire.backoff import Backoff

OFFSET_NOISE_S = 2.0
"""The header `Date` has whole seconds: smaller moves of the offset are rounding."""
ANSWERED_EVERY_S = 5.0
"""An answer without news is told this often."""
OPEN_PATHS = frozenset({"/api/v2/buildinfo", "/api/v2/entitlements"})
"""Answered without a login (contract: README §9, fleet.md §9)."""

Post = Callable[[Sequence[ev.Event]], None]


@dataclass(slots=True)
class Context:
    """Shared by the tasks of one feed.

    Attributes:
        random: Numbers from 0 to 1, for jitter.
    """

    source: Source
    post: Post
    state: Callable[[], State]
    settings: FeedSettings
    clock: Clock
    random: Callable[[], float]
    _offset_s: float | None = field(default=None, init=False)
    _version: str = field(default="", init=False)
    _told_at: float | None = field(default=None, init=False)
    _has_failed: bool = field(default=False, init=False)
    _is_refused: bool = field(default=False, init=False)

    def emit(self, *events: ev.Event) -> None:
        """Post these events."""
        self.post(events)

    def backoff(self) -> Backoff:
        """Delays with jitter for one thing that is tried again."""
        return Backoff(self.random)

    def server_time(self, local: datetime) -> datetime:
        """A local time as the server's clock shows it.

        A request is stamped with the time of its start, told by the offset known at its end: so the very first one is
        on the same clock as all later ones.
        """
        offset = self._offset_s if self._offset_s is not None else self.state().server.clock_offset_s
        return local + timedelta(seconds=offset or 0.0)

    def server_now(self) -> datetime:
        """The time by the server's clock."""
        return self.server_time(self.clock.now())

    def answered(self, exchange: Exchange) -> None:
        """Take note of an answer: the server is there, and its headers tell version and time.

        An answer that anybody gets does not say that the login has been mended.
        """
        if exchange.status == 0 or exchange.notes:
            return
        if exchange.error is not None and is_of_deployment(exchange.error):
            return
        clock_offset_s, version = exchange.clock_offset_s, convert.name(exchange.server_version)
        offset = self._offset_s
        if clock_offset_s is not None and (offset is None or abs(clock_offset_s - offset) >= OFFSET_NOISE_S):
            offset = clock_offset_s
        moment = self.clock.monotonic()
        is_news = self._has_failed or offset != self._offset_s or (version or self._version) != self._version
        self._offset_s = offset
        self._version = version or self._version
        if self._is_refused and exchange.path in OPEN_PATHS:
            return
        if is_news or self._told_at is None or moment - self._told_at >= ANSWERED_EVERY_S:
            self._told_at = moment
            self._has_failed = self._is_refused = False
            self.emit(ev.ServerAnswered(exchange.at, version, clock_offset_s, exchange.latency_s))

    def heard(self) -> None:
        """Take note of a sign of life on a stream."""
        self.emit(ev.ServerHeard(self.clock.now()))

    def failed(self, error: ApiError) -> Problem:
        """The words of an error; one that concerns the whole deployment is told as such."""
        problem = convert.problem(error)
        if is_of_deployment(error):
            self._has_failed = True
            self._is_refused = isinstance(error, errors.NotLoggedIn)
            self.emit(ev.ServerFailed(problem))
        return problem


def is_of_deployment(error: ApiError) -> bool:
    """Whether nothing else can be read either: no connection, no login, not Coder."""
    return isinstance(error, errors.NotConnected | errors.NotLoggedIn) and not isinstance(
        error, errors.MalformedAnswer
    )


def retry_after(error: ApiError | None) -> float | None:
    """What the server asked to wait, if it did."""
    return error.retry_after_s if isinstance(error, errors.RateLimited) else None
