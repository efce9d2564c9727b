"""Tailing a log: key to paint and bytes while lines arrive, in a real terminal.

Run with `python tests/bench/ui_log.py [LINES_PER_S]`. The owner of the lines tells the view thirty times a second, as the
app does; keys are sent and answered from outside, as in `ui_grid.py`.
"""

from __future__ import annotations

import asyncio
import sys
import time

from tests.bench.ui_pty import running, spread

KEYS = 60


def program(rate: int) -> None:
    """The app in the pty: a log that grows by `rate` lines a second."""
    from textual.app import App, ComposeResult

    from agentdash.present.cells import Cell, Tone
    from agentdash.ui import themes
    from agentdash.ui.widgets.logview import ListSource, LogLine, LogView

    def line(key: int) -> LogLine:
        text = f"tunnel handshake ok derp={key * 2654435761 % 2**40:x} seq={key:07}"
        return LogLine(
            key, text, (Cell(f"12:{key // 60 % 60:02}:{key % 60:02}", Tone.DIM),), Cell("agent"), key % 5
        )

    class Bench(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def __init__(self) -> None:
            super().__init__()
            themes.use(self, themes.DARK)
            self.lines = [line(key) for key in range(100_000)]

        def compose(self) -> ComposeResult:
            yield LogView(ListSource(self.lines))

        def on_ready(self) -> None:
            self.run_worker(self.grow())

        async def grow(self) -> None:
            view = self.query_one(LogView)
            while rate:
                count = len(self.lines)
                self.lines += [line(key) for key in range(count, count + max(1, rate // 30))]
                view.source_changed()
                await asyncio.sleep(1 / 30)

    Bench().run()


def main(rate: int) -> None:
    """Measure from outside."""
    with running(__file__, str(rate)) as terminal:
        terminal.wait_for(b"handshake")
        time.sleep(0.3)
        terminal.read(0.2)
        cpu, began = terminal.cpu_s(), time.perf_counter()
        sent = len(terminal.read(3.0, quiet_s=0))
        taken = time.perf_counter() - began
        print(
            f"{rate} lines/s: {sent / taken / 1000:.1f} kB/s, CPU {(terminal.cpu_s() - cpu) / taken:.0%} following"
        )
        # Scrolling repaints all lines; the count of new lines alone is some hundred bytes.
        times = terminal.key_times(b"k", KEYS, lambda answer: len(answer) > 2000)
        print(f"  scrolled back, key to paint: {spread(times)}")
        sent = len(terminal.read(3.0, quiet_s=0))
        print(f"  scrolled back: {sent / 3 / 1000:.1f} kB/s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        program(int(sys.argv[2]))
    else:
        for lines in [int(word) for word in sys.argv[1:]] or [0, 20, 1000, 10_000]:
            main(lines)
