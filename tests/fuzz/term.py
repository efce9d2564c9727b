"""The terminal against made and meaningless bytes: no fault, a drawable screen, whatever came."""

# a tool for the command line

from __future__ import annotations

import random
import time
import unicodedata

from agentdash.term.cells import width
from agentdash.term.emulator import Emulator
from agentdash.term.row import Row, cells_of
from tests.fuzz.grammar import frame


def check(emulator: Emulator) -> None:
    """Assert what must hold of a screen after any input."""
    assert emulator.faults == 0, "the emulator raised"
    columns, lines = emulator.columns, emulator.lines
    assert len(emulator.rows) == lines
    assert 0 <= emulator.cursor.x <= columns
    assert 0 <= emulator.cursor.y < lines
    assert 0 <= emulator.top <= emulator.bottom < lines
    assert emulator.dirty <= set(range(lines))
    for row in emulator.rows:
        check_row(row, columns)
    assert sum(map(len, emulator._stream._string)) <= emulator.string_limit + 65536
    assert len(emulator._stream._open) <= 600


def check_row(row: Row, columns: int) -> None:
    """Assert that a row's two forms are whole and hold nothing that acts on the outer terminal."""
    if row.chars is None:
        copy = Row()
        copy.segs, copy.n = list(row.segs), row.n
        assert row.n <= columns
        chars, codes = copy.cells(0)
        assert len(chars) == row.n, "columns of the pieces"
    else:
        chars, codes = row.chars, row.codes
        assert len(chars) == columns
    assert len(chars) == len(codes)
    for x, cell in enumerate(chars):
        if not cell:
            assert x > 0, "second half of nothing"
            assert chars[x - 1], "second half of a half"
        assert len(cell) <= 16
        for char in cell:
            category = unicodedata.category(char)
            assert category != "Cc", f"control character {char!r} in a cell"
            assert category != "Cf" or char == "\u200d" or width(char), f"format character {char!r} in a cell"


def check_history(emulator: Emulator) -> None:
    """Assert that the scrollback can be read."""
    for line in emulator.history:
        chars, codes = cells_of(line)
        assert len(chars) == len(codes)
        if not isinstance(line, str) and len(line) == 4:
            assert sum(line[2]) == len(line[1])
            assert len(line[2]) == len(line[3])
    for at in range(emulator.history_len):
        emulator.history_row(at)
    emulator.text()


def session(seed: int, frames: int) -> None:
    """Feed one terminal, resizing and painting now and then."""
    rng = random.Random(seed)
    emulator = Emulator(rng.choice((1, 2, 5, 20, 80)), rng.choice((1, 2, 6, 24)), rng.choice((0, 3, 50)))
    for number in range(frames):
        emulator.feed(frame(rng))
        if emulator.faults:
            check(emulator)
        if rng.random() < 0.02:
            emulator.resize(rng.choice((1, 3, 10, 24)), rng.choice((1, 2, 7, 40, 80)))
            check(emulator)
        if rng.random() < 0.05:
            for y in emulator.take_dirty():
                emulator.row(y)
        if number % 16 == 0:
            check(emulator)
            emulator.take_replies()
    check(emulator)
    check_history(emulator)


def slowest(seed: int, feeds: int = 500, rounds: int = 5) -> float:
    """99th percentile of a 4 KiB feed of such bytes into 80 by 24, in seconds of processor time.

    All is played several times and the least time of each feed counts: neighbours on a machine double the others.
    """
    rng = random.Random(seed)
    pieces = []
    for _ in range(feeds):
        data = bytearray()
        while len(data) < 4096:
            data += frame(rng)
        pieces.append(bytes(data[:4096]))
    least = [float("inf")] * feeds
    for _ in range(rounds):
        emulator = Emulator(80, 24)
        for number, piece in enumerate(pieces):
            begin = time.process_time()
            emulator.feed(piece)
            least[number] = min(least[number], time.process_time() - begin)
    return sorted(least)[feeds * 99 // 100]


FRAMES_A_SESSION = 200
FRAMES_A_LINE = 1_000_000
"""How often a long run says how far it is."""


def run(frames: int, seed: int) -> None:
    """Feed so many frames in sessions; a failing session names its seed."""
    begin = time.perf_counter()
    done = 0
    while done < frames:
        try:
            session(seed, FRAMES_A_SESSION)
        except Exception:
            print(f"term: session {seed} failed; again with --target term --seed {seed} --frames 1")
            raise
        seed += 1
        done += FRAMES_A_SESSION
        if done % FRAMES_A_LINE == 0 and done < frames:
            print(f"term: {done} frames in {time.perf_counter() - begin:.0f} s", flush=True)
    span = time.perf_counter() - begin
    print(f"term: {done} frames in {span:.0f} s, no fault; p99 of a 4 KiB feed {slowest(seed) * 1e3:.2f} ms")
