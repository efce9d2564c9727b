"""The log book holds any order of arrival, once each, in order of ids."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.state.logs import LogBook
from agentdash.state.model import LogLine

AT = datetime(2026, 8, 21, 12, tzinfo=UTC)


def line(number: int) -> LogLine:
    return LogLine(number, AT, "s", "info", f"line {number}")


def ids(book: LogBook) -> list[int]:
    return [held.id for held in book.lines]


def test_an_empty_book_resumes_at_zero() -> None:
    book = LogBook()
    assert len(book) == 0
    assert book.last_id == 0


def test_lines_already_held_are_passed_over() -> None:
    book = LogBook()
    assert book.add([line(3), line(7)]) == 2
    assert book.add([line(3), line(7), line(9)]) == 1
    assert ids(book) == [3, 7, 9]


def test_an_append_keeps_the_version_and_a_late_line_raises_it() -> None:
    book = LogBook()
    book.add([line(1), line(5)])
    version = book.version
    book.add([line(6)])
    assert book.version == version
    book.add([line(3)])
    assert book.version > version
    assert ids(book) == [1, 3, 5, 6]


@given(st.lists(st.lists(st.integers(min_value=1, max_value=60)), max_size=8))
def test_any_order_of_arrival_gives_the_same_book(batches: list[list[int]]) -> None:
    book = LogBook()
    new = sum(book.add(line(n) for n in batch) for batch in batches)
    wanted = sorted({n for batch in batches for n in batch})
    assert ids(book) == wanted
    assert new == len(wanted)
    assert book.last_id == (wanted[-1] if wanted else 0)


@given(st.lists(st.integers(min_value=1, max_value=500), unique=True), st.integers(min_value=1, max_value=50))
def test_a_bounded_book_keeps_the_newest_and_counts_the_rest(numbers: list[int], limit: int) -> None:
    book = LogBook(limit)
    for number in sorted(numbers):
        book.add([line(number)])
    assert len(book) <= limit
    assert len(book) + book.dropped == len(numbers)
    assert ids(book) == sorted(numbers)[book.dropped :]


def test_a_line_older_than_all_that_was_dropped_does_not_come_back() -> None:
    book = LogBook(10)
    book.add(line(n) for n in range(1, 13))
    dropped, held = book.dropped, ids(book)
    assert dropped > 0
    assert book.add([line(1)]) == 0
    assert ids(book) == held
    assert book.dropped == dropped


def test_two_gaps_in_one_place_count_once_and_keep_the_latest_reason() -> None:
    book = LogBook()
    book.add([line(4)])
    book.mark_gap(AT, "cut")
    book.mark_gap(AT, "cut again")
    assert [(gap.after_id, gap.reason) for gap in book.gaps] == [(4, "cut again")]


def test_gaps_before_dropped_lines_go_with_them() -> None:
    book = LogBook(10)
    book.add([line(1)])
    book.mark_gap(AT, "early")
    book.add(line(n) for n in range(2, 11))
    book.mark_gap(AT, "late")
    book.add(line(n) for n in range(11, 15))
    assert [gap.reason for gap in book.gaps] == ["late"]


@pytest.mark.parametrize("limit", [1, 5, 9])
def test_small_limits_hold_at_least_the_last_line(limit: int) -> None:
    book = LogBook(limit)
    book.add(line(n) for n in range(1, 40))
    assert ids(book)[-1] == 39
