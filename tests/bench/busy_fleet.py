"""The dashboard over a fleet that was put into its state and changes without rest; no server is asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from agentdash.api import schema
from agentdash.cli.collector import imports_kept
from agentdash.cli.dashboard import make_context
from agentdash.config.settings import Settings
from agentdash.local.render import workspace_json
from agentdash.state import convert
from agentdash.state import events as ev
from agentdash.state.model import Agent, Workspace
from agentdash.state.state import State
from agentdash.ui.app import AgentDash
from agentdash.ui.session import Session
from tests.bench.fleet_server import made_fleet

TICK_S = 0.01
ON_SCREEN = 24
SEEN_SHARE = 0.25
"""Share of the updates that hit rows on screen: what is watched speaks most."""
MOVING_SHARE = 0.05
"""Share that changes a verdict, and with it the order."""
Post = Callable[[Sequence[ev.Event]], None]


def model_fleet(count: int) -> list[Workspace]:
    """So many workspaces, rendered as the server does and converted as the client does."""
    deployment, fleet = made_fleet(count)
    viewer = next(iter(deployment.users.values()))
    raw = (workspace_json(deployment, workspace, viewer) for workspace in fleet)
    return [convert.workspace(schema.Workspace.model_validate(body)) for body in raw]


def run(count: int, rate: int) -> None:
    """Show the fleet and keep it changing."""
    fleet = model_fleet(count)
    with imports_kept():  # as the dashboard does once it has imported everything
        context = make_context(Settings(url="http://bench.invalid"))

    async def connect(post: Post, state: Callable[[], State]) -> Session:
        del state
        post([ev.WorkspacesRead(tuple(fleet), datetime.now(UTC), "page")])
        await _change(post, fleet, rate)
        raise AssertionError("it never ends")

    AgentDash(context, connect).run()


async def _change(post: Post, fleet: list[Workspace], rate: int) -> None:
    rng = random.Random(2)
    lost = [n for n, w in enumerate(fleet) if w.agents and w.agents[0].status == "disconnected"]
    worst = sorted(lost, key=lambda n: (fleet[n].owner_name, fleet[n].name))[:ON_SCREEN]
    rest = [n for n, w in enumerate(fleet) if w.agents and w.agents[0].lifecycle in ("ready", "starting")]
    loop = asyncio.get_running_loop()
    began, done = loop.time(), 0
    while True:
        due = int((loop.time() - began) * rate)
        for _ in range(min(due - done, rate)):
            number = rng.choice(worst if rng.random() < SEEN_SHARE else rest)
            fleet[number] = changed = changed_workspace(fleet[number], rng)
            post([ev.WorkspacesRead((changed,), datetime.now(UTC), "watch")])
        done = due
        await asyncio.sleep(TICK_S if rate else 3600)


def changed_workspace(workspace: Workspace, rng: random.Random) -> Workspace:
    """A workspace after something happened to its agent: mostly a new measurement, sometimes another state."""
    agent = workspace.agents[0]
    return replace(workspace, agents=(_changed_agent(agent, rng), *workspace.agents[1:]))


def _changed_agent(agent: Agent, rng: random.Random) -> Agent:
    if agent.status == "disconnected":
        return replace(agent, lifecycle=rng.choice(("ready", "starting", "start_timeout", "created")))
    if rng.random() < MOVING_SHARE:
        return replace(agent, lifecycle="starting" if agent.lifecycle == "ready" else "ready")
    if not agent.latency:
        return replace(agent, last_connected_at=datetime.now(UTC))
    return replace(agent, latency=(replace(agent.latency[0], ms=rng.uniform(1, 200)), *agent.latency[1:]))
