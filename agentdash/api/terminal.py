"""The terminal websocket of an agent, without a screen (contract: pty.md).

Bytes in both directions, and an end that is told as it was: neither an exit status nor the agent's fate is
on the wire, so the end is judged with the agent's status beside it (contract: pty.md §11).
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import segment
from agentdash.api.mapping import terminal_error_from
from agentdash.api.schema import AgentStatus
from agentdash.api.stream import SILENCE_S
from agentdash.wire import pty

if TYPE_CHECKING:
    from agentdash.api.websocket import LiveConnection

BACKLOG: Final = 64 * 1024
"""Bytes that may wait for the screen before reading pauses: what waits here is drawn before Ctrl-C shows an effect."""
EXIT_WITHIN_S: Final = 2.0
"""A frozen agent closes 12 s after unanswered input, so there is room for slow lines (contract: pty.md §11)."""
STILLBORN_WITHIN_S: Final = 1.0
_SCREEN_ENDS: Final = b"[screen is terminating]"
_EXIT_LINES: Final = frozenset({"exit", "logout"})


class EndKind(Enum):
    EXITED = "exited"
    LOST = "lost"
    REFUSED = "refused"
    AGENT_LOST = "agent_lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TerminalClose:
    """The bare facts of an end.

    Attributes:
        code: of the close frame, None without one.
        is_silent: no sign of life for 35 s, pings included; we closed.
        is_ours: we detached; the session lives on for five minutes.
        had_output: whether a single byte came.
        lasted_s: since the upgrade.
        after_exit_s: since `exit` or Ctrl-D was typed last, None if neither was.
        said_end: the output ended with the word of the screen program that it ends.
        ran_command: the session was made for a command, not for a shell.
        in_container: it was to run in a container.
    """

    code: int | None
    reason: str = ""
    is_silent: bool = False
    is_ours: bool = False
    had_output: bool = False
    lasted_s: float = 0.0
    after_exit_s: float | None = None
    said_end: bool = False
    ran_command: bool = False
    in_container: bool = False


@dataclass(frozen=True, slots=True)
class TerminalEnd:
    """`kind` says what to do: nothing for `exited`; the same UUID again for `lost`, once the agent is back for
    `agent_lost`; for `refused` and `unknown` only when a person asks.
    """

    kind: EndKind
    code: int | None
    reason: str
    sentence: str

    @property
    def may_reconnect(self) -> bool:
        return self.kind in {EndKind.LOST, EndKind.AGENT_LOST}


def judge_end(close: TerminalClose, agent_status: str | None) -> TerminalEnd:
    """What an end was, given the agent's status read *after* it; None if that could not be read.

    The status lags by up to 30 s, so `lost` may still turn out to be a lost agent (contract: pty.md §11).
    """
    kind, sentence = _judge(close, agent_status)
    return TerminalEnd(kind, close.code, close.reason, sentence)


def _judge(close: TerminalClose, agent_status: str | None) -> tuple[EndKind, str]:
    if close.is_ours:
        return EndKind.LOST, "Detached; the session lives on for 5 minutes."
    if close.said_end:
        return EndKind.EXITED, "The shell has ended."
    if agent_status is not None and agent_status != AgentStatus.CONNECTED:
        return EndKind.AGENT_LOST, f"The agent is {agent_status}; the terminal comes back with it."
    if close.code in {1002, 1003}:
        return EndKind.UNKNOWN, f"The server refused a message ({close.code})."
    if close.code == 1011:
        return EndKind.LOST, f"The agent could not be reached: {errors.shorten(close.reason)}"
    if close.code == 1001 and not close.had_output:
        return EndKind.LOST, "The agent did not answer within 30 s."
    if close.is_silent:
        return EndKind.LOST, "The connection fell silent."
    if close.after_exit_s is not None and close.after_exit_s <= EXIT_WITHIN_S:
        return EndKind.EXITED, "The shell has ended."
    if close.ran_command and close.code in {1000, None} and close.had_output:
        # Coming back would run it a second time.
        return EndKind.EXITED, "The command has ended."
    if close.code == 1000 and not close.had_output and close.lasted_s < STILLBORN_WITHIN_S:
        return _stillborn(close)
    return EndKind.LOST, "The connection ended."


def _stillborn(close: TerminalClose) -> tuple[EndKind, str]:
    """Closed within milliseconds, without a byte (contract: pty.md §9): more than this is not on the wire."""
    if close.ran_command and close.in_container:
        return (
            EndKind.REFUSED,
            "It ended at once without output: the command wrote nothing, or there is no such container or user.",
        )
    if close.ran_command:
        return EndKind.EXITED, "The command has ended at once, without output."
    if close.in_container:
        return (
            EndKind.REFUSED,
            "The session could not be started: no such container or user, or no shell in it.",
        )
    return EndKind.REFUSED, "The session could not be started: the agent found no shell to run."


class Terminal:
    """One attached terminal: iterate for its bytes, then read `ended`.

    A reader of its own empties the socket, since a client that stops reading holds up everybody on the
    session.
    """

    def __init__(
        self,
        connection: LiveConnection,
        clock: Callable[[], float],
        silence_s: float,
        *,
        ran_command: bool,
        in_container: bool,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._silence_s = silence_s
        self._ran_command = ran_command
        self._in_container = in_container
        self._began = clock()
        self._pending = bytearray()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._tail = b""
        self._line = ""
        self._exit_typed_at: float | None = None
        self._had_output = False
        self._is_ours = False
        self._prober: asyncio.Task[None] | None = None
        self.ended: TerminalClose | None = None
        """Set when iteration has ended."""

    def __aiter__(self) -> Terminal:
        return self

    async def __anext__(self) -> bytes:
        """All bytes that came since the last call; cut anywhere, also inside a character."""
        while not self._pending:
            if self.ended is not None:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        chunk = bytes(self._pending)
        self._pending.clear()
        self._room.set()
        return chunk

    async def send_input(self, text: str) -> None:
        """Type text; a long one goes in pieces.

        Raises:
            ConnectFailed: the terminal has ended.
        """
        self._watch_exit(text)
        for frame in pty.input_frames(text):
            await self._send(frame)

    async def resize(self, height: int, width: int) -> None:
        """Tell the new size in rows and columns, each at least 1.

        Raises:
            ConnectFailed: the terminal has ended.
        """
        await self._send(pty.resize_frame(max(1, height), max(1, width)))

    @property
    def unheard_s(self) -> float:
        """Seconds since the server sent anything, its pings and pongs included."""
        return asyncio.get_running_loop().time() - self._connection.last_seen

    @property
    def round_trip_s(self) -> float:
        """Seconds the last pong took, 0 before the first."""
        return self._connection.latency

    def probe(self) -> None:
        """Send a ping, if none of `probe` waits to be sent; a pong counts for `unheard_s`.

        The server answers none while it dials the agent, or cannot pass on a large input (contract: pty.md §10).
        """
        if self.ended is None and (self._prober is None or self._prober.done()):
            self._prober = asyncio.create_task(self._ping(), name="terminal-ping")

    async def _ping(self) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - 180 ms, not before it is needed

        with contextlib.suppress(ConnectionClosed):
            await self._connection.ping()

    async def stop_probing(self) -> None:
        """Before the connection is left."""
        if self._prober is not None:
            self._prober.cancel()
            await asyncio.wait([self._prober])

    async def _send(self, frame: bytes) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - 180 ms, not before it is needed

        try:
            await self._connection.send(frame)
        except ConnectionClosed:
            raise errors.ConnectFailed("The terminal has ended") from None

    def _watch_exit(self, text: str) -> None:
        """Remember when somebody asked the shell to end: the wire does not tell it apart from a lost agent."""
        for char in text[-256:]:
            if char == "\x04":
                self._exit_typed_at = self._clock()
            elif char in "\r\n":
                if self._line.strip().partition(" ")[0] in _EXIT_LINES:
                    self._exit_typed_at = self._clock()
                self._line = ""
            elif char in "\x7f\x08":
                self._line = self._line[:-1]
            elif char in "\x03\x15":
                self._line = ""
            else:
                self._line = (self._line + char)[-64:]

    # -- the reader's task --------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Empty the socket until its end; run by `open_terminal`."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - 180 ms, not before it is needed

        loop = asyncio.get_running_loop()
        code, reason, is_silent = None, "", False
        try:
            while (left_s := self._connection.last_seen + self._silence_s - loop.time()) > 0:
                try:
                    async with asyncio.timeout(left_s):
                        message = await self._connection.recv(decode=False)
                except TimeoutError:
                    continue
                await self._take(message)
            is_silent = True
            self._connection.transport.abort()
        except ConnectionClosed as end:
            if end.rcvd is not None:
                code, reason = end.rcvd.code, end.rcvd.reason
        finally:
            self._end(code, reason, is_silent)

    async def _take(self, message: bytes) -> None:
        if not message:
            return
        self._had_output = True
        self._tail = (self._tail + message)[-256:]
        self._pending += message
        self._news.set()
        if len(self._pending) >= BACKLOG:
            self._room.clear()
            await self._room.wait()

    def _end(self, code: int | None, reason: str, is_silent: bool) -> None:
        now = self._clock()
        self.ended = TerminalClose(
            code=code,
            reason=reason,
            is_silent=is_silent,
            is_ours=self._is_ours,
            had_output=self._had_output,
            lasted_s=now - self._began,
            after_exit_s=None if self._exit_typed_at is None else now - self._exit_typed_at,
            said_end=_SCREEN_ENDS in self._tail,
            ran_command=self._ran_command,
            in_container=self._in_container,
        )
        self._news.set()

    async def detach(self) -> None:
        """Leave; the session lives on in the agent for five minutes."""
        self._is_ours = True
        await self._connection.close()


@asynccontextmanager
async def open_terminal(
    client: Client,
    agent_id: str,
    reconnect: uuid.UUID,
    *,
    height: int,
    width: int,
    command: str = "",
    container: str = "",
    container_user: str = "",
    backend_type: str = "",
    ran_command: bool | None = None,
    silence_s: float = SILENCE_S,
    clock: Callable[[], float] | None = None,
) -> AsyncIterator[Terminal]:
    """Attach to a session of an agent, making it if the UUID is new; leaving detaches.

    The upgrade proves nothing about the agent: until the first bytes come, up to 30 s later, show that it
    is waited for (contract: pty.md §5).

    Args:
        reconnect: the session's key, a version 4 UUID of ours; the same one comes back to the same shell.
        height: rows, at least 1, and `width` columns; a returning client of the `screen` backend attaches
            with the size the session had last and sends the real one after the first key (contract: pty.md
            §8).

        ran_command: whether the session was made for a command, where `command` does not tell it: a session that is
            come back to ignores what is given here (contract: pty.md §9).

    Raises:
        TerminalRefused: a page came instead: its sentence, and the agent's state if it names one.
        ReadOnly: the client may change nothing, and a shell may do anything.
        NotLoggedIn, BadRequest, RateLimited, …: as for every request.
        wire.errors.CommandTooLongError: the agent would cut the command off.
    """
    from agentdash.api.websocket import open_websocket  # noqa: PLC0415 - 180 ms, not before it is needed

    query = pty.query(
        reconnect,
        max(1, height),
        max(1, width),
        command=command,
        container=container,
        container_user=container_user,
        backend_type=backend_type,
    )
    path = f"/api/v2/workspaceagents/{segment(agent_id)}/pty?{query}"
    if client.read_only:
        raise errors.ReadOnly(
            "A shell could change everything", path=f"/api/v2/workspaceagents/{agent_id}/pty"
        )
    connection = await open_websocket(client, path, refusal=terminal_error_from, waiting=BACKLOG)
    now: Callable[[], float] = clock or asyncio.get_running_loop().time
    terminal = Terminal(
        connection,
        now,
        silence_s,
        ran_command=bool(command) if ran_command is None else ran_command,
        in_container=bool(container),
    )
    reader = asyncio.create_task(terminal.read(), name="terminal")
    try:
        yield terminal
    finally:
        await terminal.stop_probing()
        if terminal.ended is None:
            await terminal.detach()
        reader.cancel()
        await asyncio.wait([reader])
        await connection.close()
