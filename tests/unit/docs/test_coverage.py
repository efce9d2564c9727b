"""The coverage page has every endpoint of the contract, and each cell names something that is there."""

from __future__ import annotations

import importlib
import tomllib
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from agentdash.local.revisions import REVISIONS, ROUTES

ROOT = Path(__file__).parents[3]
ROWS: list[dict[str, str]] = tomllib.loads((ROOT / "docs" / "coverage.toml").read_text(encoding="utf-8"))[
    "endpoint"
]
AGENT = "/workspaceagents/{id}"
ME = "/workspaceagents/me"
# The coverage table of the contract (changes.md §2), and the date from which on each is served.
CONTRACT = {
    "POST /workspaceagents/aws-instance-identity": "✓✓✓✓✓",
    "POST /workspaceagents/azure-instance-identity": "✓✓✓✓✓",
    "POST /workspaceagents/google-instance-identity": "✓✓✓✓✓",
    f"GET {ME}/gitauth": "✓✓✓✓✓",
    f"GET {ME}/external-auth": "––✓✓✓",
    f"GET {ME}/gitsshkey": "✓✓✓✓✓",
    f"GET {ME}/metadata": "✓✓–––",
    f"GET {ME}/manifest": "✓✓–––",
    f"POST {ME}/app-health": "✓✓–––",
    f"GET {ME}/coordinate": "✓✓–––",
    f"POST {ME}/report-stats": "✓✓–––",
    f"POST {ME}/log-source": "––✓✓✓",
    f"PATCH {ME}/logs": "––✓✓✓",
    f"PATCH {ME}/app-status": "–––✓✓",
    f"GET {ME}/reinit": "–––✓✓",
    f"GET {ME}/rpc": "––✓✓✓",
    f"GET {AGENT}": "✓✓✓✓✓",
    f"GET {AGENT}/connection": "✓✓✓✓✓",
    f"GET {AGENT}/coordinate": "✓✓✓✓✓",
    f"GET {AGENT}/listening-ports": "✓✓✓✓✓",
    f"GET {AGENT}/pty": "✓✓✓✓✓",
    f"GET {AGENT}/startup-logs": "✓✓✓✓✓",
    f"GET {AGENT}/logs": "––✓✓✓",
    f"GET {AGENT}/containers": "–––✓✓",
    f"GET {AGENT}/containers/watch": "–––✓✓",
    f"POST {AGENT}/containers/devcontainers/{{devcontainer}}/recreate": "–––✓✓",
    f"DELETE {AGENT}/containers/devcontainers/{{devcontainer}}": "––––✓",
    f"GET {AGENT}/watch-metadata": "✓✓✓✓✓",
    f"GET {AGENT}/watch-metadata-ws": "–––✓✓",
    "GET /workspaceagents/connection": "–✓✓✓✓",
    "GET /workspaces/{id}/agent-connection-watch": "––––✓",
    "GET /derp-map": "––✓✓✓",
    "GET /tailnet": "–––✓✓",
}


def test_every_endpoint_of_the_contract_has_its_row() -> None:
    assert [row["path"] for row in ROWS if row["path"] not in CONTRACT] == []
    assert CONTRACT.keys() - {row["path"] for row in ROWS} == set()


@pytest.mark.parametrize(("path", "marks"), CONTRACT.items(), ids=CONTRACT)
def test_each_revision_has_what_it_had(path: str, marks: str) -> None:
    method, below = path.split()
    served = ["✓" if one.has_route(method, f"/api/v2{below}") else "–" for one in REVISIONS.values()]
    assert "".join(served) == marks


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["path"])
def test_each_cell_names_something_that_is_there(row: dict[str, str]) -> None:
    for name in ("client", "server"):
        if name in row:
            module, _, attribute = row[name].partition(":")
            found: Any = reduce(getattr, attribute.split("."), importlib.import_module(module))
            assert callable(found)
    if "test" in row:
        assert (ROOT / row["test"]).is_file()
    empty = [name for name in ("client", "server", "seen", "test") if name not in row]
    assert not empty or row.get("reason")


def test_no_endpoint_stands_twice_in_the_table_of_revisions() -> None:
    patterns = [pattern.pattern for _, pattern, _ in ROUTES]
    assert len(set(patterns)) == len(patterns)
