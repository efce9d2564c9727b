"""The list is asked for metadata, and without it where the server is older than the key."""

from __future__ import annotations

import httpx

from agentdash.api.client import Client
from agentdash.config.secret import Secret
from agentdash.feed.clock import SystemClock
from agentdash.feed.deployment import METADATA_KEY, Deployment

REFUSAL = {
    "message": "Invalid workspace search query.",
    "validations": [{"field": METADATA_KEY, "detail": f'"{METADATA_KEY}" is not a valid query param'}],
}


async def test_an_old_server_is_asked_once_with_the_key_and_then_without() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        query = request.url.params.get("q", "")
        asked.append(query)
        version = {"X-Coder-Build-Version": "v2.30.0"}
        if METADATA_KEY in query:
            return httpx.Response(400, json=REFUSAL, headers=version)
        return httpx.Response(200, json={"workspaces": [], "count": 0}, headers=version)

    client = Client(
        "http://coder.example.com",
        Secret("AAAAAAAAAA-BBBBBBBBBBBBBBBBBBBBBB"),
        http_transport=httpx.MockTransport(answer),
    )
    async with client:
        deployment = Deployment(client, SystemClock())
        assert (await deployment.page("owner:me", 10, 0)).count == 0
        assert (await deployment.page("owner:me", 10, 0)).count == 0
    assert [METADATA_KEY in query for query in asked] == [True, False, False]
    assert asked[1] == asked[2] == "owner:me"
