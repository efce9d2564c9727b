"""Metadata of an opened agent (contract: agents.md §6)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.facts import Subject
from agentdash.feed.streams import End, GiveUp, KeptStream, TryAgain, problem_of
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.state.model import MetadataItem

AWAY = Problem("AgentNotConnected", "Agent not connected", "These are its last values.")


class Metadata:
    """The watch of an agent's metadata. There is no plain GET for it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._alarm = Alarm(subject.ctx.clock)
        self.stream_id = f"metadata:{subject.agent_id}"
        self._stream = KeptStream(subject.ctx, self.stream_id, self._alarm)

    def refresh(self) -> None:
        """Try again at once if it waits."""
        self._alarm.ring()

    async def run(self) -> None:
        """Keep the watch open while the agent is there."""
        self._subject.ctx.emit(ev.FactLoading(self._subject.agent_id, "metadata"))
        await self._stream.keep(self._connect, self._take, self._ended, self._retrying)

    async def run_once(self) -> None:
        """The last values of an agent that is away: the server would repeat them for ever as if they were new."""
        subject = self._subject
        subject.ctx.emit(ev.FactLoading(subject.agent_id, "metadata"))
        try:
            async with aclosing(self._connect()) as snapshots:
                async for items in snapshots:
                    self._take(items)
                    break
        except ApiError as error:
            subject.fail("metadata", convert.problem(error))
        else:
            subject.fail("metadata", AWAY)

    def _connect(self) -> AsyncGenerator[tuple[MetadataItem, ...], None]:
        return self._subject.ctx.source.watch_metadata(self._subject.agent_id)

    def _take(self, items: tuple[MetadataItem, ...]) -> None:
        ctx = self._subject.ctx
        ctx.emit(ev.MetadataRead(self._subject.agent_id, items, ctx.server_now()))

    async def _ended(self, end: End) -> GiveUp | TryAgain:
        problem = problem_of(end)
        if isinstance(end.error, errors.NotFound | errors.RouteNotFound | errors.Forbidden):
            self._subject.fail("metadata", problem, refused=True)
            self._subject.touch(self._subject.workspace_id)
            return GiveUp(problem)
        return TryAgain(problem)

    def _retrying(self, problem: Problem | None, delay_s: float) -> None:
        if problem is not None:
            self._subject.fail("metadata", problem, delay_s=delay_s)
