"""What every handler of the running server needs, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from starlette.types import Scope

from agentdash.local.auth import Gate
from agentdash.local.errors import ApiError, agent_not_found, bad_uuid, not_found
from agentdash.local.faults import FaultPlan
from agentdash.local.pty_sessions import PtySessions, Shared, Terminal
from agentdash.local.records import Agent, Build, Deployment, User, Workspace
from agentdash.local.revisions import LATEST, Revision
from agentdash.local.rights import can

STATE_KEY = "runtime"

Shell = Callable[["ShellRequest"], Awaitable[Terminal | Shared]]
"""Starts the program of a terminal session. Raises `OSError` when that fails."""


@dataclass(frozen=True, slots=True)
class ShellRequest:
    """What a client wants to run (contract: pty.md §2)."""

    command: str
    container: str
    container_user: str
    rows: int
    columns: int
    backend: str = ""
    """Only `screen` by name brings GNU screen: empty is the same on machines with and without it."""


@dataclass(slots=True)
class Runtime:
    """The deployment and what the server adds to it while it runs."""

    deployment: Deployment
    gate: Gate
    viewer: User
    port: int
    sessions: PtySessions
    faults: FaultPlan = field(default_factory=FaultPlan)
    shells: dict[str, Shell] = field(default_factory=dict)
    """How to start a real shell, by workspace id; workspaces without one get the pseudo shell."""
    pty_faults: dict[str, Enum] = field(default_factory=dict)
    """`pty.PtyFault` by agent id: what goes wrong with its terminals."""
    revision: Revision = LATEST
    """The server that this one behaves as."""
    agent_side: object = None
    """`agent_side.AgentSide` once an agent, or whoever gives it its token, has come by."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    drop_connections: Callable[[], None] = lambda: None
    """Cuts every open connection by TCP."""

    def workspace_of(self, agent: Agent) -> Workspace:
        """The agent's workspace."""
        return self.deployment.workspaces[agent.workspace_id]

    def can(self, action: str, workspace: Workspace) -> bool:
        """Whether the viewer may do `action` (`read`, `update`, `ssh`) to the workspace."""
        return can(self.viewer, action, workspace)

    def agent(self, agent_id: str) -> Agent:
        """The agent of a path parameter.

        Raises:
            ApiError: 400 for a malformed id, 404 for an unknown or unreadable one (contract: agents.md §1).
        """
        if not is_uuid(agent_id):
            raise bad_uuid(agent_id)
        agent = self.deployment.find_agent(agent_id.lower())
        if agent is None or not self.can("read", self.workspace_of(agent)):
            raise agent_not_found()
        return agent

    def workspace(self, workspace_id: str) -> Workspace:
        """The workspace of a path parameter.

        Raises:
            ApiError: 400 for a malformed id, 404 for an unknown one, 410 for a deleted one (contract: fleet.md §2).
        """
        if not is_uuid(workspace_id):
            raise bad_uuid(workspace_id)
        workspace = self.deployment.workspaces.get(workspace_id.lower())
        if workspace is None or not self.can("read", workspace):
            raise not_found()
        if workspace.is_deleted:
            hint = "you can view this workspace by specifying '?include_deleted=true' and trying again."
            raise ApiError(410, f'Workspace "{workspace.name}" was deleted, {hint}')
        return workspace

    def build(self, build_id: str) -> Build:
        """The build of a path parameter.

        Raises:
            ApiError: 400 for a malformed id, 404 for an unknown or unreadable one.
        """
        if not is_uuid(build_id):
            raise bad_uuid(build_id)
        build = self.deployment.find_build(build_id.lower())
        if build is None or not self.can("read", self.deployment.workspaces[build.workspace_id]):
            raise not_found()
        return build


def runtime_of(scope: Scope) -> Runtime:
    """The runtime of a request."""
    return cast("Runtime", scope["state"][STATE_KEY])


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID in its 36-character form."""
    if len(text) != 36 or any(text[i] != "-" for i in (8, 13, 18, 23)):
        return False
    return all(char in "0123456789abcdefABCDEF" for char in text.replace("-", ""))
