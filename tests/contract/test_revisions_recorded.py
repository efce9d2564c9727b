"""The table of revisions against the recorded servers: what they sent, and what they did not (contract: changes.md §4)."""

from __future__ import annotations

from typing import Any

import pytest

from agentdash.local.revisions import FIELDS, REVISIONS, _kind_of
from tests.contract.conftest import EXCHANGES, OPENED

LEFT_OUT_WHEN_EMPTY = {
    "subdomain_name",
    "group",
    "tooltip",
    "template_version_preset_id",
    "metadata",
    "worker_name",
    "shared_with",
}


def _collect(value: Any, seen: dict[str, set[str]]) -> None:
    if isinstance(value, list):
        for item in value:
            _collect(item, seen)
    elif isinstance(value, dict):
        kind = _kind_of(value)
        if kind:
            seen.setdefault(kind, set()).update(value)
        for item in value.values():
            _collect(item, seen)


@pytest.mark.parametrize("name", ["2025-07", "2026-08"])
def test_fields_are_those_of_the_recording(name: str) -> None:
    revision, seen = REVISIONS[name], dict[str, set[str]]()
    for one in EXCHANGES:
        if one.name.startswith(name):
            _collect(one.body, seen)
    assert {"agent", "workspace", "build", "job", "script", "app"} <= seen.keys()
    for kind, fields in FIELDS.items():
        for field, span in fields.items():
            if kind not in seen:
                continue
            if field in seen[kind]:
                assert span.holds(revision.version), (kind, field)
            else:
                assert not span.holds(revision.version) or field in LEFT_OUT_WHEN_EMPTY, (kind, field)


@pytest.mark.parametrize("name", ["2025-07", "2026-08"])
def test_routes_are_those_of_the_recording(name: str) -> None:
    revision = REVISIONS[name]
    for one in EXCHANGES:
        if not one.name.startswith(name) or not one.route.startswith("/api/v2/"):
            continue
        is_unknown = (
            one.status == 404 and isinstance(one.body, dict) and one.body.get("message") == "Route not found."
        )
        if is_unknown:
            continue  # licensed routes, and those of before, say the same
        assert revision.has_route(one.method, one.route), one.name
    for stream in OPENED:
        if stream.name.startswith(name):
            assert revision.has_route("GET", stream.route), stream.name


def test_routes_of_before_are_gone_as_recorded() -> None:
    revision = REVISIONS["2026-08"]
    gone = [one for one in EXCHANGES if one.name.startswith("2026-08/running/me-") and one.status == 404]
    gone = [one for one in gone if isinstance(one.body, dict) and one.body["message"] == "Route not found."]
    assert len(gone) >= 5
    for one in gone:
        assert not revision.has_route(one.method, one.route), one.name
