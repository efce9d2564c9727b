"""Traps of the rules about agents, scripts and devcontainers: clocks, results that hide others, machines without Docker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from immutables import Map

from agentdash.api import schema
from agentdash.api.schema import from_python
from agentdash.state import convert
from tests.unit.triage.builders import (
    ORG,
    Agent,
    Fact,
    Facts,
    Freshness,
    Problem,
    Timing,
    Timings,
    agent,
    before,
    detail,
    devcontainer_row,
    facts,
    find,
    read,
    rules_of,
    script,
    sub_agent,
    tail,
    workspace,
)

SKEW = timedelta(hours=3)
BAD = script(status="exit_failure", exit_code=1)


def timed(of: Agent, *runs: Timing) -> Facts:
    return facts(workspace(of), timings=Map({"b-w1": read(Timings("b-w1", scripts=runs))}))


def run(of: Agent, name: str, status: str, ago_s: float = 400) -> Timing:
    began = before(ago_s)
    return Timing(
        "start", name, began, began + timedelta(seconds=20), agent_id=of.id, status=status, exit_code=7
    )


@pytest.mark.parametrize("skew", [timedelta(0), -SKEW])
def test_a_failed_start_is_dated_by_the_servers_clock(skew: timedelta) -> None:
    """One read knows no past; the agent's own clock tells only how long the start took."""
    late = agent(
        lifecycle="start_error",
        scripts=(BAD,),
        first_connected_at=before(500),
        started_at=before(500) + skew,
        ready_at=before(440) + skew,
    )
    ended = Timing(
        "start", BAD.name, before(500) + skew, before(450) + skew, agent_id=late.id, status="exit_failure"
    )
    found = find(timed(late, ended), "S03")
    assert found.since == before(440)
    assert [proof.at for proof in found.evidence if proof.at is not None] == [before(450), before(440)]


def test_a_schedule_that_ran_well_does_not_hide_the_failed_start() -> None:
    both = script("backup", cron="0 0 * * * *", status="ok", exit_code=0)
    main = agent(
        lifecycle="start_error",
        scripts=(both,),
        started_at=before(450),
        first_connected_at=before(451),
        ready_at=before(400),
    )
    found = find(timed(main, run(main, "backup", "exit_failure")), "S03")
    assert found.title == "backup failed: exit 7"
    assert found.confidence == "certain"


def test_a_failing_schedule_is_not_blamed_for_the_start() -> None:
    both = script("backup", cron="0 0 * * * *", status="exit_failure", exit_code=1)
    main = agent(
        lifecycle="start_error",
        scripts=(BAD, both),
        started_at=before(450),
        first_connected_at=before(451),
        ready_at=before(400),
    )
    started = timed(main, run(main, "backup", "ok"), run(main, BAD.name, "exit_failure"))
    assert find(started, "S03").suspect == BAD.name
    assert find(started, "S08").suspect == "backup"
    # Without the timings it may have been either.
    assert rules_of(facts(workspace(main))) == {"S03"}


def without_docker(of: Agent) -> Facts:
    said = 'HTTP 500: Could not get containers: run docker ps: exec: "docker": executable file not found in $PATH'
    problem = Problem("ServerError", "Server error", said, status=500)
    fact: Fact[object] = Fact(None, Freshness.STALE, before(5), problem)
    return facts(workspace(of), details=detail(of, containers=fact))


def test_a_machine_without_docker_is_a_note_unless_the_template_wants_one() -> None:
    found = find(without_docker(agent()), "D08")
    assert (found.severity.label, found.title) == ("S4", "No Docker in the workspace")
    assert rules_of(without_docker(agent())) == {"D08"}
    wants = agent(scripts=(script(), devcontainer_row(status="ok", exit_code=0)))
    assert rules_of(without_docker(wants)) == {"D04"}


def test_a_sub_agent_that_never_connects_is_gone_too() -> None:
    main = agent()
    waiting = {
        "status": "connecting",
        "first_connected_at": None,
        "last_connected_at": None,
        "lifecycle": "created",
        "started_at": None,
        "ready_at": None,
        "latency": (),
    }
    assert rules_of(facts(workspace(main, sub_agent(main, created_at=before(200), **waiting)))) == {"D07"}
    assert rules_of(facts(workspace(main, sub_agent(main, created_at=before(60), **waiting)))) == set()


def test_a_failed_devcontainer_is_dated_by_its_last_word() -> None:
    broken = agent(
        lifecycle="start_error", scripts=(script(), devcontainer_row(status="exit_failure", exit_code=1))
    )
    log = tail(
        "ERROR: failed to solve: process apt-get did not complete",
        '{"outcome":"error","message":"Command failed: docker buildx build"}',
        source="src-dc-app",
    )
    found = find(facts(workspace(broken), agent_logs=Map({broken.id: log})), "D02")
    assert found.since == log.value.lines[1].at
    assert [proof.text for proof in found.evidence if proof.source.startswith("log")] == [
        "ERROR: failed to solve: process apt-get did not complete",
        "Command failed: docker buildx build",
    ]


def test_a_refusal_for_haste_counts_wherever_it_is_said() -> None:
    hasty: Fact[object] = Fact(
        None, Freshness.STALE, None, Problem("RateLimited", "Too many", "", status=429)
    )
    assert rules_of(facts(workspace(agent()), builds=Map({"w1": hasty}))) == {"V03"}
    assert rules_of(facts(workspace(agent()), jobs=Map({ORG: hasty}))) == {"V03"}


def test_a_limit_that_is_not_told_is_not_one_that_was_switched_off() -> None:
    raw = from_python(schema.Agent, {"id": "a", "name": "main", "status": "connecting"}).value
    told = convert.agent(raw, "w1").connection_timeout_s
    slow = {
        "status": "connecting",
        "lifecycle": "created",
        "created_at": before(4000),
        "first_connected_at": None,
        "last_connected_at": None,
        "started_at": None,
        "ready_at": None,
        "latency": (),
    }
    assert rules_of(facts(workspace(agent(connection_timeout_s=0, **slow)))) == {"A03"}
    assert rules_of(facts(workspace(agent(connection_timeout_s=told, **slow)))) == {"A01"}
