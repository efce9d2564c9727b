"""One session on an agent's PTY, kept through cuts and told apart from one that has ended. It draws nothing itself.

A session is known by a reconnect id of ours; the same id leads back to the same process for five minutes after the line
was cut (contract: pty.md §9). Close codes prove little: 1000 comes at `exit`, at a frozen agent and at a server's restart
alike, and a killed agent closes nothing. So the agent's status governs, and the rule of pty.md §11 decides the rest.
Whether a return found the old process is not told either: `Target.probe` finds it out.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from agentdash.api.errors import ApiError, NotConnected
from agentdash.api.schema import AgentStatus
from agentdash.api.terminal import EndKind, TerminalClose, TerminalEnd, judge_end
from agentdash.feed.clock import Clock, is_set_within
from agentdash.feed.shell_outbox import Outbox, until_over
from agentdash.feed.shell_silence import UNANSWERED_S, Silence, is_report
from agentdash.feed.shell_size import Size, Sizing
from agentdash.feed.shell_status import (
    FINAL,
    OPEN,
    POLL_S,
    USAGE_S,
    Face,
    Lines,
    OpenLine,
    ShellState,
    Status,
    Target,
)
from agentdash.state import convert
from agentdash.wire.backoff import Backoff
from agentdash.wire.errors import PtyRequestError

log = logging.getLogger(__name__)

REPLAY_BYTES = 65536
"""A return begins with so much old output at most (contract: pty.md §9.1)."""
REPLAY_S = 1.0
ORDERLY = 1000
"""Code with which a line is closed whose shell has ended."""
GOING_BACK = " Going back to the same shell"
PIECE = 32768
"""Bytes drawn at once: some milliseconds of work."""
ASK_EVERY_S = 10.0
"""Between two questions for an agent that does not answer keys."""
_NEVER_REACHED = (1001, 1011)
"""Close codes that say that the agent was not dialled, if nothing came before (contract: pty.md §11)."""


class Session:
    """The line to one shell. `on_change` is told of output and of a new status.

    Args:
        target: Where.
        lines: Opens connections.
        agent_id: Id of the agent as it is now, None while it is not connected.
        face: Where the output goes.
        size: Rows and columns.
        reconnect: Id of an older session to go back to.
        is_screen: The backend is GNU screen.
    """

    def __init__(
        self,
        target: Target,
        lines: Lines,
        agent_id: Callable[[], str | None],
        clock: Clock,
        rng: random.Random,
        *,
        face: Face,
        size: Size,
        reconnect: uuid.UUID | None = None,
        is_screen: bool = False,
    ) -> None:
        self.target = target
        self.reconnect = reconnect or uuid.uuid4()
        self.opened_at = clock.now()
        self._was_orderly = False
        """Whether the line before the last was closed in order: as the end of a shell is told, and of a frozen agent."""
        self.status = Status(ShellState.CONNECTING, self.opened_at)
        self.advice = ""
        """What is odd about a connected session; empty if nothing is."""
        self.seen_at = self.opened_at
        """When somebody was attached last; the session ends five minutes later."""
        self.size = size
        self.on_change: Callable[[], None] = _ignore
        self._lines = lines
        self._agent_id = agent_id
        self._face = face
        self._clock = clock
        self._rng = rng
        self._backoff = Backoff(rng.random)
        self._sizing = Sizing(is_screen=is_screen)
        self._silence = Silence()
        self._outbox = Outbox(clock)
        self._again = asyncio.Event()
        self.end: TerminalEnd | None = None
        """How the last line ended, as far as it can be known."""
        self.error: ApiError | None = None
        """Why the last attempt was refused."""
        self._close: TerminalClose | None = None
        self._is_return = reconnect is not None
        self._is_over = False
        self._lost = ""
        self._has_line = False
        self._has_dropped = False
        """Whether keys were dropped since the line went down."""
        self._said = ""

    # What a person does

    @property
    def is_open(self) -> bool:
        """Whether what is typed reaches the shell."""
        return self._has_line and self.status.state in OPEN

    @property
    def has_begun(self) -> bool:
        """Whether there may be a session to go back to."""
        return self._is_return or self.status.state in OPEN

    @property
    def has_returned(self) -> bool:
        """Whether this line goes back to an older session."""
        return self._is_return

    def type(self, text: str) -> bool:
        """Send input; what is typed while the line is down is never sent. False if it was dropped."""
        if not self.is_open or not text:
            self._dropped(text)
            return False
        if not is_report(text):
            self._silence.typed(self._clock.monotonic(), len(text))
        self._outbox.send(text)
        self._outbox.send_later(self._sizing.first_key(self.size))
        return True

    def _dropped(self, text: str) -> None:
        """Say that it was not sent. Enter alone is no text then: it tries again at once."""
        state = self.status.state
        if (
            self._has_dropped
            or text in ("", "\r")
            or state in (*FINAL, ShellState.DETACHED)
            or is_report(text)
        ):
            return
        self._has_dropped = True
        if state not in OPEN:
            self._say(state, self._said, self._retry_s())

    def resize(self, rows: int, columns: int) -> None:
        """Take another size; the shell follows."""
        size = max(1, rows), max(1, columns)
        if size == self.size:
            return
        self.size = size
        if self.is_open:
            for one in self._sizing.resized(size):
                self._outbox.send(one)

    def redraw(self) -> None:
        """Make our size the session's, whatever another client has set, and the program draw itself anew."""
        if self.is_open:
            self._outbox.send_later(self._sizing.redraw(self.size))

    def restart(self) -> None:
        """Start a new shell after the old one has ended, or try at once while waiting."""
        if self.status.state is ShellState.ENDED:
            self.reconnect = uuid.uuid4()
            self._is_return = False
            self._face.begin_again()
        self._backoff.reset()
        self._again.set()

    # Its life

    async def run(self) -> None:
        """Keep the line to the shell until cancelled."""
        while True:
            agent_id = self._agent_id()
            if agent_id is None:
                self._wait_for_agent()
                await self._pause(POLL_S)
                continue
            try:
                await self._attach(agent_id)
            except ApiError as error:
                self.error = error
                await self._refused(error, agent_id)
                continue
            except PtyRequestError as error:
                await self._ended(f"{convert.sentence(str(error))}.")
                continue
            await self._after_close(agent_id)

    def _wait_for_agent(self) -> None:
        if self._is_return and self.status.state in (*OPEN, ShellState.LOST):
            self._say(ShellState.LOST, "the agent is gone; waiting for it to come back")
        else:
            self._say(ShellState.WAITING, "waiting for the agent to connect")

    async def _attach(self, agent_id: str) -> None:
        is_return = self._is_return
        self._say(
            ShellState.CONNECTING,
            "waiting for the agent" if not is_return else "going back to the same shell",
        )
        self._close, self._is_over, self._lost = None, False, ""
        target, mark = self.target, ""
        if is_return:
            mark = f"agentdash-over-{self._rng.getrandbits(64):016x}"
            target = replace(target, probe=f"echo {mark}")
        height, width = self._sizing.attach(self.size, is_return=is_return)
        began = self._clock.monotonic()
        async with self._lines.open(agent_id, self.reconnect, target, height=height, width=width) as line:
            self._outbox.clear()
            self._silence.attached(self._clock.monotonic(), line)
            self._has_line = True
            self._say(ShellState.CONNECTED)
            for size in self._sizing.opened(self.size):
                self._outbox.send(size)
            tasks = [
                asyncio.create_task(self._read(line, mark), name="shell-read"),
                asyncio.create_task(self._watch(agent_id), name="shell-watch"),
                asyncio.create_task(self._suspect(agent_id), name="shell-suspect"),
                asyncio.create_task(self._outbox.write(line), name="shell-write"),
                asyncio.create_task(self._report(agent_id), name="shell-usage"),
            ]
            try:
                await until_over(tasks[:3], tasks[3])
            finally:
                self._has_line = False
                self._backoff.ended(self._clock.monotonic() - began)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self.seen_at, self.advice = self._clock.now(), ""
                self._silence.left()
                self._close = line.ended

    async def _read(self, line: OpenLine, mark: str) -> None:
        """Show what comes. On a return the old picture stays until it is known that the session still lives."""
        token, head, began = mark.encode(), b"", self._clock.monotonic()
        is_replay = is_held = bool(mark)
        shown = 0
        async for came in line:
            chunk = came
            self._silence.heard()
            if token:
                head += chunk
                if token in head:
                    self._is_over = True
                    return
                if is_held and token.startswith(head):
                    continue
                if is_held:
                    self._face.begin_again()
                    chunk, is_held = head, False
                if len(head) > len(token) + 512:
                    token = b""
            is_replay = is_replay and shown < REPLAY_BYTES and self._clock.monotonic() - began <= REPLAY_S
            shown += len(chunk)
            for at in range(0, len(chunk), PIECE):
                answer = self._face.show(chunk[at : at + PIECE], is_replay=is_replay)
                if answer:
                    self._outbox.send(answer)
                self._look()
                self.on_change()
                await self._face.drain()

    async def _watch(self, agent_id: str) -> None:
        """Return when the agent is no longer connected: its socket would stay open and silent for ever."""
        while self._agent_id() == agent_id:
            await self._clock.sleep(1.0)
            self._silence.look(self._clock.monotonic())
            self._look()

    async def _suspect(self, agent_id: str) -> None:
        """Return when the server says, asked because keys have no answer, that the agent is not connected."""
        while True:
            await self._clock.sleep(1.0)
            is_odd = self._silence.unanswered_s(self._clock.monotonic()) >= UNANSWERED_S
            if not is_odd or self._silence.line_silent_s:
                continue
            status = await self._status(agent_id)
            if status is not None and status != AgentStatus.CONNECTED:
                self._lost = f"The agent is {status}; the terminal comes back with it."
                return
            await self._clock.sleep(ASK_EVERY_S)

    def _look(self) -> None:
        """Take notice of what is odd."""
        silence = self._silence
        if silence.line_silent_s:
            self._say(ShellState.SILENT, silence.line_sentence())
        elif self.status.state is ShellState.SILENT:
            self._say(ShellState.CONNECTED)
        advice = "" if silence.line_silent_s else silence.sentence(self._clock.monotonic()) or self.oddity()
        if advice != self.advice:
            self.advice = advice
            self.on_change()

    def oddity(self) -> str:
        """What else is odd about an open session; for whoever draws it to say."""
        return ""

    async def _report(self, agent_id: str) -> None:
        while True:
            try:
                await self._lines.report_usage(self.target.workspace_id, agent_id)
            except ApiError as error:
                log.debug("usage was not taken: %s", error.title)
            await self._clock.sleep(USAGE_S)

    async def _status(self, agent_id: str) -> str | None:
        try:
            return await self._lines.agent_status(agent_id)
        except ApiError as error:
            log.debug("the agent's status could not be read: %s", error.title)
            return None

    async def _after_close(self, agent_id: str) -> None:
        """Decide what a closed line means (contract: pty.md §11)."""
        close = self._close
        self._is_return = self._is_return or self._may_have_begun(close)
        what = "command" if self.target.command else "shell"
        if self._is_over:
            self.end = TerminalEnd(EndKind.EXITED, None, "", "")
            when = "has ended" if self._was_orderly else "had ended while the line was down"
            await self._ended(f"The {what} {when}.")
            return
        self._was_orderly = close is not None and close.code == ORDERLY
        if self._lost or self._agent_id() != agent_id:
            self._say(ShellState.LOST, self._lost or "the agent is gone; waiting for it to come back")
            await self._return_of(agent_id)
            return
        # A server that has been silent up to now would be waited for in vain.
        status = None if close is not None and close.is_silent else await self._status(agent_id)
        self.end = end = judge_end(close, status) if close is not None else None
        if end is not None and end.kind in (EndKind.EXITED, EndKind.REFUSED, EndKind.UNKNOWN):
            await self._ended(convert.sentence(end.sentence))
            return
        if end is not None and end.kind is EndKind.AGENT_LOST:
            self._say(ShellState.LOST, convert.sentence(end.sentence))
            await self._return_of(agent_id)
            return
        delay = self._backoff.delay()
        why = convert.sentence(end.sentence) if end is not None else "The line was cut."
        self._say(ShellState.RETRYING, f"{why}{GOING_BACK}", delay)
        await self._pause(delay)

    async def _return_of(self, agent_id: str) -> None:
        """Wait until the agent is back, for what is known of it may be older than what the server said just now."""
        wait = POLL_S
        while self._agent_id() == agent_id:
            if await self._pause(wait):
                return
            wait = min(2 * wait, ASK_EVERY_S)
            if await self._status(agent_id) in (AgentStatus.CONNECTED, None):
                return

    def _may_have_begun(self, close: TerminalClose | None) -> bool:
        """Whether the session may exist: a command must not run twice, a shell that never answered may be asked anew."""
        if close is None or close.had_output or self._silence.was_heard:
            return True
        return bool(self.target.command) and close.code not in _NEVER_REACHED

    async def _ended(self, sentence: str) -> None:
        self._say(ShellState.ENDED, f"{sentence} Enter starts a new one.")
        self._again.clear()
        await self._again.wait()

    async def _refused(self, error: ApiError, agent_id: str) -> None:
        sentence = convert.sentence(error.detail or error.title).rstrip(".")
        if error.next_step and not isinstance(error, NotConnected):
            sentence = f"{sentence}. {convert.sentence(error.next_step)}"
        if error.is_final:
            self._say(ShellState.REFUSED, sentence)
            # A workspace that was rebuilt has another agent, which may be asked.
            while not await self._pause(POLL_S) and self._agent_id() in (None, agent_id):
                pass
            return
        delay = self._backoff.delay()
        self._say(ShellState.RETRYING, sentence, delay)
        await self._pause(delay)

    async def _pause(self, seconds: float) -> bool:
        """Wait; True if a person cut it short."""
        self._again.clear()
        return await is_set_within(self._clock, self._again, seconds)

    def _retry_s(self) -> float | None:
        """Seconds until the next attempt, if one is set."""
        at = self.status.retry_at
        return None if at is None else (at - self._clock.now()).total_seconds()

    def _say(self, state: ShellState, sentence: str = "", delay: float | None = None) -> None:
        now = self._clock.now()
        self._said = sentence
        self._has_dropped = self._has_dropped and state not in (*OPEN, *FINAL)
        if self._has_dropped:
            why = "the line is down" if self._is_return else "there is no line yet"
            sentence = f"not sent: {why}. {sentence}".removesuffix(GOING_BACK)
        retry_at = None if delay is None else datetime.fromtimestamp(now.timestamp() + delay, now.tzinfo)
        if (self.status.state, self.status.sentence) == (state, sentence):
            self.status = replace(self.status, retry_at=retry_at)
        else:
            self.status = Status(state, now, sentence, retry_at)
        self.on_change()


def _ignore() -> None:
    return None
