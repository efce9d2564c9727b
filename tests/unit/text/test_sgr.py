from __future__ import annotations

import pytest

from agentdash.text.sgr import PLAIN, Style, StyledText, StyleSpan, parse


def style_of(params: str) -> Style:
    styled = parse(f"\x1b[{params}mx")
    assert styled.text == "x"
    return styled.spans[0].style if styled.spans else PLAIN


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("31", Style(fg=1)),
        ("97", Style(fg=15)),
        ("44", Style(bg=4)),
        ("102", Style(bg=10)),
        ("1;2;3;4;7;9", Style(bold=True, dim=True, italic=True, underline=True, reverse=True, strike=True)),
        ("21", Style(underline=True)),
        ("38;5;208", Style(fg=208)),
        ("48;2;1;2;3", Style(bg=(1, 2, 3))),
        ("38:5:208", Style(fg=208)),
        ("38:2:1:2:3", Style(fg=(1, 2, 3))),
        ("38:2::1:2:3", Style(fg=(1, 2, 3))),
        ("48:2:7:1:2:3:0:0", Style(bg=(1, 2, 3))),
        ("4:3", Style(underline=True)),
        ("4:3;4:0", PLAIN),
        ("58;2;9;9;9;31", Style(fg=1)),
        ("58:2::9:9:9;31", Style(fg=1)),
        ("1;22", PLAIN),
        ("31;39", PLAIN),
        ("1;;31", Style(fg=1)),
        ("", PLAIN),
        ("5;8;6;999;31", Style(fg=1)),
        ("38;5;256", PLAIN),
        ("38;5", PLAIN),
        ("38;2;1;2", PLAIN),
        ("38:9:1", PLAIN),
        ("38:", PLAIN),
        ("9" * 100 + ";31", Style(fg=1)),
    ],
)
def test_parameters(params: str, expected: Style) -> None:
    assert style_of(params) == expected


def test_spans_cover_what_is_coloured_and_no_more() -> None:
    assert parse("a\x1b[31mbc\x1b[0md") == StyledText("abcd", (StyleSpan(1, 3, Style(fg=1)),))


def test_equal_neighbours_are_one_span() -> None:
    assert parse("\x1b[31ma\x1b[31mb").spans == (StyleSpan(0, 2, Style(fg=1)),)


def test_a_line_without_controls_has_no_spans() -> None:
    assert parse("npm ci ✔") == StyledText("npm ci ✔")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", r"\x1b]8;;http://evil\x07link\x1b]8;;\x07"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x1b[31", r"\x1b[31"),
        ("\x1b[?1049h\x9b31m\x08", r"\x1b[?1049h\x9b31m\x08"),
        ("\x1b[>4;2m", r"\x1b[>4;2m"),
        ("a\u202eb", r"a\u202eb"),
    ],
)
def test_every_other_sequence_is_text(raw: str, text: str) -> None:
    assert parse(raw) == StyledText(text)


def test_sequences_that_do_nothing_to_a_line_are_left_out() -> None:
    assert parse("remote: Counting\x1b[K\x1b(B\x1b[m") == StyledText("remote: Counting")


def test_text_after_the_last_carriage_return_shows() -> None:
    assert parse("10%\r\x1b[32m20%\r30%\r") == StyledText("30%", (StyleSpan(0, 3, Style(fg=2)),))


def test_tabs_reach_the_next_stop() -> None:
    styled = parse("日本\t\x1b[1mb\tc")
    assert styled.text == "日本    b       c"
    assert styled.spans == (StyleSpan(6, 15, Style(bold=True)),)


def test_spans_end_before_the_ellipsis() -> None:
    styled = parse("\x1b[31m" + "x" * 20 + "\x1b[32m" + "y" * 20, limit=10)
    assert styled == StyledText("x" * 9 + "…", (StyleSpan(0, 9, Style(fg=1)),))


def test_a_line_of_sequences_alone_is_bounded() -> None:
    styled = parse("\x1b[31m" * 1_000_000 + "x", limit=10)
    assert len(styled.text) <= 10
    assert styled.text.endswith("…")
