"""What a judgement of 10,000 workspaces costs: all of it anew, with nothing new, and with one in a hundred changed.

Processor time of one look after another, two seconds apart; in the last row the changed ones are those that a sweep reads
meanwhile: mostly heartbeats, here and there another lifecycle. A look with nothing new still lets time pass.
`python -m tests.bench.judging COUNT`.
"""

from __future__ import annotations

import gc
import random
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta

from agentdash.state import events as ev
from agentdash.state.model import Workspace
from agentdash.state.store import Store
from agentdash.triage.diagnose import look
from agentdash.triage.facts import Facts
from agentdash.triage.incremental import Incremental
from agentdash.triage.memory import Memory
from tests.bench.busy_fleet import changed_workspace, model_fleet
from tests.bench.figures import median_of, ratio, say

ROUNDS = 7
STEP = timedelta(seconds=2)
CHANGED_SHARE = 0.01


class _Looks:
    """A fleet in a store, looked at every two seconds by one who judges all and one who judges what has changed."""

    def __init__(self, count: int) -> None:
        self.fleet = model_fleet(count)
        self.now = datetime.now(UTC)
        self._rng = random.Random(4)
        self._store = Store()
        self._read(self.fleet)
        self._before = self._kept = Memory()
        self._judge = Incremental()

    def whole(self) -> float:
        """Milliseconds to judge the same once more, but everything."""
        facts = self._facts(self._before)
        began = time.process_time()
        found, memory = look(facts)
        took = time.process_time() - began
        assert (found, memory) == (self._found, self._kept), "the two judgements differ"
        return 1000 * took

    def again(self) -> float:
        """Milliseconds to judge what has changed."""
        self.now += STEP
        facts = self._facts(self._kept)
        began = time.process_time()
        judged, self._found = self._judge.look(facts)
        took = time.process_time() - began
        self._before, self._kept = self._kept, judged.memory
        return 1000 * took

    def change(self) -> None:
        """One in a hundred is read anew."""
        chosen = self._rng.sample(range(len(self.fleet)), max(1, int(CHANGED_SHARE * len(self.fleet))))
        for number in chosen:
            old = self.fleet[number]
            self.fleet[number] = changed_workspace(old, self._rng) if old.agents else old
        self._read([self.fleet[number] for number in chosen])

    def _read(self, workspaces: list[Workspace]) -> None:
        self._store.apply([ev.WorkspacesRead(tuple(workspaces), self.now, "page")])

    def _facts(self, memory: Memory) -> Facts:
        state = self._store.state
        return Facts(state, self.now, state.deployment, memory=memory)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    looks = _Looks(count)
    gc.collect()
    gc.freeze()  # the dashboard keeps its collector away from the fleet too
    whole, still, moving = [], [], []
    tracemalloc.start()
    looks.again()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for _ in range(ROUNDS):
        still.append(looks.again())
        whole.append(looks.whole())
        looks.change()
        moving.append(looks.again())
        looks.whole()
    say(f"{count:,} workspaces, everything anew (ms)", median_of(whole))
    say("nothing new (ms)", median_of(still), ratio(still, whole))
    say("one in a hundred changed (ms)", median_of(moving), ratio(moving, whole))
    say("kept between two looks (MB)", f"{kept / 1e6:.0f}")


if __name__ == "__main__":
    main()
