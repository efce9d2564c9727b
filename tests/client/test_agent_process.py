"""An agent of our own, over the wire: the dashboard's side cannot tell it from a real one (contract: agent-side.md §12)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentdash.agent.life import Surroundings
from agentdash.agent.process import run_agent
from agentdash.api.agents import AgentApi
from agentdash.api.client import Client
from agentdash.api.tailnet_errors import VersionRefused
from agentdash.config.secret import Secret
from agentdash.local import queueing
from agentdash.local.agent_side import side_of
from agentdash.local.bus import logs_topic, metadata_topic
from agentdash.local.clock import RealClock
from agentdash.local.faults import Answer, Fault
from agentdash.local.records import PREBUILDS_USER_ID, Agent, LogSource, Script, User, Workspace
from agentdash.local.server import Served
from agentdash.wire.backoff import Backoff


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def the_agent(served: Served) -> Agent:
    return the_workspace(served).latest_build.agents[0]


@pytest.fixture
def agent(served: Served, tmp_path: Path) -> Agent:
    """An agent with scripts that do something, which nobody has played yet."""
    found = the_agent(served)
    prepare(served, found, tmp_path)
    return found


def prepare(served: Served, agent: Agent, folder: Path) -> None:
    now = served.deployment.now()
    agent.directory = str(folder)
    agent.lifecycle_state, agent.is_beating = "created", False
    agent.first_connected_at = agent.last_connected_at = agent.started_at = agent.ready_at = None
    agent.scripts[0].script = 'echo "hello from $CODER_WORKSPACE_NAME"; echo oops >&2; exit 3'
    source = LogSource(served.deployment.new_id(), "Stop", now)
    agent.log_sources.append(source)
    stop = Script(
        served.deployment.new_id(), source.id, "Stop", "echo bye", run_on_start=False, run_on_stop=True
    )
    agent.scripts.append(stop)
    agent.metadata[0].script = "echo 42"


@asynccontextmanager
async def acting(served: Served, told: list[str]) -> AsyncIterator[asyncio.Task[None]]:
    """The agent's process, ended in order at the end of the block."""
    token = side_of(served.runtime).tokens.token_of(served.deployment, the_agent(served))
    async with asyncio.timeout(60), Client(served.url, Secret(token)) as client:
        around = Surroundings(
            client=client,
            clock=RealClock(),
            pauses=lambda: Backoff(lambda: 0.0),
            shell="/bin/sh",
            environment={"PATH": os.environ["PATH"]},
            home=Path("/"),
            tell=told.append,
        )
        task = asyncio.create_task(run_agent(around, Backoff(lambda: 0.0)))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(served: Served, agent: Agent, what: Callable[[], bool]) -> None:
    workspace = served.deployment.workspaces[agent.workspace_id]
    topics = [f"workspace:{workspace.id}:{user}" for user in served.deployment.users]
    topics += [logs_topic(agent.id), metadata_topic(agent.id)]
    async with asyncio.timeout(20), served.deployment.bus.subscribe(*topics) as news:
        while not what():
            await news.wait()


async def test_a_whole_life(served: Served, agent: Agent) -> None:
    told: list[str] = []
    async with acting(served, told):
        await until(
            served, agent, lambda: agent.lifecycle_state == "start_error" and bool(agent.metadata[0].value)
        )
        async with Client(served.url, served.token) as user:
            seen = await AgentApi(user).get(agent.id)
            lines = await AgentApi(user).logs(agent.id)
        assert (seen.status, seen.lifecycle_state) == ("connected", "start_error")
        results = {script.display_name: (script.status, script.exit_code) for script in seen.scripts}
        assert results == {"Startup Script": ("exit_failure", 3), "Stop": ("", None)}
        assert {(line.output, line.level) for line in lines} == {
            ("hello from alpha", "info"),
            ("oops", "error"),
        }
        assert seen.version.startswith("v")
        assert agent.metadata[0].value == "42"
    assert agent.lifecycle_state == "off"
    assert agent.logs[-1].output == "bye"
    assert told[0] == "connected as ops/alpha.main"
    assert told[-2:] == ["shutting_down", "off"]


async def test_a_cut_does_not_run_the_scripts_again(served: Served, agent: Agent) -> None:
    told: list[str] = []
    async with acting(served, told):
        await until(served, agent, lambda: agent.lifecycle_state == "start_error")
        process = agent.process
        served.drop_connections()
        await until(served, agent, lambda: agent.process > process)
        await until(served, agent, lambda: agent.status(served.deployment.now()) == "connected")
        assert [line.output for line in agent.logs].count("hello from alpha") == 1
    assert agent.lifecycle_state == "off"
    assert told.count("starting") == 1


async def test_a_claim_begins_a_new_life_under_the_new_row(
    served: Served, agent: Agent, tmp_path: Path
) -> None:
    deployment, workspace = served.deployment, the_workspace(served)
    ops = deployment.users[workspace.owner_id]
    now = deployment.now()
    deployment.add_user(User(PREBUILDS_USER_ID, "prebuilds", "", "", now, now, ops.organization_ids))
    workspace.owner_id = workspace.builds[0].initiator_id = PREBUILDS_USER_ID
    told: list[str] = []
    async with acting(served, told):
        await until(served, agent, lambda: agent.lifecycle_state == "start_error")
        build = queueing.claim(deployment, workspace, ops, "mine")
        old = workspace.builds[0].resources[0]
        resource = type(old)(deployment.new_id(), old.type, old.name, now)
        new = Agent(deployment.new_id(), "main", workspace.id, build.id, resource.id, now)
        new.log_sources.append(LogSource(deployment.new_id(), "Startup Script", now))
        new.scripts.append(
            Script(deployment.new_id(), new.log_sources[0].id, "Startup Script", "echo $CODER_WORKSPACE_NAME")
        )
        new.directory = str(tmp_path)
        resource.agents.append(new)
        build.resources.append(resource)
        queueing.finish_job(deployment, build)
        await until(served, new, lambda: new.lifecycle_state == "ready")
        assert [line.output for line in new.logs] == ["mine"]
        assert "claimed: starting over" in told
    assert new.lifecycle_state == "off"
    assert told.count("starting") == 2


async def test_a_server_that_is_too_old_is_final(served: Served, agent: Agent) -> None:
    problem = '{"field":"version","detail":"server is at version 2.5, behind requested minor version 2.8"}'
    body = f'{{"message":"Unknown or unsupported API version","validations":[{problem}]}}'
    served.faults.add(Fault("*/me/rpc", answer=Answer(400, body)))
    async with acting(served, []) as task:
        with pytest.raises(VersionRefused) as caught:
            await task
        assert caught.value.server_version == "2.5"


async def test_the_command_ends_in_order_by_a_signal(served: Served, agent: Agent, tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "CODER_AGENT_URL": served.url,
        "CODER_AGENT_TOKEN": side_of(served.runtime).tokens.token_of(served.deployment, agent),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentdash", "me", "run"), stdout=subprocess.PIPE, env=environ
    )
    async with asyncio.timeout(40):
        await until(served, agent, lambda: agent.lifecycle_state == "start_error")
        process.send_signal(signal.SIGTERM)
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.decode().splitlines()[1:] == [
        "connected as ops/alpha.main",
        "starting",
        "start_error",
        "shutting_down",
        "off",
    ]
    assert agent.lifecycle_state == "off"
