"""The catalogue: every condition by its id, those this API cannot show included, with the reason.

The words are ours, the conditions those of the contract (triage.md §4). `agentdash explain` prints an entry.
"""

from __future__ import annotations

from types import MappingProxyType

from agentdash.triage.entries import (
    apps,
    build,
    claim,
    connect,
    devcontainers,
    network,
    pool,
    runtime,
    scripts,
    server,
)
from agentdash.triage.entries.entry import Entry

_MODULES = (pool, claim, build, connect, scripts, runtime, devcontainers, network, apps, server)

CATALOGUE: MappingProxyType[str, Entry] = MappingProxyType(
    {entry.id: entry for module in _MODULES for entry in module.ENTRIES}
)
"""All entries by id, in the catalogue's order."""

NOT_SHOWN: MappingProxyType[str, str] = MappingProxyType(
    {entry.id: entry.why for entry in CATALOGUE.values() if not entry.shown}
)
"""What this API cannot show, with the reason."""

WITHOUT_FINDING: MappingProxyType[str, str] = MappingProxyType(
    {
        "C09": "guards the evidence of other rules; nobody needs to do anything",
        "V04": "told beside the rules that cannot be judged for it",
    }
)
"""Conditions that are minded without a finding of their own."""
