from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.text.width import cell_width
from agentdash.ui.widgets.loglines import ListSource, LogLine, window, wrap
from agentdash.ui.widgets.logplace import end_place, rows_from, walk

TEXT = st.lists(st.sampled_from([*"ab c/é漢字👩 ", "e\u0301", "👩\u200d💻"]), max_size=60).map("".join)
HEIGHTS = st.lists(st.integers(1, 5), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "width", "pieces"),
    [
        ("", 5, [""]),
        ("abc", 5, ["abc"]),
        ("abcdefg", 3, ["abc", "def", "g"]),
        ("npm ERR! missing", 10, ["npm ERR! ", "missing"]),
        ("漢字漢", 5, ["漢字", "漢"]),
    ],
)
def test_wrapping_breaks_at_blanks_near_the_edge(text: str, width: int, pieces: list[str]) -> None:
    assert [text[a:b] for a, b in wrap(text, width)] == pieces


@given(TEXT, st.integers(2, 20))
def test_wrapped_pieces_are_the_text_and_fit(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert "".join(text[a:b] for a, b in pieces) == text
    assert all(cell_width(text[a:b]) <= width for a, b in pieces)


@given(TEXT, st.integers(0, 30), st.integers(1, 20))
def test_a_window_fits(text: str, skip: int, width: int) -> None:
    start, end = window(text, skip, width)
    assert 0 <= start <= end <= len(text)
    assert cell_width(text[start:end]) <= width
    if skip == 0:
        assert start == 0


@given(HEIGHTS, st.integers(1, 12), st.integers(0, 80), st.integers(-80, 80))
def test_places_agree_with_counting_rows(heights: list[int], height: int, down: int, further: int) -> None:
    rows = [(index, row) for index, high in enumerate(heights) for row in range(high)]
    count = len(heights)
    assert end_place(count, height, heights.__getitem__) == rows[max(0, len(rows) - height)]
    place = walk((0, 0), down, count, heights.__getitem__)
    assert place == rows[min(down, len(rows) - 1)]
    at = max(0, min(rows.index(place) + further, len(rows) - 1))
    assert walk(place, further, count, heights.__getitem__) == rows[at]
    start = rows.index(place)
    assert list(rows_from(place, count, height, heights.__getitem__)) == rows[start : start + height]


def test_a_list_finds_keys_and_the_places_of_lost_ones() -> None:
    source = ListSource([LogLine(key, "") for key in (2, 4, 8)])
    assert [source.position(key) for key in (1, 2, 3, 4, 8, 9)] == [0, 0, 1, 1, 2, 3]
