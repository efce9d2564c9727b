"""The deployment, who is logged in, and what was done from here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from immutables import Map

from agentdash.state.freshness import Problem


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the user; `organization_id` is empty for a site role."""

    name: str
    organization_id: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in."""

    id: str
    username: str
    name: str = ""
    roles: tuple[Role, ...] = ()
    organization_ids: tuple[str, ...] = ()
    status: str = ""

    def has_site_role(self, *names: str) -> bool:
        """Whether the user has one of these site-wide roles."""
        return any(r.name in names and not r.organization_id for r in self.roles)


@dataclass(frozen=True, slots=True)
class Server:
    """The deployment."""

    url: str = ""
    host: str = ""
    is_embedded: bool = False
    version: str = ""
    deployment_id: str = ""
    dashboard_url: str = ""
    is_workspace_proxy: bool = False
    user: User | None = None
    clock_offset_s: float | None = None
    """Server time minus local time, from the header `Date`."""
    latency_s: float | None = None
    """Of the last answered request."""
    reached_at: datetime | None = None
    """Local time of the last answer, or of a stream's last sign of life."""
    problem: Problem | None = None
    """Why nothing is heard of it, while that is so."""
    entitlements: Map[str, bool] | None = None
    experiments: tuple[str, ...] = ()
    wildcard_host: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals by the server, not by what happens to be loaded."""

    total: int | None = None
    by_query: Map[str, int] = field(default_factory=Map)


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """What this user did from here, and how it ended; an unknown outcome is said to be unknown."""

    id: int
    at: datetime
    action: str
    title: str
    target: str
    command: str
    outcome: str
    """`running`, `done`, `failed`, `unknown`."""
    detail: str = ""
    ended_at: datetime | None = None
