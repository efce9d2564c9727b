"""Rows: which there are, in which order, families together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentdash.state.events import WorkspacesRead
from agentdash.state.model import Agent, Workspace
from agentdash.state.query import parse
from agentdash.state.store import Store
from agentdash.state.views import Row, all_rows, filtered, rows_of, sorted_rows
from tests.unit.model_factory import NOW, make_agent, make_workspace


def family() -> Workspace:
    main = make_agent("main")
    app = make_agent("app", parent_id=main.id, parent_name="main")
    other = make_agent("zeta")
    return make_workspace(app, other, main)


def test_a_workspace_without_agents_has_one_row_of_its_own() -> None:
    assert [(row.key, row.agent, row.indent) for row in rows_of(make_workspace())] == [("w1", None, 0)]


def test_sub_agents_stand_under_their_parent() -> None:
    assert [(row.key, row.indent) for row in rows_of(family())] == [
        ("w1/zeta", 0),
        ("w1/main", 0),
        ("w1/main/app", 1),
    ]


def test_a_sub_agent_whose_parent_is_not_listed_stands_alone() -> None:
    orphan = make_agent("app", parent_id="gone", parent_name="main")
    assert [(row.key, row.indent) for row in rows_of(make_workspace(orphan))] == [("w1/main/app", 0)]


def test_parents_in_a_circle_lose_nobody() -> None:
    a = make_agent("a", parent_id="w1-b", parent_name="b")
    b = make_agent("b", parent_id="w1-a", parent_name="a")
    assert len(list(rows_of(make_workspace(a, b)))) == 2


def test_an_agent_that_is_its_own_parent_stands_once() -> None:
    own = make_agent("own", parent_id="w1-own", parent_name="own")
    assert len(list(rows_of(make_workspace(own)))) == 1


def test_all_agents_of_a_chain_of_sub_agents_have_a_row() -> None:
    main = make_agent("main")
    child = make_agent("child", parent_id=main.id, parent_name="main")
    grandchild = make_agent("grandchild", parent_id=child.id, parent_name="child")
    assert len(list(rows_of(make_workspace(main, child, grandchild)))) == 3


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 7))),
        max_size=6,
        unique_by=lambda p: p[0],
    )
)
def test_every_agent_has_exactly_one_row_whatever_the_parents(pairs: list[tuple[int, int | None]]) -> None:
    agents = [
        make_agent(f"a{n}", parent_id=None if parent is None else f"w1-a{parent}", parent_name=None)
        for n, parent in pairs
    ]
    rows = list(rows_of(make_workspace(*agents)))
    assert sorted(row.key for row in rows) == sorted([a.key for a in agents] or ["w1"])


def severities(table: dict[str, int]) -> Any:
    return lambda row: table.get(row.key, 0)


def fleet() -> list[Row]:
    rows = [*rows_of(family())]
    rows += rows_of(make_workspace(make_agent("main", "w2"), id="w2", name="api-3", owner_name="kofi"))
    rows += rows_of(make_workspace(id="w3", name="old", owner_name="bea"))
    return rows


def test_the_worst_family_comes_first_and_stays_together() -> None:
    order = sorted_rows(fleet(), severities({"w1/main/app": 3, "w2/main": 2}))
    assert order == ["w1/main", "w1/main/app", "w2/main", "w1/zeta", "w3"]


def test_equals_stand_by_owner_name_and_agent() -> None:
    assert sorted_rows(fleet(), severities({})) == ["w1/main", "w1/main/app", "w1/zeta", "w3", "w2/main"]


def test_a_sort_key_decides_and_none_is_last_both_ways() -> None:
    by_name = lambda w, a: w.name if a is not None else None  # noqa: E731
    forward = sorted_rows(fleet(), severities({}), by_name)
    backward = sorted_rows(fleet(), severities({}), by_name, reverse=True)
    assert forward == ["w2/main", "w1/main", "w1/main/app", "w1/zeta", "w3"]
    assert backward == ["w1/main", "w1/main/app", "w1/zeta", "w2/main", "w3"]


def test_sorting_twice_changes_nothing() -> None:
    table = severities({"w2/main": 4})
    rows = fleet()
    once = sorted_rows(rows, table)
    by_key = {row.key: row for row in rows}
    assert sorted_rows([by_key[key] for key in once], table) == once


def test_a_matching_sub_agent_comes_without_its_parent() -> None:
    rows = filtered(fleet(), parse("agent:app"), severities({}), lambda _: "")
    assert [(row.key, row.indent) for row in rows] == [("w1/main/app", 1)]
    assert sorted_rows(rows, severities({})) == ["w1/main/app"]


def test_plain_words_look_into_the_text_of_the_row() -> None:
    rows = filtered(
        fleet(), parse("npm"), severities({}), lambda row: "npm: not found" if row.key == "w3" else ""
    )
    assert [row.key for row in rows] == ["w3"]


def test_all_rows_are_those_of_the_state() -> None:
    store = Store()
    store.apply([WorkspacesRead((family(), make_workspace(id="w3")), NOW, "page")])
    assert {row.key for row in all_rows(store.state)} == {"w1/main", "w1/main/app", "w1/zeta", "w3"}


def test_agents_of_one_family_in_several_workspaces_do_not_mix() -> None:
    agent: Agent = make_agent("main")
    twin = replace(family(), id="w9", agents=(replace(agent, key="w9/main", workspace_id="w9"),))
    order = sorted_rows([*rows_of(family()), *rows_of(twin)], severities({}))
    assert len(order) == len(set(order)) == 4
