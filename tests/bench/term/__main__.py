"""Ratios of the emulator to stock pyte, alternating in one run: `python -m tests.bench.term`."""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte

from agentdash.term.emulator import Emulator

from .workloads import SIZES, workloads

_STOCK_BYTES = 200_000


class _Tolerant(pyte.Screen):
    """Stock pyte raises on private sequences that vim sends: the least that makes it play them."""

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attrs)

    def set_margins(self, *args: Any, private: bool = False) -> None:
        if not private:
            super().set_margins(*args[:2])

    def report_device_status(self, mode: int = 0, *args: Any, private: bool = False) -> None:
        if not private:
            super().report_device_status(mode)


def _stock(columns: int, lines: int) -> Callable[[bytes], None]:
    return pyte.ByteStream(_Tolerant(columns, lines)).feed


def _ours(columns: int, lines: int) -> Callable[[bytes], None]:
    return Emulator(columns, lines).feed


def _speed(make: Callable[[int, int], Callable[[bytes], None]], size: tuple[int, int], data: bytes,
           chunk: int) -> float:  # fmt: skip
    """Megabytes a second of processor time: machines are shared."""
    feed = make(*size)
    chunks = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    begin = time.process_time()
    for part in chunks:
        feed(part)
    return len(data) / (time.process_time() - begin) / 1e6


def _p99(size: tuple[int, int], data: bytes) -> float:
    """99th percentile of one 4 KiB feed, in milliseconds."""
    feed = _ours(*size)
    times = []
    for at in range(0, len(data), 4096):
        begin = time.process_time()
        feed(data[at : at + 4096])
        times.append(time.process_time() - begin)
    return sorted(times)[len(times) * 99 // 100] * 1e3


def main() -> None:
    """Print a table: MB/s of both, the ratio, and the slowest of a hundred 4 KiB feeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=4096)
    parser.add_argument("--only", default="", help="names of workloads, separated by commas")
    options = parser.parse_args()
    ratios: list[float] = []
    print(f"{'workload':<20}{'pyte MB/s':>11}{'ours MB/s':>11}{'ratio':>8}{'p99 of 4 KiB, ms':>19}")
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.py"
        modules = (argparse, textwrap, subprocess, tempfile)
        sample.write_text("\n".join(Path(str(module.__file__)).read_text() for module in modules))
        for size in SIZES:
            for name, data in workloads(*size, sample).items():
                if options.only and name not in options.only.split(","):
                    continue
                found: dict[str, list[float]] = {"pyte": [], "ours": []}
                for turn in range(options.rounds):
                    order = [("pyte", _stock, data[:_STOCK_BYTES]), ("ours", _ours, data)]
                    for who, make, part in order if turn % 2 == 0 else reversed(order):
                        found[who].append(_speed(make, size, part, options.chunk))
                stock, ours = (statistics.median(found[who]) for who in ("pyte", "ours"))
                ratios.append(ours / stock)
                label = f"{name} {size[0]}x{size[1]}"
                print(f"{label:<20}{stock:>11.2f}{ours:>11.2f}{ours / stock:>8.1f}{_p99(size, data):>19.2f}")
                sys.stdout.flush()
    mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
    print(f"geometric mean {mean:.1f}, least {min(ratios):.1f}")


if __name__ == "__main__":
    main()
