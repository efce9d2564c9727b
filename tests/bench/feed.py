"""What keeping a fleet of 10,000 workspaces true costs, and how long news takes to reach the row.

The dashboard as it is, over the embedded server: requests and bytes a minute, processor and memory of the client, and the
time from a planted event to the verdict of its row, for workspaces that are not on screen. `python -m tests.bench.feed
MINUTES` measures longer: what only the sweep can find takes up to one sweep, some minutes for such a fleet.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.bench.figures import median_of, say
from tests.bench.fleet_server import FleetServer, made_fleet, serving, stopped, well
from tests.bench.outside import Program, module, now, running

COUNT = 10_000
SECONDS = 50.0
EACH = 3
"""Events planted of every kind."""
PLANTED_AFTER_S = 8.0
KINDS = {
    # word → what it is called, and the verdict it leads to
    "lose": ("agent lost", "lost connection"),
    "break": ("build fails", "build failed"),
    "start": ("start script fails in a start", "exit 1"),
    "fail": ("start script fails out of nowhere", "startup script failed"),
    "claim": ("prebuild claimed", ""),
}


@dataclass(slots=True)
class _Report:
    """What the client tells, read as it comes."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[float, str, int]] = field(default_factory=list)

    def take(self, line: str) -> None:
        told = json.loads(line)
        if "path" in told:
            self.requests.append((now(), told["path"], told["size"]))
        else:
            self.rows.append(told)

    def wait(self, name: str, text: str, planted: float) -> float | None:
        """Seconds from what happened, by the server's clock, to the first row that says so."""
        for row in self.rows:
            if row["name"] == name and text in row["text"] and row["since"] >= planted:
                return float(row["at"] - row["since"])
        return None


def main() -> None:
    """Print the table."""
    seconds = float(sys.argv[1]) * 60 if len(sys.argv) > 1 else SECONDS
    with serving(COUNT) as server, _watched(server) as (program, report):
        program.wait_for("lost connection", 60)
        say(f"{COUNT:,} workspaces: worst rows on screen after, s", f"{now() - program.started:.1f}")
        program.read(PLANTED_AFTER_S)
        first, began, usage = len(report.requests), now(), program.usage()
        planted = _plant(program, server)
        program.read(seconds - PLANTED_AFTER_S)
        _costs(program, report, first, began, usage.cpu_s)
        _news(report, planted)


@contextmanager
def _watched(server: FleetServer) -> Iterator[tuple[Program, _Report]]:
    report = _Report()
    ours, theirs = os.pipe()
    command = module("tests.bench.inside", "watched", str(theirs), *server.arguments)
    with running(command, pass_fds=(theirs,)) as program:
        os.close(theirs)
        reader = threading.Thread(target=_read, args=(ours, report), daemon=True)
        reader.start()
        yield program, report
    reader.join(5)


def _read(descriptor: int, report: _Report) -> None:
    with os.fdopen(descriptor) as lines:
        for line in lines:
            report.take(line)


def _plant(program: Program, server: FleetServer) -> list[tuple[str, str, float]]:
    """Events on workspaces from the end of the list, which the first pages of the sweep do not reach: kind, name, moment."""
    _, fleet = made_fleet(COUNT)
    free, idle = well(fleet)[-2:-1000:-7], stopped(fleet)[::-7]
    planted = []
    for _ in range(EACH):
        for word in ("lose", "fail", "start", "break"):
            number = (free if word in ("lose", "fail") else idle).pop(0)
            planted.append((word, fleet[number].name, time.time()))
            server.tell(f"{word} {number}")
            program.read(0.7)
    planted.append(("claim", "claimed-one", time.time()))
    server.tell(f"claim {well(fleet)[-1]}")
    return planted


def _costs(program: Program, report: _Report, first: int, began: float, cpu_s: float) -> None:
    minutes = (now() - began) / 60
    asked = report.requests[first:]
    size = sum(size for _, _, size in asked)
    paths = Counter("/".join(path.split("/")[3:4]) for _, path, _ in asked)
    words = ", ".join(f"{name} {count / minutes:.0f}" for name, count in paths.most_common(4))
    say("requests a minute", f"{len(asked) / minutes:.0f}", words)
    say("megabytes a minute", f"{size / minutes / 1e6:.1f}", "answers as they are sent, without streams")
    usage = program.usage()
    say("client", f"CPU {(usage.cpu_s - cpu_s) / minutes / 60:.0%}", f"{usage.memory_mb:.0f} MB")
    loaded = len({row["id"] for row in report.rows})
    say("workspaces known at the end", f"{loaded:,}")


def _news(report: _Report, planted: list[tuple[str, str, float]]) -> None:
    for word, (title, verdict) in KINDS.items():
        mine = [report.wait(name, verdict, at) for kind, name, at in planted if kind == word]
        waits = [wait for wait in mine if wait is not None]
        missing = len(mine) - len(waits)
        say(
            f"{title}: s to its row", median_of(waits), f"{missing} of {len(mine)} not yet" if missing else ""
        )


if __name__ == "__main__":
    main()
