"""The fault plan, seen from outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from agentdash.local.faults import HOSTILE_TEXT, Fault, failing, html_instead, rate_limited
from agentdash.local.records import Agent, Deployment
from agentdash.local.server import Served


def first_agent(deployment: Deployment) -> Agent:
    return next(iter(deployment.workspaces.values())).latest_build.agents[0]


@asynccontextmanager
async def log_follow(served: Served) -> AsyncIterator[ClientConnection]:
    agent = first_agent(served.deployment)
    headers = {"Coder-Session-Token": served.token.reveal()}
    url = served.url.replace("http", "ws") + f"/api/v2/workspaceagents/{agent.id}/logs?follow"
    async with connect(url, additional_headers=headers) as socket:
        yield socket


async def test_other_answers(served: Served, http: httpx.AsyncClient) -> None:
    path = f"/api/v2/workspaceagents/{first_agent(served.deployment).id}"
    served.faults.add(rate_limited(path))
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert (await http.get(path)).status_code == 200
    served.faults.add(html_instead(path, times=1))
    assert (await http.get(path)).headers["content-type"] == "text/html; charset=utf-8"
    served.faults.add(failing(path, 503, "no", times=1))
    assert (await http.get(path)).json() == {"message": "no"}
    served.faults.add(Fault(path, disconnect=True, times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get(path)
    served.faults.add(Fault(path, cut_after_bytes=100, times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get(path)
    assert (await http.get(path)).status_code == 200


async def test_streams_are_cut_by_tcp_or_with_a_code(served: Served) -> None:
    served.faults.add(Fault("*/logs", cut_after_messages=1, times=1))
    async with log_follow(served) as socket:
        assert await socket.recv() == "[]\n"
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is None
    served.faults.add(Fault("*/logs", cut_after_messages=1, close_code=1012, close_reason="service restart"))
    async with log_follow(served) as socket:
        await socket.recv()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "service restart")


async def test_streams_are_cut_by_age(served: Served) -> None:
    served.faults.add(Fault(is_for_websockets=True, cut_after_s=0.05, times=1))
    async with log_follow(served) as socket:
        await socket.recv()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is None


async def test_upgrades_are_refused_and_requests_are_not(served: Served, http: httpx.AsyncClient) -> None:
    path = f"/api/v2/workspaceagents/{first_agent(served.deployment).id}/logs"
    refusal = html_instead("*", 502).answer
    served.faults.add(Fault(is_for_websockets=True, answer=refusal))
    with pytest.raises(InvalidStatus) as refused:
        async with log_follow(served):
            pass
    assert refused.value.response.status_code == 502
    assert (await http.get(path)).status_code == 200


async def test_a_silent_stream_stays_open(served: Served) -> None:
    served.faults.add(Fault("*/logs", silent_after_messages=1))
    agent = first_agent(served.deployment)
    async with log_follow(served) as socket:
        await socket.recv()
        served.deployment.append_logs(agent, agent.log_sources[0].id, [("info", "unheard")])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)


async def test_a_cut_event_stream_ends_inside_a_chunk(served: Served, http: httpx.AsyncClient) -> None:
    served.faults.add(Fault("*/watch", cut_after_bytes=200))
    workspace = next(iter(served.deployment.workspaces))
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - the body breaks while it is read
        async with http.stream("GET", f"/api/v2/workspaces/{workspace}/watch") as answer:
            async for chunk in answer.aiter_bytes():
                got += chunk
    assert len(got) == 200


async def test_hostile_text_reaches_every_form(served: Served, http: httpx.AsyncClient) -> None:
    served.faults.is_hostile = True
    agent = first_agent(served.deployment)
    served.deployment.append_logs(agent, agent.log_sources[0].id, [("info", "x")])
    answer = (await http.get(f"/api/v2/workspaceagents/{agent.id}")).json()
    assert answer["name"] == "main" + HOSTILE_TEXT
    assert answer["id"] == agent.id
    async with log_follow(served) as socket:
        assert json.loads(await socket.recv())[0]["output"] == "x" + HOSTILE_TEXT
    async with http.stream("GET", f"/api/v2/workspaceagents/{agent.id}/watch-metadata") as events:
        lines = events.aiter_lines()
        assert await anext(lines) == "event: data"
        (item,) = json.loads((await anext(lines)).removeprefix("data: "))
    assert item["description"]["display_name"] == "CPU Usage" + HOSTILE_TEXT


async def test_a_killed_server_cuts_everything(served: Served) -> None:
    async with log_follow(served) as socket:
        await socket.recv()
        served.drop_connections()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd is None
