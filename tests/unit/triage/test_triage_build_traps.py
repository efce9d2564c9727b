"""Traps of the rules about builds: codes nobody knows yet, reasons far below, what to try again."""

from __future__ import annotations

from immutables import Map

from tests.unit.triage.builders import (
    build,
    facts,
    failed_build,
    find,
    job,
    tail,
    workspace,
)


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


def test_what_is_tried_again_is_what_failed() -> None:
    for transition in ("stop", "delete"):
        torn = build(
            status="failed", transition=transition, job=job("failed", error="volume in use"), resources=()
        )
        found = find(facts(workspace(build=torn)), "B14")
        assert found.next[0].command == f"coder {transition} ada/w1"
