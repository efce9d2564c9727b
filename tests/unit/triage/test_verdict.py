"""The one line about a row: every combination that means something, and never an exception for the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdash.state.model import Agent, AppStatus, MatchedProvisioners, Transition, Workspace
from agentdash.triage.finding import Severity
from agentdash.triage.verdict import (
    Verdict,
    effective_status,
    failing_scripts,
    is_last_run,
    script_result,
    start_began,
    started_again,
    verdict,
)
from tests.unit.any_model import AGENTS as ANY_AGENT
from tests.unit.any_model import BUILDS as ANY_BUILD
from tests.unit.any_model import HISTORY, MOMENTS
from tests.unit.model_factory import (
    NOW,
    before,
    make_agent,
    make_app,
    make_build,
    make_job,
    make_script,
    make_workspace,
)

FAILED = make_script("install-deps", status="exit_failure", exit_code=127)
LATE = make_script("install-deps", status="timed_out", exit_code=255)
OPEN_PIPES = make_script("watcher", status="pipes_left_open", exit_code=255)
DEV = make_script(
    "Dev Container (app)", status="exit_failure", exit_code=1, run_on_start=False, is_devcontainer=True
)


def judge(workspace: Workspace, agent: Agent | None = None, **options: Any) -> Verdict:
    return verdict(workspace, agent, NOW, **options)


def judge_agent(*, workspace: dict[str, Any] | None = None, **fields: Any) -> Verdict:
    if "disconnected_at" in fields:
        # Not connected: the last heartbeat is no later than the end, unless a test says so.
        fields = {"last_connected_at": fields["disconnected_at"]} | fields
    agent = make_agent(**fields)
    return judge(make_workspace(agent, **(workspace or {})), agent)


def became(what: str, old: str, new: str, ago: float) -> Transition:
    return Transition(before(ago), what, old, new)


# Builds


def pending(**fields: Any) -> dict[str, Any]:
    job = {"started_at": None, "completed_at": None, "created_at": before(60)}
    build = {"job": make_job("pending", **(job | fields.pop("job", {})))}
    return {"build": make_build("pending", **(build | fields))}


def matched(count: int, available: int, seen: float | None = 5) -> MatchedProvisioners:
    return MatchedProvisioners(count, available, None if seen is None else before(seen))


def ended(status: str, transition: str = "start", **job: Any) -> dict[str, Any]:
    return {"build": make_build(status, transition, job=make_job(**({"status": status} | job)))}


BUILDS: list[tuple[str, dict[str, Any], str, int, str, str]] = [
    ("queued", pending(), "queued", 1, "moving", ""),
    (
        "in the queue",
        pending(job={"queue_position": 3, "queue_size": 5}),
        "queued 3 of 5",
        1,
        "moving",
        "B03",
    ),
    (
        "long in the queue",
        pending(job={"queue_position": 3, "queue_size": 5, "created_at": before(700)}),
        "queued 3 of 5",
        2,
        "moving",
        "B03",
    ),
    (
        "nobody takes it",
        pending(matched=matched(0, 0, None)),
        "queued, no provisioner takes it",
        3,
        "broken",
        "B01",
    ),
    (
        "nobody takes it, but only just queued",
        pending(matched=matched(0, 0, None), job={"created_at": before(5)}),
        "queued",
        1,
        "moving",
        "",
    ),
    ("daemons gone", pending(matched=matched(2, 0)), "queued, its provisioners are gone", 3, "broken", "B02"),
    (
        "daemons silent",
        pending(matched=matched(2, 2, 200)),
        "queued, its provisioners are gone",
        3,
        "broken",
        "B02",
    ),
    ("daemons there", pending(matched=matched(2, 2)), "queued", 1, "moving", ""),
    ("building", {"build": make_build("starting", job=make_job("running"))}, "building", 1, "moving", ""),
    (
        "stopping",
        {"build": make_build("stopping", "stop", job=make_job("running", started_at=before(9)))},
        "stopping",
        1,
        "moving",
        "",
    ),
    (
        "stuck stopping",
        {"build": make_build("stopping", "stop", job=make_job("running"))},
        "stopping",
        3,
        "broken",
        "B14",
    ),
    (
        "deleting",
        {"build": make_build("deleting", "delete", job=make_job("running", started_at=before(9)))},
        "deleting",
        1,
        "moving",
        "",
    ),
    (
        "canceling",
        {"build": make_build("canceling", job=make_job("canceling", canceled_at=before(60)))},
        "canceling",
        1,
        "moving",
        "",
    ),
    (
        "stuck canceling",
        {"build": make_build("canceling", job=make_job("canceling", canceled_at=before(700)))},
        "canceling",
        3,
        "broken",
        "B08",
    ),
    (
        "failed",
        ended("failed", error="apply: exit status 1\nmore"),
        "build failed: apply: exit status 1",
        3,
        "broken",
        "B09",
    ),
    ("failed without a word", ended("failed"), "build failed", 3, "broken", "B09"),
    (
        "failed by code",
        ended("failed", error_code="INSUFFICIENT_QUOTA"),
        "build failed: INSUFFICIENT_QUOTA",
        3,
        "broken",
        "B10",
    ),
    ("stop failed", ended("failed", "stop", error="boom"), "stop failed: boom", 3, "broken", "B14"),
    ("delete failed", ended("failed", "delete", error="boom"), "delete failed: boom", 3, "broken", "B14"),
    (
        "canceled while it ran",
        ended("failed", error="canceled", canceled_at=before(9)),
        "build canceled while it ran",
        2,
        "broken",
        "B16",
    ),
    (
        "reaped",
        ended("failed", error="Coder: Build has been detected as hung for 5 minutes"),
        "build reaped: Coder: Build has been detected as hung for 5 minutes",
        3,
        "broken",
        "B05",
    ),
    ("canceled", ended("canceled"), "build canceled", 1, "off", ""),
    ("canceled prebuild", ended("canceled") | {"is_prebuild": True}, "build canceled", 2, "off", "P21"),
    ("stopped", ended("stopped", "stop"), "stopped", 0, "off", ""),
    ("deleted", ended("deleted", "delete"), "deleted", 0, "off", ""),
    ("dormant", ended("stopped", "stop") | {"dormant_at": before(9)}, "dormant", 2, "off", "R03"),
    (
        "deleted soon",
        ended("stopped", "stop") | {"dormant_at": before(9), "deleting_at": NOW + timedelta(hours=2)},
        "dormant, will be deleted",
        4,
        "off",
        "R03",
    ),
    ("no agent", ended("running"), "running, but has no agent", 3, "broken", "A07"),
    ("a status of a newer server", ended("hibernating"), "hibernating", 1, "unknown", "V07"),
    ("no status", ended(""), "unknown", 1, "unknown", "V07"),
]


@pytest.mark.parametrize(
    ("workspace", "text", "severity", "kind", "rule"), [b[1:] for b in BUILDS], ids=[b[0] for b in BUILDS]
)
def test_a_workspace_without_agents(
    workspace: dict[str, Any], text: str, severity: int, kind: str, rule: str
) -> None:
    judged = judge(make_workspace(**workspace))
    assert (judged.text, int(judged.severity), judged.kind, judged.rule) == (text, severity, kind, rule)


def test_while_a_build_runs_the_old_agents_row_tells_of_the_build() -> None:
    agent = make_agent(status="disconnected")
    workspace = make_workspace(
        agent, agents_are_previous=True, build=make_build("starting", job=make_job("running"))
    )
    assert judge(workspace, agent).text == "building"


def test_an_agent_speaks_for_itself_when_the_builds_status_is_a_new_word() -> None:
    agent = make_agent(lifecycle="start_error", scripts=(FAILED,))
    assert judge(make_workspace(agent, build=make_build("hibernating")), agent).rule == "S03"


# Agents


AGENTS: list[tuple[str, dict[str, Any], str, int, str, str]] = [
    ("well", {}, "ready", 0, "well", ""),
    (
        "connecting",
        {
            "status": "connecting",
            "lifecycle": "created",
            "first_connected_at": None,
            "created_at": before(20),
        },
        "connecting",
        1,
        "moving",
        "A01",
    ),
    (
        "connecting for a minute",
        {
            "status": "connecting",
            "lifecycle": "created",
            "first_connected_at": None,
            "created_at": before(90),
        },
        "connecting",
        2,
        "moving",
        "A01",
    ),
    (
        "connecting, healthy by a server before 2.33",
        {"status": "connecting", "first_connected_at": None, "created_at": before(90), "healthy": True},
        "connecting",
        2,
        "moving",
        "A01",
    ),
    (
        "connecting past its limit, by an old snapshot",
        {"status": "connecting", "first_connected_at": None, "created_at": before(121)},
        "never connected (timeout)",
        4,
        "broken",
        "A02",
    ),
    (
        "connecting without a limit",
        {
            "status": "connecting",
            "first_connected_at": None,
            "created_at": before(700),
            "connection_timeout_s": 0,
        },
        "never connected",
        4,
        "broken",
        "A03",
    ),
    (
        "timeout",
        {"status": "timeout", "first_connected_at": None},
        "never connected (timeout)",
        4,
        "broken",
        "A02",
    ),
    (
        "lost a moment ago",
        {"status": "disconnected", "disconnected_at": before(20)},
        "lost connection",
        2,
        "broken",
        "A05",
    ),
    (
        "lost",
        {"status": "disconnected", "disconnected_at": before(2280)},
        "lost connection",
        4,
        "broken",
        "A05",
    ),
    (
        "lost while starting",
        {"status": "disconnected", "disconnected_at": before(300), "lifecycle": "starting"},
        "lost connection while starting",
        4,
        "broken",
        "A05",
    ),
    (
        "lost after a start error",
        {"status": "disconnected", "disconnected_at": before(300), "lifecycle": "start_error"},
        "lost connection",
        4,
        "broken",
        "A05",
    ),
    (
        "off",
        {"status": "disconnected", "lifecycle": "off", "disconnected_at": before(300)},
        "agent is off",
        3,
        "off",
        "A09",
    ),
    (
        "shutting down, gone",
        {"status": "disconnected", "lifecycle": "shutting_down", "disconnected_at": before(30)},
        "shutting down",
        1,
        "moving",
        "",
    ),
    (
        "stuck shutting down",
        {"status": "disconnected", "lifecycle": "shutting_down", "disconnected_at": before(700)},
        "shutting down",
        2,
        "broken",
        "A12",
    ),
    (
        "stop script failed",
        {"status": "disconnected", "lifecycle": "shutdown_error"},
        "stop script failed",
        2,
        "broken",
        "S09",
    ),
    ("stop script late", {"lifecycle": "shutdown_timeout"}, "stop script timed out", 2, "broken", "S09"),
    ("off but connected", {"lifecycle": "off"}, "off", 1, "off", ""),
    ("silent", {"last_connected_at": before(90)}, "silent", 1, "unknown", "A05"),
    ("one heartbeat late", {"last_connected_at": before(40)}, "ready", 0, "well", ""),
    (
        "just connected",
        {"lifecycle": "created", "first_connected_at": before(5)},
        "connected, about to start",
        1,
        "moving",
        "",
    ),
    ("never started", {"lifecycle": "created"}, "connected but not started (created)", 4, "broken", "S06"),
    ("starting", {"lifecycle": "starting"}, "starting", 1, "moving", ""),
    (
        "start error",
        {"lifecycle": "start_error", "scripts": (FAILED,)},
        "install-deps exit 127",
        3,
        "broken",
        "S03",
    ),
    (
        "start error without a script",
        {"lifecycle": "start_error"},
        "startup script failed",
        3,
        "broken",
        "S03",
    ),
    (
        "several failed",
        {"lifecycle": "start_error", "scripts": (FAILED, make_script("z", status="timed_out"))},
        "install-deps exit 127 +1",
        3,
        "broken",
        "S03",
    ),
    (
        "late script decided",
        {"lifecycle": "start_error", "scripts": (LATE,)},
        "install-deps timed out",
        3,
        "broken",
        "S02",
    ),
    (
        "devcontainer failed",
        {"lifecycle": "start_error", "scripts": (DEV,)},
        "Dev Container (app) failed",
        3,
        "broken",
        "D02",
    ),
    (
        "script before devcontainer",
        {"lifecycle": "start_error", "scripts": (DEV, FAILED)},
        "install-deps exit 127 +1",
        3,
        "broken",
        "S03",
    ),
    (
        "pipes decided",
        {"lifecycle": "start_error", "scripts": (OPEN_PIPES,)},
        "watcher left pipes open",
        2,
        "broken",
        "S04",
    ),
    (
        "a failed cron script did not decide the start",
        {
            "lifecycle": "start_error",
            "scripts": (
                make_script(
                    "backup", run_on_start=False, cron="0 * * * * *", status="exit_failure", exit_code=3
                ),
            ),
        },
        "startup script failed",
        3,
        "broken",
        "S03",
    ),
    ("start timeout", {"lifecycle": "start_timeout", "healthy": True}, "start timeout", 3, "broken", "S02"),
    (
        "start timeout, named",
        {"lifecycle": "start_timeout", "scripts": (LATE,)},
        "install-deps timed out",
        3,
        "broken",
        "S02",
    ),
    (
        "cron fails",
        {
            "scripts": (
                make_script(
                    "backup", run_on_start=False, cron="0 0 3 * * *", status="exit_failure", exit_code=3
                ),
            )
        },
        "backup exit 3",
        2,
        "broken",
        "S08",
    ),
    (
        "killed",
        {"lifecycle": "start_error", "scripts": (make_script("x", status="exit_failure", exit_code=-1),)},
        "x killed by a signal",
        3,
        "broken",
        "S03",
    ),
    (
        "no exit code",
        {"lifecycle": "start_error", "scripts": (make_script("x", status="exit_failure", exit_code=255),)},
        "x failed",
        3,
        "broken",
        "S03",
    ),
    ("app unhealthy", {"apps": (make_app("web", health="unhealthy"),)}, "web unhealthy", 2, "broken", "W01"),
    (
        "hidden app unhealthy",
        {"apps": (make_app("web", health="unhealthy", hidden=True),)},
        "ready",
        0,
        "well",
        "",
    ),
    (
        "ai app failed",
        {
            "apps": (
                make_app(
                    "claude", statuses=(AppStatus("failure", "no tests ran"), AppStatus("working", "trying"))
                ),
            )
        },
        "claude failed: no tests ran",
        2,
        "broken",
        "",
    ),
    (
        "ai app waits",
        {"apps": (make_app("claude", statuses=(AppStatus("idle", ""),)),)},
        "claude waits for an answer",
        1,
        "moving",
        "",
    ),
    (
        "ai app works",
        {"apps": (make_app("claude", statuses=(AppStatus("working", "x"), AppStatus("failure", "y"))),)},
        "ready",
        0,
        "well",
        "",
    ),
    (
        "pipes open after a good start",
        {"scripts": (OPEN_PIPES,)},
        "watcher left pipes open",
        1,
        "well",
        "S04",
    ),
    ("logs overflowed", {"logs_overflowed": True}, "ready, logs overflowed", 1, "well", "R02"),
    ("lifecycle of a newer server", {"lifecycle": "meditating"}, "meditating", 1, "unknown", "V07"),
    ("no lifecycle", {"lifecycle": ""}, "lifecycle unknown", 1, "unknown", "V07"),
    ("status of a newer server", {"status": "roaming"}, "roaming", 1, "unknown", "V07"),
    ("no status", {"status": ""}, "status unknown", 1, "unknown", "V07"),
]


@pytest.mark.parametrize(
    ("fields", "text", "severity", "kind", "rule"), [a[1:] for a in AGENTS], ids=[a[0] for a in AGENTS]
)
def test_an_agent_of_a_running_workspace(
    fields: dict[str, Any], text: str, severity: int, kind: str, rule: str
) -> None:
    judged = judge_agent(**fields)
    assert (judged.text, int(judged.severity), judged.kind, judged.rule) == (text, severity, kind, rule)


@pytest.mark.parametrize("lifecycle", ["start_error", "start_timeout"])
def test_a_prebuild_that_nobody_can_claim_is_worse_than_a_workspace_that_can_be_entered(
    lifecycle: str,
) -> None:
    assert judge_agent(lifecycle=lifecycle).severity is Severity.FAILED
    assert judge_agent(lifecycle=lifecycle, workspace={"is_prebuild": True}).severity is Severity.UNUSABLE


def test_an_external_agent_is_waited_for() -> None:
    build = {"build": make_build(has_external_agent=True)}
    for status in ("connecting", "timeout"):
        judged = judge_agent(status=status, first_connected_at=None, workspace=build)
        assert (judged.severity, judged.rule) == (Severity.NOTE, "A11")


@pytest.mark.parametrize(
    ("lifecycle", "text", "severity"),
    [("off", "off", 0), ("ready", "lost connection", 3)],
)
def test_a_sub_agent_may_be_off_and_is_missed_less(lifecycle: str, text: str, severity: int) -> None:
    judged = judge_agent(
        status="disconnected",
        lifecycle=lifecycle,
        disconnected_at=before(300),
        parent_id="p",
        parent_name="main",
    )
    assert (judged.text, int(judged.severity)) == (text, severity)


# Time


def test_a_heartbeat_accuses_only_as_far_as_it_was_old_when_it_was_read() -> None:
    agent = make_agent(last_connected_at=before(240))
    workspace = make_workspace(agent)
    assert judge(workspace, agent).text == "silent"
    assert judge(workspace, agent, read_at=before(235)).text == "ready"
    assert judge(workspace, agent, read_at=before(100)).text == "silent"


def test_a_reading_from_the_future_counts_as_now() -> None:
    agent = make_agent(last_connected_at=before(90))
    assert judge(make_workspace(agent), agent, read_at=NOW + timedelta(hours=1)).text == "silent"


def test_the_limit_of_connecting_needs_a_limit_and_a_beginning() -> None:
    assert effective_status(make_agent(status="connecting", first_connected_at=None), NOW) == "timeout"
    assert effective_status(make_agent(status="connecting"), NOW) == "connecting"
    unknown = make_agent(status="connecting", first_connected_at=None, created_at=None)
    assert effective_status(unknown, NOW) == "connecting"
    boundless = make_agent(status="connecting", first_connected_at=None, connection_timeout_s=0)
    assert effective_status(boundless, NOW) == "connecting"


def test_since_is_when_it_was_seen_to_begin() -> None:
    agent = make_agent(lifecycle="start_error", scripts=(FAILED,))
    history = (became("lifecycle", "starting", "start_error", 30),)
    assert judge(make_workspace(agent), agent, history=history).since == before(30)
    assert judge(make_workspace(agent), agent).since is None


def test_history_of_another_state_or_of_the_agent_before_says_nothing() -> None:
    agent = make_agent(lifecycle="start_error")
    workspace = make_workspace(agent)
    assert judge(workspace, agent, history=(became("lifecycle", "created", "starting", 30),)).since is None
    history = (became("lifecycle", "starting", "start_error", 90), became("agent", "old", "new", 60))
    assert judge(workspace, agent, history=history).since is None


def test_ages_are_not_in_the_text() -> None:
    lost = judge_agent(status="disconnected", disconnected_at=before(2280))
    assert (lost.text, lost.since, lost.age_style) == ("lost connection", before(2280), "ago")
    assert judge_agent(lifecycle="starting", first_connected_at=before(720)).since == before(720)


def test_the_later_of_two_times_is_when_it_was_lost() -> None:
    # The heartbeat ran out: the server reports the last heartbeat as the disconnect (agents.md §2.2, rule 4).
    lost = judge_agent(status="disconnected", disconnected_at=before(900), last_connected_at=before(300))
    assert lost.since == before(300)


# A second start


AGAIN = (became("lifecycle", "start_error", "starting", 20),)


def test_results_of_the_run_before_do_not_accuse_the_start_under_way() -> None:
    agent = make_agent(lifecycle="starting", scripts=(FAILED,))
    assert judge(make_workspace(agent), agent).text == "starting, install-deps exit 127"
    assert judge(make_workspace(agent), agent, history=AGAIN).text == "starting"


def test_a_result_that_came_in_since_the_restart_does() -> None:
    agent = make_agent(lifecycle="starting", scripts=(FAILED,))
    history = (*AGAIN, became("script:install-deps", "ok", "exit_failure", 5))
    judged = judge(make_workspace(agent), agent, history=history)
    assert (judged.text, judged.suspect) == ("starting, install-deps exit 127", "install-deps")


def test_a_restart_is_known_by_history_or_by_a_start_long_after_the_first_connect() -> None:
    assert started_again(make_agent(), AGAIN)
    assert not started_again(make_agent(), (became("lifecycle", "created", "starting", 20),))
    assert not started_again(make_agent(first_connected_at=before(100), started_at=before(99)))
    assert started_again(make_agent(first_connected_at=before(900), started_at=before(99)))
    assert not started_again(make_agent(started_at=None))


def test_when_a_start_began_is_told_by_the_servers_clock() -> None:
    first = make_agent(lifecycle="starting", first_connected_at=before(100), started_at=before(99))
    assert start_began(first) == before(100)
    second = make_agent(
        lifecycle="starting",
        first_connected_at=before(900),
        started_at=before(99),
        disconnected_at=before(101),
    )
    assert start_began(second) == before(101)
    assert start_began(second, AGAIN) == before(20)


def test_only_a_script_with_a_result_can_be_of_the_last_run() -> None:
    agent = make_agent(lifecycle="starting")
    assert is_last_run(agent, FAILED, AGAIN)
    assert not is_last_run(agent, make_script(status=None), AGAIN)
    assert not is_last_run(make_agent(lifecycle="ready"), FAILED, AGAIN)


# Scripts


def test_failing_scripts_in_the_order_of_blame() -> None:
    cron = make_script("aaa", run_on_start=False, cron="* * * * * *", status="exit_failure", exit_code=1)
    agent = make_agent(
        scripts=(DEV, cron, make_script("zzz", status="timed_out"), FAILED, make_script("fine"))
    )
    assert [s.name for s in failing_scripts(agent)] == ["install-deps", "zzz", "aaa", "Dev Container (app)"]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (None, None, ""),
        ("ok", 0, "ok"),
        ("exit_failure", 3, "exit 3"),
        ("exit_failure", -1, "killed by a signal"),
        ("exit_failure", 255, "failed"),
        ("exit_failure", None, "failed"),
        ("timed_out", 255, "timed out"),
        ("pipes_left_open", 255, "left pipes open"),
        ("evaporated", 9, "evaporated"),
    ],
)
def test_how_a_script_ended(status: str | None, code: int | None, words: str) -> None:
    assert script_result(make_script(status=status, exit_code=code)) == words


# Anything at all


@settings(max_examples=200)
@given(
    build=ANY_BUILD,
    agent=st.one_of(st.none(), ANY_AGENT),
    history=HISTORY,
    read_at=MOMENTS,
    dormant_at=MOMENTS,
    deleting_at=MOMENTS,
    previous=st.booleans(),
)
def test_any_row_has_a_verdict_and_none_raises(
    build: Any,
    agent: Agent | None,
    history: Any,
    read_at: Any,
    dormant_at: Any,
    deleting_at: Any,
    previous: bool,
) -> None:
    agents = () if agent is None else (agent,)
    workspace = make_workspace(
        *agents, build=build, dormant_at=dormant_at, deleting_at=deleting_at, agents_are_previous=previous
    )
    judged = verdict(workspace, agent, NOW, history, read_at=read_at)
    assert judged.text
    assert "\n" not in judged.text
    assert Severity.WELL <= judged.severity <= Severity.UNUSABLE
    assert judged.kind in ("well", "moving", "broken", "off", "unknown")
    assert judged.kind != "broken" or judged.severity >= Severity.DEGRADED
    assert judged.severity is not Severity.WELL or judged.kind in ("well", "off")
