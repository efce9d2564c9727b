"""What an action hits: a row of the fleet, or a devcontainer of one."""

from __future__ import annotations

from dataclasses import dataclass

from agentdash.actions.action import Action
from agentdash.state.model import Agent, Devcontainer, Workspace
from agentdash.state.state import State


@dataclass(frozen=True, slots=True)
class Target:
    """A thing on screen by its names.

    Attributes:
        key: Row key: of an agent, or the workspace's id.
        devcontainer: Id of a devcontainer of that agent, empty for the row itself.
        build: Id of the build that a person was asked about; empty when no build is meant.
    """

    key: str
    devcontainer: str = ""
    build: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A target with what is known of it."""

    target: Target
    workspace: Workspace
    agent: Agent | None = None
    devcontainer: Devcontainer | None = None

    def subject(self, action: Action) -> str:
        """What the action really hits: two agents of one workspace are one restart."""
        if self.devcontainer is not None:
            return f"{self.target.key}#{self.devcontainer.workspace_folder}"
        return self.workspace.id if action.hits_workspace else self.target.key

    def name(self, action: Action) -> str:
        """The subject as a person calls it."""
        if self.devcontainer is not None:
            return self.devcontainer.name
        if action.hits_workspace or self.agent is None:
            return self.workspace.full_name
        return self.locator

    @property
    def locator(self) -> str:
        """`owner/workspace.agent`, as the `coder` command takes it."""
        if self.agent is None:
            return self.workspace.full_name
        return f"{self.workspace.full_name}.{self.agent.name}"


def resolve(state: State, target: Target, *, is_devcontainer: bool = False) -> Found | None:
    """What is known of a target; None when it is gone."""
    row = state.row(target.key)
    if row is None:
        # A rebuild takes the agents away for a moment; the workspace is still meant.
        workspace = state.workspaces.get(target.key.partition("/")[0])
        return None if workspace is None or is_devcontainer else Found(target, workspace)
    workspace, agent = row
    if not is_devcontainer:
        return Found(target, workspace, agent)
    detail = None if agent is None else state.details.get(agent.id)
    containers = None if detail is None else detail.containers.value
    listed = () if containers is None else containers.devcontainers
    devcontainer = next((d for d in listed if d.id == target.devcontainer), None)
    return Found(target, workspace, agent, devcontainer)
