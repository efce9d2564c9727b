"""Judging anew only what may come out otherwise says the same as judging everything anew, whatever happens between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from immutables import Map

from agentdash.state.deployment import Deployment
from agentdash.state.logs import LogBook
from agentdash.state.model import Agent, LogLine, Transition, Workspace
from agentdash.state.state import State
from agentdash.triage.diagnose import look
from agentdash.triage.facts import Facts
from agentdash.triage.incremental import Incremental
from agentdash.triage.memory import Memory
from tests.properties.triage_situations import NOW, situations
from tests.unit.triage import (
    test_triage_build,
    test_triage_connect,
    test_triage_devcontainers,
    test_triage_pool,
    test_triage_scripts,
    test_triage_surroundings,
)
from tests.unit.triage.builders import facts as facts_of
from tests.unit.triage.builders import rules_of
from tests.unit.triage.test_triage_groups import of_version

SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
CASES = {
    **test_triage_build.CASES,
    **test_triage_connect.CASES,
    **test_triage_devcontainers.CASES,
    **test_triage_pool.CASES,
    **test_triage_scripts.CASES,
    **test_triage_surroundings.CASES,
}
STATE_PARTS = ("server", "seen", "details", "streams", "history", "fleet")
DEPLOYMENT_PARTS = tuple(field.name for field in fields(Deployment))
CLOCK_STEPS_S = (0, 1, 2, 2, 5, 10, 29, 31, 45, 60, 61, 89, 91, 120, 181, 301, 601, 1801, 4000, 90_000, -3)

Change = Callable[[Facts, Facts], Facts]
"""Facts, and others to take something from → the facts after something has happened."""


def _with_state(facts: Facts, state: State) -> Facts:
    return replace(facts, state=state)


def _workspace(number: int, change: Callable[[Workspace, Workspace | None], Workspace | None]) -> Change:
    """Something happens to one workspace, or it goes, or another comes."""

    def changed(facts: Facts, other: Facts) -> Facts:
        home = f"w{number}"
        old, theirs = facts.state.workspaces.get(home), other.state.workspaces.get(home)
        new = change(old, theirs) if old is not None else theirs
        kept = {k: w for k, w in facts.state.workspaces.items() if k != home}
        workspaces = kept if new is None else {**kept, home: new}
        homes = Map({a.id: w.id for w in workspaces.values() for a in w.agents})
        return _with_state(facts, replace(facts.state, workspaces=Map(workspaces), agent_homes=homes))

    return changed


def _agents(change: Callable[[Agent], Agent]) -> Callable[[Workspace, Workspace | None], Workspace]:
    return lambda old, _: replace(old, agents=tuple(map(change, old.agents)))


def _history(key: str, change: Transition) -> Change:
    def changed(facts: Facts, _: Facts) -> Facts:
        known = facts.state.history.get(key, ())
        history = facts.state.history.set(key, (*known, replace(change, at=facts.now))[-24:])
        return _with_state(facts, replace(facts.state, history=history))

    return changed


def _log(agent_id: str) -> Change:
    """A line arrives: a book is appended to in its place."""

    def changed(facts: Facts, _: Facts) -> Facts:
        book = facts.state.logs.get(agent_id) or LogBook()
        book.add([LogLine(book.last_id + 1, facts.now, "error", "a", f"npm: not found {book.last_id}")])
        return _with_state(facts, replace(facts.state, logs=facts.state.logs.set(agent_id, book)))

    return changed


def _part(name: str) -> Change:
    return lambda facts, other: _with_state(facts, replace(facts.state, **{name: getattr(other.state, name)}))


def _deployment(name: str) -> Change:
    def changed(facts: Facts, other: Facts) -> Facts:
        parts: dict[str, Any] = {name: getattr(other.deployment, name)}
        return replace(facts, deployment=replace(facts.deployment, **parts))

    return changed


def _thresholds(facts: Facts, _: Facts) -> Facts:
    limits = facts.thresholds
    return replace(facts, thresholds=replace(limits, script_s=900 - limits.script_s / 2))


_of_workspaces = st.sampled_from(
    [
        lambda _, other: other,
        _agents(lambda a: replace(a, status="connected", lifecycle="starting", disconnected_at=None)),
        _agents(lambda a: replace(a, status="connected", lifecycle="ready", last_connected_at=NOW)),
        _agents(lambda a: replace(a, status="disconnected", disconnected_at=NOW)),
        _agents(lambda a: replace(a, status="connecting", first_connected_at=None, created_at=NOW)),
        _agents(lambda a: replace(a, started_at=NOW, ready_at=NOW + timedelta(seconds=70))),
        lambda old, _: replace(old, build=replace(old.build, transition="start", status="running")),
        lambda old, _: replace(old, build=replace(old.build, job=replace(old.build.job, status="succeeded"))),
        lambda old, _: replace(old, agents_are_previous=not old.agents_are_previous),
    ]
)
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(_workspace, st.integers(0, 2), _of_workspaces),
    st.builds(
        _history,
        st.sampled_from(["w0", "w0/a0", "w1/a0"]),
        st.builds(
            Transition,
            st.just(NOW),
            st.sampled_from(["status", "lifecycle", "owner"]),
            st.sampled_from(["connected", "prebuilds", "starting"]),
            st.sampled_from(["connected", "disconnected", "starting", "ready"]),
        ),
    ),
    st.builds(_log, st.sampled_from(["w0-a0", "w1-a0"])),
    st.builds(_part, st.sampled_from(STATE_PARTS)),
    st.builds(_deployment, st.sampled_from(DEPLOYMENT_PARTS)),
    st.just(_thresholds),
)
steps = st.tuples(st.lists(st.tuples(changes, st.integers(0, 1)), max_size=2), st.sampled_from(CLOCK_STEPS_S))


class Both:
    """Two who look at the same facts and remember for themselves: one judges everything, the other what has changed."""

    def __init__(self, memory: Memory) -> None:
        self._judge = Incremental()
        self._memory = self._kept = memory

    def look(self, facts: Facts) -> None:
        whole, self._memory = look(replace(facts, memory=self._memory))
        judged, found = self._judge.look(replace(facts, memory=self._kept))
        self._kept = judged.memory
        assert found == whole
        assert self._kept == self._memory


@SLOW
@given(situations(), st.tuples(situations(), situations()), st.lists(steps, min_size=2, max_size=10))
def test_it_says_what_a_judgement_of_everything_says(
    facts: Facts, others: tuple[Facts, Facts], course: list[tuple[list[tuple[Change, int]], int]]
) -> None:
    both = Both(facts.memory)
    for happened, later_s in course:
        for change, of in happened:
            facts = change(facts, others[of])
        facts = replace(facts, now=facts.now + timedelta(seconds=later_s))
        both.look(facts)


# Facts in which a rule holds, and in which it nearly does: the step from one to the other, part by part


def _as_stored(old: Facts, new: Facts) -> Facts:
    """New facts with the old objects where they are equal, as the store hands them on."""
    known = old.state.workspaces
    same = {k: known[k] if known.get(k) == w else w for k, w in new.state.workspaces.items()}
    return replace(new, state=replace(new.state, workspaces=Map(same)))


def _parts(facts: Facts, other: Facts) -> list[Change]:
    """What must happen for facts to become others: one change for each part in which they differ."""

    def workspaces(facts: Facts, other: Facts) -> Facts:
        state, theirs = facts.state, other.state
        new = replace(state, workspaces=theirs.workspaces, agent_homes=theirs.agent_homes)
        return _as_stored(facts, replace(facts, state=new))

    found: list[Change] = [workspaces]
    found += [_part(n) for n in STATE_PARTS if getattr(facts.state, n) != getattr(other.state, n)]
    found += [
        _deployment(n)
        for n in DEPLOYMENT_PARTS
        if getattr(facts.deployment, n) != getattr(other.deployment, n)
    ]
    return found


def _unread(facts: Facts) -> Facts:
    """As if the rows had just been read at every look: then all ages go on."""
    return replace(facts, state=replace(facts.state, seen=Map()))


@pytest.mark.parametrize("rule", sorted(CASES))
@given(order=st.randoms(use_true_random=False), later_s=st.sampled_from((0, 1, 30)), is_back=st.booleans())
@settings(max_examples=8, deadline=None)
def test_a_rule_that_begins_or_ceases_to_hold_is_noticed(
    rule: str, order: Random, later_s: int, is_back: bool
) -> None:
    near, fires = CASES[rule].near(), CASES[rule].fires()
    first, then = (fires, near) if is_back else (near, fires)
    both = Both(first.memory)
    facts = first
    both.look(facts)
    parts = _parts(first, then)
    order.shuffle(parts)
    for change in parts:
        facts = change(facts, then)
        facts = replace(facts, now=facts.now + timedelta(seconds=later_s))
        both.look(facts)


@pytest.mark.parametrize("rule", sorted(CASES))
@given(
    steps_s=st.lists(
        st.sampled_from((1, 3, 10, 25, 60, 100, 300, 700, 3000, 20_000)), min_size=6, max_size=24
    ),
    is_near=st.booleans(),
    is_read=st.booleans(),
)
@settings(max_examples=8, deadline=None)
def test_time_alone_makes_and_ends_findings(
    rule: str, steps_s: list[int], is_near: bool, is_read: bool
) -> None:
    facts = CASES[rule].near() if is_near else CASES[rule].fires()
    if not is_read:
        facts = _unread(facts)
    both = Both(facts.memory)
    now = facts.now - timedelta(seconds=sum(steps_s) / 2)
    for step_s in steps_s:
        both.look(replace(facts, now=now))
        now += timedelta(seconds=step_s)


def test_what_is_kept_of_a_workspace_goes_with_it() -> None:
    judge = Incremental()
    facts = _unread(CASES["S03"].fires())
    judged, _ = judge.look(facts)
    state = replace(facts.state, workspaces=Map(), agent_homes=Map(), history=Map())
    judged, found = judge.look(replace(facts, state=state, memory=judged.memory))
    assert judge.kept() == 0
    assert not any(f.subject.workspace_id for f in found.flat())
    assert not judged.memory.starts


def test_what_did_not_change_is_not_judged_anew() -> None:
    judge = Incremental()
    facts = _unread(CASES["S03"].fires())
    judged, first = judge.look(facts)
    later = replace(facts, now=facts.now + timedelta(seconds=2), memory=judged.memory)
    _, second = judge.look(later)
    assert [id(f) for f in second.findings] == [id(f) for f in first.findings]


def _judged_with(both: Both, facts: Facts, workspace: Workspace) -> Facts:
    """The same facts with one workspace another, looked at."""
    state = facts.state
    facts = replace(facts, state=replace(state, workspaces=state.workspaces.set(workspace.id, workspace)))
    both.look(facts)
    return facts


def test_a_start_is_no_longer_slow_once_the_others_are_as_slow() -> None:
    facts = CASES["S12"].fires()
    both = Both(facts.memory)
    both.look(facts)
    for n in range(6):
        (agent,) = facts.state.workspaces[f"o{n}"].agents
        slower = replace(agent, ready_at=NOW - timedelta(seconds=4800))
        facts = _judged_with(both, facts, replace(facts.state.workspaces[f"o{n}"], agents=(slower,)))
    assert "S12" in rules_of(CASES["S12"].fires())
    assert "S12" not in rules_of(facts)


def test_a_group_grows_and_ends_with_its_members() -> None:
    bad = [of_version(n, "v31", is_broken=n != 0) for n in range(6)]
    good = [of_version(100 + n, "v30", is_broken=False) for n in range(8)]
    facts = facts_of(*bad, *good, pool=0)
    both = Both(facts.memory)
    both.look(facts)
    for is_broken in (True, False):
        for n in range(6):
            facts = _judged_with(both, facts, of_version(n, "v31", is_broken=is_broken))
    for n in range(6):
        facts = _judged_with(both, facts, of_version(n, "v30" if n % 2 else "v31", is_broken=True))
