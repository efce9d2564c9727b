from __future__ import annotations

import pytest
from rich.cells import cell_len

from agentdash.text.width import cell_width, char_width, clusters, cut, cut_middle, expand_tabs, fit, pad


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("日本", 4),
        ("e\u0301", 1),
        ("⚠", 1),
        ("⚠️", 2),
        ("1️⃣", 2),
        ("👨‍👩‍👧", 2),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("नमस्ते", 4),
        ("\ue0b0", 1),
    ],
)
def test_width_is_what_will_be_painted(text: str, cells: int) -> None:
    assert cell_width(text) == cells == cell_len(text)
    assert sum(width for _, width in clusters(text)) == cells
    assert "".join(cluster for cluster, _ in clusters(text)) == text


def test_one_character() -> None:
    assert [char_width(ch) for ch in "a日\u0301"] == [1, 2, 0]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("sentence", 8, "sentence"),
        ("sentence", 7, "senten…"),
        ("sentence", 1, "…"),
        ("sentence", 0, ""),
        ("sentence", -3, ""),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("👨‍👩‍👧 family", 3, "👨‍👩‍👧…"),
    ],
)
def test_cut_at_the_end(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("go-7f3a1b3a", 9, "go-7…1b3a"),
        ("go-7f3a1b3a", 8, "go-7…b3a"),
        ("go-7f3a1b3a", 2, "g…"),
        ("go-7f3a1b3a", 1, "…"),
        ("go-7f3a1b3a", 0, ""),
        ("日本語日本語", 7, "日…語"),
    ],
)
def test_cut_in_the_middle(text: str, width: int, expected: str) -> None:
    assert cut_middle(text, width) == expected


def test_an_ascii_ellipsis_never_widens() -> None:
    assert cut("sentence", 6, "...") == "sen..."
    assert cut("sentence", 2, "...") == ".."
    assert cut_middle("sentence", 2, "...") == ".."


def test_pad() -> None:
    assert pad("日", 4) == "日  "
    assert pad("42", 4, "right") == "  42"
    assert pad("wide", 2) == "wide"
    assert fit("sentence", 4) == "sen…"
    assert fit("日本", 3) == "日…"


def test_tabs_stop_every_eight_cells_from_where_the_text_begins() -> None:
    assert expand_tabs("日\tx\ty") == "日      x       y"
    assert expand_tabs("\tx", column=3) == "     x"
