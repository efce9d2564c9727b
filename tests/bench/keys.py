"""Key to paint of the dashboard over 10,000 agents, still and while 1,000 of them change each second.

The changes go the way of all events: `app.post`, the store, the rows, the screen. From the key that is written to the
terminal until the first write that shows the cursor on another line. Goal: p95 under 50 ms.
"""

from __future__ import annotations

import re
import sys

from tests.bench.figures import percentiles, say
from tests.bench.outside import Program, module, now, running

AGENTS = 10_000
RATES = (0, 1000)
KEYS = 90
_DRAWN = re.compile("\x1b\\[(\\d+);\\d+H|(▌)".encode())


def main() -> None:
    """Print the table."""
    for rate in [int(word) for word in sys.argv[1:]] or RATES:
        _measure(rate)


def _measure(rate: int) -> None:
    with running(module("tests.bench.inside", "busy", str(AGENTS), str(rate))) as program:
        program.wait_for("lost connection", 60)
        program.read(5)
        cpu, began, first = program.own_cpu_s(), now(), len(program.writes)
        program.read(5)
        taken = now() - began
        share, sent = (program.own_cpu_s() - cpu) / taken, len(program.since(first))
        keys = [_press(program, number) for number in range(KEYS)]
        say(f"{AGENTS:,} agents, {rate:,} updates/s: key to paint, ms", percentiles([ms for ms, _ in keys]))
        say(
            "  less what it queued for a processor, ms",
            percentiles([max(0.0, ms - queued) for ms, queued in keys]),
        )
        memory = program.usage().memory_mb
        say("  between keys", f"CPU {share:.0%}", f"{sent / taken / 1000:.1f} kB/s, {memory:.0f} MB")


def _press(program: Program, number: int) -> tuple[float, float]:
    """Ten rows down, ten up, and so on; returns milliseconds to the paint, and queued for a processor meanwhile.

    The pauses are of a length that no clock of the program is in step with.
    """
    program.read(0.05 + 0.0013 * (number % 29))
    line = _cursor_line(program.since(max(0, len(program.writes) - 2000)))
    queued = program.queued_s()
    pressed = program.send(b"j" if number // 10 % 2 == 0 else b"k")
    moment = program.read_until(lambda seen: _cursor_line(seen) not in (None, line), 2.0) or now()
    return (moment - pressed) * 1000, (program.queued_s() - queued) * 1000


def _cursor_line(written: bytes) -> int | None:
    """The line on which the cursor's sign was drawn last."""
    line, found = None, None
    for match in _DRAWN.finditer(written):
        if match[1]:
            line = int(match[1])
        else:
            found = line
    return found


if __name__ == "__main__":
    main()
