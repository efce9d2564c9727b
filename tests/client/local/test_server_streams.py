"""Streams of the embedded server over real sockets: framing, order, ends (contract: README.md §7)."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agentdash.local import bus as topics
from agentdash.local.clock import ManualClock
from agentdash.local.records import Agent, BuildLogLine, Containers, Deployment, Devcontainer, Workspace
from agentdash.local.server import Served, ServerOptions

API = "/api/v2"


def workspace_of(deployment: Deployment) -> Workspace:
    return next(iter(deployment.workspaces.values()))


def first_agent(deployment: Deployment) -> Agent:
    return workspace_of(deployment).latest_build.agents[0]


@asynccontextmanager
async def websocket(served: Served, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
    headers = {"Coder-Session-Token": served.token.reveal()}
    url = served.url.replace("http", "ws") + API + path
    async with connect(url, additional_headers=headers, max_size=None, **options) as socket:
        yield socket


async def read(socket: ClientConnection) -> Any:
    message = await asyncio.wait_for(socket.recv(), 5)
    assert isinstance(message, str)
    assert message.endswith("\n")
    return json.loads(message)


async def close_of(socket: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(5):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as closed:
                return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


async def test_log_follow_sends_the_backlog_then_batches(served: Served) -> None:
    agent = first_agent(served.deployment)
    source = agent.log_sources[0].id
    served.deployment.append_logs(agent, source, [("info", "one"), ("info", "two")])
    async with websocket(served, f"/workspaceagents/{agent.id}/logs?follow=false") as socket:
        assert [row["output"] for row in await read(socket)] == ["one", "two"]
        served.deployment.append_logs(agent, source, [("error", "three")])
        (row,) = await read(socket)
        assert (row["output"], row["level"]) == ("three", "error")
    async with websocket(served, f"/workspaceagents/{agent.id}/logs?follow&after={row['id']}") as socket:
        assert await read(socket) == []


async def test_log_follow_ends_when_a_build_is_queued(served: Served) -> None:
    deployment = served.deployment
    agent = first_agent(deployment)
    async with websocket(served, f"/workspaceagents/{agent.id}/logs?follow") as socket:
        await read(socket)
        deployment.append_logs(agent, agent.log_sources[0].id, [("info", "last")])
        old = workspace_of(deployment).latest_build
        build = type(old)(
            id=deployment.new_id(),
            workspace_id=old.workspace_id,
            number=2,
            transition="stop",
            initiator_id=old.initiator_id,
            template_version_id=old.template_version_id,
            created_at=deployment.now(),
            updated_at=deployment.now(),
            job=type(old.job)(deployment.new_id(), deployment.now(), deployment.new_id(), old.initiator_id),
        )
        deployment.add_build(build)
        assert (await read(socket))[0]["output"] == "last"
        assert await close_of(socket) == (1000, "")


async def test_log_messages_come_in_two_frames(served: Served) -> None:
    agent = first_agent(served.deployment)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.runtime.port)
    key = base64.b64encode(b"0123456789abcdef").decode()
    head = (
        f"GET {API}/workspaceagents/{agent.id}/logs?follow HTTP/1.1\r\nHost: 127.0.0.1:{served.runtime.port}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Extensions: permessage-deflate\r\nCoder-Session-Token: {served.token.reveal()}\r\n\r\n"
    )
    writer.write(head.encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert answer.startswith("http/1.1 101")
    assert "sec-websocket-extensions" not in answer
    assert "x-coder-build-version: " in answer
    assert await asyncio.wait_for(reader.readexactly(7), 5) == b"\x01\x03[]\n\x80\x00"
    # The server's first ping follows 0.2 s later, with a decimal counter.
    assert await asyncio.wait_for(reader.readexactly(3), 5) == b"\x89\x011"
    writer.close()
    await writer.wait_closed()


async def test_no_pong_is_a_failed_liveness_probe(
    deployment: Deployment, running_server: Callable[..., Any]
) -> None:
    options = ServerOptions(ping_interval_s=0.05, pong_timeout_s=0.05)
    async with running_server(deployment, options=options) as served:
        agent = first_agent(deployment)
        reader, writer = await asyncio.open_connection("127.0.0.1", served.runtime.port)
        key = base64.b64encode(b"0123456789abcdef").decode()
        head = (
            f"GET {API}/workspaceagents/{agent.id}/watch-metadata-ws HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{served.runtime.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Coder-Session-Token: {served.token.reveal()}\r\n\r\n"
        )
        writer.write(head.encode())
        rest = await asyncio.wait_for(reader.read(), 5)
        while not reader.at_eof():
            rest += await asyncio.wait_for(reader.read(), 5)
        assert rest.endswith(b"\x88\x17" + struct.pack("!H", 1001) + b"liveness probe failed")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "close"),
    [
        ("/workspaceagents/{agent}/logs?follow", (1008, "unexpected data message")),
        ("/workspaces/{workspace}/watch-ws", (1002, "Clients cannot send messages for one-way WebSockets")),
        (
            "/workspaceagents/{agent}/watch-metadata-ws",
            (1002, "Clients cannot send messages for one-way WebSockets"),
        ),
    ],
)
async def test_clients_must_not_speak(served: Served, path: str, close: tuple[int, str]) -> None:
    deployment = served.deployment
    path = path.format(agent=first_agent(deployment).id, workspace=workspace_of(deployment).id)
    async with websocket(served, path) as socket:
        await socket.send("hello")
        assert await close_of(socket) == close


async def test_workspace_watch_in_both_forms(served: Served, http: httpx.AsyncClient) -> None:
    deployment = served.deployment
    workspace = workspace_of(deployment)
    async with websocket(served, f"/workspaces/{workspace.id}/watch-ws") as socket:
        assert await read(socket) == {"type": "ping", "data": None}
        assert (await read(socket))["data"]["id"] == workspace.id
        first_agent(deployment).lifecycle_state = "start_error"
        deployment.touch(workspace)
        data = (await read(socket))["data"]
        assert data["latest_build"]["resources"][0]["agents"][0]["lifecycle_state"] == "start_error"
        assert data["health"]["healthy"] is False
    async with http.stream("GET", f"{API}/workspaces/{workspace.id}/watch") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["x-accel-buffering"] == "no"
        lines = answer.aiter_lines()
        head = [await anext(lines) for _ in range(3)]
        assert head == ["event: ping", "", "event: data"]
        assert json.loads((await anext(lines)).removeprefix("data: "))["id"] == workspace.id


async def test_workspace_watch_is_bound_to_the_owner_of_its_opening(served: Served) -> None:
    deployment = served.deployment
    workspace = workspace_of(deployment)
    async with websocket(served, f"/workspaces/{workspace.id}/watch-ws") as socket:
        await read(socket)
        await read(socket)
        old = workspace.owner_id
        workspace.owner_id = "somebody else"
        deployment.touch(workspace)
        workspace.owner_id = old
        workspace.name = "renamed"
        deployment.touch(workspace)
        assert (await read(socket))["data"]["name"] == "renamed"


async def test_event_streams_ping_every_15_seconds(
    make_deployment: Callable[..., Deployment], running_server: Callable[..., Any]
) -> None:
    clock = ManualClock()
    deployment = make_deployment(clock)
    async with (
        running_server(deployment) as served,
        httpx.AsyncClient(
            base_url=served.url, headers={"Coder-Session-Token": served.token.reveal()}
        ) as client,
        client.stream("GET", f"{API}/workspaces/{workspace_of(deployment).id}/watch") as answer,
    ):
        lines = answer.aiter_lines()
        for _ in range(5):
            await anext(lines)
        await clock.advance(15)
        assert [await anext(lines) for _ in range(2)] == ["event: ping", ""]


async def test_metadata_timing(
    make_deployment: Callable[..., Deployment], running_server: Callable[..., Any]
) -> None:
    clock = ManualClock()
    deployment = make_deployment(clock)
    agent = first_agent(deployment)
    async with (
        running_server(deployment) as served,
        websocket(served, f"/workspaceagents/{agent.id}/watch-metadata-ws") as socket,
    ):
        (item,) = (await read(socket))["data"]
        assert item["result"]["age"] == 9223372036
        await clock.advance(1)
        assert await read(socket)
        agent.metadata[0].value, agent.metadata[0].collected_at = "12%", clock.now()
        await clock.advance(1)
        (item,) = (await read(socket))["data"]
        assert (item["result"]["value"], item["result"]["age"]) == ("12%", 1)
        await clock.advance(5)
        (item,) = (await read(socket))["data"]
        assert item["result"]["age"] == 6


async def test_build_logs_follow_sends_objects_and_says_done(served: Served) -> None:
    deployment = served.deployment
    build = workspace_of(deployment).latest_build
    now = deployment.now()
    build.logs += [BuildLogLine(n, now, "provisioner", "info", "Starting", f"line {n}") for n in (1, 2)]
    async with websocket(served, f"/workspacebuilds/{build.id}/logs?follow&after=-1") as socket:
        assert [(await read(socket))["id"] for _ in range(2)] == [1, 2]
        assert await close_of(socket) == (1000, "done")


async def test_containers_watch(served: Served) -> None:
    deployment = served.deployment
    agent = first_agent(deployment)
    url = f"/workspaceagents/{agent.id}/containers/watch"
    with pytest.raises(InvalidStatus) as refused:
        async with websocket(served, url):
            pass
    assert refused.value.response.status_code == 500
    agent.containers = Containers(failure=(500, "Could not get containers", "run docker ps: …"))
    async with websocket(served, url) as socket:
        assert await close_of(socket) == (1000, "")
    agent.containers = Containers()
    async with websocket(served, url) as socket:
        assert await read(socket) == {"devcontainers": None, "containers": []}
        agent.containers.devcontainers.append(
            Devcontainer(deployment.new_id(), "api", "/api", status="running")
        )
        deployment.bus.publish(topics.containers_topic(agent.id))
        assert (await read(socket))["devcontainers"][0]["name"] == "api"


async def test_connection_watch(served: Served) -> None:
    deployment = served.deployment
    workspace = workspace_of(deployment)
    path = f"/workspaces/{workspace.id}/agent-connection-watch?agent_name="
    async with websocket(served, path + "main") as socket:
        update = {"transition": "start", "job_status": "succeeded"}
        assert await read(socket) == {"error": None, "build_update": update}
        agent = first_agent(deployment)
        expected = {"lifecycle": "ready", "id": agent.id}
        assert await read(socket) == {"error": None, "agent_update": expected}
    async with websocket(served, path + "other") as socket:
        await read(socket)
        assert (await read(socket))["error"]["code"] == 2
        assert await close_of(socket) == (1000, "error")


async def test_a_stopped_server_says_what_the_real_one_says(
    deployment: Deployment, running_server: Callable[..., Any]
) -> None:
    agent, workspace = first_agent(deployment), workspace_of(deployment)
    manager = running_server(deployment)
    served = await manager.__aenter__()
    async with (
        websocket(served, f"/workspaceagents/{agent.id}/logs?follow") as logs,
        websocket(served, f"/workspaces/{workspace.id}/watch-ws") as watch,
        websocket(served, f"/workspaceagents/{agent.id}/pty?reconnect={deployment.new_id()}") as pty,
    ):
        await read(logs)
        await read(watch)
        await pty.recv()
        ends = asyncio.gather(close_of(logs), close_of(watch), close_of(pty))
        await manager.__aexit__(None, None, None)
        assert await ends == [(1000, ""), (1000, "Connection closed"), (1006, "")]


async def test_broken_framing_is_1002(served: Served) -> None:
    agent = first_agent(served.deployment)
    async with websocket(served, f"/workspaceagents/{agent.id}/logs?follow") as socket:
        await read(socket)
        socket.transport.write(b"\x83\x80\x00\x00\x00\x00")
        assert await close_of(socket) == (1002, "received unknown opcode 3")


async def test_the_relay_map_is_one_binary_message(served: Served, http: httpx.AsyncClient) -> None:
    async with websocket(served, "/derp-map") as socket:
        message = await asyncio.wait_for(socket.recv(), 5)
        assert isinstance(message, bytes)
        assert list(json.loads(message)["Regions"]) == ["999"]
    plain = await http.get(f"{API}/derp-map")
    sentence = 'WebSocket protocol violation: Connection header "keep-alive" does not contain Upgrade'
    detail = f"failed to accept WebSocket connection: {sentence}"
    expected = json.dumps({"message": "Failed to accept websocket.", "detail": detail}, separators=(",", ":"))
    assert (plain.status_code, plain.text) == (426, f"{sentence}\n{expected}\n")
