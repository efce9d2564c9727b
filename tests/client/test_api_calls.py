"""Each call asks for the right thing, and falls back where an older server lacks it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from agentdash.api import errors
from agentdash.api.agents import AgentApi
from agentdash.api.builds import BuildApi, Start
from agentdash.api.client import Client
from agentdash.api.fleet import FleetApi, Right
from agentdash.api.version import ServerVersion

NOW = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)
MISSING = httpx.Response(404, json={"message": "Route not found."})


class Hidden:
    def reveal(self) -> str:
        return "t"


class Server:
    """Answers in the order given; keeps `METHOD path?query body`."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.client = Client("http://coder.test", Hidden(), http_transport=httpx.MockTransport(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode().removeprefix("/api/v2")
        self.asked.append(f"{request.method} {target} {request.content.decode()}".strip())
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def ok(body: Any, **headers: str) -> httpx.Response:
    return httpx.Response(
        200, content=json.dumps(body), headers={"Content-Type": "application/json"} | headers
    )


Ask = Callable[[Client], Awaitable[Any]]
CALLS: list[tuple[str, Ask, Any]] = [
    ("GET /users/me", lambda c: FleetApi(c).me(), {}),
    ("GET /buildinfo", lambda c: FleetApi(c).buildinfo(), {}),
    ("GET /experiments", lambda c: FleetApi(c).experiments(), []),
    ("GET /entitlements", lambda c: FleetApi(c).entitlements(), {}),
    ("GET /regions", lambda c: FleetApi(c).regions(), {}),
    ("GET /applications/host", lambda c: FleetApi(c).applications_host(), {}),
    ("GET /debug/health", lambda c: FleetApi(c).debug_health(), {}),
    ("GET /debug/health?force=true", lambda c: FleetApi(c).debug_health(force=True), {}),
    (
        "GET /workspaces?q=owner%3Ame&limit=50&offset=100",
        lambda c: FleetApi(c).workspaces("owner:me", offset=100),
        {},
    ),
    (
        "GET /workspaces?q=status%3Afailed&limit=1&offset=1000000",
        lambda c: FleetApi(c).count("status:failed"),
        {},
    ),
    ("GET /workspaces/w", lambda c: FleetApi(c).workspace("w"), {}),
    (
        "GET /workspaces/w?include_deleted=true",
        lambda c: FleetApi(c).workspace("w", include_deleted=True),
        {},
    ),
    ("GET /users/me/workspace/dev%2F", lambda c: FleetApi(c).workspace_by_name("me", "dev/"), {}),
    ("GET /organizations/default/provisionerjobs?limit=50", lambda c: FleetApi(c).provisioner_jobs(), []),
    (
        "GET /organizations/o/provisionerjobs?limit=9&status=pending%2Crunning",
        lambda c: FleetApi(c).provisioner_jobs("o", statuses=("pending", "running"), limit=9),
        [],
    ),
    ("GET /organizations/default/provisionerdaemons", lambda c: FleetApi(c).provisioner_daemons(), []),
    ("GET /templates", lambda c: FleetApi(c).templates(), []),
    ("GET /templates/t", lambda c: FleetApi(c).template("t"), {}),
    ("GET /templateversions/v", lambda c: FleetApi(c).template_version("v"), {}),
    ("GET /templateversions/v/presets", lambda c: FleetApi(c).presets("v"), None),
    ("GET /prebuilds/settings", lambda c: FleetApi(c).prebuilds_settings(), {}),
    (
        'PUT /prebuilds/settings {"reconciliation_paused":true}',
        lambda c: FleetApi(c).pause_prebuilds(True),
        {},
    ),
    ("POST /templates/t/prebuilds/invalidate", lambda c: FleetApi(c).invalidate_prebuilds("t"), {}),
    (
        'POST /workspaces/w/usage {"agent_id":"a","app_name":"reconnecting-pty"}',
        lambda c: FleetApi(c).report_usage("w", "a", "reconnecting-pty"),
        {},
    ),
    ("GET /workspaceagents/a", lambda c: AgentApi(c).get("a"), {}),
    ("GET /workspaceagents/a/logs?after=0", lambda c: AgentApi(c).logs("a"), []),
    ("GET /workspaceagents/a/logs?after=150", lambda c: AgentApi(c).final_logs("a", 250), []),
    ("GET /workspaceagents/a/listening-ports", lambda c: AgentApi(c).listening_ports("a"), {}),
    ("GET /workspaceagents/a/containers", lambda c: AgentApi(c).containers("a"), {}),
    ("GET /workspaceagents/a/connection", lambda c: AgentApi(c).connection("a"), {}),
    ("GET /workspaceagents/connection", lambda c: AgentApi(c).generic_connection(), {}),
    (
        "POST /workspaceagents/a/containers/devcontainers/d/recreate",
        lambda c: AgentApi(c).recreate_devcontainer("a", "d"),
        {},
    ),
    (
        "DELETE /workspaceagents/a/containers/devcontainers/d",
        lambda c: AgentApi(c).delete_devcontainer("a", "d"),
        {},
    ),
    ("GET /workspaces/w/port-share", lambda c: AgentApi(c).port_shares("w"), {}),
    (
        'POST /workspaces/w/port-share {"agent_name":"main","port":3000,"share_level":"public","protocol":"http"}',
        lambda c: AgentApi(c).share_port("w", "main", 3000, "public"),
        {},
    ),
    (
        'DELETE /workspaces/w/port-share {"agent_name":"main","port":3000}',
        lambda c: AgentApi(c).unshare_port("w", "main", 3000),
        {},
    ),
    ("GET /workspacebuilds/b", lambda c: BuildApi(c).get("b"), {}),
    ("GET /users/ada/workspace/dev/builds/3", lambda c: BuildApi(c).by_number("ada", "dev", 3), {}),
    (
        "GET /workspaces/w/builds?limit=25&offset=0&since=2026-08-22T12%3A00%3A00Z",
        lambda c: BuildApi(c).list("w", since=NOW),
        [],
    ),
    ("GET /workspacebuilds/b/parameters", lambda c: BuildApi(c).parameters("b"), []),
    ("GET /workspacebuilds/b/logs?after=5", lambda c: BuildApi(c).logs("b", 5), []),
    ("GET /workspacebuilds/b/timings", lambda c: BuildApi(c).timings("b"), {}),
    ('POST /workspaces/w/builds {"transition":"start"}', lambda c: BuildApi(c).start("w"), {}),
    (
        (
            'POST /workspaces/w/builds {"transition":"start","template_version_id":"v",'
            '"template_version_preset_id":"p","rich_parameter_values":[{"name":"cpu","value":"8"}]}'
        ),
        lambda c: BuildApi(c).start("w", Start("v", "p", {"cpu": "8"})),
        {},
    ),
    ('POST /workspaces/w/builds {"transition":"stop"}', lambda c: BuildApi(c).stop("w"), {}),
    ('POST /workspaces/w/builds {"transition":"delete"}', lambda c: BuildApi(c).delete("w"), {}),
    ("PATCH /workspacebuilds/b/cancel", lambda c: BuildApi(c).cancel("b"), {}),
    (
        "PATCH /workspacebuilds/b/cancel?expect_status=pending",
        lambda c: BuildApi(c).cancel("b", expect_status="pending"),
        {},
    ),
    (
        'PUT /workspaces/w/extend {"deadline":"2026-08-22T12:00:00Z"}',
        lambda c: BuildApi(c).extend("w", NOW),
        {},
    ),
    ('PUT /workspaces/w/dormant {"dormant":false}', lambda c: BuildApi(c).set_dormant("w", False), {}),
]


@pytest.mark.parametrize(
    ("asked", "call", "body"), CALLS, ids=[asked.partition(" {")[0] for asked, _, _ in CALLS]
)
async def test_each_call_asks_for_the_right_thing(asked: str, call: Ask, body: Any) -> None:
    server = Server(ok(body))
    async with server.client:
        await call(server.client)
    assert server.asked == [asked]


async def test_unchanged_prebuild_settings_are_fine() -> None:
    server = Server(httpx.Response(304))
    async with server.client:
        await FleetApi(server.client).pause_prebuilds(False)


async def test_rights_are_asked_in_one_call_and_absent_ones_are_no() -> None:
    server = Server(ok({"stop": True, "odd": "maybe"}))
    async with server.client:
        rights = {"stop": Right("workspace", "stop", owner_id="me", resource_id="w"), "odd": Right("x", "y")}
        assert await FleetApi(server.client).check_rights(rights) == {"stop": True, "odd": False}
    sent = json.loads(server.asked[0].partition("/authcheck ")[2])
    assert sent["checks"]["stop"] == {
        "object": {"resource_type": "workspace", "owner_id": "me", "resource_id": "w"},
        "action": "stop",
    }


@pytest.mark.parametrize(
    ("call", "empty"),
    [
        (lambda c: FleetApi(c).experiments(), ()),
        (lambda c: FleetApi(c).presets("v"), ()),
    ],
)
async def test_what_an_old_server_lacks_is_empty(call: Ask, empty: Any) -> None:
    server = Server(MISSING)
    async with server.client:
        assert await call(server.client) == empty


async def test_no_licensed_code_means_no_licence() -> None:
    server = Server(MISSING)
    async with server.client:
        found = await FleetApi(server.client).entitlements()
    assert not found.has("workspace_prebuilds")


async def test_old_log_path_is_used_until_the_server_changes() -> None:
    versions = [
        {"X-Coder-Build-Version": version} for version in ("v0.21.0", "v0.21.0", "v0.21.0", "v2.30.0")
    ]
    missing = httpx.Response(404, json={"message": "Route not found."}, headers=versions[0])
    server = Server(missing, ok([], **versions[1]), ok([], **versions[2]), ok([], **versions[3]), ok([]))
    async with server.client:
        agents = AgentApi(server.client)
        for _ in range(4):
            await agents.logs("a")
    names = [asked.partition("?")[0].rpartition("/")[2] for asked in server.asked]
    assert names == ["logs", "startup-logs", "startup-logs", "startup-logs", "logs"]


async def test_log_as_text_or_as_what_an_old_server_sends() -> None:
    server = Server(httpx.Response(200, text="a\nb\n"), ok([{"id": 1}]))
    async with server.client:
        agents = AgentApi(server.client)
        assert (await agents.logs_text("a")).text == "a\nb\n"
        lines = (await agents.logs_text("a")).lines
    assert lines is not None
    assert [line.id for line in lines] == [1]


async def test_recreate_falls_back_to_the_container() -> None:
    server = Server(MISSING, httpx.Response(204))
    async with server.client:
        await AgentApi(server.client).recreate_devcontainer("a", "d", "c1")
    assert server.asked[1] == "POST /workspaceagents/a/containers/devcontainers/container/c1/recreate"


async def test_recreate_without_a_container_says_what_is_missing() -> None:
    server = Server(MISSING)
    async with server.client:
        with pytest.raises(errors.RouteNotFound):
            await AgentApi(server.client).recreate_devcontainer("a", "d")
    assert len(server.asked) == 1


async def test_offline_daemons_on_a_server_that_refuses_the_word() -> None:
    refused = httpx.Response(
        400, json={"message": "Invalid", "validations": [{"field": "offline", "detail": "x"}]}
    )
    server = Server(refused, ok([{"name": "d"}]))
    async with server.client:
        (daemon,) = await FleetApi(server.client).provisioner_daemons(offline=True)
    assert daemon.name == "d"


async def test_a_search_key_the_server_does_not_know_is_named() -> None:
    refused = httpx.Response(
        400, json={"message": "Invalid", "validations": [{"field": "healthy", "detail": "x"}]}
    )
    server = Server(refused)
    async with server.client:
        with pytest.raises(errors.BadRequest) as one:
            await FleetApi(server.client).workspaces("healthy:false")
    assert one.value.names("healthy")
    assert not one.value.names("q")


def build(status: str, number: int) -> httpx.Response:
    return ok({"id": f"b{number}", "job": {"status": status}})


async def test_restart_is_left_to_a_server_that_can() -> None:
    server = Server(ok({"id": "b1"}))
    server.client.server_version = ServerVersion.parse("v2.36.0")

    async def no_sleep(_: float) -> None:
        raise AssertionError

    async with server.client:
        await BuildApi(server.client).restart("w", sleep=no_sleep)
    assert server.asked == [
        'POST /workspaces/w/builds {"transition":"stop","on_success":{"transition":"start"}}'
    ]


@pytest.mark.parametrize("version", ["v2.35.9", "", "nonsense"])
async def test_restart_on_an_older_server_stops_waits_and_starts(version: str) -> None:
    server = Server(build("pending", 1), build("running", 1), build("succeeded", 1), build("pending", 2))
    server.client.server_version = ServerVersion.parse(version)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    heard: list[str] = []
    async with server.client:
        builds = BuildApi(server.client)
        with pytest.raises(errors.ServerTooOld):
            await builds.restart_by_server("w")
        started = await builds.restart("w", sleep=sleep, told=lambda one: heard.append(one.job.status))
    assert started.id == "b2"
    assert [asked.split()[0] for asked in server.asked] == ["POST", "GET", "GET", "POST"]
    assert slept == [2.0, 2.0]
    assert heard == ["pending", "succeeded", "pending"]


async def test_a_stop_that_fails_is_not_followed_by_a_start() -> None:
    server = Server(build("failed", 1))

    async def sleep(_: float) -> None:
        raise AssertionError

    async with server.client:
        with pytest.raises(errors.Conflict, match="not started"):
            await BuildApi(server.client).restart("w", sleep=sleep)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("text", "is_new"),
    [
        ("v2.36.0+abc", True),
        ("v2.37.0-devel+abc", True),
        ("v0.0.0-devel", True),
        ("v3.0.0", True),
        ("v2.36.0-rc.1", True),
        ("v2.35.9", False),
        ("v0.27.0", False),
        ("", False),
    ],
)
def test_versions_compare_by_major_and_minor(text: str, is_new: bool) -> None:
    assert ServerVersion.parse(text).is_at_least(2, 36) is is_new


def test_importing_the_room_loads_no_network_library() -> None:
    code = (
        "import agentdash.api.stream, agentdash.api.terminal, agentdash.api.builds, agentdash.api.agents, "
        "agentdash.api.fleet, sys; "
        "from agentdash.api.client import Client; Client('https://x', None); "
        "print(sorted({'httpx', 'websockets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
