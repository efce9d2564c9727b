"""What is asked about the deployment as a whole, and how often (contract: triage.md §4, README §4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from agentdash.feed.context import Context
from agentdash.state import deployment_events as ev
from agentdash.state.deployment import ProvisionerJob, Template
from agentdash.state.model import Workspace
from agentdash.state.state import State

PRESETS_AT_MOST = 200
"""Versions whose presets are read: those of templates that have workspaces come first."""
JOBS_LIMIT = 200
STANDING = ("pending", "running", "canceling")
"""Statuses of jobs that are not over."""
Part = ev.Part | Literal["version", "rights"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One question that is asked again and again.

    Attributes:
        part: Part of the deployment it fills; `version` and `rights` are no facts and cannot fail.
        subject: Id of what it is about; empty for the deployment.
        every_s: How often; infinite = once.
        ask: Asks, and makes the event.
    """

    part: Part
    subject: str
    every_s: float
    ask: Callable[[], Awaitable[ev.DeploymentEvent]]

    @property
    def key(self) -> tuple[str, str]:
        """What it is, whatever its interval is at present."""
        return self.part, self.subject


class Topics:
    """The questions that make sense now."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._history: dict[str, tuple[float, tuple[ProvisionerJob, ...]]] = {}
        """By organization: when its newest jobs were read, and they."""

    def now(self) -> list[Topic]:
        """All questions, the most telling first; the deployment's health is a question of its own."""
        ctx, state = self._ctx, self._ctx.state()
        settings = ctx.settings
        has_pools = any(w.is_prebuild for w in state.workspaces.values())
        often_s = settings.templates_s if has_pools else settings.templates_idle_s
        found = [
            Topic("prebuilds", "", settings.pool_settings_s, self._prebuilds),
            Topic("templates", "", often_s, self._templates),
        ]
        for organization in organizations(state):
            found += self._queue(organization)
        found.append(Topic("rights", "", settings.rights_s, self._rights))
        found += self._presets(state, has_pools)
        found += [
            Topic("regions", "", settings.proxies_s, self._proxies),
            Topic("config", "", settings.rights_s, self._config),
        ]
        return found

    def health(self) -> Topic:
        """The question about the deployment's health."""
        return Topic("health", "", self._ctx.settings.health_s, self._health)

    def _queue(self, organization: str) -> list[Topic]:
        every_s = self._ctx.settings.provisioners_s

        async def daemons() -> ev.DeploymentEvent:
            at = self._ctx.clock.now()
            found = await self._ctx.source.daemons(organization)
            return ev.DaemonsRead(organization, found, self._ctx.server_time(at))

        async def jobs() -> ev.DeploymentEvent:
            at = self._ctx.clock.now()
            found = await self._jobs(organization)
            return ev.JobsRead(organization, found, self._ctx.server_time(at))

        return [Topic("daemons", organization, every_s, daemons), Topic("jobs", organization, every_s, jobs)]

    def _presets(self, state: State, has_pools: bool) -> Iterator[Topic]:
        settings, known = self._ctx.settings, state.deployment
        for version_id in _versions(state):
            fact = known.presets.get(version_id)
            may_have_pool = fact is None or fact.value is None or any(p.desired for p in fact.value)
            often_s = settings.templates_s if has_pools and may_have_pool else settings.templates_idle_s
            yield Topic("presets", version_id, often_s, self._presets_of(version_id))
            if fact is not None and fact.value and version_id not in known.versions:
                yield Topic("version", version_id, float("inf"), self._version(version_id))

    # -- questions ------------------------------------------------------------------------------------------------

    async def _templates(self) -> ev.DeploymentEvent:
        at = self._ctx.clock.now()
        found = await self._ctx.source.templates()
        return ev.TemplatesRead(found, self._ctx.server_time(at))

    async def _prebuilds(self) -> ev.DeploymentEvent:
        at = self._ctx.clock.now()
        found = await self._ctx.source.prebuilds_settings()
        return ev.PrebuildsSettingsRead(found, self._ctx.server_time(at))

    async def _config(self) -> ev.DeploymentEvent:
        at = self._ctx.clock.now()
        found = await self._ctx.source.prebuilds_config()
        return ev.PrebuildsConfigRead(found, self._ctx.server_time(at))

    async def _proxies(self) -> ev.DeploymentEvent:
        at = self._ctx.clock.now()
        found = await self._ctx.source.proxies()
        return ev.ProxiesRead(found, self._ctx.server_time(at))

    async def _health(self) -> ev.DeploymentEvent:
        at = self._ctx.clock.now()
        found = await self._ctx.source.health()
        return ev.HealthRead(found, self._ctx.server_time(at))

    async def _rights(self) -> ev.DeploymentEvent:
        return ev.RightsRead(await self._ctx.source.rights(tuple(organizations(self._ctx.state()))))

    def _presets_of(self, version_id: str) -> Callable[[], Awaitable[ev.DeploymentEvent]]:
        async def ask() -> ev.DeploymentEvent:
            at = self._ctx.clock.now()
            found = await self._ctx.source.presets(version_id)
            return ev.PresetsRead(version_id, found, self._ctx.server_time(at))

        return ask

    def _version(self, version_id: str) -> Callable[[], Awaitable[ev.DeploymentEvent]]:
        async def ask() -> ev.DeploymentEvent:
            return ev.TemplateVersionRead(await self._ctx.source.template_version(version_id))

        return ask

    async def _jobs(self, organization: str) -> tuple[ProvisionerJob, ...]:
        """Those that stand, each time; the newest of all, which are many, seldom."""
        source, settings, now = self._ctx.source, self._ctx.settings, self._ctx.clock.monotonic()
        read_at, newest = self._history.get(organization, (None, ()))
        if read_at is None or now - read_at >= settings.jobs_history_s:
            newest = await source.jobs(organization, (), JOBS_LIMIT)
            self._history[organization] = (now, newest)
            if len(newest) < JOBS_LIMIT:
                return newest
        standing = await source.jobs(organization, STANDING, JOBS_LIMIT)
        ids = {job.id for job in standing}
        # One that stood in the longer list and is not among those that stand has ended, nobody knows how.
        over = [job for job in newest if job.id not in ids and job.status not in STANDING]
        return _newest_first([*standing, *over])


def organizations(state: State) -> list[str]:
    """Ids of the organizations that this account has to do with."""
    user = state.server.user
    mine = user.organization_ids if user is not None else ()
    found = {w.organization_id for w in state.workspaces.values()} | set(mine)
    return sorted(found - {""})


def _newest_first(jobs: list[ProvisionerJob]) -> tuple[ProvisionerJob, ...]:
    dated = [job for job in jobs if job.created_at is not None]
    dated.sort(key=lambda job: job.created_at.timestamp() if job.created_at else 0.0, reverse=True)
    return (*dated, *(job for job in jobs if job.created_at is None))


def _versions(state: State) -> list[str]:
    """Versions whose presets matter: active ones of templates in use, those of prebuilds, then the other templates'."""
    found: dict[str, None] = {}
    in_use: set[str] = set()
    for workspace in state.workspaces.values():
        in_use.add(workspace.template_id)
        for version_id in _versions_of(workspace):
            found[version_id] = None
    templates = (state.deployment.templates.value or {}).values()
    for template in sorted(templates, key=lambda t: (t.id not in in_use, t.id)):
        if template.id in in_use or _may_have_pool(template):
            found[template.active_version_id] = None
    found.pop("", None)
    return list(found)[:PRESETS_AT_MOST]


def _versions_of(workspace: Workspace) -> Iterator[str]:
    yield workspace.template_active_version_id
    if workspace.is_prebuild:
        yield workspace.build.template_version_id


def _may_have_pool(template: Template) -> bool:
    # The pool of a deprecated template is emptied (contract: triage.md P03).
    return not template.deprecated
