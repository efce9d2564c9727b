"""`fleet`, `agent`, `triage` and `doctor` against a server of each revision."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentdash.cli.main import run
from agentdash.local.records import Deployment
from agentdash.local.revisions import REVISIONS
from agentdash.local.server import Served, serve_in_loop
from agentdash.local.world import build_fleet

NUMBERS = {"2023-03": "0.21", "2023-06": "0.25", "2024-09": "2.16", "2025-07": "2.24", "2026-08": "2.36"}


@pytest.fixture(params=list(REVISIONS))
async def old(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """The scripted fleet as a server of each revision has it."""
    world = build_fleet(Deployment(None))
    async with serve_in_loop(
        world.deployment, viewer=world.user("ops"), revision=REVISIONS[request.param]
    ) as served:
        yield served


class Cli:
    """The program, run against that server."""

    def __init__(self, served: Served, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        token = home / "token"
        token.write_text(served.token.reveal())
        self._flags = ["--url", served.url, "--token-file", str(token)]
        self._environ = {"HOME": str(home), "TERM": "xterm", "PATH": os.environ["PATH"]}
        self._capsys = capsys
        self.is_at_least = served.runtime.revision.version.__ge__
        self.number = NUMBERS[served.runtime.revision.name]

    async def said(self, *argv: str, codes: tuple[int, ...] = (0,)) -> str:
        assert await asyncio.to_thread(run, [*self._flags, *argv], self._environ) in codes
        caught = self._capsys.readouterr()
        assert "Traceback" not in caught.err
        return caught.out

    async def json(self, *argv: str, codes: tuple[int, ...] = (0,)) -> Any:
        return json.loads(await self.said(*argv, "--json", codes=codes))


@pytest.fixture
def cli(old: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(old, tmp_path, capsys)


async def test_the_fleet(cli: Cli) -> None:
    body = await cli.json("fleet")
    assert body["server"]["version"].startswith(f"v{cli.number}.")
    verdicts = {f"{a['workspace']}.{a['agent']}": a["verdict"]["text"] for a in body["agents"]}
    assert verdicts["dalia/clang.main"].startswith("lost connection")
    assert verdicts["chen/monorepo.main"] == "ready"
    has_prebuilds = any(name.startswith("prebuilds/") for name in verdicts)
    assert has_prebuilds is (cli.number in ("2.24", "2.36"))


async def test_an_agent(cli: Cli) -> None:
    agent = (await cli.json("agent", "emil/api-next.main"))["agent"]
    names = {script["name"]: script["status"] for script in agent["scripts"] if script["on_start"]}
    if not cli.is_at_least((2, 2, 0)):
        assert names == {"Startup Script": "exit_failure"}
    else:
        assert {"Dotfiles", "Git Clone"} <= names.keys()
    assert agent["logs"]
    assert len(agent["metadata"]) == 4
    if cli.is_at_least((2, 20, 0)):
        assert len(agent["devcontainers"]) == 2
        assert agent["unavailable"] == {}
    else:
        needed = f"Devcontainers and containers came with Coder 2.20; this server is {cli.number}."
        assert (agent["devcontainers"], agent["unavailable"]) == (None, {"containers": needed})


async def test_triage(cli: Cli) -> None:
    body = await cli.json("triage", codes=(0, 1))
    rules = {finding["rule"] for finding in body["findings"]}
    assert {"A02", "A05", "B09", "S03"} <= rules
    assert ("P07" in rules) is (cli.number in ("2.24", "2.36"))  # there were no prebuilds before
    reasons = json.dumps(body["cannot_know"])
    needed = f"the list of provisioner jobs came with Coder 2.19; this server is {cli.number}"
    assert (needed in reasons) is not cli.is_at_least((2, 19, 0))
    assert "404" not in reasons


async def test_the_doctor(cli: Cli) -> None:
    text = await cli.said("doctor")
    assert ("note older than" in text) is not cli.is_at_least((2, 30, 0))
    assert ("devcontainers and containers (2.20)" in text) is not cli.is_at_least((2, 20, 0))
    needed = f"One stream for all workspaces came with Coder 2.18; this server is {cli.number}."
    assert (needed in text) is not cli.is_at_least((2, 18, 0))
    assert ("one stream can tell of all workspaces (RPC 2." in text) is cli.is_at_least((2, 18, 0))
