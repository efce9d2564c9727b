"""What servers of before 2.2 leave out is made from what they had instead (contract: changes.md §4.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentdash.api.schema import Agent, decode
from agentdash.state import convert, model

OLD = {
    "id": "a1",
    "name": "main",
    "lifecycle_state": "ready",
    "login_before_ready": False,
    "startup_script": "set -e; make tools",
    "startup_script_timeout_seconds": 300,
    "shutdown_script": "",
    "shutdown_script_timeout_seconds": 0,
}


def converted(**fields: Any) -> model.Agent:
    return convert.agent(decode(Agent, json.dumps({**OLD, **fields})).value, "w1")


@pytest.mark.parametrize(
    ("lifecycle", "status"),
    [
        ("ready", "ok"),
        ("start_error", "exit_failure"),
        ("start_timeout", "timed_out"),
        ("starting", None),
        ("shutting_down", None),
        ("something newer", None),
    ],
)
def test_the_one_start_script_ends_as_the_agent_says(lifecycle: str, status: str | None) -> None:
    (script,) = converted(lifecycle_state=lifecycle).scripts
    assert (script.name, script.status, script.run_on_start) == ("Startup Script", status, True)
    assert (script.timeout_s, script.blocks_login, script.exit_code) == (300, True, None)


@pytest.mark.parametrize(
    ("lifecycle", "status"),
    [("off", "ok"), ("shutdown_error", "exit_failure"), ("shutdown_timeout", "timed_out"), ("ready", None)],
)
def test_the_one_stop_script(lifecycle: str, status: str | None) -> None:
    script = converted(lifecycle_state=lifecycle, shutdown_script="rm -rf /tmp/x").scripts[-1]
    assert (script.name, script.status, script.run_on_stop) == ("Shutdown Script", status, True)
    assert script.timeout_s is None


def test_an_agent_without_scripts_has_none() -> None:
    assert converted(startup_script="").scripts == ()


def test_its_log_has_one_source_which_the_scripts_name() -> None:
    agent = converted(shutdown_script="true")
    assert [(source.id, source.name) for source in agent.log_sources] == [("", "Startup Script")]
    assert {script.source_id for script in agent.scripts} == {""}


def test_later_servers_have_lists_even_when_they_are_empty() -> None:
    agent = converted(scripts=[], log_sources=[])
    assert (agent.scripts, agent.log_sources) == ((), ())
