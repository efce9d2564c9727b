"""An agent's own word about its connection, asked once (contract: tailnet.md §9).

Asking leaves an entry in the connection log of the deployment: only when a person wants it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.limits import Sleep, within
from agentdash.api.tailnet import PeerNode, open_agent_tailnet
from agentdash.api.tailnet_errors import PeerSilent

LIMIT_S: Final = 10.0
"""A connected agent's node comes at once; nothing comes for one that is away."""
SINCE: Final = (2, 8)
"""Before it the endpoint spoke JSON (contract: tailnet.md §4)."""


async def ask_node(
    client: Client, agent_id: str, *, limit_s: float = LIMIT_S, sleep: Sleep = asyncio.sleep
) -> PeerNode:
    """The agent's node, from connecting to the clean end.

    Raises:
        ServerTooOld: known by its version; nothing was asked.
        NotFound: no such agent, or no right to connect to it.
        PeerSilent: nothing was told in time, or the agent has just gone.
        ApiError: as of `open_agent_tailnet`.
    """
    version = client.server_version
    if (version.major, version.minor) != (0, 0) and not version.is_at_least(*SINCE):
        raise errors.ServerTooOld("Agents are told of in a readable form from v2.8 on")
    try:
        return await within(sleep, limit_s, _first_word(client, agent_id))
    except TimeoutError:
        raise PeerSilent(f"Nothing was told within {limit_s:g} seconds") from None


async def _first_word(client: Client, agent_id: str) -> PeerNode:
    async with open_agent_tailnet(client, agent_id) as tailnet, tailnet.coordinate() as peers:
        await peers.watch(agent_id)
        async with aclosing(peers.news()) as news:
            async for one in news:
                if one.agent_id != agent_id:
                    continue
                if one.node is None:
                    raise PeerSilent(f"The agent is {one.kind}")
                await peers.leave()
                return one.node
    raise PeerSilent("The server ended the call without a word")
