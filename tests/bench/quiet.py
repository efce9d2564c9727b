"""Bytes written to the terminal by the dashboard: idle over a still fleet, for one changed row, while a log is followed.

Goal: nothing while idle but the clock of minutes. The fleet stands still and the server goes on answering, so all that is
polled and watched is read again and again, and finds nothing new.
"""

from __future__ import annotations

import re

from tests.bench.figures import say
from tests.bench.first_paint import COMMAND
from tests.bench.fleet_server import FleetServer, made_fleet, serving, well
from tests.bench.outside import ESCAPES, Program, now, running

AGENTS = 400
WINDOW_S = 20.0
CHANGES = 3
CHANGE_SEEN_S = 14.0
"""What is on screen is watched: seen at once; its mark goes 8 s later, with the next tick."""
LINES_PER_S = 20
FOLLOWED_S = 4
_CLOCK = re.compile(r"\d\d:\d\dZ?")


def main() -> None:
    """Print the table."""
    with serving(AGENTS) as server, running((COMMAND, *server.arguments)) as program:
        program.wait_for("start_error")
        program.settle(1.0, 10)
        # Marks of what has just arrived fade, and what is watched has been opened.
        program.read(8)
        _idle(program)
        _changed(program, server)
        _followed(program, server)


def _idle(program: Program) -> None:
    cpu, began, first = program.own_cpu_s(), now(), len(program.writes)
    written = program.read(WINDOW_S)
    share = (program.own_cpu_s() - cpu) / (now() - began)
    words = ESCAPES.sub(b" ", written).decode("utf-8", "replace").split()
    minutes = sum(bool(_CLOCK.fullmatch(word)) for word in words)
    rest = " ".join(word for word in words if not _CLOCK.fullmatch(word))
    say(
        f"idle for {WINDOW_S:.0f} s: bytes",
        f"{len(written)} in {len(program.writes) - first} writes",
        f"CPU {share:.1%}; the clock {minutes}x" + (f", and {rest[:70]!r}" if rest else ""),
    )


def _changed(program: Program, server: FleetServer) -> None:
    deployment, fleet = made_fleet(AGENTS)
    ill = [n for n, w in enumerate(fleet) if w.agents and w.agents[0].lifecycle_state == "start_error"]
    # The order of the screen: among equally ill ones by owner and name.
    ill.sort(key=lambda n: (deployment.users[fleet[n].owner_id].username, fleet[n].name))
    in_place = _bytes_of(program, server, [f"time-out {number}" for number in ill[:CHANGES]])
    say(
        "a row's verdict changes in place: bytes",
        f"{in_place / CHANGES:,.0f}",
        "with its mark that comes and goes",
    )
    moved = _bytes_of(program, server, [f"lose {well(fleet)[0]}"])
    say("a row gets worse and moves up: bytes", f"{moved:,}", "the rows it passes are drawn again")


def _bytes_of(program: Program, server: FleetServer, words: list[str]) -> int:
    first = len(program.writes)
    for line in words:
        server.tell(line)
    program.read(CHANGE_SEEN_S)
    return len(program.since(first))


def _followed(program: Program, server: FleetServer) -> None:
    _, fleet = made_fleet(AGENTS)
    number = well(fleet)[10]
    program.send(b"/")
    program.settle(0.3, 2)
    program.send(fleet[number].name.encode() + b"\r")
    program.settle(0.5, 3)
    program.send(b"l")
    program.wait_for("Terminal")
    program.settle(1.0, 5)
    for name, keys in (("the log pane among others", b""), ("the log pane on the whole screen", b"z")):
        program.send(keys)
        program.settle(0.7, 3)
        server.tell(f"talk {number} {LINES_PER_S} {2 + FOLLOWED_S}")
        program.read(2)
        cpu, began, first = program.own_cpu_s(), now(), len(program.writes)
        written = len(program.read(FOLLOWED_S))
        share = (program.own_cpu_s() - cpu) / (now() - began)
        writes = len(program.writes) - first
        say(
            f"{LINES_PER_S} lines/s, {name}: bytes a line",
            f"{written / (LINES_PER_S * FOLLOWED_S):,.0f}",
            f"{written / FOLLOWED_S / 1000:.1f} kB/s, {writes / FOLLOWED_S:.0f} writes/s, CPU {share:.0%}",
        )
        program.settle(1.0, 4)


if __name__ == "__main__":
    main()
