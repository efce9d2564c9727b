"""Rules about what lies between the deployment and us: played by faults, on a healthy world, and nothing else fires."""

from __future__ import annotations

import json

import pytest

from agentdash.api.errors import ApiError
from agentdash.local.deployment import SERVER_VERSION
from agentdash.local.faults import Answer, Fault
from agentdash.local.world import play
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.freshness import Problem, StreamState
from tests.unit.triage.world_reading import Reader, opened, told

BAD_GATEWAY = Problem("BadGateway", "The proxy does not upgrade", "", "", 502)


def answer(status: int, message: str, **more: object) -> Answer:
    return Answer(status, json.dumps({"message": message, **more}))


def region(name: str, *, is_healthy: bool) -> dict[str, object]:
    return {
        "id": f"id-{name}",
        "name": name,
        "healthy": is_healthy,
        "wildcard_hostname": "*.apps.example.com",
    }


def stream(reader: Reader, number: int, state: StreamState, problem: Problem | None = None) -> None:
    event = ev.StreamChanged(f"workspace:{number}", state, reader.clock.now(), problem=problem)
    reader.store.apply([event])


async def test_too_many_requests() -> None:
    async with opened("healthy") as reader:
        too_many = answer(429, "You've been rate limited for sending more than 512 requests in 1m0s.")
        reader.faults.add(Fault("*/prebuilds/settings", answer=too_many))
        assert told(await reader.look(), reader.world) == ["V03 deployment"]


async def test_a_refusal_is_told_and_is_no_finding() -> None:
    async with opened("p01") as reader:
        reader.faults.add(Fault("*/prebuilds/settings", answer=answer(403, "Forbidden.")))
        found = await reader.look()
        assert told(found, reader.world) == []
        rules = {told.rule for told in found.cannot_know}
        assert {"P01", "V04"} <= rules


async def test_logged_out() -> None:
    async with opened("healthy") as reader:
        await reader.look()
        expired = answer(401, "You are signed out or your session has expired. Please sign in again.")
        reader.faults.add(Fault(answer=expired))
        with pytest.raises(ApiError) as failed:
            await reader.look()
        reader.store.apply([ev.ServerFailed(convert.problem(failed.value))])
        assert told(reader.judge(), reader.world) == ["V05 deployment"]


@pytest.mark.parametrize(("is_healthy", "wanted"), [(False, ["V08 proxy"]), (True, [])])
async def test_a_workspace_proxy_down(is_healthy: bool, wanted: list[str]) -> None:
    async with opened("healthy") as reader:
        regions = [region("primary", is_healthy=True), region("sydney", is_healthy=is_healthy)]
        reader.faults.add(Fault("*/regions", answer=Answer(200, json.dumps({"regions": regions}))))
        assert told(await reader.look(), reader.world) == wanted


@pytest.mark.parametrize(("is_one_live", "wanted"), [(False, ["N04 deployment"]), (True, [])])
async def test_a_proxy_refuses_streams(is_one_live: bool, wanted: list[str]) -> None:
    async with opened("healthy") as reader:
        await reader.look()
        reader.store.apply([ev.ServerAnswered(reader.clock.now(), SERVER_VERSION, 0.0, 0.01)])
        for number in range(3):
            stream(reader, number, StreamState.RETRYING, BAD_GATEWAY)
        if is_one_live:
            stream(reader, 3, StreamState.LIVE)
        assert told(reader.judge(), reader.world) == wanted


@pytest.mark.parametrize(("ages_s", "wanted"), [((60, 60, 60), ["N05 deployment"]), ((60, 200, 30), [])])
async def test_streams_cut_at_an_age(ages_s: tuple[int, ...], wanted: list[str]) -> None:
    async with opened("healthy") as reader:
        found = await reader.look()
        for age_s in ages_s:
            stream(reader, 1, StreamState.LIVE)
            reader.judge()
            play(reader.world, reader.clock, age_s)
            stream(reader, 1, StreamState.RETRYING)
            found = reader.judge()
        assert told(found, reader.world) == wanted
