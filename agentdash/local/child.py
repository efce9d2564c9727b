"""`agentdash local`: the whole embedded deployment in a process of its own, until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agentdash.local import world
from agentdash.local.handover import write_handover, write_token_file
from agentdash.local.host import HostOptions, live_host
from agentdash.local.player import Player
from agentdash.local.processes import login_shell
from agentdash.local.records import Deployment
from agentdash.local.server import Served, ServerOptions, serve_in_loop
from agentdash.local.world_people import furnish

USERNAME = "ops"
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


async def serve(
    *,
    handover_fd: int | None = None,
    token_file: Path | None = None,
    port: int = 0,
    has_fleet: bool = True,
    on_ready: Callable[[str], None] | None = None,
) -> int:
    """Serve this machine and the scripted fleet until a signal comes, or until the parent is gone.

    Args:
        handover_fd: Where to write address and token; standard input is then watched for the parent's end.
        token_file: New file for the token, mode 0600.
        port: 0 = a random free one.
        has_fleet: Without it there is only this machine.
        on_ready: Gets the one sentence that says what is served to whom.

    Returns:
        Exit code: 0, or 128 + the number of the signal that ended it.

    Raises:
        OSError: The port is taken, or the token file exists.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    for number in _SIGNALS:
        loop.add_signal_handler(number, end, 128 + number)
    try:
        async with embedded_deployment(ServerOptions(port=port), has_fleet=has_fleet) as served:
            if token_file is not None:
                write_token_file(token_file, served.token)
            if handover_fd is not None:
                write_handover(handover_fd, served.url, served.token)
            if on_ready is not None:
                on_ready(describe(served))
            async with _parent_watched(end) if handover_fd is not None else contextlib.nullcontext():
                return await ended
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def embedded_deployment(
    options: ServerOptions | None = None,
    *,
    has_fleet: bool = True,
    host_options: HostOptions | None = None,
) -> AsyncIterator[Served]:
    """This machine and, if wanted, the scripted fleet in motion, served in the running loop."""
    deployment = Deployment()
    if has_fleet:
        motion_of_all = world.run(world.build_fleet(deployment))
    else:
        Player(deployment)
        furnish(deployment)
        motion_of_all = deployment.timeline.run()
    viewer = deployment.find_user(USERNAME)
    async with serve_in_loop(deployment, viewer=viewer, options=options) as served:
        motion = asyncio.create_task(motion_of_all, name="scripted fleet")
        try:
            async with live_host(served.runtime, host_options):
                yield served
        finally:
            motion.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await motion


def describe(served: Served) -> str:
    """One line: what is served, where, and to whom."""
    shell, user, _ = login_shell()
    count = sum(1 for _ in served.deployment.live_workspaces()) - 1
    fleet = f" and {count} scripted workspaces" if count > 0 else ""
    return (
        f"Serving this machine (a {Path(shell).name} as {user}){fleet} at {served.url}, "
        "on loopback only, to whoever holds the token."
    )


@asynccontextmanager
async def _parent_watched(end: Callable[[int], None]) -> AsyncIterator[None]:
    """Call `end(0)` when standard input is at its end: whoever held it open is gone."""
    loop = asyncio.get_running_loop()
    fd = 0

    def read() -> None:
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(fd)
            end(0)

    os.set_blocking(fd, False)
    loop.add_reader(fd, read)
    try:
        yield
    finally:
        loop.remove_reader(fd)
