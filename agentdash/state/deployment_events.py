"""Events about the deployment around the workspaces: what fills `state/deployment`.

Like those of `state/events`, of whose union they are a part, they carry cleaned values and are all a replay needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from immutables import Map

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
from agentdash.state.freshness import Problem
from agentdash.state.model import Timings

WholePart = Literal["templates", "prebuilds", "config", "health", "regions"]
"""Facts that a deployment has once."""
PartBySubject = Literal[
    "presets", "daemons", "jobs", "builds", "timings", "build_logs", "agent_logs", "parameters"
]
"""Facts kept by the id of a version, organization, workspace, build or agent."""
Part = WholePart | PartBySubject


@dataclass(frozen=True, slots=True)
class TemplatesRead:
    """All templates that this account may see."""

    templates: tuple[Template, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class TemplateVersionRead:
    """One template version; it never changes."""

    version: TemplateVersion


@dataclass(frozen=True, slots=True)
class PresetsRead:
    """Presets of one template version."""

    version_id: str
    presets: tuple[Preset, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class PrebuildsSettingsRead:
    """The switch of the reconciliation."""

    settings: PrebuildsSettings
    at: datetime


@dataclass(frozen=True, slots=True)
class PrebuildsConfigRead:
    """The reconciler's options."""

    config: PrebuildsConfig
    at: datetime


@dataclass(frozen=True, slots=True)
class DaemonsRead:
    """Provisioner daemons of one organization, offline ones included."""

    organization_id: str
    daemons: tuple[ProvisionerDaemon, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class JobsRead:
    """Provisioner jobs of one organization: all that stand, and the newest of the others."""

    organization_id: str
    jobs: tuple[ProvisionerJob, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class HealthRead:
    """The deployment's own health check."""

    report: HealthReport
    at: datetime


@dataclass(frozen=True, slots=True)
class ProxiesRead:
    """The main server and the workspace proxies."""

    regions: tuple[ProxyRegion, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class BuildsRead:
    """The newest builds of one workspace."""

    workspace_id: str
    builds: tuple[BuildSummary, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class BuildTimingsRead:
    """Timings of one build, for comparison; those of an opened agent are `TimingsRead`."""

    build_id: str
    timings: Timings
    at: datetime


@dataclass(frozen=True, slots=True)
class BuildTailRead:
    """The last lines of a build's log."""

    build_id: str
    tail: LogTail
    at: datetime


@dataclass(frozen=True, slots=True)
class AgentTailRead:
    """The last lines of an agent's log."""

    agent_id: str
    tail: LogTail
    at: datetime


@dataclass(frozen=True, slots=True)
class ParametersRead:
    """Parameters of one build."""

    build_id: str
    parameters: Map[str, str]
    at: datetime


@dataclass(frozen=True, slots=True)
class RightsRead:
    """Answers of the rights check, by the names of `Deployment.rights`."""

    rights: Map[str, bool]


@dataclass(frozen=True, slots=True)
class SurroundingsFailed:
    """A part could not be read.

    Attributes:
        part: Which.
        subject: Id of what it belongs to; empty for a part that the deployment has once.
        problem: Why.
        refused: Asking again will not help before something changes.
        retry_at: When it is tried again by itself (local time).
    """

    part: Part
    subject: str
    problem: Problem
    refused: bool = False
    retry_at: datetime | None = None


DeploymentEvent = (
    TemplatesRead
    | TemplateVersionRead
    | PresetsRead
    | PrebuildsSettingsRead
    | PrebuildsConfigRead
    | DaemonsRead
    | JobsRead
    | HealthRead
    | ProxiesRead
    | BuildsRead
    | BuildTimingsRead
    | BuildTailRead
    | AgentTailRead
    | ParametersRead
    | RightsRead
    | SurroundingsFailed
)
