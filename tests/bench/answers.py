"""How soon a terminal answers: a key that the program echoes, and ctrl+c while the program floods it.

Each in the pane of the dashboard behind the embedded server, in the widget alone, in tmux and in nothing, in turns. The
first goal is at most 5 ms over nothing at the 95th percentile; the second is no later than tmux. What neighbours on the
machine cost a key is told apart: the time that the program and its children waited for a processor.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.figures import percentile, percentiles, ratio, say
from tests.bench.outside import ESCAPES, Program, now
from tests.bench.terminals import BARE, TMUX, ways

ROUNDS = 3
KEYS = 60
"""Fewer than a line has cells."""
INTERRUPTS = 3
SHARES = (("p50", 0.5), ("p95", 0.95))
FLOOD_S = 1.0
# A trap that does something, unlike an ignored signal, is not handed on to `yes`.
SCRIPT = f"""stty raw -echo; printf 'GO''-ON\\r\\n'
dd bs=1 count={KEYS} 2>/dev/null
stty sane -echo; trap : INT; n=0
while read x; do yes 'a line of a flood that nobody reads'; n=$((n+1)); echo; echo STOPPED-$n; done
"""
Times = dict[str, list[list[float]]]
"""By terminal: milliseconds of each round."""


def main() -> None:
    """Print both tables."""
    keys, queued, interrupts = _measured()
    for what, found in (("", keys), (", less the queue", _less(keys, queued))):
        bare = _all(found[BARE])
        for way, rounds in found.items():
            times = _all(rounds)
            over = [f"{name} {percentile(times, p) - percentile(bare, p):+.1f}" for name, p in SHARES]
            say(f"a key echoed, {way}{what}: ms", percentiles(times), f"{', '.join(over)} to {BARE}")
    base = TMUX if TMUX in interrupts else BARE
    medians = {way: [percentile(part, 0.5) for part in rounds] for way, rounds in interrupts.items()}
    for way, rounds in interrupts.items():
        more = f"{ratio(medians[way], medians[base])} of {base}"
        say(f"ctrl+c in a flood, {way}: ms", percentiles(_all(rounds)), more)


def _all(rounds: list[list[float]]) -> list[float]:
    return [time for times in rounds for time in times]


def _less(times: Times, queued: Times) -> Times:
    return {
        way: [
            [max(0.0, time - wait) for time, wait in zip(*rounds, strict=True)]
            for rounds in zip(times[way], queued[way], strict=True)
        ]
        for way in times
    }


def _measured() -> tuple[Times, Times, Times]:
    """Keys, what they waited for a processor, and interrupts; the terminals take turns."""
    keys: Times = {way: [] for way in ways()}
    queued: Times = {way: [] for way in ways()}
    interrupts: Times = {way: [] for way in ways()}
    with tempfile.TemporaryDirectory(prefix="agentdash-bench-") as folder:
        script = Path(folder) / "answers.sh"
        script.write_text(SCRIPT)
        for turn in range(ROUNDS):
            order = list(ways().items())
            for way, open_it in order if turn % 2 == 0 else reversed(order):
                with open_it(str(script)) as program:
                    pairs = [_echoed(program, number) for number in range(KEYS)]
                    keys[way].append([time for time, _ in pairs])
                    queued[way].append([wait for _, wait in pairs])
                    program.settle(0.3, 3)
                    interrupts[way].append([_interrupted(program, n + 1) for n in range(INTERRUPTS)])
    return keys, queued, interrupts


def _echoed(program: Program, number: int) -> tuple[float, float]:
    # Pauses of a length that no clock of the program is in step with.
    program.read(0.05 + 0.0013 * (number % 29))
    letter = bytes([ord("a") + number % 26])
    queued = program.queued_s(with_children=True)
    pressed = program.send(letter)
    seen = program.read_until(lambda data: letter in ESCAPES.sub(b"", data), 2) or now()
    return (seen - pressed) * 1000, (program.queued_s(with_children=True) - queued) * 1000


def _interrupted(program: Program, number: int) -> float:
    program.send(b"\r")
    program.read(FLOOD_S + 0.013 * number)
    pressed = program.send(b"\x03")
    sign = f"STOPPED-{number}".encode()
    seen = program.read_until(lambda data: sign in ESCAPES.sub(b"", data[-20_000:]), 20)
    program.settle(0.3, 3)
    return ((seen or now()) - pressed) * 1000


if __name__ == "__main__":
    main()
