"""Logs of agents and builds: followed, resumed, completed, and not reopened where that makes no sense.

(contract: agents.md §3.3, §3.4; fleet.md §4.1)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context
from agentdash.feed.streams import End, GiveUp, KeptStream, TryAgain, problem_of
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem, StreamState
from agentdash.state.logs import LogBook
from agentdash.state.model import LogLine, Workspace

POLLED = Problem(
    "LogPolled",
    "A build is under way",
    "The server follows the log no further; it is read every few seconds until the build ends.",
)
ENDED = Problem(
    "LogEnded", "The agent has ended", "A newer build has taken its place; this is its whole log."
)


class _Tail:
    """Ids of the last lines taken, so that a stream can resume and a re-read can overlap."""

    def __init__(self, book: LogBook | None, overlap: int) -> None:
        known = () if book is None else book.lines[-overlap:]
        self._ids = deque((line.id for line in known), maxlen=overlap)

    @property
    def last_id(self) -> int:
        return self._ids[-1] if self._ids else 0

    @property
    def overlap_id(self) -> int:
        """Where a re-read begins: before the lines that may have had a late neighbour."""
        return max(0, self._ids[0] - 1) if self._ids else 0

    def take(self, lines: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
        """Lines behind the last one; the rest has been shown."""
        new = tuple(line for line in lines if line.id > self.last_id)
        self._ids.extend(line.id for line in new)
        return new


class AgentLog:
    """The log of one agent: one life, one id."""

    def __init__(
        self, ctx: Context, workspace_id: str, agent_id: str, unknown_source: Callable[[], None]
    ) -> None:
        self._ctx = ctx
        self._workspace_id = workspace_id
        self._agent_id = agent_id
        self._unknown_source = unknown_source
        self.stream_id = f"logs:{agent_id}"
        self._alarm = Alarm(ctx.clock)
        self._stream = KeptStream(ctx, self.stream_id, self._alarm)
        self._tail = _Tail(ctx.state().logs.get(agent_id), ctx.settings.log_overlap)

    def refresh(self) -> None:
        """Try again at once if it waits."""
        self._alarm.ring()

    async def run(self) -> None:
        """Follow until the agent is no longer part of its workspace, then read what its shutdown still writes."""
        await self._stream.keep(
            lambda: self._ctx.source.follow_logs(self._agent_id, self._tail.last_id), self._take, self._ended
        )

    def _take(self, lines: tuple[LogLine, ...]) -> None:
        new = self._tail.take(lines)
        if new:
            self._ctx.emit(ev.LogLinesRead(self._agent_id, new))
            self._look_at_sources(new)

    def _look_at_sources(self, lines: tuple[LogLine, ...]) -> None:
        agent = self._ctx.state().agent(self._agent_id)
        if agent is not None:
            known = {source.id for source in agent.log_sources}
            if any(line.source_id and line.source_id not in known for line in lines):
                self._unknown_source()

    async def _ended(self, end: End) -> GiveUp | TryAgain:
        """The server closes in order both when it restarts and when a newer build has been queued: REST decides."""
        ctx = self._ctx
        problem, cut_at = problem_of(end), ctx.server_now()
        if isinstance(end.error, errors.Forbidden):
            return GiveUp(problem)
        self._stream.say(StreamState.CONNECTING, problem)
        try:
            if not await self._is_current():
                self._stream.say(StreamState.RETRYING, POLLED)
                await self._read_to_the_end()
                return GiveUp(ENDED)
            if end.has_spoken:
                ctx.emit(ev.LogGapFound(self._agent_id, cut_at, problem.title))
            # Lines may have become visible out of order while nobody listened.
            await self._read_again()
        except (errors.NotFound, errors.Gone):
            return GiveUp(ENDED)
        except ApiError as error:
            if end.has_spoken:
                ctx.emit(ev.LogGapFound(self._agent_id, cut_at, problem.title))
            return TryAgain(convert.problem(error))
        return TryAgain(problem)

    async def _is_current(self) -> bool:
        """Whether the agent is in the latest build, and that build is not being replaced."""
        workspace = await self._workspace()
        return not workspace.build.is_active and any(a.id == self._agent_id for a in workspace.agents)

    async def _workspace(self) -> Workspace:
        ctx = self._ctx
        at = ctx.clock.now()
        workspace = await ctx.source.workspace(self._workspace_id)
        ctx.emit(ev.WorkspacesRead((workspace,), ctx.server_time(at), "get"))
        return workspace

    async def _read_again(self) -> None:
        lines = await self._ctx.source.logs(self._agent_id, self._tail.overlap_id)
        if lines:
            self._tail.take(lines)
            self._ctx.emit(ev.LogLinesRead(self._agent_id, lines))

    async def _read_to_the_end(self) -> None:
        """Stop scripts write after the follow stream has closed: only a plain read shows it (agents.md §3.3)."""
        while True:
            await self._read_again()
            if not (await self._workspace()).build.is_active:
                await self._read_again()
                return
            await self._ctx.clock.sleep(self._ctx.settings.final_logs_s)


class BuildLog:
    """The log of one build."""

    def __init__(self, ctx: Context, build_id: str) -> None:
        self._ctx = ctx
        self.build_id = build_id
        self.stream_id = f"build-logs:{build_id}"
        self._alarm = Alarm(ctx.clock)
        self._stream = KeptStream(ctx, self.stream_id, self._alarm)
        self._tail = _Tail(ctx.state().build_logs.get(build_id), ctx.settings.log_overlap)

    def refresh(self) -> None:
        """Try again at once if it waits."""
        self._alarm.ring()

    async def run(self) -> None:
        """Follow until the job has finished."""
        await self._stream.keep(
            lambda: self._ctx.source.follow_build_logs(self.build_id, self._tail.last_id),
            self._take,
            self._ended,
        )

    def _take(self, lines: tuple[LogLine, ...]) -> None:
        new = self._tail.take(lines)
        if new:
            self._ctx.emit(ev.BuildLogLinesRead(self.build_id, new))

    async def _ended(self, end: End) -> GiveUp | TryAgain:
        """`1000 done` is also said by a server that shuts down: the job's status decides."""
        ctx = self._ctx
        if isinstance(end.error, errors.Forbidden):
            return GiveUp(problem_of(end))
        try:
            build = await ctx.source.build(self.build_id)
            lines = await ctx.source.build_logs(self.build_id, self._tail.overlap_id)
        except (errors.NotFound, errors.Gone) as error:
            return GiveUp(convert.problem(error))
        except ApiError as error:
            return TryAgain(convert.problem(error))
        if lines:
            self._tail.take(lines)
            ctx.emit(ev.BuildLogLinesRead(self.build_id, lines))
        return TryAgain(problem_of(end)) if build.is_active else GiveUp(None)
