"""The relays as seen from this machine, measured while the Network pane is open (contract: tailnet.md §2)."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Final

from immutables import Map

from agentdash.api.errors import ApiError
from agentdash.feed.clock import Alarm
from agentdash.feed.context import retry_after
from agentdash.feed.facts import Subject
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.model import Links, RegionLink

EVERY_S: Final = 60.0
"""Between two rounds: three short questions to each relay."""


class LinkWatch:
    """Measures when the pane opens, when it is asked to, and now and then."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.alarm = Alarm(subject.ctx.clock)

    async def run(self) -> None:
        """Measure again and again; a pane that is opened anew soon after does not begin with it."""
        ctx = self._subject.ctx
        backoff = ctx.backoff()
        if (good_s := self._still_good_s()) > 0:
            await self.alarm.wait(good_s)
        while True:
            try:
                await self._measure()
            except ApiError as error:
                delay_s = backoff.delay(retry_after(error))
                self._subject.fail("links", convert.problem(error), delay_s=delay_s)
                await self.alarm.wait(delay_s)
                continue
            backoff.reset()
            await self.alarm.wait(EVERY_S)

    def _known(self) -> tuple[Links, float] | None:
        """What was measured before, and how many seconds ago."""
        ctx = self._subject.ctx
        detail = ctx.state().details.get(self._subject.agent_id)
        if detail is None or detail.links.value is None or detail.links.at is None:
            return None
        return detail.links.value, (ctx.server_now() - detail.links.at).total_seconds()

    def _still_good_s(self) -> float:
        known = self._known()
        if known is None or not known[0].is_complete:
            return 0.0
        return max(0.0, EVERY_S - max(0.0, known[1]))

    async def _measure(self) -> None:
        ctx, agent_id = self._subject.ctx, self._subject.agent_id
        known = self._known()
        links = Links() if known is None else replace(known[0], is_complete=False)
        ctx.emit(ev.FactLoading(agent_id, "links"))
        asked: set[int] = set()
        async with aclosing(ctx.source.links(agent_id)) as found:
            async for link in found:
                asked.add(link.region_id)
                links = Links(links.regions.set(link.region_id, link))
                ctx.emit(ev.LinksRead(agent_id, links, ctx.server_now()))
        regions: Map[int, RegionLink] = Map({r: link for r, link in links.regions.items() if r in asked})
        ctx.emit(ev.LinksRead(agent_id, Links(regions, is_complete=True), ctx.server_now()))
