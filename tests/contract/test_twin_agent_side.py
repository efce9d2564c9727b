"""The embedded deployment answers an agent word for word as the recorded server of 2026-08 did."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from agentdash.local.agent_side import side_of
from agentdash.local.identities import IdentityAuthority
from agentdash.local.records import App
from agentdash.local.server import Served
from tests.contract.conftest import EXCHANGES, Exchange

MADE_HERE = {"workspace_agent_id", "created_at", "public_key", "private_key", "url"}
RECORDED = [
    one
    for one in EXCHANGES
    if one.name.startswith("2026-08/running/")
    and ("/workspaceagents/me/" in one.path or "instance-identity" in one.path)
]


@pytest.fixture
async def agent(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an agent's token; the agent has an app `ai`."""
    found = next(iter(served.deployment.workspaces.values())).latest_build.agents[0]
    found.apps.append(App(served.deployment.new_id(), "ai"))
    side = side_of(served.runtime)
    side.identities = IdentityAuthority(bits=768)
    headers = {"Coder-Session-Token": side.tokens.token_of(served.deployment, found)}
    async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=10) as client:
        yield client


def request_body(one: Exchange) -> object:
    import json
    from pathlib import Path

    data = Path(__file__).parent / "data" / one.name
    return json.loads(data.read_text())["request"].get("body")


@pytest.mark.parametrize("one", RECORDED, ids=lambda one: one.name.rpartition("/")[2])
async def test_the_answer_is_the_recorded_one(
    served: Served, agent: httpx.AsyncClient, one: Exchange
) -> None:
    if one.name.endswith("me-no-token.json"):
        del agent.headers["Coder-Session-Token"]
    if one.name.endswith("me-with-user-token.json"):
        agent.headers["Coder-Session-Token"] = served.token.reveal()
    answer = await agent.request(one.method, one.path, json=request_body(one))
    assert answer.status_code == one.status
    assert answer.headers["content-type"] == one.headers["content-type"]
    if not one.is_json and one.body is not None:
        assert answer.text == one.body
        return
    found, expected = answer.json(), one.body
    if not isinstance(expected, dict):
        assert found == expected
        return
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert type(found[key]) is type(value)
        if key not in MADE_HERE:
            assert found[key] == value


def test_there_is_something_to_compare() -> None:
    assert len(RECORDED) > 25
