"""What the feed asks of a deployment, in words of the model.

`feed/deployment.py` answers with the real one through `api/` and `state/convert`; tests answer by themselves. Every
call may raise an `ApiError`. A stream is one connection: it yields until the server closes it, and raises when it is
refused or cut.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Protocol

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
from agentdash.state.events import BuildInfoRead
from agentdash.state.model import (
    Agent,
    Build,
    Connection,
    Containers,
    LogLine,
    MetadataItem,
    Port,
    PortShare,
    RegionLink,
    Timings,
    User,
    Workspace,
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of workspaces.

    Attributes:
        workspaces: Those that can be read; may be fewer than asked for (contract: fleet.md §1).
        count: How many match in all.
        size: Bytes of the answer.
        took_s: How long the answer took.
    """

    workspaces: tuple[Workspace, ...]
    count: int
    size: int
    took_s: float


@dataclass(frozen=True, slots=True)
class WorkspaceSighting:
    """The little that a stream of updates tells of a workspace."""

    id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class OwnerUpdate:
    """What changed for one owner (contract: tailnet.md §8).

    Attributes:
        is_snapshot: Everything there is; what was told of this owner before is void.
        agents: Agent id and workspace id.
    """

    owner_id: str
    is_snapshot: bool
    workspaces: tuple[WorkspaceSighting, ...] = ()
    agents: tuple[tuple[str, str], ...] = ()
    deleted_workspaces: tuple[str, ...] = ()
    deleted_agents: tuple[str, ...] = ()


@dataclass(slots=True)
class OwnersWanted:
    """Whose workspaces are to be told of; may change while the stream is open."""

    ids: tuple[str, ...] = ()
    on_change: Callable[[], None] = field(default=lambda: None)

    def want(self, ids: tuple[str, ...]) -> None:
        """From now on these."""
        if ids != self.ids:
            self.ids = ids
            self.on_change()


class SurroundingsSource(Protocol):
    """What surrounds the workspaces. None of it dials an agent."""

    async def templates(self) -> tuple[Template, ...]: ...

    async def template_version(self, version_id: str) -> TemplateVersion: ...

    async def presets(self, version_id: str) -> tuple[Preset, ...]: ...

    async def prebuilds_settings(self) -> PrebuildsSettings: ...

    async def prebuilds_config(self) -> PrebuildsConfig: ...

    async def daemons(self, organization_id: str) -> tuple[ProvisionerDaemon, ...]: ...

    async def jobs(
        self, organization_id: str, statuses: tuple[str, ...], limit: int
    ) -> tuple[ProvisionerJob, ...]:
        """Newest first; no statuses are all."""
        ...

    async def health(self) -> HealthReport:
        """The server runs its checks when the last report is older than ten minutes; that may take 30 s."""
        ...

    async def proxies(self) -> tuple[ProxyRegion, ...]: ...

    async def rights(self, organization_ids: tuple[str, ...]) -> Map[str, bool]:
        """By the names of `Deployment.rights`."""
        ...

    async def builds(self, workspace_id: str, limit: int) -> tuple[BuildSummary, ...]: ...

    async def build_tail(self, build_id: str, known: LogTail | None) -> LogTail:
        """The end of a build's log, going on from what is known of it."""
        ...

    async def agent_tail(self, agent_id: str, sources: frozenset[str], known: LogTail | None) -> LogTail:
        """The end of an agent's log and of each of these sources, going on from what is known of it."""
        ...

    async def parameters(self, build_id: str) -> Map[str, str]: ...


class Source(SurroundingsSource, Protocol):
    """A deployment that can be read."""

    @property
    def clock_offset_s(self) -> float | None:
        """Server time minus local time by the last answer; None before the first one."""
        ...

    async def build_info(self) -> BuildInfoRead: ...

    async def user(self) -> User: ...

    async def entitlements(self) -> Map[str, bool]: ...

    async def experiments(self) -> tuple[str, ...]: ...

    async def wildcard_host(self) -> str: ...

    async def page(self, query: str, limit: int, offset: int) -> Page:
        """A page of workspaces; one whose bytes equal the last time's is not decoded again."""
        ...

    async def count(self, query: str) -> int: ...

    async def workspace(self, workspace_id: str) -> Workspace: ...

    async def build(self, build_id: str) -> Build: ...

    async def agent(self, known: Agent) -> Agent:
        """The agent as it is now; what only its workspace tells is taken over from `known`."""
        ...

    async def ports(self, agent_id: str) -> tuple[Port, ...]: ...

    async def shares(self, workspace_id: str) -> tuple[PortShare, ...]: ...

    async def containers(self, agent_id: str) -> Containers: ...

    async def connection(self, agent_id: str) -> Connection: ...

    def links(self, agent_id: str) -> AsyncGenerator[RegionLink, None]:
        """Relays as seen from this machine, each as soon as it is measured; ends with the last."""
        ...

    async def timings(self, build_id: str) -> Timings: ...

    async def logs(self, agent_id: str, after: int) -> tuple[LogLine, ...]: ...

    async def build_logs(self, build_id: str, after: int) -> tuple[LogLine, ...]: ...

    def watch_workspace(self, workspace_id: str) -> AsyncGenerator[Workspace, None]: ...

    def workspace_updates(self, owners: OwnersWanted) -> AsyncGenerator[OwnerUpdate, None]:
        """One connection for the workspaces of several owners: a snapshot of each, then what changes.

        An owner of whom the server will not tell is left out; when it tells of none the stream is refused.
        """
        ...

    def watch_containers(self, agent_id: str) -> AsyncGenerator[Containers, None]: ...

    def watch_metadata(self, agent_id: str) -> AsyncGenerator[tuple[MetadataItem, ...], None]: ...

    def follow_logs(self, agent_id: str, after: int) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """The backlog at once, empty if there is none, then new lines as they come."""
        ...

    def follow_build_logs(self, build_id: str, after: int) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """Lines as they come; the first item is empty and says that the stream is open."""
        ...
