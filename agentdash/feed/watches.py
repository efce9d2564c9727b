"""Watches of single workspaces: what moves, what is on screen, what is marked (design: feed.md, 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from agentdash.api import errors
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context
from agentdash.feed.streams import End, GiveUp, KeptStream, TryAgain, problem_of
from agentdash.feed.tasks import Tasks
from agentdash.state import events as ev
from agentdash.state.model import Workspace

UNREADY = frozenset({"created", "starting", "shutting_down"})
"""Lifecycles that are on their way somewhere."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)
AT_REST = frozenset({"timeout", "disconnected"})
"""Statuses in which a lifecycle goes nowhere; what comes back is seen by query and sweep."""


def is_moving(workspace: Workspace) -> bool:
    """Whether something is under way: a build, a first connect, a start, a shutdown."""
    if workspace.build.is_active:
        return True
    return any(
        agent.status == "connecting" or (agent.lifecycle in UNREADY and agent.status not in AT_REST)
        for agent in workspace.agents
    )


class Watches:
    """The watches that run, against those that are wanted."""

    def __init__(self, ctx: Context, tasks: Tasks) -> None:
        self._ctx = ctx
        self._tasks = tasks
        self.opened: str | None = None
        self.marked: frozenset[str] = frozenset()
        self.is_told: Callable[[str], bool] = lambda _: False
        """Whether another stream tells of this workspace, so that its row needs no watch while it rests."""
        self._visible_since: dict[str, float] = {}
        self._running: dict[str, tuple[str, Alarm]] = {}
        """Workspace id → owner id when the watch was opened, and its alarm."""
        self._moving: tuple[object, tuple[str, ...]] = (None, ())
        self._judged: dict[str, tuple[Workspace, bool]] = {}
        self._told: tuple[int, int] | None = None

    def set_visible(self, workspace_ids: frozenset[str]) -> None:
        """These have rows on screen; a row that passes by while scrolling is not watched."""
        now = self._ctx.clock.monotonic()
        self._visible_since = {w: self._visible_since.get(w, now) for w in workspace_ids}

    def refresh(self) -> None:
        """Try again at once what waits."""
        for _, alarm in self._running.values():
            alarm.ring()

    def reconcile(self) -> None:
        """Open the watches that are missing, close those not wanted, reopen those gone deaf.

        A watch listens to the events of the user who owned the workspace when it was opened: after a claim it is
        silent for ever (contract: fleet.md §3.1).
        """
        workspaces = self._ctx.state().workspaces
        wanted = [w for w in dict.fromkeys(self._wanted()) if w in workspaces]
        cap = self._ctx.settings.watch_cap
        told = (len(wanted), cap)
        if told != self._told and (len(wanted) > cap or (self._told or (0, cap))[0] > cap):
            self._ctx.emit(ev.WatchCapReached(*told))
        self._told = told
        owners = {w: workspaces[w].owner_id for w in wanted[:cap]}
        for workspace_id, (owner_id, _) in list(self._running.items()):
            if owners.get(workspace_id) != owner_id:
                del self._running[workspace_id]
                self._tasks.stop(f"watch:{workspace_id}:{owner_id}")
                if workspace_id not in owners:
                    self._ctx.emit(ev.StreamForgotten(f"watch:{workspace_id}"))
        for workspace_id, owner_id in owners.items():
            if workspace_id not in self._running:
                self._open(workspace_id, owner_id)

    def _open(self, workspace_id: str, owner_id: str) -> None:
        alarm = Alarm(self._ctx.clock)
        watch = _Watch(self._ctx, workspace_id, alarm)
        self._running[workspace_id] = (owner_id, alarm)
        self._tasks.start(f"watch:{workspace_id}:{owner_id}", watch.run)

    def _wanted(self) -> Iterator[str]:
        if self.opened is not None:
            yield self.opened
        yield from sorted(self.marked)
        yield from self._moving_ids()
        now = self._ctx.clock.monotonic()
        settle_s = self._ctx.settings.settle_s
        settled = (w for w, since in self._visible_since.items() if now - since >= settle_s)
        yield from (w for w in settled if not self.is_told(w))

    def _moving_ids(self) -> tuple[str, ...]:
        """Moving workspaces, newest build first; looked for only when the fleet has changed."""
        workspaces = self._ctx.state().workspaces
        if self._moving[0] is not workspaces:
            # A workspace that is the same object needs no second look: of 10,000 few change between two ticks.
            judged: dict[str, tuple[Workspace, bool]] = {}
            for workspace_id, workspace in workspaces.items():
                known = self._judged.get(workspace_id)
                if known is None or known[0] is not workspace:
                    known = (workspace, is_moving(workspace))
                judged[workspace_id] = known
            self._judged = judged
            moving = [workspace for workspace, moves in judged.values() if moves]
            moving.sort(key=lambda w: w.build.created_at or LONG_AGO, reverse=True)
            self._moving = (workspaces, tuple(w.id for w in moving))
        return self._moving[1]


class _Watch:
    """The watch of one workspace."""

    def __init__(self, ctx: Context, workspace_id: str, alarm: Alarm) -> None:
        self._ctx = ctx
        self._workspace_id = workspace_id
        self._stream = KeptStream(ctx, f"watch:{workspace_id}", alarm)

    async def run(self) -> None:
        await self._stream.keep(
            lambda: self._ctx.source.watch_workspace(self._workspace_id), self._take, self._ended
        )

    def _take(self, workspace: Workspace) -> None:
        self._ctx.emit(ev.WorkspacesRead((workspace,), self._ctx.server_now(), "watch"))

    async def _ended(self, end: End) -> GiveUp | TryAgain:
        if isinstance(end.error, errors.NotFound | errors.Gone):
            # The reader of single workspaces finds out whether it is gone; the watch has nothing to say.
            return GiveUp(problem_of(end))
        if isinstance(end.error, errors.RouteNotFound | errors.Forbidden):
            return GiveUp(problem_of(end))
        return TryAgain(problem_of(end))
