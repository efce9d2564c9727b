"""The agent's own calls against the embedded deployment, over real sockets (contract: agent-side.md §2–§9)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agentdash.api import agent_errors, errors
from agentdash.api.agent_legacy import LegacyAgentApi
from agentdash.api.agent_logs import LogEntry
from agentdash.api.agent_side import AgentSideApi, wait_for_claim
from agentdash.api.agents import AgentApi
from agentdash.api.client import Client
from agentdash.api.sources import AgentLogSource
from agentdash.api.stream import Data, Stream
from agentdash.config.secret import Secret
from agentdash.local import queueing
from agentdash.local.agent_side import ExternalLink, side_of
from agentdash.local.clock import ManualClock
from agentdash.local.faults import Fault
from agentdash.local.records import PREBUILDS_USER_ID, Agent, App, User, Workspace
from agentdash.local.server import Served
from agentdash.wire.agent_words import EXTERNAL_SOURCE_ID
from agentdash.wire.backoff import Backoff

SOURCE = "5b4e0c2e-0000-4000-8000-00000000beef"


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def the_agent(served: Served) -> Agent:
    return the_workspace(served).latest_build.agents[0]


def token_of(served: Served, agent: Agent) -> Secret:
    return Secret(side_of(served.runtime).tokens.token_of(served.deployment, agent))


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    async with Client(served.url, token_of(served, the_agent(served))) as made:
        yield made


@pytest.fixture
def api(client: Client) -> AgentSideApi:
    return AgentSideApi(client)


async def test_log_rows_arrive_in_the_follow_of_whoever_looks(served: Served, api: AgentSideApi) -> None:
    agent = the_agent(served)
    async with Client(served.url, served.token) as user:
        async with Stream(user, AgentLogSource(agent.id)) as items, asyncio.timeout(10):
            source = await api.add_log_source(SOURCE, "Build", "/emojis/1f527.png")
            assert (source.id, source.workspace_agent_id) == (SOURCE, agent.id)
            await api.send_logs([LogEntry("compiling", "debug"), LogEntry("done")], SOURCE)
            lines: list[Any] = []
            async for item in items:
                if isinstance(item, Data):
                    lines += item.payload
                if len(lines) == 2:
                    break
        assert [(line.output, line.level, line.source_id) for line in lines] == [
            ("compiling", "debug", SOURCE),
            ("done", "info", SOURCE),
        ]
        shown = (await AgentApi(user).get(agent.id)).log_sources
        assert ("Build", "/emojis/1f527.png") in {(one.display_name, one.icon) for one in shown}


async def test_a_source_keeps_its_first_name(served: Served, api: AgentSideApi) -> None:
    await api.add_log_source(SOURCE, "First")
    assert (await api.add_log_source(SOURCE, "Second")).display_name == "Second"
    names = [one.display_name for one in the_agent(served).log_sources if one.id == SOURCE]
    assert names == ["First"]


async def test_rows_without_a_source_go_to_external(served: Served, api: AgentSideApi) -> None:
    await api.send_logs([LogEntry("x")])
    await api.send_logs([])
    assert the_agent(served).source_name(EXTERNAL_SOURCE_ID) == "External"
    assert [line.output for line in the_agent(served).logs] == ["x"]


async def test_a_bad_level_stores_nothing(served: Served, api: AgentSideApi) -> None:
    with pytest.raises(errors.BadRequest, match="invalid log level"):
        await api.send_logs([LogEntry("good"), LogEntry("bad", "loud")])
    assert the_agent(served).logs == []


async def test_a_full_log_is_told_and_a_small_rest_still_fits(served: Served, api: AgentSideApi) -> None:
    row = "z" * 200_000
    for _ in range(5):
        await api.send_logs([LogEntry(row)])
    for words in ("Logs limit exceeded", "max_logs_length"):
        with pytest.raises(agent_errors.LogsFull, match=words):
            await api.send_logs([LogEntry(row)])
    agent = the_agent(served)
    assert (agent.logs_length, agent.logs_overflowed, len(agent.logs)) == (1_000_000, True, 5)
    await api.send_logs([LogEntry("small")])
    assert [len(line.output) for line in agent.logs] == [1024] * 5 + [5]


async def test_an_app_status_turns_up_in_the_workspace(served: Served, api: AgentSideApi) -> None:
    agent = the_agent(served)
    agent.apps.append(App(served.deployment.new_id(), "ai"))
    await api.report_app_status("ai", "working", "\x1b[1mReading\x1b[0m  files", "https://example.com/1")
    await api.report_app_status("ai", "Idle", "Waiting")
    async with Client(served.url, served.token) as user:
        statuses = (await AgentApi(user).get(agent.id)).apps[-1].statuses
    assert [(one.state, one.message) for one in statuses] == [
        ("idle", "Waiting"),
        ("working", "Reading files"),
    ]
    with pytest.raises(errors.BadRequest, match="Invalid state: sleeping"):
        await api.report_app_status("ai", "sleeping", "x")
    with pytest.raises(errors.BadRequest, match='No app found with slug "zz"'):
        await api.report_app_status("zz", "idle", "x")
    with pytest.raises(agent_errors.MessageTooLong, match="161 bytes"):
        await api.report_app_status("ai", "idle", "y" * 161)
    assert len(agent.apps[-1].statuses) == 2


async def test_the_owners_key_is_stable_and_may_be_withheld(served: Served, api: AgentSideApi) -> None:
    first, second = await api.git_ssh_key(), await api.git_ssh_key()
    assert first == second
    assert first.private_key not in repr(first)
    side_of(served.runtime).without_user_data.add(the_workspace(served).id)
    with pytest.raises(errors.Forbidden):
        await api.git_ssh_key()


async def test_an_external_login_is_asked_for_and_waited_for(served: Served, api: AgentSideApi) -> None:
    found = await api.external_auth(match="https://github.com/o/r")
    assert found.needs_login
    assert found.url == f"{served.url}/external-auth/github"
    assert (await api.git_auth("github.com")).url == found.url
    links = side_of(served.runtime).links
    owner = the_workspace(served).owner_id
    links[owner, "github"] = ExternalLink("old", datetime.now(UTC) - timedelta(days=1))
    waiting = asyncio.create_task(
        api.listen_external_auth(provider_id="github", backoff=Backoff(random.Random(1).random))
    )
    await asyncio.sleep(0.05)
    links[owner, "github"] = ExternalLink("gho_x")
    async with asyncio.timeout(10):
        token = await waiting
    assert (token.access_token, token.username, token.type) == ("gho_x", "gho_x", "github")
    assert "gho_x" not in repr(token)


async def test_external_login_refusals(served: Served, api: AgentSideApi) -> None:
    with pytest.raises(agent_errors.NoProvider, match="regex"):
        await api.external_auth(match="nope.example")
    with pytest.raises(ValueError, match="exactly one"):
        await api.external_auth()
    with pytest.raises(ValueError, match="exactly one"):
        await api.external_auth(match="a", provider_id="b")
    side_of(served.runtime).providers.clear()
    with pytest.raises(agent_errors.NoProvider, match="not found"):
        await api.external_auth(provider_id="github")


async def test_listening_goes_on_after_a_cut(served: Served, api: AgentSideApi) -> None:
    side_of(served.runtime).links[the_workspace(served).owner_id, "github"] = ExternalLink("gho_x")
    served.faults.add(Fault("*/external-auth", times=1, disconnect=True))
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    found = await api.listen_external_auth(match="github.com", backoff=Backoff(lambda: 0.0), sleep=sleep)
    assert found.access_token == "gho_x"
    assert len(slept) == 1


async def test_tokens_of_the_wrong_kind(served: Served, api: AgentSideApi) -> None:
    async with Client(served.url, served.token) as user:
        with pytest.raises(agent_errors.AgentNotAuthorized, match="must be a valid UUIDv4"):
            await AgentSideApi(user).git_ssh_key()
    async with Client(served.url, Secret("")) as nobody:
        with pytest.raises(agent_errors.AgentNotAuthorized, match="must be provided"):
            await AgentSideApi(nobody).git_ssh_key()
    async with Client(served.url, Secret("11111111-1111-4111-8111-111111111111")) as stranger:
        with pytest.raises(agent_errors.AgentNotAuthorized, match="not authorized"):
            await AgentSideApi(stranger).git_ssh_key()
    async with Client(served.url, token_of(served, the_agent(served))) as agent:
        with pytest.raises(errors.NotLoggedIn):
            await AgentApi(agent).get(the_agent(served).id)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Cookie": "coder_session_token={}"}, ""),
        ({}, "?coder_session_token={}"),
        ({"Coder-Session-Token": "{}"}, ""),
        ({"Authorization": "Bearer {}"}, ""),
        ({}, "?access_token={}"),
    ],
)
async def test_the_token_may_come_in_five_ways(served: Served, headers: dict[str, str], query: str) -> None:
    token = token_of(served, the_agent(served)).reveal()
    async with httpx.AsyncClient(headers={k: v.format(token) for k, v in headers.items()}) as http:
        path = f"{served.url}/api/v2/workspaceagents/me/gitsshkey"
        assert (await http.get(path + query.format(token))).status_code == 200


async def test_an_outdated_agent_may_not_talk(served: Served, api: AgentSideApi) -> None:
    deployment, workspace = served.deployment, the_workspace(served)
    stop = queueing.queue_build(deployment, workspace, "stop", workspace.owner_id)
    await api.send_logs([LogEntry("stop scripts still talk")])
    queueing.finish_job(deployment, stop)
    with pytest.raises(agent_errors.AgentNotAuthorized, match="not authorized"):
        await api.send_logs([LogEntry("x")])


async def test_what_2023_had_is_gone(api: AgentSideApi, client: Client) -> None:
    legacy = LegacyAgentApi(client)
    for call in (
        legacy.manifest(),
        legacy.report_app_health({}),
        legacy.report_stats(),
        legacy.report_startup("v0.16.0", "/"),
        legacy.report_lifecycle("ready", datetime.now(UTC)),
        legacy.send_startup_logs([LogEntry("x")]),
        legacy.report_metadata("cpu", "1", datetime.now(UTC)),
    ):
        with pytest.raises(errors.RouteNotFound):
            await call


async def test_large_and_broken_bodies(served: Served, client: Client) -> None:
    with pytest.raises(errors.BadRequest, match="too large"):
        await client.send("PATCH", "/api/v2/workspaceagents/me/logs", {"logs": ["x" * (4 << 20)]})
    with pytest.raises(errors.BadRequest, match="valid JSON"):
        await client.send("PATCH", "/api/v2/workspaceagents/me/logs", ["x"])


# -- the claim ----------------------------------------------------------------------------------------------------


def prebuild(served: Served) -> tuple[Workspace, Agent, User]:
    """The small deployment's workspace, made into a prebuild, and who is going to claim it."""
    deployment, workspace = served.deployment, the_workspace(served)
    ops = deployment.users[workspace.owner_id]
    now = deployment.now()
    system = User(PREBUILDS_USER_ID, "prebuilds", "Prebuilds", "", now, now, ops.organization_ids)
    deployment.add_user(system)
    workspace.owner_id = workspace.builds[0].initiator_id = workspace.builds[0].job.initiator_id = system.id
    return workspace, the_agent(served), ops


def complete_claim(served: Served, workspace: Workspace, error: str = "") -> Agent | None:
    """End the claim build; returns the new agent row."""
    deployment, old = served.deployment, workspace.builds[-2].agents[0]
    build = workspace.latest_build
    resource = workspace.builds[-2].resources[0]
    now = deployment.now()
    made = Agent(deployment.new_id(), old.name, workspace.id, build.id, resource.id, now)
    build.resources.append(
        type(resource)(deployment.new_id(), resource.type, resource.name, now, agents=[made])
    )
    build.job.started_at = now
    queueing.finish_job(deployment, build, error)
    return None if error else made


def pauses() -> Backoff:
    return Backoff(lambda: 0.0)


async def test_a_whole_claim(served: Served, api: AgentSideApi) -> None:
    workspace, old, ops = prebuild(served)
    waiting = asyncio.create_task(wait_for_claim(api, backoff=pauses()))
    await asyncio.sleep(0.1)
    queueing.claim(served.deployment, workspace, ops, "mine")
    await asyncio.sleep(0.1)
    assert not waiting.done()
    with pytest.raises(agent_errors.AgentNotAuthorized):
        await api.git_ssh_key()  # the window without agents
    new = complete_claim(served, workspace)
    assert new is not None
    async with asyncio.timeout(10):
        event = await waiting
    assert event is not None
    assert (event.workspace_id, event.owner_id, event.reason) == (workspace.id, ops.id, "prebuild_claimed")
    # The same token is now the new row's, and the old id has gone.
    await api.send_logs([LogEntry("hello from the other side")])
    assert [line.output for line in new.logs] == ["hello from the other side"]
    async with Client(served.url, served.token) as user:
        with pytest.raises(errors.NotFound):
            await AgentApi(user).get(old.id)
    # Told again to whoever asks again; a repeat of a known owner ends the waiting.
    async with asyncio.timeout(10):
        assert await wait_for_claim(api, backoff=pauses()) == event
        assert await wait_for_claim(api, known_owner_id=ops.id, backoff=pauses()) is None


async def test_waiting_goes_on_through_cuts(served: Served, api: AgentSideApi) -> None:
    workspace, _, ops = prebuild(served)
    told: list[errors.ApiError] = []

    def on_trouble(error: errors.ApiError) -> None:
        told.append(error)
        if len(told) == 1:
            queueing.claim(served.deployment, workspace, ops, "mine")
            complete_claim(served, workspace)

    served.faults.add(Fault("*/me/reinit", times=1, disconnect=True))
    async with asyncio.timeout(10):
        event = await wait_for_claim(api, backoff=pauses(), on_trouble=on_trouble)
    assert event is not None
    assert [type(one) for one in told] == [errors.ConnectFailed]


async def test_nothing_to_wait_for(served: Served, api: AgentSideApi) -> None:
    with pytest.raises(
        agent_errors.NotReinitialisable, match="only for agents running in prebuilt"
    ) as caught:
        await wait_for_claim(api, backoff=pauses())
    assert not caught.value.is_claim_failed


async def test_a_claim_that_failed_is_final(served: Served, api: AgentSideApi) -> None:
    workspace, _, ops = prebuild(served)
    queueing.claim(served.deployment, workspace, ops, "mine")
    token = side_of(served.runtime).tokens
    complete_claim(served, workspace, error="no quota")
    # The agent of build 1 is outdated; the check itself is asked through a token that still opens the door.
    token.find = lambda *_: workspace.builds[0].agents[0]  # type: ignore[method-assign]
    with pytest.raises(agent_errors.NotReinitialisable, match="no quota") as caught:
        await wait_for_claim(api, backoff=pauses())
    assert caught.value.is_claim_failed


async def test_a_claim_of_long_ago_is_not_repeated(served: Served, api: AgentSideApi) -> None:
    workspace, _, ops = prebuild(served)
    queueing.claim(served.deployment, workspace, ops, "mine")
    complete_claim(served, workspace)
    build = queueing.queue_build(served.deployment, workspace, "start", ops.id)
    complete_claim(served, workspace)
    async with Client(served.url, token_of(served, build.agents[0])) as later:
        with pytest.raises(agent_errors.NotReinitialisable, match="earlier build"):
            await wait_for_claim(AgentSideApi(later), backoff=pauses())


async def test_the_headers_come_with_the_first_ping(make_deployment: Any, running_server: Any) -> None:
    clock = ManualClock()
    deployment = make_deployment(clock)
    async with running_server(deployment) as served:
        headers = {"Coder-Session-Token": token_of(served, the_agent(served)).reveal()}
        async with httpx.AsyncClient(headers=headers, timeout=10) as http:
            request = http.build_request("GET", f"{served.url}/api/v2/workspaceagents/me/reinit")
            answering = asyncio.create_task(http.send(request, stream=True))
            await asyncio.sleep(0.1)
            await clock.advance(14.9)
            await asyncio.sleep(0.05)
            assert not answering.done()
            await clock.advance(0.2)
            async with asyncio.timeout(5):
                response = await answering
                assert await anext(response.aiter_bytes()) == b"event: ping\n\n"
            await response.aclose()
