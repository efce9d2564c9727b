"""Rows, verdicts and order of the fleet, kept between changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdash.present.columns import haystack
from agentdash.present.verdicts import Told
from agentdash.state import events as ev
from agentdash.state.model import Agent, RegionLatency, Workspace
from agentdash.state.query import QueryError
from agentdash.state.state import Changes
from agentdash.state.store import Store
from agentdash.triage.finding import Confidence, Finding, Severity, Subject
from agentdash.ui.diagnosis import Eyes
from agentdash.ui.fleet_rows import FleetRows, keys_of_workspaces
from tests.unit.model_factory import NOW, before, make_agent, make_build, make_script, make_workspace


class Fleet:
    """Rows on a store."""

    def __init__(self) -> None:
        self.store = Store()
        self.now = NOW
        self.rows = FleetRows(lambda row, verdict: haystack(row, verdict, self.now))

    def know(self, *workspaces: Workspace) -> set[str]:
        changes = self.store.apply([ev.WorkspacesRead(workspaces, self.now, "page")])
        return self.rows.apply(self.store.state, changes, self.now)

    def gone(self, workspace_id: str) -> set[str]:
        changes = self.store.apply([ev.WorkspaceGone(workspace_id)])
        return self.rows.apply(self.store.state, changes, self.now)

    def later(self, seconds: float) -> set[str]:
        self.now += timedelta(seconds=seconds)
        return self.rows.rejudge(self.store.state, self.now)


def one(workspace_id: str, status: str = "connected", **fields: object) -> Workspace:
    lost = {"disconnected_at": before(600)} if status == "disconnected" else {}
    agent = make_agent(workspace_id=workspace_id, status=status, **lost)
    values = {
        "id": workspace_id,
        "name": f"dev-{workspace_id}",
        "build": make_build(workspace_id=workspace_id),
    }
    return make_workspace(agent, **(values | fields))


def test_worst_first_then_by_name() -> None:
    fleet = Fleet()
    assert fleet.know(one("b"), one("a"), one("c", "disconnected")) == {"a/main", "b/main", "c/main"}
    assert fleet.rows.order() == ["c/main", "a/main", "b/main"]
    assert fleet.rows.total == 3
    found = fleet.rows.verdict("c/main")
    assert found is not None
    assert fleet.rows.worst()[found.severity] >= 1
    assert sum(fleet.rows.worst().values()) == 3
    row = fleet.rows.row("a/main")
    assert row is not None
    assert row.workspace.name == "dev-a"


def test_only_what_changed_is_touched_and_an_equal_answer_touches_nothing() -> None:
    fleet = Fleet()
    fleet.know(one("a"), one("b"))
    fleet.rows.order()
    fleet.now += timedelta(seconds=1)
    assert fleet.know(one("a"), one("b")) == set()
    assert not fleet.rows.needs_order
    assert fleet.know(one("a", last_used_at=fleet.now)) == {"a/main"}
    assert not fleet.rows.needs_order  # nothing that decides the place
    assert fleet.know(one("a", "disconnected")) == {"a/main"}
    assert fleet.rows.needs_order
    assert fleet.rows.order() == ["a/main", "b/main"]


def test_agents_that_come_and_go() -> None:
    fleet = Fleet()
    fleet.know(one("a"))
    both = make_workspace(
        make_agent(workspace_id="a"),
        make_agent("app", workspace_id="a", parent_name="main"),
        id="a",
        name="dev-a",
    )
    fleet.know(both)
    assert set(fleet.rows.order()) == {"a/main", "a/main/app"}
    assert fleet.rows.rows_of_workspace("a") == ("a/main", "a/main/app")
    stopped = one("a", build=make_build("stopped", "stop", workspace_id="a", id="b9"))
    fleet.know(replace(stopped, agents=()))
    assert fleet.rows.order() == ["a"]
    assert fleet.rows.row("a/main") is None
    assert fleet.rows.verdict("a/main") is None
    fleet.gone("a")
    assert fleet.rows.order() == []
    assert fleet.rows.total == 0
    assert fleet.rows.rows_of_workspace("a") == ()


def test_a_filter_sees_words_and_fields_and_follows_changes() -> None:
    fleet = Fleet()
    fleet.know(one("a"), one("b", template_name="cuda"), one("c", "disconnected"))
    fleet.rows.set_query("template:cuda")
    assert fleet.rows.order() == ["b/main"]
    fleet.rows.set_query("lost connection")
    assert fleet.rows.order() == ["c/main"]
    assert fleet.rows.total == 3
    fleet.know(one("c"))
    assert fleet.rows.needs_order
    assert fleet.rows.order() == []


def test_a_query_that_cannot_be_read_leaves_the_old_one() -> None:
    fleet = Fleet()
    fleet.know(one("a"), one("b"))
    fleet.rows.set_query("dev-a")
    with pytest.raises(QueryError):
        fleet.rows.set_query("health:")
    assert fleet.rows.order() == ["a/main"]


def test_time_alone_changes_verdicts() -> None:
    fleet = Fleet()
    fleet.know(one("a"), one("c", "disconnected"))
    fleet.rows.order()
    before_ = fleet.rows.verdict("c/main")
    assert fleet.later(600) >= {"c/main"}
    after = fleet.rows.verdict("c/main")
    assert before_ is not None
    assert after is not None
    assert before_ != after
    assert "a/main" not in fleet.later(1)


def test_sorting_by_a_key_and_back() -> None:
    fleet = Fleet()
    fleet.know(one("a"), one("b", "disconnected"))
    fleet.rows.set_sort(lambda workspace, agent: workspace.name, reverse=True)
    assert fleet.rows.order() == ["b/main", "a/main"]
    fleet.rows.set_sort(lambda workspace, agent: workspace.name, reverse=False)
    assert fleet.rows.needs_order
    assert fleet.rows.order() == ["a/main", "b/main"]
    fleet.rows.set_sort(None, reverse=False)
    assert fleet.rows.order() == ["b/main", "a/main"]


def test_workspaces_of_rows() -> None:
    assert keys_of_workspaces(["a/main", "a/main/app", "b"]) == {"a", "b"}


STATUSES = st.sampled_from(["connected", "disconnected", "connecting", "timeout", "from the future"])


QUERIES = st.sampled_from(["", "health:bad", "dev-a"])


def by_name(workspace: Workspace, agent: Agent | None) -> str:
    return workspace.name


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), STATUSES), st.booleans()), max_size=30
    ),
    QUERIES,
    st.booleans(),
    st.booleans(),
)
def test_kept_rows_are_the_rows_made_from_nothing(
    moves: list[tuple[str, str | None, bool]], query: str, is_sorted: bool, reverse: bool
) -> None:
    """Whatever comes in whatever order, the result is that of reading the final state at once."""

    def new() -> FleetRows:
        rows = FleetRows(lambda row, verdict: haystack(row, verdict, fleet.now))
        rows.set_query(query)
        rows.set_sort(by_name if is_sorted else None, reverse=reverse)
        return rows

    fleet = Fleet()
    fleet.rows = new()
    for workspace_id, status, has_child in moves:
        fleet.now += timedelta(seconds=1)
        if status is None:
            fleet.gone(workspace_id)
        else:
            workspace = one(workspace_id, status)
            child = make_agent("app", workspace_id=workspace_id, parent_name="main")
            fleet.know(replace(workspace, agents=(*workspace.agents, child)) if has_child else workspace)
        fleet.rows.order()
    fleet.later(0)
    fresh = new()
    state = fleet.store.state
    fresh.apply(state, Changes(workspaces=set(state.workspaces)), fleet.now)
    assert fleet.rows.order() == fresh.order()
    assert fleet.rows.keys == fleet.rows.order()
    assert fleet.rows.total == fresh.total == sum(len(w.agents) or 1 for w in state.workspaces.values())
    assert fleet.rows.worst() == fresh.worst()


# What the diagnosis says


def judge(fleet: Fleet) -> set[str]:
    view = Eyes().glance(fleet.store.state, fleet.now)
    return fleet.rows.hear(view.told, view.facts.state, view.facts.now)


NEAR = (RegionLatency("Frankfurt", 20.0, preferred=True),)


def well(workspace_id: str) -> Workspace:
    return replace(one(workspace_id), agents=(make_agent(workspace_id=workspace_id, latency=NEAR),))


def stuck(workspace_id: str) -> Workspace:
    script = make_script("install-deps", status="exit_failure", exit_code=127)
    agent = make_agent(workspace_id=workspace_id, lifecycle="start_error", scripts=(script,), latency=NEAR)
    values = {"id": workspace_id, "name": f"dev-{workspace_id}"}
    return make_workspace(agent, build=make_build(workspace_id=workspace_id), **values)


def test_a_row_says_what_was_found_as_long_as_it_is_as_it_was_judged() -> None:
    fleet = Fleet()
    fleet.know(well("a"), stuck("b"))
    first = fleet.rows.verdict("b/main")
    assert first is not None
    assert first.finding is None
    assert judge(fleet) == {"b/main"}
    found = fleet.rows.verdict("b/main")
    assert found is not None
    assert found.finding is not None
    assert (found.rule, found.text) == ("S03", "install-deps exit 127")
    assert [f.rule for f in fleet.rows.findings("b/main")] == ["S03"]
    assert fleet.rows.group_of("b/main") is None
    assert judge(fleet) == set()
    # A reading that changes nothing of what was judged keeps the finding.
    fleet.know(replace(stuck("b"), last_used_at=fleet.now))
    assert fleet.rows.verdict("b/main") == found
    # One that does is believed at once, before the next judgement.
    fleet.know(well("b"))
    mended = fleet.rows.verdict("b/main")
    assert mended is not None
    assert (mended.text, mended.finding) == ("ready", None)
    assert judge(fleet) == set()
    assert fleet.rows.findings("b/main") == ()


def test_a_diagnosis_of_an_older_state_does_not_speak_of_what_has_changed_since() -> None:
    fleet = Fleet()
    fleet.know(stuck("b"), stuck("c"))
    view = Eyes().glance(fleet.store.state, fleet.now)
    fleet.know(well("b"))
    fleet.know(replace(stuck("c"), last_used_at=fleet.now))
    assert fleet.rows.hear(view.told, view.facts.state, view.facts.now) == {"c/main"}
    mended, still = fleet.rows.verdict("b/main"), fleet.rows.verdict("c/main")
    assert mended is not None
    assert still is not None
    assert mended.text == "ready"
    assert still.finding is not None


def test_what_was_found_decides_the_place() -> None:
    fleet = Fleet()
    fleet.know(well("a"), well("b"))
    assert fleet.rows.order() == ["a/main", "b/main"]
    row = fleet.rows.row("b/main")
    assert row is not None
    subject = Subject("workspace", "b", workspace_id="b")
    found = Finding("C05", "Several agents behind one token", Severity.UNUSABLE, Confidence.CERTAIN, subject)
    told = Told({"b": (found,)})
    assert fleet.rows.hear(told, fleet.store.state, fleet.now) == {"b/main"}
    assert fleet.rows.needs_order
    assert fleet.rows.order() == ["b/main", "a/main"]
    assert fleet.rows.worst()[Severity.UNUSABLE] == 1
    assert fleet.rows.hear(Told(), fleet.store.state, fleet.now) == {"b/main"}
    assert fleet.rows.order() == ["a/main", "b/main"]
