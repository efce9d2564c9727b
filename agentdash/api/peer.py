"""An agent's own word about its connection, asked once (contract: tailnet.md §9).

Asking leaves an entry in the connection log of the deployment: only when a person wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from agentdash.api.client import Client
from agentdash.api.exchange import segment
from agentdash.api.limits import Sleep, within
from agentdash.api.node_stream import open_node_stream
from agentdash.api.tailnet import PeerNode, open_agent_tailnet
from agentdash.api.tailnet_errors import PeerSilent

LIMIT_S: Final = 10.0
"""A connected agent's node comes at once; nothing comes for one that is away."""
RPC_SINCE: Final = (2, 8)
"""Before it the endpoint spoke JSON (contract: tailnet.md §4)."""


async def ask_node(
    client: Client, agent_id: str, *, limit_s: float = LIMIT_S, sleep: Sleep = asyncio.sleep
) -> PeerNode:
    """The agent's node, from connecting to the clean end.

    Raises:
        NotFound: no such agent, or no right to connect to it.
        PeerSilent: nothing was told in time, or the agent has just gone.
        ApiError: as of `open_agent_tailnet`.
    """
    version = client.server_version
    is_old = (version.major, version.minor) != (0, 0) and not version.is_at_least(*RPC_SINCE)
    first_word = _first_node if is_old else _first_word
    try:
        return await within(sleep, limit_s, first_word(client, agent_id))
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


async def _first_node(client: Client, agent_id: str) -> PeerNode:
    """The same from servers before v2.8, which tell it without being asked (contract: agent-side.md §10)."""
    path = f"/api/v2/workspaceagents/{segment(agent_id)}/coordinate"
    async with open_node_stream(client, path) as stream, aclosing(stream.nodes()) as lists:
        async for nodes in lists:
            for node in nodes:
                return PeerNode(
                    home_region=node.preferred_derp,
                    latency_s=node.derp_latency,
                    forced_websockets=_by_number(node.derp_forced_websockets),
                    endpoints=node.endpoints,
                    addresses=node.addresses,
                    as_of=node.as_of,
                )
    raise PeerSilent("The server ended the stream without a word")


def _by_number(regions: Mapping[str, str]) -> dict[int, str]:
    return {int(region): why for region, why in regions.items() if region.isdecimal() and len(region) < 10}
