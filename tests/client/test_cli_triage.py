"""`triage`, `explain` and `worlds` against worlds of the embedded deployment, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentdash.cli import output
from agentdash.cli import triage as command
from agentdash.cli.main import run
from agentdash.local.deployment import Deployment
from agentdash.local.server import serve_in_loop
from agentdash.local.worlds import CONDITIONS, open_world, world_names
from agentdash.present.triage_json import triage_schema
from tests.unit.present.test_triage_json import problems

World = Callable[[str], AbstractAsyncContextManager[list[str]]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Plays a world and gives the flags that log in there."""

    @asynccontextmanager
    async def played(name: str) -> AsyncIterator[list[str]]:
        deployment = Deployment(seed=7)
        open_world(name, deployment)
        async with serve_in_loop(deployment) as served:
            token = tmp_path / "token"
            token.write_text(served.token.reveal())
            yield ["--url", served.url, "--token-file", str(token)]

    return played


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home in which nobody has logged in."""
    return {"HOME": str(tmp_path / "home"), "TERM": "xterm", "PATH": os.environ["PATH"]}


async def called(argv: list[str], environ: dict[str, str]) -> int:
    """The command has an event loop of its own, the server has this one."""
    return await asyncio.to_thread(run, argv, environ)


Capture = pytest.CaptureFixture[str]


async def test_json_has_the_form_of_its_schema(
    world: World, environ: dict[str, str], capsys: Capture
) -> None:
    async with world("p07") as flags:
        assert await called([*flags, "triage", "--json"], environ) == 0
    body: Any = json.loads(capsys.readouterr().out)
    assert problems(body, triage_schema(), triage_schema()) == []
    assert {f["rule"] for f in body["findings"] if f["primary"]} == {"P07"}
    (group,) = body["groups"]
    assert set(group["findings"]) <= {f["id"] for f in body["findings"]}
    assert body["server"]["version"].startswith("v2.")


async def test_text_names_the_line_that_matters_and_the_command(
    world: World, environ: dict[str, str], capsys: Capture
) -> None:
    async with world("s03") as flags:
        assert await called([*flags, "triage"], environ) == 0
    text = capsys.readouterr().out
    assert text.startswith("1 needs a person")
    assert "S2 ✗ S03" in text
    assert re.search(r"next +\S", text)
    assert "coder logs" in text


@pytest.mark.parametrize(("severities", "code"), [("S1", 0), ("S2", 10), ("s1,s2", 10), ("S4", 0)])
async def test_exit_code_for_cron(
    world: World, environ: dict[str, str], severities: str, code: int, capsys: Capture
) -> None:
    async with world("s03") as flags:
        assert await called([*flags, "triage", "--fail-on", severities], environ) == code
        assert await called([*flags, "triage", "--fail-on", severities, "-q", "owner:nobody"], environ) == 0
    assert capsys.readouterr().err == ""


async def test_watching_ends_when_there_is_what_it_waits_for(
    world: World, environ: dict[str, str], capsys: Capture
) -> None:
    async with world("s03") as flags:
        assert await called([*flags, "triage", "--watch", "--fail-on", "S2"], environ) == 10
        assert await called([*flags, "triage", "--watch", "--json", "--fail-on", "S2"], environ) == 10
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\dZ \+ S2 S03 .*", first)
    assert json.loads(second)["schema"] == 1


async def test_watching_tells_what_comes_and_goes_and_waits_out_trouble(
    world: World, environ: dict[str, str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    real = command.Watch._look

    async def look(self: command.Watch, client: Any, *, is_only: bool = False) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2:
            from agentdash.api.errors import ConnectFailed

            raise ConnectFailed("connection refused")
        view = await real(self, client, is_only=is_only)
        if looks == 3:
            self.query = command._query("owner:nobody")
        if looks == 4:
            raise KeyboardInterrupt
        return view

    async def no_pause(_: float) -> None:
        return None

    monkeypatch.setattr(command.Watch, "_look", look)
    monkeypatch.setattr(command, "sleep", no_pause)
    async with world("s03") as flags:
        assert await called([*flags, "triage", "--watch"], environ) == 130
    caught = capsys.readouterr()
    marks = [line.split()[1] for line in caught.out.splitlines()]
    assert marks == ["+", "-"]
    assert "refused" in caught.err


async def test_a_well_world_has_nothing_to_tell(
    world: World, environ: dict[str, str], capsys: Capture
) -> None:
    async with world("healthy") as flags:
        assert await called([*flags, "triage", "--fail-on", "S1,S2,S3"], environ) == 0
    assert capsys.readouterr().out.startswith("nothing needs a person")


async def test_wrong_usage(environ: dict[str, str], capsys: Capture) -> None:
    for argv in (
        ["triage", "--fail-on", "S9"],
        ["triage", "--fail-on", ""],
        ["triage", "--every", "1"],
        ["triage", "-q", "nokey:x"],
        ["triage"],
        ["explain", "Z01"],
        ["local", "--world", "nowhere"],
    ):
        assert await called(argv, environ) == 2, argv
    assert "did you mean" not in capsys.readouterr().out.lower()


async def test_the_schema_is_written_without_a_deployment(environ: dict[str, str], capsys: Capture) -> None:
    assert await called(["triage", "--schema"], environ) == 0
    assert json.loads(capsys.readouterr().out) == triage_schema()


async def test_a_threshold_nobody_knows_is_named(
    tmp_path: Path, environ: dict[str, str], capsys: Capture
) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[triage]\nprebuild_redy_s = 5\n")
    assert await called(["--config", str(config), "triage"], environ) == 2
    assert "prebuild_ready_s" in capsys.readouterr().err


async def test_explain_tells_a_rule_and_lists_all(environ: dict[str, str], capsys: Capture) -> None:
    assert await called(["explain", "p07", "S03"], environ) == 0
    text = capsys.readouterr().out
    assert text.startswith("P07  ")
    assert "\nS03  " in text
    assert "triage.prebuild_ready_s = 600" in text
    assert await called(["explain"], environ) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 105


async def test_worlds_lists_what_local_can_play(environ: dict[str, str], capsys: Capture) -> None:
    assert await called(["worlds"], environ) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == world_names()
    assert all(len(line.split()) > 1 for line in lines)
    assert any(f"{CONDITIONS[0].rule} {CONDITIONS[0].title}" in line for line in lines)


def test_the_exit_codes_are_documented() -> None:
    for code in output.ExitCode:
        if code < 128:
            assert f"\n  {int(code)} " in output.EXIT_CODES_HELP
