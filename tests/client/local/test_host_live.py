"""This machine as a workspace, from outside: start, live data, stop, start again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from agentdash.local import bus as topics
from agentdash.local.embedded import describe, embedded_deployment
from agentdash.local.host_records import HostOptions, Sample
from agentdash.local.records import Agent, Workspace
from agentdash.local.server import Served

SAMPLES = (
    Sample("good.sh", "Good", start_blocks_login=True),
    Sample("bad.sh", "Bad"),
    Sample("tick.sh", "Tick", cron="* * * * * *", run_on_start=False),
    Sample("bye.sh", "Bye", run_on_start=False, run_on_stop=True),
)
SCRIPTS = {
    "good.sh": 'echo "$CODER_WORKSPACE_AGENT_NAME in $PWD"',
    "bad.sh": "echo broken >&2; exit 3",
    "tick.sh": "echo tick",
    "bye.sh": "echo bye",
}


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Served]:
    options = HostOptions(
        SAMPLES, SCRIPTS, folder=tmp_path, container_command=str(tmp_path / "none"), shell="/bin/sh"
    )
    async with embedded_deployment(has_fleet=False, host_options=options) as served:
        yield served


@pytest.fixture
async def api(machine: Served) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Coder-Session-Token": machine.token.reveal()}
    async with httpx.AsyncClient(base_url=f"{machine.url}/api/v2", headers=headers, timeout=10) as client:
        yield client


def workspace_of(served: Served) -> Workspace:
    (workspace,) = served.deployment.workspaces.values()
    return workspace


async def until(served: Served, condition: Callable[[Workspace], bool]) -> Workspace:
    """Wait for an event of the workspace after which the condition holds."""
    workspace = workspace_of(served)
    topic = topics.workspace_topic(workspace.id, workspace.owner_id)
    async with asyncio.timeout(15), served.deployment.bus.subscribe(topic) as news:
        while not condition(workspace):
            await news.wait()
    return workspace


async def settled(served: Served) -> Agent:
    workspace = await until(
        served, lambda ws: bool(ws.agents) and ws.agents[0].lifecycle_state not in {"created", "starting"}
    )
    return workspace.agents[0]


async def test_the_start_runs_real_scripts(machine: Served, api: httpx.AsyncClient) -> None:
    record = await settled(machine)
    agent = (await api.get(f"/workspaceagents/{record.id}")).json()
    assert (agent["status"], agent["lifecycle_state"], agent["name"]) == ("connected", "start_error", "main")
    results = {
        script["display_name"]: (script.get("exit_code"), script.get("status")) for script in agent["scripts"]
    }
    assert results["Good"] == (0, "ok")
    assert results["Bad"] == (3, "exit_failure")
    assert results["Bye"] == (None, None)
    names = {source["id"]: source["display_name"] for source in agent["log_sources"]}
    logs = (await api.get(f"/workspaceagents/{record.id}/logs")).json()
    lines = {(names[row["source_id"]], row["level"], row["output"].split(" in ")[0]) for row in logs}
    assert {("Good", "info", "main"), ("Bad", "error", "broken")} <= lines
    timings = (await api.get(f"/workspaces/{workspace_of(machine).id}/timings")).json()
    assert {row["display_name"] for row in timings["agent_script_timings"]} >= {"Good", "Bad"}


async def test_cron_runs_after_the_start(machine: Served) -> None:
    record = await settled(machine)
    async with asyncio.timeout(10), machine.deployment.bus.subscribe(topics.logs_topic(record.id)) as news:
        while not any(line.output == "tick" for line in record.logs):
            await news.wait()


async def test_live_data(machine: Served, api: httpx.AsyncClient) -> None:
    record = await settled(machine)
    ports = await api.get(f"/workspaceagents/{record.id}/listening-ports")
    assert machine.runtime.port not in {row["port"] for row in ports.json()["ports"]}
    containers = await api.get(f"/workspaceagents/{record.id}/containers")
    assert (containers.status_code, containers.json()["message"]) == (500, "Could not get containers")
    async with (
        asyncio.timeout(10),
        machine.deployment.bus.subscribe(topics.metadata_topic(record.id)) as news,
    ):
        while any(item.collected_at is None for item in record.metadata):
            await news.wait()
    assert "cores" in record.metadata[0].value


async def test_a_real_shell_without_secrets(machine: Served, new_uuid: Callable[[], str]) -> None:
    record = await settled(machine)
    url = machine.url.replace("http", "ws") + f"/api/v2/workspaceagents/{record.id}/pty"
    headers = {"Coder-Session-Token": machine.token.reveal()}
    output = b""
    async with connect(f"{url}?reconnect={new_uuid()}&command=env", additional_headers=headers) as socket:
        with pytest.raises(ConnectionClosed):  # noqa: PT012 - it ends when the program does
            while True:
                output += bytes(await socket.recv())  # type: ignore[arg-type]
    assert b"CODER_WORKSPACE_AGENT_NAME=main" in output
    assert b"TERM=xterm-256color" in output
    assert machine.token.reveal().encode() not in output


async def test_a_shell_in_a_container(machine: Served, tmp_path: Path, new_uuid: Callable[[], str]) -> None:
    engine = tmp_path / "none"
    row = {"Id": "22eee34a", "Name": "/box", "State": {"Running": True}, "Created": "2026-11-23T12:09:37Z"}
    words = f"ps) echo 22eee34a;; inspect) echo '{json.dumps([row])}';; exec) echo \"ran $*\";;"
    engine.write_text(f'#!/bin/sh\ncase "$1" in {words} esac\n')
    engine.chmod(0o755)
    record = await settled(machine)
    url = (
        machine.url.replace("http", "ws") + f"/api/v2/workspaceagents/{record.id}/pty?reconnect={new_uuid()}"
    )
    headers = {"Coder-Session-Token": machine.token.reveal()}
    async with connect(f"{url}&container=box&container_user=ada", additional_headers=headers) as socket:
        ran = bytes(await socket.recv())  # type: ignore[arg-type]
    options = b"exec --interactive --tty --user ada --env TERM=xterm-256color 22eee34a sh -l"
    assert ran == b"ran " + options + b"\r\n"


async def test_stop_and_start(machine: Served, api: httpx.AsyncClient, new_uuid: Callable[[], str]) -> None:
    old = await settled(machine)
    workspace = workspace_of(machine)
    url = machine.url.replace("http", "ws") + f"/api/v2/workspaceagents/{old.id}/pty?reconnect={new_uuid()}"
    headers = {"Coder-Session-Token": machine.token.reveal()}
    async with connect(url, additional_headers=headers) as socket:
        await socket.send(json.dumps({"data": "echo on\r"}).encode())
        await socket.recv()
        answer = await api.post(f"/workspaces/{workspace.id}/builds", json={"transition": "stop"})
        assert answer.status_code == 201
        await until(machine, lambda ws: ws.latest_build.status == "stopped")
        # The terminal of a stopped workspace is not closed: it stays open and says nothing (pty.md §11).
        await asyncio.wait_for(await socket.ping(), 5)
    assert machine.runtime.sessions.count == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("host ")]
    assert [line.output for line in old.logs][-1] == "bye"
    assert (old.lifecycle_state, old.status(machine.deployment.now())) == ("off", "disconnected")
    assert (await api.get(f"/workspaceagents/{old.id}")).status_code == 404
    answer = await api.post(f"/workspaces/{workspace.id}/builds", json={"transition": "start"})
    assert answer.status_code == 201
    new = await settled(machine)
    assert new.id != old.id
    logs: list[Any] = (await api.get(f"/workspacebuilds/{workspace.latest_build.id}/logs")).json()
    assert any("Creation complete" in row["output"] for row in logs)


async def test_the_end_of_the_server_runs_the_stop_scripts(tmp_path: Path) -> None:
    scripts = {**SCRIPTS, "bye.sh": f"echo gone > {tmp_path}/bye"}
    options = HostOptions(SAMPLES, scripts, folder=tmp_path, container_command="none", shell="/bin/sh")
    async with embedded_deployment(has_fleet=False, host_options=options) as served:
        record = await settled(served)
    assert (tmp_path / "bye").read_text() == "gone\n"
    assert record.lifecycle_state == "off"


async def test_one_line_says_what_is_served_to_whom(machine: Served) -> None:
    line = describe(machine)
    assert line.startswith("Serving this machine (a ")
    assert machine.url in line
    assert machine.token.reveal() not in line
    assert "\n" not in line
