"""First paint: a bare Textual app, the same with our widgets, and the dashboard, in alternating rounds.

The moment at which a hundred characters have been drawn, from the start of the process; and the processor time it had used
by then, which a busy machine disturbs less. Goal: the dashboard paints under half a second, before the network answers.
The first frame names the deployment and the views; the fleet's table and its rows are told apart from it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import median_of, ratio, say
from tests.bench.fleet_server import serving
from tests.bench.outside import Program, module, now, running, shown

ROUNDS = 4
SCREENFUL = 100
AGENTS = 200
COMMAND = str(Path(sys.executable).parent / "agentdash")


def main() -> None:
    """Print the table."""
    paints: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    tables: dict[str, list[float]] = {}
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
                paint, cost, table, filled = _start(command, waits="agentdash" in name)
                paints.setdefault(name, []).append(paint)
                costs.setdefault(name, []).append(cost)
                if table is not None:
                    tables.setdefault(name, []).append(table)
                if filled is not None:
                    rows.setdefault(name, []).append(filled)
    base = next(iter(programs))
    for name in programs:
        say(f"{name}: first paint, ms", median_of(paints[name]), ratio(paints[name], paints[base]))
        say("  processor time until then, ms", median_of(costs[name]), ratio(costs[name], costs[base]))
        if name in tables:
            say("  table of the fleet, ms", median_of(tables[name]))
        if name in rows:
            say("  rows of the fleet, ms", median_of(rows[name]))


def _start(command: Sequence[str], *, waits: bool) -> tuple[float, float, float | None, float | None]:
    """Milliseconds to the first paint, of processor until then, to the table and to its rows."""
    with running(command) as program:
        painted = program.read_until(lambda seen: shown(seen) >= SCREENFUL)
        cost = program.own_cpu_s()
        assert painted is not None, "nothing was painted"
        table = _seen(program, b"VERDICT") if waits else None
        filled = _seen(program, b"start_error") if waits else None
        return (painted - program.started) * 1000, cost * 1000, table, filled


def _seen(program: Program, text: bytes) -> float | None:
    """Milliseconds until a text was written; None if it is not within half a minute."""
    until = now() + 30
    while now() < until:
        if text in program.since(0):
            return (program.writes[-1][0] - program.started) * 1000
        program.read(0.02)
    return None


if __name__ == "__main__":
    main()
