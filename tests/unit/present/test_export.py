"""The documented JSON: every key there, absent is null, nothing that JSON cannot say."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentdash.present.export import agent_json, fleet_json
from agentdash.present.verdicts import told_by
from agentdash.state import events as ev
from agentdash.state.freshness import Problem
from agentdash.state.model import (
    AppStatus,
    Container,
    Containers,
    Devcontainer,
    MetadataItem,
    Port,
    PortShare,
    RegionLatency,
)
from agentdash.state.store import Store
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from tests.unit.model_factory import (
    NOW,
    before,
    make_agent,
    make_app,
    make_build,
    make_line,
    make_script,
    make_workspace,
)


def store() -> Store:
    made = Store()
    main = make_agent(
        lifecycle="start_error",
        scripts=(make_script(status="exit_failure", exit_code=127),),
        latency=(RegionLatency("fra", 34.2, preferred=True),),
        apps=(make_app("claude", statuses=(AppStatus("working", "fixing", created_at=before(60)),)),),
    )
    app = make_agent(
        "app", parent_id=main.id, parent_name="main", status="disconnected", disconnected_at=before(9)
    )
    made.apply(
        [
            ev.ServerNamed("https://c.example.com", "c.example.com", is_embedded=False),
            ev.BuildInfoRead("v2.37.1", "", "", is_workspace_proxy=False),
            ev.WorkspacesRead(
                (
                    make_workspace(main, app),
                    make_workspace(id="w2", name="old", build=make_build("stopped", "stop")),
                ),
                NOW,
                "page",
            ),
        ]
    )
    return made


def test_the_fleet_as_documented() -> None:
    body = fleet_json(store().state, NOW)
    assert body["schema"] == 1
    assert body["server"] == {"url": "https://c.example.com", "version": "v2.37.1"}
    assert body["generated_at"] == "2026-08-21T12:00:00.000Z"
    main, app = body["agents"]
    assert main | {"verdict": None, "locator": None} == {
        "workspace": "ada/go-7f3a",
        "agent": "main",
        "parent": None,
        "id": "w1-main",
        "status": "connected",
        "lifecycle": "start_error",
        "verdict": None,
        "template": {"name": "web", "version": "v31"},
        "build": {"number": 3, "status": "running", "transition": "start"},
        "is_prebuild": False,
        "last_seen": "2026-08-21T11:59:55.000Z",
        "latency_ms": 34.2,
        "locator": None,
        "is_previous_build": False,
    }
    assert main["verdict"] == {
        "text": "install-deps exit 127",
        "severity": 3,
        "kind": "broken",
        "rule": "S03",
        "since": None,
    }
    assert (app["parent"], app["latency_ms"]) == ("main", None)
    (stopped,) = body["workspaces"]
    assert (stopped["workspace"], stopped["verdict"]["text"], stopped["last_used_at"]) == (
        "ada/old",
        "stopped",
        None,
    )


def test_only_some_workspaces() -> None:
    state = store().state
    assert fleet_json(state, NOW, workspaces=[state.workspaces["w2"]])["agents"] == []


def test_one_agent_with_everything_that_was_read() -> None:
    made = store()
    made.apply(
        [
            ev.AgentOpened("w1-main"),
            ev.PortsRead("w1-main", (Port(8080, "tcp", "node"), Port(9000, "tcp", "")), NOW),
            ev.SharesRead("w1-main", (PortShare("main", 8080, "public", "http"),), NOW),
            ev.ContainersRead(
                "w1-main",
                Containers(
                    (Devcontainer("d", "app", "/app", "running"),),
                    (Container("c", "db", "postgres", "up", running=True),),
                ),
                NOW,
                live=False,
            ),
            ev.MetadataRead(
                "w1-main", (MetadataItem("cpu", "CPU", "5%", age_s=3), MetadataItem("x", "", "")), NOW
            ),
        ]
    )
    state = made.state
    workspace = state.workspaces["w1"]
    facts = Facts(state, NOW)
    told = told_by(diagnose(facts), facts)
    lines = [make_line(1, "hi", at=NOW)]
    body = agent_json(state, workspace, workspace.agents[0], NOW, logs=lines, told=told)["agent"]
    assert body["ports"] == [
        {"port": 8080, "network": "tcp", "process": "node", "shared": "public"},
        {"port": 9000, "network": "tcp", "process": None, "shared": None},
    ]
    assert body["devcontainers"][0]["folder"] == "/app"
    assert body["containers"][0]["name"] == "db"
    assert [(m["value"], m["age_s"]) for m in body["metadata"]] == [("5%", 3), (None, None)]
    assert body["scripts"][0]["exit_code"] == 127
    assert body["apps"][0]["status"]["state"] == "working"
    assert body["logs"] == [
        {"id": 1, "at": "2026-08-21T12:00:00.000Z", "level": "info", "source": "install-deps", "text": "hi"}
    ]
    assert body["verdict"]["rule"] == "S03"
    assert body["next"]["command"].startswith("coder ")
    assert body["unavailable"] == {}


def test_what_could_not_be_read_is_null_with_its_reason() -> None:
    made = store()
    made.apply(
        [ev.AgentOpened("w1-main"), ev.FactFailed("w1-main", "ports", Problem("Forbidden", "Not allowed"))]
    )
    workspace = made.state.workspaces["w1"]
    body = agent_json(made.state, workspace, workspace.agents[0], NOW)["agent"]
    assert (body["ports"], body["containers"], body["metadata"], body["logs"]) == (None, None, None, None)
    assert body["unavailable"] == {"ports": "Not allowed"}


def test_keys_do_not_depend_on_what_is_known() -> None:
    made = store()
    workspace = made.state.workspaces["w1"]
    known = agent_json(made.state, workspace, workspace.agents[0], NOW)["agent"]
    bare_agent = make_agent(
        "bare", created_at=None, first_connected_at=None, last_connected_at=None, status="", version=""
    )
    bare = agent_json(Store().state, make_workspace(bare_agent), bare_agent, NOW)["agent"]
    assert set(known) == set(bare)


@given(st.text(max_size=20), st.text(max_size=20), st.integers())
def test_anything_can_be_written(name: str, status: str, number: int) -> None:
    agent = make_agent(name or "x", status=status, scripts=(make_script(name, exit_code=number),))
    made = Store()
    workspace = make_workspace(agent, name=name)
    made.apply([ev.WorkspacesRead((workspace,), NOW, "page")])
    written: Any = json.loads(json.dumps(fleet_json(made.state, NOW)))
    assert written["agents"][0]["status"] == (status or None)
