"""All terminals of this program."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from agentdash.feed.clock import Clock, SystemClock
from agentdash.feed.shell import POLL_S, USAGE_S, Lines, OpenLine, Shell
from agentdash.feed.shell_state import ShellState, Status, Target
from agentdash.state.store import State

__all__ = ["POLL_S", "USAGE_S", "Lines", "OpenLine", "Shell", "ShellState", "Shells", "Status", "Target"]

log = logging.getLogger(__name__)


class Shells:
    """All terminals of this program; each has a task of its own."""

    def __init__(
        self,
        lines: Lines,
        state: Callable[[], State],
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        history: int = 10_000,
    ) -> None:
        self._lines = lines
        self._state = state
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()  # noqa: S311  # jitter, not a secret
        self._history = history
        self._shells: dict[str, Shell] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def all(self) -> tuple[Shell, ...]:
        """Every shell, oldest first."""
        return tuple(self._shells.values())

    def of_agent(self, agent_key: str) -> tuple[Shell, ...]:
        """Shells in one agent."""
        return tuple(s for s in self._shells.values() if s.target.agent_key == agent_key)

    def get(self, shell_id: str) -> Shell | None:
        """One shell."""
        return self._shells.get(shell_id)

    def open(self, target: Target, columns: int, rows: int) -> Shell:
        """Open another terminal."""
        shell = Shell(
            target,
            self._lines,
            self._state,
            self._clock,
            self._rng,
            columns=columns,
            rows=rows,
            history=self._history,
        )
        self._shells[shell.id] = shell
        self._tasks[shell.id] = asyncio.create_task(self._supervise(shell), name=f"shell {shell.id}")
        return shell

    async def _supervise(self, shell: Shell) -> None:
        try:
            await shell.run()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a terminal failed")
            shell.status = Status(
                ShellState.ENDED, self._clock.now(), "an error of this program ended it; see the log"
            )
            shell.on_change()

    async def close(self, shell_id: str) -> None:
        """Close the connection; the process lives on for five minutes unless it was told to exit."""
        task = self._tasks.pop(shell_id, None)
        self._shells.pop(shell_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def aclose(self) -> None:
        """Close all."""
        for shell_id in list(self._shells):
            await self.close(shell_id)
