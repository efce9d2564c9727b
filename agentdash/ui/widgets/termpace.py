"""When the picture of a terminal is painted: at most once a frame, and an answer to a key without waiting for the frame."""

from __future__ import annotations

FRAME_S = 1 / 60
SLOWEST_FRAME_S = 1 / 15
"""Between two frames of a flood that leaves no time for more."""
LATE_S = 0.004
"""A frame that is painted so much later than planned shows that there is no time."""
QUIET_S = 0.004
"""So long without a change, and a burst is over: what it leaves is shown without waiting for the next frame."""
ANSWER_QUIET_S = 0.0015
"""The same while a person waits for an answer; in a flood it would cost frames all the time."""
SOONEST_S = FRAME_S / 2
"""Between two frames that come so, unless a person waits for an answer."""
ANSWER_S = 0.1
"""So long after a key what comes may be its answer."""


class Pace:
    """Tells how long to wait. All times are monotonic seconds; nothing is waited for here."""

    def __init__(self) -> None:
        self._painted_at = float("-inf")
        self._changed_at = 0.0
        self._answers_until = float("-inf")
        self._due = 0.0
        self._is_late = False
        self._frame_s = FRAME_S

    def typed(self, now: float) -> None:
        """A key was sent; somebody looks out for what it does."""
        self._answers_until = now + ANSWER_S

    def changed(self, now: float) -> None:
        """The picture is another one."""
        self._changed_at = now

    def plan(self, now: float) -> float:
        """Seconds until the first change since the last frame is looked at, 0 to paint it at once."""
        wait = self._painted_at + self._frame_s - now
        if wait <= 0:
            self._frame_s = FRAME_S
            return 0.0
        self._is_late = False
        soonest = 0.0 if now < self._answers_until else SOONEST_S
        return self._wait(now, min(wait, max(self._painted_at + soonest - now, self._quiet_s(now))))

    def look(self, now: float) -> float:
        """The time is over: seconds to wait once more, 0 to paint.

        Without time for it each frame takes longer, as long as changes keep coming.
        """
        self._is_late = self._is_late or now - self._due > LATE_S
        wait = min(self._painted_at + self._frame_s, self._changed_at + self._quiet_s(now)) - now
        if wait > 0:
            return self._wait(now, wait)
        longer, shorter = min(self._frame_s * 1.5, SLOWEST_FRAME_S), max(self._frame_s * 0.8, FRAME_S)
        self._frame_s = longer if self._is_late else shorter
        return 0.0

    def painted(self, now: float) -> None:
        """A frame is painted."""
        self._painted_at = now

    def _quiet_s(self, now: float) -> float:
        return ANSWER_QUIET_S if now < self._answers_until else QUIET_S

    def _wait(self, now: float, wait_s: float) -> float:
        self._due = now + wait_s
        return wait_s
