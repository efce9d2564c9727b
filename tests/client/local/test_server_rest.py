"""Plain requests to the embedded server, over a real socket."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from agentdash.local.clock import ManualClock
from agentdash.local.records import Deployment
from agentdash.local.server import Served, ServerOptions


def agent_url(deployment: Deployment, rest: str = "") -> str:
    agent = next(iter(deployment.workspaces.values())).latest_build.agents[0]
    return f"/api/v2/workspaceagents/{agent.id}{rest}"


async def test_agent_is_served_with_the_headers_of_every_answer(
    http: httpx.AsyncClient, deployment: Deployment
) -> None:
    answer = await http.get(agent_url(deployment))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-coder-build-version"] == deployment.version
    assert uuid.UUID(answer.headers["x-coder-request-id"])
    assert answer.headers["x-ratelimit-limit"] == "512"
    assert answer.headers["x-ratelimit-remaining"] == "511"
    assert answer.headers["set-cookie"].startswith("csrf_token=")
    assert answer.json()["status"] == "connected"


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/api/v2/nope", 404, {"message": "Route not found."}),
        (
            "/api/v2/workspaceagents/nope",
            400,
            {"message": 'Invalid UUID "nope".', "detail": "invalid UUID length: 4"},
        ),
        (
            "/api/v2/workspaceagents/00000000-0000-4000-8000-000000000000",
            404,
            {"message": "Agent doesn't exist with that id, or you do not have access to it."},
        ),
        ("/api/v2/", 200, {"message": "👋"}),
    ],
)
async def test_answers_of_odd_paths(http: httpx.AsyncClient, path: str, status: int, body: object) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()) == (status, body)


async def test_a_trailing_slash_is_another_path(http: httpx.AsyncClient, deployment: Deployment) -> None:
    assert (await http.get(agent_url(deployment, "/"))).json() == {"message": "Route not found."}


async def test_doubled_slashes_are_folded(http: httpx.AsyncClient, deployment: Deployment) -> None:
    url = agent_url(deployment).replace("/v2/", "//v2//")
    assert (await http.get(url)).status_code == 200


async def test_wrong_method_names_the_right_ones(http: httpx.AsyncClient, deployment: Deployment) -> None:
    for method in ("PUT", "HEAD"):
        answer = await http.request(method, agent_url(deployment))
        assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "GET", b"")


async def test_outside_the_api_there_is_a_sentence(http: httpx.AsyncClient) -> None:
    answer = await http.get("/workspaces/x")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


async def test_health_needs_no_token(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url) as stranger:
        assert (await stranger.get("/healthz")).text == "OK"


async def test_signed_out_texts_differ_by_path(served: Served, deployment: Deployment) -> None:
    async with httpx.AsyncClient(base_url=served.url) as stranger:
        agent = await stranger.get(agent_url(deployment))
        assert agent.status_code == 401
        assert agent.json() == {
            "message": "API key or external proxy authentication required, but none provided"
        }
        assert "www-authenticate" not in agent.headers
        ws = next(iter(deployment.workspaces))
        watch = await stranger.get(f"/api/v2/workspaces/{ws}/watch")
        assert watch.json()["detail"] == 'Cookie "coder_session_token" or query parameter must be provided.'
        assert watch.headers["www-authenticate"].startswith('Bearer realm="coder"')
        bad = await stranger.get(f"/api/v2/workspaces/{ws}/watch", headers={"Coder-Session-Token": "nope"})
        detail = "Invalid API key format: incorrect amount of API key parts, expected 2 got 1"
        assert bad.json()["detail"] == detail


async def test_a_stale_cookie_shadows_the_header(http: httpx.AsyncClient, deployment: Deployment) -> None:
    headers = {"Cookie": "coder_session_token=0000000000-0000000000000000000000"}
    assert (await http.get(agent_url(deployment), headers=headers)).status_code == 401


async def test_rebound_names_and_foreign_pages_are_refused(
    http: httpx.AsyncClient, served: Served, deployment: Deployment
) -> None:
    port = served.runtime.port
    for headers in (
        {"Host": f"evil.example:{port}"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ):
        answer = await http.get(agent_url(deployment), headers=headers)
        assert answer.status_code == 403, headers
    kind = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert (await http.get(agent_url(deployment), headers=kind)).status_code == 200


async def test_the_limit_is_counted_by_path(
    make_deployment: Callable[..., Deployment], running_server: Callable[..., Any]
) -> None:
    clock = ManualClock()
    deployment = make_deployment(clock)
    async with (
        running_server(deployment, options=ServerOptions(rate_limit=3)) as served,
        httpx.AsyncClient(
            base_url=served.url, headers={"Coder-Session-Token": served.token.reveal()}
        ) as client,
    ):
        assert [(await client.get("/api/v2/")).status_code for _ in range(4)] == [200, 200, 200, 429]
        answer = await client.get("/api/v2/")
        assert answer.headers["retry-after"] == "60"
        expected = "You've been rate limited for sending more than 3 requests in 1m0s."
        assert answer.json() == {"message": expected}
        assert (await client.get(agent_url(deployment))).status_code == 200
        clock.set_forward(120)
        assert (await client.get("/api/v2/")).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("?after=-1", 400, 'Query param "after" must be an integer greater than or equal to zero.'),
        ("?after=x", 400, 'Query param "after" must be an integer greater than or equal to zero.'),
        ("?format=xml", 400, "Invalid format parameter."),
        ("?format=text&follow", 400, "Text format is not supported with follow mode."),
    ],
)
async def test_bad_log_parameters(
    http: httpx.AsyncClient, deployment: Deployment, query: str, status: int, message: str
) -> None:
    answer = await http.get(agent_url(deployment, f"/logs{query}"))
    assert (answer.status_code, answer.json()["message"]) == (status, message)


async def test_logs_in_both_formats(http: httpx.AsyncClient, deployment: Deployment) -> None:
    agent = next(iter(deployment.workspaces.values())).latest_build.agents[0]
    assert (await http.get(agent_url(deployment, "/logs"))).json() == []
    lines = deployment.append_logs(agent, agent.log_sources[0].id, [("info", "one"), ("error", "<two>")])
    rows = (await http.get(agent_url(deployment, f"/logs?after={lines[0].id}&before=1"))).json()
    assert [row["output"] for row in rows] == ["<two>"]
    text = await http.get(agent_url(deployment, "/startup-logs?format=text"))
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.splitlines()[1].endswith("[error] [agent.main|Startup Script] <two>")


async def test_plain_get_of_a_stream_is_426_with_two_lines(
    http: httpx.AsyncClient, deployment: Deployment
) -> None:
    answer = await http.get(agent_url(deployment, "/logs?follow=false"))
    assert answer.status_code == 426
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    first, second = answer.text.splitlines()
    assert first == 'WebSocket protocol violation: Connection header "keep-alive" does not contain Upgrade'
    assert '"message":"Failed to accept websocket."' in second


async def test_live_calls_need_a_connected_agent(http: httpx.AsyncClient, deployment: Deployment) -> None:
    agent = next(iter(deployment.workspaces.values())).latest_build.agents[0]
    agent.is_beating = False
    agent.disconnected_at = deployment.now()
    for rest in ("/listening-ports", "/containers"):
        answer = await http.get(agent_url(deployment, rest))
        assert answer.status_code == 400
        expected = 'Agent state is "disconnected", it must be in the "connected" state.'
        assert answer.json() == {"message": expected}


async def test_label_must_be_one_pair(http: httpx.AsyncClient, deployment: Deployment) -> None:
    for label in ("a", "a=b=c"):
        answer = await http.get(agent_url(deployment, "/containers"), params={"label": label})
        assert (answer.status_code, answer.json()["message"]) == (400, "Invalid label format")


async def test_ports_are_filtered(http: httpx.AsyncClient, deployment: Deployment) -> None:
    from agentdash.local.records import App, Port

    agent = next(iter(deployment.workspaces.values())).latest_build.agents[0]
    agent.apps.append(App(deployment.new_id(), "web", url="http://localhost:8080/x"))
    agent.ports = [Port(n, "p") for n in (7, 22, 8080, 5432, 3000, 3000, 9)]
    ports = (await http.get(agent_url(deployment, "/listening-ports"))).json()["ports"]
    assert [row["port"] for row in ports] == [3000, 9]


async def test_connection_info(http: httpx.AsyncClient, deployment: Deployment) -> None:
    one = (await http.get(agent_url(deployment, "/connection"))).json()
    assert one == (await http.get("/api/v2/workspaceagents/connection")).json()
    assert one["derp_map"]["Regions"]["999"]["RegionID"] == 999
