"""What is remembered between two looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from immutables import Map

from agentdash.state.freshness import Stream, StreamState
from agentdash.triage.diagnose import diagnose, look
from agentdash.triage.facts import Facts
from agentdash.triage.memory import Memory
from tests.unit.triage.builders import (
    NOW,
    PRESET,
    Containers,
    Devcontainer,
    Fact,
    Freshness,
    Problem,
    agent,
    before,
    detail,
    devcontainer_row,
    facts,
    read,
    rules_of,
    script,
    workspace,
)

MAIN = agent()


def at(of: Facts, seconds: float) -> Facts:
    return replace(of, now=NOW + timedelta(seconds=seconds))


def watched(*looks: Facts) -> tuple[set[str], Memory]:
    """Rules of the last look, all before it remembered."""
    memory, rules = Memory(), set[str]()
    for one in looks:
        found, memory = look(replace(one, memory=memory))
        rules = rules_of(found)
    return rules, memory


def test_a_pool_is_short_since_it_was_seen_so() -> None:
    full, short = facts(), facts(pool=1)
    rules, memory = watched(full, at(short, 30), at(short, 120))
    assert memory.short[PRESET] == NOW + timedelta(seconds=30)
    assert "P03" not in rules
    rules, _ = watched(full, at(short, 30), at(short, 300))
    assert "P03" in rules
    rules, memory = watched(full, at(short, 30), at(full, 60))
    assert memory.short == Map()


def started(moment: datetime) -> Facts:
    return facts(workspace(agent(started_at=moment)))


def test_starts_are_counted_within_one_build() -> None:
    times = [before(600), before(400), before(200), before(10)]
    rules, memory = watched(*(at(started(moment), n) for n, moment in enumerate(times)))
    assert len(memory.starts[MAIN.key].noticed) == 3
    assert "R06" in rules
    rebuilt = started(before(5))
    home = rebuilt.state.workspaces["w1"]
    anew = replace(home, build=replace(home.build, id="b-next"))
    state = replace(rebuilt.state, workspaces=rebuilt.state.workspaces.set("w1", anew))
    _, memory = watched(*(started(m) for m in times), replace(rebuilt, state=state))
    assert memory.starts[MAIN.key].noticed == ()


def test_a_devcontainer_is_stopped_since_it_was_seen_so() -> None:
    main = agent(scripts=(script(), devcontainer_row()))

    def shown(status: str) -> Facts:
        box = Devcontainer("dc-app", "app", "/home/app", status)
        return facts(workspace(main), details=detail(main, containers=read(Containers((box,)))))

    assert "D11" not in watched(shown("running"), at(shown("stopped"), 5), at(shown("stopped"), 10))[0]
    assert "D11" in watched(shown("running"), at(shown("stopped"), 5), at(shown("stopped"), 40))[0]


def test_streams_that_die_at_one_age_are_counted() -> None:
    def stream(state: StreamState, since_s: float) -> Facts:
        made = Stream("logs:a", state, NOW + timedelta(seconds=since_s), None, None, 1)
        beside = Stream("metadata:a", StreamState.LIVE, NOW)
        return facts(workspace(MAIN), streams=Map({"logs:a": made, "metadata:a": beside}))

    looks = []
    for round_ in range(3):
        began = round_ * 70
        looks += [
            at(stream(StreamState.LIVE, began), began + 1),
            at(stream(StreamState.RETRYING, began + 60), began + 61),
        ]
    rules, memory = watched(*looks)
    assert [round(cut.age_s) for cut in memory.cuts] == [60, 60, 60]
    assert "N05" in rules
    assert "N05" not in watched(*looks[:4])[0]


def test_streams_are_refused_since_the_first_refusal_and_not_since_the_last_try() -> None:
    def refused(second: float) -> Facts:
        tried = NOW + timedelta(seconds=second)
        problem = Problem("ServerError", "Bad gateway", status=502)
        streams = (Stream(s, StreamState.RETRYING, tried, None, problem) for s in ("logs:a", "metadata:a"))
        return facts(workspace(MAIN), now=tried, streams=Map({s.id: s for s in streams}))

    memory = Memory()
    for second in (0, 30, 300):
        found, memory = look(replace(refused(second), memory=memory))
    assert next(f.since for f in found.flat() if f.rule == "N04") == NOW

    live = Stream("logs:a", StreamState.LIVE, NOW + timedelta(seconds=310))
    _, memory = look(replace(at(facts(streams=Map({"logs:a": live})), 310), memory=memory))
    found, _ = look(replace(refused(400), memory=memory))
    assert next(f.since for f in found.flat() if f.rule == "N04") == NOW + timedelta(seconds=400)


def test_a_stream_that_ended_in_order_was_not_cut() -> None:
    def stream(state: StreamState) -> Facts:
        return facts(workspace(MAIN), streams=Map({"logs:a": Stream("logs:a", state, NOW)}))

    _, memory = watched(stream(StreamState.LIVE), at(stream(StreamState.STOPPED), 60))
    assert memory.cuts == ()


def test_two_questions_in_vain_are_a_broken_way() -> None:
    def silent(number: int) -> Facts:
        problem = Problem("AgentUnreachable", "Agent does not answer", status=500, request_id=str(number))
        unread = Fact(None, Freshness.STALE, before(5), problem)
        return facts(workspace(MAIN), details=detail(MAIN, ports=unread))

    assert "N06" not in watched(silent(1), silent(1))[0]
    assert "N06" in watched(silent(1), silent(2))[0]
    answered = facts(workspace(MAIN), details=detail(MAIN, ports=read(())))
    assert "N06" not in watched(silent(1), answered, silent(2))[0]


def test_looking_is_pure() -> None:
    one = facts(workspace(MAIN))
    assert look(one) == look(one)
    assert diagnose(one) == diagnose(one)
