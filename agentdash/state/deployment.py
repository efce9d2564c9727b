"""What is known of the deployment beside its workspaces: templates, pools, provisioners, builds, logs, health.

Every part is a `Fact`, so that a refusal (no right, no licence, old server) is kept apart from "nothing there" and from
"not read yet": the diagnosis engine must not take the one for the other. Frozen like the rest of the state; times are
aware UTC or None (contract: fleet.md §5–§9, triage.md §5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from immutables import Map

from agentdash.state.freshness import Fact
from agentdash.state.model import Build, LogLine, Timings


@dataclass(frozen=True, slots=True)
class Template:
    """A template, with the version that new workspaces get."""

    id: str
    name: str
    organization_id: str = ""
    display_name: str = ""
    active_version_id: str = ""
    deprecated: bool = False
    deprecation_message: str = ""
    updated_at: datetime | None = None
    """When anything about it changed last: its active version was promoted then, or before."""


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One version of a template; when it was promoted is not on the wire, only when it was made."""

    id: str
    template_id: str
    name: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset of one template version; `desired` None means that it has no pool (contract: fleet.md §7.5)."""

    id: str
    name: str
    version_id: str
    desired: int | None = None
    parameters: Map[str, str] = field(default_factory=Map)
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class DaemonJob:
    """What a provisioner daemon works on, or worked on last."""

    id: str
    status: str = ""
    template_name: str = ""


@dataclass(frozen=True, slots=True)
class ProvisionerDaemon:
    """A provisioner daemon of an organization (contract: fleet.md §6.2)."""

    id: str
    name: str
    organization_id: str = ""
    status: str = ""
    """`offline`, `idle`, `busy`; empty on servers that do not tell."""
    version: str = ""
    api_version: str = ""
    key_name: str = ""
    tags: Map[str, str] = field(default_factory=Map)
    created_at: datetime | None = None
    last_seen_at: datetime | None = None
    current_job: DaemonJob | None = None
    previous_job: DaemonJob | None = None


@dataclass(frozen=True, slots=True)
class ProvisionerJob:
    """An item of the list of provisioner jobs, which names its template and workspace (contract: fleet.md §6.2)."""

    id: str
    type: str
    status: str
    transition: str = ""
    initiator_id: str = ""
    worker_id: str = ""
    worker_name: str = ""
    template_id: str = ""
    template_name: str = ""
    workspace_id: str = ""
    workspace_name: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    tags: Map[str, str] = field(default_factory=Map)
    queue_position: int = 0
    queue_size: int = 0


@dataclass(frozen=True, slots=True)
class PrebuildsSettings:
    """The switch of the whole deployment."""

    reconciliation_paused: bool = False


@dataclass(frozen=True, slots=True)
class PrebuildsConfig:
    """Options of the reconciler; the defaults where they may not be read (contract: triage.md §6)."""

    interval_s: float = 60.0
    backoff_s: float = 60.0
    lookback_s: float = 3600.0
    hard_limit: int = 3
    """0 = off."""


@dataclass(frozen=True, slots=True)
class HealthWarning:
    """A warning of the deployment's own health check, with its code (`EDERP01`)."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class HealthSection:
    """A section of `/debug/health` (contract: fleet.md §8)."""

    name: str
    """`derp`, `access_url`, `websocket`, `database`, `workspace_proxy`, `provisioner_daemons`."""
    severity: str
    warnings: tuple[HealthWarning, ...] = ()
    error: str = ""
    dismissed: bool = False


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The deployment's health, up to ten minutes old: `at` is the time of its run."""

    at: datetime | None
    severity: str
    sections: tuple[HealthSection, ...] = ()

    def codes(self) -> tuple[str, ...]:
        """Codes of all sections that nobody has dismissed."""
        return tuple(w.code for s in self.sections if not s.dismissed for w in s.warnings)


@dataclass(frozen=True, slots=True)
class ProxyRegion:
    """The main server or a workspace proxy."""

    id: str
    name: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """How one build of a workspace went; enough to compare builds without keeping them."""

    id: str
    workspace_id: str
    number: int
    transition: str
    status: str
    job_status: str
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    canceled_at: datetime | None = None
    error: str = ""
    error_code: str = ""
    initiator_id: str = ""
    initiator_name: str = ""
    template_version_id: str = ""
    preset_id: str | None = None
    reason: str = ""


def summary_of(build: Build) -> BuildSummary:
    """The summary of a build."""
    job = build.job
    return BuildSummary(
        id=build.id,
        workspace_id=build.workspace_id,
        number=build.number,
        transition=build.transition,
        status=build.status,
        job_status=job.status,
        created_at=job.created_at or build.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        canceled_at=job.canceled_at,
        error=job.error,
        error_code=job.error_code,
        initiator_id=build.initiator_id,
        initiator_name=build.initiator_name,
        template_version_id=build.template_version_id,
        preset_id=build.preset_id,
        reason=build.reason,
    )


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of a log, by id. `is_whole`: nothing stands before the first of them."""

    lines: tuple[LogLine, ...] = ()
    is_whole: bool = False

    def of_source(self, source_id: str) -> tuple[LogLine, ...]:
        """Lines of one source of an agent, or of one stage of a build."""
        return tuple(line for line in self.lines if line.source_id == source_id)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Facts of the deployment. An entry that is missing in a map has not been read."""

    templates: Fact[Map[str, Template]] = field(default_factory=Fact)
    """By template id."""
    versions: Map[str, TemplateVersion] = field(default_factory=Map)
    """By version id, those that were asked for."""
    presets: Map[str, Fact[tuple[Preset, ...]]] = field(default_factory=Map)
    """By template version id."""
    prebuilds: Fact[PrebuildsSettings] = field(default_factory=Fact)
    config: Fact[PrebuildsConfig] = field(default_factory=Fact)
    daemons: Map[str, Fact[tuple[ProvisionerDaemon, ...]]] = field(default_factory=Map)
    """By organization id, offline ones included."""
    jobs: Map[str, Fact[tuple[ProvisionerJob, ...]]] = field(default_factory=Map)
    """By organization id, newest first."""
    health: Fact[HealthReport] = field(default_factory=Fact)
    regions: Fact[tuple[ProxyRegion, ...]] = field(default_factory=Fact)
    builds: Map[str, Fact[tuple[BuildSummary, ...]]] = field(default_factory=Map)
    """By workspace id, newest first."""
    timings: Map[str, Fact[Timings]] = field(default_factory=Map)
    """By build id."""
    build_logs: Map[str, Fact[LogTail]] = field(default_factory=Map)
    """By build id."""
    agent_logs: Map[str, Fact[LogTail]] = field(default_factory=Map)
    """By agent id, of agents whose start failed or hangs."""
    parameters: Map[str, Fact[Map[str, str]]] = field(default_factory=Map)
    """By build id."""
    rights: Map[str, bool] = field(default_factory=Map)
    """Answers of the rights check: `read_prebuilds`, `read_daemons:<organization id>`."""
