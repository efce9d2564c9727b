"""The open terminals: each a shell on an agent's PTY, kept through cuts, told apart from one that has ended.

A shell is known by a reconnect id of ours; the same id leads back to the same process for five minutes after the line
was cut (contract: pty.md §9). Close codes prove little: 1000 comes at `exit`, at a frozen agent and at a server's restart
alike, and a killed agent closes nothing. So the agent's status governs, and the rule of pty.md §11 decides the rest.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from agentdash.api.errors import ApiError
from agentdash.api.terminal import EndKind, TerminalClose, judge_end
from agentdash.feed.clock import Clock
from agentdash.feed.shell_state import ShellState, Status, Target
from agentdash.state import convert
from agentdash.state.store import State
from agentdash.term.emulator import Emulator
from agentdash.wire.backoff import Backoff
from agentdash.wire.errors import PtyRequestError

log = logging.getLogger(__name__)

USAGE_S = 60.0
"""While a terminal is open its use is reported, or autostop ends the workspace under it (contract: pty.md §10)."""
POLL_S = 2.0
"""How often a shell that waits for its agent looks whether it is back."""
BACKEND = "buffered"
"""Follows every resize and replays its output; the `screen` backend does neither reliably (contract: pty.md §8)."""


class OpenLine(Protocol):
    """An open connection to a PTY (`api.terminal.Terminal`); `ended` says how, once it has."""

    @property
    def ended(self) -> TerminalClose | None: ...

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


class Shell:
    """One terminal. `on_change` is told of output and of a new status; reading them is the listener's part."""

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
        shell_id: str = "",
    ) -> None:
        self.id = shell_id or str(uuid.uuid4())
        self.target = target
        self.emulator = Emulator(columns, rows, history)
        self.opened_at = clock.now()
        self.status = Status(ShellState.CONNECTING, self.opened_at)
        self.on_change: Callable[[], None] = _ignore
        self._lines = lines
        self._state = state
        self._clock = clock
        self._backoff = Backoff(rng.random)
        self._reconnect = uuid.UUID(self.id)
        self._outbox: deque[str | tuple[int, int]] = deque()
        self._has_mail = asyncio.Event()
        self._again = asyncio.Event()
        self._close: TerminalClose | None = None

    # What the pane does

    @property
    def is_open(self) -> bool:
        """Whether what is typed reaches the shell."""
        return self.status.state is ShellState.CONNECTED

    def type(self, text: str) -> bool:
        """Send input; what is typed while the line is down is never sent. False if it was dropped."""
        if not self.is_open or not text:
            return False
        self._send(text)
        return True

    def resize(self, rows: int, columns: int) -> None:
        """Take the pane's size; the shell follows."""
        rows, columns = max(1, rows), max(1, columns)
        if (rows, columns) == (self.emulator.lines, self.emulator.columns):
            return
        self.emulator.resize(rows, columns)
        if self.is_open:
            self._send((rows, columns))
        self.on_change()

    def restart(self) -> None:
        """Start a new shell after the old one has ended, or try at once while waiting."""
        if self.status.state in (ShellState.ENDED, ShellState.REFUSED):
            self._reconnect = uuid.uuid4()
            self.emulator.reset()
        self._backoff.reset()
        self._again.set()

    # Its life

    async def run(self) -> None:
        """Keep the line to the shell until cancelled."""
        is_return = False
        while True:
            agent_id = self._agent_id()
            if agent_id is None:
                lost = is_return and self.status.state in (ShellState.CONNECTED, ShellState.LOST)
                self._say(
                    ShellState.LOST if lost else ShellState.WAITING,
                    "the agent is gone; waiting for it to come back"
                    if lost
                    else "waiting for the agent to connect",
                )
                await self._pause(POLL_S)
                continue
            try:
                await self._attach(agent_id, is_return=is_return)
            except ApiError as error:
                await self._refused(error)
                continue
            except PtyRequestError as error:
                await self._ended(f"{convert.sentence(str(error))}.")
                continue
            is_return = await self._after_close(agent_id)

    async def _attach(self, agent_id: str, *, is_return: bool) -> None:
        emulator = self.emulator
        self._say(
            ShellState.CONNECTING,
            "waiting for the agent" if not is_return else "going back to the same shell",
        )
        self._close = None
        rows, columns = size = emulator.lines, emulator.columns
        # The replay of a full-screen program is no picture of it; a change of size makes it draw itself anew
        # (contract: pty.md §9.1), so a return attaches one row smaller and then grows.
        height = max(1, rows - 1) if is_return else rows
        opened = self._lines.open(agent_id, self._reconnect, self.target, height=height, width=columns)
        began = self._clock.monotonic()
        async with opened as line:
            if is_return:
                emulator.reset()
            self._outbox.clear()
            self._say(ShellState.CONNECTED)
            if is_return or (emulator.lines, emulator.columns) != size:
                self._send((emulator.lines, emulator.columns))
            tasks = [
                asyncio.create_task(self._read(line), name="shell-read"),
                asyncio.create_task(self._write(line), name="shell-write"),
                asyncio.create_task(self._watch_agent(agent_id), name="shell-watch"),
                asyncio.create_task(self._report(agent_id), name="shell-usage"),
            ]
            try:
                done, _ = await asyncio.wait(tasks[:3], return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                self._backoff.ended(self._clock.monotonic() - began)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._close = line.ended

    async def _read(self, line: OpenLine) -> None:
        async for chunk in line:
            self.emulator.feed(chunk)
            answer = self.emulator.take_replies()
            if answer:
                self._send(answer)
            self.on_change()

    def _send(self, item: str | tuple[int, int]) -> None:
        self._outbox.append(item)
        self._has_mail.set()

    async def _write(self, line: OpenLine) -> None:
        outbox = self._outbox
        while True:
            await self._has_mail.wait()
            self._has_mail.clear()
            while outbox:
                item = outbox.popleft()
                if isinstance(item, str):
                    while outbox and isinstance(outbox[0], str):
                        item += str(outbox.popleft())
                    await line.send_input(item)
                else:
                    await line.resize(*item)

    async def _watch_agent(self, agent_id: str) -> None:
        """Return when the agent is no longer connected: its socket would stay open and silent for ever."""
        while self._agent_id() == agent_id:
            await self._clock.sleep(1.0)

    async def _report(self, agent_id: str) -> None:
        while True:
            try:
                await self._lines.report_usage(self.target.workspace_id, agent_id)
            except ApiError as error:
                log.debug("usage was not taken: %s", error.title)
            await self._clock.sleep(USAGE_S)

    async def _after_close(self, agent_id: str) -> bool:
        """Decide what a closed line means (contract: pty.md §11); returns whether the next attach is a return."""
        if self._agent_id() != agent_id:
            self._say(ShellState.LOST, "the agent is gone; waiting for it to come back")
            return True
        status: str | None = None
        try:
            status = await self._lines.agent_status(agent_id)
        except ApiError as error:
            log.debug("the agent's status could not be read: %s", error.title)
        close = self._close
        end = judge_end(close, status) if close is not None else None
        if end is not None and end.kind in (EndKind.EXITED, EndKind.REFUSED, EndKind.UNKNOWN):
            await self._ended(convert.sentence(end.sentence))
            return False
        if end is not None and end.kind is EndKind.AGENT_LOST:
            self._say(ShellState.LOST, convert.sentence(end.sentence))
            await self._pause(POLL_S)
            return True
        delay = self._backoff.delay()
        why = convert.sentence(end.sentence) if end is not None else "The line was cut."
        self._say(ShellState.RETRYING, f"{why} Going back to the same shell", delay)
        await self._pause(delay)
        return True

    async def _ended(self, sentence: str) -> None:
        self._say(ShellState.ENDED, f"{sentence} Enter starts a new one.")
        self._again.clear()
        await self._again.wait()

    async def _refused(self, error: ApiError) -> None:
        sentence = convert.sentence(error.detail or error.title)
        if error.is_final:
            step = convert.sentence(error.next_step)
            self._say(ShellState.REFUSED, f"{sentence}. {step}" if step else sentence)
            self._again.clear()
            await self._again.wait()
            return
        delay = self._backoff.delay()
        self._say(ShellState.RETRYING, sentence, delay)
        await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        self._again.clear()
        waits = [
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(self._again.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _agent_id(self) -> str | None:
        """Id of the agent as it is now, if it is connected."""
        found = self._state().row(self.target.agent_key)
        if found is None or found[1] is None or found[0].agents_are_previous:
            return None
        return found[1].id if found[1].is_connected else None

    def _say(self, state: ShellState, sentence: str = "", delay: float | None = None) -> None:
        now = self._clock.now()
        retry_at = None if delay is None else datetime.fromtimestamp(now.timestamp() + delay, now.tzinfo)
        if (self.status.state, self.status.sentence) == (state, sentence):
            self.status = replace(self.status, retry_at=retry_at)
        else:
            self.status = Status(state, now, sentence, retry_at)
        self.on_change()


def _ignore() -> None:
    return None
