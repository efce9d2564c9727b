"""What surrounds the workspaces, read from the real deployment (contract: fleet.md §4–§9)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from immutables import Map

from agentdash.api.agents import OVERLAP_IDS, AgentApi
from agentdash.api.builds import BuildApi
from agentdash.api.client import Client
from agentdash.api.fleet import FleetApi, Right
from agentdash.state import convert_deployment as convert
from agentdash.state.deployment import (
    BuildSummary,
    HealthReport,
    LogTail,
    PrebuildsConfig,
    PrebuildsSettings,
    Preset,
    ProvisionerDaemon,
    ProvisionerJob,
    ProxyRegion,
    Template,
    TemplateVersion,
)
from agentdash.state.model import PREBUILDS_USER_ID

T = TypeVar("T")

ITEMS_AT_ONCE: Final = 200
"""Longer lists are converted in a thread."""


class SurroundingsReader:
    """Answers of `feed/source.SurroundingsSource` by `api/`, cleaned by `state/convert_deployment`."""

    def __init__(self, client: Client) -> None:
        self._agents = AgentApi(client)
        self._fleet = FleetApi(client)
        self._builds = BuildApi(client)

    async def templates(self) -> tuple[Template, ...]:
        """All templates this account may see."""
        return tuple(convert.template(raw) for raw in await self._fleet.templates() if raw.id)

    async def template_version(self, version_id: str) -> TemplateVersion:
        """One version."""
        return convert.template_version(await self._fleet.template_version(version_id))

    async def presets(self, version_id: str) -> tuple[Preset, ...]:
        """Presets of a version."""
        return convert.presets(await self._fleet.presets(version_id), version_id)

    async def prebuilds_settings(self) -> PrebuildsSettings:
        """Whether the reconciliation is paused."""
        return PrebuildsSettings((await self._fleet.prebuilds_settings()).reconciliation_paused)

    async def prebuilds_config(self) -> PrebuildsConfig:
        """Options of the reconciler."""
        return convert.prebuilds_config(await self._fleet.deployment_config())

    async def daemons(self, organization_id: str) -> tuple[ProvisionerDaemon, ...]:
        """Provisioner daemons, offline ones included."""
        raw = await self._fleet.provisioner_daemons(organization_id, offline=True)
        return tuple(convert.daemon(daemon) for daemon in raw if daemon.id)

    async def jobs(
        self, organization_id: str, statuses: tuple[str, ...], limit: int
    ) -> tuple[ProvisionerJob, ...]:
        """Provisioner jobs, newest first."""
        raw = await self._fleet.provisioner_jobs(organization_id, statuses=statuses, limit=limit)
        return await _converted(raw, lambda: tuple(convert.job(job) for job in raw if job.id))

    async def health(self) -> HealthReport:
        """The deployment's own health check, never forced."""
        return convert.health(await self._fleet.debug_health())

    async def proxies(self) -> tuple[ProxyRegion, ...]:
        """The main server and the workspace proxies."""
        return convert.proxies(await self._fleet.regions())

    async def rights(self, organization_ids: tuple[str, ...]) -> Map[str, bool]:
        """What this account may read of pools and queue: asked, never tried (contract: triage.md §5)."""
        asked: dict[str, Right] = {}
        for organization in organization_ids or ("",):
            asked[f"read_prebuilds:{organization}"] = Right(
                "workspace", "read", PREBUILDS_USER_ID, organization
            )
            if organization:
                asked[f"read_daemons:{organization}"] = Right(
                    "provisioner_daemon", "read", organization_id=organization
                )
        found = await self._fleet.check_rights(asked)
        may_see = any(yes for name, yes in found.items() if name.startswith("read_prebuilds:"))
        return Map(found).set("read_prebuilds", may_see)

    async def builds(self, workspace_id: str, limit: int) -> tuple[BuildSummary, ...]:
        """The newest builds of a workspace."""
        raw = await self._builds.list(workspace_id, limit=limit)
        return convert.build_summaries(raw)

    async def build_tail(self, build_id: str, known: LogTail | None) -> LogTail:
        """The end of a build's log; one daemon writes it, so that ids go up."""
        raw = await self._builds.logs(build_id, _last_id(known))
        return await _converted(raw, lambda: convert.build_tail(raw, known))

    async def agent_tail(self, agent_id: str, sources: frozenset[str], known: LogTail | None) -> LogTail:
        """The end of an agent's log; two writers may commit out of order (contract: agents.md §3.4)."""
        raw = await self._agents.logs(agent_id, max(0, _last_id(known) - OVERLAP_IDS))
        return await _converted(raw, lambda: convert.agent_tail(raw, sources, known))

    async def parameters(self, build_id: str) -> Map[str, str]:
        """Parameters of a build."""
        return convert.parameters(await self._builds.parameters(build_id))


def _last_id(known: LogTail | None) -> int:
    return known.lines[-1].id if known is not None and known.lines else 0


async def _converted(raw: Sequence[object], how: Callable[[], T]) -> T:
    return how() if len(raw) <= ITEMS_AT_ONCE else await asyncio.to_thread(how)
