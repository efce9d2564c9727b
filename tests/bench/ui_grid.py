"""Key to paint of the fleet's table: 10,000 rows, 1,000 updates a second, a real terminal.

Run with `python tests/bench/ui_grid.py [ROWS] [UPDATES_PER_S]`. The program runs in a pty of 120x50; the time from a key
written to the pty until the first byte that answers it is measured from outside. Goal: p95 under 50 ms. Beside it, bytes
written for one changed row and for an idle second.
"""

from __future__ import annotations

import asyncio
import os
import pty
import random
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl

COLUMNS, LINES = 120, 50
KEYS = 60


def program(rows: int, rate: int) -> None:
    """The app in the pty: a grid that is updated `rate` times a second."""
    from textual.app import App, ComposeResult

    from agentdash.present.cells import Cell, Tone
    from agentdash.ui import themes
    from agentdash.ui.widgets.grid import Column, Grid, GridRow

    rng = random.Random(2)
    keys = [f"ws-{i:05}" for i in range(rows)]
    values = dict.fromkeys(keys, 0)

    def row(key: str) -> GridRow:
        number = int(key[3:])
        value = values[key]
        verdict = Cell("✗ install-deps exit 127", Tone.BROKEN) if number % 9 == 0 else Cell("● ready")
        return GridRow(
            key,
            (
                verdict,
                Cell(key),
                Cell(f"user{number % 300}"),
                Cell(f"web v{number % 31}"),
                Cell("ready"),
                Cell(f"{value % 200}"),
                Cell("now"),
                Cell(f"{value % 100}%"),
            ),
            tone=None if number % 9 == 0 else Tone.DIM,
        )

    class Bench(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def __init__(self) -> None:
            super().__init__()
            themes.register(self)
            self.theme = themes.DARK

        def compose(self) -> ComposeResult:
            yield Grid()

        def on_ready(self) -> None:
            grid = self.query_one(Grid)
            grid.set_columns(
                [
                    Column("verdict", "VERDICT", min_width=20, flex=2, priority=9),
                    Column("agent", "AGENT", width=14, priority=8, cut="middle"),
                    Column("owner", "OWNER", width=9),
                    Column("template", "TEMPLATE", width=8),
                    Column("lifecycle", "LIFECYCLE", width=10),
                    Column("rtt", "RTT", width=5, align="right"),
                    Column("seen", "SEEN", width=5, align="right"),
                    Column("cpu", "CPU", width=5, align="right"),
                ]
            )
            grid.set_rows(keys, row)
            self.run_worker(self.churn(grid))

        async def churn(self, grid: Grid) -> None:
            frame = 1 / 30
            while rate:
                touched = set()
                for k in range(max(1, rate // 30)):
                    key = keys[rng.randrange(rows if k % 4 else min(40, rows))]
                    values[key] += 1
                    touched.add(key)
                grid.update_rows(touched)
                await asyncio.sleep(frame)

        async def on_key(self, event: object) -> None:
            if getattr(event, "key", "") == "x":
                values[keys[3]] += 1
                self.query_one(Grid).update_rows([keys[3]])

    Bench().run()


def read(descriptor: int, wait_s: float) -> bytes:
    """What the program writes within a time; returns at the first silence of 20 ms after something came."""
    seen, until = b"", time.perf_counter() + wait_s
    while (left := until - time.perf_counter()) > 0:
        if not select.select([descriptor], [], [], min(left, 0.02) if seen else left)[0]:
            if seen:
                break
            continue
        seen += os.read(descriptor, 1 << 20)
    return seen


def main(rows: int, rate: int) -> None:
    """Measure from outside."""
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, "--inside", str(rows), str(rate)],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=env,
        start_new_session=True,
    )
    os.close(inner)
    try:
        seen = b""
        while b"ws-00003" not in seen:
            seen += read(outer, 5)
        print(
            f"{rows} rows, {rate} updates/s, {COLUMNS}x{LINES}; start to rows {time.perf_counter() - started:.2f} s"
        )
        times = []
        for number in range(KEYS):
            while select.select([outer], [], [], 0)[0]:
                os.read(outer, 1 << 20)
            began = time.perf_counter()
            os.write(outer, b"j")
            # The cursor's sign stands at the row that the key leads to.
            answer = b""
            while "▌".encode() not in answer and time.perf_counter() - began < 1.5:
                if select.select([outer], [], [], 0.5)[0]:
                    answer += os.read(outer, 1 << 20)
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.03 + 0.001 * (number % 17))
        times.sort()
        print(
            f"key to paint: median {statistics.median(times):.1f} ms, p95 {times[int(len(times) * 0.95)]:.1f} ms, "
            f"worst {times[-1]:.1f} ms"
        )
        if not rate:
            os.write(outer, b"g")
            read(outer, 0.5)
            os.write(outer, b"x")
            print(f"one changed row: {len(read(outer, 1.0))} bytes")
            time.sleep(0.2)
            print(f"idle second: {len(read(outer, 1.0))} bytes")
    finally:
        process.kill()
        process.wait()
        os.close(outer)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        program(int(sys.argv[2]), int(sys.argv[3]))
    else:
        chosen = [int(word) for word in sys.argv[1:3]]
        for updates in [chosen[1]] if len(chosen) > 1 else [0, 1000, 5000]:
            main(chosen[0] if chosen else 10_000, updates)
