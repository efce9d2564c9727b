"""Faults: which one a request gets, and what the ready-made ones are."""

from __future__ import annotations

from agentdash.local.faults import (
    HOSTILE_TEXT,
    Answer,
    Fault,
    FaultPlan,
    html_instead,
    make_hostile,
    old_server,
    rate_limited,
    redirect,
)


def test_newest_matching_fault_wins_and_is_used_up() -> None:
    plan = FaultPlan(Fault("/api/v2/*", delay_s=1))
    once = plan.add(Fault("/api/v2/workspaces", method="GET", times=1, answer=Answer(500)))
    assert plan.take("POST", "/api/v2/workspaces") == Fault("/api/v2/*", delay_s=1)
    assert plan.take("GET", "/api/v2/workspaces") == once
    assert plan.take("GET", "/api/v2/workspaces") == Fault("/api/v2/*", delay_s=1)
    assert plan.take("GET", "/healthz") is None
    plan.clear()
    assert plan.take("GET", "/api/v2/workspaces") is None


def test_counted_fault_lasts_as_often_as_it_says() -> None:
    plan = FaultPlan(rate_limited("*", times=2))
    taken = [plan.take("GET", "/x") for _ in range(3)]
    assert [fault is not None for fault in taken] == [True, True, False]


def test_ready_made_answers() -> None:
    limited = rate_limited("*").answer
    assert limited is not None
    assert (limited.status, limited.headers["Retry-After"]) == (429, "60")
    page = html_instead("*").answer
    assert page is not None
    assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
    moved = redirect("*", "https://coder.example.com").answer
    assert moved is not None
    assert moved.headers == {"Location": "https://coder.example.com"}


def test_old_server_does_not_know_later_routes() -> None:
    plan = FaultPlan(*old_server())
    fault = plan.take("GET", "/api/v2/workspaceagents/x/containers/watch")
    assert fault is not None
    assert fault.answer is not None
    assert (fault.answer.status, fault.answer.body) == (404, '{"message":"Route not found."}\n')
    assert plan.take("GET", "/api/v2/workspaces") is None


def test_hostile_text_goes_everywhere_but_into_structure() -> None:
    value = {
        "id": "1",
        "name": "web",
        "apps": [{"display_name": "x", "health": "healthy"}],
        "created_at": "t",
        "n": 3,
    }
    assert make_hostile(value) == {
        "id": "1",
        "name": "web" + HOSTILE_TEXT,
        "apps": [{"display_name": "x" + HOSTILE_TEXT, "health": "healthy"}],
        "created_at": "t",
        "n": 3,
    }
