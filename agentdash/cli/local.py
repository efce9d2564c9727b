"""`agentdash local`: this machine and a scripted fleet, served on loopback until ended."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agentdash.cli import output
from agentdash.cli.output import CliError, ExitCode

if TYPE_CHECKING:
    from agentdash.cli.main import Call
    from agentdash.local.auth import Token
    from agentdash.local.records import Agent
    from agentdash.local.server import Served

_AGENT_WITHIN_S = 10.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(call: Call) -> int:
    """Serve until a signal comes, or, as a child, until the parent has gone."""
    options = call.options
    if not 0 <= options.port <= 65535:
        raise CliError("--port wants a number from 0 to 65535", ExitCode.USAGE)
    world_name = _known_world(options.world)
    try:
        return asyncio.run(
            _serve(
                options.port,
                options.seed,
                options.handover_fd,
                _token_file(call),
                acts_as=options.agent,
                world_name=world_name,
                revision=options.revision,
            )
        )
    except OSError as error:
        raise CliError(f"cannot serve: {error.strerror or error}") from None


def _token_file(call: Call) -> Path | None:
    named = call.options.token_file
    return Path(named) if named else None


def _known_world(name: str) -> str:
    """The name of a world as it is written.

    Raises:
        CliError: There is none of that name.
    """
    from difflib import get_close_matches  # noqa: PLC0415

    from agentdash.local.worlds import world_names  # noqa: PLC0415

    names = world_names()
    wanted = name.lower()
    if wanted not in names:
        near = get_close_matches(wanted, names, 1)
        hint = f"Did you mean {near[0]}?" if near else "`agentdash worlds` lists them"
        raise CliError(f"there is no world {name}", ExitCode.USAGE, hint)
    return wanted


async def _serve(
    port: int,
    seed: int,
    handover_fd: int | None,
    token_file: Path | None,
    *,
    acts_as: str | None,
    world_name: str,
    revision: str,
) -> int:
    from agentdash.local.deployment import Deployment  # noqa: PLC0415 - a server is a lot to import
    from agentdash.local.handover import write_handover  # noqa: PLC0415
    from agentdash.local.host import live_host  # noqa: PLC0415
    from agentdash.local.revisions import REVISIONS  # noqa: PLC0415
    from agentdash.local.server import ServerOptions, serve_in_loop  # noqa: PLC0415
    from agentdash.local.world import run as run_world  # noqa: PLC0415
    from agentdash.local.worlds import FLEET, open_world  # noqa: PLC0415

    ended = _end_by_signal()
    deployment = Deployment(seed=seed)
    world = open_world(world_name, deployment, seed)
    async with AsyncExitStack() as stack:
        serving = serve_in_loop(
            deployment,
            options=ServerOptions(port=port),
            faults=world.faults,
            revision=REVISIONS[revision],
        )
        served = await stack.enter_async_context(serving)
        if world_name == FLEET:
            # A condition is played alone: what is wrong with this machine does not belong to it.
            await stack.enter_async_context(live_host(served.runtime))
        moving = asyncio.create_task(run_world(world), name="world")
        try:
            if handover_fd is not None:
                write_handover(handover_fd, served.url, served.token)
                _end_with_parent(ended)
                number = await ended
            else:
                agent = await _agent_named(served, acts_as) if acts_as is not None else None
                with (
                    _token_written(served.token, token_file) as place,
                    _acting_as(served, agent) as agent_environment,
                ):
                    output.say(_what_is_served(served, place, world_name))
                    if agent_environment:
                        output.say(agent_environment)
                    output.flush()
                    number = await ended
        finally:
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)
    # Ctrl-C, or the parent's end, is how this is meant to end.
    return ExitCode.OK if number in (0, signal.SIGINT) else 128 + number


@contextmanager
def _token_written(token: Token, named: Path | None) -> Iterator[Path]:
    """The token in a file that only its owner may read, as long as it is served; in a new private folder if not named.

    Raises:
        CliError: There is such a file already, or it cannot be written.
    """
    from agentdash.local.handover import write_token_file  # noqa: PLC0415

    folder = None if named is not None else Path(tempfile.mkdtemp(prefix="agentdash-token-"))
    path = named if named is not None else Path(folder or ".") / "token"
    try:
        write_token_file(path, token)
    except FileExistsError:
        raise CliError(
            f"{path} exists and is left alone", ExitCode.USAGE, "Name a file that is not there yet"
        ) from None
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        if folder is not None:
            folder.rmdir()


@contextmanager
def _acting_as(served: Served, agent: Agent | None) -> Iterator[str]:
    """The environment of a program that acts as an agent, as a line for a shell; "" for no agent.

    The token is in a file that only its owner may read, for as long as it is served.
    """
    from agentdash.local.agent_side import side_of  # noqa: PLC0415
    from agentdash.local.auth import Token  # noqa: PLC0415

    if agent is None:
        yield ""
        return
    token = Token(side_of(served.runtime).tokens.token_of(served.deployment, agent))
    with _token_written(token, None) as place:
        pairs = (("CODER_AGENT_URL", served.url), ("CODER_AGENT_TOKEN_FILE", str(place)))
        yield "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in pairs)


async def _agent_named(served: Served, target: str) -> Agent:
    """The agent of that name, this machine's for "", which takes a moment to come up.

    Raises:
        CliError: There is no such agent.
    """
    from agentdash.cli.agent import parse_target  # noqa: PLC0415

    owner, name, agent_name = parse_target(target) if target else ("", "", "")
    deployment = served.deployment
    until = deployment.clock.monotonic() + _AGENT_WITHIN_S
    while True:
        for workspace in deployment.live_workspaces():
            is_owners = owner == "me" or deployment.owner_of(workspace).username == owner
            for agent in workspace.agents:
                is_machines = not target and agent.kind == "host" and agent.parent_id is None
                is_named = is_owners and workspace.name == name and agent_name in {"", agent.name}
                if is_machines or is_named:
                    return agent
        if target or deployment.clock.monotonic() > until:
            break
        await deployment.clock.sleep(0.05)
    raise CliError(
        f"no agent {target or 'of this machine'} is served",
        ExitCode.USAGE,
        "Name it as owner/workspace.agent",
    )


def _what_is_served(served: Served, token_file: Path, world_name: str) -> str:
    """One line: what is served to whom, and how to get in."""
    played = "this machine, with a shell, and a scripted fleet"
    if world_name != "fleet":
        played = f"the world {world_name}"
    what = f"serving {played} at {served.url} to whoever can read {token_file}"
    return f"{what}: {shlex.join(['agentdash', '--url', served.url, '--token-file', str(token_file)])}"


def _end_by_signal() -> asyncio.Future[int]:
    """A future that a signal fulfils with its number."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    for number in SIGNALS:
        loop.add_signal_handler(number, _fulfil, ended, int(number))
    return ended


def _fulfil(ended: asyncio.Future[int], number: int) -> None:
    if not ended.done():
        ended.set_result(number)


def _end_with_parent(ended: asyncio.Future[int]) -> None:
    """The parent holds our standard input open; end-of-file means that it has gone."""
    fd = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(fd, 4096):
            asyncio.get_running_loop().remove_reader(fd)
            _fulfil(ended, 0)

    asyncio.get_running_loop().add_reader(fd, readable)
