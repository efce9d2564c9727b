from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.ui.widgets.columns import GAP, Column, lay_out

COLUMNS = (
    Column("verdict", "VERDICT", min_width=12, flex=2, priority=9),
    Column("agent", "AGENT", width=16, min_width=8, priority=8, cut="middle"),
    Column("owner", "OWNER", width=10, priority=2),
    Column("rtt", "RTT", width=5, align="right", priority=5),
)


def shown(width: int) -> dict[str, int]:
    return {placed.column.id: placed.width for placed in lay_out(COLUMNS, width)}


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, {"verdict": 43, "agent": 16, "owner": 10, "rtt": 5}),
        (41, {"verdict": 12, "agent": 8, "owner": 10, "rtt": 5}),
        (40, {"verdict": 15, "agent": 16, "rtt": 5}),
        (29, {"verdict": 12, "agent": 8, "rtt": 5}),
        (28, {"verdict": 12, "agent": 14}),
        (14, {"verdict": 14}),
        (3, {"verdict": 3}),
        (0, {"verdict": 1}),
    ],
)
def test_columns_vanish_by_priority_and_wanted_widths_come_before_shares(
    width: int, expected: dict[str, int]
) -> None:
    assert shown(width) == expected


def test_among_equal_priorities_the_right_one_vanishes() -> None:
    columns = [Column("a", "A", width=5), Column("b", "B", width=5), Column("c", "C", width=5)]
    assert [placed.column.id for placed in lay_out(columns, 14)] == ["a", "b"]


@given(
    st.lists(
        st.builds(
            Column,
            st.uuids().map(str),
            st.just("T"),
            width=st.none() | st.integers(1, 30),
            min_width=st.integers(0, 30),
            flex=st.integers(0, 3),
            priority=st.integers(0, 5),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 200),
)
def test_columns_never_overlap_and_never_leave_the_room(columns: list[Column], width: int) -> None:
    placed = lay_out(columns, width)
    assert placed
    assert [p.index for p in placed] == sorted(p.index for p in placed)
    at = 0
    for p in placed:
        assert p.x == at
        assert p.width >= 1
        at = p.x + p.width + GAP
    assert at - GAP <= width
    if any(p.column.flex for p in placed):
        assert at - GAP == width
