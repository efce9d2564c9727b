"""A terminal of the dashboard: a session with an emulator that draws it, whether anybody looks or not."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable

from agentdash.feed.cast import Cast
from agentdash.feed.clock import Clock
from agentdash.feed.shell_session import Session
from agentdash.feed.shell_size import ForeignSize
from agentdash.feed.shell_status import Lines, ShellState, Status, Target
from agentdash.state.state import State
from agentdash.term.emulator import Emulator
from agentdash.term.picture import picture

RESET = b"\x1bc"
"""What empties the terminal that a recording is played on (RIS)."""
FOREIGN_AFTER_S = 2.0
"""What a program drew for the size before ours changed still comes after it."""


def connected_agent(state: State, agent_key: str) -> str | None:
    """Id of an agent as it is now, if it is connected."""
    found = state.row(agent_key)
    if found is None or found[1] is None or found[0].agents_are_previous:
        return None
    return found[1].id if found[1].is_connected else None


async def next_turn() -> None:
    """Wait for one turn of the event loop."""
    await asyncio.sleep(0)


class Shell(Session):
    """One terminal; reading the emulator when told of a change is the listener's part.

    Args:
        target: Where it runs.
        lines: Opens connections.
        state: The present state, which knows the agent.
        history: Lines of scrollback.
        reconnect: Id of an older session to go back to when woken.
        is_screen: The backend is GNU screen.
        allow_clipboard: The program may write to the clipboard.
        turn: Awaited between two pieces of output.
    """

    def __init__(
        self,
        target: Target,
        lines: Lines,
        state: Callable[[], State],
        clock: Clock,
        rng: random.Random,
        *,
        columns: int = 80,
        rows: int = 24,
        history: int = 10_000,
        reconnect: uuid.UUID | None = None,
        is_screen: bool = False,
        allow_clipboard: bool = False,
        turn: Callable[[], Awaitable[None]] = next_turn,
    ) -> None:
        super().__init__(
            target,
            lines,
            lambda: connected_agent(state(), target.agent_key),
            clock,
            rng,
            face=self,
            size=(rows, columns),
            reconnect=reconnect,
            is_screen=is_screen,
        )
        self.id = str(self.reconnect)
        self.emulator = Emulator(columns, rows, history, allow_clipboard=allow_clipboard)
        self.cast: Cast | None = None
        self._foreign = ForeignSize()
        self.bells_heard = 0
        self._keeps_history = is_screen
        self._turn = turn
        self._resized_at = clock.monotonic()
        if reconnect is not None:
            self.status = Status(ShellState.DETACHED, clock.now(), "not attached; enter goes back to it")

    @property
    def has_rung(self) -> bool:
        """Whether the bell rang since somebody looked."""
        return self.emulator.bell > self.bells_heard

    @property
    def foreign_rows(self) -> int:
        """Rows the program seems to draw for when another client has set a larger size; 0 when it draws for ours."""
        return self._foreign.rows

    def type(self, text: str) -> bool:
        """Send input; see `Session.type`."""
        self._foreign.typed(self._clock.monotonic())
        return super().type(text)

    def oddity(self) -> str:
        """Another client has set the session's width, or a smaller size."""
        if not self.emulator.modes.alternate_screen:
            return ""
        self._foreign.look(self._clock.monotonic(), self._filled)
        return self._foreign.sentence

    def _filled(self) -> int:
        """The lowest row that is not empty, counted from 1."""
        rows = range(self.emulator.lines, 0, -1)
        return next((y for y in rows if any(run[0].strip() for run in self.emulator.row(y - 1))), 0)

    def resize(self, rows: int, columns: int) -> None:
        """Take the pane's size; the shell follows."""
        before = self.size
        super().resize(rows, columns)
        if self.size == before:
            return
        self._set_size()
        self.emulator.resize(*self.size)
        if self.cast is not None:
            self.cast.resize(self.emulator.columns, self.emulator.lines)
        self.on_change()

    def redraw(self) -> None:
        """Make our size the session's and have the program draw itself anew."""
        self._set_size()
        super().redraw()

    def _set_size(self) -> None:
        self._resized_at = self._clock.monotonic()
        self._foreign.ours()

    def record(self, cast: Cast) -> None:
        """Record from here on, what is on screen first."""
        self.cast = cast
        cast.output(picture(self.emulator).encode())

    # The face of the session

    def begin_again(self) -> None:
        """Forget the picture: a replay follows."""
        self.emulator.reset(keep_history=self._keeps_history)
        if self.cast is not None:
            self.cast.output(RESET)
        self._foreign.ours()

    def show(self, output: bytes, *, is_replay: bool) -> str:
        """Draw output; returns the emulator's answers to the program."""
        emulator = self.emulator
        emulator.feed(output)
        if self.cast is not None:
            self.cast.output(output)
        if emulator.modes.alternate_screen and not is_replay:
            self._look_at_size(output)
        answers = emulator.take_replies()
        return "" if is_replay else answers

    async def drain(self) -> None:
        """Nothing to wait for: what is drawn is drawn."""
        await self._turn()

    def _look_at_size(self, output: bytes) -> None:
        now, emulator = self._clock.monotonic(), self.emulator
        if now - self._resized_at > FOREIGN_AFTER_S:
            self._foreign.saw(output, emulator.lines, emulator.columns, now)
        else:
            self._foreign.place(output, emulator.lines)
