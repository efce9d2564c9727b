"""A program that plays an agent over `me/rpc`, against the embedded deployment (contract: agent-side.md §11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from agentdash.api import agent_errors, tailnet_errors
from agentdash.api.agent_logs import LogEntry
from agentdash.api.agent_rpc import SERVICE, AgentRpc, metadata_seconds, open_agent_rpc
from agentdash.api.agents import AgentApi
from agentdash.api.client import Client
from agentdash.api.tailnet import id_bytes, id_text, open_tailnet
from agentdash.config.secret import Secret
from agentdash.local import queueing
from agentdash.local.agent_side import side_of
from agentdash.local.clock import ManualClock
from agentdash.local.records import Agent, App, Workspace
from agentdash.local.server import Served
from agentdash.wire.proto import agent_pb2 as pb
from agentdash.wire.proto import tailnet_pb2
from tests.conftest import Serve, small_deployment

NOW = datetime(2026, 8, 22, 10, tzinfo=UTC)


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def the_agent(served: Served) -> Agent:
    return the_workspace(served).latest_build.agents[0]


def token_of(served: Served) -> Secret:
    return Secret(side_of(served.runtime).tokens.token_of(served.deployment, the_agent(served)))


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url, token_of(served)) as made:
        yield made


@pytest.fixture
async def rpc(client: Client) -> AsyncIterator[AgentRpc]:
    async with asyncio.timeout(20), open_agent_rpc(client) as made:
        yield made


async def test_the_manifest_is_all_that_the_agent_is_to_do(served: Served, rpc: AgentRpc) -> None:
    agent, workspace = the_agent(served), the_workspace(served)
    agent.apps.append(
        App(served.deployment.new_id(), "ai", healthcheck_url="http://x", healthcheck_interval_s=5)
    )
    found = await rpc.manifest()
    assert (id_text(found.agent_id), id_text(found.workspace_id)) == (agent.id, workspace.id)
    assert (found.owner_username, found.workspace_name, found.agent_name) == ("ops", "alpha", "main")
    assert [id_text(script.id) for script in found.scripts] == [agent.scripts[0].id]
    assert metadata_seconds(found.metadata[0]) == (3.0, 1.0)
    assert (found.apps[0].slug, found.apps[0].healthcheck.interval.seconds) == ("ai", 5)
    assert found.derp_map.regions[999].region_code == "coder"
    assert not found.HasField("parent_id")
    assert (await anext(rpc.derp_maps())).regions["999"].region_id == 999
    assert await rpc.announcements() == ()
    assert (await rpc.monitoring()).config.num_datapoints == 20


async def test_a_whole_start_is_seen_by_the_user(served: Served, rpc: AgentRpc) -> None:
    agent = the_agent(served)
    script = agent.scripts[0]
    await rpc.report_startup("v2.36.0", "/home/coder", ["envbox", "envbox"])
    await rpc.report_lifecycle("starting", NOW)
    assert await rpc.send_logs(script.log_source_id, [LogEntry("hello", "warn", NOW), LogEntry("world")])
    await rpc.report_script(
        script.id, NOW, NOW + timedelta(seconds=2), 3, stage="start", status="exit_failure"
    )
    await rpc.report_metadata({"cpu": (" 12% \n", ""), "nobody": ("x", "")}, NOW)
    await rpc.report_lifecycle("start_error", NOW + timedelta(seconds=3))
    async with Client(served.url, served.token) as user:
        seen = await AgentApi(user).get(agent.id)
        lines = await AgentApi(user).logs(agent.id)
    assert (seen.version, seen.api_version, seen.expanded_directory) == ("v2.36.0", "2.0", "/home/coder")
    assert seen.subsystems == ("envbox",)
    assert (seen.lifecycle_state, seen.started_at, seen.ready_at) == (
        "start_error",
        NOW,
        NOW + timedelta(seconds=3),
    )
    assert (seen.scripts[0].exit_code, seen.scripts[0].status) == (3, "exit_failure")
    assert [(line.output, line.level) for line in lines] == [("hello", "warn"), ("world", "info")]
    assert (agent.metadata[0].value, agent.metadata[0].error) == ("12%", "")
    assert agent.script_timings[0].exit_code == 3
    assert await rpc.report_stats() == 30.0
    assert await rpc.report_stats(pb.Stats(connection_count=1)) == 30.0


async def test_a_second_run_keeps_the_first_timing(served: Served, rpc: AgentRpc) -> None:
    script = the_agent(served).scripts[0]
    for code in (1, 0):
        status = "ok" if code == 0 else "exit_failure"
        await rpc.report_script(script.id, NOW, NOW, code, stage="start", status=status)
    assert [one.exit_code for one in the_agent(served).script_timings] == [1]
    assert (script.exit_code, script.status) == (0, "ok")


async def test_app_health_and_status(served: Served, rpc: AgentRpc) -> None:
    agent = the_agent(served)
    new_id = served.deployment.new_id
    agent.apps += [App(new_id(), "ai", healthcheck_url="http://x"), App(new_id(), "plain")]
    await rpc.report_app_healths({agent.apps[0].id: "unhealthy"})
    assert agent.apps[0].health == "unhealthy"
    with pytest.raises(tailnet_errors.RpcRefused, match="healthchecks"):
        await rpc.report_app_healths({agent.apps[1].id: "healthy"})
    with pytest.raises(tailnet_errors.RpcRefused, match="not found"):
        await rpc.report_app_healths({new_id(): "healthy"})
    with pytest.raises(ValueError, match="SICK"):
        await rpc.report_app_healths({agent.apps[0].id: "sick"})
    await rpc.report_app_status("ai", "failure", "boom")
    assert agent.apps[0].statuses[0].state == "failure"
    with pytest.raises(tailnet_errors.RpcRefused, match="No app found"):
        await rpc.report_app_status("zz", "idle", "x")


async def test_a_full_log_is_told_in_the_answer(served: Served, rpc: AgentRpc) -> None:
    agent = the_agent(served)
    source = agent.log_sources[0].id
    agent.logs_length = (1 << 20) - 3
    assert not await rpc.send_logs(source, [LogEntry("four")])
    assert not await rpc.send_logs(source, [LogEntry("1")])
    assert await rpc.send_logs(source, []) is False
    assert (agent.logs, agent.logs_overflowed) == ([], True)


async def test_values_that_are_too_long(served: Served, rpc: AgentRpc) -> None:
    await rpc.report_metadata({"cpu": ("é" * 2000, "")}, NOW)
    item = the_agent(served).metadata[0]
    assert len(item.value.encode()) == 2048
    assert "4000 bytes" in item.error


async def test_the_connection_is_the_agents_status(served: Served, client: Client) -> None:
    agent, now = the_agent(served), served.deployment.now
    async with open_agent_rpc(client, version="2.10"):
        assert (agent.status(now()), agent.api_version) == ("connected", "2.10")
        process = agent.process
        async with open_agent_rpc(client, role="helper") as helper:
            assert (await helper.manifest()).agent_name == "main"
        assert agent.process == process
    async with asyncio.timeout(5), served.deployment.bus.subscribe(*_topics(served)) as news:
        while agent.status(now()) != "disconnected":
            await news.wait()


def _topics(served: Served) -> list[str]:
    workspace = the_workspace(served)
    return [f"workspace:{workspace.id}:{workspace.owner_id}"]


async def test_a_second_process_takes_over(served: Served, client: Client) -> None:
    agent = the_agent(served)
    async with open_agent_rpc(client):
        async with open_agent_rpc(client) as second:
            first_is_gone = agent.process
            await second.manifest()
        assert agent.process == first_is_gone


async def test_the_node_of_the_agent_is_told_to_users(served: Served, rpc: AgentRpc) -> None:
    agent = the_agent(served)
    node = tailnet_pb2.Node(id=7, preferred_derp=999, derp_latency={"999-v4": 0.25}, endpoints=["10.0.0.5:1"])
    method = "/coder.tailnet.v2.Tailnet/Coordinate"
    update = tailnet_pb2.CoordinateRequest.UpdateSelf(node=node)
    async with (
        asyncio.timeout(10),
        Client(served.url, served.token) as user,
        open_tailnet(user) as tailnet,
        rpc.connection.talk(method) as own,
        tailnet.coordinate() as asking,
    ):
        await asking.watch(agent.id)
        await own.send(tailnet_pb2.CoordinateRequest(update_self=update).SerializeToString())
        news = await anext(asking.news())
        assert news.node is not None
        assert news.node.endpoints == ("10.0.0.5:1",)
        assert agent.latency["Coder Embedded Relay"].latency_ms == 250
    async with rpc.connection.talk(method) as own:
        node.addresses.append("fd7a:115c:a1e0::1/128")
        update = tailnet_pb2.CoordinateRequest.UpdateSelf(node=node)
        await own.send(tailnet_pb2.CoordinateRequest(update_self=update).SerializeToString())
        answer = await own.receive()
        assert answer is not None
        assert "invalid node address" in tailnet_pb2.CoordinateResponse.FromString(answer).error


async def test_sub_agents(served: Served, rpc: AgentRpc) -> None:
    parent = the_agent(served)
    deployment = served.deployment
    resource = the_workspace(served).latest_build.resources[0]
    child = Agent(
        deployment.new_id(),
        "dev",
        parent.workspace_id,
        parent.build_id,
        resource.id,
        NOW,
        parent_id=parent.id,
    )
    deployment.add_agent(resource, child)
    (listed,) = await rpc.sub_agents()
    assert (listed.name, id_text(listed.id)) == ("dev", child.id)
    async with Client(served.url, Secret(id_text(listed.auth_token))) as own, open_agent_rpc(own) as sub:
        manifest = await sub.manifest()
        assert (manifest.agent_name, id_text(manifest.parent_id)) == ("dev", parent.id)
    await rpc.delete_sub_agent(child.id)
    assert await rpc.sub_agents() == ()
    with pytest.raises(tailnet_errors.RpcRefused, match="does not belong"):
        await rpc.delete_sub_agent(child.id)


async def test_what_this_server_does_not_have(rpc: AgentRpc) -> None:
    with pytest.raises(tailnet_errors.RpcUnknown):
        await rpc.connection.ask(
            f"{SERVICE}CreateSubAgent", pb.ListSubAgentsRequest(), pb.ListSubAgentsResponse
        )
    with pytest.raises(tailnet_errors.RpcUnknown):
        await rpc.connection.ask(
            "/coder.tailnet.v2.Tailnet/WorkspaceUpdates", pb.ListSubAgentsRequest(), pb.ListSubAgentsResponse
        )


async def test_words_the_server_does_not_take(served: Served, rpc: AgentRpc) -> None:
    with pytest.raises(ValueError, match="LAZY"):
        await rpc.report_lifecycle("lazy", NOW)
    with pytest.raises(tailnet_errors.RpcRefused, match="semver"):
        await rpc.report_startup("2.36", "/")
    with pytest.raises(tailnet_errors.RpcRefused, match="lifecycle"):
        await rpc.connection.ask(f"{SERVICE}UpdateLifecycle", pb.UpdateLifecycleRequest(), pb.Lifecycle)
    unknown = pb.Timing(script_id=id_bytes(served.deployment.new_id()))
    with pytest.raises(tailnet_errors.RpcRefused, match="no such script"):
        await rpc.connection.ask(
            f"{SERVICE}ScriptCompleted",
            pb.WorkspaceAgentScriptCompletedRequest(timing=unknown),
            pb.WorkspaceAgentScriptCompletedResponse,
        )


async def test_a_users_token_opens_nothing(served: Served) -> None:
    async with Client(served.url, served.token) as user:
        with pytest.raises(agent_errors.AgentNotAuthorized):
            async with open_agent_rpc(user):
                pass


async def test_versions_are_judged(client: Client) -> None:
    with pytest.raises(tailnet_errors.VersionRefused) as caught:
        async with open_agent_rpc(client, version="2.12"):
            pass
    assert caught.value.server_version == "2.11"


async def test_an_outdated_build_is_cut_at_the_next_ping(running_server: Serve) -> None:
    clock = ManualClock()
    async with (
        asyncio.timeout(10),
        running_server(small_deployment(clock)) as served,
        Client(served.url, token_of(served)) as client,
        open_agent_rpc(client) as rpc,
    ):
        await rpc.manifest()
        workspace = the_workspace(served)
        build = queueing.queue_build(served.deployment, workspace, "start", workspace.owner_id)
        queueing.finish_job(served.deployment, build)
        await clock.advance(15.1)
        await rpc.connection.mux.wait_ended()
