"""Builds, jobs, resources and the queue's workers as mutable records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agentdash.local.records_agent import Agent

DAEMON_HEARTBEAT_S = 60
DAEMON_STALE_AFTER_S = 90
DEFAULT_TAGS = {"owner": "", "scope": "organization"}

_WORKSPACE_STATUS = {
    "pending": {"start": "pending", "stop": "pending", "delete": "pending"},
    "running": {"start": "starting", "stop": "stopping", "delete": "deleting"},
    "succeeded": {"start": "running", "stop": "stopped", "delete": "deleted"},
}


@dataclass(slots=True, eq=False)
class Job:
    """A provisioner job; its status follows from its times (contract: fleet.md §2.2, §2.3)."""

    id: str
    created_at: datetime
    file_id: str
    initiator_id: str
    type: str = "workspace_build"
    workspace_build_id: str | None = None
    template_version_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    canceled_at: datetime | None = None
    error: str = ""
    error_code: str = ""
    worker_id: str | None = None
    tags: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_TAGS))
    logs_overflowed: bool = False

    @property
    def status(self) -> str:
        """`pending` `running` `succeeded` `canceling` `canceled` `failed`."""
        if self.completed_at is not None:
            if self.error:
                return "failed"
            return "canceled" if self.canceled_at is not None else "succeeded"
        if self.canceled_at is not None:
            return "canceling"
        return "pending" if self.started_at is None else "running"

    @property
    def is_active(self) -> bool:
        """Not completed yet: pending, running or canceling."""
        return self.completed_at is None


@dataclass(slots=True, eq=False)
class Resource:
    """A Terraform resource; sub-agents stand in the list of their parent's resource."""

    id: str
    type: str
    name: str
    created_at: datetime
    icon: str = ""
    hide: bool = False
    daily_cost: int = 0
    metadata: list[tuple[str, str, bool]] = field(default_factory=list)
    """(key, value, is sensitive)"""
    agents: list[Agent] = field(default_factory=list)


@dataclass(slots=True)
class BuildLogLine:
    """One line of a provisioner job's log; `log_source` is `provisioner_daemon` or `provisioner`."""

    id: int
    created_at: datetime
    log_source: str
    log_level: str
    stage: str
    output: str


@dataclass(slots=True)
class ProvisionerTiming:
    """One Terraform action; provisioner clock. Written only when the job succeeds."""

    started_at: datetime
    ended_at: datetime
    stage: str
    source: str
    action: str
    resource: str


@dataclass(slots=True, eq=False)
class Build:
    """One build of a workspace. `resources` are told only once the job has succeeded (fleet.md §2.1)."""

    id: str
    workspace_id: str
    number: int
    transition: str
    initiator_id: str
    template_version_id: str
    created_at: datetime
    updated_at: datetime
    job: Job
    reason: str = "initiator"
    preset_id: str | None = None
    resources: list[Resource] = field(default_factory=list)
    parameters: list[tuple[str, str]] = field(default_factory=list)
    logs: list[BuildLogLine] = field(default_factory=list)
    logs_length: int = 0
    timings: list[ProvisionerTiming] = field(default_factory=list)
    deadline: datetime | None = None
    max_deadline: datetime | None = None
    daily_cost: int = 0
    has_ai_task: bool = False
    has_external_agent: bool = False
    is_claim: bool = False
    """Made by the claim of a prebuild: its agent processes survive and are told to start over."""
    misses_reinit: bool = False
    """Of a claim: the agents never hear the signal and stay `connected` + `created` (triage: C03)."""
    replaces_compute: bool = False
    """Of a claim: Terraform makes the compute anew, and the agents with it (triage: C04)."""
    is_hung: bool = False
    """The provisioner went silent: the player makes no further step."""
    ignores_cancel: bool = False
    """Of a hung build: `canceling` for ever."""
    on_success: Callable[[], None] | None = None
    """What follows a success, e.g. the start half of a restart."""

    @property
    def status(self) -> str:
        """This build's own result as a workspace status (contract: fleet.md §2.2)."""
        words = _WORKSPACE_STATUS.get(self.job.status)
        return words[self.transition] if words is not None else self.job.status

    @property
    def visible_resources(self) -> list[Resource]:
        """`resources` as the API tells them: none until the job has succeeded."""
        return self.resources if self.job.status == "succeeded" else []

    @property
    def agents(self) -> list[Agent]:
        """All agents of the build, sub-agents included, whether told yet or not."""
        return [agent for resource in self.resources for agent in resource.agents]

    @property
    def visible_agents(self) -> list[Agent]:
        """Agents as the API tells them."""
        return [agent for resource in self.visible_resources for agent in resource.agents]


@dataclass(slots=True, eq=False)
class ProvisionerDaemon:
    """A provisioner daemon. While `is_alive` its last sign of life moves by itself every 60 s."""

    id: str
    name: str
    created_at: datetime
    last_seen_at: datetime | None
    version: str
    api_version: str = "1.18"
    provisioners: list[str] = field(default_factory=lambda: ["terraform"])
    tags: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_TAGS))
    key_id: str = "00000000-0000-0000-0000-000000000001"
    key_name: str = "built-in"
    is_alive: bool = True

    def last_seen(self, now: datetime) -> datetime | None:
        """`last_seen_at` as read at `now`, heartbeats counted in."""
        if self.last_seen_at is None or not self.is_alive or now <= self.last_seen_at:
            return self.last_seen_at
        beats = int((now - self.last_seen_at).total_seconds() // DAEMON_HEARTBEAT_S)
        return self.last_seen_at + timedelta(seconds=beats * DAEMON_HEARTBEAT_S)

    def is_stale(self, now: datetime) -> bool:
        """Not heard of for 90 s (contract: fleet.md §6.1)."""
        seen = self.last_seen(now)
        return seen is None or (now - seen).total_seconds() > DAEMON_STALE_AFTER_S

    def can_take(self, job: Job) -> bool:
        """Whether the daemon's tags fit the job: it must hold every tag the job asks for.

        An untagged job goes to untagged daemons only, as on the real server.
        """
        if job.tags == DEFAULT_TAGS:
            return self.tags == DEFAULT_TAGS
        return all(self.tags.get(key) == value for key, value in job.tags.items())
