"""`fleet`, `agent`, `doctor` and `local` against the embedded deployment, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from agentdash.cli.main import run
from agentdash.local.handover import spawn_child
from agentdash.local.server import Served


@pytest.fixture
def flags(served: Served, tmp_path: Path) -> list[str]:
    """Flags that log in at the served deployment."""
    token = tmp_path / "token"
    token.write_text(served.token.reveal())
    return ["--url", served.url, "--token-file", str(token)]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home in which nobody has logged in."""
    return {"HOME": str(tmp_path / "home"), "TERM": "xterm", "PATH": os.environ["PATH"]}


async def called(argv: list[str], environ: dict[str, str]) -> int:
    """The command has an event loop of its own, the server has this one."""
    return await asyncio.to_thread(run, argv, environ)


async def test_the_fleet_as_json(
    flags: list[str], environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called([*flags, "fleet", "--json"], environ) == 0
    caught = capsys.readouterr()
    body: Any = json.loads(caught.out)
    assert caught.err == ""
    assert body["schema"] == 1
    assert body["server"]["version"].startswith("v2.")
    (agent,) = body["agents"]
    assert (agent["workspace"], agent["agent"], agent["verdict"]["text"]) == ("ops/alpha", "main", "ready")


async def test_the_fleet_as_a_table_with_a_filter(
    flags: list[str], environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called([*flags, "fleet", "owner:ops"], environ) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["VERDICT", "AGENT"]
    assert "ready" in lines[1]
    assert await called([*flags, "fleet", "owner:nobody"], environ) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


async def test_one_agent_as_json(
    flags: list[str], environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called([*flags, "agent", "alpha", "--json"], environ) == 0
    body: Any = json.loads(capsys.readouterr().out)["agent"]
    assert (body["workspace"], body["agent"], body["status"]) == ("ops/alpha", "main", "connected")
    assert isinstance(body["logs"], list)
    assert [m["key"] for m in body["metadata"]] == ["cpu"]
    assert [s["name"] for s in body["scripts"]] == ["Startup Script"]


async def test_one_agent_as_text(
    flags: list[str], environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called([*flags, "agent", "ops/alpha.main"], environ) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ops/alpha.main"
    for title in ("Scripts", "Ports", "Devcontainers", "Apps", "Metadata", "Logs"):
        assert title in lines


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("nobody/alpha", "there is no workspace nobody/alpha"),
        ("alpha.other", "has no agent other"),
        ("beta", "there is no workspace beta"),
    ],
)
async def test_an_agent_that_is_not_there(
    flags: list[str], environ: dict[str, str], capsys: pytest.CaptureFixture[str], target: str, says: str
) -> None:
    assert await called([*flags, "agent", target], environ) == 1
    caught = capsys.readouterr()
    assert says in caught.err
    assert caught.out == ""


async def test_a_refused_login_is_one_line(
    served: Served, environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB")
    assert await called(["fleet", "--json", "--url", served.url, "--token-file", str(wrong)], environ) == 4
    caught = capsys.readouterr()
    assert "not logged in" in caught.err.splitlines()[-1]
    assert "coder login" in caught.err
    assert "BBBB" not in caught.err + caught.out


async def test_the_doctor_finds_nothing_wrong(
    flags: list[str], environ: dict[str, str], capsys: pytest.CaptureFixture[str], served: Served
) -> None:
    assert await called([*flags, "doctor"], environ) == 0
    text = capsys.readouterr().out
    for line in ("ok   server", "ok   clock", "ok   login", "ok   websocket"):
        assert line in text
    assert "ops (owner)" in text
    assert served.token.reveal() not in text


async def test_the_doctor_of_a_refused_login(
    served: Served, environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB")
    assert await called(["doctor", "--url", served.url, "--token-file", str(wrong)], environ) == 4
    text = capsys.readouterr().out
    assert "ok   server" in text
    assert "bad  trouble" in text


# `agentdash local`, as a process


def start_local(environ: dict[str, str], *argv: str) -> tuple[subprocess.Popen[str], str]:
    """A serving process and the one line it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agentdash", "local", *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        start_new_session=True,
    )
    # A process that says nothing must not hold up the tests.
    timer = threading.Timer(60, process.kill)
    timer.start()
    assert process.stdout is not None
    line = process.stdout.readline()
    timer.cancel()
    return process, line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_says_in_one_line_what_it_serves_and_ends_in_order(
    environ: dict[str, str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    token = tmp_path / "local-token"
    process, line = start_local(environ, "--token-file", str(token))
    try:
        assert "a shell" in line
        assert str(token) in line
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert token.read_text().strip() not in line
        url = line.split("--url ")[1].split()[0]
        with urllib.request.urlopen(f"{url}/api/v2/buildinfo", timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, err) == (code, "", "")
    assert not token.exists()


def test_a_token_file_that_is_there_is_left_alone(environ: dict[str, str], tmp_path: Path) -> None:
    token = tmp_path / "mine"
    token.write_text("precious")
    process, line = start_local(environ, "--token-file", str(token))
    _, err = process.communicate(timeout=30)
    assert (line, process.returncode) == ("", 2)
    assert "is left alone" in err
    assert token.read_text() == "precious"


def test_a_child_hands_over_privately_and_ends_with_its_parent() -> None:
    with spawn_child() as child:
        told = child.wait_handover(60)
        assert told.url.startswith("http://127.0.0.1:")
        assert told.token.reveal() not in " ".join(map(str, child.process.args))  # type: ignore[arg-type]
        assert child.end() == 0
