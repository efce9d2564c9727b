"""A state to act on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agentdash.state import events as ev
from agentdash.state.model import (
    Agent,
    Build,
    Containers,
    Devcontainer,
    Job,
    Role,
    User,
    Workspace,
    agent_key,
)
from agentdash.state.state import State
from agentdash.state.store import Store

NOON = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)
ADA = User("u1", "ada")
OWNER = User("u0", "root", roles=(Role("owner"),))


def a_build(**changes: Any) -> Build:
    return replace(Build("b1", "w1", 12, "start", "running", Job("j1", "succeeded")), **changes)


def active(status: str = "running", **changes: Any) -> Build:
    return a_build(status="starting", job=Job("j1", status), **changes)


def a_workspace(workspace_id: str = "w1", **changes: Any) -> Workspace:
    agents = tuple(
        Agent(
            f"{workspace_id}-{name}", agent_key(workspace_id, name), workspace_id, name, "connected", "ready"
        )
        for name in ("main", "side")
    )
    name = changes.pop("name", f"dev-{workspace_id}")
    base = Workspace(workspace_id, name, "u1", "ada", a_build(), agents, organization_id="o1")
    return replace(base, **changes)


def a_state(*workspaces: Workspace, user: User | None = ADA, devcontainer: str = "running") -> State:
    """These workspaces, and one devcontainer on the agent `main` of the first."""
    store = Store()
    found = workspaces or (a_workspace(),)
    store.apply([ev.WorkspacesRead(found, NOON, "page")])
    if user is not None:
        store.apply([ev.UserRead(user)])
    if found[0].agents:
        listed = Containers((Devcontainer("d1", "app", "/home/coder/app", devcontainer),))
        store.apply([ev.ContainersRead(found[0].agents[0].id, listed, NOON, live=True)])
    return store.state
