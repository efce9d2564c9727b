"""Whether a terminal still answers, and if not, who is silent: the line to the server, or what is behind it.

A dead agent closes nothing, and its status lags (contract: pty.md §11). A server that is frozen or cut off closes nothing
either. A ping of our own tells them apart: the server answers it by itself, whatever the agent does (contract: pty.md §10).
It does not while it dials the agent, so that nothing is concluded before the first byte (contract: pty.md §5), nor while it
cannot get rid of a large paste.
"""

from __future__ import annotations

import re
from typing import Protocol

UNHEARD_S = 3.0
"""From then on an attached terminal without a single byte is said to wait: 101 proves nothing (contract: pty.md §5)."""
UNANSWERED_S = 5.0
"""From then on keys without an answer are noticed."""
PROBE_S = 2.0
"""Keys that wait so long for output have the server asked whether it is there."""
QUIET_S = 16.0
"""So does a server that has let its own ping pass, which comes every 15 s (contract: pty.md §10)."""
PINGLESS_S = 22.0
"""After that nothing excuses a server whose own ping has not come."""
PONG_S = 3.0
"""What an answer of the server may take, besides the time it took before."""
LATE_S = 3.0
"""Between two looks lies a second; if it was more, this program was stopped, and has not read what came meanwhile."""
PASTE = 32 * 1024
"""Characters on their way to the agent that may fill every buffer: then the server reads no ping."""
_STEPS = (
    *((seconds, f"{seconds} s") for seconds in (5, 10, 15, 20, 25, 30)),
    *((60 * minutes, f"{minutes} m") for minutes in (1, 5)),
    (3600, "1 h"),
)

_REPORTS = re.compile(
    r"(?:\x1b\[(?:[IO]|<[\d;]*[mM]|M.{3}|[?>=][\d;]*\$?[a-zA-Z]|\d+;\d+R)|\x1b[\]P_][^\x07\x1b]*(?:\x07|\x1b\\))+",
    re.DOTALL,
)


def is_report(text: str) -> bool:
    """Whether a terminal says this by itself: mouse, focus, answers to questions. No program owes an answer to it."""
    return _REPORTS.fullmatch(text) is not None


class Asked(Protocol):
    """The line as far as it tells whether the server is there."""

    @property
    def unheard_s(self) -> float:
        """Seconds since the server sent anything, a pong included."""
        ...

    @property
    def round_trip_s(self) -> float:
        """Seconds its last pong took, 0 before the first."""
        ...

    def probe(self) -> None:
        """Have it send a sign of life."""


class Silence:
    """Notes when something was typed and when something came; says what a silence means.

    All times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._attached_at: float | None = None
        self._unanswered_since: float | None = None
        self._waiting = 0
        """Characters typed since something came."""
        self._line: Asked | None = None
        self._probed_at: float | None = None
        self._looked_at = 0.0
        self._has_answered = False
        """Whether the server has answered since keys wait."""
        self.line_silent_s = 0.0
        """How long the server itself has been silent, 0 unless that is longer than it may be."""
        self.was_heard = False
        """Whether a byte came since the attach."""

    def attached(self, now: float, line: Asked) -> None:
        """A line is open; nothing has come yet."""
        self._attached_at, self._looked_at, self._line = now, now, line
        self.was_heard = False
        self._calm()

    def left(self) -> None:
        """The line is down: nobody is expected to answer."""
        self._attached_at = self._line = None
        self._calm()

    def typed(self, now: float, count: int = 1) -> None:
        """A person typed so many characters."""
        self._waiting += count
        if self._unanswered_since is None:
            self._unanswered_since = now

    def heard(self) -> None:
        """Output came."""
        self.was_heard = True
        self._calm()

    def _calm(self) -> None:
        self._unanswered_since = self._probed_at = None
        self._waiting, self.line_silent_s, self._has_answered = 0, 0.0, False

    def unanswered_s(self, now: float) -> float:
        """How long the oldest unanswered key waits, 0 if none does."""
        return 0.0 if self._unanswered_since is None else now - self._unanswered_since

    def look(self, now: float) -> None:
        """Ask the server whether it is there, when that is in doubt, and judge by its answer. Once a second."""
        late, self._looked_at = now - self._looked_at > LATE_S, now
        line = self._line
        if line is None or not self.was_heard:
            return
        if self._probed_at is not None and line.unheard_s < now - self._probed_at:
            self._probed_at, self._has_answered = None, True
        if late:
            self._probed_at = None
        unheard = line.unheard_s
        if self._waiting > PASTE:
            self.line_silent_s = unheard if unheard >= PINGLESS_S else 0.0
            return
        if self._probed_at is None:
            self.line_silent_s = 0.0
            patience = UNANSWERED_S if self._has_answered else PROBE_S
            if unheard >= QUIET_S or min(unheard, self.unanswered_s(now)) >= patience:
                self._probed_at = now
                line.probe()
        elif now - self._probed_at >= PONG_S + 2 * line.round_trip_s:
            self.line_silent_s = unheard

    def line_sentence(self) -> str:
        """What to say of a server that does not answer."""
        return f"no answer from the server for {_step(self.line_silent_s)}; keys typed now may be lost"

    def sentence(self, now: float) -> str:
        """What to say of what is behind the server; empty while all is well. Moves in coarse steps."""
        if self._attached_at is not None and not self.was_heard and now - self._attached_at >= UNHEARD_S:
            return "waiting for the agent: nothing has come from it yet"
        waited = self.unanswered_s(now)
        if waited < UNANSWERED_S:
            return ""
        said = f"no answer to the keys typed {_step(waited)} ago: the program is busy, or the agent is lost"
        return f"{said}; the server answers" if self._has_answered else said


def _step(seconds: float) -> str:
    return next((words for limit, words in reversed(_STEPS) if seconds >= limit), _STEPS[0][1])
