"""Prebuild pools as the reconciler counts them, put together from the workspace list (contract: triage.md §4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from agentdash.state.deployment import Deployment, Preset
from agentdash.state.model import Agent, Workspace
from agentdash.triage.census import Census
from agentdash.triage.clock import known

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pool:
    """The prebuilds of one preset.

    Attributes:
        preset_id: Its id; new with every template version.
        preset: The preset, if its version's presets were read.
        template_id: The template.
        template_name: Its name.
        version_id: The version the preset belongs to.
        version_name: Its name, if known.
        organization_id: Where it is.
        is_active: Whether that version is the template's active one; only then it is refilled.
        prebuilds: All its unclaimed prebuilds, newest first.
    """

    preset_id: str
    preset: Preset | None
    template_id: str
    template_name: str
    version_id: str
    version_name: str
    organization_id: str
    is_active: bool
    prebuilds: tuple[Workspace, ...]

    @property
    def name(self) -> str:
        """Name of the preset, or the beginning of its id."""
        return self.preset.name if self.preset is not None and self.preset.name else self.preset_id[:8]

    @property
    def desired(self) -> int | None:
        """Instances it should have; None if that is not known."""
        return None if self.preset is None else self.preset.desired

    @property
    def running(self) -> tuple[Workspace, ...]:
        """Those whose start build has succeeded, ready or not."""
        return tuple(w for w in self.prebuilds if is_running(w))

    @property
    def starting(self) -> tuple[Workspace, ...]:
        """Those being built, the queued ones included."""
        return tuple(w for w in self.prebuilds if is_starting(w))

    @property
    def queued(self) -> tuple[Workspace, ...]:
        """Those that wait for a provisioner."""
        return tuple(w for w in self.prebuilds if is_starting(w) and w.build.job.status == "pending")

    @property
    def failed(self) -> tuple[Workspace, ...]:
        """Those whose start build has failed."""
        return tuple(w for w in self.prebuilds if has_failed_start(w))

    @property
    def eligible(self) -> tuple[Workspace, ...]:
        """Those the reconciler counts as ready: all root agents `ready`."""
        return tuple(w for w in self.prebuilds if is_eligible(w))

    @property
    def claimable(self) -> tuple[Workspace, ...]:
        """Those a claim takes: all agents `ready`, sub-agents included."""
        return tuple(w for w in self.prebuilds if is_eligible(w) and all(map(_is_ready, w.agents)))

    @property
    def newest_starts(self) -> tuple[Workspace, ...]:
        """Those whose latest build is a start, the newest build first."""
        starts = [w for w in self.prebuilds if w.build.transition == "start"]
        return tuple(sorted(starts, key=lambda w: known(w.build.created_at) or _LONG_AGO, reverse=True))


def is_running(workspace: Workspace) -> bool:
    """Whether its start build has succeeded."""
    build = workspace.build
    return build.transition == "start" and build.job.status == "succeeded"


def is_starting(workspace: Workspace) -> bool:
    """Whether a start build is queued or runs."""
    return workspace.build.transition == "start" and workspace.build.job.status in ("pending", "running")


def has_failed_start(workspace: Workspace) -> bool:
    """Whether its start build has failed."""
    return workspace.build.transition == "start" and workspace.build.job.status == "failed"


def is_eligible(workspace: Workspace) -> bool:
    """Whether the reconciler counts it as ready. Readiness of no agents is false."""
    roots = [agent for agent in workspace.agents if agent.parent_id is None]
    is_built = is_running(workspace) and not workspace.agents_are_previous
    return is_built and bool(roots) and all(map(_is_ready, roots))


def _is_ready(agent: Agent) -> bool:
    return agent.lifecycle == "ready"


def pools_of(workspaces: Iterable[Workspace], deployment: Deployment) -> tuple[Pool, ...]:
    """All pools: those that have prebuilds, and those that should have."""
    return pools_in(Census(workspaces), deployment)


def pools_in(census: Census, deployment: Deployment) -> tuple[Pool, ...]:
    """The same of a fleet that was counted."""
    names, active, versions = _names(census, deployment)
    presets = _presets(deployment)
    by_preset = {
        preset_id: found
        for preset_id, members in census.of_preset.items()
        if (found := [w for w in members.values() if w.is_prebuild])
    }
    made = []
    for preset_id in {**by_preset, **{p.id: [] for p in presets.values() if p.desired}}:
        members = by_preset.get(preset_id, [])
        members.sort(key=lambda w: w.id)
        members.sort(key=lambda w: known(w.created_at) or _LONG_AGO, reverse=True)
        preset = presets.get(preset_id)
        version_id = preset.version_id if preset is not None else members[0].build.template_version_id
        template_id, version_name = versions.get(version_id, ("", ""))
        if not template_id and members:
            template_id = members[0].template_id
        if preset is not None and not members and active.get(template_id) != version_id:
            continue  # an old version's preset without instances wants none
        name, organization = names.get(template_id, ("", ""))
        made.append(
            Pool(
                preset_id,
                preset,
                template_id,
                name,
                version_id,
                version_name,
                organization,
                bool(version_id) and active.get(template_id) == version_id,
                tuple(members),
            )
        )
    return tuple(sorted(made, key=lambda p: (p.template_name, p.name, p.preset_id)))


def _names(
    census: Census, deployment: Deployment
) -> tuple[dict[str, tuple[str, str]], dict[str, str], dict[str, tuple[str, str]]]:
    """Name and organization by template, active version by template, template and name by version."""
    names: dict[str, tuple[str, str]] = {}
    active: dict[str, str] = {}
    versions: dict[str, tuple[str, str]] = {}
    for template_id, name, organization_id, active_version_id in census.marks("template"):
        names.setdefault(template_id, (name, organization_id))
        active.setdefault(template_id, active_version_id)
    for version_id, template_id, name in census.marks("version"):
        versions.setdefault(version_id, (template_id, name))
    for template in (deployment.templates.value or {}).values():
        names[template.id] = (template.name, template.organization_id)
        active[template.id] = template.active_version_id
        versions.setdefault(template.active_version_id, (template.id, ""))
    for version in deployment.versions.values():
        versions[version.id] = (version.template_id, version.name)
    return names, active, versions


def _presets(deployment: Deployment) -> dict[str, Preset]:
    return {
        preset.id: preset
        for fact in deployment.presets.values()
        if fact.value is not None
        for preset in fact.value
    }
