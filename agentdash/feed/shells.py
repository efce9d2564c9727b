"""All terminals of this program, and those it had when it ended last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

from agentdash.feed.clock import Clock, SystemClock, is_set_within
from agentdash.feed.shell import Shell, next_turn
from agentdash.feed.shell_book import Kept, ShellBook
from agentdash.feed.shell_status import (
    LIFETIME_S,
    OPEN,
    POLL_S,
    USAGE_S,
    Lines,
    OpenLine,
    ShellState,
    Status,
    Target,
)
from agentdash.state.state import State

__all__ = ["POLL_S", "USAGE_S", "Lines", "OpenLine", "Shell", "ShellState", "Shells", "Status", "Target"]

log = logging.getLogger(__name__)

KEEP_S = 60.0
"""How often it is noted that a shell is still attached, for the case that this program is killed."""
_HOLDS_SESSION = (*OPEN, ShellState.CONNECTING)


class Shells:
    """All terminals of this program; each has a task of its own.

    Args:
        lines: Opens connections.
        state: The present state.
        history: Lines of scrollback of each.
        is_screen: The backend is GNU screen.
        allow_clipboard: Programs may write to the clipboard.
    """

    def __init__(
        self,
        lines: Lines,
        state: Callable[[], State],
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        history: int = 10_000,
        is_screen: bool = False,
        allow_clipboard: bool = False,
    ) -> None:
        self._lines = lines
        self._state = state
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()  # noqa: S311  # jitter, not a secret
        self._history = history
        self._is_screen = is_screen
        self._allow_clipboard = allow_clipboard
        self.turn: Callable[[], Awaitable[None]] = next_turn
        """Awaited between two pieces of output, so that other things have their turn."""
        self._shells: dict[str, Shell] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._book: ShellBook | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._noted = asyncio.Event()
        self._is_read = asyncio.Event()
        self._is_ending = False

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
        shell = self._make(target, columns, rows)
        self._start(shell)
        return shell

    def wake(self, shell: Shell) -> None:
        """Go back to a shell of the last start of this program; without effect on others."""
        if shell.status.state is ShellState.DETACHED and self._shells.get(shell.id) is shell:
            self._tasks.pop(shell.id).cancel()
            self._start(shell)

    def _make(self, target: Target, columns: int, rows: int, reconnect: uuid.UUID | None = None) -> Shell:
        shell = Shell(
            target,
            self._lines,
            self._state,
            self._clock,
            self._rng,
            columns=columns,
            rows=rows,
            history=self._history,
            reconnect=reconnect,
            is_screen=self._is_screen,
            allow_clipboard=self._allow_clipboard,
            turn=self._take_turn,
        )
        self._shells[shell.id] = shell
        return shell

    async def _take_turn(self) -> None:
        await self.turn()

    def _start(self, shell: Shell) -> None:
        self._tasks[shell.id] = asyncio.create_task(self._supervise(shell), name=f"shell {shell.id}")
        self.note()

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
        await self._leave(shell_id)
        self.note()

    async def _leave(self, shell_id: str) -> None:
        task = self._tasks.pop(shell_id, None)
        shell = self._shells.pop(shell_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if shell is not None and shell.cast is not None:
            await asyncio.to_thread(shell.cast.close)

    async def aclose(self) -> None:
        """Close all; the next start finds them again."""
        if self._keeper is not None:
            # Not cancelled: what a thread has begun to write would end after what is written below.
            self._is_ending = True
            self.note()
            await asyncio.gather(self._keeper, return_exceptions=True)
        kept = self._kept()
        for shell_id in list(self._shells):
            await self._leave(shell_id)
        if self._book is not None:
            await asyncio.to_thread(self._book.keep, kept, self._clock.now())

    # What is found again

    def remember(self, book: ShellBook) -> asyncio.Event:
        """Keep the ids of shells in a book from now on, and show those that are in it; a second book is not opened.

        Returns:
            Set once the book has been read.
        """
        if self._keeper is None:
            self._book = book
            self._keeper = asyncio.create_task(self._keep(book), name="shell-book")
        return self._is_read

    def note(self) -> None:
        """Something that is in the book has changed."""
        self._noted.set()

    def _found(self, kept: Kept, reconnect: uuid.UUID) -> None:
        shell = self._make(kept.target, 80, 24, reconnect)
        shell.seen_at = kept.seen_at
        self._tasks[shell.id] = asyncio.create_task(self._forget(shell), name=f"shell {shell.id}")

    async def _forget(self, shell: Shell) -> None:
        """Nobody went back to it in time."""
        ends = shell.seen_at + timedelta(seconds=LIFETIME_S)
        await self._clock.sleep((ends - self._clock.now()).total_seconds())
        self._shells.pop(shell.id, None)
        self._tasks.pop(shell.id, None)
        self.note()

    def _kept(self) -> list[Kept]:
        now, kept = self._clock.now(), []
        for shell in self._shells.values():
            if shell.status.state in _HOLDS_SESSION:
                kept.append(Kept(str(shell.reconnect), shell.target, now, ""))
            elif shell.status.state is not ShellState.ENDED and shell.has_begun:
                kept.append(Kept(str(shell.reconnect), shell.target, shell.seen_at, ""))
        return kept

    async def _keep(self, book: ShellBook) -> None:
        for found in await asyncio.to_thread(book.take, self._clock.now()):
            with contextlib.suppress(ValueError):
                self._found(found, uuid.UUID(found.id))
        self._is_read.set()
        while True:
            await asyncio.to_thread(book.keep, self._kept(), self._clock.now())
            if self._is_ending:
                return
            await is_set_within(self._clock, self._noted, KEEP_S)
            self._noted.clear()
