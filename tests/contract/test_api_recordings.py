"""Every recorded answer and frame of both servers is read by its schema, without a single field lost."""

from __future__ import annotations

import json
import re
from typing import Any

from agentdash.api import errors, schema
from agentdash.api.mapping import RawAnswer, error_from, terminal_error_from

ID = r"[0-9a-f]{8}-[0-9a-f-]{27}"

OBJECTS: dict[str, Any] = {
    r"buildinfo": schema.BuildInfo,
    r"debug/health": schema.HealthReport,
    r"regions": schema.Regions,
    r"users/me": schema.User,
    rf"workspaceagents/{ID}": schema.Agent,
    rf"workspaceagents/({ID}/)?connection": schema.ConnectionInfo,
    rf"workspaceagents/{ID}/containers": schema.ContainersResponse,
    rf"workspaceagents/{ID}/listening-ports": schema.ListeningPorts,
    rf"workspacebuilds/{ID}": schema.Build,
    rf"(workspacebuilds|workspaces)/{ID}/timings": schema.BuildTimings,
    r"workspaces": schema.WorkspacesPage,
    r"users/me/workspaces": schema.Workspace,
    rf"workspaces/{ID}": schema.Workspace,
    rf"workspaces/{ID}/builds": schema.Build,  # POST; the GET is a list
    rf"workspaces/{ID}/port-share": schema.PortShares,
}
LISTS: dict[str, Any] = {
    rf"organizations/{ID}/provisionerdaemons": schema.ProvisionerDaemon,
    rf"organizations/{ID}/provisionerjobs": schema.ProvisionerJob,
    r"templates": schema.Template,
    rf"templateversions/{ID}/presets": schema.Preset,
    rf"workspaceagents/{ID}/(logs|startup-logs)": schema.AgentLog,
    rf"workspacebuilds/{ID}/logs": schema.BuildLog,
    rf"workspacebuilds/{ID}/parameters": schema.BuildParameter,
    rf"workspaces/{ID}/builds": schema.Build,
}
NOT_READ = rf"workspaceagents/me/.*|users|experiments|authcheck|workspacebuilds/{ID}/(state|cancel)|"
NOT_READ += rf"workspaces/{ID}/resolve-autostart|workspaceagents/{ID}/containers/devcontainers/.*"


def find(table: dict[str, Any], route: str) -> Any:
    path = route.removeprefix("/api/v2/")
    return next((kind for pattern, kind in table.items() if re.fullmatch(pattern, path)), None)


def assert_kept(sent: Any, read: Any) -> None:
    """Every value of a field that the model has is the value that was sent."""
    for name, field in type(read).model_fields.items():
        alias = field.validation_alias
        if not isinstance(alias, str | None) or (alias or name) not in sent:
            continue
        was, now = sent[alias or name], getattr(read, name)
        if isinstance(now, schema.Wire):
            assert_kept(was, now)
        elif isinstance(now, tuple):
            assert len(now) == len(was or [])
            for one, other in zip(was or [], now, strict=True):
                if isinstance(other, schema.Wire):
                    assert_kept(one, other)
                else:
                    assert other == one
        elif isinstance(now, str | bool | int | float):
            assert now == (was if was is not None else type(now)())


def test_answer_is_read(answer: Any) -> None:
    kind, item = find(OBJECTS, answer.route), find(LISTS, answer.route)
    if item is not None and answer.method == "GET":
        if answer.headers["content-type"].startswith("text/plain"):
            assert answer.body.count("\n") > 3
            return
        many = schema.decode_list(item, answer.raw)
        assert many.notes == ()
        assert len(many.value) == len(answer.body or [])
        for sent, read in zip(answer.body or [], many.value, strict=True):
            assert_kept(sent, read)
    elif kind is not None:
        one = schema.decode(kind, answer.raw)
        assert one.notes == ()
        assert_kept(answer.body, one.value)
    else:
        assert re.fullmatch(NOT_READ, answer.route.removeprefix("/api/v2/")), answer.route


def test_refusal_has_its_error(refusal: Any) -> None:
    found = error_from(RawAnswer(refusal.status, refusal.headers, refusal.raw, refusal.route))
    expected: dict[int, Any] = {
        401: errors.NotLoggedIn,
        403: errors.Forbidden,
        409: errors.Conflict,
        413: errors.BadRequest,
        426: errors.BadRequest,
    }
    if refusal.status in expected:
        assert type(found) is expected[refusal.status]
    elif refusal.status == 404:
        missing = isinstance(refusal.body, dict) and refusal.body["message"] == "Route not found."
        assert type(found) is (errors.RouteNotFound if missing else errors.NotFound)
    elif refusal.status == 400:
        away = refusal.body["message"].startswith("Agent state is")
        assert type(found) is (errors.AgentNotConnected if away else errors.BadRequest)
    else:
        assert isinstance(found, errors.ServerTrouble)
    assert found.status == refusal.status
    assert found.title
    assert found.next_step or isinstance(found, errors.BadRequest)
    assert found.detail


def events(stream: Any) -> list[tuple[str, Any]]:
    """Named events of an SSE body or of an SSE-shaped websocket."""
    if stream.kind == "sse":
        blocks = b"".join(stream.received()).decode().split("\n\n")
        found = []
        for block in blocks[:-1]:
            lines = dict(line.split(": ", 1) for line in block.splitlines())
            found.append((lines["event"], json.loads(lines.get("data", "null"))))
        return found
    return [(frame["type"], frame["data"]) for frame in map(json.loads, stream.received())]


def test_frames_are_read(stream: Any) -> None:
    route = stream.route.removeprefix("/api/v2/")
    if re.search(r"/pty$|derp-map|tailnet|coordinate|reinit|inbox|experimental", route):
        return  # binary, or of another room
    if re.search(r"/watch(-ws)?$", route) and "containers" not in route:
        for name, data in events(stream):
            if name == "data":
                read = schema.from_python(schema.Workspace, data)
                assert read.notes == ()
                assert_kept(data, read.value)
    elif "watch-metadata" in route:
        for name, data in events(stream):
            for item in data if name == "data" else []:
                read = schema.from_python(schema.MetadataItem, item)
                assert read.notes == ()
                assert_kept(item, read.value)
    elif route.endswith("/containers/watch"):
        for frame in stream.received():
            read = schema.decode(schema.ContainersResponse, frame)
            assert read.notes == ()
            assert_kept(json.loads(frame), read.value)
    elif route.startswith("workspacebuilds/"):
        for frame in stream.received():
            assert_kept(json.loads(frame), schema.decode(schema.BuildLog, frame).value)
    else:
        assert re.fullmatch(rf"workspaceagents/{ID}/logs", route), route
        for frame in stream.received():
            lines = schema.decode_list(schema.AgentLog, frame)
            assert lines.notes == ()
            assert [line.id for line in lines.value] == [line["id"] for line in json.loads(frame)]


def test_refused_stream_has_its_error(refused_stream: Any) -> None:
    refused = refused_stream.refusal()
    headers = {name: str(value) for name, value in refused.items() if name not in {"status", "body"}}
    answer = RawAnswer(refused["status"], headers, refused["body"].encode(), refused_stream.route)
    found = terminal_error_from(answer) if refused_stream.route.endswith("/pty") else error_from(answer)
    assert found.status == refused["status"]
    assert found.detail
    assert "<" not in found.detail
    if "text/html" in headers.get("content-type", ""):
        assert isinstance(found, errors.TerminalRefused)
        assert found.detail.startswith(str(refused["status"]))
