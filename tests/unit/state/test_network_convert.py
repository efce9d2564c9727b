"""Relays and an agent's own word on their way into the model: cleaned, sensible numbers, nothing raised."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdash.api.schema import ConnectionInfo, decode
from agentdash.state import convert

ESC = "\x1b[31m"


@dataclass(frozen=True)
class Said:
    home_region: int = 999
    latency_s: dict[str, float] = field(default_factory=dict)
    forced_websockets: dict[int, str] = field(default_factory=dict)
    endpoints: tuple[str, ...] = ()
    as_of: datetime | None = None


def nodes_of(*nodes: dict[str, object]) -> bool:
    """Whether a region of these nodes relays nothing."""
    body = {"derp_map": {"Regions": {"1": {"RegionID": 1, "RegionName": "r", "Nodes": list(nodes)}}}}
    (region,) = convert.connection(decode(ConnectionInfo, json.dumps(body).encode()).value).regions
    return region.stun_only


def test_a_region_of_stun_servers_relays_nothing() -> None:
    stun, relay = {"HostName": "s", "STUNOnly": True}, {"HostName": "r"}
    assert nodes_of(stun, stun)
    assert not nodes_of(stun, relay)
    assert not nodes_of()


def test_the_better_family_in_milliseconds() -> None:
    node = convert.agent_node(Said(latency_s={"999-v4": 0.0123, "999-v6": 0.02, "1-v6": 0.5}))
    assert dict(node.latency_ms) == {999: pytest.approx(12.3), 1: 500.0}


@pytest.mark.parametrize(
    ("key", "seconds"),
    [
        ("999-v4", float("nan")),
        ("999-v4", float("inf")),
        ("999-v4", -1.0),
        ("x-v4", 0.1),
        ("", 0.1),
        ("9" * 5000, 0.1),
    ],
)
def test_what_is_no_latency_is_left_out(key: str, seconds: float) -> None:
    assert not convert.agent_node(Said(latency_s={key: seconds})).latency_ms


def test_foreign_texts_are_cleaned() -> None:
    node = convert.agent_node(Said(forced_websockets={1: f"why{ESC}"}, endpoints=(f"10.0.0.5{ESC}",)))
    assert "\x1b" not in node.forced_websockets[1] + node.endpoints[0]


@given(
    st.dictionaries(st.text(max_size=12), st.floats()), st.dictionaries(st.integers(), st.text(max_size=20))
)
def test_any_word_of_an_agent_can_be_taken_in(latencies: dict[str, float], forced: dict[int, str]) -> None:
    node = convert.agent_node(
        Said(latency_s=latencies, forced_websockets=forced, endpoints=tuple(forced.values()))
    )
    assert all(0 <= ms < 600_000 for ms in node.latency_ms.values())
