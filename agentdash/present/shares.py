"""Metadata as a short number in the fleet's columns: templates name and word it as they like."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agentdash.present.cells import MISSING, UNKNOWN, Cell
from agentdash.present.times import with_dim_unit
from agentdash.state.detail import leading_number
from agentdash.state.model import Agent, MetadataItem, Workspace


def find_metadata(agent: Agent | None, pattern: re.Pattern[str]) -> MetadataItem | None:
    """The metadata that is named like this; templates name theirs freely."""
    if agent is None:
        return None
    found = [item for item in agent.metadata if pattern.search(item.key) or pattern.search(item.name)]
    # Templates name them freely; one that reads like a share is what the column wants.
    return next((i for i in found if share_of(i.value) is not None), found[0] if found else None)


CPU = re.compile(r"(?<![a-z])cpu(?!.*(count|cores))", re.IGNORECASE)
MEMORY = re.compile(r"(?<![a-z])(mem|memory|ram)(?![a-z]{3})", re.IGNORECASE)


_NUMBER = r"([-+]?\d+(?:[.,]\d+)?)"
_PERCENT = re.compile(_NUMBER + r"\s?%")
_PAIR = re.compile(_NUMBER + r"\s*/\s*" + _NUMBER)


def share_of(value: str) -> float | None:
    """The share in a metadata value, in percent: `12%`, `1.7/2 cores (86%)`, `3.4/8 GiB`; None if it holds none."""
    percent = _PERCENT.search(value)
    if percent is not None:
        return _number(percent[1])
    pair = _PAIR.search(value)
    if pair is None or _number(pair[2]) <= 0:
        return None
    return _number(pair[1]) / _number(pair[2]) * 100


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def metadata_share(agent: Agent | None, pattern: re.Pattern[str]) -> Cell:
    """A metadata value as a short number: a share as `71%`, anything else as it stands."""
    item = find_metadata(agent, pattern)
    if item is None or agent is None or not agent.is_connected:
        return MISSING
    if item.error or not item.value.strip():
        return UNKNOWN
    share = share_of(item.value)
    if share is not None and abs(share) < 1e4:
        return with_dim_unit(f"{round(share)}%")
    return Cell(first_line(item.value)[:12])


_LINE_END = re.compile(r"\n|\\n|\\r")
"""A line's end as it stands, or as the escape that cleaning has made of it."""


def first_line(text: str) -> str:
    """The first line of a text that says something."""
    return next((line.strip() for line in _LINE_END.split(text) if line.strip()), "")


def share_key(pattern: re.Pattern[str]) -> Callable[[Workspace, Agent | None], Any]:
    """Sorts agents by such a value; None where there is none."""

    def key(_: Workspace, agent: Agent | None) -> float | None:
        item = find_metadata(agent, pattern)
        if item is None or item.error:
            return None
        share = share_of(item.value)
        return leading_number(item.value) if share is None else share

    return key
