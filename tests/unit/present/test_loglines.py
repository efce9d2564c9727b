"""Log lines: prefix, filter, tally, one line's JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.present.cells import Tone
from agentdash.present.logline import (
    PRETTY_LINES,
    Sources,
    Tally,
    draw_line,
    dropped_cell,
    gap_cell,
    last_line_of,
    overflow_cell,
    passes,
    plain_text,
    pretty_json,
    tabs,
)
from agentdash.state.logs import Gap, LogBook
from agentdash.state.model import EXTERNAL_SOURCE_ID, LogSource
from tests.unit.model_factory import NOW, before, make_agent, make_line, make_script

AGENT = make_agent(
    log_sources=(
        LogSource("s2", "dotfiles", before(50)),
        LogSource("s1", "install-deps", before(90)),
        LogSource("s3", "", before(40)),
    ),
    scripts=(make_script("nameless", source_id="s3"),),
)


def test_sources_have_hues_in_the_order_they_came_and_keep_them() -> None:
    sources = Sources(AGENT)
    assert [(s.name, s.index) for s in sources.all()] == [
        ("install-deps", 0),
        ("dotfiles", 1),
        ("nameless", 2),
    ]
    sources.learn(replace(AGENT, log_sources=(*AGENT.log_sources, LogSource("s0", "early", before(999)))))
    assert [(s.name, s.index) for s in sources.all()][-1] == ("early", 3)
    first = sources.of("s1")
    assert first is not None
    assert first.index == 0


def test_sources_nobody_named_are_labelled_by_their_id() -> None:
    sources = Sources(AGENT)
    assert not sources.is_named("b7a9e3f2-aaaa")
    named, external = sources.of("b7a9e3f2-aaaa"), sources.of(EXTERNAL_SOURCE_ID)
    assert named is not None
    assert external is not None
    assert (named.name, external.name) == ("b7a9e3f2-aaaa", "External")
    assert sources.of("") is None
    assert sources.of("00000000-0000-0000-0000-000000000000") is None


def test_a_line_has_time_source_and_a_mark_that_is_no_alarm() -> None:
    line = make_line(1, "npm: not found", source_id="s1", level="error", at=NOW)
    drawn = draw_line(line, Sources(AGENT), NOW)
    assert (drawn.time.text, drawn.source.text, drawn.mark.text, drawn.text) == (
        "12:00:00.000",
        "install-deps",
        "e",
        "npm: not found",
    )
    assert {drawn.time.tone, drawn.source.tone, drawn.mark.tone} == {Tone.DIM}
    assert drawn.source_index == 0


def test_a_line_without_source_or_time_is_drawn_all_the_same() -> None:
    drawn = draw_line(make_line(1, source_id="", at=None, level="odd"), Sources(), NOW)
    assert (drawn.time.text, drawn.source.text, drawn.source_index, drawn.mark.text) == ("–", "", -1, " ")


@pytest.mark.parametrize(
    ("level", "least", "kept"),
    [
        ("debug", "trace", True),
        ("debug", "info", False),
        ("error", "error", True),
        ("warn", "error", False),
        ("novel", "info", True),
        ("novel", "warn", False),
    ],
)
def test_levels(level: str, least: str, kept: bool) -> None:
    assert passes(make_line(1, level=level), least=least) is kept


def test_sources_and_words_filter_too() -> None:
    line = make_line(1, "NPM: not found", source_id="s1")
    assert passes(line, source_id="s1", words="npm")
    assert not passes(line, source_id="s2")
    assert not passes(line, words="yarn")


def test_the_tally_counts_only_what_is_new_and_again_after_a_change() -> None:
    book, tally = LogBook(20), Tally()
    book.add([make_line(2, source_id="s1"), make_line(4, source_id="s2")])
    assert tally.update(book)
    assert not tally.update(book)
    book.add([make_line(5, source_id="s1"), make_line(3, source_id="s1")])
    assert tally.update(book)
    assert (tally.total, tally.by_source) == (4, {"s1": 3, "s2": 1})
    book.add(make_line(n, source_id="s2") for n in range(10, 60))
    tally.update(book)
    assert tally.total == sum(tally.by_source.values()) == len(book)


def test_tabs_name_the_busiest_first_and_the_chosen_in_accent() -> None:
    book, tally = LogBook(), Tally()
    book.add([make_line(1, source_id="s2"), make_line(2, source_id="s1"), make_line(3, source_id="s1")])
    tally.update(book)
    cells = tabs(tally, Sources(AGENT), "s2")
    assert [c.text for c in cells] == ["all 3", "install-deps 2", "dotfiles 1"]
    assert [c.tone for c in cells] == [Tone.DIM, Tone.DIM, Tone.ACCENT]


def test_gaps_and_limits_are_lines_of_their_own() -> None:
    assert "lines may be missing: server restarted" in gap_cell(Gap(3, NOW, "server restarted"), NOW).text
    book = LogBook(10)
    assert dropped_cell(book) is None
    book.add(make_line(n) for n in range(1, 30))
    dropped = dropped_cell(book)
    assert dropped is not None
    assert str(book.dropped) in dropped.text
    assert overflow_cell(AGENT) is None
    assert overflow_cell(replace(AGENT, logs_overflowed=True)) is not None


def test_json_in_a_line_is_laid_out_behind_what_stands_before_it() -> None:
    assert pretty_json('outcome: {"a": 1, "b": [true]}') == (
        "outcome:",
        "{",
        '  "a": 1,',
        '  "b": [',
        "    true",
        "  ]",
        "}",
    )


@pytest.mark.parametrize(
    "text", ["", "no json", "{broken", '{"a": 1} and more', "{}", "[]", "[" * 5000, "[1" + "0" * 5000 + "]"]
)
def test_what_is_no_json_stays_a_line(text: str) -> None:
    assert pretty_json(text) is None or text.startswith("[1")


def test_json_does_not_smuggle_control_characters() -> None:
    laid_out = pretty_json(r'{"a": "\u001b[31m\u202e\u009b"}')
    assert laid_out is not None
    assert all(ord(ch) >= 32 and ch not in "\u202e\u009b" for line in laid_out for ch in line)


@given(st.text(max_size=80))
def test_laid_out_json_is_always_harmless(text: str) -> None:
    for line in pretty_json('{"k": ' + text) or ():
        assert line.isprintable()


def test_long_json_is_bounded() -> None:
    laid_out = pretty_json("[" + ",".join("1" for _ in range(1000)) + "]")
    assert laid_out is not None
    assert len(laid_out) == PRETTY_LINES


def test_plain_text_keeps_time_level_and_source() -> None:
    lines = [make_line(1, "hello", source_id="s1", at=NOW), make_line(2, "you", source_id="", at=None)]
    assert (
        plain_text(lines, Sources(AGENT))
        == "2026-08-21T12:00:00.000Z [info] install-deps: hello\n– [info] you\n"
    )
    assert plain_text(lines, Sources(AGENT), with_prefix=False) == "hello\nyou\n"
    assert plain_text([], Sources(AGENT)) == ""


def test_the_last_line_that_says_something() -> None:
    book = LogBook()
    book.add(
        [
            make_line(1, "npm: not found", source_id="s1"),
            make_line(2, "  ", source_id="s1"),
            make_line(3, "x", source_id="s2"),
        ]
    )
    found = last_line_of(book, "s1")
    assert found is not None
    assert found.text == "npm: not found"
    assert last_line_of(book, "s9") is None
    assert last_line_of(None, "s1") is None
