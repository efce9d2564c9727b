"""Tokens of agents: bare UUIDs, kept over a claim, good while their agent may talk (contract: agent-side.md §2)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass

from agentdash.local.deployment import Deployment
from agentdash.local.records import Agent, Build, Workspace


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whom a token belongs to: an agent by name, from one build on and through the claims after it."""

    workspace_id: str
    build_id: str
    parent_name: str
    name: str


class AgentTokens:
    """Gives tokens out and recognises them. They are made from a secret, so that nothing is stored per agent."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._issued: dict[str, _Holder] = {}

    def token_of(self, deployment: Deployment, agent: Agent) -> str:
        """The agent's token: always the same one."""
        holder = _holder(deployment, agent)
        text = "\0".join((holder.workspace_id, holder.build_id, holder.parent_name, holder.name))
        digest = hmac.new(self._secret, text.encode(), hashlib.sha256).digest()
        token = str(uuid.UUID(bytes=digest[:16], version=4))
        self._issued[token] = holder
        return token

    def find(self, deployment: Deployment, token: str) -> Agent | None:
        """The agent that may talk with this token now; None for an unknown token and an outdated agent."""
        holder = self._issued.get(token.lower())
        workspace = deployment.workspaces.get(holder.workspace_id) if holder is not None else None
        if holder is None or workspace is None or workspace.is_deleted:
            return None
        for agent in talking_agents(workspace):
            if _holder(deployment, agent) == holder:
                return agent
        return None


def talking_agents(workspace: Workspace) -> list[Agent]:
    """Agents whose tokens are good: of the latest build; of the start build before while a stop is under way."""
    latest = workspace.latest_build
    if latest.transition == "stop" and latest.job.is_active:
        before = workspace.builds[-2:-1]
        return [agent for build in before if build.transition == "start" for agent in build.visible_agents]
    return latest.visible_agents


def _holder(deployment: Deployment, agent: Agent) -> _Holder:
    workspace = deployment.workspaces[agent.workspace_id]
    build = _first_of_claims(workspace, agent.build_id)
    parent = next((one.name for one in _build_agents(deployment, agent) if one.id == agent.parent_id), "")
    return _Holder(workspace.id, build.id if build is not None else agent.build_id, parent, agent.name)


def _build_agents(deployment: Deployment, agent: Agent) -> list[Agent]:
    build = deployment.find_build(agent.build_id)
    return build.agents if build is not None and agent.parent_id is not None else []


def _first_of_claims(workspace: Workspace, build_id: str) -> Build | None:
    """The build that the token was made for: a claim keeps the tokens of the build before it."""
    found: Build | None = None
    for build in workspace.builds:
        if not build.is_claim or found is None:
            found = build
        if build.id == build_id:
            return found
    return None
