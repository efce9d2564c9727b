"""Carries actions out, one coroutine each, several targets in a paced row; how each ended is an event.

An action is never sent twice by itself. When the answer is lost the outcome is unknown: that is said, and the workspace
is read again, which shows what became of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from agentdash.actions import pools
from agentdash.actions.action import Action
from agentdash.actions.command import command_of
from agentdash.actions.doer import Doer
from agentdash.actions.guard import READ_ONLY, UNKNOWN, pools_refusal, refusal
from agentdash.actions.target import Found, Target, resolve
from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.state import convert
from agentdash.state.events import ActionChanged, Event, FactFailed, FactLoading, NodeRead
from agentdash.state.model import ActionRecord, Build
from agentdash.state.state import State

log = logging.getLogger(__name__)

EXTENSION = timedelta(hours=1)
FINISHED = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How a row of targets is worked off.

    Attributes:
        between_s: Between two targets.
        most_errors: After so many the rest is not tried.
        poll_s: Between two looks at a stop that a start waits for.
        stop_limit_s: How long such a stop may take before it is given up.
        wait_limit_s: The longest wait that a server may ask for before a target is given up.
    """

    between_s: float = 0.3
    most_errors: int = 3
    poll_s: float = 2.0
    stop_limit_s: float = 1800.0
    wait_limit_s: float = 120.0


class Uncertain(Exception):  # noqa: N818 - named by what happened
    """Nobody knows whether it was done."""


class Failed(Exception):  # noqa: N818 - named by what happened
    """It was not done, for a reason that is no `ApiError`."""


class Runner:
    """Runs actions in tasks of its own: a screen that goes away ends none of them."""

    def __init__(
        self,
        doer: Doer,
        post: Callable[[Sequence[Event]], None],
        state: Callable[[], State],
        *,
        touch: Callable[[str], None],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        read_only: bool = False,
        pace: Pace | None = None,
    ) -> None:
        """Make a runner.

        Args:
            doer: The deployment's writing side.
            post: Takes events.
            state: The state as it is now.
            touch: Has a workspace read again soon (`Feed.touch`).
            now: Local time.
            sleep: Lets time pass.
            read_only: Refuse everything that writes.
            pace: Intervals and limits.
        """
        self._doer = doer
        self._post = post
        self._state = state
        self._touch = touch
        self._now = now
        self._sleep = sleep
        self._read_only = read_only
        self._pace = pace or Pace()
        self._ids = count(1)
        self._tasks: set[asyncio.Task[tuple[ActionRecord, ...]]] = set()
        self._deeds: dict[str, Callable[[Found, _Report], Awaitable[str]]] = {
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "delete": self._delete,
            "cancel-build": self._cancel,
            "extend": self._extend,
            "favorite": self._favor,
            "devcontainer-recreate": self._recreate,
            "devcontainer-delete": self._delete_devcontainer,
            "network-node": self._ask_node,
        }

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that leaving would cut off."""
        return bool(self._tasks)

    def can(self, action: Action) -> bool:
        """Whether this action is one that runs here; the others belong to a screen."""
        return action.hits_deployment or action.id in self._deeds

    async def run(self, action: Action, targets: Sequence[Target]) -> tuple[ActionRecord, ...]:
        """Carry an action out on each target, in order. Returns how each ended.

        Cancelling the call leaves the action running: only `close` ends it.
        """
        task = asyncio.create_task(self._run(action, targets), name=f"action:{action.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is under way; its outcome is then unknown."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- the row --------------------------------------------------------------------------------------------------

    async def _run(self, action: Action, targets: Sequence[Target]) -> tuple[ActionRecord, ...]:
        if action.hits_deployment:
            return (await self._on_pools(action),)
        records: list[ActionRecord] = []
        seen: set[str] = set()
        failures = 0
        for target in targets:
            found = resolve(self._state(), target, is_devcontainer=action.id.startswith("devcontainer-"))
            if found is not None:
                if found.subject(action) in seen:
                    continue
                seen.add(found.subject(action))
            if records and failures < self._pace.most_errors:
                await self._sleep(self._pace.between_s)
            report = self._report(action, found, target)
            if failures >= self._pace.most_errors:
                report.end("failed", f"Not tried: {failures} others had failed.")
            else:
                await self._one(action, found, report)
            # What was refused before anything was sent says nothing about the next one.
            failures += report.has_begun and report.record.outcome != "done"
            records.append(report.record)
        return tuple(records)

    async def _on_pools(self, action: Action) -> ActionRecord:
        """The one thing that hits no row."""
        state = self._state()
        record = ActionRecord(
            id=next(self._ids),
            at=self._now(),
            action=action.id,
            title=action.title.rstrip("…"),
            target=pools.target_words(state),
            command=pools.command_words(action),
            outcome="running",
        )
        report = _Report(record, self._post, self._now)
        reason = READ_ONLY if self._read_only else pools_refusal(action, state)
        if reason:
            report.end("failed", reason)
            return report.record
        paused = pools.is_pause(action)

        async def switch() -> str:
            await self._doer.set_prebuilds_paused(paused)
            return "Reconciliation is paused." if paused else "Reconciliation goes on."

        await self._told(report, switch)
        return report.record

    def _report(self, action: Action, found: Found | None, target: Target) -> _Report:
        record = ActionRecord(
            id=next(self._ids),
            at=self._now(),
            action=action.id,
            title=action.title.rstrip("…"),
            target=target.key if found is None else found.name(action),
            command="" if found is None else command_of(action, found),
            outcome="running",
        )
        return _Report(record, self._post, self._now)

    async def _one(self, action: Action, found: Found | None, report: _Report) -> None:
        reason = self._refusal(action, found)
        if reason or found is None:
            report.end("failed", reason or UNKNOWN)
            return
        try:
            await self._told(report, lambda: self._deeds[action.id](found, report))
        finally:
            self._touch(found.workspace.id)

    async def _told(self, report: _Report, deed: Callable[[], Awaitable[str]]) -> None:
        """Do it and say how it ended."""
        report.begin()
        try:
            detail = await self._patiently(deed)
        except ApiError as error:
            outcome = "unknown" if is_uncertain(error) else "failed"
            report.end(outcome, in_words(error))
        except Uncertain as error:
            report.end("unknown", str(error))
        except Failed as error:
            report.end("failed", str(error))
        except BaseException:
            report.end("unknown", "It was cut off here; what the server did is read again.")
            raise
        else:
            report.end("done", detail)

    def _refusal(self, action: Action, found: Found | None) -> str:
        """Looked at again: a question may have been open for minutes."""
        if self._read_only:
            return READ_ONLY
        if action.id not in self._deeds:
            return "This is done by a screen, not here."
        if found is None:
            return UNKNOWN
        return refusal(action, found, self._state().server.user, self._now())

    async def _patiently(self, deed: Callable[[], Awaitable[str]]) -> str:
        """A refusal for asking too often means that nothing was done: once more after the wait."""
        try:
            return await deed()
        except errors.RateLimited as error:
            if error.retry_after_s > self._pace.wait_limit_s:
                raise
            await self._sleep(error.retry_after_s)
            return await deed()

    # -- the deeds ------------------------------------------------------------------------------------------------

    async def _start(self, found: Found, _report: _Report) -> str:
        return _queued(await self._doer.start(found.workspace.id))

    async def _stop(self, found: Found, _report: _Report) -> str:
        return _queued(await self._doer.stop(found.workspace.id))

    async def _delete(self, found: Found, _report: _Report) -> str:
        return _queued(await self._doer.delete(found.workspace.id))

    async def _restart(self, found: Found, report: _Report) -> str:
        """By the server where it can; older ones ignore the wish without a word, so from here (fleet.md §10.1)."""
        workspace_id = found.workspace.id
        if self._doer.can_server_restart:
            build = await self._doer.restart_by_server(workspace_id)
            return f"{_queued(build).rstrip('.')}; the server starts it afterwards."
        stop = await self._doer.stop(workspace_id)
        report.note(f"Build {stop.number} stops it; leaving agentdash now would leave it stopped.")
        self._touch(workspace_id)
        status = await self._end_of(stop)
        if status != "succeeded":
            raise Failed(f"The stop ended as {status}; the workspace was not started.")
        try:
            return await self._patiently(lambda: self._start(found, report))
        except ApiError as error:
            words = in_words(error)
            if is_uncertain(error):
                raise Uncertain(f"It is stopped; whether the start was queued is unknown. {words}") from error
            raise Failed(f"It is stopped and was not started. {words}") from error

    async def _end_of(self, build: Build) -> str:
        """Status of the build's job once it has ended; lost answers do not end the wait."""
        waited_s, status = 0.0, build.job.status
        while status not in FINISHED:
            if waited_s >= self._pace.stop_limit_s:
                raise Failed("The stop has not ended in time; the workspace was not started.")
            await self._sleep(self._pace.poll_s)
            waited_s += self._pace.poll_s
            try:
                status = (await self._doer.build(build.id)).job.status
            except (errors.NotConnected, errors.ServerTrouble, errors.RateLimited):
                continue
        return status

    async def _cancel(self, found: Found, _report: _Report) -> str:
        build = found.workspace.build
        await self._doer.cancel(build.id)
        return f"Build {build.number} is being cancelled."

    async def _extend(self, found: Found, _report: _Report) -> str:
        build = found.workspace.build
        if build.deadline is None:
            raise Failed("The workspace has no autostop.")
        deadline = build.deadline + EXTENSION
        if build.max_deadline is not None:
            deadline = min(deadline, build.max_deadline)
        await self._doer.extend(found.workspace.id, deadline)
        return f"Autostop is at {deadline:%H:%M} UTC."

    async def _favor(self, found: Found, _report: _Report) -> str:
        favorite = not found.workspace.favorite
        await self._doer.set_favorite(found.workspace.id, favorite)
        return "It is a favourite now." if favorite else "It is no favourite any more."

    async def _recreate(self, found: Found, _report: _Report) -> str:
        agent, devcontainer = found.agent, found.devcontainer
        if agent is None or devcontainer is None:
            raise Failed(UNKNOWN)
        container = devcontainer.container
        await self._doer.recreate_devcontainer(
            agent.id, devcontainer.id, None if container is None else container.id
        )
        return "It is being built; its log tells how it goes."

    async def _delete_devcontainer(self, found: Found, _report: _Report) -> str:
        agent, devcontainer = found.agent, found.devcontainer
        if agent is None or devcontainer is None:
            raise Failed(UNKNOWN)
        await self._doer.delete_devcontainer(agent.id, devcontainer.id)
        return "It is deleted; its folder is still there."

    async def _ask_node(self, found: Found, _report: _Report) -> str:
        """What it says goes to the facts of the agent, if it is still on screen; why it does not goes there too."""
        agent = found.agent
        if agent is None:
            raise Failed(UNKNOWN)
        self._tell_of(agent.id, FactLoading(agent.id, "node"))
        try:
            node = await self._doer.agent_node(agent.id)
        except ApiError as error:
            problem = convert.problem(error)
            self._tell_of(agent.id, FactFailed(agent.id, "node", problem, refused=error.is_final))
            raise
        offset = timedelta(seconds=self._state().server.clock_offset_s or 0.0)
        self._tell_of(agent.id, NodeRead(agent.id, node, self._now() + offset))
        return "The Network pane shows what it says."

    def _tell_of(self, agent_id: str, event: Event) -> None:
        if agent_id in self._state().details:
            self._post((event,))


class _Report:
    """One record and its telling."""

    def __init__(
        self, record: ActionRecord, post: Callable[[Sequence[Event]], None], now: Callable[[], datetime]
    ) -> None:
        self.record = record
        self.has_begun = False
        self._post = post
        self._now = now

    def begin(self) -> None:
        self.has_begun = True
        self._tell()

    def note(self, detail: str) -> None:
        self.record = replace(self.record, detail=detail)
        self._tell()

    def end(self, outcome: str, detail: str) -> None:
        self.record = replace(self.record, outcome=outcome, detail=detail, ended_at=self._now())
        if outcome != "done":
            log.warning("%s %s: %s: %s", self.record.action, self.record.target, outcome, detail)
        self._tell()

    def _tell(self) -> None:
        self._post((ActionChanged(self.record),))


def is_uncertain(error: ApiError) -> bool:
    """Whether the request may have been carried out although no usable answer came."""
    if isinstance(error, errors.Redirected | errors.TlsFailure):
        return False
    if isinstance(error, errors.ServerError):
        # Written by whatever stands before the server, or by a server that shuts down.
        return error.status in (502, 503, 504)
    return isinstance(error, errors.NotConnected | errors.AgentUnreachable)


def in_words(error: ApiError) -> str:
    """Title, detail and next step of an error, cleaned."""
    problem = convert.problem(error)
    parts = (problem.title, problem.detail, problem.next_step)
    return " ".join(part if part.endswith((".", "…", "!")) else f"{part}." for part in parts if part)


def _queued(build: Build) -> str:
    return f"Build {build.number} is queued."
