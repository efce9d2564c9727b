"""Throughput of the terminal: the emulator in process, and the pane of the dashboard from outside.

In process, megabytes a second: stock pyte, ours, and any other if `BENCH_EMULATOR` names a Python file that has
`make(columns, lines)`, which returns the function that is fed, or the classes `FastScreen(columns, lines, history=…)` and
`FastStream(screen)`.

From outside, a flood through a terminal of 120x36: the pane of the dashboard behind the embedded server, the widget
alone on a program of its own, tmux if it is installed, and the bare pseudo terminal; with the bytes written for each byte
of the flood.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyte

from agentdash.term.emulator import Emulator
from tests.bench.figures import median_of, ratio, say
from tests.bench.outside import COLUMNS, LINES, Program, now
from tests.bench.term.__main__ import _Tolerant
from tests.bench.term.workloads import workloads
from tests.bench.terminals import BARE, TMUX, ways

NAMES = ("logs", "sgr16", "vim")
ROUNDS = 3
FLOOD_ROUNDS = 2
CHUNK = 4096
STOCK_BYTES = 100_000
REPEATS = 2
"""Times the megabyte is written in a flood."""
Feed = Callable[[bytes], Any]


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory(prefix="agentdash-bench-") as folder:
        sample = Path(folder) / "sample.py"
        sample.write_text(
            "\n".join(Path(str(part.__file__)).read_text() for part in (textwrap, subprocess, tempfile))
        )
        streams = {k: v for k, v in workloads(COLUMNS, LINES, sample).items() if k in NAMES}
        for name, data in streams.items():
            _in_process(name, data)
        _from_outside(streams, _script(Path(folder), streams))


def _in_process(name: str, data: bytes) -> None:
    kinds: dict[str, Callable[[], Feed]] = {
        "stock pyte": lambda: pyte.ByteStream(_Tolerant(COLUMNS, LINES)).feed,
        "ours": lambda: Emulator(COLUMNS, LINES).feed,
    }
    if path := os.environ.get("BENCH_EMULATOR"):
        found = runpy.run_path(path)
        kinds[Path(path).stem] = lambda: _other(found)
    speeds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(ROUNDS):
        order = list(kinds.items())
        for kind, make in order if turn % 2 == 0 else reversed(order):
            part = data[:STOCK_BYTES] if kind == "stock pyte" else data
            speeds[kind].append(_speed(make(), part))
    for kind, found_speeds in speeds.items():
        say(
            f"{name}, in process, {kind}: MB/s",
            median_of(found_speeds),
            ratio(found_speeds, speeds["stock pyte"]),
        )


def _other(found: dict[str, Any]) -> Feed:
    if "make" in found:
        feed: Feed = found["make"](COLUMNS, LINES)
        return feed
    screen = found["FastScreen"](COLUMNS, LINES, history=10_000)
    other: Feed = found["FastStream"](screen).feed
    return other


def _speed(feed: Feed, data: bytes) -> float:
    began = time.thread_time()
    for at in range(0, len(data), CHUNK):
        feed(data[at : at + CHUNK])
    return len(data) / (time.thread_time() - began) / 1e6


# From outside


def _script(folder: Path, streams: Mapping[str, bytes]) -> str:
    """Writes one stream after the other, each when enter is pressed."""
    lines = ["stty -echo -opost"]  # the streams are as a terminal has made them already
    for name, data in streams.items():
        (folder / name).write_bytes(data)
        files = " ".join([str(folder / name)] * REPEATS)
        end = rf"\033[r\033[m\033[?1049l\033[2J\033[H\n\nEND-''{name}\n"
        lines.append(f"echo GO''-ON; read x; cat {files}; printf '{end}'")
    path = folder / "flood.sh"
    path.write_text("\n".join([*lines, "sleep 100\n"]))
    return str(path)


def _from_outside(streams: Mapping[str, bytes], script: str) -> None:
    speeds: dict[tuple[str, str], list[float]] = {}
    written: dict[tuple[str, str], list[float]] = {}
    for turn in range(FLOOD_ROUNDS):
        order = list(ways().items())
        for way, open_it in order if turn % 2 == 0 else reversed(order):
            with open_it(script) as program:
                for name, data in streams.items():
                    speed, share = _flood(program, name, len(data) * REPEATS)
                    speeds.setdefault((name, way), []).append(speed)
                    written.setdefault((name, way), []).append(share)
    base = TMUX if TMUX in ways() else BARE
    for name in streams:
        for way in ways():
            more = f"{ratio(speeds[name, way], speeds[name, base])} of {base}"
            more += f"; out/in {median_of(written[name, way])}"
            say(f"{name}, flood, {way}: MB/s", median_of(speeds[name, way]), more)


def _flood(program: Program, name: str, size: int) -> tuple[float, float]:
    """Megabytes a second until the last line is seen, and bytes written for each that came."""
    first = len(program.writes)
    began = program.send(b"\r")
    end = program.read_until(lambda seen: f"END-{name}".encode() in seen[-20_000:], 60) or now()
    share = len(program.since(first)) / size
    program.settle(0.3, 3)
    return size / (end - began) / 1e6, share


if __name__ == "__main__":
    main()
