"""The real source where sockets are not needed: ends of streams, old servers, kept keys."""

from __future__ import annotations

from typing import Any

import pytest

from agentdash.api import errors, schema
from agentdash.api.client import Client
from agentdash.api.sources import Transport
from agentdash.api.stream import Closed, Gap, Opened
from agentdash.feed import deployment
from agentdash.feed.deployment import Deployment
from tests.unit.feed.fakes import FakeClock, an_agent


class Token:
    def reveal(self) -> str:
        return "t"


class Answers:
    """Stands for one of the api's groups of calls."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        async def call(*_: Any) -> Any:
            answer = self._answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def reader() -> Deployment:
    return Deployment(Client("http://127.0.0.1:9", Token()), FakeClock())


def test_an_end_in_order_is_no_error() -> None:
    deployment._end(Closed("", 1000, retry=True, ask=True))


@pytest.mark.parametrize("code", [None, 1001, 1006, 1011])
def test_any_other_end_is_a_cut(code: int | None) -> None:
    with pytest.raises(errors.ConnectFailed, match="the reason"):
        deployment._end(Closed("the reason", code, retry=True))


def test_an_end_with_a_name_keeps_it() -> None:
    with pytest.raises(errors.Forbidden):
        deployment._end(Closed("", None, retry=False, error=errors.Forbidden("no")))


def test_dropped_lines_count_as_a_cut() -> None:
    with pytest.raises(errors.ConnectFailed, match="7 lines"):
        deployment._check(Gap(7))
    deployment._check(Opened(Transport.WEBSOCKET))


async def test_apps_host_of_servers_without_regions() -> None:
    source = reader()
    source._fleet = Answers(regions=errors.RouteNotFound("no"), applications_host="*.old.example")  # type: ignore[assignment]
    assert await source.wildcard_host() == "*.old.example"
    regions = (
        schema.Region(name="eu", wildcard_hostname="*.eu"),
        schema.Region(name="primary", wildcard_hostname="*.p"),
    )
    source._fleet = Answers(regions=regions)  # type: ignore[assignment]
    assert await source.wildcard_host() == "*.p"
    source._fleet = Answers(regions=())  # type: ignore[assignment]
    assert await source.wildcard_host() == ""


async def test_an_agent_read_on_its_own_keeps_its_place() -> None:
    source = reader()
    source._agents = Answers(get=schema.Agent(id="a", name="app", status="connected"))  # type: ignore[assignment]
    known = an_agent(id="a", name="app", key="w1/main/app#2", parent_name="main", resource_name="vm")
    found = await source.agent(known)
    assert (found.key, found.parent_name, found.resource_name) == ("w1/main/app#2", "main", "vm")


async def test_a_long_log_is_converted_in_pieces_of_the_same_order() -> None:
    source = reader()
    lines = tuple(schema.AgentLog(id=n, output=f"l{n}") for n in range(1, 1500))
    source._agents = Answers(logs=lines)  # type: ignore[assignment]
    assert [line.id for line in await source.logs("a", 0)] == list(range(1, 1500))
