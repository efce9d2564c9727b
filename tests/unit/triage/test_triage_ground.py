"""What the rules stand on: ages, thresholds, baselines, claims, pools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from immutables import Map

from agentdash.state.model import Timing, Timings, Workspace
from agentdash.triage.baseline import Baseline, learn, timed_steps
from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.census import Census
from agentdash.triage.claims import Claim, claim_of
from agentdash.triage.clock import after, age_s, known, latest, older, span_s, within, words
from agentdash.triage.pools import pools_of
from agentdash.triage.thresholds import Thresholds
from tests.unit.triage.builders import (
    NOW,
    PREBUILDS_USER_ID,
    PRESET,
    VERSION,
    BuildSummary,
    Preset,
    agent,
    bare_prebuild,
    before,
    build,
    changes,
    claimed,
    facts,
    failed_build,
    job,
    pending,
    prebuild,
    read,
    sub_agent,
    workspace,
)

YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


def test_times_that_are_none_have_no_age() -> None:
    assert known(YEAR_ONE) is None
    assert age_s(None, NOW) is None
    assert age_s(YEAR_ONE, NOW) is None
    assert age_s(NOW + timedelta(minutes=1), NOW) is None
    assert age_s(NOW + timedelta(seconds=1), NOW) == 0
    assert not older(YEAR_ONE, NOW, 5)
    assert not within(None, NOW, 5)
    assert within(before(3), NOW, 5)
    assert span_s(NOW, before(5)) is None
    assert latest(None, YEAR_ONE) is None
    assert after(LAST, 60) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (99, "99 s"),
        (130, "2 m 10 s"),
        (3600, "60 m"),
        (7260, "2 h 1 m"),
        (200_000, "2 d"),
        (-4, "0 s"),
    ],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert words(seconds) == text


def test_thresholds_are_set_by_name() -> None:
    assert Thresholds().with_settings({"lost_s": 30}).lost_s == 30
    with pytest.raises(ValueError, match="did you mean lost_s"):
        Thresholds().with_settings({"lost": 30})
    with pytest.raises(ValueError, match="must be a number"):
        Thresholds().with_settings({"lost_s": -1})


def test_entries_name_thresholds_that_exist() -> None:
    named = {name for entry in CATALOGUE.values() for name in entry.thresholds}
    assert named <= set(Thresholds.names())


def learned(workspaces: list[Workspace]) -> Baseline:
    starts = Census(workspaces).newest_starts(60)
    return learn(starts, Map(), least=5, kept=20)


def started(number: int, build_s: float, ready_s: float) -> Workspace:
    home = f"w{number}"
    made = agent(workspace_id=home, started_at=before(3000), ready_at=before(3000 - ready_s))
    built = job(created_at=before(4000), started_at=before(3990), completed_at=before(3990 - build_s))
    return workspace(made, id=home, build=build(home, job=built))


def test_usual_times_are_learned_from_the_list() -> None:
    many = [started(n, 20 + n, 60 + n) for n in range(6)]
    base = learned(many)
    ready = base.of(many[0], "ready:main")
    assert ready is not None
    assert (ready.median_s, ready.p95_s, ready.samples) == (62.5, 65, 6)
    queue = base.of(many[0], "queue")
    assert queue is not None
    assert queue.median_s == 10


def test_too_few_starts_are_no_habit() -> None:
    few = [started(n, 20, 60) for n in range(4)]
    assert learned(few).of(few[0], "ready:main") is None


def test_only_starts_that_ended_well_are_learned_from() -> None:
    bad = [workspace(agent(workspace_id=f"w{n}", lifecycle="start_error"), id=f"w{n}") for n in range(9)]
    base = learned(bad)
    assert base.of(bad[0], "ready:main") is None
    assert base.of(bad[0], "connect:main") is not None
    failed = [workspace(id=f"w{n}", build=failed_build(f"w{n}")) for n in range(9)]
    assert learned(failed).figures == {}


def test_stages_span_from_their_first_to_their_last_action() -> None:
    apply = [Timing("apply", f"a{n}", before(100 - n), before(90 - n)) for n in range(3)]
    cut = Timing("start", "slow", before(50), before(20), agent_name="main", status="timed_out")
    steps = dict(timed_steps(Timings("b", tuple(apply), (cut,))))
    assert steps["apply"] == 12
    assert steps["resource:a1"] == 10
    assert "script:main:slow" not in steps


def test_claims_are_told_by_the_first_build() -> None:
    home = claimed(agent())
    first = BuildSummary("b1", home.id, 1, "start", "running", "succeeded", initiator_id=PREBUILDS_USER_ID)
    mine = BuildSummary("b1", home.id, 1, "start", "running", "succeeded", initiator_id="u1")
    assert claim_of(home, (first,)) == Claim(2, True, home.build.created_at)
    assert claim_of(home, (mine,)) is False
    assert claim_of(home, None) is True
    assert claim_of(workspace(build=build(number=2)), None) is False
    assert claim_of(prebuild(), None) is False
    seen = changes((60, "owner", "prebuilds", "ada"))
    assert claim_of(home, None, seen) == Claim(2, True, before(60))
    later = workspace(build=build(number=3, preset_id=PRESET))
    found = claim_of(later, (first, BuildSummary("b2", "w1", 2, "start", "", "", initiator_id="u1")))
    assert isinstance(found, Claim)
    assert (found.number, found.is_latest) == (2, False)


def test_pool_is_counted_as_the_reconciler_counts() -> None:
    busy = agent(workspace_id="pb2", lifecycle="starting")
    main = agent(workspace_id="pb3")
    members = (
        prebuild(1),
        prebuild(2, busy),
        prebuild(3, main, sub_agent(main, lifecycle="starting")),
        bare_prebuild(4, build=pending("pb4", preset_id=PRESET)),
        bare_prebuild(5, build=failed_build("pb5", preset_id=PRESET)),
        bare_prebuild(6),
    )
    (pool,) = pools_of(members, facts().deployment)
    assert (pool.template_name, pool.name, pool.desired, pool.is_active) == ("web", "small", 2, True)
    counts = [
        len(part)
        for part in (pool.running, pool.eligible, pool.claimable, pool.starting, pool.queued, pool.failed)
    ]
    assert counts == [4, 2, 1, 1, 1, 1]


def test_a_wanted_pool_without_instances_is_a_pool() -> None:
    (pool,) = pools_of((), facts().deployment)
    assert (pool.desired, pool.prebuilds) == (2, ())
    none = facts(presets=Map({VERSION: read((Preset(PRESET, "small", VERSION, 0),))})).deployment
    assert pools_of((), none) == ()
