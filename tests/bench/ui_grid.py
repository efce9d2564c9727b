"""Key to paint of the fleet's table: 10,000 rows, 1,000 updates a second, a real terminal.

Run with `python tests/bench/ui_grid.py [ROWS] [UPDATES_PER_S]`. The program runs in a pty of 120x50; the time from a key
written to the pty until the first byte that answers it is measured from outside. Goal: p95 under 50 ms. Beside it, bytes
written for one changed row and for an idle second.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time

from tests.bench.ui_pty import running, spread

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
            themes.use(self, themes.DARK)

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


def main(rows: int, rate: int) -> None:
    """Measure from outside."""
    started = time.perf_counter()
    with running(__file__, str(rows), str(rate)) as terminal:
        terminal.wait_for(b"ws-00003")
        print(f"{rows} rows, {rate} updates/s; start to rows {time.perf_counter() - started:.2f} s")
        cpu, began = terminal.cpu_s(), time.perf_counter()
        # The cursor's sign stands at the row that the key leads to.
        times = terminal.key_times(b"j", KEYS, lambda answer: "▌".encode() in answer)
        busy = (terminal.cpu_s() - cpu) / (time.perf_counter() - began)
        print(f"  key to paint: {spread(times)}; CPU {busy:.0%}")
        if not rate:
            terminal.send(b"g")
            terminal.read(0.5)
            terminal.send(b"x")
            print(f"  one changed row: {len(terminal.read(1.0))} bytes")
            time.sleep(0.2)
            print(f"  idle second: {len(terminal.read(1.0))} bytes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        program(int(sys.argv[2]), int(sys.argv[3]))
    else:
        chosen = [int(word) for word in sys.argv[1:3]]
        for updates in [chosen[1]] if len(chosen) > 1 else [0, 1000, 5000]:
            main(chosen[0] if chosen else 10_000, updates)
