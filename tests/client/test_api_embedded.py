"""The client, its streams and its terminal against the embedded deployment, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from agentdash.api import errors
from agentdash.api.agents import AgentApi
from agentdash.api.builds import BuildApi
from agentdash.api.client import Client
from agentdash.api.exchange import Exchange
from agentdash.api.fleet import FleetApi, Right
from agentdash.api.sources import AgentLogSource, MetadataSource, Transport, WorkspaceSource
from agentdash.api.stream import Closed, Data, Opened, Stream
from agentdash.api.terminal import EndKind, judge_end, open_terminal
from agentdash.local.auth import Token
from agentdash.local.faults import HTML_PAGE, OLD_SERVER_ROUTES, Answer, Fault
from agentdash.local.records import Agent, Workspace
from agentdash.local.server import Served


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def the_agent(served: Served) -> Agent:
    return the_workspace(served).latest_build.agents[0]


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url, served.token) as made:
        yield made


async def until(items: Any, kind: type) -> Any:
    async with asyncio.timeout(10):
        async for item in items:
            if isinstance(item, kind):
                return item
    raise AssertionError(kind)


async def test_the_fleet_is_read(served: Served) -> None:
    seen: list[Exchange] = []
    async with Client(served.url, served.token, observe=seen.append) as client:
        fleet = FleetApi(client)
        assert (await fleet.me()).username == "ops"
        page = await fleet.workspaces()
        (workspace,) = page.workspaces
        agent = workspace.latest_build.resources[0].agents[0]
        assert (page.count, workspace.name, agent.status) == (1, "alpha", "connected")
        assert await fleet.count("owner:nobody") == 0
        assert (await AgentApi(client).get(agent.id)).name == "main"
        assert (await fleet.workspace_by_name("me", "alpha")).id == workspace.id
        rights = await fleet.check_rights({"ssh": Right("workspace", "ssh", resource_id=workspace.id)})
        assert set(rights) == {"ssh"}
        assert len(await BuildApi(client).list(workspace.id)) == 1
        assert client.server_version.text
    assert all(exchange.error is None and exchange.notes == () for exchange in seen)
    assert all(exchange.latency_s > 0 and exchange.request_id for exchange in seen)


async def test_a_wrong_token_and_a_wrong_id_are_told_apart(served: Served, client: Client) -> None:
    async with Client(served.url, Token("AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB")) as stranger:
        with pytest.raises(errors.NotLoggedIn):
            await FleetApi(stranger).me()
        with pytest.raises(errors.NotLoggedIn):
            async with Stream(stranger, WorkspaceSource(the_workspace(served).id)):
                pass
        with pytest.raises(errors.NotLoggedIn):
            async with open_terminal(stranger, the_agent(served).id, uuid4(), height=24, width=80):
                pass
    with pytest.raises(errors.NotFound):
        await AgentApi(client).get(str(uuid4()))
    with pytest.raises(errors.RouteNotFound):
        await client.request("GET", "/api/v2/nope")
    with pytest.raises(errors.TerminalRefused, match="Application Not Found"):
        async with open_terminal(client, str(uuid4()), uuid4(), height=24, width=80):
            pass


async def test_a_page_in_between_is_not_coder(served: Served, client: Client) -> None:
    served.faults.add(Fault("*/users/me", answer=Answer(200, HTML_PAGE, "text/html")))
    with pytest.raises(errors.NotCoder, match="Sign in"):
        await FleetApi(client).me()


async def test_the_workspace_watch_works_both_ways(served: Served, client: Client) -> None:
    source = WorkspaceSource(the_workspace(served).id)
    async with Stream(client, source) as items:
        assert await anext(items) == Opened(Transport.WEBSOCKET)
        assert (await until(items, Data)).payload.name == "alpha"
    for path in OLD_SERVER_ROUTES:
        served.faults.add(Fault(path, answer=Answer(404, '{"message":"Route not found."}')))
    async with Stream(client, source) as items:
        assert await anext(items) == Opened(Transport.SSE)
        assert (await until(items, Data)).payload.name == "alpha"
    async with Stream(client, MetadataSource(the_agent(served).id)) as items:
        assert await anext(items) == Opened(Transport.SSE)
        assert (await until(items, Data)).payload[0].description.key == "cpu"


async def test_a_server_that_falls_silent_is_found_out(served: Served, client: Client) -> None:
    served.faults.add(Fault("*/watch-ws", silent_after_messages=1))
    async with Stream(client, WorkspaceSource(the_workspace(served).id), silence_s=0.5) as items:
        assert "No sign of life" in (await until(items, Closed)).reason


async def test_pings_keep_a_quiet_stream_alive(served: Served, client: Client) -> None:
    async with Stream(client, AgentLogSource(the_agent(served).id), silence_s=0.6) as items:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await until(items, Closed)


async def test_a_cut_log_goes_on_where_it_was(served: Served, client: Client) -> None:
    agent = the_agent(served)
    append(served, agent, "one", "two")
    served.faults.add(Fault("*/logs", cut_after_messages=1, times=1))
    source = AgentLogSource(agent.id)
    lines: list[str] = []
    async with asyncio.timeout(10):
        async with Stream(client, source) as items:
            closed = [item async for item in taking(items, lines)][-1]
        assert isinstance(closed, Closed)
        assert lines == ["one", "two"]
        append(served, agent, "three")
        async with Stream(client, source) as items:
            async for _ in taking(items, lines):
                if "three" in lines:
                    break
    assert lines == ["one", "two", "three"]


async def taking(items: Any, lines: list[str]) -> AsyncIterator[Any]:
    """The items of a log; its lines are noted."""
    async for item in items:
        if isinstance(item, Data):
            lines += [line.output for line in item.payload]
        yield item


def append(served: Served, agent: Agent, *lines: str) -> None:
    served.deployment.append_logs(agent, agent.log_sources[0].id, [("info", line) for line in lines])


async def test_a_terminal_runs_a_program(served: Served, client: Client) -> None:
    agent = the_agent(served)
    async with open_terminal(client, agent.id, uuid4(), height=24, width=80) as terminal:
        async with asyncio.timeout(10):
            assert await anext(terminal)
            await terminal.resize(40, 100)
            await terminal.send_input("exit\r")
            async for _ in terminal:
                pass
        assert terminal.ended is not None
        assert judge_end(terminal.ended, "connected").kind is EndKind.EXITED
