"""Back and forth through places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdash.ui.trail import KEPT, Place, Trail

FLEET, SHELLS = Place("fleet"), Place("shells")


def agent(n: int) -> Place:
    return Place("fleet", f"w{n}/main")


def test_back_and_forward() -> None:
    trail = Trail()
    assert trail.step(-1) is None
    for place in (FLEET, agent(1), SHELLS):
        trail.visit(place)
    assert [trail.step(-1), trail.step(-1), trail.step(-1)] == [agent(1), FLEET, None]
    assert [trail.step(1), trail.step(1), trail.step(1)] == [agent(1), SHELLS, None]


def test_the_same_place_is_one_step() -> None:
    trail = Trail()
    for place in (FLEET, FLEET, agent(1), agent(1)):
        trail.visit(place)
    assert [trail.step(-1), trail.step(-1)] == [FLEET, None]


def test_going_elsewhere_forgets_what_lay_ahead() -> None:
    trail = Trail()
    for place in (FLEET, agent(1), agent(2)):
        trail.visit(place)
    trail.step(-1)
    trail.visit(SHELLS)
    assert trail.step(1) is None
    assert [trail.step(-1), trail.step(-1)] == [agent(1), FLEET]


@given(st.lists(st.integers(-1, 300), max_size=400))
def test_like_a_list_with_a_finger_on_it(moves: list[int]) -> None:
    """-1 goes back, 0 forward, everything else visits."""
    trail, pages, at = Trail(), list[Place](), -1
    for move in moves:
        if move <= 0:
            step = 1 if move == 0 else -1
            inside = 0 <= at + step < len(pages)
            at += step if inside else 0
            assert trail.step(step) == (pages[at] if inside else None)
        elif at < 0 or pages[at] != agent(move):
            trail.visit(agent(move))
            pages = [*pages[: at + 1], agent(move)][-KEPT:]
            at = len(pages) - 1
        else:
            trail.visit(agent(move))
