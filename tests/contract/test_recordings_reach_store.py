"""Every recorded answer and frame of both servers converts, reaches the store and can be drawn, unknown values included."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentdash.api import schema
from agentdash.present.columns import COLUMNS, row_cells
from agentdash.present.describe import evidence, health_facts, pane_heads
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.store import Store
from agentdash.state.views import all_rows
from agentdash.triage.verdict import verdict

ID = r"[0-9a-f]{8}-[0-9a-f-]{27}"
AT = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
AGENT = "11111111-2222-3333-4444-555555555555"


def workspace_of(sent: Any) -> Any:
    return convert.workspace(schema.from_python(schema.Workspace, sent).value)


def events_of(route: str, body: Any) -> list[Any]:
    """What an answer's body becomes; empty for what another room reads."""

    def read(kind: Any) -> Any:
        return schema.from_python(kind, body).value

    def lines(kind: Any, make: Any) -> tuple[Any, ...]:
        return tuple(make(schema.from_python(kind, item).value) for item in body or ())

    table: list[tuple[str, Any]] = [
        (r"users/me", lambda: ev.UserRead(convert.user(read(schema.User)))),
        (
            r"workspaces",
            lambda: ev.WorkspacesRead(tuple(workspace_of(w) for w in body["workspaces"]), AT, "page"),
        ),
        (
            rf"(workspaces/{ID}|users/me/workspaces)",
            lambda: ev.WorkspacesRead((workspace_of(body),), AT, "get"),
        ),
        (rf"workspaceagents/{ID}", lambda: ev.AgentRead(convert.agent(read(schema.Agent), "w"), AT)),
        (
            rf"workspaceagents/{ID}/(logs|startup-logs)",
            lambda: ev.LogLinesRead(AGENT, lines(schema.AgentLog, convert.log_line)),
        ),
        (
            rf"workspacebuilds/{ID}/logs",
            lambda: ev.BuildLogLinesRead("b", lines(schema.BuildLog, convert.build_log_line)),
        ),
        (
            rf"workspaceagents/{ID}/listening-ports",
            lambda: ev.PortsRead(AGENT, convert.ports(read(schema.ListeningPorts)), AT),
        ),
        (
            rf"workspaces/{ID}/port-share",
            lambda: ev.SharesRead(AGENT, convert.shares(read(schema.PortShares)), AT),
        ),
        (
            rf"workspaceagents/{ID}/containers",
            lambda: ev.ContainersRead(
                AGENT, convert.containers(read(schema.ContainersResponse)), AT, live=False
            ),
        ),
        (
            rf"workspaceagents/({ID}/)?connection",
            lambda: ev.ConnectionRead(AGENT, convert.connection(read(schema.ConnectionInfo)), AT),
        ),
        (
            rf"(workspacebuilds|workspaces)/{ID}/timings",
            lambda: ev.TimingsRead(AGENT, convert.timings(read(schema.BuildTimings), "b"), AT),
        ),
    ]
    path = route.removeprefix("/api/v2/")
    return [make() for pattern, make in table if re.fullmatch(pattern, path)]


def frames_of(stream: Any) -> list[Any]:
    """What the frames of a stream become."""
    route = stream.route.removeprefix("/api/v2/")
    if stream.kind == "sse":
        blocks = b"".join(stream.received()).decode().split("\n\n")[:-1]
        pairs = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
        payloads = [json.loads(p["data"]) for p in pairs if p["event"] == "data"]
    elif re.search(r"/(watch-ws|watch-metadata-ws)$", route):
        messages = map(json.loads, stream.received())
        payloads = [m["data"] for m in messages if m["type"] == "data"]
    else:
        payloads = [json.loads(frame) for frame in stream.received()]
    if re.search(rf"workspaces/{ID}/watch(-ws)?$", route):
        return [
            ev.WorkspacesRead((workspace_of(p),), AT + timedelta(seconds=n), "watch")
            for n, p in enumerate(payloads)
        ]
    if "watch-metadata" in route:
        items = ([schema.from_python(schema.MetadataItem, item).value for item in p] for p in payloads)
        return [
            ev.MetadataRead(AGENT, convert.metadata(i), AT + timedelta(seconds=n))
            for n, i in enumerate(items)
        ]
    if route.endswith("/containers/watch"):
        read = (schema.from_python(schema.ContainersResponse, p).value for p in payloads)
        return [ev.ContainersRead(AGENT, convert.containers(one), AT, live=True) for one in read]
    if re.fullmatch(rf"workspacebuilds/{ID}/logs", route):
        one = (schema.from_python(schema.BuildLog, p).value for p in payloads)
        return [ev.BuildLogLinesRead("b", tuple(convert.build_log_line(line) for line in one))]
    many = ([schema.from_python(schema.AgentLog, line).value for line in p] for p in payloads)
    return [ev.LogLinesRead(AGENT, tuple(convert.log_line(line) for line in batch)) for batch in many]


def draw_everything(store: Store) -> None:
    """Every row and every pane of what is known; a picture that cannot be made raises."""
    now = AT + timedelta(minutes=1)
    for row in all_rows(store.state):
        judged = verdict(row.workspace, row.agent, now)
        assert judged.text
        assert all(cell is not None for cell in row_cells(row, tuple(COLUMNS.values()), judged, now))
        assert evidence(store.state, row, judged, now).title.text
        assert len(pane_heads(store.state, row, judged, now)) == 9
        if row.agent is not None:
            assert health_facts(row.workspace, row.agent, judged, now, server=store.state.server)


def test_answer_reaches_the_store(answer: Any) -> None:
    if not answer.is_json:
        return
    found = events_of(answer.route, answer.body)
    store = Store()
    changes = store.apply(found)
    if any(isinstance(event, ev.AgentRead) for event in found):
        assert found[0].agent.name  # it belongs to a workspace that this exchange does not hold
    elif found:
        assert changes or not _has_content(answer.body)
    draw_everything(store)


def test_frames_reach_the_store(stream: Any) -> None:
    if re.search(r"/pty$|derp-map|tailnet|coordinate|reinit|inbox|experimental", stream.route):
        return
    store = Store()
    changes = store.apply(frames_of(stream))
    content = any(_has_content(event) for event in frames_of(stream))
    assert bool(changes) or not content
    draw_everything(store)


def _has_content(value: Any) -> bool:
    if isinstance(value, ev.LogLinesRead | ev.BuildLogLinesRead):
        return bool(value.lines)
    if isinstance(value, dict):
        return any(bool(v) for v in value.values())
    return bool(value)


@pytest.mark.parametrize("field", ["status", "lifecycle_state"])
def test_a_word_from_the_future_is_drawn_as_it_came(field: str, request: pytest.FixtureRequest) -> None:
    data = json.loads(
        (request.path.parent / "data/2026-08/running/workspaces.json").read_text(encoding="utf-8")
    )["response"]["body"]
    for workspace in data["workspaces"]:
        for resource in workspace["latest_build"]["resources"]:
            for agent in resource.get("agents", ()):
                agent[field] = "levitating"
    store = Store()
    store.apply(events_of("/api/v2/workspaces", data))
    draw_everything(store)
    agents = [row.agent for row in all_rows(store.state) if row.agent is not None]
    assert agents
    assert {getattr(a, {"lifecycle_state": "lifecycle"}.get(field, field)) for a in agents} == {"levitating"}
