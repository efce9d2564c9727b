"""The diagnosis behind the screens: when it looks, what it counts, what a row's verdict follows from."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from immutables import Map

from agentdash.state.state import State
from agentdash.ui import diagnosis
from agentdash.ui.diagnosis import Eyes, Judge, standing
from tests.unit.triage import builders as b


def stuck(number: int) -> Any:
    agent = b.agent(
        workspace_id=f"pb{number}",
        lifecycle="start_error",
        scripts=(b.script(status="exit_failure", exit_code=127),),
    )
    return b.prebuild(number, agent)


def state_of(*workspaces: Any, deployment_id: str = "dep", pool: int = 0) -> State:
    of = b.facts(*workspaces, pool=pool)
    server = replace(of.state.server, deployment_id=deployment_id)
    return replace(of.state, server=server, deployment=of.deployment)


async def judged(judge: Judge, state: Callable[[], State], looks: int = 1) -> int:
    """Let it look so many times."""
    told = 0
    done = asyncio.Event()

    def tell() -> None:
        nonlocal told
        told += 1
        judge.state_changed()
        if told >= looks:
            done.set()

    task = asyncio.create_task(judge.run(state, lambda: b.NOW, tell))
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return told


async def test_it_looks_soon_and_counts(tmp_path: Path) -> None:
    judge = Judge(directory=tmp_path, every_s=0)
    assert judge.counts(b.NOW) == {}
    await judged(judge, lambda: state_of(stuck(1), stuck(2)))
    assert judge.counts(b.NOW) == {"triage": "2", "prebuilds": "1!"}
    assert judge.view is not None
    assert judge.view.facts.now == b.NOW


async def test_a_well_fleet_counts_nothing(tmp_path: Path) -> None:
    judge = Judge(directory=tmp_path, every_s=0)
    await judged(judge, lambda: state_of(b.workspace(b.agent()), pool=2))
    assert judge.counts(b.NOW) == {}


async def test_what_takes_long_is_judged_in_a_thread(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(diagnosis, "QUICK_S", -1.0)
    judge = Judge(directory=tmp_path, every_s=0)
    assert await judged(judge, lambda: state_of(stuck(1)), looks=3) >= 3
    assert judge.view is not None
    assert judge.view.diagnosis.findings


async def test_what_is_put_aside_is_not_counted(tmp_path: Path) -> None:
    judge = Judge(directory=tmp_path, every_s=0)
    await judged(judge, lambda: state_of(stuck(1)))
    assert judge.view is not None
    for finding in judge.view.diagnosis.findings:
        judge.acks.acknowledge(standing(finding), b.NOW)
    assert "triage" not in judge.counts(b.NOW)
    again = Judge(directory=tmp_path, every_s=0)
    await judged(again, lambda: state_of(stuck(1)))
    assert set(again.aside(b.NOW).values()) == {"acknowledged"}
    other = Judge(directory=tmp_path, every_s=0)
    await judged(other, lambda: state_of(stuck(1), deployment_id="elsewhere"))
    assert other.aside(b.NOW) == {}


def test_each_look_remembers_and_a_glance_does_not() -> None:
    eyes = Eyes()
    state = state_of(pool=0)
    eyes.look(state, b.NOW)
    assert eyes.memory.since == b.NOW
    view = Eyes().glance(state, b.NOW)
    assert view.facts.memory.since is None
    assert any("more than one look" in told.why for told in view.diagnosis.cannot_know)


def test_an_empty_state_is_judged() -> None:
    view = Eyes().look(State(workspaces=Map()), b.NOW)
    assert view.pools == ()


def test_it_loads_no_textual() -> None:
    code = "import sys, agentdash.ui.diagnosis, agentdash.cli.triage; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
