"""The order that is kept is the one that sorting everything anew would give."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.state import events as ev
from agentdash.state.model import Agent, Workspace
from agentdash.state.store import Store
from agentdash.state.views import filtered, sorted_rows
from agentdash.ui.fleet_rows import FleetRows
from tests.unit.model_factory import NOW, before, make_agent, make_workspace

LIFECYCLES = ("ready", "starting", "start_error", "created", "off")
SORTS: tuple[Any, ...] = (
    None,
    lambda w, _: w.template_name or None,
    lambda _, a: None if a is None else a.lifecycle,
)
STEP = st.tuples(
    st.integers(0, 7),
    st.sampled_from((*LIFECYCLES, "gone", "lost", "bare")),
    st.sampled_from(("web", "go", "")),
)


def rows_of_fleet() -> FleetRows:
    return FleetRows(lambda row, verdict: f"{row.workspace.name} {verdict.text}")


def made(number: int, state: str, template: str) -> Workspace:
    name = f"w{number}"
    agents: tuple[Agent, ...] = ()
    if state != "bare":
        status = "disconnected" if state == "lost" else "connected"
        lifecycle = "ready" if state == "lost" else state
        main = make_agent("main", name, status=status, disconnected_at=before(900), lifecycle="ready")
        sub = make_agent(
            "sub", name, parent_id=main.id, parent_name="main", status=status, lifecycle=lifecycle
        )
        agents = (main, sub) if number % 2 else (replace(main, lifecycle=lifecycle),)
    return make_workspace(*agents, id=name, name=name, owner_name=f"u{number % 3}", template_name=template)


@given(
    st.lists(st.lists(STEP, max_size=5), max_size=6),
    st.sampled_from(SORTS),
    st.booleans(),
    st.sampled_from(("", "w1", "lost", "template:web")),
)
def test_changes_lead_to_the_order_of_a_sort(
    batches: list[list[tuple[int, str, str]]], sort_key: Any, reverse: bool, query: str
) -> None:
    store, fleet = Store(), rows_of_fleet()
    fleet.set_sort(sort_key, reverse=reverse)
    fleet.set_query(query)
    for number, batch in enumerate(batches):
        at = NOW + timedelta(seconds=number)
        told: list[ev.Event] = [
            ev.WorkspaceGone(f"w{n}")
            if state == "gone"
            else ev.WorkspacesRead((made(n, state, template),), at, "get")
            for n, state, template in batch
        ]
        changes = store.apply(told)
        fleet.apply(store.state, changes, at)
        kept = fleet.order()
        rows = filtered(fleet._rows.values(), fleet.query, fleet._severity, fleet._text)
        assert kept == sorted_rows(rows, fleet._severity, sort_key, reverse=reverse)


def told(fleet: FleetRows, store: Store, workspace: Workspace, at: Any = NOW) -> None:
    changes = store.apply([ev.WorkspacesRead((workspace,), at, "get")])
    fleet.apply(store.state, changes, at)


def test_a_well_agent_that_is_not_heard_again_falls_silent_by_a_newer_reading() -> None:
    store, fleet = Store(), rows_of_fleet()
    told(fleet, store, make_workspace(make_agent()))
    later = NOW + timedelta(minutes=3)
    assert fleet.rejudge(store.state, later) == set(), "a heartbeat is pushed to nobody"
    changes = store.apply([ev.WorkspacesRead((make_workspace(make_agent()),), later, "get")])
    assert not changes.workspaces
    assert fleet.rejudge(store.state, later) == {"w1/main"}
    verdict = fleet.verdict("w1/main")
    assert verdict is not None
    assert verdict.text == "silent"
    assert fleet.needs_order


def test_time_alone_makes_a_row_worse() -> None:
    store, fleet = Store(), rows_of_fleet()
    lost = make_agent(status="disconnected", last_connected_at=NOW, disconnected_at=NOW)
    told(fleet, store, make_workspace(lost))
    fleet.order()
    assert not fleet.needs_order
    assert fleet.rejudge(store.state, NOW + timedelta(minutes=5)) == {"w1/main"}
    assert fleet.needs_order


@pytest.mark.parametrize("reverse", [False, True])
def test_what_has_no_value_stands_last_whichever_way(reverse: bool) -> None:
    store, fleet = Store(), rows_of_fleet()
    fleet.set_sort(SORTS[1], reverse=reverse)
    for number, template in enumerate(("web", "", "go")):
        told(fleet, store, made(2 * number, "ready", template))
    keys = fleet.order()
    assert keys[-1] == "w2/main"
    assert keys[0] == ("w0/main" if reverse else "w4/main")
