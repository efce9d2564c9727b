"""A build in words."""

from __future__ import annotations

from agentdash.state.model import Build

_PARTICIPLES = {"start": "started", "stop": "stopped", "delete": "deleted"}
_ENDS = {
    "pending": "queued",
    "canceling": "being cancelled",
    "canceled": "cancelled",
    "failed": "failed",
}


def build_words(build: Build) -> str:
    """`#12 started`, `#12 starting`, `#12 stop queued`, `#12 start failed`.

    A workspace's status says what it is now, `running` say; of a build that reads as if it still ran.
    """
    status = build.status
    if status in ("running", "stopped", "deleted"):
        words = _PARTICIPLES.get(build.transition, status)
    elif status in _ENDS:
        words = f"{build.transition} {_ENDS[status]}"
    else:
        words = status
    return f"#{build.number} {words}".strip()
