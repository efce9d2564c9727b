"""Whether a terminal still answers: a dead agent closes nothing, and its status lags (contract: pty.md §11)."""

from __future__ import annotations

UNHEARD_S = 3.0
"""From then on an attached terminal without a single byte is said to wait: 101 proves nothing (contract: pty.md §5)."""
UNANSWERED_S = 5.0
"""From then on keys without an answer are noticed."""
_STEPS = ((5, "5 s"), (10, "10 s"), (30, "30 s"), (60, "1 m"), (300, "5 m"), (3600, "1 h"))


class Silence:
    """Notes when something was typed and when something came; says what a silence means.

    All times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._attached_at: float | None = None
        self._unanswered_since: float | None = None
        self.was_heard = False
        """Whether a byte came since the attach."""

    def attached(self, now: float) -> None:
        """A line is open; nothing has come yet."""
        self._attached_at, self._unanswered_since, self.was_heard = now, None, False

    def left(self) -> None:
        """The line is down: nobody is expected to answer."""
        self._attached_at = self._unanswered_since = None

    def typed(self, now: float) -> None:
        """A person typed something."""
        if self._unanswered_since is None:
            self._unanswered_since = now

    def heard(self) -> None:
        """Something came."""
        self.was_heard, self._unanswered_since = True, None

    def unanswered_s(self, now: float) -> float:
        """How long the oldest unanswered key waits, 0 if none does."""
        return 0.0 if self._unanswered_since is None else now - self._unanswered_since

    def sentence(self, now: float) -> str:
        """What to say; empty while all is well. Moves in coarse steps."""
        if self._attached_at is not None and not self.was_heard and now - self._attached_at >= UNHEARD_S:
            return "waiting for the agent: nothing has come from it yet"
        waited = self.unanswered_s(now)
        if waited >= UNANSWERED_S:
            step = next(words for limit, words in reversed(_STEPS) if waited >= limit)
            return f"no answer to the keys typed {step} ago: the program is busy, or the agent is lost"
        return ""
