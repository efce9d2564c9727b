"""Traps of the rules about builds: codes nobody knows yet, queues whose daemons may not be read, what to try again."""

from __future__ import annotations

from immutables import Map

from tests.unit.triage.builders import (
    ORG,
    Facts,
    MatchedProvisioners,
    Role,
    Server,
    User,
    before,
    build,
    facts,
    failed_build,
    find,
    job,
    pending,
    refused,
    rules_of,
    tail,
    workspace,
)

TEMPLATE_ADMIN = Server(version="v2.37.1+1a2b", user=User("u", "tara", roles=(Role("template-admin"),)))


def test_a_code_that_nobody_knows_is_no_reason_for_silence() -> None:
    coded = job("failed", error="no", error_code="EXTERNAL_AUTH_REQUIRED")
    found = find(facts(workspace(build=failed_build(job=coded))), "B09")
    assert "EXTERNAL_AUTH_REQUIRED" in {proof.text for proof in found.evidence}


def test_the_reason_below_the_error_is_the_cause() -> None:
    log = tail(
        "Error: Unable to create container",
        "  with docker_container.workspace,",
        "Error response from daemon: no space left on device",
        source="Starting workspace",
    )
    found = find(facts(workspace(build=failed_build()), build_logs=Map({"b-w1": log})), "B09")
    # The last block that says why is quoted.
    assert found.causes[0] == "the disk is full"
    assert any("no space left on device" in proof.text for proof in found.evidence)


def unread_queue(size: int, available: int) -> Facts:
    """Seen by somebody who may not read the daemons."""
    seen = MatchedProvisioners(available, available, None)
    waits = job(
        "pending",
        created_at=before(90),
        started_at=None,
        completed_at=None,
        queue_position=1,
        queue_size=size,
    )
    queued = workspace(build=pending("w1", 90, matched=seen, job=waits))
    return facts(queued, server=TEMPLATE_ADMIN, daemons=Map({ORG: refused()}))


def test_a_job_that_a_daemon_is_there_for_is_not_behind_others() -> None:
    assert rules_of(unread_queue(size=1, available=3)) == set()
    assert rules_of(unread_queue(size=4, available=3)) == {"B03"}


def test_what_is_tried_again_is_what_failed() -> None:
    for transition in ("stop", "delete"):
        torn = build(
            status="failed", transition=transition, job=job("failed", error="volume in use"), resources=()
        )
        found = find(facts(workspace(build=torn)), "B14")
        assert found.next[0].command == f"coder {transition} ada/w1"
