"""People, organizations, templates and workspaces as mutable records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from agentdash.local.blueprints import Blueprint
from agentdash.local.records_agent import Agent
from agentdash.local.records_build import Build, Job

PREBUILDS_USER_ID = "c42fdf75-3097-471c-8c33-fb52454d81c0"


@dataclass(slots=True, eq=False)
class User:
    """A user. Site roles: `owner`, `template-admin`, `user-admin`, `auditor`; none = member.

    `org_roles` are `organization-admin` and `organization-template-admin` of the one organization.
    """

    id: str
    username: str
    name: str
    email: str
    created_at: datetime
    last_seen_at: datetime
    organization_ids: list[str]
    roles: list[str] = field(default_factory=list)
    org_roles: list[str] = field(default_factory=list)
    status: str = "active"
    login_type: str = "password"
    avatar_url: str = ""


@dataclass(slots=True, eq=False)
class Organization:
    """An organization; the first one of a deployment is the default one."""

    id: str
    name: str
    display_name: str
    created_at: datetime


@dataclass(slots=True, eq=False)
class Preset:
    """A preset of a template version; `desired` None = no pool."""

    id: str
    name: str
    parameters: list[tuple[str, str]] = field(default_factory=list)
    is_default: bool = False
    desired: int | None = None
    description: str = ""
    icon: str = ""


@dataclass(slots=True, eq=False)
class TemplateVersion:
    """A template version: what its builds make stands in `blueprint`."""

    id: str
    template_id: str
    name: str
    created_at: datetime
    job: Job
    blueprint: Blueprint = field(default_factory=Blueprint)
    presets: list[Preset] = field(default_factory=list)
    message: str = ""


@dataclass(slots=True, eq=False)
class Template:
    """A template."""

    id: str
    name: str
    display_name: str
    organization_id: str
    created_at: datetime
    updated_at: datetime
    created_by_id: str
    active_version_id: str = ""
    icon: str = ""
    description: str = ""
    provisioner: str = "terraform"
    default_ttl_ms: int = 0
    allow_user_cancel_workspace_jobs: bool = True
    require_active_version: bool = False
    max_port_share_level: str = "public"
    active_user_count: int = 0
    prebuilds_invalidated_at: datetime | None = None


@dataclass(slots=True)
class PortShare:
    """A shared port, keyed by agent name and port."""

    agent_name: str
    port: int
    share_level: str
    protocol: str = "http"


@dataclass(slots=True, eq=False)
class Workspace:
    """A workspace with all its builds, oldest first."""

    id: str
    name: str
    owner_id: str
    organization_id: str
    template_id: str
    created_at: datetime
    last_used_at: datetime
    updated_at: datetime
    builds: list[Build] = field(default_factory=list)
    autostart_schedule: str = ""
    ttl_ms: int = 0
    deleting_at: datetime | None = None
    dormant_at: datetime | None = None
    next_start_at: datetime | None = None
    automatic_updates: str = "never"
    allow_renames: bool = False
    task_id: str | None = None
    favorite_of: set[str] = field(default_factory=set)
    shared_with: list[str] = field(default_factory=list)
    """User ids that may read the workspace besides its owner."""
    port_shares: list[PortShare] = field(default_factory=list)
    is_deleted: bool = False
    blueprint: Blueprint | None = None
    """What this workspace's builds make, where that differs from its template version's."""
    player: Callable[[Build], None] | None = None
    """Called when a daemon has taken a build of this workspace: plays it instead of the world, and ends with
    `queueing.finish_job`; for the workspace of this machine."""

    @property
    def is_prebuild(self) -> bool:
        """Owned by the prebuilds system user: not claimed yet."""
        return self.owner_id == PREBUILDS_USER_ID

    @property
    def latest_build(self) -> Build:
        """The newest build, whatever its state."""
        return self.builds[-1]

    @property
    def latest_completed_build(self) -> Build | None:
        """The newest build whose job has ended: older agent ids answer 404 from then on (agents.md §1)."""
        return next((build for build in reversed(self.builds) if not build.job.is_active), None)

    @property
    def agents(self) -> list[Agent]:
        """Agents as the workspace object tells them: of the latest build, once it has succeeded."""
        return self.latest_build.visible_agents

    @property
    def served_agents(self) -> list[Agent]:
        """Agents whose ids still answer: of the newest completed build, and any newer one's."""
        if self.is_deleted:
            return []
        completed = self.latest_completed_build
        floor = completed.number if completed is not None else 0
        return [agent for build in self.builds if build.number >= floor for agent in build.visible_agents]
