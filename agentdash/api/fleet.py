"""Calls about the fleet: workspaces, queue, templates, prebuilds, deployment, rights (contract: fleet.md).

Builds are in `api/builds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import LIVE_TIMEOUT_S, segment
from agentdash.api.schema import (
    ApplicationsHost,
    BuildInfo,
    DeploymentConfig,
    Entitlements,
    HealthReport,
    InvalidatedPreset,
    InvalidatedPresets,
    PrebuildsSettings,
    Preset,
    ProvisionerDaemon,
    ProvisionerJob,
    Region,
    Regions,
    Template,
    TemplateVersion,
    User,
    Workspace,
    WorkspacesPage,
)

PAGE: Final = 50
_BEYOND: Final = 1_000_000
DEFAULT_ORGANIZATION: Final = "default"


@dataclass(frozen=True, slots=True)
class Right:
    """One question of an authorization check; `resource_id` "" asks about the kind.

    (contract: fleet.md §8).
    """

    resource_type: str
    action: str
    owner_id: str = ""
    organization_id: str = ""
    resource_id: str = ""

    def as_json(self) -> dict[str, object]:
        known = {
            "resource_type": self.resource_type,
            "owner_id": self.owner_id,
            "organization_id": self.organization_id,
            "resource_id": self.resource_id,
        }
        return {"object": {name: value for name, value in known.items() if value}, "action": self.action}


class FleetApi:
    """What can be asked about the deployment. All raise `ApiError`s of `api/errors`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # -- who and what ---------------------------------------------------------------------------------------------

    async def me(self) -> User:
        """Raises NotLoggedIn, whose `detail` says why (contract: README §2.2)."""
        return await self._client.get(User, "/api/v2/users/me")

    async def buildinfo(self) -> BuildInfo:
        """contract: README §9"""
        return await self._client.get(BuildInfo, "/api/v2/buildinfo")

    async def experiments(self) -> tuple[str, ...]:
        """Enabled experiments; empty on servers before v0.15."""
        try:
            return await self._client.get_list(str, "/api/v2/experiments")
        except errors.RouteNotFound:
            return ()

    async def entitlements(self) -> Entitlements:
        """The licence; nothing at all on builds without licensed code (contract: fleet.md §9)."""
        try:
            return await self._client.get(Entitlements, "/api/v2/entitlements")
        except errors.RouteNotFound:
            return Entitlements()

    async def regions(self) -> tuple[Region, ...]:
        """`primary` is the main server (v0.24.0)."""
        return (await self._client.get(Regions, "/api/v2/regions")).regions

    async def applications_host(self) -> str:
        """Wildcard host of apps, "" without one; for servers without `/regions`."""
        return (await self._client.get(ApplicationsHost, "/api/v2/applications/host")).host

    async def debug_health(self, *, force: bool = False) -> HealthReport:
        """Up to ten minutes old unless forced; a forced run takes up to 30 s.

        Raises:
            Forbidden: not a site owner.
        """
        query = {"force": "true"} if force else None
        return await self._client.get(HealthReport, "/api/v2/debug/health", query, LIVE_TIMEOUT_S)

    async def deployment_config(self) -> DeploymentConfig:
        """Options of the deployment; only those that are judged by are decoded.

        Raises:
            Forbidden: neither owner nor auditor.
        """
        return await self._client.get(DeploymentConfig, "/api/v2/deployment/config")

    async def check_rights(self, rights: Mapping[str, Right]) -> dict[str, bool]:
        """Which of these this account has; at most 10 with a `resource_id` in one call.

        (contract: fleet.md §8).
        """
        checks = {name: right.as_json() for name, right in rights.items()}
        answer = await self._client.request("POST", "/api/v2/authcheck", body={"checks": checks})
        found = await self._client.read_flags(answer)
        return {name: found.get(name, False) for name in rights}

    # -- workspaces -----------------------------------------------------------------------------------------------

    async def workspaces(self, q: str = "", limit: int = PAGE, offset: int = 0) -> WorkspacesPage:
        """One page, agents included. Rows move between pages: merge by id, page until `offset >= count`.

        Raises:
            BadRequest: `names(key)` tells which search key this server does not know (contract: fleet.md
                §1.1).
        """
        query = {"q": q or None, "limit": limit, "offset": offset}
        return await self._client.get(WorkspacesPage, "/api/v2/workspaces", query)

    async def count(self, q: str = "") -> int:
        """How many match, for 30 bytes: a page behind the end."""
        return (await self.workspaces(q, limit=1, offset=_BEYOND)).count

    async def workspace(self, workspace_id: str, *, include_deleted: bool = False) -> Workspace:
        """Raises Gone when it was deleted, Forbidden when its template is unreadable.

        (contract: fleet.md §2).
        """
        query = {"include_deleted": "true"} if include_deleted else None
        return await self._client.get(Workspace, f"/api/v2/workspaces/{segment(workspace_id)}", query)

    async def workspace_by_name(self, owner: str, name: str) -> Workspace:
        """`owner` may be `me`."""
        return await self._client.get(Workspace, f"/api/v2/users/{segment(owner)}/workspace/{segment(name)}")

    async def report_usage(self, workspace_id: str, agent_id: str, app_name: str) -> None:
        """Counts as activity and may move the deadline: only while a terminal is in use.

        (contract: pty.md §10).
        """
        body = {"agent_id": agent_id, "app_name": app_name}
        await self._client.send("POST", f"/api/v2/workspaces/{segment(workspace_id)}/usage", body)

    # -- queue ----------------------------------------------------------------------------------------------------

    async def provisioner_jobs(
        self, organization: str = DEFAULT_ORGANIZATION, *, statuses: tuple[str, ...] = (), limit: int = 50
    ) -> tuple[ProvisionerJob, ...]:
        """Newest first (v2.19.0). NotFound without the right, site-wide template admins included (fleet.md §6.2)."""
        query = {"limit": limit, "status": ",".join(statuses) or None}
        return await self._client.get_list(
            ProvisionerJob, f"{_organization(organization)}/provisionerjobs", query
        )

    async def provisioner_daemons(
        self, organization: str = DEFAULT_ORGANIZATION, *, offline: bool = False
    ) -> tuple[ProvisionerDaemon, ...]:
        """Offline ones only when asked for; servers before about 2.26 refuse or ignore the parameter."""
        path = f"{_organization(organization)}/provisionerdaemons"
        query = {"offline": "true"} if offline else None
        try:
            return await self._client.get_list(ProvisionerDaemon, path, query)
        except errors.BadRequest as error:
            if not error.names("offline"):
                raise
            return await self._client.get_list(ProvisionerDaemon, path)

    # -- templates and prebuilds ------------------------------------------------------------------------------------

    async def templates(self) -> tuple[Template, ...]:
        return await self._client.get_list(Template, "/api/v2/templates")

    async def template(self, template_id: str) -> Template:
        return await self._client.get(Template, f"/api/v2/templates/{segment(template_id)}")

    async def template_version(self, version_id: str) -> TemplateVersion:
        return await self._client.get(TemplateVersion, f"/api/v2/templateversions/{segment(version_id)}")

    async def presets(self, version_id: str) -> tuple[Preset, ...]:
        """Empty also on servers before v2.20 (contract: fleet.md §7.5)."""
        try:
            return await self._client.get_list(
                Preset, f"/api/v2/templateversions/{segment(version_id)}/presets"
            )
        except errors.RouteNotFound:
            return ()

    async def prebuilds_settings(self) -> PrebuildsSettings:
        """Raises FeatureNotLicensed or RouteNotFound where there are no prebuilds (about 2.25)."""
        return await self._client.get(PrebuildsSettings, "/api/v2/prebuilds/settings")

    async def pause_prebuilds(self, paused: bool) -> None:
        """Switch the reconciliation of the whole deployment; owners only. Unchanged is fine."""
        await self._client.send("PUT", "/api/v2/prebuilds/settings", {"reconciliation_paused": paused})

    async def invalidate_prebuilds(self, template_id: str) -> tuple[InvalidatedPreset, ...]:
        """Have all prebuilds of a template replaced (about 2.29); NotFound without the right."""
        path = f"/api/v2/templates/{segment(template_id)}/prebuilds/invalidate"
        answer = await self._client.send("POST", path)
        return (await self._client.read(InvalidatedPresets, answer)).invalidated


def _organization(name: str) -> str:
    return f"/api/v2/organizations/{segment(name)}"
