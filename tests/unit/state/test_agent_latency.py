"""Latencies that are no numbers are unknown, wherever they come from."""

from __future__ import annotations

import pytest

from agentdash.api import schema
from agentdash.state import convert


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity", "-3", "null", '"fast"', "{}"])
def test_a_latency_that_is_no_number_is_unknown(value: str) -> None:
    latency = f'{{"Fra":{{"latency_ms":{value},"preferred":true}},"Nyc":{{"latency_ms":12}}}}'
    text = f'{{"id":"a","name":"main","latency":{latency}}}'
    raw = schema.decode(schema.Agent, text.encode()).value
    found = convert.agent(raw, "w1")
    assert [(region.region, region.ms) for region in found.latency] == [("Nyc", 12.0)]
    assert found.rtt is not None
    assert found.rtt.ms == 12.0


def test_a_region_without_a_latency_is_none() -> None:
    raw = schema.decode(schema.Agent, b'{"id":"a","name":"main","latency":{"Fra":{}}}').value
    assert convert.agent(raw, "w1").rtt is None
