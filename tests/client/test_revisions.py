"""The embedded deployment as a server of other times, and what the client makes of it (contract: changes.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from agentdash.api import agent_errors, errors, tailnet_errors
from agentdash.api.agent_legacy import LegacyAgentApi
from agentdash.api.agent_logs import LogEntry
from agentdash.api.agent_rpc import open_agent_rpc
from agentdash.api.agent_side import AgentSideApi
from agentdash.api.agents import AgentApi
from agentdash.api.client import Client
from agentdash.api.fleet import FleetApi
from agentdash.api.rpc import server_version
from agentdash.api.sources import AgentLogSource, WorkspaceSource
from agentdash.api.stream import Data, Stream
from agentdash.cli.arguments import parse
from agentdash.config.secret import Secret
from agentdash.local.agent_side import side_of
from agentdash.local.records import Agent, App, Deployment
from agentdash.local.revisions import FIELDS, LATEST, REVISIONS, Revision
from agentdash.local.server import Served, serve_in_loop

NAMES = list(REVISIONS)


def the_agent(served: Served) -> Agent:
    return next(iter(served.deployment.workspaces.values())).latest_build.agents[0]


@pytest.fixture(params=NAMES)
async def old(request: pytest.FixtureRequest, deployment: Deployment) -> AsyncIterator[Served]:
    """The small deployment as each revision."""
    async with serve_in_loop(deployment, revision=REVISIONS[request.param]) as served:
        yield served


def since(served: Served, *version: int) -> bool:
    return served.runtime.revision.version >= version


async def test_the_fleet_is_read_from_every_revision(old: Served) -> None:
    async with asyncio.timeout(20), Client(old.url, old.token) as client:
        (workspace,) = (await FleetApi(client).workspaces()).workspaces
        agent = workspace.latest_build.resources[0].agents[0]
        assert (workspace.name, agent.name, agent.status, agent.lifecycle_state) == (
            "alpha",
            "main",
            "connected",
            "ready",
        )
        assert agent.knows("scripts") == since(old, 2, 2, 0)
        assert agent.knows("startup_script_behavior") == since(old, 0, 24, 0)
        assert agent.knows("health") == since(old, 0, 26, 0)
        assert agent.knows("parent_id") == since(old, 2, 22, 0)
        assert workspace.knows("is_prebuild") == since(old, 2, 24, 5)
        assert client.server_version.text == old.deployment.version


async def test_logs_are_followed_on_every_revision(old: Served) -> None:
    agent = the_agent(old)
    old.deployment.append_logs(agent, agent.log_sources[0].id, [("warn", "hello")])
    async with asyncio.timeout(20), Client(old.url, old.token) as client:
        (line,) = await AgentApi(client).logs(agent.id)
        async with Stream(client, AgentLogSource(agent.id)) as items:
            (followed,) = [item async for item in _first_data(items)]
        assert followed.payload == (line,)
        assert line.level == ("warn" if since(old, 0, 22, 1) else "info")
        assert bool(line.source_id) == since(old, 2, 2, 0)


async def _first_data(items: Any) -> AsyncIterator[Any]:
    async for item in items:
        if isinstance(item, Data):
            yield item
            return


async def test_the_workspace_watch_falls_back(old: Served) -> None:
    workspace = next(iter(old.deployment.workspaces.values()))
    async with asyncio.timeout(20), Client(old.url, old.token) as client:
        await FleetApi(client).me()
        async with Stream(client, WorkspaceSource(workspace.id)) as items:
            (data,) = [item async for item in _first_data(items)]
        assert data.payload.name == "alpha"
        assert ("workspace-watch-ws" in client.absences) == (not since(old, 2, 22, 0))


async def test_the_agents_side_of_every_revision(old: Served) -> None:
    agent = the_agent(old)
    agent.apps.append(App(old.deployment.new_id(), "ai", healthcheck_url="http://x"))
    token = Secret(side_of(old.runtime).tokens.token_of(old.deployment, agent))
    now = datetime.now(UTC)
    async with asyncio.timeout(20), Client(old.url, token) as client:
        side, legacy = AgentSideApi(client), LegacyAgentApi(client)
        assert (await side.git_ssh_key()).public_key
        assert (await side.git_auth("github.com")).needs_login
        is_legacy = not since(old, 2, 13, 0)
        for call, is_there in (
            (legacy.manifest, is_legacy),
            (legacy.report_stats, is_legacy),
            (lambda: legacy.report_startup("v0.21.3", "/home/coder"), is_legacy),
            (lambda: legacy.report_lifecycle("ready", now), is_legacy),
            (lambda: legacy.report_app_health({agent.apps[0].id: "healthy"}), is_legacy),
            (lambda: legacy.report_metadata("cpu", "7", now), is_legacy),
            (lambda: legacy.send_startup_logs([LogEntry("old")]), is_legacy),
            (lambda: side.send_logs([LogEntry("new")]), since(old, 2, 0, 0)),
            (lambda: side.add_log_source(old.deployment.new_id(), "x"), since(old, 2, 13, 0)),
            (lambda: side.report_app_status("ai", "working", "x"), since(old, 2, 22, 0)),
        ):
            if is_there:
                await call()
            else:
                with pytest.raises(errors.RouteNotFound):
                    await call()
        outputs = {line.output for line in agent.logs}
        assert outputs == {
            name for name, there in (("old", is_legacy), ("new", since(old, 2, 0, 0))) if there
        }
        if is_legacy:
            assert (agent.metadata[0].value, agent.apps[0].health) == ("7", "healthy")
            assert (await legacy.manifest()).metadata[0].interval == 3
            assert await legacy.report_stats() == 30.0


async def test_what_the_legacy_routes_refuse(deployment: Deployment) -> None:
    async with serve_in_loop(deployment, revision=REVISIONS["2023-03"]) as served:
        token = Secret(side_of(served.runtime).tokens.token_of(deployment, the_agent(served)))
        async with Client(served.url, token) as client:
            legacy = LegacyAgentApi(client)
            with pytest.raises(errors.BadRequest, match="Health field is empty"):
                await legacy.report_app_health({})
            with pytest.raises(errors.NotFound, match="Error setting workspace app health"):
                await legacy.report_app_health({deployment.new_id(): "healthy"})
            with pytest.raises(errors.BadRequest, match="Invalid agent version"):
                await legacy.report_startup("0.21", "/")
        async with Client(served.url, served.token) as user:
            with pytest.raises(agent_errors.AgentNotAuthorized):
                await LegacyAgentApi(user).manifest()


async def test_rpc_of_every_revision(old: Served) -> None:
    token = Secret(side_of(old.runtime).tokens.token_of(old.deployment, the_agent(old)))
    async with asyncio.timeout(20), Client(old.url, token) as client, Client(old.url, old.token) as user:
        if since(old, 2, 6, 0):
            async with open_agent_rpc(client) as rpc:
                assert (await rpc.manifest()).agent_name == "main"
        else:
            with pytest.raises(errors.RouteNotFound):
                async with open_agent_rpc(client):
                    pass
        if (2, 6, 0) <= old.runtime.revision.version < (2, 30, 0):
            with pytest.raises(tailnet_errors.VersionRefused):
                async with open_agent_rpc(client, version="2.8"):
                    pass
        if since(old, 2, 18, 0):
            major, minor = old.runtime.revision.rpc_version
            assert await server_version(user) == f"{major}.{minor}"
        else:
            with pytest.raises(errors.RouteNotFound):
                await server_version(user)


async def test_a_server_of_now_is_left_alone(served: Served, http: httpx.AsyncClient) -> None:
    body = (await http.get("/api/v2/workspaces")).json()
    assert served.runtime.revision is LATEST
    assert LATEST.reshaped(body) is body


@pytest.mark.parametrize("revision", REVISIONS.values(), ids=NAMES)
def test_fields_of_later_times_are_gone(revision: Revision) -> None:
    agent: Any = {
        "resource_id": "r",
        "architecture": "amd64",
        "scripts": [],
        "subsystems": ["envbox"],
        "unknown": 1,
    }
    found: Any = revision.reshaped({"agents": [agent]})
    (seen,) = found["agents"]
    assert seen["unknown"] == 1
    for name in seen:
        assert name not in FIELDS["agent"] or FIELDS["agent"][name].holds(revision.version)
    assert ("subsystem" in seen) == ((0, 23, 5) <= revision.version < (2, 0, 2))


def test_the_command_line_knows_the_same_names() -> None:
    assert parse(["local"]).revision == LATEST.name
    for name in NAMES:
        assert parse(["local", "--as", name]).revision == name
