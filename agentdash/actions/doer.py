"""The calls that actions make, and the real ones behind them."""

from __future__ import annotations

import asyncio
import importlib
from datetime import datetime
from typing import Protocol

from agentdash.api.agents import AgentApi
from agentdash.api.builds import BuildApi
from agentdash.api.client import Client
from agentdash.api.exchange import segment
from agentdash.api.fleet import FleetApi
from agentdash.state import convert
from agentdash.state.model import AgentNode, Build


class Doer(Protocol):
    """What can be done to a deployment. Every call may raise an `ApiError`; none is tried again by itself."""

    @property
    def can_server_restart(self) -> bool:
        """Whether one call stops and starts again (2.36 and later)."""
        ...

    async def restart_by_server(self, workspace_id: str) -> Build: ...

    async def start(self, workspace_id: str) -> Build: ...

    async def stop(self, workspace_id: str) -> Build: ...

    async def delete(self, workspace_id: str) -> Build: ...

    async def build(self, build_id: str) -> Build: ...

    async def cancel(self, build_id: str) -> None: ...

    async def extend(self, workspace_id: str, deadline: datetime) -> None: ...

    async def set_favorite(self, workspace_id: str, favorite: bool) -> None: ...

    async def recreate_devcontainer(
        self, agent_id: str, devcontainer_id: str, container_id: str | None
    ) -> None: ...

    async def delete_devcontainer(self, agent_id: str, devcontainer_id: str) -> None: ...

    async def set_prebuilds_paused(self, paused: bool) -> None: ...

    async def agent_node(self, agent_id: str) -> AgentNode: ...


class ClientDoer:
    """A `Doer` on `api/` (contract: fleet.md §10, agents.md §5.5, §5.6)."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._builds = BuildApi(client)
        self._agents = AgentApi(client)

    @property
    def can_server_restart(self) -> bool:
        """By the version that the server's answers have told so far."""
        return self._builds.can_server_restart

    async def restart_by_server(self, workspace_id: str) -> Build:
        """Queue a stop after which the server starts the workspace."""
        return convert.build(await self._builds.restart_by_server(workspace_id), workspace_id)

    async def start(self, workspace_id: str) -> Build:
        """Queue a start."""
        return convert.build(await self._builds.start(workspace_id), workspace_id)

    async def stop(self, workspace_id: str) -> Build:
        """Queue a stop."""
        return convert.build(await self._builds.stop(workspace_id), workspace_id)

    async def delete(self, workspace_id: str) -> Build:
        """Queue a delete."""
        return convert.build(await self._builds.delete(workspace_id), workspace_id)

    async def build(self, build_id: str) -> Build:
        """How a build stands."""
        return convert.build(await self._builds.get(build_id))

    async def cancel(self, build_id: str) -> None:
        """Cancel a build."""
        await self._builds.cancel(build_id)

    async def extend(self, workspace_id: str, deadline: datetime) -> None:
        """Move autostop."""
        await self._builds.extend(workspace_id, deadline)

    async def set_favorite(self, workspace_id: str, favorite: bool) -> None:
        """Own workspaces only."""
        path = f"/api/v2/workspaces/{segment(workspace_id)}/favorite"
        await self._client.send("PUT" if favorite else "DELETE", path)

    async def recreate_devcontainer(
        self, agent_id: str, devcontainer_id: str, container_id: str | None
    ) -> None:
        """Accepted at once; the containers watch tells the rest."""
        await self._agents.recreate_devcontainer(agent_id, devcontainer_id, container_id)

    async def delete_devcontainer(self, agent_id: str, devcontainer_id: str) -> None:
        """Blocks until the container is gone, for minutes."""
        await self._agents.delete_devcontainer(agent_id, devcontainer_id)

    async def set_prebuilds_paused(self, paused: bool) -> None:
        """Site owners only; unchanged is as good as done."""
        await FleetApi(self._client).pause_prebuilds(paused)

    async def agent_node(self, agent_id: str) -> AgentNode:
        """The agent's own word about its connection; leaves an entry in the connection log (tailnet.md §9)."""
        # protobuf costs 250 ms, which the screen shall not feel.
        await asyncio.to_thread(importlib.import_module, "agentdash.api.peer")
        from agentdash.api.peer import ask_node  # noqa: PLC0415

        return convert.agent_node(await ask_node(self._client, agent_id))
