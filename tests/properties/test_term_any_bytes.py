"""Whatever comes: no fault, a drawable screen, the same picture however it was cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from agentdash.term.emulator import Emulator
from tests.fuzz.grammar import frame, stream
from tests.fuzz.term import check, check_history, session

frames = st.integers(0, 2**32).map(lambda seed: frame(random.Random(seed)))
outputs = st.lists(frames | st.binary(max_size=60), min_size=1, max_size=12).map(b"".join)
sizes = st.sampled_from([(1, 1), (2, 3), (5, 3), (20, 6), (80, 24)])


def state(emulator: Emulator) -> object:
    """All that can be seen of a terminal."""
    rows = [emulator.row(y) for y in range(emulator.lines)]
    history = [emulator.history_row(at) for at in range(emulator.history_len)]
    cursor = (emulator.cursor.x, emulator.cursor.y, emulator.cursor.code)
    return rows, history, cursor, emulator.title, emulator.modes, emulator.bell, emulator.take_replies()


@settings(max_examples=150, deadline=None)
@given(outputs, sizes)
@example(b"\x1b[38;5m\x1b[\xff\x1b]\x1bP\x1b\\", (1, 1))
@example("好\u0301\u200d\ufe0f".encode() * 9, (1, 1))
@example(b"\x1b[?7l\xe5\xa5\xbd\x1b[4h\xe5\xa5\xbd", (2, 3))
def test_no_bytes_do_harm(data: bytes, size: tuple[int, int]) -> None:
    emulator = Emulator(*size, 20)
    emulator.feed(data)
    check(emulator)
    check_history(emulator)


@settings(max_examples=150, deadline=None)
@given(outputs, sizes, st.data())
def test_cuts_change_nothing(data: bytes, size: tuple[int, int], draw: st.DataObject) -> None:
    whole, parts = Emulator(*size, 20), Emulator(*size, 20)
    whole.feed(data)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=20)))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        parts.feed(data[start:end])
    assert state(whole) == state(parts)


@settings(max_examples=60, deadline=None)
@given(outputs, st.lists(st.tuples(st.integers(1, 12), st.integers(1, 40)), max_size=5))
def test_any_size_can_follow(data: bytes, sizes: list[tuple[int, int]]) -> None:
    emulator = Emulator(20, 6, 50)
    for lines, columns in sizes:
        emulator.feed(data)
        emulator.resize(lines, columns)
        check(emulator)
        check_history(emulator)


@settings(max_examples=60, deadline=None)
@given(st.lists(outputs, min_size=1, max_size=6))
def test_what_is_not_dirty_has_not_changed(parts: list[bytes]) -> None:
    emulator = Emulator(20, 6)
    copy = [emulator.row(y) for y in range(6)]
    emulator.take_changes()
    for part in parts:
        emulator.feed(part)
        scrolled, rows = emulator.take_changes()
        copy = copy[scrolled:] + [[]] * scrolled
        for y in rows:
            copy[y] = emulator.row(y)
        assert copy == [emulator.row(y) for y in range(6)]


@settings(max_examples=60, deadline=None)
@given(outputs)
def test_nothing_that_was_sent_comes_back(data: bytes) -> None:
    """Answers hold numbers and fixed words only, so no program can make the pane type for it."""
    emulator = Emulator(20, 6, allow_clipboard=True)
    emulator.feed(b"\x1b]2;TYPED\x07\x1b]52;c;VFlQRUQ=\x07" + data + b"\x1b\\\x1b[21t\x1b]52;c;?\x07")
    assert "TYPED" not in emulator.take_replies()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_rows_are_as_wide_as_the_drawing_library_counts(seed: int) -> None:
    emulator = Emulator(30, 6)
    emulator.feed(stream(random.Random(seed), 40).decode("utf-8", "ignore").encode())
    for y, row in enumerate(emulator.rows):
        chars, _ = row.cells(30)
        assert cell_len("".join(chars)) == 30
        runs = emulator.row(y)
        used = sum(cell_len(text) for text, _ in runs)
        assert used <= 30
        assert cell_len("".join(text for text, _ in runs)) == used


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sessions_of_the_fuzzer(seed: int) -> None:
    """A seed that failed in `make fuzz` joins this list."""
    session(seed, 150)
