from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdash.ui.widgets.follow import follow, steady_top

ROWS = st.lists(st.sampled_from([f"k{i}" for i in range(40)]), unique=True, min_size=1)


@given(ROWS, ROWS, st.integers(0, 39))
def test_the_cursor_stays_on_its_key_or_goes_to_the_nearest_that_is_left(
    before: list[str], after: list[str], at: int
) -> None:
    at = min(at, len(before) - 1)
    index = follow(before[at], at, before, after)
    if before[at] in after:
        assert after[index] == before[at]
        return
    left = [abs(place - at) for place, row in enumerate(before) if row in after]
    assert 0 <= index < len(after)
    if left:
        assert abs(before.index(after[index]) - at) == min(left)


@given(ROWS, ROWS, st.integers(0, 39), st.integers(0, 39), st.integers(1, 20))
def test_the_view_stays_within_the_rows_and_steady(
    before: list[str], after: list[str], top: int, at: int, height: int
) -> None:
    at = min(at, len(before) - 1)
    top = max(0, min(top, len(before) - height))
    cursor = follow(before[at], at, before, after)
    new = steady_top(top, at, cursor, before, after, height=height)
    assert 0 <= new <= max(0, len(after) - height)
    if top <= at < top + height:
        assert new <= cursor < new + height, "a cursor in sight stays in sight"
        if top and 0 < new < len(after) - height:
            assert cursor - new == at - top, "and on its line"
    elif top > 0 and before[top] in after and 0 < new < len(after) - height:
        assert after[new] == before[top], "scrolled away, the same rows stay"


def test_a_view_at_its_top_stays_there() -> None:
    rows = [f"k{i}" for i in range(40)]
    assert steady_top(0, 3, 4, rows, ["worst", *rows], height=10) == 0
    assert steady_top(0, 9, 10, rows, ["worst", *rows], height=10) == 1
