"""The Agent service: everything a current agent says, on `me/rpc` (contract: agent-side.md §11).

The client's token is an agent's. Messages are those of `wire/proto/agent.proto`; UUIDs in them are 16 bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from agentdash.api import errors
from agentdash.api.agent_errors import of_agent
from agentdash.api.agent_logs import LogEntry
from agentdash.api.agent_side import BASE
from agentdash.api.client import Client
from agentdash.api.rpc import RpcConnection, open_rpc
from agentdash.api.schema import DerpMap
from agentdash.api.tailnet import Tailnet, id_bytes
from agentdash.wire.proto import agent_pb2 as pb

SERVICE: Final = "/coder.agent.v2.Agent/"
VERSION: Final = "2.0"
"""Every server since v2.6.0 takes it, and the number changes nothing afterwards: a call is known or it is not."""
M = TypeVar("M", bound=Message)


class AgentRpc:
    """Calls of one connected agent. All raise errors of `errors` and `tailnet_errors`; an error of the server
    leaves the connection as it is, `RpcUnknown` means that it is older than the call.
    """

    def __init__(self, connection: RpcConnection) -> None:
        self.connection = connection
        self._tailnet = Tailnet(connection)

    async def manifest(self) -> pb.Manifest:
        """What the agent is to do. Holds the owner's secrets."""
        return await self._ask("GetManifest", pb.GetManifestRequest(), pb.Manifest)

    async def announcements(self) -> tuple[pb.BannerConfig, ...]:
        """Banners for people who log in."""
        request = pb.GetAnnouncementBannersRequest()
        found = await self._ask("GetAnnouncementBanners", request, pb.GetAnnouncementBannersResponse)
        return tuple(found.announcement_banners)

    async def service_banner(self) -> pb.ServiceBanner:
        """The one banner of before 2.1."""
        return await self._ask("GetServiceBanner", pb.GetServiceBannerRequest(), pb.ServiceBanner)

    async def report_startup(self, version: str, directory: str, subsystems: Iterable[str] = ()) -> None:
        """The program's version (semver with `v`) and where it lives.

        Raises:
            ValueError: An unknown subsystem.
        """
        kinds = [name.upper() for name in subsystems]
        startup = pb.Startup(version=version, expanded_directory=directory, subsystems=kinds)
        await self._ask("UpdateStartup", pb.UpdateStartupRequest(startup=startup), pb.Startup)

    async def report_lifecycle(self, state: str, changed_at: datetime) -> None:
        """One step of the agent's life, in REST's words.

        Raises:
            ValueError: An unknown state.
        """
        lifecycle = pb.Lifecycle(state=state.upper(), changed_at=stamp(changed_at))
        await self._ask("UpdateLifecycle", pb.UpdateLifecycleRequest(lifecycle=lifecycle), pb.Lifecycle)

    async def report_stats(self, stats: pb.Stats | None = None) -> float:
        """Traffic and sessions; returns the seconds until the next report. None only asks for them."""
        found = await self._ask("UpdateStats", pb.UpdateStatsRequest(stats=stats), pb.UpdateStatsResponse)
        return found.report_interval.seconds + found.report_interval.nanos / 1e9

    async def report_app_healths(self, healths: Mapping[str, str]) -> None:
        """Health by app id, in REST's words.

        Raises:
            RpcRefused: An unknown app, or one without a healthcheck.
            ValueError: An unknown word.
        """
        request = pb.BatchUpdateAppHealthRequest()
        for app_id, word in healths.items():
            request.updates.add(id=id_bytes(app_id), health=pb.AppHealth.Value(word.upper()))
        await self._ask("BatchUpdateAppHealths", request, pb.BatchUpdateAppHealthResponse)

    async def report_metadata(self, results: Mapping[str, tuple[str, str]], collected_at: datetime) -> None:
        """Value and error by key. The server cuts both at 2048 bytes, and trims."""
        request = pb.BatchUpdateMetadataRequest()
        for key, (value, error) in results.items():
            item = request.metadata.add(key=key)
            item.result.CopyFrom(
                pb.WorkspaceAgentMetadata.Result(value=value, error=error, collected_at=stamp(collected_at))
            )
        await self._ask("BatchUpdateMetadata", request, pb.BatchUpdateMetadataResponse)

    async def send_logs(self, source_id: str, entries: Sequence[LogEntry]) -> bool:
        """Store one batch; False when the log is full: nothing more is taken (contract: agent-side.md §7)."""
        request = pb.BatchCreateLogsRequest(log_source_id=id_bytes(source_id))
        for entry in entries:
            row = request.logs.add(output=entry.output, level=pb.Log.Level.Value(entry.level.upper()))
            if entry.created_at is not None:
                row.created_at.CopyFrom(stamp(entry.created_at))
        found = await self._ask("BatchCreateLogs", request, pb.BatchCreateLogsResponse)
        return not found.log_limit_exceeded

    async def report_script(
        self, script_id: str, began: datetime, ended: datetime, exit_code: int, *, stage: str, status: str
    ) -> None:
        """One run of a script (2.3): stage `start`, `stop`, `cron`; status in REST's words.

        Raises:
            ValueError: An unknown word.
        """
        timing = pb.Timing(
            script_id=id_bytes(script_id),
            start=stamp(began),
            end=stamp(ended),
            exit_code=exit_code,
            stage=stage.upper(),
            status=status.upper(),
        )
        request = pb.WorkspaceAgentScriptCompletedRequest(timing=timing)
        await self._ask("ScriptCompleted", request, pb.WorkspaceAgentScriptCompletedResponse)

    async def report_app_status(self, app_slug: str, state: str, message: str, uri: str = "") -> None:
        """What the program behind an app is doing (2.8).

        Raises:
            ValueError: An unknown state.
            RpcRefused: No such app, or too long a message.
        """
        request = pb.UpdateAppStatusRequest(slug=app_slug, state=state.upper(), message=message, uri=uri)
        await self._ask("UpdateAppStatus", request, pb.UpdateAppStatusResponse)

    async def monitoring(self) -> pb.GetResourcesMonitoringConfigurationResponse:
        """How memory and volumes are to be watched (2.4)."""
        request = pb.GetResourcesMonitoringConfigurationRequest()
        kind = pb.GetResourcesMonitoringConfigurationResponse
        return await self._ask("GetResourcesMonitoringConfiguration", request, kind)

    async def report_resources(self, request: pb.PushResourcesMonitoringUsageRequest) -> None:
        """Datapoints of memory and volumes (2.4)."""
        await self._ask("PushResourcesMonitoringUsage", request, pb.PushResourcesMonitoringUsageResponse)

    async def report_connection(self, connection: pb.Connection) -> None:
        """Somebody came or went (2.4)."""
        await self._ask("ReportConnection", pb.ReportConnectionRequest(connection=connection), Empty)

    async def sub_agents(self) -> tuple[pb.SubAgent, ...]:
        """Agents of devcontainers (2.6)."""
        found = await self._ask("ListSubAgents", pb.ListSubAgentsRequest(), pb.ListSubAgentsResponse)
        return tuple(found.agents)

    async def delete_sub_agent(self, agent_id: str) -> None:
        """Remove one (2.6)."""
        request = pb.DeleteSubAgentRequest(id=id_bytes(agent_id))
        await self._ask("DeleteSubAgent", request, pb.DeleteSubAgentResponse)

    async def derp_maps(self) -> AsyncIterator[DerpMap]:
        """The relay map, again whenever it changes."""
        async for found in self._tailnet.derp_maps():
            yield found

    async def _ask(self, name: str, request: Message, kind: type[M]) -> M:
        return await self.connection.ask(f"{SERVICE}{name}", request, kind)


@asynccontextmanager
async def open_agent_rpc(
    client: Client, *, version: str = VERSION, role: str = "agent"
) -> AsyncIterator[AgentRpc]:
    """Connect as the agent, until the end of the block.

    Args:
        role: `agent` is the agent itself, whose connection is its status; any other word is a helper's.

    Raises:
        AgentNotAuthorized: the token is no agent's, or of an outdated one.
        VersionRefused: an older server.
        RouteNotFound: servers before v2.6.0.
    """
    try:
        async with open_rpc(client, f"{BASE}/rpc", {"version": version, "role": role}) as connection:
            yield AgentRpc(connection)
    except errors.NotLoggedIn as error:
        raise of_agent(error) from None


def stamp(moment: datetime) -> Timestamp:
    """A time of the wire."""
    found = Timestamp()
    found.FromDatetime(moment.astimezone(UTC))
    return found


def metadata_seconds(description: pb.WorkspaceAgentMetadata.Description) -> tuple[float, float]:
    """Interval and timeout: seconds that came as if they were nanoseconds (contract: agent-side.md §11.2)."""
    times = (description.interval, description.timeout)
    interval, timeout = (float(time.seconds * 1_000_000_000 + time.nanos) for time in times)
    return interval, timeout
