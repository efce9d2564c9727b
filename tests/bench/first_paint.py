"""First paint: a bare Textual app, the same with our widgets, and the dashboard, in alternating rounds.

The moment at which a hundred characters have been drawn, from the start of the process; and the processor time it had used
by then, which a busy machine disturbs less. Goal: the dashboard paints under half a second, before the network answers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import median_of, ratio, say
from tests.bench.fleet_server import serving
from tests.bench.outside import module, now, running, shown

ROUNDS = 4
SCREENFUL = 100
AGENTS = 200
COMMAND = str(Path(sys.executable).parent / "agentdash")


def main() -> None:
    """Print the table."""
    paints: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    rows: dict[str, list[float]] = {}
    with serving(AGENTS) as server:
        programs: dict[str, Sequence[str]] = {
            "bare Textual": module("tests.bench.inside", "bare"),
            "Textual, our widgets": module("tests.bench.inside", "widgets"),
            "agentdash, a server": (COMMAND, *server.arguments),
            "agentdash, embedded": (COMMAND,),
        }
        for turn in range(ROUNDS):
            order = list(programs.items())
            for name, command in order if turn % 2 == 0 else reversed(order):
                paint, cost, filled = _start(command, waits="agentdash" in name)
                paints.setdefault(name, []).append(paint)
                costs.setdefault(name, []).append(cost)
                if filled is not None:
                    rows.setdefault(name, []).append(filled)
    base = next(iter(programs))
    for name in programs:
        say(f"{name}: first paint, ms", median_of(paints[name]), ratio(paints[name], paints[base]))
        say("  processor time until then, ms", median_of(costs[name]), ratio(costs[name], costs[base]))
        if name in rows:
            say("  rows of the fleet, ms", median_of(rows[name]))


def _start(command: Sequence[str], *, waits: bool) -> tuple[float, float, float | None]:
    """Milliseconds to the first paint, of processor until then, and to the rows."""
    with running(command) as program:
        painted = program.read_until(lambda seen: shown(seen) >= SCREENFUL)
        cost = program.own_cpu_s()
        assert painted is not None, "nothing was painted"
        filled = None
        if waits:
            until = now() + 30
            while filled is None and now() < until:
                program.read(0.02)
                if b"start_error" in program.since(0):
                    filled = (program.writes[-1][0] - program.started) * 1000
        return (painted - program.started) * 1000, cost * 1000, filled


if __name__ == "__main__":
    main()
