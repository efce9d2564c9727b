"""The one writer: what each event does, what it reports as changed, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutables import Map

from agentdash.state import events as ev
from agentdash.state.detail import CLOSED_KEPT, CLOSED_KEPT_S
from agentdash.state.freshness import NOT_ON_SCREEN, Fact, Freshness, Problem, StreamState
from agentdash.state.history import KEPT
from agentdash.state.model import (
    ActionRecord,
    AgentNode,
    Connection,
    Containers,
    Links,
    MetadataItem,
    Port,
    Timings,
    User,
    Workspace,
)
from agentdash.state.state import Changes, State
from agentdash.state.store import ACTIONS_KEPT, Store
from tests.unit.model_factory import NOW, make_agent, make_build, make_job, make_line, make_workspace

TROUBLE = Problem("ServerError", "Server error")


def later(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


def read(*workspaces: Workspace, at: Any = NOW, via: ev.Via = "page") -> ev.WorkspacesRead:
    return ev.WorkspacesRead(workspaces, at, via)


def store_with(*workspaces: Workspace) -> Store:
    store = Store()
    store.apply([read(*workspaces)])
    return store


# Workspaces


def test_a_workspace_enters_with_its_agents() -> None:
    store = Store()
    changes = store.apply([read(make_workspace(make_agent()))])
    assert changes.workspaces == {"w1"}
    found = store.state.agent("w1-main")
    assert found is not None
    assert found.name == "main"
    assert store.state.row("w1/main") == (store.state.workspaces["w1"], found)
    assert store.state.row("w1") == (store.state.workspaces["w1"], None)
    assert store.state.row("w1/nobody") is None
    assert store.state.row("w7") is None


def test_the_same_again_changes_nothing_but_its_age() -> None:
    store = store_with(make_workspace(make_agent()))
    assert not store.apply([read(make_workspace(make_agent()), at=later(9))])
    assert store.state.seen["w1"].at == later(9)


def test_another_way_of_being_kept_is_news() -> None:
    store = store_with(make_workspace())
    assert store.apply([read(make_workspace(), at=later(1), via="watch")]).workspaces == {"w1"}


def test_an_older_answer_does_not_undo_a_newer_one() -> None:
    store = store_with(make_workspace(make_agent()))
    gone = make_workspace(make_agent(status="disconnected"))
    assert store.apply([read(gone, at=later(5), via="watch")])
    assert not store.apply([read(make_workspace(make_agent()), at=later(3))])
    agent = store.state.agent("w1-main")
    assert agent is not None
    assert agent.status == "disconnected"


def test_earlier_states_stay_as_they_were() -> None:
    store = store_with(make_workspace(make_agent()))
    before = store.state
    store.apply([read(make_workspace(), at=later(1)), ev.WorkspaceGone("w1")])
    assert before.agent("w1-main") is not None
    assert store.state.agent("w1-main") is None


def test_while_a_build_runs_the_last_agents_stay_marked() -> None:
    store = store_with(make_workspace(make_agent()))
    building = make_workspace(build=make_build("starting", id="b2", number=4, job=make_job("running")))
    store.apply([read(building, at=later(1))])
    kept = store.state.workspaces["w1"]
    assert kept.agents_are_previous
    assert [a.name for a in kept.agents] == ["main"]
    new = make_workspace(make_agent(id="new"), build=make_build(id="b2", number=4))
    store.apply([read(new, at=later(2))])
    assert not store.state.workspaces["w1"].agents_are_previous
    assert store.state.agent("w1-main") is None
    assert store.state.agent("new") is not None


def test_a_stopped_workspace_keeps_no_agents() -> None:
    store = store_with(make_workspace(make_agent()))
    store.apply([read(make_workspace(build=make_build("stopped", "stop")), at=later(1))])
    assert store.state.workspaces["w1"].agents == ()
    assert "w1-main" not in store.state.agent_homes


def test_a_workspace_that_was_stopped_before_leaves_no_history_of_its_agents() -> None:
    store = Store()
    store.apply([read(make_workspace(make_agent(status="connected")))])
    store.apply([read(make_workspace(make_agent(status="disconnected")), at=later(1))])
    store.apply([read(make_workspace(), at=later(2))])
    assert list(store.state.history) == ["w1/main"]
    store.apply([ev.WorkspaceGone("w1")])
    assert not store.state.history


def test_a_gone_workspace_leaves_nothing_behind() -> None:
    store = store_with(make_workspace(make_agent()))
    store.apply([read(make_workspace(make_agent(status="disconnected")), at=later(1))])
    changes = store.apply([ev.WorkspaceGone("w1")])
    assert changes.removed == {"w1"}
    state = store.state
    assert [len(m) for m in (state.workspaces, state.seen, state.agent_homes, state.history)] == [0] * 4
    assert not store.apply([ev.WorkspaceGone("w1")])


def test_a_sweep_removes_what_it_did_not_see_unless_it_came_later() -> None:
    store = store_with(make_workspace(), make_workspace(id="w2"))
    store.apply([read(make_workspace(id="w3"), at=later(20), via="watch")])
    changes = store.apply([ev.SweepEnded(frozenset({"w1"}), later(10), 2)])
    assert changes.removed == {"w2"}
    assert set(store.state.workspaces) == {"w1", "w3"}
    assert (store.state.fleet.value, store.state.counts.total) == (2, 2)


def test_a_failed_list_ages_and_keeps_its_rows() -> None:
    store = store_with(make_workspace())
    store.apply([ev.SweepEnded(frozenset({"w1"}), NOW, 1), ev.FleetFailed(TROUBLE, later(4))])
    fleet = store.state.fleet
    assert (fleet.freshness, fleet.value, fleet.retry_at) == (Freshness.STALE, 1, later(4))
    assert "w1" in store.state.workspaces


# Agents and history


def test_an_agent_read_on_its_own_replaces_itself_only() -> None:
    store = store_with(make_workspace(make_agent(), make_agent("second")))
    changed = make_agent(lifecycle="start_error")
    assert store.apply([ev.AgentRead(changed, later(1))]).workspaces == {"w1"}
    assert [a.lifecycle for a in store.state.workspaces["w1"].agents] == ["start_error", "ready"]
    assert [t.new for t in store.state.history["w1/main"]] == ["start_error"]


def test_an_agent_nobody_knows_and_an_old_answer_are_passed_over() -> None:
    store = store_with(make_workspace(make_agent()))
    assert not store.apply([ev.AgentRead(make_agent("other"), later(1))])
    store.apply([read(make_workspace(make_agent(lifecycle="start_error")), at=later(5), via="watch")])
    assert not store.apply([ev.AgentRead(make_agent(), later(3))])


def test_history_follows_the_key_through_builds_and_is_bounded() -> None:
    store = store_with(make_workspace(make_agent()))
    for turn in range(KEPT + 5):
        agent = make_agent(id=f"build-{turn}", status=("disconnected", "connected")[turn % 2])
        store.apply([read(make_workspace(agent), at=later(turn + 1))])
    history = store.state.history["w1/main"]
    assert len(history) == KEPT
    assert history[-1].at == later(KEPT + 5)
    assert {t.what for t in history} == {"agent", "status"}


def test_first_sight_is_no_transition() -> None:
    assert len(store_with(make_workspace(make_agent())).state.history) == 0


# Server


def test_an_answer_clears_the_problem_and_small_moves_of_the_clock_are_no_news() -> None:
    store = Store()
    store.apply([ev.ServerFailed(TROUBLE)])
    assert store.state.server.problem == TROUBLE
    assert store.apply([ev.ServerAnswered(NOW, "v2.37.1", 10.0, 0.1)]).server
    assert store.state.server.problem is None
    assert not store.apply([ev.ServerAnswered(later(1), "v2.37.1", 10.9, 0.1)])
    assert store.state.server.clock_offset_s == 10.0
    assert store.state.server.reached_at == later(1)
    assert store.apply([ev.ServerAnswered(later(2), "v2.37.1", 13.0, 0.1)]).server


def test_a_sign_of_life_moves_the_time_and_nothing_else() -> None:
    store = Store()
    assert not store.apply([ev.ServerHeard(NOW)])
    assert store.state.server.reached_at is None
    store.apply([ev.ServerAnswered(NOW, "v2.37.1", 3.0, 0.1), ev.ServerFailed(TROUBLE)])
    assert not store.apply([ev.ServerHeard(later(5))])
    assert (store.state.server.reached_at, store.state.server.problem) == (later(5), TROUBLE)
    store.apply([ev.ServerHeard(later(2))])
    assert store.state.server.reached_at == later(5)


def test_an_answer_without_version_or_date_keeps_what_is_known() -> None:
    store = Store()
    store.apply([ev.ServerAnswered(NOW, "v2.37.1", 3.0, 0.1), ev.ServerAnswered(later(1), "", None, 0.1)])
    assert (store.state.server.version, store.state.server.clock_offset_s) == ("v2.37.1", 3.0)


@pytest.mark.parametrize(
    "event",
    [
        ev.ServerNamed("https://c.example.com", "c.example.com", False),
        ev.BuildInfoRead("v2.37.1", "id", "https://c.example.com", False),
        ev.UserRead(User("u", "ada")),
        ev.EntitlementsRead(Map({"audit_log": True})),
        ev.ExperimentsRead(("x",)),
        ev.RegionsRead("*.example.com"),
    ],
)
def test_facts_of_the_server_are_news_once(event: ev.Event) -> None:
    store = Store()
    assert store.apply([event]).server
    assert not store.apply([event])


def test_counts_by_query_and_in_all() -> None:
    store = Store()
    assert store.apply([ev.CountRead("", 412, NOW), ev.CountRead("status:failed", 3, NOW)]).fleet
    assert (store.state.counts.total, store.state.counts.by_query["status:failed"]) == (412, 3)
    assert not store.apply([ev.CountRead("status:failed", 3, NOW)])


def test_the_watch_cap_is_told_only_while_it_is_exceeded() -> None:
    store = Store()
    assert store.apply([ev.WatchCapReached(130, 100)]).fleet
    assert store.state.watch_cap == (130, 100)
    assert not store.apply([ev.WatchCapReached(130, 100)])
    store.apply([ev.WatchCapReached(80, 100)])
    assert store.state.watch_cap is None


# Facts of an opened agent


FACTS: list[tuple[str, ev.Event, Any]] = [
    ("ports", ev.PortsRead("a", (Port(8080, "tcp", "node"),), NOW), (Port(8080, "tcp", "node"),)),
    ("shares", ev.SharesRead("a", (), NOW), ()),
    ("containers", ev.ContainersRead("a", Containers(), NOW, live=True), Containers()),
    ("metadata", ev.MetadataRead("a", (MetadataItem("cpu", "CPU", "5%", age_s=1),), NOW), None),
    ("connection", ev.ConnectionRead("a", Connection(), NOW), Connection()),
    ("links", ev.LinksRead("a", Links(), NOW), Links()),
    ("node", ev.NodeRead("a", AgentNode(999), NOW), AgentNode(999)),
    ("timings", ev.TimingsRead("a", Timings("b"), NOW), Timings("b")),
]


@pytest.mark.parametrize(("name", "event", "value"), FACTS)
def test_a_fact_is_loading_then_read_then_stale_then_read_again(
    name: Any, event: ev.Event, value: Any
) -> None:
    store = Store()
    fact = lambda: getattr(store.state.details["a"], name)  # noqa: E731
    store.apply([ev.AgentOpened("a")])
    assert store.apply([ev.FactLoading("a", name)]).details == {"a"}
    assert fact().freshness is Freshness.LOADING
    assert store.apply([event]).details == {"a"}
    assert fact().freshness in (Freshness.LIVE, Freshness.POLLED)
    assert value is None or fact().value == value
    assert not store.apply([ev.FactLoading("a", name)])
    store.apply([ev.FactFailed("a", name, TROUBLE, retry_at=later(4))])
    assert (fact().freshness, fact().problem, fact().is_usable) == (Freshness.STALE, TROUBLE, True)
    store.apply([ev.FactFailed("a", name, TROUBLE, refused=True)])
    assert fact().freshness is Freshness.REFUSED
    store.apply([event])
    assert fact().problem is None


def test_every_name_of_a_fact_is_tested() -> None:
    assert {name for name, _, _ in FACTS} == set(get_args(ev.FactName))


def test_metadata_leaves_readings() -> None:
    store = Store()
    for second in range(3):
        item = MetadataItem("cpu", "CPU", f"{second}%", age_s=0, interval_s=1)
        store.apply([ev.MetadataRead("a", (item,), later(second * 2))])
    assert [r.value for r in store.state.details["a"].readings["cpu"]] == [0.0, 1.0, 2.0]


def test_closing_an_agent_lets_its_facts_and_lines_go() -> None:
    store = Store()
    store.apply([ev.AgentOpened("a"), ev.LogLinesRead("a", (make_line(1),))])
    assert not store.apply([ev.AgentOpened("a")])
    assert store.apply([ev.AgentClosed("a", NOW)]).details == {"a"}
    assert "a" not in store.state.details
    assert "a" not in store.state.logs
    assert not store.apply([ev.AgentClosed("a", NOW)])


def test_the_last_reading_of_a_closed_agent_is_kept_as_old_and_nothing_of_it_is_live() -> None:
    store = Store()
    store.apply([ev.AgentOpened("a"), ev.ContainersRead("a", Containers(), NOW, live=True)])
    store.apply(
        [ev.FactLoading("a", "ports"), ev.WorkspacesRead((make_workspace(make_agent(id="a")),), NOW, "page")]
    )
    assert store.apply([ev.AgentClosed("a", later(5))]).details == {"a"}
    kept = store.state.details["a"]
    assert (kept.closed_at, kept.containers.freshness, kept.containers.at) == (later(5), Freshness.STALE, NOW)
    assert kept.ports.freshness is Freshness.UNKNOWN
    store.apply([ev.ContainersRead("a", Containers(), later(6), live=True)])  # was on its way
    assert store.state.details["a"].containers.freshness is Freshness.STALE
    store.apply([ev.AgentOpened("a"), ev.FactLoading("a", "containers")])
    again = store.state.details["a"]
    assert (again.closed_at, again.containers.value, again.containers.freshness) == (
        None,
        Containers(),
        Freshness.STALE,
    )


def test_the_last_readings_are_kept_for_so_long_and_of_so_many_agents() -> None:
    store = Store()
    agents = [make_agent(id=f"a{n}", name=f"a{n}") for n in range(CLOSED_KEPT + 1)]
    home = make_workspace(*agents)
    store.apply([ev.WorkspacesRead((home,), NOW, "page")])
    for second, agent in enumerate(agents):
        store.apply([ev.AgentOpened(agent.id), ev.PortsRead(agent.id, (), NOW)])
        changes = store.apply([ev.AgentClosed(agent.id, later(second))])
    assert changes.details == {"a0", agents[-1].id}
    assert len(store.state.details) == CLOSED_KEPT
    assert "a0" not in store.state.details
    store.apply([ev.AgentOpened("a9")])
    swept = frozenset({home.id})
    changes = store.apply([ev.SweepEnded(swept, later(CLOSED_KEPT_S + 3), 1)])
    assert changes.details == {"a1", "a2"}
    store.apply([ev.SweepEnded(swept, later(9999), 1)])
    assert set(store.state.details) == {"a9"}


def test_what_a_closed_agent_told_goes_with_the_agent() -> None:
    store = Store()
    home = make_workspace(make_agent(id="a"))
    store.apply([ev.WorkspacesRead((home,), NOW, "page"), ev.AgentOpened("a"), ev.PortsRead("a", (), NOW)])
    store.apply([ev.AgentClosed("a", NOW), ev.SweepEnded(frozenset(), later(1), 0)])
    assert not store.state.details


def test_that_nobody_asks_hides_no_trouble() -> None:
    store = Store()
    hidden = Problem(NOT_ON_SCREEN, "Paused")
    store.apply([ev.AgentOpened("a"), ev.FactFailed("a", "containers", TROUBLE)])
    assert not store.apply([ev.FactFailed("a", "containers", hidden)])
    assert store.state.details["a"].containers.problem == TROUBLE
    store.apply(
        [ev.ContainersRead("a", Containers(), NOW, live=True), ev.FactFailed("a", "containers", hidden)]
    )
    assert store.state.details["a"].containers.problem == hidden


# Logs


def test_log_lines_and_gaps_are_told_per_agent() -> None:
    store = Store()
    assert store.apply([ev.LogLinesRead("a", (make_line(1), make_line(2)))]).logs == {"a"}
    assert not store.apply([ev.LogLinesRead("a", (make_line(2),))])
    assert store.apply([ev.LogGapFound("a", NOW, "cut")]).logs == {"a"}
    assert store.state.logs["a"].gaps[0].after_id == 2


def test_an_empty_first_answer_makes_the_book_so_that_empty_can_be_told_from_unread() -> None:
    store = Store()
    assert store.apply([ev.LogLinesRead("a", ())]).logs == {"a"}
    assert len(store.state.logs["a"]) == 0


def test_build_logs_have_books_of_their_own() -> None:
    store = Store(log_limit=20)
    changes = store.apply([ev.BuildLogLinesRead("b1", tuple(make_line(n) for n in range(1, 40)))])
    assert changes.build_logs == {"b1"}
    assert len(store.state.build_logs["b1"]) <= 20


# Streams and actions


def test_a_stream_keeps_since_when_its_state_holds_and_counts_its_losses() -> None:
    store = Store()
    steps = [
        (StreamState.CONNECTING, 0, 0, 0),
        (StreamState.LIVE, 1, 1, 0),
        (StreamState.RETRYING, 5, 5, 1),
        (StreamState.RETRYING, 6, 5, 1),
        (StreamState.LIVE, 8, 8, 1),
    ]
    for state, at, since, losses in steps:
        event = ev.StreamChanged("logs:a", state, later(at), later(at + 4) if state == "retrying" else None)
        assert store.apply([event]).streams
        stream = store.state.streams["logs:a"]
        assert (stream.state, stream.since, stream.reconnects) == (state, later(since), losses)
    assert not store.apply([ev.StreamChanged("logs:a", StreamState.LIVE, later(9))])
    assert store.apply([ev.StreamForgotten("logs:a")]).streams
    assert not store.apply([ev.StreamForgotten("logs:a")])


def test_an_action_is_one_record_that_changes() -> None:
    store = Store()
    record = ActionRecord(1, NOW, "restart", "Restart", "ada/go", "coder restart ada/go", "running")
    store.apply([ev.ActionChanged(record)])
    store.apply([ev.ActionChanged(replace(record, outcome="done"))])
    assert [r.outcome for r in store.state.actions] == ["done"]
    store.apply([ev.ActionChanged(replace(record, id=n)) for n in range(2, ACTIONS_KEPT + 50)])
    assert len(store.state.actions) == ACTIONS_KEPT


def test_something_that_is_no_event_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="no reducer for str"):
        Store().apply(["hello"])  # type: ignore[list-item]


def test_every_event_has_a_place_to_go() -> None:
    handled = set(Store.apply.__globals__["_REDUCERS"]) | {
        ev.LogLinesRead,
        ev.LogGapFound,
        ev.BuildLogLinesRead,
    }
    assert handled == set(get_args(ev.Event))


def test_changes_of_two_batches_add_up() -> None:
    one = Changes(workspaces={"a"}, streams=True)
    one.merge(Changes(workspaces={"b"}, removed={"c"}, logs={"d"}, fleet=True))
    assert (one.workspaces, one.removed, one.logs, one.streams, one.fleet) == (
        {"a", "b"},
        {"c"},
        {"d"},
        True,
        True,
    )
    assert one
    assert not Changes()


# Any order of events


def agents_of(workspace_id: str) -> st.SearchStrategy[Any]:
    return st.builds(
        make_agent,
        name=st.sampled_from(["main", "app"]),
        workspace_id=st.just(workspace_id),
        id=st.sampled_from([f"{workspace_id}-{n}" for n in range(3)]),
        status=st.sampled_from(["connected", "disconnected", "", "zombie"]),
        lifecycle=st.sampled_from(["ready", "starting", "start_error"]),
    )


def workspaces_of(workspace_id: str) -> st.SearchStrategy[Workspace]:
    return st.builds(
        lambda agents, building: make_workspace(
            *agents,
            id=workspace_id,
            build=make_build("starting", job=make_job("running")) if building else make_build(),
        ),
        st.lists(agents_of(workspace_id), max_size=2, unique_by=(lambda a: a.id, lambda a: a.name)),
        st.booleans(),
    )


AGENTS = st.one_of(agents_of("w1"), agents_of("w2"))
AGENT_IDS = st.sampled_from(["w1-0", "w2-1"])
WORKSPACES = st.one_of(workspaces_of("w1"), workspaces_of("w2"))
TIMES = st.integers(0, 20).map(later)
EVENTS: st.SearchStrategy[ev.Event] = st.one_of(
    st.builds(
        lambda w, at, via: ev.WorkspacesRead((w,), at, via),
        WORKSPACES,
        TIMES,
        st.sampled_from(["page", "watch"]),
    ),
    st.builds(ev.WorkspaceGone, st.sampled_from(["w1", "w2"])),
    st.builds(ev.SweepEnded, st.frozensets(st.sampled_from(["w1", "w2"])), TIMES, st.integers(0, 3)),
    st.builds(ev.AgentRead, AGENTS, TIMES),
    st.builds(ev.AgentOpened, AGENT_IDS),
    st.builds(ev.AgentClosed, AGENT_IDS, TIMES),
    st.builds(ev.FactFailed, AGENT_IDS, st.sampled_from(get_args(ev.FactName)), st.just(TROUBLE)),
    st.builds(ev.LogLinesRead, AGENT_IDS, st.builds(lambda n: (make_line(n),), st.integers(1, 9))),
)


def consistent(state: State) -> bool:
    homes = {a.id: w.id for w in state.workspaces.values() for a in w.agents}
    return (
        set(state.seen) == set(state.workspaces)
        and dict(state.agent_homes) == homes
        and all(isinstance(d.ports, Fact) for d in state.details.values())
        and {key.partition("/")[0] for key in state.history} <= set(state.workspaces)
    )


@settings(max_examples=150)
@given(st.lists(EVENTS, max_size=25))
def test_any_order_of_events_leaves_a_state_that_agrees_with_itself(events: list[ev.Event]) -> None:
    store = Store()
    for event in events:
        before = store.state
        changes = store.apply([event])
        assert consistent(store.state)
        if not changes and not isinstance(event, (ev.WorkspacesRead, ev.ServerAnswered)):
            assert store.state.workspaces == before.workspaces
            assert store.state.details == before.details


@settings(max_examples=50)
@given(st.lists(EVENTS, max_size=25))
def test_one_batch_is_the_same_as_many(events: list[ev.Event]) -> None:
    one, many = Store(), Store()
    one.apply(events)
    for event in events:
        many.apply([event])
    assert one.state.workspaces == many.state.workspaces
    assert one.state.history == many.state.history
    assert one.state.details == many.state.details
