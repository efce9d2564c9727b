"""What a terminal is told and tells: where it runs, its states, and what opens its connections."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agentdash.api.terminal import TerminalClose

USAGE_S = 60.0
"""While a terminal is open its use is reported, or autostop ends the workspace under it (contract: pty.md §10)."""
POLL_S = 2.0
"""How often a shell that waits for its agent looks whether it is back."""
LIFETIME_S = 300.0
"""How long a shell lives on without a client (contract: pty.md §9)."""


class ShellState(StrEnum):
    """What stands above the terminal."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    SILENT = "silent"
    """The line is open, and the server does not answer."""
    WAITING = "waiting"
    """The agent is not connected: nothing can be opened."""
    LOST = "agent lost"
    """The agent went away under an open shell."""
    RETRYING = "retrying"
    DETACHED = "detached"
    """Open when this program ended last; nobody is attached, and it ends after five minutes of that."""
    ENDED = "ended"
    REFUSED = "refused"


OPEN = (ShellState.CONNECTED, ShellState.SILENT)
"""There is a line."""
FINAL = (ShellState.ENDED, ShellState.REFUSED)
"""Nothing happens by itself any more; enter starts anew."""


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
    probe: str = ""
    """Run instead of `command` when an old session is asked for: an agent that still has it ignores this, one that has
    not runs it, and so tells that the session is over."""

    @property
    def where(self) -> str:
        """What it is beyond a login shell of the agent: command, container, user; empty if nothing."""
        user = f"{self.container_user}@" if self.container_user else ""
        return " ".join(word for word in (user + self.container[:12], self.command) if word)


@dataclass(frozen=True, slots=True)
class Status:
    """State of a shell in words."""

    state: ShellState
    since: datetime
    sentence: str = ""
    retry_at: datetime | None = None


class Face(Protocol):
    """Where the output goes: an emulator, or a bare terminal."""

    def begin_again(self) -> None:
        """What comes now is the session's output once more, or its picture."""

    def show(self, output: bytes, *, is_replay: bool) -> str:
        """Take output; returns what a terminal answers to it. Old questions are not answered again."""

    async def drain(self) -> None:
        """Wait until more can be taken; keys, and the shells beside it, have their turn during a flood."""


class OpenLine(Protocol):
    """An open connection to a PTY (`api.terminal.Terminal`); `ended` says how, once it has."""

    @property
    def ended(self) -> TerminalClose | None: ...

    @property
    def unheard_s(self) -> float: ...

    @property
    def round_trip_s(self) -> float: ...

    def probe(self) -> None: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def send_input(self, text: str) -> None: ...

    async def resize(self, height: int, width: int) -> None: ...


class Lines(Protocol):
    """What opens connections and answers for agents."""

    def open(
        self, agent_id: str, reconnect: uuid.UUID, target: Target, *, height: int, width: int
    ) -> AbstractAsyncContextManager[OpenLine]: ...

    async def agent_status(self, agent_id: str) -> str: ...

    async def report_usage(self, workspace_id: str, agent_id: str) -> None: ...
