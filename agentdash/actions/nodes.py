"""An agent's own word about its connection: which servers pass it on."""

from __future__ import annotations

from agentdash.api.version import ServerVersion
from agentdash.state.store import State

SINCE = (2, 8)
"""Before it the endpoint spoke JSON (contract: tailnet.md §4)."""


def refusal(state: State) -> str:
    """Why this server cannot be asked, as a sentence; empty when nothing is known against it."""
    version = ServerVersion.parse(state.server.version)
    if (version.major, version.minor) == (0, 0) or version.is_at_least(*SINCE):
        return ""
    return "This server is older than v2.8: it does not tell how an agent is connected."
