"""`agentdash me …` against the embedded deployment, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentdash.cli.main import run
from agentdash.cli.me import source_id_of
from agentdash.local import queueing
from agentdash.local.agent_side import ExternalLink, side_of
from agentdash.local.bus import logs_topic
from agentdash.local.faults import Fault
from agentdash.local.records import PREBUILDS_USER_ID, Agent, App, User, Workspace
from agentdash.local.server import Served


def the_workspace(served: Served) -> Workspace:
    return next(iter(served.deployment.workspaces.values()))


def the_agent(served: Served) -> Agent:
    return the_workspace(served).latest_build.agents[0]


@pytest.fixture
def environ(served: Served, tmp_path: Path) -> dict[str, str]:
    """The environment of a program in the workspace; nobody has logged in there."""
    token = tmp_path / "agent-token"
    token.write_text(side_of(served.runtime).tokens.token_of(served.deployment, the_agent(served)))
    return {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "CODER_AGENT_URL": served.url,
        "CODER_AGENT_TOKEN_FILE": str(token),
    }


async def me(environ: dict[str, str], *argv: str) -> int:
    """The command has an event loop of its own, the server has this one."""
    return await asyncio.to_thread(run, ["me", *argv], environ)


async def test_a_file_goes_to_the_log(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    file.write_bytes(b"one\r\n\x1b[31mtwo\x1b[0m\n" + b"x" * 2000 + b"\nlast")
    assert await me(environ, "logs", str(file), "--name", "Build", "--level", "warn") == 0
    agent = the_agent(served)
    outputs = [line.output for line in agent.logs]
    assert outputs == ["one", "\x1b[31mtwo\x1b[0m", "x" * 1023 + "…", "last"]
    assert {line.level for line in agent.logs} == {"warn"}
    assert {agent.source_name(line.source_id) for line in agent.logs} == {"Build"}


async def test_a_pipe_is_sent_as_it_comes(served: Served, environ: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentdash", "me", "logs"), stdin=subprocess.PIPE, env=environ
    )
    assert process.stdin is not None
    async with (
        asyncio.timeout(30),
        served.deployment.bus.subscribe(logs_topic(the_agent(served).id)) as news,
    ):
        process.stdin.write(b"first\n")
        await process.stdin.drain()
        await news.wait()
        process.stdin.write(b"second\nrest")
        process.stdin.close()
        assert await process.wait() == 0
    assert [line.output for line in the_agent(served).logs] == ["first", "second", "rest"]


async def test_what_is_not_stored_is_told(
    served: Served, environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    the_agent(served).logs_length = (1 << 20) - 10
    file = tmp_path / "out.txt"
    file.write_text("more than ten bytes\n")
    assert await me(environ, "logs", str(file)) == 1
    assert "the log is full: 0 lines were stored" in capsys.readouterr().err


async def test_a_cut_is_waited_through(served: Served, environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    file.write_text("one\n")
    served.faults.add(Fault("*/me/logs", times=1, disconnect=True))
    assert await me(environ, "logs", str(file)) == 0
    assert [line.output for line in the_agent(served).logs] == ["one"]


async def test_a_source_is_named_by_its_name(
    served: Served, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await me(environ, "log-source", "Build", "--icon", "/emojis/1f527.png") == 0
    assert capsys.readouterr().out.strip() == source_id_of("Build")
    assert the_agent(served).source_name(source_id_of("Build")) == "Build"
    assert await me(environ, "log-source", "Build", "--id", "nonsense") == 2


async def test_an_app_status(
    served: Served, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    agent = the_agent(served)
    agent.apps.append(App(served.deployment.new_id(), "ai"))
    assert (
        await me(environ, "app-status", "working", "Reading", "--app", "ai", "--uri", "https://x.test/") == 0
    )
    assert await me(environ | {"CODER_MCP_APP_STATUS_SLUG": "ai"}, "app-status", "complete", "Done") == 0
    assert [status.state for status in agent.apps[-1].statuses] == ["complete", "working"]
    assert await me(environ, "app-status", "idle", "x") == 2
    assert await me(environ, "app-status", "idle", "y" * 161, "--app", "ai") == 1
    assert "161 bytes" in capsys.readouterr().err


async def test_the_private_key_is_written_only_on_demand(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await me(environ, "gitsshkey") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("ssh-ed25519 ")
    assert "PRIVATE" not in shown
    assert await me(environ, "gitsshkey", "--private") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == (
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----END OPENSSH PRIVATE KEY-----",
    )


async def test_an_external_login(
    served: Served, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await me(environ, "external-auth", "github.com") == 4
    assert f"{served.url}/external-auth/github" in capsys.readouterr().err
    assert await me(environ, "external-auth", "github.com", "--id", "github") == 2
    waiting = asyncio.create_task(me(environ, "external-auth", "--id", "github", "--listen"))
    await asyncio.sleep(0.1)
    side_of(served.runtime).links[the_workspace(served).owner_id, "github"] = ExternalLink("gho_secret")
    async with asyncio.timeout(20):
        assert await waiting == 0
    caught = capsys.readouterr()
    assert caught.out == "logged in at github; --show-token writes the token\n"
    assert "gho_secret" not in caught.err
    assert await me(environ, "external-auth", "github.com", "--show-token") == 0
    assert capsys.readouterr().out == "gho_secret\n"


async def test_reinit_tells_the_claim(
    served: Served, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await me(environ, "reinit", "--wait") == 1
    assert "no claim to wait for" in capsys.readouterr().err
    deployment, workspace = served.deployment, the_workspace(served)
    ops = deployment.users[workspace.owner_id]
    now = deployment.now()
    deployment.add_user(User(PREBUILDS_USER_ID, "prebuilds", "", "", now, now, ops.organization_ids))
    workspace.owner_id = workspace.builds[0].initiator_id = PREBUILDS_USER_ID
    waiting = asyncio.create_task(me(environ, "reinit", "--wait"))
    await asyncio.sleep(0.3)
    build = queueing.claim(deployment, workspace, ops, "mine")
    queueing.finish_job(deployment, build)
    async with asyncio.timeout(20):
        assert await waiting == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"reason": "prebuild_claimed", "workspace_id": workspace.id, "owner_id": ops.id}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"CODER_AGENT_URL": ""}, 2, "no deployment is named"),
        ({"CODER_AGENT_TOKEN": "AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"}, 2, "that is no agent's token"),
        ({"CODER_AGENT_TOKEN": "11111111-1111-4111-8111-111111111111"}, 4, "token is not accepted"),
        ({"CODER_AGENT_URL": "http://127.0.0.1:9"}, 3, "cannot reach the server"),
    ],
)
async def test_ends(
    environ: dict[str, str],
    change: dict[str, str],
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await me(environ | change, "gitsshkey") == code
    caught = capsys.readouterr()
    assert words in caught.err
    assert change.get("CODER_AGENT_TOKEN", "none") not in caught.err


async def test_read_only_sends_nothing(served: Served, environ: dict[str, str]) -> None:
    argv = ["me", "--read-only", "log-source", "x"]
    assert await asyncio.to_thread(run, argv, environ) == 1
    assert all(source.display_name != "x" for source in the_agent(served).log_sources)
