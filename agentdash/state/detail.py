"""Facts of an agent that is on screen, and the readings behind its sparklines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from immutables import Map

from agentdash.state.freshness import Fact
from agentdash.state.model import (
    AgentNode,
    Connection,
    Containers,
    Links,
    MetadataItem,
    Port,
    PortShare,
    Timings,
)

READINGS_KEPT = 60
CLOSED_KEPT = 64
"""Agents that have left the screen of which the last reading is kept."""
CLOSED_KEPT_S = 600.0
"""How long it is kept."""
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that a metadata value began with, and when it was collected."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class AgentDetail:
    """What is read only for an opened agent, each fact with its own age."""

    agent_id: str
    ports: Fact[tuple[Port, ...]] = field(default_factory=Fact)
    shares: Fact[tuple[PortShare, ...]] = field(default_factory=Fact)
    containers: Fact[Containers] = field(default_factory=Fact)
    metadata: Fact[tuple[MetadataItem, ...]] = field(default_factory=Fact)
    connection: Fact[Connection] = field(default_factory=Fact)
    links: Fact[Links] = field(default_factory=Fact)
    node: Fact[AgentNode] = field(default_factory=Fact)
    timings: Fact[Timings] = field(default_factory=Fact)
    readings: Map[str, tuple[Reading, ...]] = field(default_factory=Map)
    """By metadata key, oldest first, at most `READINGS_KEPT`."""
    closed_at: datetime | None = None
    """When the agent left the screen (server time); None while it is on it. No fact of a closed one is live."""

    def closed(self, at: datetime) -> AgentDetail:
        """The same once nothing is read of it any more: the last reading, and old."""
        old = {name: getattr(self, name).left() for name in FACT_NAMES}
        return replace(self, closed_at=at, **old)

    @property
    def is_told(self) -> bool:
        """Whether anything was read, or found out in vain."""
        return any(
            fact.value is not None or fact.problem is not None
            for fact in (getattr(self, name) for name in FACT_NAMES)
        )


FACT_NAMES = tuple(f.name for f in fields(AgentDetail) if f.name not in ("agent_id", "readings", "closed_at"))


def leading_number(value: str) -> float | None:
    """The first number in a value such as `12%`, `3.4/8 GiB` or `load 0,42`; None if there is none."""
    found = _NUMBER.search(value)
    if found is None:
        return None
    return float(found.group().replace(",", "."))


def add_readings(
    readings: Map[str, tuple[Reading, ...]], items: tuple[MetadataItem, ...], at: datetime
) -> Map[str, tuple[Reading, ...]]:
    """Append those values that were collected since the last snapshot."""
    for item in items:
        if item.age_s is None or item.error:
            continue
        number = leading_number(item.value)
        if number is None:
            continue
        collected = at - timedelta(seconds=item.age_s)
        past = readings.get(item.key, ())
        # Ages are whole seconds: a snapshot of the same collection may be off by one.
        if past and collected - past[-1].at < timedelta(seconds=1.5):
            continue
        readings = readings.set(item.key, (*past, Reading(collected, number))[-READINGS_KEPT:])
    return readings
