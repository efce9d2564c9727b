"""Single workspaces read again: what is on screen on a slow clock, what was just acted on soon.

A stream alone is not the truth: a disconnect by silence, queue positions and script results are not pushed
(contract: fleet.md §3.1, agents.md §2.2).
"""

from __future__ import annotations

from datetime import timedelta

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context, retry_after
from agentdash.feed.watches import is_moving
from agentdash.state import events as ev

TOUCHED_S = (0.2, 2.0, 6.0)
"""An action shows its first effect at once, and the next ones when a provisioner has taken it up."""


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

    async def run(self) -> None:
        """Read what is due, for ever."""
        backoff = self._ctx.backoff()
        while True:
            wait = self._ctx.settings.tick_s
            for workspace_id in self._due():
                try:
                    await self._read(workspace_id)
                    backoff.reset()
                except ApiError as error:
                    self._ctx.failed(error)
                    wait = backoff.delay(retry_after(error))
                    break
            await self._alarm.wait(wait)

    def _due(self) -> list[str]:
        now = self._ctx.clock.monotonic()
        due = sorted(self._forced)
        for workspace_id, moments in self._touched.items():
            if moments[0] <= now and workspace_id not in due:
                due.append(workspace_id)
        on_screen = ([self.opened] if self.opened else []) + sorted(self.visible)
        return due + [w for w in on_screen if w not in due and self._is_overdue(w, now)]

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
