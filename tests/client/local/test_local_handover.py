"""The deployment as a child process: private handover, and nothing that outlives its parent."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect

from agentdash.local.auth import Token, new_token
from agentdash.local.handover import HandoverError, spawn_child, write_token_file


async def start_shell(url: str, token: str) -> int:
    """Open a shell in the served machine with a background job; returns the job's process id."""
    headers = {"Coder-Session-Token": token}
    async with httpx.AsyncClient(base_url=f"{url}/api/v2", headers=headers, timeout=20) as api:
        async with asyncio.timeout(15):
            agents: list[dict[str, str]] = []
            while not agents or agents[0]["status"] != "connected":
                (workspace,) = (await api.get("/workspaces?q=template:this-machine")).json()["workspaces"]
                agents = [a for r in workspace["latest_build"]["resources"] for a in r.get("agents", [])]
    pty = f"{url.replace('http', 'ws')}/api/v2/workspaceagents/{agents[0]['id']}/pty"
    job = quote("sh -c 'sleep 600 & echo $!; wait'", safe="")
    query = f"?reconnect=33333333-0000-4000-8000-000000000001&command={job}"
    async with connect(pty + query, additional_headers=headers) as socket:
        return int(await asyncio.wait_for(socket.recv(), 10))


def start_python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def is_of(proc: psutil.Process, ancestor: int, folder: Path) -> bool:
    """Whether a process descends from another one, or is a re-parented job that runs below `folder`."""
    try:
        return ancestor in [parent.pid for parent in proc.parents()] or str(folder) in proc.cwd()
    except psutil.Error:
        return False


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def names_of(processes: list[psutil.Process]) -> set[str]:
    """Names of those that still run: a short one may have ended since it was listed."""
    names = set()
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            names.add(process.name())
    return names


async def test_address_and_token_come_by_the_pipe_and_everything_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with spawn_child() as child:
        told = await child.handover()
        command = psutil.Process(child.process.pid)
        assert told.token.reveal() not in " ".join(command.cmdline())
        assert told.token.reveal() not in repr(told)
        assert told.token.reveal() not in " ".join(command.environ().values())
        job = await start_shell(told.url, told.token.reveal())
        family = [proc for proc in psutil.process_iter() if is_of(proc, child.process.pid, tmp_path)]
        assert {"sleep", "sh"} <= names_of(family)
        assert job in [proc.pid for proc in family]
        assert await asyncio.to_thread(child.end) == 0
    # The sample scripts were under way, one of them with a job in the background.
    assert [proc for proc in family if not is_gone(proc.pid)] == []
    assert is_gone(child.process.pid)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)]
)
async def test_a_signal_ends_it_with_what_it_started(number: signal.Signals, code: int) -> None:
    with spawn_child() as child:
        told = await child.handover()
        job = await start_shell(told.url, told.token.reveal())
        child.process.send_signal(number)
        assert await asyncio.to_thread(child.process.wait, 10) == code
        assert is_gone(job)


async def test_it_ends_when_the_parent_is_killed() -> None:
    code = (
        "import sys, time; from agentdash.local.handover import spawn_child; "
        "child = spawn_child(); told = child.wait_handover(); "
        "print(child.process.pid, told.url, told.token.reveal(), flush=True); time.sleep(600)"
    )
    parent = start_python(code)
    try:
        assert parent.stdout is not None
        pid, url, token = (await asyncio.to_thread(parent.stdout.readline)).split()
        job = await start_shell(url, token)
        grandchild = psutil.Process(int(pid))
    finally:
        parent.kill()
        parent.communicate()
    await asyncio.to_thread(psutil.wait_procs, [grandchild], 10)
    assert is_gone(int(pid))
    assert is_gone(job)


def test_a_child_that_does_not_start_is_told_with_its_last_words() -> None:
    child = spawn_child((sys.executable, "-c", "raise SystemExit('no such thing')"))
    with child, pytest.raises(HandoverError) as failed:
        child.wait_handover()
    assert "no such thing" in failed.value.detail


def test_a_child_that_says_nothing_is_given_up() -> None:
    child = spawn_child((sys.executable, "-c", "import sys; sys.stdin.read()"))
    with child, pytest.raises(HandoverError):
        child.wait_handover(0.2)


def test_a_token_file_is_new_and_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = new_token()
    write_token_file(path, token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() == token.reveal()
    with pytest.raises(FileExistsError):
        write_token_file(path, token)


def test_tokens_have_coder_s_shape_and_hide_themselves() -> None:
    token = new_token()
    first, second = token.reveal().split("-")
    assert (len(first), len(second)) == (10, 22)
    assert token.reveal() not in f"{token} {token!r}"
    assert token.matches(token.reveal())
    assert not token.matches("")
    assert not Token("a").matches("b")
