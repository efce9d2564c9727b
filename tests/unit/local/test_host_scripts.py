"""Real scripts: lines, levels, results, nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from agentdash.local.clock import RealClock
from agentdash.local.host_scripts import ScriptRoom, ScriptRunner
from agentdash.local.processes import child_environment, end_processes, end_session

Lines = list[tuple[str, str]]


@pytest.fixture
async def runner(tmp_path: Path) -> AsyncIterator[ScriptRunner]:
    room = ScriptRoom("/bin/sh", tmp_path, {"PATH": "/usr/bin:/bin", "WORD": "seen"}, pipes_open_s=0.1)
    made = ScriptRunner(room, RealClock())
    yield made
    await end_processes(made.leftovers)


async def test_stdout_is_info_and_stderr_is_error(runner: ScriptRunner) -> None:
    lines: Lines = []
    run = await runner.run("echo $WORD; echo bad >&2; printf tail", 0, lambda *line: lines.append(line))
    assert sorted(lines) == [("error", "bad"), ("info", "seen"), ("info", "tail")]
    assert (run.exit_code, run.status) == (0, "ok")
    assert run.started_at <= run.ended_at


@pytest.mark.parametrize(
    ("text", "timeout_s", "expected"),
    [
        ("exit 3", 0.0, (3, "exit_failure")),
        ("kill -9 $$", 0.0, (-1, "exit_failure")),
        ("sleep 60", 0.1, (255, "timed_out")),
        ("sleep 60 & echo left", 0.0, (255, "pipes_left_open")),
        ("#!/bin/sh -e\nfalse\nexit 9", 0.0, (1, "exit_failure")),
        ("#!/nowhere/interpreter\nexit 9", 0.0, (255, "exit_failure")),
    ],
)
async def test_results(runner: ScriptRunner, text: str, timeout_s: float, expected: tuple[int, str]) -> None:
    run = await runner.run(text, timeout_s, lambda *_: None)
    assert (run.exit_code, run.status) == expected


async def test_open_pipes_are_told_and_the_culprit_is_remembered(runner: ScriptRunner) -> None:
    lines: Lines = []
    await runner.run("sleep 60 & echo $!", 0, lambda *line: lines.append(line))
    (_, pid), (level, warning) = lines
    assert level == "error"
    assert warning.startswith("WARNING: script exited successfully, but output pipes were not closed")
    assert [process.pid for process in runner.leftovers] == [int(pid)]
    await end_processes(runner.leftovers)
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("end", ["wait", "exit 0"])
async def test_cancelling_ends_the_whole_family(tmp_path: Path, end: str) -> None:
    """Also when the script has ended and only its open pipes are waited for."""
    pipes_awaited = asyncio.Event()

    class Noticing(RealClock):
        async def sleep(self, delay_s: float) -> None:
            pipes_awaited.set()
            await super().sleep(delay_s)

    runner = ScriptRunner(ScriptRoom("/bin/sh", tmp_path, {"PATH": "/usr/bin:/bin"}), Noticing())
    lines: Lines = []
    told = asyncio.Event()

    def tell(level: str, text: str) -> None:
        lines.append((level, text))
        told.set()

    task = asyncio.create_task(runner.run(f"sleep 60 & echo $!; {end}", 0, tell))
    await asyncio.wait_for(told.wait(), 5)
    if end == "exit 0":
        await asyncio.wait_for(pipes_awaited.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pid = int(lines[0][1])
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_what_ignores_the_polite_signal_is_killed() -> None:
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", "trap '' HUP TERM; echo on; while :; do sleep 1; done"),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"on\n"
    await end_session(process.pid, grace_s=0.05)
    assert await process.wait() == -9


def test_children_see_no_secret_of_ours() -> None:
    seen = child_environment(
        {
            "PATH": "/bin",
            "CODER_SESSION_TOKEN": "x",
            "CODER_URL": "u",
            "AGENTDASH_X": "y",
            "CODER_HEADER": "z",
        },
        TERM="xterm-256color",
    )
    assert seen == {"PATH": "/bin", "TERM": "xterm-256color"}
