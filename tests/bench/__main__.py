"""`make bench`: ratios and figures, printed; nothing here fails by the clock. `python -m tests.bench [NAME…]`.

Compare the figures of one run with each other: candidates take turns within it. Those of two runs differ by whatever
else the machine did.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bench:
    """One part of the run: a module of its own, in a process of its own."""

    what: str
    module: str
    arguments: tuple[str, ...] = ()


BENCHES = {
    "paint": Bench("First paint against a bare Textual app", "tests.bench.first_paint"),
    "quiet": Bench("Bytes to the terminal: idle, a changed row, a followed log", "tests.bench.quiet"),
    "keys": Bench("Key to paint over 10,000 agents", "tests.bench.keys"),
    "pane": Bench("Terminal: the emulator, and the pane under a flood", "tests.bench.pane"),
    "answers": Bench("Terminal: an echoed key, and ctrl+c in a flood", "tests.bench.answers"),
    "feed": Bench("Keeping 10,000 workspaces true", "tests.bench.feed"),
    "judging": Bench("Judging 10,000 workspaces again", "tests.bench.judging"),
    "grid": Bench("The table alone: key to paint", "tests.bench.ui_grid", ("10000", "1000")),
    "log": Bench("The log alone: key to paint while lines arrive", "tests.bench.ui_log", ("20",)),
    "emulator": Bench(
        "The emulator against stock pyte, more streams",
        "tests.bench.term",
        ("--rounds", "1", "--only", "seq,htop"),
    ),
}


def main() -> int:
    """Run what was asked for, or everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    names = parser.parse_args().names or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    print(
        f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    for name in names:
        bench, began = BENCHES[name], time.monotonic()
        print(f"\n{bench.what} ({name})", flush=True)
        ended = subprocess.run([sys.executable, "-m", bench.module, *bench.arguments], check=False)
        note = f"; it ended with code {ended.returncode}" if ended.returncode else ""
        print(f"  {time.monotonic() - began:.0f} s{note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
