"""The whole scripted fleet over a real socket: what a client meets on its first day."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from agentdash.local.server import Served

LocalServer = Callable[..., AbstractAsyncContextManager[Served]]


def client_of(served: Served) -> httpx.AsyncClient:
    headers = {"Coder-Session-Token": served.token.reveal()}
    return httpx.AsyncClient(base_url=f"{served.url}/api/v2", headers=headers, timeout=20)


async def agents_of(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    workspaces = (await client.get("/workspaces")).json()["workspaces"]
    return [a for w in workspaces for r in w["latest_build"]["resources"] for a in r.get("agents", [])]


async def test_every_agent_answers_every_question(local_server: LocalServer) -> None:
    async with local_server() as served, client_of(served) as client:
        agents = await agents_of(client)
        assert len(agents) > 30
        for agent in agents:
            one = await client.get(f"/workspaceagents/{agent['id']}")
            assert one.json()["name"] == agent["name"]
            for rest in ("logs", "logs?format=text", "connection"):
                assert (await client.get(f"/workspaceagents/{agent['id']}/{rest}")).status_code == 200
            if agent["status"] != "connected":
                ports = await client.get(f"/workspaceagents/{agent['id']}/listening-ports")
                assert ports.json()["message"].startswith(f'Agent state is "{agent["status"]}"')


async def test_a_watch_hears_a_build_that_was_asked_for(local_server: LocalServer) -> None:
    async with local_server(is_moving=True) as served, client_of(served) as client:
        agent = next(
            a
            for a in await agents_of(client)
            if a["status"] == "connected" and a["lifecycle_state"] == "ready"
        )
        workspace = served.deployment.find_agent(agent["id"])
        assert workspace is not None
        url = f"{served.url.replace('http', 'ws')}/api/v2/workspaces/{workspace.workspace_id}/watch-ws"
        headers = {"Coder-Session-Token": served.token.reveal()}
        async with connect(url, additional_headers=headers, max_size=None) as socket:
            assert json.loads(await socket.recv()) == {"type": "ping", "data": None}
            before = json.loads(await socket.recv())["data"]["latest_build"]
            answer = await client.post(
                f"/workspaces/{workspace.workspace_id}/builds", json={"transition": "stop"}
            )
            assert answer.status_code == 201
            after = json.loads(await socket.recv())["data"]["latest_build"]
    assert after["build_number"] == before["build_number"] + 1
    assert after["transition"] == "stop"


@pytest.mark.parametrize(("username", "is_admin"), [("tara", True), ("mara", False)])
async def test_what_a_token_may_read_depends_on_its_user(
    local_server: LocalServer, username: str, is_admin: bool
) -> None:
    async with local_server(username=username) as served, client_of(served) as client:
        assert (await client.get("/users/me")).json()["username"] == username
        count = (await client.get("/workspaces")).json()["count"]
        assert (count > 30) is is_admin
        foreign = next(
            agent
            for workspace in served.deployment.live_workspaces()
            if workspace.owner_id != served.runtime.viewer.id and not workspace.is_prebuild
            for agent in workspace.agents
            if agent.status(served.deployment.now()) == "connected"
        )
        logs = await client.get(f"/workspaceagents/{foreign.id}/logs")
        assert logs.status_code == (200 if is_admin else 404)
        pty = await client.get(f"/workspaceagents/{foreign.id}/pty")
        assert (pty.status_code, pty.headers["content-type"]) == (404, "text/html; charset=utf-8")
