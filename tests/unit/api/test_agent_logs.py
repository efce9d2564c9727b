from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from agentdash.api.agent_logs import (
    MAX_BATCH_BYTES,
    MAX_BATCH_LINES,
    MAX_LINE_CHARS,
    LineCutter,
    LogEntry,
    batches,
    storable,
)


def test_lines_are_found_however_the_bytes_are_cut() -> None:
    cutter = LineCutter()
    assert cutter.feed(b"one\r\ntw") == ["one"]
    assert cutter.feed(b"o\n\nthr") == ["two", ""]
    assert cutter.feed(b"ee") == []
    assert cutter.end() == ["three"]
    assert cutter.end() == []


@given(st.lists(st.binary(max_size=30)))
def test_pieces_never_matter(pieces: list[bytes]) -> None:
    whole, cut = LineCutter(), LineCutter()
    expected = whole.feed(b"".join(pieces)) + whole.end()
    assert [line for piece in pieces for line in cut.feed(piece)] + cut.end() == expected


def test_an_endless_line_costs_no_memory() -> None:
    cutter = LineCutter(limit=10)
    for _ in range(5):
        assert cutter.feed(b"x" * 100) == []
    assert cutter.feed(b"\nnext\n") == ["x" * 10, "next"]


def test_broken_text_is_replaced() -> None:
    assert LineCutter().feed(b"a\xffb\n") == ["a\ufffdb"]


def test_what_is_not_stored_is_cut_and_shown_as_cut() -> None:
    assert storable("x" * MAX_LINE_CHARS) == "x" * MAX_LINE_CHARS
    assert storable("x" * (MAX_LINE_CHARS + 1)) == "x" * (MAX_LINE_CHARS - 1) + "…"
    assert storable("a\0b") == "a❌b"


def test_batches_keep_order_and_limits() -> None:
    entries = [LogEntry(f"{n}" + "é" * 800) for n in range(2500)]
    made = list(batches(entries))
    assert [entry for batch in made for entry in batch] == entries
    for batch in made:
        assert len(batch) <= MAX_BATCH_LINES
        assert sum(len(entry.output.encode()) for entry in batch) <= MAX_BATCH_BYTES
    assert max(len(batch) for batch in batches(LogEntry("") for _ in range(2500))) == MAX_BATCH_LINES
    assert list(batches([])) == []


def test_the_worst_batch_stays_below_a_body() -> None:
    (batch, *_) = batches(LogEntry("\x01" * MAX_LINE_CHARS) for _ in range(600))
    assert len(json.dumps([entry.as_json() for entry in batch])) < 4 * 1024 * 1024


def test_the_wire_form() -> None:
    moment = datetime(2026, 8, 22, 10, tzinfo=UTC)
    assert LogEntry("x", "warn", moment).as_json() == {
        "level": "warn",
        "output": "x",
        "created_at": "2026-08-22T10:00:00Z",
    }
    assert LogEntry("x").as_json() == {"level": "info", "output": "x"}
