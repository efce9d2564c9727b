"""What the agent's own endpoints need besides the deployment: tokens, owners' keys, external logins."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from agentdash.local.agent_tokens import AgentTokens
from agentdash.local.auth import Credentials
from agentdash.local.errors import ApiError
from agentdash.local.identities import IdentityAuthority
from agentdash.local.runtime import Runtime, is_uuid
from agentdash.local.ssh_keys import KeyPair, new_key_pair

NOT_AUTHORIZED_DETAIL = (
    "The agent cannot authenticate until the workspace provision job has been completed. "
    "If the job is no longer running, this agent is invalid."
)


@dataclass(frozen=True, slots=True)
class ExternalProvider:
    """Somewhere outside that users can log in; `regex` tells which URLs are its."""

    id: str
    type: str
    regex: str

    def matches(self, url: str) -> bool:
        """Whether a host or URL belongs to it."""
        return re.search(self.regex, url) is not None


@dataclass(frozen=True, slots=True)
class ExternalLink:
    """A user's login at a provider; `expires_at` None = never."""

    token: str = field(repr=False)
    expires_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or self.expires_at > now


GITHUB = ExternalProvider("github", "github", r"^(https?://)?github\.com(/.*)?$")


@dataclass(slots=True)
class AgentSide:
    """State of `me/*`. One per deployment that is served."""

    tokens: AgentTokens = field(default_factory=AgentTokens)
    providers: list[ExternalProvider] = field(default_factory=lambda: [GITHUB])
    links: dict[tuple[str, str], ExternalLink] = field(default_factory=dict)
    """By user and provider id."""
    keys: dict[str, KeyPair] = field(default_factory=dict)
    """Git SSH keys by user id, made when first asked for."""
    without_user_data: set[str] = field(default_factory=set)
    """Ids of workspaces whose agents may not read their owner's personal data."""

    identities: IdentityAuthority = field(default_factory=IdentityAuthority)
    nodes: dict[str, object] = field(default_factory=dict)
    """`tailnet_pb2.Node` by agent id, where a program that plays the agent has told it."""

    dialers: dict[str, dict[int, dict[str, object]]] = field(default_factory=dict)
    """Agent id → nodes of the clients that want to connect, as JSON, by connection; servers before v2.16 only."""

    def key_of(self, user_id: str) -> KeyPair:
        """The user's key pair."""
        if user_id not in self.keys:
            self.keys[user_id] = new_key_pair()
        return self.keys[user_id]


def agent_login_error(credentials: Credentials) -> ApiError | None:
    """What is wrong with the form of an agent's token, before anybody is looked up (contract: agent-side.md §2)."""
    token = credentials.token()
    if not token:
        return ApiError(401, 'Cookie "coder_session_token" must be provided.')
    if not is_uuid(token):
        detail = f"An agent token must be a valid UUIDv4. (len {len(token)})"
        return ApiError(401, "Workspace agent token invalid.", detail)
    return None


def not_authorized() -> ApiError:
    """401 for a token nobody holds, or whose agent is outdated."""
    return ApiError(401, "Workspace agent not authorized.", NOT_AUTHORIZED_DETAIL)


def side_of(runtime: Runtime) -> AgentSide:
    """The agent side of a running server."""
    found = runtime.agent_side
    if not isinstance(found, AgentSide):
        found = runtime.agent_side = AgentSide()
    return found
