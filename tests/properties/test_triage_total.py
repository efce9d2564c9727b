"""The engine is total: whatever a server may send, it never raises and never shows two primary findings of a subject."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from immutables import Map

from agentdash.state.deployment import Deployment
from agentdash.state.state import Seen
from agentdash.triage.clock import known
from agentdash.triage.diagnose import diagnose, diagnose_workspace, look
from agentdash.triage.facts import Facts
from agentdash.triage.memory import Memory
from tests.properties.healthy_fleets import healthy_fleets
from tests.properties.triage_situations import NOW, situations

SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SLOW
@given(situations())
def test_it_never_raises_and_shows_one_primary_finding_a_subject(facts: Facts) -> None:
    found = diagnose(facts)
    homes = Counter(f.subject.home for f in found.findings if f.primary)
    assert all(count == 1 for count in homes.values())
    assert set(homes) == {f.subject.home for f in found.findings}
    subjects = Counter(f.subject for f in found.findings if f.primary)
    assert all(count == 1 for count in subjects.values())
    assert not any(inner.primary for f in found.findings for inner in f.folded)
    assert len({f.id for f in found.flat()}) == len(list(found.flat()))


@SLOW
@given(situations())
def test_judging_twice_says_the_same_and_one_row_says_no_more(facts: Facts) -> None:
    once, memory = look(facts)
    assert look(facts)[0] == once
    look(replace(facts, memory=memory))
    for workspace in facts.state.workspaces.values():
        for finding in diagnose_workspace(facts, workspace):
            assert finding.subject.workspace_id == workspace.id


@SLOW
@given(situations(), st.integers(0, 400))
def test_age_without_a_reading_accuses_nobody(facts: Facts, later_s: int) -> None:
    """A row judged long after it was read is not judged worse than ninety seconds after it."""
    read = Map({w: Seen(NOW, "page") for w in facts.state.workspaces})
    state = replace(facts.state, seen=read, streams=Map(), details=Map())
    facts = replace(facts, state=state, memory=Memory(), deployment=Deployment())
    soon = replace(facts, now=NOW + timedelta(seconds=91))
    late = replace(facts, now=NOW + timedelta(seconds=91 + later_s))

    def of_workspaces(of: Facts) -> set[tuple[str, str]]:
        return {(f.rule, f.subject.id) for f in diagnose(of).flat() if f.subject.kind == "workspace"}

    assert {rule for rule, _ in of_workspaces(late) - of_workspaces(soon)} <= {"P07", "P08"}


@SLOW
@given(situations())
def test_proofs_stand_in_the_order_of_time_and_those_without_one_last(facts: Facts) -> None:
    for finding in diagnose(facts).flat():
        times = [known(proof.at) for proof in finding.evidence]
        dated = [at for at in times if at is not None]
        assert dated == sorted(dated)
        assert times[: len(dated)] == dated
        assert finding.since is None or finding.since.year >= 2000


@SLOW
@given(healthy_fleets())
def test_a_healthy_fleet_of_any_names_has_no_finding(facts: Facts) -> None:
    found = diagnose(facts)
    assert [(f.rule, f.subject.title, f.evidence) for f in found.flat()] == []
    assert not found.groups
    assert not look(facts)[0].findings
