"""The whole embedded deployment in one block: this machine, the scripted fleet, the server around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agentdash.local import world
from agentdash.local.host import live_host
from agentdash.local.host_records import HostOptions
from agentdash.local.player import Player
from agentdash.local.processes import login_shell
from agentdash.local.records import Deployment
from agentdash.local.server import Served, ServerOptions, serve_in_loop
from agentdash.local.world_people import OWNER, furnish

DEFAULT_SEED = 7


@asynccontextmanager
async def embedded_deployment(
    options: ServerOptions | None = None,
    *,
    seed: int = DEFAULT_SEED,
    has_fleet: bool = True,
    host_options: HostOptions | None = None,
) -> AsyncIterator[Served]:
    """Serve this machine and, if wanted, the scripted fleet in motion, in the running loop.

    On the way out everything that was started is ended.
    """
    deployment = Deployment(seed=seed)
    if has_fleet:
        motion = world.run(world.build_fleet(deployment, seed))
    else:
        Player(deployment)
        furnish(deployment)
        motion = deployment.timeline.run()
    moving = asyncio.create_task(motion, name="scripted fleet")
    try:
        async with (
            serve_in_loop(deployment, viewer=deployment.find_user(OWNER), options=options) as served,
            live_host(served.runtime, host_options),
        ):
            yield served
    finally:
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)


def describe(served: Served) -> str:
    """One line: what is served, where, and to whom."""
    shell, user, _ = login_shell()
    count = sum(1 for _ in served.deployment.live_workspaces()) - 1
    fleet = f" and {count} scripted workspaces" if count > 0 else ""
    return (
        f"Serving this machine (a {Path(shell).name} as {user}){fleet} at {served.url}, "
        "on loopback only, to whoever holds the token."
    )
