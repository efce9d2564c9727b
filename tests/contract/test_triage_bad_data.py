"""Bad and missing data never make a rule fire: every field of a healthy recorded workspace spoiled in turn."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentdash.api import schema
from agentdash.api.schema import from_python
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.store import Store
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts

RAW = json.loads((Path(__file__).parent / "data/2026-08/prebuild/workspace-claimed.json").read_text())
HEALTHY = RAW["response"]["body"]
NOW = datetime(2026, 11, 23, 12, 17, 30, tzinfo=UTC)
ABSENT = object()
SPOILS: dict[str, Any] = {
    "null": None,
    "absent": ABSENT,
    "an unknown word": "invented",
    "a negative number": -5,
    "a huge number": 10**15,
    "year 1": "0001-01-01T00:00:00Z",
    "no time": "not-a-time",
    "an object": {},
}
NO_AGENT = ("latest_build", "resources")
"""Below here a spoiled part may leave a workspace that truly lists no agent."""


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


def spoiled(path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(HEALTHY)
    place = made
    for key in path[:-1]:
        place = place[key]
    if value is ABSENT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def rules(raw: Any) -> set[str]:
    workspace = convert.workspace(from_python(schema.Workspace, raw).value)
    store = Store()
    store.apply(
        [
            ev.WorkspacesRead((workspace,), NOW, "page"),
            ev.SweepEnded(frozenset([workspace.id]), NOW, 1),
            ev.BuildInfoRead("v2.37.1", "", "", False),
        ]
    )
    return {f.rule for f in diagnose(Facts(store.state, NOW)).flat()}


def test_it_is_healthy_as_it_was_recorded() -> None:
    assert rules(HEALTHY) == set()


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_spoiled_field_accuses_nobody(spoil: str) -> None:
    for path in paths(HEALTHY):
        found = rules(spoiled(path, SPOILS[spoil])) - {"V07"}
        if path[:2] == NO_AGENT and len(path) > 2:
            found -= {"A07"}
        assert found == set(), path


def test_a_missing_list_of_resources_is_no_empty_one() -> None:
    assert rules(spoiled(NO_AGENT, None)) == set()
    assert rules(spoiled(NO_AGENT, [])) == {"A07"}
    assert rules(spoiled((*NO_AGENT, 0, "agents"), None)) == set()
    assert rules(spoiled((*NO_AGENT, 0, "agents"), ABSENT)) == {"A07"}
