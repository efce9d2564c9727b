"""The diagnosis behind the screens: judged again at most every two seconds, in a thread when it takes long.

No widget and no Textual here: `agentdash triage` looks through the same eyes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agentdash.present.findings import Item, items_of, need_a_person
from agentdash.present.pools import PoolView, pool_views, unhealthy
from agentdash.present.verdicts import NOTHING_TOLD, Told, told_by
from agentdash.record.acks import Acks, Standing, file_of
from agentdash.state.state import State
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Diagnosis, Finding
from agentdash.triage.incremental import Incremental
from agentdash.triage.memory import Memory
from agentdash.triage.thresholds import Thresholds

EVERY_S = 2.0
"""Between two judgements at least."""
AT_LEAST_EVERY_S = 10.0
"""Time alone makes findings: judged again after so long without news."""
QUICK_S = 0.005
"""What took longer last time is judged in a thread, so that keys are answered meanwhile."""


@dataclass(frozen=True, slots=True)
class View:
    """One judgement: what was judged, what was found, and how pools and rows are told of it."""

    facts: Facts
    diagnosis: Diagnosis
    pools: tuple[PoolView, ...] = ()
    told: Told = NOTHING_TOLD


def view_of(facts: Facts, diagnosis: Diagnosis) -> View:
    """What is shown of a diagnosis."""
    return View(facts, diagnosis, pool_views(facts, diagnosis, facts.now), told_by(diagnosis, facts))


class Eyes:
    """Looks at the state again and again, and remembers what it saw.

    Args:
        thresholds: Limits of the rules.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.memory = Memory()
        self._judge = Incremental()

    def look(self, state: State, now: datetime) -> View:
        """Judge a state. One call at a time; safe in a thread, since all values are frozen."""
        facts = Facts(state, now, state.deployment, memory=self.memory, thresholds=self.thresholds)
        facts, diagnosis = self._judge.look(facts)
        self.memory = facts.memory
        return view_of(facts, diagnosis)

    def glance(self, state: State, now: datetime) -> View:
        """Judge a single read, which has no past of its own: rules that need one say that they cannot know."""
        facts = Facts(state, now, state.deployment, thresholds=self.thresholds)
        diagnosis = diagnose(facts)
        return view_of(facts, diagnosis)


COST = 10
"""Times as long as the last judgement took that the next one waits at least."""


class Judge:
    """The present diagnosis, kept true by a slow clock.

    Args:
        eyes: What looks.
        directory: Where marks are kept; the user's state directory if None.
        every_s: Seconds between two judgements at least.

    Attributes:
        view: The last judgement, None before the first.
        acks: What was put aside.
    """

    def __init__(
        self, eyes: Eyes | None = None, *, directory: Path | None = None, every_s: float = EVERY_S
    ) -> None:
        self.eyes = eyes or Eyes()
        self.every_s = every_s
        self.view: View | None = None
        self.acks = Acks()
        self._directory = directory
        self._acks_of = ""
        self._took_s = 0.0
        self._news = asyncio.Event()

    def state_changed(self) -> None:
        """Something may be judged differently."""
        self._news.set()

    async def run(
        self, state: Callable[[], State], now: Callable[[], datetime], told: Callable[[], None]
    ) -> None:
        """Judge until cancelled: soon after news, and now and then without.

        Args:
            state: The state as it is.
            now: Server time.
            told: Called after each judgement.
        """
        while True:
            self._news.clear()
            await self._look(state(), now())
            told()
            # A judgement of a large fleet holds the interpreter: it gets a tenth of the time, the keys the rest.
            await asyncio.sleep(max(self.every_s, COST * self._took_s))
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, AT_LEAST_EVERY_S - self.every_s)):
                    await self._news.wait()

    async def _look(self, state: State, now: datetime) -> None:
        self._know(state)
        began = time.monotonic()
        if self._took_s <= QUICK_S:
            self.view = self.eyes.look(state, now)
        else:
            self.view = await asyncio.to_thread(self.eyes.look, state, now)
        self._took_s = time.monotonic() - began

    def _know(self, state: State) -> None:
        """Read the marks once it is known which deployment this is."""
        name = state.server.deployment_id
        if name and name != self._acks_of:
            self._acks_of = name
            self.acks = Acks(file_of(name, self._directory))

    # What was put aside

    def aside(self, now: datetime) -> dict[str, str]:
        """Why findings are put aside, by their id."""
        if self.view is None or not len(self.acks):
            return {}
        found = ((f.id, self.acks.why(standing(f), now)) for f in self.view.diagnosis.findings)
        return {finding_id: why for finding_id, why in found if why}

    def items(self, now: datetime) -> tuple[Item, ...]:
        """The rows of Triage without a filter."""
        if self.view is None:
            return ()
        return items_of(self.view.diagnosis, aside=self.aside(now))

    def counts(self, now: datetime) -> dict[str, str]:
        """What stands beside the names of views: `7` for Triage, `2!` for Prebuilds."""
        if self.view is None:
            return {}
        wanting, dry = need_a_person(self.items(now)), unhealthy(self.view.pools)
        counts = {"triage": str(wanting)} if wanting else {}
        if dry:
            counts["prebuilds"] = f"{dry}!"
        return counts


def standing(finding: Finding) -> Standing:
    """A finding as the marks know it."""
    return Standing(finding.id, int(finding.severity), finding.since)
