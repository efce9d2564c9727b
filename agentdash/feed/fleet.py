"""The whole fleet: trouble first, then a slow sweep over all pages (design: feed.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agentdash.api import errors
from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import Context, is_of_deployment, retry_after
from agentdash.feed.source import Page
from agentdash.state import events as ev
from agentdash.wire.backoff import Backoff
from agentdash.wire.budget import SweepPace

TROUBLE = (
    # One status each: several in one term are not understood before 2.31, and answered with nothing at all.
    "has-agent:timeout",
    "has-agent:disconnected",
    "status:failed",
    "status:pending",
    "status:starting",
    "status:stopping",
    "status:canceling",
    "status:deleting",
)
"""Searches for the unwell and the moving ones; 28 bytes each where there are none."""
BEGUN = ("status:pending", "status:starting")
"""Builds that begin are looked for more often: a short one is over between two rounds, and then its workspace is not
watched while the start scripts run, whose failure no search finds (design: feed.md, blind spots)."""
PREBUILDS = "owner:prebuilds"
RESUMED_WITHIN_S = 300.0
"""A sweep that was cut is taken up where it ended, unless it is older than this."""
VERIFIED_AT_ONCE = 20
"""Workspaces missing from a sweep that are looked up one by one before they count as gone."""


@dataclass(slots=True)
class _Sweep:
    """One walk over all pages."""

    began: datetime
    """Local time."""
    seen: set[str] = field(default_factory=set)
    offset: int = 0
    count: int = 0
    pages: int = 0


class Fleet:
    """Trouble queries on a short clock, and the sweep."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._trouble_alarm = Alarm(ctx.clock)
        self._sweep_alarm = Alarm(ctx.clock)
        self._refused: set[str] = set()
        self._prebuilds_due = 0.0
        self._count_due = 0.0
        self._limit = ctx.settings.page_limit
        self._pace = SweepPace(ctx.settings.sweep_bytes_per_s, ctx.settings.sweep_pages_per_minute)
        self._trouble_pace = SweepPace(ctx.settings.sweep_bytes_per_s, ctx.settings.sweep_pages_per_minute)
        self._sweeps = 0
        self._unfinished: _Sweep | None = None
        self._missing: set[str] = set()

    def refresh(self) -> None:
        """Begin the next round of both now."""
        self._refused.clear()
        self._prebuilds_due = 0.0
        self._trouble_alarm.ring()
        self._sweep_alarm.ring()

    # -- trouble ------------------------------------------------------------------------------------------------

    async def run_trouble(self) -> None:
        """Ask for what is unwell or moving, again and again."""
        backoff = self._ctx.backoff()
        while True:
            try:
                await self._trouble_round()
            except ApiError as error:
                self._ctx.failed(error)
                wait = _delay(self._ctx, error, backoff)
            else:
                backoff.reset()
                wait = self._ctx.settings.trouble_interval_s
            await self._trouble_alarm.wait(wait)

    async def _trouble_round(self) -> None:
        for query in TROUBLE:
            await self._query(query)
        now = self._ctx.clock.monotonic()
        if now >= self._prebuilds_due:
            self._prebuilds_due = now + self._ctx.settings.prebuilds_interval_s
            await self._query(PREBUILDS)
        if self._sweeps and now >= self._count_due:
            # A sweep of a small fleet tells its total more often than this.
            self._count_due = now + self._ctx.settings.count_interval_s
            at = self._ctx.clock.now()
            total = await self._ctx.source.count("")
            self._ctx.emit(ev.CountRead("", total, self._ctx.server_time(at)))

    async def _query(self, query: str) -> None:
        """All that match, up to `trouble_pages`; a search this server does not know is left out from then on."""
        if query in self._refused:
            return
        ctx, offset = self._ctx, 0
        for _ in range(ctx.settings.trouble_pages):
            at = ctx.clock.now()
            try:
                page = await ctx.source.page(query, ctx.settings.page_limit, offset)
            except errors.BadRequest:
                self._refused.add(query)
                return
            stamp = ctx.server_time(at)
            if offset == 0:
                ctx.emit(ev.CountRead(query, page.count, stamp))
            if page.workspaces:
                ctx.emit(ev.WorkspacesRead(page.workspaces, stamp, "query"))
            offset += ctx.settings.page_limit
            if offset >= page.count:
                return
            await ctx.clock.sleep(self._trouble_pace.pause_after(page.size, page.took_s))

    async def run_begun(self) -> None:
        """Ask for builds that begin, between the rounds for everything else."""
        backoff = self._ctx.backoff()
        wait = self._ctx.settings.begun_interval_s
        while True:
            await self._ctx.clock.sleep(wait)
            try:
                for query in BEGUN:
                    await self._query(query)
            except ApiError as error:
                # The rounds for everything else ask the same server, and say what is wrong with it.
                wait = _delay(self._ctx, error, backoff)
            else:
                backoff.reset()
                wait = self._ctx.settings.begun_interval_s

    # -- sweep --------------------------------------------------------------------------------------------------

    async def run_sweep(self) -> None:
        """Read all pages, rest, begin again."""
        ctx, backoff = self._ctx, self._ctx.backoff()
        while True:
            began = ctx.clock.monotonic()
            try:
                await self._sweep()
            except ApiError as error:
                problem = ctx.failed(error)
                wait = _delay(ctx, error, backoff)
                ctx.emit(ev.FleetFailed(problem, ctx.clock.now() + timedelta(seconds=wait)))
            else:
                backoff.reset()
                wait = max(0.0, ctx.settings.sweep_interval_s - (ctx.clock.monotonic() - began))
            await self._sweep_alarm.wait(wait)

    async def _sweep(self) -> None:
        ctx = self._ctx
        sweep = self._taken_up()
        while True:
            at = ctx.clock.now()
            limit = self._limit
            page = await ctx.source.page("", limit, sweep.offset)
            sweep.pages += 1
            sweep.count = page.count
            sweep.seen.update(w.id for w in page.workspaces)
            if page.workspaces:
                ctx.emit(ev.WorkspacesRead(page.workspaces, ctx.server_time(at), "page"))
            self._adapt(page)
            pause = self._pace.pause_after(page.size, page.took_s)
            sweep.offset += limit
            # `count` also counts rows that are left out, so a short page is no end (contract: fleet.md §1).
            if sweep.offset >= page.count:
                break
            if self._sweeps or sweep.pages > ctx.settings.sweep_free_pages:
                await ctx.clock.sleep(pause)
        self._unfinished = None
        await self._end(sweep)

    def _taken_up(self) -> _Sweep:
        """The sweep that was cut, if it is young enough, else a new one."""
        now, cut = self._ctx.clock.now(), self._unfinished
        if cut is None or (now - cut.began).total_seconds() > RESUMED_WITHIN_S:
            self._unfinished = cut = _Sweep(now)
        return cut

    def _adapt(self, page: Page) -> None:
        """Heavy or slow pages are asked for in smaller pieces, light ones in larger again."""
        settings = self._ctx.settings
        if page.size > settings.page_heavy_bytes or page.took_s > 2.0:
            self._limit = max(settings.page_limit_least, self._limit // 2)
        elif page.size * 4 < settings.page_heavy_bytes and page.took_s < 0.5:
            self._limit = min(settings.page_limit, self._limit * 2)

    async def _end(self, sweep: _Sweep) -> None:
        """Say what is gone. Rows move between pages while they are read, so being missing once proves nothing."""
        ctx = self._ctx
        began = ctx.server_time(sweep.began)
        state = ctx.state()
        missing = {
            w for w in state.workspaces if w not in sweep.seen and state.seen[w].at <= began
        }  # fmt: skip
        kept: set[str] = set()
        if sweep.pages > 1:
            fresh = missing - self._missing
            for workspace_id in sorted(fresh)[:VERIFIED_AT_ONCE]:
                if await self._is_there(workspace_id):
                    kept.add(workspace_id)
            kept |= set(sorted(fresh)[VERIFIED_AT_ONCE:])
        self._missing = kept
        self._sweeps += 1
        ctx.emit(ev.SweepEnded(frozenset(sweep.seen | kept), began, sweep.count))

    async def _is_there(self, workspace_id: str) -> bool:
        ctx = self._ctx
        at = ctx.clock.now()
        try:
            workspace = await ctx.source.workspace(workspace_id)
        except (errors.NotFound, errors.Gone):
            return False
        ctx.emit(ev.WorkspacesRead((workspace,), ctx.server_time(at), "get"))
        return True


def _delay(ctx: Context, error: ApiError, backoff: Backoff) -> float:
    delay = backoff.delay(retry_after(error))
    # A wrong token or address does not mend itself: asked seldom, or when the person says so.
    return max(delay, ctx.settings.refused_retry_s) if error.is_final and is_of_deployment(error) else delay
