"""Rules about the agent's connection."""

from __future__ import annotations

import pytest
from immutables import Map

from agentdash.state.state import Seen
from agentdash.triage.diagnose import diagnose
from tests.unit.triage.builders import (
    NOW,
    Agent,
    Case,
    Facts,
    agent,
    before,
    build,
    changes,
    check,
    claim_builds,
    claimed,
    facts,
    find,
    job,
    prebuild,
    replace,
    rules_of,
    workspace,
)

NEVER = {"first_connected_at": None, "last_connected_at": None, "started_at": None, "ready_at": None,
         "lifecycle": "created", "latency": (), "logs_length": 0, "version": ""}  # fmt: skip
YOUNG = build(job=job(completed_at=before(100)))


def waiting(age_s: float, **fields: object) -> Facts:
    return facts(
        workspace(agent(status="connecting", created_at=before(age_s), **{**NEVER, **fields}), build=YOUNG)
    )


def lost(ago_s: float, **fields: object) -> Agent:
    values = {
        "status": "disconnected",
        "disconnected_at": before(ago_s),
        "last_connected_at": before(ago_s + 3),
    }
    return agent(**{**values, "latency": (), **fields})


def others() -> tuple[object, ...]:
    """Well workspaces beside, so that one lost agent is not most of them."""
    return tuple(workspace(agent(workspace_id=f"o{n}"), id=f"o{n}") for n in range(4))


def flaps(*ago_s: float) -> Facts:
    steps = []
    for number, ago in enumerate(ago_s):
        old, new = ("connected", "disconnected") if number % 2 == 0 else ("disconnected", "connected")
        steps.append((ago, "status", old, new))
    return facts(workspace(agent()), history=Map({agent().key: changes(*steps)}))


def replaced(of: Agent) -> Facts:
    """An agent of the build before, while the next build runs."""
    stopping = job("running", started_at=before(20), completed_at=None)
    active = build(status="stopping", transition="stop", job=stopping, resources=())
    return facts(workspace(of, build=active, agents_are_previous=True))


CASES = {
    "A01": Case(lambda: waiting(80), lambda: waiting(40), severity="S3"),
    "A02": Case(
        lambda: facts(workspace(agent(status="timeout", created_at=before(600), **NEVER))),
        lambda: waiting(100, connection_timeout_s=110),
        severity="S1",
    ),
    "A03": Case(
        lambda: waiting(200, connection_timeout_s=0),
        lambda: waiting(100, connection_timeout_s=0),
        severity="S3",
    ),
    "A04": Case(lambda: flaps(500, 480, 200, 180), lambda: flaps(500, 480), severity="S2"),
    "A05": Case(
        lambda: facts(workspace(lost(200)), *others()),
        lambda: facts(workspace(lost(200, lifecycle="off")), *others()),
        severity="S1",
    ),
    "A06": Case(lambda: replaced(lost(30)), lambda: replaced(agent()), severity="S4"),
    "A07": Case(
        lambda: facts(workspace(), workspace(agent(workspace_id="w2"), id="w2")),
        lambda: facts(*(workspace(id=f"w{n}", template_id="tpl-none", template_name="none") for n in range(4)), pool=0),
        severity="S2",
    ),
    "A08": Case(
        lambda: facts(workspace(agent(status="connecting", **NEVER), build=build(status="stopped", transition="stop"))),
        lambda: facts(workspace(build=build(status="stopped", transition="stop"))),
        severity="S4",
    ),
    "A09": Case(
        lambda: facts(workspace(lost(90, lifecycle="off")), *others()),
        lambda: facts(workspace(agent(lifecycle="off")), *others()),
        severity="S2",
    ),
    "A11": Case(
        lambda: facts(workspace(agent(status="timeout", **NEVER), build=build(has_external_agent=True))),
        lambda: facts(workspace(agent(), build=build(has_external_agent=True))),
        severity="S4",
    ),
    "A12": Case(
        lambda: facts(workspace(lost(700, lifecycle="shutting_down")), *others()),
        lambda: facts(workspace(lost(60, lifecycle="shutting_down")), *others()),
        severity="S3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_rule_fires_there_and_nowhere_near(rule: str) -> None:
    check(rule, CASES[rule])


def test_a_time_limit_that_has_passed_counts_though_nobody_said_so() -> None:
    assert rules_of(waiting(150)) == {"A02"}


def test_an_unlimited_wait_becomes_hopeless() -> None:
    assert find(waiting(900, connection_timeout_s=0), "A03").severity.label == "S1"


def test_a_lost_connection_is_first_a_note_then_an_alarm() -> None:
    assert find(facts(workspace(lost(20)), *others()), "A05").severity.label == "S3"
    assert find(facts(workspace(lost(121)), *others()), "A05").severity.label == "S1"


def just_claimed(lost_ago_s: float, claimed_ago_s: float) -> Facts:
    at = before(claimed_ago_s)
    second = build(number=2, preset_id="preset-small", job=job(created_at=at, completed_at=at), created_at=at)
    home = claimed(lost(lost_ago_s), build=second)
    return facts(home, *others(), builds=claim_builds(home))


def test_a_claimed_agent_may_start_over() -> None:
    assert rules_of(just_claimed(10, 15)) == set()
    assert rules_of(just_claimed(60, 90)) == {"A05"}


def test_a_row_that_was_not_read_for_long_is_judged_as_of_then() -> None:
    old = Seen(before(3600), "page")
    young = agent(status="connecting", created_at=before(3630), **NEVER)
    stale = facts(workspace(young, build=build(job=job(completed_at=before(3631)))), seen=Map({"w1": old}))
    # 30 s at the reading: an hour later it may have long connected.
    assert rules_of(stale) <= {"A01"}


def test_a_watch_that_may_be_deaf_is_no_evidence() -> None:
    gone = prebuild(1, lost(300, workspace_id="pb1"))
    heard = Map({"pb1": Seen(before(120), "watch")})
    found = diagnose(facts(gone, *others(), seen=heard))
    assert not list(found.flat())
    assert "A05" in {c.rule for c in found.cannot_know}


def test_never_connected_shows_the_machine_and_its_siblings() -> None:
    never = agent(
        status="timeout", created_at=before(600), troubleshooting_url="https://help.example.com", **NEVER
    )
    found = find(facts(workspace(never), *others()), "A02")
    said = " | ".join(e.text for e in found.evidence)
    assert "docker_container main" in said
    assert "https://help.example.com" in said
    assert "0 of 6 others of this version never connected either" in said
    assert any(step.command == "coder restart ada/w1" for step in found.next)


def test_an_agent_lost_with_most_others_is_the_server() -> None:
    def many(ago_s: float) -> Facts:
        return facts(*(workspace(lost(ago_s, workspace_id=f"w{n}"), id=f"w{n}") for n in range(6)))

    now = diagnose(many(60))
    assert [f.rule for f in now.flat()] == ["V06"]
    later = diagnose(many(400))
    assert [(f.rule, f.subject.kind, f.severity.label) for f in later.flat()] == [("A05", "deployment", "S1")]
    # Nothing that names one workspace.
    assert [s.command for s in later.findings[0].next] == [""]


def test_agents_lost_one_after_another_are_told_one_by_one() -> None:
    found = diagnose(
        facts(*(workspace(lost(300 + 200 * n, workspace_id=f"w{n}"), id=f"w{n}") for n in range(4)))
    )
    assert [f.rule for f in found.findings] == ["A05"] * 4


def test_flapping_names_its_period() -> None:
    found = find(flaps(540, 535, 480, 475, 420, 415, 360, 355), "A04")
    assert any("every 60 s" in e.text for e in found.evidence)


def test_times_are_the_servers() -> None:
    later = replace(
        facts(workspace(agent(status="connecting", created_at=NOW, **NEVER), build=YOUNG)), now=before(-90)
    )
    assert "A01" in rules_of(later)
