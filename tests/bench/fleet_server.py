"""A big still fleet behind a real socket, in a process of its own; what is written to it makes one thing happen.

Words, one a line, N being the number of a workspace in `large_fleet`: `lose N` (agent lost), `fail N` (its start scripts end
in an error), `time-out N`, `start N` (a stopped workspace is started and its script fails), `break N` (a start whose build
fails), `claim` (somebody takes a prebuild), `talk N RATE SECONDS` (log lines).
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agentdash.local import handover, plays, queueing
from agentdash.local.blueprints import AgentPlan, Blueprint, ResourcePlan, ScriptPlan
from agentdash.local.deployment import Deployment
from agentdash.local.large_fleet import large_fleet
from agentdash.local.records_org import PREBUILDS_USER_ID, Workspace
from agentdash.local.server import serve_in_loop
from agentdash.local.world_people import OWNER

_FAILING = Blueprint(
    (
        ResourcePlan(
            "docker_container",
            "dev",
            agents=(
                AgentPlan(
                    connect_s=2,
                    scripts=(
                        ScriptPlan("Startup Script", (("error", "no such package"),), 4, 1, "exit_failure"),
                    ),
                ),
            ),
        ),
    ),
)
_BROKEN = plays.with_failing_build(_FAILING, "no such image")


def made_fleet(count: int) -> tuple[Deployment, list[Workspace]]:
    """The fleet as the server makes it: the same names for the same count."""
    deployment = Deployment(seed=7)
    fleet = large_fleet(deployment, count)
    # One prebuild waits: the last of those that are well.
    fleet[well(fleet)[-1]].owner_id = PREBUILDS_USER_ID
    return deployment, fleet


def well(fleet: list[Workspace]) -> list[int]:
    """Numbers of the workspaces whose agent is ready and connected."""
    return [
        number
        for number, workspace in enumerate(fleet)
        if any(agent.is_beating and agent.lifecycle_state == "ready" for agent in workspace.agents)
    ]


def stopped(fleet: list[Workspace]) -> list[int]:
    """Numbers of the workspaces that are stopped."""
    return [n for n, workspace in enumerate(fleet) if workspace.latest_build.transition == "stop"]


@dataclass(frozen=True, slots=True)
class FleetServer:
    """A running server, as its user sees it."""

    url: str
    token_file: Path
    child: handover.LocalChild

    @property
    def arguments(self) -> tuple[str, ...]:
        """What `agentdash` is started with."""
        return ("--url", self.url, "--token-file", str(self.token_file))

    def tell(self, words: str) -> float:
        """Make something happen; returns the moment."""
        assert self.child.process.stdin is not None
        self.child.process.stdin.write(words.encode() + b"\n")
        self.child.process.stdin.flush()
        return time.perf_counter()


@contextmanager
def serving(count: int) -> Iterator[FleetServer]:
    """A server of so many workspaces."""
    command = (sys.executable, "-m", "tests.bench.fleet_server", str(count))
    with handover.spawn_child(command) as child, tempfile.TemporaryDirectory() as folder:
        told = child.wait_handover(60)
        token_file = Path(folder) / "token"
        handover.write_token_file(token_file, told.token)
        yield FleetServer(told.url, token_file, child)


class _Stage:
    """Where the words are obeyed."""

    def __init__(self, count: int) -> None:
        self.deployment, self.fleet = made_fleet(count)
        self._talks: set[asyncio.Task[None]] = set()

    def obey(self, line: str) -> None:
        word, *rest = line.split()
        numbers = [int(text) for text in rest]
        deployment = self.deployment
        workspace = self.fleet[numbers[0]]
        if word == "lose":
            plays.kill(deployment, workspace.agents[0])
        elif word in ("fail", "time-out"):
            plays.set_lifecycle(
                deployment, workspace.agents[0], f"start_{'error' if word == 'fail' else 'timeout'}"
            )
        elif word in ("start", "break"):
            workspace.blueprint = replace(_FAILING if word == "start" else _BROKEN)
            queueing.queue_build(deployment, workspace, "start", workspace.owner_id)
        elif word == "claim":
            owner = next(user for user in deployment.users.values() if user.username == OWNER)
            queueing.claim(deployment, workspace, owner, "claimed-one")
        elif word == "talk":
            talk = asyncio.create_task(self._talk(workspace, numbers[1], numbers[2]))
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)

    async def _talk(self, workspace: Workspace, rate: int, seconds: int) -> None:
        for number in range(rate * seconds):
            text = f"tunnel handshake ok derp={number * 2654435761 % 2**40:x} seq={number:05}"
            plays.say(self.deployment, workspace.agents[0], "Startup Script", text)
            await asyncio.sleep(1 / rate)


async def _serve(count: int, handover_fd: int) -> None:
    stage = _Stage(count)
    deployment = stage.deployment
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def listen() -> None:
        while line := await reader.readline():
            stage.obey(line.decode())
        ended.set_result(None)

    async with serve_in_loop(deployment, viewer=deployment.find_user(OWNER)) as served:
        tasks = [asyncio.create_task(listen()), asyncio.create_task(deployment.timeline.run())]
        handover.write_handover(handover_fd, served.url, served.token)
        await ended
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[-1]), False)
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[-1])))
