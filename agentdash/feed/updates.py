"""One stream that tells which workspaces of an owner changed, as a signal to read them (design: feed.md, 5).

It tells names, states and ids of agents, and nothing of health, lifecycles, apps or metadata (contract: tailnet.md
§8): so it never becomes the state itself, and never takes anything out of it. What it tells is compared with what is
known; a workspace in which they differ is read by REST.
"""

from __future__ import annotations

from collections import Counter

from agentdash.api import errors
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context
from agentdash.feed.rereads import Rereads
from agentdash.feed.sightings import Sightings
from agentdash.feed.source import OwnersWanted, OwnerUpdate
from agentdash.feed.streams import End, GiveUp, KeptStream, TryAgain, problem_of
from agentdash.feed.tasks import Tasks
from agentdash.state.state import State

UPDATES = "updates"
"""Id of the stream and of its task."""
WAITED_OUT = (errors.NotLoggedIn, errors.RateLimited)
"""Refusals that pass. After any other the watches do without the stream, until the server's version changes or the
person asks: servers before 2.18 do not have it, some deployments let only browsers connect."""


class Updates:
    """What the stream told last, and the stream itself where it is wanted."""

    def __init__(self, ctx: Context, tasks: Tasks, rereads: Rereads) -> None:
        self._ctx = ctx
        self._tasks = tasks
        self._rereads = rereads
        self._alarm = Alarm(ctx.clock)
        self._stream = KeptStream(ctx, UPDATES, self._alarm)
        self._owners = OwnersWanted()
        self._counted: tuple[object, tuple[str, ...]] = (None, ())
        self._sightings = Sightings()
        self._refused_by: str | None = None
        """Version of the server that refused."""

    def tells(self, workspace_id: str) -> bool:
        """Whether a watch of this workspace can be spared while it rests."""
        is_instead = self._ctx.settings.fleet_source == "tailnet"
        return is_instead and self._stream.is_live and workspace_id in self._sightings

    def refresh(self) -> None:
        """Try again at once, even what was refused."""
        self._forgive()
        self._alarm.ring()

    def reconcile(self) -> None:
        """Open the stream when it is wanted, and have it tell of the owners that there are."""
        if self._ctx.settings.fleet_source == "watch":
            return
        state = self._ctx.state()
        if self._refused_by is not None:
            if self._refused_by == state.server.version:
                return
            self._forgive()
        owners = self._wanted(state)
        if owners:
            for gone in set(self._owners.ids) - set(owners):
                self._sightings.forget(gone)
            self._owners.want(owners)
            self._tasks.start(UPDATES, self._run)

    def _forgive(self) -> None:
        if self._refused_by is not None:
            self._refused_by = None
            self._tasks.stop(UPDATES)

    # -- whose --------------------------------------------------------------------------------------------------

    def _wanted(self, state: State) -> tuple[str, ...]:
        """Owners to be told of; none before the fleet has been read once: trouble and page 1 come first."""
        user = state.server.user
        if user is None or not user.id or state.fleet.value is None:
            return ()
        if self._counted[0] is not state.workspaces:
            self._counted = (state.workspaces, self._chosen(state, user.id))
        return self._counted[1]

    def _chosen(self, state: State, user_id: str) -> tuple[str, ...]:
        workspaces = state.workspaces.values()
        if self._ctx.settings.fleet_source == "auto":
            # Once wanted it stays, though somebody shares a workspace.
            is_own = self._owners.ids or all(w.owner_id == user_id for w in workspaces)
            return (user_id,) if is_own else ()
        owners = Counter(w.owner_id for w in workspaces)
        # Who is told of already stays; then who has most.
        order = dict.fromkeys((user_id, *self._owners.ids, *(owner for owner, _ in owners.most_common())))
        found = [owner for owner in order if owner == user_id or owner in owners]
        return tuple(found[: self._ctx.settings.owners_at_once])

    # -- what is told -------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        await self._stream.keep(
            lambda: self._ctx.source.workspace_updates(self._owners), self._take, self._ended
        )

    async def _ended(self, end: End) -> GiveUp | TryAgain:
        is_refused = isinstance(end.error, errors.Refused) and not isinstance(end.error, WAITED_OUT)
        if is_refused and not end.has_spoken:
            self._refused_by = self._ctx.state().server.version
            self._sightings.clear()
            return GiveUp(problem_of(end))
        return TryAgain(problem_of(end))

    def _take(self, update: OwnerUpdate) -> None:
        for workspace_id in sorted(self._sightings.take(update)):
            if not self._is_known(workspace_id):
                self._rereads.signal(workspace_id, self._is_known)

    def _is_known(self, workspace_id: str) -> bool:
        return self._sightings.is_known(workspace_id, self._ctx.state().workspaces.get(workspace_id))
