from __future__ import annotations

from agentdash.wire.budget import RequestBudget, SweepPace


def test_requests_within_the_budget_go_at_once() -> None:
    budget = RequestBudget(3)
    assert [budget.reserve("/a", 0.0) for _ in range(3)] == [0, 0, 0]


def test_requests_over_the_budget_wait_for_the_window_to_slide() -> None:
    budget = RequestBudget(2)
    budget.reserve("/a", 0.0)
    budget.reserve("/a", 10.0)
    assert budget.reserve("/a", 20.0) == 40
    assert budget.reserve("/a", 20.0) == 50
    assert budget.reserve("/a", 20.0) == 100


def test_paths_are_counted_apart_and_queries_are_not() -> None:
    budget = RequestBudget(1)
    assert budget.reserve("/api/v2/workspaces?limit=1", 0.0) == 0
    assert budget.reserve("/api/v2//workspaces/?q=x#f", 0.0) == 60
    assert budget.reserve("/api/v2/workspaces/1", 0.0) == 0


def test_a_penalty_bars_its_path_alone() -> None:
    budget = RequestBudget(10)
    budget.penalize("/a", 30.0)
    budget.penalize("/a?x", 20.0)
    assert budget.barred_s("/a", 5.0) == 25
    assert budget.reserve("/a", 5.0) == 25
    assert budget.reserve("/b", 5.0) == 0
    assert budget.barred_s("/a", 31.0) == 0
    assert budget.reserve("/a", 31.0) == 0


def test_paths_at_rest_are_forgotten() -> None:
    budget = RequestBudget(1)
    for number in range(1000):
        budget.reserve(f"/workspaces/{number}", 0.0)
    budget.penalize("/x", 10.0)
    budget.reserve("/a", 200.0)
    assert len(budget._slots) == 1
    assert not budget._barred_until


def test_the_sweep_is_paced_by_bytes_and_by_pages() -> None:
    pace = SweepPace(200_000, 60)
    assert pace.pause_after(400_000, 0.5) == 1.5
    assert pace.pause_after(100, 0.25) == 0.75
    assert pace.pause_after(100, 1.5) == 0


def test_a_slow_server_halves_the_pace_and_a_quick_one_restores_it() -> None:
    pace = SweepPace(200_000, 60)
    assert pace.pause_after(400_000, 2.5) == 1.5
    assert pace.slowdown == 2
    for _ in range(20):
        pace.pause_after(400_000, 2.5)
    assert pace.slowdown == 16
    for _ in range(4):
        pace.pause_after(400_000, 0.1)
    assert pace.slowdown == 1
