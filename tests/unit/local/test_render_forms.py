"""Presence rules of the wire: what is omitted, what is null, what is an empty list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from agentdash.local.deployment import Deployment
from agentdash.local.records import (
    Agent,
    Container,
    ContainerPort,
    Containers,
    Devcontainer,
    Job,
    LogLine,
    LogSource,
    MetadataItem,
    Preset,
    Script,
)
from agentdash.local.render import (
    agent_json,
    agent_logs_text,
    containers_json,
    metadata_item_json,
    presets_json,
    script_json,
)
from agentdash.local.render_server import provisioner_job_json
from agentdash.local.wire_json import rfc3339

NOW = datetime(2026, 8, 24, 9, 0, tzinfo=UTC)


def agent(**values: object) -> Agent:
    made = Agent("a1", "main", "w1", "b1", "r1", NOW - timedelta(seconds=60))
    for name, value in values.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "2026-08-24T09:00:00Z"),
        (NOW.replace(microsecond=123450), "2026-08-24T09:00:00.12345Z"),
        (NOW.astimezone(timezone(timedelta(hours=2))), "2026-08-24T09:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_times(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


def test_agent_that_never_connected_has_no_times_and_empty_versions() -> None:
    body = agent_json(agent(), NOW)
    assert not {"first_connected_at", "last_connected_at", "started_at", "ready_at", "latency"} & set(body)
    assert not {"directory", "expanded_directory", "instance_id", "metadata"} & set(body)
    assert (body["parent_id"], body["version"], body["apps"]) == (None, "", [])
    assert body["status"] == "connecting"
    assert body["health"] == {"healthy": False, "reason": "agent has not yet connected"}


def test_status_follows_the_clock() -> None:
    quiet = agent(first_connected_at=NOW, last_connected_at=NOW)
    at = [quiet.status(NOW + timedelta(seconds=seconds)) for seconds in (0, 30, 31)]
    assert at == ["connected", "connected", "disconnected"]
    beating = agent(first_connected_at=NOW, last_connected_at=NOW, is_beating=True)
    later = NOW + timedelta(seconds=3601)
    assert beating.status(later) == "connected"
    assert agent_json(beating, later)["last_connected_at"] == "2026-08-24T10:00:00Z"
    never = agent(connection_timeout_s=0)
    assert never.status(NOW + timedelta(days=1)) == "connecting"


def test_start_timeout_is_healthy_and_start_error_is_not() -> None:
    connected = {"first_connected_at": NOW, "last_connected_at": NOW}
    assert agent_json(agent(**connected, lifecycle_state="start_timeout"), NOW)["health"] == {"healthy": True}
    health = agent_json(agent(**connected, lifecycle_state="start_error"), NOW)["health"]
    assert health == {"healthy": False, "reason": "agent startup script exited with an error"}


def test_script_timeout_in_nanoseconds_and_result_only_when_there_is_one() -> None:
    script = Script("s", "l", "Install", timeout_s=60)
    assert script_json(script)["timeout"] == 60_000_000_000
    assert not {"exit_code", "status"} & set(script_json(script))
    script.status, script.exit_code = "ok", 0
    assert script_json(script)["exit_code"] == 0


def test_text_log_has_bar_only_with_a_named_source() -> None:
    lines = [
        LogLine(1, NOW.replace(microsecond=5), "hi", "info", "l1"),
        LogLine(2, NOW, "there", "error", "unknown"),
    ]
    text = agent_logs_text(agent(log_sources=[LogSource("l1", "Startup Script", NOW)]), lines)
    assert text == (
        "2026-08-24T09:00:00Z [info] [agent.main|Startup Script] hi\n"
        "2026-08-24T09:00:00Z [error] [agent.main] there\n"
    )


def test_metadata_never_collected() -> None:
    body = metadata_item_json(MetadataItem("cpu", "CPU", "top"), NOW)
    assert body["result"] == {
        "collected_at": "0001-01-01T00:00:00Z",
        "age": 9223372036,
        "value": "",
        "error": "",
    }
    blank = metadata_item_json(MetadataItem("cpu", "CPU", "top", collected_at=NOW), NOW, blank_script=True)
    assert blank["description"] == {
        "display_name": "CPU",
        "key": "cpu",
        "script": "",
        "interval": 10,
        "timeout": 1,
    }


def test_containers_null_and_omitted() -> None:
    assert containers_json(Containers(failure=None)) == {"devcontainers": None, "containers": []}
    box = Container(
        "c",
        "busy",
        "img",
        NOW,
        labels={"a": "1"},
        ports=[ContainerPort(80), ContainerPort(81, "tcp", "::", 9)],
    )
    item = Devcontainer("d", "api", "/w")
    body = containers_json(Containers([item], [box], ["careful"]), labels=[("a", "2")])
    assert body["containers"] == []
    assert body["warnings"] == ["careful"]
    assert body["devcontainers"] == [
        {
            "id": "d",
            "name": "api",
            "workspace_folder": "/w",
            "subagent_id": None,
            "status": "stopped",
            "dirty": False,
        }
    ]
    shown = containers_json(Containers([], [box]))["containers"]
    assert isinstance(shown, list)
    assert shown[0]["ports"] == [
        {"port": 80, "network": "tcp"},
        {"port": 81, "network": "tcp", "host_ip": "::", "host_port": 9},
    ]


def test_presets_have_capitalised_keys_and_null_when_none() -> None:
    assert presets_json([]) is None
    assert presets_json([Preset("p", "small")]) == [
        {
            "ID": "p",
            "Name": "small",
            "Parameters": None,
            "Default": False,
            "DesiredPrebuildInstances": None,
            "Description": "",
            "Icon": "",
        }
    ]


def test_a_job_outlives_what_it_was_for(deployment: Deployment) -> None:
    job = Job("j1", NOW, "f1", "u1", workspace_build_id="deleted")
    metadata = provisioner_job_json(deployment, job)["metadata"]
    assert metadata["template_id"] == "00000000-0000-0000-0000-000000000000"
    assert metadata["template_name"] == ""
    assert "workspace_id" not in metadata
    job = Job("j2", NOW, "f1", "u1", type="template_version_dry_run")
    assert provisioner_job_json(deployment, job)["metadata"]["template_version_name"] == ""
