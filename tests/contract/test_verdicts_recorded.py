"""Rows of two real servers: what is said of each recorded workspace at the time of its newest heartbeat."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentdash.api import schema
from agentdash.present.columns import columns_of, row_cells
from agentdash.state import convert
from agentdash.state.model import Workspace
from agentdash.state.views import rows_of
from agentdash.triage.verdict import verdict

DATA = Path(__file__).parent / "data"


def recorded(name: str) -> tuple[list[Workspace], datetime]:
    """The workspaces of a recorded answer, and the newest time in it: the answer's own was not kept."""
    body: Any = json.loads((DATA / name).read_text())["response"]["body"]
    raw = body.get("workspaces", [body])
    found = [convert.workspace(schema.Workspace.model_validate(w)) for w in raw]
    times = [t for w in found for a in w.agents for t in (a.last_connected_at, a.created_at) if t is not None]
    times += [t for w in found for t in (w.build.updated_at, w.build.job.created_at) if t is not None]
    return found, max(times) + timedelta(seconds=1)


EXPECTED = {
    "2025-07/workspaces.json": [
        ("✗ startup script failed", "alpha › main", "S03"),
        ("● ready", "alpha › main/proj", ""),
        ("✗ never connected (timeout)", "alpha › never", "A02"),
    ],
    "2026-08/running/workspace.json": [
        ("✗ never connected (timeout)", "alpha › flaky", "A02"),
        ("✗ Broken exit 3 +2", "alpha › main", "S03"),
        ("✗ never connected (timeout)", "alpha › never", "A02"),
    ],
    "2026-08/containers/workspace.json": [
        ("✗ never connected (timeout)", "alpha › flaky", "A02"),
        ("✗ Broken exit 3 +1", "alpha › main", "S03"),
        ("● ready", "alpha › main/proj", ""),
        ("✗ never connected (timeout)", "alpha › never", "A02"),
    ],
    "2026-08/running/failed-workspace.json": [
        ("✗ build failed: terraform apply: exit status 1", "gamma", "B09")
    ],
    "2026-08/running/hanging-workspace.json": [("◐ building", "delta", "")],
    "2026-08/queue/workspaces.json": [("◐ queued 1 of 2", "q3", "B03"), ("◐ queued 2 of 2", "q4", "B03")],
    "2026-08/prebuild/workspace-claimed.json": [("● ready", "claimed › dev", "")],
    "2026-08/member/workspaces.json": [("◐ connecting", "mine › dev", "A01")],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_said_of_a_recorded_workspace(name: str) -> None:
    workspaces, now = recorded(name)
    said = []
    for workspace in workspaces:
        for row in rows_of(workspace):
            judged = verdict(workspace, row.agent, now, read_at=now)
            text, agent = row_cells(row, columns_of(["verdict", "agent"]), judged, now)
            said.append((text.text, agent.text, judged.rule))
    assert said == EXPECTED[name]
