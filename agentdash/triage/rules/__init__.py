"""The rules, one module a group of the catalogue; importing this room registers all of them."""

from __future__ import annotations

from agentdash.triage.rules import (
    apps,
    build,
    claim,
    connect,
    devcontainers,
    network,
    pool,
    prebuild,
    queue,
    runtime,
    scripts,
    server,
)

__all__ = [
    "apps",
    "build",
    "claim",
    "connect",
    "devcontainers",
    "network",
    "pool",
    "prebuild",
    "queue",
    "runtime",
    "scripts",
    "server",
]
