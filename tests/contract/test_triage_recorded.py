"""The recorded real server: what went wrong there is found, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from immutables import Map

from agentdash.api import schema
from agentdash.api.schema import from_python
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.deployment import Deployment, LogTail
from agentdash.state.freshness import Fact, Freshness
from agentdash.state.store import Store
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Diagnosis, Finding
from agentdash.triage.memory import Memory, remember

DATA = Path(__file__).parent / "data" / "2026-08"


def body(name: str) -> Any:
    return json.loads((DATA / name).read_text())["response"]["body"]


def frames(name: str) -> list[Any]:
    rows = [json.loads(row) for row in (DATA / name).read_text().splitlines()[1:]]
    return [json.loads(row["data"]) for row in rows if row.get("dir") == "in"]


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 11, 23, hour, minute, second, tzinfo=UTC)


def workspaces(raw: Any) -> list[Any]:
    found = raw.get("workspaces", [raw])
    return [convert.workspace(from_python(schema.Workspace, item).value) for item in found]


def read(name: str, now: datetime, *events: ev.Event, **deployment: Any) -> Facts:
    """One recorded list or workspace as the whole fleet."""
    known = workspaces(body(name))
    store = Store()
    store.apply(
        [
            ev.WorkspacesRead(tuple(known), now, "page"),
            ev.SweepEnded(frozenset(w.id for w in known), now, len(known)),
        ]
    )
    store.apply(events)
    return Facts(store.state, now, Deployment(**deployment))


def told(found: Diagnosis) -> list[tuple[str, str, str]]:
    return sorted((f.rule, f.subject.title, f.suspect) for f in found.flat())


def agent_log(name: str) -> LogTail:
    lines = [convert.log_line(from_python(schema.AgentLog, raw).value) for raw in body(name)]
    return LogTail(tuple(lines), is_whole=True)


def log_of(name: str) -> Fact[LogTail]:
    return Fact(agent_log(name), Freshness.POLLED)


MAIN = "b42c9941-2775-4195-a6ba-1fb8d2a34318"
SCRIPTS = [
    ("S02", "ops/alpha › main", "Times out"),
    ("S03", "ops/alpha › main", "Broken"),
    ("S04", "ops/alpha › main", "Pipes left open"),
]
NEVER = [("A02", "ops/alpha › flaky", ""), ("A02", "ops/alpha › never", "")]


@pytest.mark.parametrize(
    ("name", "now", "wanted"),
    [
        (
            "before/workspaces-before.json",
            at(12, 1, 50),
            [
                ("A02", "ops/alpha › main", ""),
                *NEVER,
                ("A02", "ops/beta › dev", ""),
                ("B09", "ops/gamma", ""),
            ],
        ),
        (
            "running/workspaces.json",
            at(12, 7),
            [*SCRIPTS, ("D02", "ops/alpha › main", "proj"), *NEVER, ("A02", "ops/beta › dev", "")],
        ),
        ("containers/workspace.json", at(12, 10, 15), [*SCRIPTS, *NEVER]),
        (
            "prebuild/workspaces-list.json",
            at(12, 16, 40),
            [
                *SCRIPTS,
                ("A05", "ops/alpha › flaky", ""),
                NEVER[1],
                ("R02", "ops/alpha › never", ""),
                ("B16", "ops/delta", ""),
                ("B09", "ops/gamma", ""),
                ("P07", "prebuilds/prebuild-x1y2", ""),
                ("A02", "prebuilds/prebuild-x1y2 › dev", ""),
            ],
        ),
        ("prebuild/workspace-claimed.json", at(12, 17, 1), []),
        ("queue/workspaces.json", at(13, 0, 10), []),
        ("queue/workspaces.json", at(13, 0, 55), [("B03", "ops/q3", ""), ("B03", "ops/q4", "")]),
        ("member/workspaces.json", at(12, 59, 50), []),
    ],
)
def test_what_went_wrong_is_found_and_nothing_else(
    name: str, now: datetime, wanted: list[tuple[str, str, str]]
) -> None:
    assert told(diagnose(read(name, now))) == sorted(wanted)


def finding(facts: Facts, rule: str) -> Finding:
    return next(f for f in diagnose(facts).flat() if f.rule == rule)


def test_script_that_exits_3_quotes_its_last_words() -> None:
    facts = read("running/workspaces.json", at(12, 7), agent_logs=Map({MAIN: log_of("running/logs.json")}))
    failed = finding(facts, "S03")
    assert failed.title == "Broken failed: exit 3"
    assert "about to fail" in {e.text for e in failed.evidence}
    left = finding(facts, "S04")
    assert any(
        e.text.startswith("WARNING: script exited successfully, but output pipes") for e in left.evidence
    )


def test_failed_build_names_the_full_disk() -> None:
    log = [
        convert.build_log_line(from_python(schema.BuildLog, raw).value)
        for raw in body("running/failed-build-logs.json")
    ]
    gamma = workspaces(body("running/failed-workspace.json"))[0]
    logs = Map({gamma.build.id: Fact(LogTail(tuple(log), is_whole=True), Freshness.POLLED)})
    failed = finding(read("running/failed-workspace.json", at(12, 2), build_logs=logs), "B09")
    assert failed.title == "Build failed: creating container: no space left on device"
    assert failed.causes[0] == "the disk is full"


def test_build_that_hangs_is_silent() -> None:
    facts = read("running/hanging-workspace.json", at(12, 7))
    assert told(diagnose(facts)) == []
    silent = Map(
        {
            workspaces(body("running/hanging-workspace.json"))[0].build.id: Fact(
                LogTail(), Freshness.POLLED, at(12, 7)
            )
        }
    )
    assert [
        f[0] for f in told(diagnose(read("running/hanging-workspace.json", at(12, 7), build_logs=silent)))
    ] == ["B06"]


def devcontainer_log() -> LogTail:
    """The log of the devcontainer up to its failed recreation."""
    lines = [
        convert.log_line(from_python(schema.AgentLog, raw).value)
        for frame in frames("devcontainer/logs-follow.jsonl")
        for raw in frame
    ]
    last = next(n for n, line in enumerate(lines) if '"outcome":"error"' in line.text)
    return LogTail(tuple(lines[: last + 1]))


def test_devcontainer_in_error_tells_its_reason_from_the_log() -> None:
    containers = convert.containers(
        from_python(schema.ContainersResponse, body("devcontainer/list-broken.json")).value
    )
    now = at(12, 13, 50)
    facts = read(
        "containers/workspace.json",
        now,
        ev.AgentOpened(MAIN),
        ev.ContainersRead(MAIN, containers, now, live=True),
        agent_logs=Map({MAIN: Fact(devcontainer_log(), Freshness.POLLED)}),
    )
    failed = finding(facts, "D02")
    assert failed.title == "Devcontainer proj failed: Command failed: docker pull local/missing:9"
    assert failed.causes[0] == "the image is unknown, or may not be pulled"
    assert failed.evidence[0].text == "Error: inspecting object: local/missing:9: image not known"


def test_killed_agent_is_lost_after_two_minutes() -> None:
    known = workspaces(body("running/workspaces.json"))
    gone = [a for w in known for a in w.agents if a.id == MAIN]
    assert gone[0].status == "connected"
    raw = body("restart/agent-disconnected.json")
    lost = convert.agent(from_python(schema.Agent, raw).value, known[0].id)
    when = lost.disconnected_at
    assert when is not None
    now = when.replace(minute=when.minute + 3)
    facts = read("running/workspaces.json", now, ev.AgentRead(lost, now))
    found = [f for f in diagnose(facts).flat() if f.rule == "A05"]
    assert [(f.subject.agent, f.severity.label) for f in found] == [("main", "S1")]


def test_a_rebuilt_workspace_whose_agent_never_starts_again() -> None:
    raw = body("rebuild/new-agent-later.json")
    known = workspaces(body("running/workspaces.json"))[0]
    stuck = convert.agent(from_python(schema.Agent, raw).value, known.id)
    assert (stuck.status, stuck.lifecycle) == ("connected", "created")
    seen = stuck.last_connected_at
    assert seen is not None
    assert stuck.first_connected_at is not None
    facts = read("running/workspaces.json", seen.replace(minute=seen.minute + 1))
    state = facts.state
    changed = state.workspaces[known.id]
    rebuilt = replace(changed, agents=(stuck,))
    facts = replace(facts, state=replace(state, workspaces=Map({known.id: rebuilt})))
    assert "S06" in {f.rule for f in diagnose(facts).flat()}


@pytest.mark.parametrize(
    "name",
    ["restart/workspace-watch-ws.jsonl", "start/workspace-watch-ws.jsonl", "apps/workspace-watch.jsonl",
     "agent-stop/workspace-watch.jsonl", "devcontainer/workspace-watch.jsonl", "build/stop-start-watch.jsonl",
     "prebuild/workspace-watch.jsonl", "rebuild/workspace-watch.jsonl"],
)  # fmt: skip
def test_every_frame_of_a_recorded_watch_is_judged_alike(name: str) -> None:
    """Frames of one workspace in their order: never more than one primary finding, and no trouble that was not there."""
    store = Store()
    memory = Memory()
    allowed = {
        "A02",
        "A05",
        "A09",
        "B09",
        "B16",
        "D02",
        "D07",
        "R02",
        "S02",
        "S03",
        "S04",
        "W01",
        "W03",
        "A06",
        "P07",
    }
    for row in (json.loads(text) for text in (DATA / name).read_text().splitlines()[1:]):
        if row.get("dir") != "in":
            continue
        frame = json.loads(row["data"])
        if frame.get("type") != "data" or not isinstance(frame.get("data"), dict):
            continue
        workspace = convert.workspace(from_python(schema.Workspace, frame["data"]).value)
        times = [a.last_connected_at for a in workspace.agents if a.last_connected_at]
        now = max(
            [*times, workspace.build.created_at or at(12, 0), workspace.build.job.completed_at or at(12, 0)]
        )
        store.apply([ev.WorkspacesRead((workspace,), now, "watch")])
        facts = Facts(store.state, now)
        memory = remember(memory, store.state, facts.pools, now)
        found = diagnose(Facts(store.state, now, memory=memory))
        assert sum(f.primary for f in found.findings) <= 1
        assert {f.rule for f in found.flat()} <= allowed
