"""Rules about builds and provisioners: where each fires, and the nearest moment at which it must not."""

from __future__ import annotations

import pytest
from immutables import Map

from agentdash.triage.diagnose import diagnose
from tests.unit.triage.builders import (
    ORG,
    PREBUILDS_USER_ID,
    VERSION,
    BuildSummary,
    Case,
    Facts,
    MatchedProvisioners,
    ProvisionerJob,
    Role,
    Server,
    User,
    agent,
    before,
    build,
    check,
    daemon,
    facts,
    failed_build,
    find,
    job,
    pending,
    prebuild,
    read,
    refused,
    replace,
    tail,
    workspace,
)

BUSY = Map({ORG: read((daemon(status="busy"),))})
NOBODY = MatchedProvisioners(0, 0, None)
STALE = MatchedProvisioners(2, 0, before(600))
FRESH = MatchedProvisioners(2, 2, before(10))


def queued(waited_s: float, matched: MatchedProvisioners | None = FRESH, **fields: object) -> Facts:
    return facts(workspace(build=pending(waited_s=waited_s, matched=matched)), daemons=BUSY, **fields)


def running(since_s: float, *lines: str, **job_fields: object) -> Facts:
    at = before(since_s)
    working = job("running", created_at=at, started_at=at, completed_at=None, **job_fields)
    return facts(
        workspace(build=build(status="starting", job=working, resources=())),
        build_logs=Map({"b-w1": tail(*lines, source="Starting workspace")}) if lines else Map(),
    )


def ended(status: str = "failed", transition: str = "start", **fields: object) -> Facts:
    values = {"completed_at": before(60), "error": "terraform apply: exit status 1", **fields}
    return facts(
        workspace(
            build=build(status="failed", transition=transition, job=job(status, **values), resources=())
        )
    )


def stopping(status: str, since_s: float) -> Facts:
    at = before(since_s)
    values = {"created_at": at, "started_at": at, "completed_at": None}
    return facts(
        workspace(build=build(status="stopping", transition="stop", job=job(status, **values), resources=()))
    )


def autostart(due_s: float, **fields: object) -> Facts:
    stopped = build(status="stopped", transition="stop", created_at=before(40_000), resources=())
    values = {
        "autostart_schedule": "CRON_TZ=UTC 0 8 * * 1-5",
        "next_start_at": before(due_s),
        "build": stopped,
    }
    return facts(workspace(**{**values, **fields}))


def prebuild_jobs(tags: dict[str, str], *daemons: dict[str, str]) -> Facts:
    waiting = ProvisionerJob(
        "j1", "workspace_build", "pending", "start", PREBUILDS_USER_ID, template_name="web", tags=Map(tags),
        created_at=before(5),
    )  # fmt: skip
    known = tuple(daemon(f"p{n}", tags=Map(t)) for n, t in enumerate(daemons))
    return facts(workspace(agent()), jobs=Map({ORG: read((waiting,))}), daemons=Map({ORG: read(known)}))


STILL = "docker_container.main: Still creating... [{}s elapsed]"

CASES = {
    "B01": Case(lambda: queued(45, NOBODY), lambda: queued(25, NOBODY), severity="S1"),
    "B02": Case(lambda: queued(45, STALE), lambda: queued(45, FRESH), severity="S1"),
    "B03": Case(lambda: queued(90), lambda: queued(45), severity="S3"),
    "B04": Case(lambda: queued(1300), lambda: queued(1100), frozenset({"B03"})),
    "B05": Case(
        lambda: ended(error="Coder: Build has been detected as hung for 5 minutes and will be terminated by the reaper."),
        lambda: ended(error="Coder: something else"),
        severity="S2",
    ),
    "B06": Case(lambda: running(400, "first", "second"), lambda: running(120, "first", "second"), severity="S2"),
    "B07": Case(
        lambda: running(900, *(STILL.format(n) for n in (300, 310, 320))),
        lambda: running(900, *(STILL.format(n) for n in (30, 40, 50))),
    ),
    "B08": Case(
        lambda: ended("canceling", canceled_at=before(700), completed_at=None, error=""),
        lambda: ended("canceling", canceled_at=before(60), completed_at=None, error=""),
    ),
    "B09": Case(ended, lambda: ended("canceled"), severity="S2"),
    "B10": Case(
        lambda: ended(error_code="REQUIRED_TEMPLATE_VARIABLES"),
        lambda: ended(error_code="SOMETHING_NEW"),
    ),
    "B11": Case(
        lambda: facts(workspace(agent(), build=build(job=job(logs_overflowed=True)))),
        lambda: facts(workspace(agent())),
        severity="S4",
    ),
    "B12": Case(
        lambda: facts(workspace(agent()), daemons=Map({ORG: read((daemon(version="v2.30.0"),))})),
        lambda: facts(workspace(agent()), daemons=Map({ORG: read((daemon(version="v2.37.4"),))})),
    ),
    "B13": Case(
        lambda: prebuild_jobs({}, {"is_prebuild": "true"}, {}),
        lambda: prebuild_jobs({"is_prebuild": "true"}, {"is_prebuild": "true"}, {}),
    ),
    "B14": Case(lambda: stopping("running", 700), lambda: stopping("running", 100), severity="S2"),
    "B15": Case(lambda: autostart(900), lambda: autostart(120)),
    "B16": Case(
        lambda: ended(canceled_at=before(70), error="canceled"),
        lambda: ended("canceled", canceled_at=before(70)),
        severity="S2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", CASES)
def test_rule_fires_there_and_nowhere_near(rule: str) -> None:
    check(rule, CASES[rule])


def test_a_count_of_nobody_means_nothing_without_the_right_to_see_them() -> None:
    member = Server(version="v2.37.1", user=User("u", "mara"))
    alone = facts(
        workspace(build=pending(matched=NOBODY)), pool=0, daemons=Map({ORG: refused()}), server=member
    )
    found = diagnose(alone)
    assert not [f for f in found.flat() if f.rule == "B01"]
    assert "B01" in {c.rule for c in found.cannot_know}
    # A site-wide template admin is refused the list, but told true counts.
    admin = Server(version="v2.37.1", user=User("u", "tara", roles=(Role("template-admin"),)))
    told = facts(workspace(build=pending(matched=NOBODY)), daemons=Map({ORG: refused()}), server=admin)
    assert find(told, "B01").severity.label == "S1"


def test_a_long_wait_of_a_person_is_worse_than_that_of_a_prebuild() -> None:
    assert find(queued(700), "B03").severity.label == "S2"
    waiting = pending("pb1", waited_s=700, initiator_id=PREBUILDS_USER_ID, matched=FRESH)
    assert find(facts(prebuild(1, build=waiting), daemons=BUSY), "B03").severity.label == "S3"


def test_a_free_daemon_means_the_queue_moves() -> None:
    assert "B03" not in {f.rule for f in diagnose(facts(workspace(build=pending(waited_s=90)))).flat()}


def test_reason_of_a_failed_build_is_its_error_block() -> None:
    log = tail(
        "Planning", "│ Error: creating container: no space left on device", "│", "│   with docker_container.main,",
        "│   on main.tf line 12, in resource", "Cleaning up", source="Starting workspace", level="error",
    )  # fmt: skip
    broken = replace(failed_build(), id="b-w1")
    found = find(facts(workspace(build=broken), build_logs=Map({"b-w1": log})), "B09")
    assert found.title == "Build failed: creating container: no space left on device"
    assert found.causes[0] == "the disk is full"
    assert [e.text for e in found.evidence][1:] == [
        "Error: creating container: no space left on device",
        "with docker_container.main,",
        "on main.tf line 12, in resource",
    ] or "with docker_container.main," in {e.text for e in found.evidence}


def test_a_failed_build_is_compared_with_the_one_before() -> None:
    earlier = BuildSummary(
        "b0", "w1", 2, "start", "running", "succeeded", before(9000), template_version_id=VERSION
    )
    found = find(facts(workspace(build=failed_build()), builds=Map({"w1": read((earlier,))})), "B09")
    assert any("build 2 of the same version: succeeded" in e.text for e in found.evidence)


def test_silence_counts_up_to_the_reading_of_the_log_only() -> None:
    spoken = running(400, "first", "second")
    old = {"b-w1": replace(spoken.deployment.build_logs["b-w1"], at=before(500))}
    late = replace(spoken, deployment=replace(spoken.deployment, build_logs=Map(old)))
    assert "B06" not in {f.rule for f in diagnose(late).flat()}


def test_a_failed_delete_of_a_workspace_is_told_as_such() -> None:
    found = find(ended(transition="delete"), "B14")
    assert found.title == "Delete failed: terraform apply: exit status 1"
