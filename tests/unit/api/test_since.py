"""What a server lacks, in words that name the version; the table agrees with what the embedded server plays."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from agentdash.api.mapping import RawAnswer, error_from
from agentdash.api.since import BEGINNINGS, Beginning, came_with, lacked, lacking
from agentdash.local.revisions import LATEST, REVISIONS

CONTAINERS = "/api/v2/workspaceagents/7ad2e618-fea7-4c1a-b70a-f501566a72f1/containers"


@pytest.mark.parametrize(
    ("path", "version", "words"),
    [
        (CONTAINERS, "v2.16.0+ae522c5", "Devcontainers and containers came with Coder 2.20; this server is 2.16."),
        (CONTAINERS, "", "Devcontainers and containers came with Coder 2.20."),
        (
            f"{CONTAINERS}/devcontainers/x/recreate",
            "v2.16.0",
            "Recreating devcontainers came with Coder about 2.24; this server is 2.16.",
        ),
        (
            "/api/v2/prebuilds/settings",
            "v2.36.1",
            "The switch of all prebuilds came with Coder about 2.25; this server is new enough, and was built or licensed without it.",  # noqa: E501 - one sentence
        ),
        ("/api/v2/workspaces", "v0.16.0", ""),
    ],
)  # fmt: skip
def test_the_sentence(path: str, version: str, words: str) -> None:
    assert lacking(path, version) == words


def test_a_missing_route_says_what_it_needs() -> None:
    headers = {"content-type": "application/json", "x-coder-build-version": "v2.16.0+ae522c5"}
    answer = RawAnswer(404, headers, b'{"message":"Route not found."}', path=CONTAINERS)
    assert error_from(answer).next_step == lacking(CONTAINERS, "v2.16.0")
    unknown = replace(answer, path="/api/v2/something/newer")
    assert error_from(unknown).next_step == "The server is older than this feature, or built without it."


def test_what_a_person_misses() -> None:
    assert lacked("v2.36.1") == lacked("") == lacked("v2.99.0-devel") == ()
    assert lacked("v2.24.2") == ("Replacing prebuilds (2.29)", "Deleting devcontainers (2.30)")
    old = lacked("v0.21.3")
    assert old[0] == "The server's own health (0.22)"
    assert set(lacked("v2.16.0")) < set(old)
    assert came_with("x", (2, 20), "v2.19.4").endswith("this server is 2.19.")


def path_of(one: Beginning) -> str:
    below = one.pattern.pattern.removeprefix("/api/v2").replace("[^/]+", "x")
    return "/api/v2" + re.sub(
        r"\([^)]*\)\??", lambda m: "" if m[0].endswith("?") or "startup" in m[0] else m[0], below
    )


@pytest.mark.parametrize("one", BEGINNINGS, ids=lambda one: one.subject)
def test_it_agrees_with_the_revisions_that_are_played(one: Beginning) -> None:
    path = path_of(one)
    assert one.pattern.fullmatch(path)
    for revision in REVISIONS.values():
        major, minor, _ = revision.version
        if (major, minor) >= one.version:
            is_first = (major, minor) == one.version
            methods = [m for m in ("GET", "POST", "PUT", "PATCH", "DELETE") if revision.has_route(m, path)]
            assert methods or is_first
        elif one.is_sure or (major, minor + 1) < one.version:
            played = [m for m in ("GET", "POST", "PUT", "PATCH", "DELETE") if not revision.has_route(m, path)]
            assert played, f"{revision.name} has {path}"
    assert LATEST.has_route("GET", path)
