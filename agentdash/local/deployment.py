"""The deployment: everything the embedded server knows, with lookups and the few writes that need care."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from agentdash.local import bus as topics
from agentdash.local.bus import Bus
from agentdash.local.clock import Clock, RealClock
from agentdash.local.records_agent import MAX_LINE_CHARS, MAX_LOGS_LENGTH, Agent, LogLine, LogSource
from agentdash.local.records_build import Build, BuildLogLine, Job, ProvisionerDaemon, Resource
from agentdash.local.records_org import (
    PREBUILDS_USER_ID,
    Organization,
    Preset,
    Template,
    TemplateVersion,
    User,
    Workspace,
)
from agentdash.local.timeline import Timeline

SERVER_VERSION = "v2.36.1+6f2d1ab"
AGENT_API_VERSION = "2.11"
_BUILD_LOG_LIMIT = 1 << 20


@dataclass(slots=True)
class HealthSection:
    """One section of the health report; `extra` are the keys only that section has."""

    severity: str = "ok"
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """(code, message)"""
    error: str = ""
    extra: dict[str, object] = field(default_factory=dict)


class Deployment:
    """A whole Coder deployment in memory. Event-loop thread only.

    Ids come from the injected random source, so a seeded fleet has the same ids in each run.
    """

    def __init__(self, clock: Clock | None = None, bus: Bus | None = None, seed: int = 7) -> None:
        self.clock: Clock = clock or RealClock()
        self.bus = bus or Bus()
        self.timeline = Timeline(self.clock)
        self.rng = random.Random(seed)  # noqa: S311 - a scripted fleet, no secrets
        self.url = "http://127.0.0.1:3000"
        self.version = SERVER_VERSION
        self.deployment_id = self.new_id()
        self.users: dict[str, User] = {}
        self.organizations: list[Organization] = []
        self.templates: dict[str, Template] = {}
        self.versions: dict[str, TemplateVersion] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.daemons: list[ProvisionerDaemon] = []
        self.prebuilds_paused = False
        self.entitlements: dict[str, bool] | None = {}
        """Feature → enabled; None = a build without licensed code, whose routes do not exist."""
        self.experiments: list[str] = []
        self.wildcard_hostname = ""
        self.proxies: dict[str, bool] = {}
        """Names of workspace proxies → whether they are healthy."""
        self.health: dict[str, HealthSection] = {}
        self.health_time: datetime = self.clock.now()
        self.dismissed_healthchecks: list[str] = []
        self.dispatch: Callable[[], None] = lambda: None
        """Called when the queue changed; set by the player."""
        self._agents: dict[str, Agent] = {}
        self._builds: dict[str, Build] = {}
        self._open_jobs: list[Job] = []
        self._next_log_id = 1000
        self._next_build_log_id = 1000

    # ids and time

    def use_clock(self, clock: Clock) -> None:
        """Go on with another clock, planned events included."""
        self.timeline.move_to(clock)
        self.clock = clock

    def now(self) -> datetime:
        """The server's clock."""
        return self.clock.now()

    def new_id(self) -> str:
        """A fresh UUID (version 4) from the injected random source."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    # adding

    def add_user(self, user: User) -> User:
        """Register a user."""
        self.users[user.id] = user
        return user

    def add_template(self, template: Template) -> Template:
        """Register a template."""
        self.templates[template.id] = template
        return template

    def add_version(self, version: TemplateVersion, *, is_active: bool = True) -> TemplateVersion:
        """Register a template version and, if wanted, make it the active one."""
        version.job.template_version_id = version.id
        self.versions[version.id] = version
        if is_active:
            template = self.templates[version.template_id]
            template.active_version_id = version.id
            template.updated_at = self.now()
        return version

    def add_workspace(self, workspace: Workspace) -> Workspace:
        """Register a workspace; its builds are added by `add_build`."""
        self.workspaces[workspace.id] = workspace
        return workspace

    def add_build(self, build: Build) -> Build:
        """Append a build to its workspace and index its agents. Log follows of older agents are woken."""
        workspace = self.workspaces[build.workspace_id]
        replaced = [agent.id for older in workspace.builds[-1:] for agent in older.agents]
        workspace.builds.append(build)
        self._builds[build.id] = build
        self._open_jobs.append(build.job)
        for agent in build.agents:
            self._agents[agent.id] = agent
        self.bus.publish(topics.ALL_BUILDS_TOPIC, *(topics.logs_topic(agent_id) for agent_id in replaced))
        self.touch(workspace)
        return build

    def add_agent(self, resource: Resource, agent: Agent) -> Agent:
        """Put an agent (a sub-agent, say) into a resource and index it."""
        resource.agents.append(agent)
        self._agents[agent.id] = agent
        self.touch(self.workspaces[agent.workspace_id])
        return agent

    def remove_agent(self, agent: Agent) -> None:
        """Take an agent out of its resource, as when a devcontainer is deleted."""
        build = self._builds[agent.build_id]
        for resource in build.resources:
            if agent in resource.agents:
                resource.agents.remove(agent)
        self._agents.pop(agent.id, None)
        self.bus.publish(topics.logs_topic(agent.id), topics.metadata_topic(agent.id))
        self.touch(self.workspaces[agent.workspace_id])

    def forget_builds(self, workspace: Workspace, keep: int) -> None:
        """Drop all but the first and the newest `keep` builds, so that a long life costs no memory."""
        for build in workspace.builds[1:-keep]:
            self._builds.pop(build.id, None)
            for agent in build.agents:
                self._agents.pop(agent.id, None)
        workspace.builds[1:-keep] = []

    def forget_deleted(self, keep: int) -> None:
        """Drop all but the newest `keep` deleted workspaces."""
        deleted = [workspace for workspace in self.workspaces.values() if workspace.is_deleted]
        for workspace in deleted[:-keep]:
            del self.workspaces[workspace.id]
            for build in workspace.builds:
                self._builds.pop(build.id, None)
                for agent in build.agents:
                    self._agents.pop(agent.id, None)

    # looking up

    @property
    def organization(self) -> Organization:
        """The default organization."""
        return self.organizations[0]

    def find_agent(self, agent_id: str) -> Agent | None:
        """The agent as `/workspaceagents/{id}` finds it (contract: agents.md §1).

        None once a newer build of its workspace has completed, before its own job has succeeded, or when the
        workspace is deleted.
        """
        agent = self._agents.get(agent_id)
        if agent is None:
            return None
        workspace = self.workspaces.get(agent.workspace_id)
        return agent if workspace is not None and agent in workspace.served_agents else None

    def is_in_latest_build(self, agent: Agent) -> bool:
        """Whether log follow may stay open: a newer build counts from the moment it is queued (§3.3)."""
        workspace = self.workspaces.get(agent.workspace_id)
        return (
            workspace is not None
            and not workspace.is_deleted
            and agent.build_id == workspace.latest_build.id
            and agent.id in self._agents
        )

    def find_build(self, build_id: str) -> Build | None:
        """The build with that id."""
        return self._builds.get(build_id)

    def find_organization(self, name_or_id: str) -> Organization | None:
        """By UUID, name or the word `default`."""
        if name_or_id == "default":
            return self.organization
        return next((org for org in self.organizations if name_or_id in {org.id, org.name}), None)

    def find_user(self, name_or_id: str, me: User | None = None) -> User | None:
        """By UUID, user name or the word `me`."""
        if name_or_id == "me":
            return me
        by_id = self.users.get(name_or_id)
        if by_id is not None:
            return by_id
        return next((user for user in self.users.values() if user.username == name_or_id.lower()), None)

    def find_workspace(self, owner: User, name: str, *, include_deleted: bool = False) -> Workspace | None:
        """A workspace by owner and name, without regard to case."""
        for workspace in self.workspaces.values():
            is_named = workspace.owner_id == owner.id and workspace.name.lower() == name.lower()
            if is_named and (include_deleted or not workspace.is_deleted):
                return workspace
        return None

    def find_preset(self, preset_id: str | None) -> Preset | None:
        """The preset with that id, of any version."""
        if preset_id is None:
            return None
        for version in self.versions.values():
            for preset in version.presets:
                if preset.id == preset_id:
                    return preset
        return None

    def template_of(self, workspace: Workspace) -> Template:
        """The workspace's template."""
        return self.templates[workspace.template_id]

    def owner_of(self, workspace: Workspace) -> User:
        """The workspace's owner; the prebuilds system user for an unclaimed prebuild."""
        return self.users[workspace.owner_id]

    def live_workspaces(self) -> Iterator[Workspace]:
        """All workspaces that are not deleted."""
        return (workspace for workspace in self.workspaces.values() if not workspace.is_deleted)

    def prebuilds_user(self) -> User:
        """The system user that owns unclaimed prebuilds."""
        return self.users[PREBUILDS_USER_ID]

    def forget_prebuilds(self) -> None:
        """Become a deployment of a time before there were prebuilt workspaces."""
        self.entitlements = {**(self.entitlements or {}), "workspace_prebuilds": False}
        for workspace in [w for w in self.workspaces.values() if w.is_prebuild]:
            del self.workspaces[workspace.id]

    # the queue

    def workspace_jobs(self) -> Iterator[tuple[Job, Build]]:
        """Jobs of all builds, in no order."""
        return ((build.job, build) for build in self._builds.values())

    def all_jobs(self) -> list[Job]:
        """Jobs of builds and template imports, newest first."""
        jobs = [build.job for build in self._builds.values()] + [v.job for v in self.versions.values()]
        return sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)

    def pending_jobs(self) -> list[Job]:
        """Pending jobs in the order the queue takes them: people before the reconciler, then by age."""
        self._open_jobs = [job for job in self._open_jobs if job.is_active]
        jobs = [job for job in self._open_jobs if job.status == "pending"]
        return sorted(jobs, key=lambda job: (job.initiator_id == PREBUILDS_USER_ID, job.created_at))

    def running_jobs(self) -> list[Job]:
        """Jobs a daemon holds: running or canceling."""
        return [job for job in self._open_jobs if job.is_active and job.started_at is not None]

    def queue_position(self, job: Job) -> tuple[int, int]:
        """(position, size) among the pending jobs that live daemons could take (contract: fleet.md §6.1).

        Position 0 for a pending job = no live daemon at all could take it.
        """
        if job.status != "pending":
            return (0, 0)
        now = self.now()
        mine = [daemon for daemon in self.daemons if daemon.can_take(job) and not daemon.is_stale(now)]
        if not mine:
            return (0, 0)
        rivals = [other for other in self.pending_jobs() if any(daemon.can_take(other) for daemon in mine)]
        return (rivals.index(job) + 1, len(rivals))

    def matched_provisioners(self, job: Job) -> tuple[int, int, datetime | None]:
        """(count, available, most recently seen); available as of the job's creation (fleet.md §6.1)."""
        now = self.now()
        matched = [daemon for daemon in self.daemons if daemon.can_take(job)]
        seen = [moment for daemon in matched if (moment := daemon.last_seen(now)) is not None]
        available = sum(
            1
            for daemon in matched
            if (moment := daemon.last_seen(now)) is not None
            and (job.created_at - moment).total_seconds() <= 90
        )
        return (len(matched), available, max(seen, default=None))

    # writes that need care

    def register_agents(self, build: Build) -> None:
        """Index the agents of a build's resources, made when its job ends."""
        for agent in build.agents:
            self._agents[agent.id] = agent

    def touch(self, workspace: Workspace, owner_id: str | None = None) -> None:
        """Push a workspace event to the owner's channel (or to that of an earlier owner)."""
        self.bus.publish(topics.workspace_topic(workspace.id, owner_id or workspace.owner_id))

    def touch_agent(self, agent: Agent) -> None:
        """Push a workspace event on the channel this agent's connection reports to."""
        workspace = self.workspaces.get(agent.workspace_id)
        if workspace is not None:
            self.touch(workspace, agent.owner_id_at_connect or None)

    def add_log_source(
        self, agent: Agent, display_name: str, icon: str = "", source_id: str = ""
    ) -> LogSource:
        """A log source of the agent, made when there is none of that name; no event (agents.md §2.5)."""
        for source in agent.log_sources:
            if source.display_name == display_name and source_id in {"", source.id}:
                return source
        source = LogSource(source_id or self.new_id(), display_name, self.now(), icon)
        agent.log_sources.append(source)
        return source

    def append_logs(
        self, agent: Agent, source_id: str, lines: Iterable[tuple[str, str]], *, goes_on: bool = False
    ) -> list[LogLine]:
        """Store one batch of (level, text) lines, with ids of the deployment-wide counter.

        The batch that would exceed 1 MiB is rejected as a whole, uses up its ids and closes the log for good
        (contract: agents.md §3.5), but for a batch that fits and `goes_on`, as over HTTP. Texts are cut at 1024
        characters, yet count whole; NUL is replaced. Returns what is stored.
        """
        now = self.now()
        lines = list(lines)
        batch = [
            LogLine(
                self._next_log_id + index, now, text.replace("\0", "�")[:MAX_LINE_CHARS], level, source_id
            )
            for index, (level, text) in enumerate(lines)
        ]
        self._next_log_id += len(batch)
        if (agent.logs_overflowed and not goes_on) or not batch:
            return []
        size = sum(len(text.encode()) for _, text in lines)
        is_first = not agent.logs
        if agent.logs_length + size > MAX_LOGS_LENGTH:
            agent.logs_overflowed = True
            self.touch_agent(agent)
            return []
        agent.logs.extend(batch)
        agent.logs_length += size
        self.bus.publish(topics.logs_topic(agent.id))
        if is_first:
            self.touch_agent(agent)
        return batch

    def append_build_log(
        self, build: Build, stage: str, output: str, *, level: str = "info", source: str = "provisioner"
    ) -> BuildLogLine | None:
        """Store one build log line; None once the job's 1 MiB are used up."""
        build.logs_length += len(output)
        if build.job.logs_overflowed or build.logs_length > _BUILD_LOG_LIMIT:
            build.job.logs_overflowed = True
            return None
        now = self.now()
        moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
        line = BuildLogLine(self._next_build_log_id, moment, source, level, stage, output[:MAX_LINE_CHARS])
        self._next_build_log_id += 1
        build.logs.append(line)
        self.bus.publish(topics.build_logs_topic(build.id))
        return line
