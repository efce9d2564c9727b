"""A log book as lines: filters, gaps, late lines, what was dropped, errors, saving."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdash.present.logline import Sources
from agentdash.state.logs import LogBook
from agentdash.state.model import LogLine
from agentdash.ui.book import BookSource
from tests.unit.model_factory import NOW, make_agent, make_line

DEPS = "src-install-deps"


def source(book: LogBook) -> BookSource:
    found = BookSource(book, Sources(make_agent()), lambda: NOW)
    found.update()
    return found


def texts(found: BookSource) -> list[str]:
    return [found.line(index).text for index in range(len(found))]


def test_lines_come_in_the_order_of_their_ids() -> None:
    book = LogBook()
    book.add((make_line(1, "one"), make_line(2, "two")))
    found = source(book)
    assert texts(found) == ["one", "two"]
    assert not found.update()
    book.add((make_line(3, "three"),))
    assert found.update()
    assert texts(found) == ["one", "two", "three"]
    book.add((make_line(5, "five"),))
    book.add((make_line(4, "four, late"),))
    assert found.update()
    assert texts(found) == ["one", "two", "three", "four, late", "five"]


def test_a_line_names_its_source_and_time() -> None:
    book = LogBook()
    book.add((make_line(1, "one"),))
    line = source(book).line(0)
    assert line.source is not None
    assert line.source.text == "install-deps"
    assert line.prefix[0].text.startswith("11:59:")


def test_one_source_and_a_least_level() -> None:
    book = LogBook()
    book.add(
        (
            make_line(1, "a"),
            make_line(2, "b", level="error"),
            make_line(3, "c", source_id="other", level="warn"),
            make_line(4, "d", level="debug"),
        )
    )
    found = source(book)
    found.set_filter(DEPS, "trace", "short")
    assert texts(found) == ["a", "b", "d"]
    found.set_filter(None, "warn", "short")
    assert texts(found) == ["b", "c"]
    found.set_filter("nothing", "trace", "none")
    assert texts(found) == []
    book.add((make_line(5, "e", source_id="nothing"),))
    assert found.update()
    assert texts(found) == ["e"]


def test_a_gap_is_a_line_of_its_own_and_passes_every_filter() -> None:
    book = LogBook()
    book.add((make_line(1, "one"),))
    book.mark_gap(NOW, "the connection was cut")
    book.add((make_line(2, "two"),))
    found = source(book)
    assert len(found) == 3
    gap = found.line(1)
    assert gap.is_gap
    assert "the connection was cut" in gap.text
    found.set_filter("nothing", "trace", "short")
    assert [found.line(i).is_gap for i in range(len(found))] == [True]


def test_what_was_dropped_is_said_first() -> None:
    book = LogBook(limit=10)
    book.add(tuple(make_line(n, str(n)) for n in range(1, 31)))
    found = source(book)
    assert found.line(0).is_gap
    assert found.line(len(found) - 1).text == "30"
    assert len(found) <= 12


def test_a_server_that_stopped_storing_is_said_last() -> None:
    book = LogBook()
    book.add((make_line(1, "one"),))
    found = source(book)
    found.learn(make_agent(logs_overflowed=True))
    assert found.update()
    assert found.line(len(found) - 1).is_gap
    book.add((make_line(2, "two"),))
    found.update()
    assert texts(found)[:2] == ["one", "two"]
    assert found.line(2).is_gap
    assert len(found) == 3


def test_keys_lead_back_to_places() -> None:
    book = LogBook()
    book.add(tuple(make_line(n, str(n)) for n in (2, 4, 6)))
    found = source(book)
    keys = [found.line(i).key for i in range(3)]
    assert [found.position(key) for key in keys] == [0, 1, 2]
    assert found.position(keys[1] + 1) == 2
    assert found.position(10**9) == 3


def test_errors_are_found_in_both_directions() -> None:
    book = LogBook()
    levels = ["info", "error", "info", "fatal", "info"]
    book.add(tuple(make_line(n, level, level=level) for n, level in enumerate(levels, 1)))
    found = source(book)
    assert found.find_level("error", -1, 1) == 1
    nxt = found.find_level("error", 1, 1)
    assert nxt in (3, None)
    assert found.find_level("error", 4, -1) in (3, 1)
    assert found.find_level("error", 1, -1) is None
    assert found.find_level("error", 4, 1) is None


def test_saved_text_has_times_and_sources_and_only_what_is_shown() -> None:
    book = LogBook()
    book.add((make_line(1, "one"), make_line(2, "two", level="error")))
    found = source(book)
    found.set_filter(None, "error", "none")
    text = found.as_text()
    assert "two" in text
    assert "one" not in text
    assert "install-deps" in text


@given(
    st.lists(st.lists(st.integers(1, 60), max_size=6), max_size=12),
    st.sampled_from([None, DEPS, "other"]),
    st.sampled_from(["trace", "warn"]),
)
def test_kept_lines_are_the_lines_made_from_nothing(
    batches: list[list[int]], chosen: str | None, least: str
) -> None:
    """However the lines come, late and twice, a view that was kept shows what a new one shows."""
    book = LogBook(limit=40)
    kept = BookSource(book, Sources(make_agent()), lambda: NOW)
    kept.set_filter(chosen, least, "short")
    for number, batch in enumerate(batches):
        book.add(tuple(line(n) for n in batch))
        if number % 4 == 3:
            book.mark_gap(NOW, "cut")
        kept.update()
    fresh = BookSource(book, Sources(make_agent()), lambda: NOW)
    fresh.set_filter(chosen, least, "short")
    assert texts(kept) == texts(fresh)
    keys = [kept.line(i).key for i in range(len(kept))]
    assert keys == sorted(set(keys))


def line(number: int) -> LogLine:
    return make_line(
        number,
        f"line {number}",
        source_id=DEPS if number % 3 else "other",
        level="warn" if number % 2 else "info",
    )
