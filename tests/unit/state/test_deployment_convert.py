"""What the server says of templates, pools, queue, health and logs, as the state keeps it."""

from __future__ import annotations

import json

import pytest

from agentdash.api import schema
from agentdash.state import convert_deployment as convert
from agentdash.state.deployment import HealthWarning, LogTail, PrebuildsConfig
from agentdash.state.model import LogLine


def read(kind: type, value: object) -> object:
    return schema.decode(kind, json.dumps(value)).value


def build_logs(*lines: tuple[int, str]) -> list[schema.BuildLog]:
    return [schema.BuildLog(id=i, log_level=level, stage="Plan", output=f"line {i}") for i, level in lines]


def agent_logs(*lines: tuple[int, str]) -> list[schema.AgentLog]:
    return [schema.AgentLog(id=i, source_id=source, output=f"line {i}") for i, source in lines]


def ids(tail: LogTail) -> list[int]:
    return [line.id for line in tail.lines]


# Pools


def test_presets_keep_what_a_pool_is_judged_by() -> None:
    raw = schema.decode_list(
        schema.Preset,
        '[{"ID":"p1","Name":"Large","Parameters":[{"Name":"cpu","Value":"8"}],"Default":true,'
        '"DesiredPrebuildInstances":2},{"ID":"p2","Name":"None","DesiredPrebuildInstances":null,"Parameters":null},'
        '{"ID":"p3","DesiredPrebuildInstances":-1},{"Name":"no id"}]',
    ).value  # fmt: skip
    presets = convert.presets(raw, "v1")
    assert [(p.id, p.desired, p.version_id) for p in presets] == [
        ("p1", 2, "v1"),
        ("p2", None, "v1"),
        ("p3", None, "v1"),
    ]
    assert dict(presets[0].parameters) == {"cpu": "8"}
    assert presets[0].is_default


def test_options_of_the_reconciler_are_seconds() -> None:
    value = {
        "config": {
            "workspace_prebuilds": {
                "reconciliation_interval": 15_000_000_000,
                "reconciliation_backoff_interval": 30_000_000_000,
                "reconciliation_backoff_lookback": 7_200_000_000_000,
                "failure_hard_limit": 0,
            }
        },
        "options": [],
    }
    raw = read(schema.DeploymentConfig, value)
    assert convert.prebuilds_config(raw) == PrebuildsConfig(15, 30, 7200, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"config": None},
        {"config": {"workspace_prebuilds": "soon"}},
        {"config": {"workspace_prebuilds": {"reconciliation_interval": 0, "failure_hard_limit": -3}}},
        {"config": {"workspace_prebuilds": {"reconciliation_interval": 10**400}}},
    ],
)
def test_options_that_are_none_are_the_defaults(value: object) -> None:
    assert convert.prebuilds_config(read(schema.DeploymentConfig, value)) == PrebuildsConfig()  # type: ignore[arg-type]


# Queue and health


def test_a_job_names_its_workspace() -> None:
    raw = read(
        schema.ProvisionerJob,
        {
            "id": "j1",
            "type": "workspace_build",
            "status": "pending",
            "tags": {"scope": "organization"},
            "metadata": {
                "template_name": "web",
                "workspace_id": "w1",
                "workspace_name": "dev",
                "workspace_build_transition": "start",
            },
            "created_at": "2026-08-22T12:00:00Z",
            "queue_position": 3,
            "queue_size": 9,
        },
    )
    job = convert.job(raw)  # type: ignore[arg-type]
    assert (job.template_name, job.workspace_id, job.transition) == ("web", "w1", "start")
    assert (job.queue_position, job.queue_size, dict(job.tags)) == (3, 9, {"scope": "organization"})
    assert convert.job(schema.ProvisionerJob(id="j2", type="template_version_import")).workspace_id == ""


def test_a_daemon_says_what_it_works_on() -> None:
    raw = schema.ProvisionerDaemon(
        id="d1", status="busy", current_job=schema.DaemonJob(id="j", template_name="web")
    )
    daemon = convert.daemon(raw)
    assert daemon.current_job is not None
    assert daemon.current_job.template_name == "web"
    assert daemon.previous_job is None


def test_health_names_each_warning_once_with_those_of_single_daemons() -> None:
    stale = {"code": "EPD02", "message": "old"}
    value = {
        "time": "2026-08-22T12:00:00Z",
        "severity": "warning",
        "provisioner_daemons": {
            "severity": "warning",
            "warnings": [stale],
            "items": [{"warnings": [stale]}, {"warnings": [{"code": "EPD03", "message": "api"}]}],
        },
        "derp": {
            "severity": "error",
            "error": "no relay",
            "dismissed": True,
            "warnings": [{"code": "EDERP01"}],
        },
    }
    report = convert.health(read(schema.HealthReport, value))  # type: ignore[arg-type]
    assert [s.name for s in report.sections] == ["derp", "provisioner_daemons"]
    assert report.sections[1].warnings == (HealthWarning("EPD02", "old"), HealthWarning("EPD03", "api"))
    assert report.sections[0].error == "no relay"
    assert report.codes() == ("EPD02", "EPD03")


def test_builds_come_newest_first_and_without_an_empty_one() -> None:
    raw = [schema.Build(id="a", build_number=1), schema.Build(), schema.Build(id="b", build_number=2)]
    assert [b.number for b in convert.build_summaries(raw)] == [2, 1]


# Logs


def test_a_short_log_is_whole() -> None:
    tail = convert.build_tail(build_logs((2, "info"), (1, "info")))
    assert ids(tail) == [1, 2]
    assert tail.is_whole
    assert tail.lines[0].source_id == "Plan"


def test_the_end_of_a_long_log_keeps_the_errors_before_it() -> None:
    lines = [(i, "error" if i in (5, 7) else "info") for i in range(1, 1001)]
    tail = convert.build_tail(build_logs(*lines))
    assert ids(tail) == [5, 7, *range(801, 1001)]
    assert not tail.is_whole


def test_errors_are_bounded_too() -> None:
    tail = convert.build_tail(build_logs(*((i, "error") for i in range(1, 5001))))
    assert len(tail.lines) == convert.TAIL_LINES + convert.ERRORS_KEPT


def test_a_chatty_source_does_not_push_out_the_one_to_blame() -> None:
    lines = [(i, "bad" if i % 3 == 0 and i < 900 else "chatty") for i in range(1, 5001)]
    tail = convert.agent_tail(agent_logs(*lines), frozenset({"bad"}))
    blamed = tail.of_source("bad")
    assert len(blamed) == convert.TAIL_LINES
    assert blamed[-1].id == 897
    assert len(tail.of_source("chatty")) == convert.TAIL_LINES
    assert ids(tail) == sorted(ids(tail))


def test_each_of_several_sources_has_its_own_end() -> None:
    lines = [(i, ("a", "b", "c")[i % 3]) for i in range(1, 3001)]
    tail = convert.agent_tail(agent_logs(*lines), frozenset({"a", "b"}))
    assert (len(tail.of_source("a")), len(tail.of_source("b"))) == (200, 200)


def test_a_log_is_gone_on_from_and_what_is_read_twice_is_one() -> None:
    first = convert.agent_tail(agent_logs((1, "s"), (2, "s")), frozenset())
    second = convert.agent_tail(agent_logs((2, "s"), (4, "s"), (3, "s")), frozenset(), first)
    assert ids(second) == [1, 2, 3, 4]
    assert second.is_whole
    third = convert.agent_tail(agent_logs(*((i, "s") for i in range(5, 900))), frozenset(), second)
    assert ids(third)[-1] == 899
    assert len(third.lines) == convert.TAIL_LINES
    assert not third.is_whole


def test_an_incomplete_tail_never_becomes_whole_again() -> None:
    cut = LogTail((LogLine(7, None, "s", "info", "x"),), is_whole=False)
    assert not convert.build_tail(build_logs((8, "info")), cut).is_whole
