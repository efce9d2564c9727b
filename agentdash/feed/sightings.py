"""What streams of updates told of workspaces, and where that differs from what is known (contract: tailnet.md §8)."""

from __future__ import annotations

from agentdash.feed.source import OwnerUpdate, WorkspaceSighting
from agentdash.state.model import Workspace


class Sightings:
    """The latest word on each workspace of each owner."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[str, WorkspaceSighting]] = {}
        self._owner_of: dict[str, str] = {}
        self._agents_of: dict[str, set[str]] = {}
        self._home_of: dict[str, str] = {}

    def __contains__(self, workspace_id: object) -> bool:
        return workspace_id in self._owner_of

    def take(self, update: OwnerUpdate) -> set[str]:
        """Take an update in; returns the workspaces of which it says something."""
        touched = {found.id for found in update.workspaces} | {home for _, home in update.agents}
        if update.is_snapshot:
            touched |= self.forget(update.owner_id)
        for workspace_id in update.deleted_workspaces:
            touched.add(workspace_id)
            # Claimed by somebody else it may have been told of by the other stream already.
            if self._owner_of.get(workspace_id) == update.owner_id:
                self._drop(workspace_id)
        for agent_id in update.deleted_agents:
            home = self._home_of.pop(agent_id, None)
            if home is not None:
                touched.add(home)
                self._agents_of[home].discard(agent_id)
        for found in update.workspaces:
            before = self._owner_of.get(found.id)
            if before not in (None, update.owner_id):
                self._drop(found.id)
            self._owner_of[found.id] = update.owner_id
            self._owners.setdefault(update.owner_id, {})[found.id] = found
        for agent_id, home in update.agents:
            self._home_of[agent_id] = home
            self._agents_of.setdefault(home, set()).add(agent_id)
        return touched

    def forget(self, owner_id: str) -> set[str]:
        """Forget what was told of an owner; returns the workspaces."""
        found = set(self._owners.get(owner_id, ()))
        for workspace_id in found:
            self._drop(workspace_id)
        return found

    def clear(self) -> None:
        """Forget everything."""
        for owner_id in list(self._owners):
            self.forget(owner_id)

    def is_known(self, workspace_id: str, workspace: Workspace | None) -> bool:
        """Whether this says of the workspace what was told last; None: it is not known at all."""
        owner_id = self._owner_of.get(workspace_id)
        if workspace is None or owner_id is None:
            return workspace is None and owner_id is None
        told = self._owners[owner_id][workspace_id]
        if (workspace.name, workspace.build.status, workspace.owner_id) != (told.name, told.status, owner_id):
            return False
        known = () if workspace.agents_are_previous else workspace.agents
        return {agent.id for agent in known} == self._agents_of.get(workspace_id, set())

    def _drop(self, workspace_id: str) -> None:
        owner_id = self._owner_of.pop(workspace_id)
        del self._owners[owner_id][workspace_id]
        for agent_id in self._agents_of.pop(workspace_id, ()):
            self._home_of.pop(agent_id, None)
