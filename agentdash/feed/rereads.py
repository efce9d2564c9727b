"""Single workspaces read again: what is on screen on a slow clock, what was just acted on soon.

A stream alone is not the truth: a disconnect by silence, queue positions and script results are not pushed
(contract: fleet.md §3.1, agents.md §2.2).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context, retry_after
from agentdash.feed.watches import is_moving
from agentdash.state import events as ev

TOUCHED_S = (0.2, 2.0, 6.0)
"""An action shows its first effect at once, and the next ones when a provisioner has taken it up."""
SIGNAL_SETTLE_S = 0.3
"""One start is told of several times within a moment, and a watch or a query may be as fast."""
SIGNALS_A_ROUND = 5
"""At most so many signalled ones are read between two looks: many at once are mostly read by pages before that."""


class Rereads:
    """Reads one workspace after the other, the most overdue first."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._alarm = Alarm(ctx.clock)
        self.visible: frozenset[str] = frozenset()
        self.opened: str | None = None
        self._touched: dict[str, list[float]] = {}
        self._tried: dict[str, float] = {}
        self._forced: set[str] = set()
        self._signals: dict[str, tuple[float, Callable[[str], bool]]] = {}
        """Workspace id → when it is due, and whether it has been read meanwhile."""

    def refresh(self) -> None:
        """Everything on screen is due now."""
        self._forced |= self.visible | ({self.opened} if self.opened else set())
        self._alarm.ring()

    def open(self, workspace_id: str | None) -> None:
        """This workspace is the opened one; what is known of it may be minutes old."""
        if workspace_id is not None and workspace_id != self.opened:
            self._forced.add(workspace_id)
            self._alarm.ring()
        self.opened = workspace_id

    def touch(self, workspace_id: str) -> None:
        """Read this workspace soon, and again a little later."""
        now = self._ctx.clock.monotonic()
        self._touched[workspace_id] = [now + delay for delay in TOUCHED_S]
        self._alarm.ring()

    def signal(self, workspace_id: str, is_known: Callable[[str], bool]) -> None:
        """Something changed there: read it in a moment, unless `is_known` says then that it is known already."""
        if workspace_id not in self._signals:
            self._signals[workspace_id] = (self._ctx.clock.monotonic() + SIGNAL_SETTLE_S, is_known)
            self._alarm.ring()

    async def run(self) -> None:
        """Read what is due, for ever."""
        backoff = self._ctx.backoff()
        while True:
            wait: float | None = None
            for workspace_id in self._due():
                try:
                    await self._read(workspace_id)
                    backoff.reset()
                except ApiError as error:
                    self._ctx.failed(error)
                    wait = backoff.delay(retry_after(error))
                    break
            await self._alarm.wait(self._until_next() if wait is None else wait)

    def _due(self) -> list[str]:
        now = self._ctx.clock.monotonic()
        due = sorted(self._forced)
        for workspace_id, moments in self._touched.items():
            if moments[0] <= now and workspace_id not in due:
                due.append(workspace_id)
        due += self._signalled(now, due)
        on_screen = ([self.opened] if self.opened else []) + sorted(self.visible)
        return due + [w for w in on_screen if w not in due and self._is_overdue(w, now)]

    def _signalled(self, now: float, due: list[str]) -> list[str]:
        """Signalled ones that are due and not known yet; what is on screen goes first."""
        found: list[str] = []
        for workspace_id, (moment, is_known) in list(self._signals.items()):
            if moment > now:
                continue
            if is_known(workspace_id):
                del self._signals[workspace_id]
            elif workspace_id not in due:
                found.append(workspace_id)
        found.sort(key=lambda w: w != self.opened and w not in self.visible)
        return found[:SIGNALS_A_ROUND]

    def _until_next(self) -> float:
        """Seconds to the next look."""
        now, tick_s = self._ctx.clock.monotonic(), self._ctx.settings.tick_s
        coming = [moment - now for moment, _ in self._signals.values() if moment > now]
        return min([tick_s, *coming])

    def _is_overdue(self, workspace_id: str, now: float) -> bool:
        state, settings = self._ctx.state(), self._ctx.settings
        seen, workspace = state.seen.get(workspace_id), state.workspaces.get(workspace_id)
        if workspace is None or seen is None:
            return False
        rest = settings.reread_moving_s if is_moving(workspace) else settings.reread_s
        if now - self._tried.get(workspace_id, -rest) < rest:
            return False
        if seen.via == "watch" and is_moving(workspace):
            # Bursts of a watch do not carry what is not pushed.
            return True
        return self._ctx.server_now() - seen.at >= timedelta(seconds=rest)

    async def _read(self, workspace_id: str) -> None:
        ctx = self._ctx
        began, at = ctx.clock.monotonic(), ctx.clock.now()
        self._tried[workspace_id] = began
        # One that comes while it is read asks for another reading; one that fails is left to the sweep.
        self._signals.pop(workspace_id, None)
        try:
            workspace = await ctx.source.workspace(workspace_id)
        except (errors.NotFound, errors.Gone):
            ctx.emit(ev.WorkspaceGone(workspace_id))
            self._tried.pop(workspace_id, None)
        else:
            ctx.emit(ev.WorkspacesRead((workspace,), ctx.server_time(at), "get"))
        self._forced.discard(workspace_id)
        later = [moment for moment in self._touched.pop(workspace_id, ()) if moment > began]
        if later:
            self._touched[workspace_id] = later
