"""The agent's process: lives one after the other, a new one for each claim (contract: agent-side.md §9.3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine

from agentdash.agent.life import Life, Surroundings
from agentdash.api import errors
from agentdash.api.agent_errors import NotReinitialisable
from agentdash.api.agent_side import AgentSideApi, wait_for_claim
from agentdash.wire.backoff import Backoff


async def run_agent(around: Surroundings, backoff: Backoff) -> None:
    """Act as the agent until cancelled; then end in order.

    Args:
        backoff: Between two tries to hear of a claim.

    Raises:
        VersionRefused, RouteNotFound: The server is too old for this agent.
    """
    owner_id = ""
    while True:
        life = Life(around)
        connection = asyncio.create_task(life.run(), name="agent connection")
        claim = asyncio.create_task(_claimed_by(around, owner_id, backoff), name="agent claim")
        try:
            await asyncio.wait({connection, claim}, return_when=asyncio.FIRST_COMPLETED)
            if connection.done():
                connection.result()
            owner_id = claim.result()
            around.tell("claimed: starting over")
        finally:
            claim.cancel()
            # The end is told on the connection: that must live until then.
            await _in_full(life.stop())
            connection.cancel()
            await asyncio.gather(claim, connection, return_exceptions=True)


async def _claimed_by(around: Surroundings, known_owner_id: str, backoff: Backoff) -> str:
    """The new owner's id; never returns when there is no claim to wait for."""
    api = AgentSideApi(around.client)
    with contextlib.suppress(NotReinitialisable, errors.RouteNotFound):
        event = await wait_for_claim(
            api, known_owner_id=known_owner_id, backoff=backoff, sleep=around.clock.sleep
        )
        if event is not None:
            return event.owner_id
    await asyncio.Event().wait()
    return ""


async def _in_full(work: Coroutine[object, object, None]) -> None:
    """Await work to its end although we are being cancelled."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
