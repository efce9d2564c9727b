"""What is said of a shell: light enough to be loaded before the first paint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ShellState(StrEnum):
    """What stands above the terminal."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"
    """The agent is not connected: nothing can be opened."""
    LOST = "agent lost"
    """The agent went away under an open shell."""
    RETRYING = "retrying"
    ENDED = "ended"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Target:
    """What a shell runs in."""

    workspace_id: str
    agent_key: str
    label: str
    """`owner/workspace.agent`."""
    command: str = ""
    container: str = ""
    container_user: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """State of a shell in words."""

    state: ShellState
    since: datetime
    sentence: str = ""
    retry_at: datetime | None = None
