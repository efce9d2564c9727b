"""Builds: what they are, their logs and timings, and the actions that make them.

(contract: fleet.md §4, §5, §10).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from agentdash.api import errors
from agentdash.api.client import Client
from agentdash.api.exchange import segment
from agentdash.api.schema import Build, BuildLog, BuildParameter, BuildTimings, JobStatus, Transition

SERVER_RESTARTS_FROM: Final = (2, 36)
"""Older servers ignore `on_success` without a word: the workspace would just stop.

(contract: fleet.md §10.1).
"""
POLL_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Start:
    """What a start may choose; everything left out is as in the previous build.

    Attributes:
        template_version_id: for an update, the template's active version.
    """

    template_version_id: str = ""
    preset_id: str = ""
    parameters: Mapping[str, str] | None = None

    def as_json(self) -> dict[str, object]:
        body: dict[str, object] = {"transition": Transition.START}
        if self.template_version_id:
            body["template_version_id"] = self.template_version_id
        if self.preset_id:
            body["template_version_preset_id"] = self.preset_id
        if self.parameters is not None:
            body["rich_parameter_values"] = [
                {"name": name, "value": value} for name, value in self.parameters.items()
            ]
        return body


AS_BEFORE: Final = Start()


class BuildApi:
    """Builds of workspaces. The actions raise Conflict while another build is active, Forbidden without the right."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # -- reading ----------------------------------------------------------------------------------------------------

    async def get(self, build_id: str) -> Build:
        """`matched_provisioners` is always zero here: take it from the workspace."""
        return await self._client.get(Build, _build(build_id))

    async def by_number(self, owner: str, workspace: str, number: int) -> Build:
        path = f"/api/v2/users/{segment(owner)}/workspace/{segment(workspace)}/builds/{int(number)}"
        return await self._client.get(Build, path)

    async def list(
        self, workspace_id: str, *, limit: int = 25, offset: int = 0, since: datetime | None = None
    ) -> tuple[Build, ...]:
        """Newest first; `agents` only in the latest one on servers from about 2.34."""
        query = {"limit": limit, "offset": offset, "since": _rfc3339(since) if since else None}
        return await self._client.get_list(Build, f"{_workspace(workspace_id)}/builds", query)

    async def parameters(self, build_id: str) -> tuple[BuildParameter, ...]:
        return await self._client.get_list(BuildParameter, f"{_build(build_id)}/parameters")

    async def logs(self, build_id: str, after: int = 0) -> tuple[BuildLog, ...]:
        """contract: fleet.md §4.1"""
        return await self._client.get_list(BuildLog, f"{_build(build_id)}/logs", {"after": after})

    async def timings(self, build_id: str) -> BuildTimings:
        """RouteNotFound before v2.17.0: there are none to show."""
        return await self._client.get(BuildTimings, f"{_build(build_id)}/timings")

    # -- actions ----------------------------------------------------------------------------------------------------

    async def start(self, workspace_id: str, how: Start = AS_BEFORE) -> Build:
        """Queue a start; a dormant workspace is activated. `queue_position` of the answer means nothing."""
        return await self._create(workspace_id, how.as_json())

    async def stop(self, workspace_id: str) -> Build:
        return await self._create(workspace_id, {"transition": Transition.STOP})

    async def delete(self, workspace_id: str) -> Build:
        """The way to be rid of a broken prebuild: the pool makes a new one."""
        return await self._create(workspace_id, {"transition": Transition.DELETE})

    @property
    def can_server_restart(self) -> bool:
        """Whether this server restarts in one call. Unknown counts as no."""
        return self._client.server_version.is_at_least(*SERVER_RESTARTS_FROM)

    async def restart_by_server(self, workspace_id: str, how: Start = AS_BEFORE) -> Build:
        """Queue a stop after which the server starts the workspace again (about 2.36).

        Raises:
            ServerTooOld: it would stop and stay stopped; nothing was sent.
        """
        if not self.can_server_restart:
            raise errors.ServerTooOld("It would stop the workspace and leave it stopped")
        body: dict[str, object] = {"transition": Transition.STOP, "on_success": how.as_json()}
        return await self._create(workspace_id, body)

    async def restart(
        self,
        workspace_id: str,
        how: Start = AS_BEFORE,
        *,
        sleep: Callable[[float], Awaitable[None]],
        told: Callable[[Build], None] = lambda _: None,
    ) -> Build:
        """Restart on any server: by the server, or by stopping, waiting and starting from here.

        Args:
            told: hears of each build on the way; when this task ends early the workspace may stay stopped.

        Returns:
            The start build, or the stop build where the server does the rest.

        Raises:
            Conflict: the stop did not succeed, so nothing was started.
        """
        if self.can_server_restart:
            build = await self.restart_by_server(workspace_id, how)
            told(build)
            return build
        stopping = await self.stop(workspace_id)
        told(stopping)
        while stopping.job.status not in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}:
            await sleep(POLL_S)
            stopping = await self.get(stopping.id)
        told(stopping)
        if stopping.job.status != JobStatus.SUCCEEDED:
            raise errors.Conflict(f"The stop ended as {stopping.job.status}; the workspace was not started")
        starting = await self.start(workspace_id, how)
        told(starting)
        return starting

    async def cancel(self, build_id: str, *, expect_status: str = "") -> None:
        """Cancel a pending or running build; a running one ends as `failed` (contract: fleet.md §10.2).

        Args:
            expect_status: `pending` or `running`; ignored by servers before about 2.25.

        Raises:
            BadRequest: already completed or cancelled (400), or not in the expected status (412).
            Forbidden: the template does not let users cancel.
        """
        query = {"expect_status": expect_status or None}
        await self._client.send("PATCH", f"{_build(build_id)}/cancel", query=query)

    async def extend(self, workspace_id: str, deadline: datetime) -> None:
        """Move the autostop deadline (contract: fleet.md §10.3).

        Raises:
            Conflict: not running, still building, no autostop, or a prebuild.
            BadRequest: beyond the build's `max_deadline`.
        """
        await self._client.send("PUT", f"{_workspace(workspace_id)}/extend", {"deadline": _rfc3339(deadline)})

    async def set_dormant(self, workspace_id: str, dormant: bool) -> None:
        await self._client.send("PUT", f"{_workspace(workspace_id)}/dormant", {"dormant": dormant})

    async def _create(self, workspace_id: str, body: Mapping[str, object]) -> Build:
        answer = await self._client.send("POST", f"{_workspace(workspace_id)}/builds", body)
        return await self._client.read(Build, answer)


def _build(build_id: str) -> str:
    return f"/api/v2/workspacebuilds/{segment(build_id)}"


def _workspace(workspace_id: str) -> str:
    return f"/api/v2/workspaces/{segment(workspace_id)}"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
