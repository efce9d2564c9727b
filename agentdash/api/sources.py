"""What streams there are: where each is, how its messages read, what its end means.

(contract: README §7; agents.md §3.3, §5.4, §6, §8; fleet.md §3.1, §4.1)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from agentdash.api import errors
from agentdash.api.exchange import Query, segment
from agentdash.api.schema import (
    AgentLog,
    BuildLog,
    ConnectionWatchUpdate,
    ContainersResponse,
    MetadataItem,
    NotDecodable,
    Workspace,
    decode,
    decode_list,
    from_python,
)
from agentdash.wire import messages
from agentdash.wire.events import Data, ServerError, StreamEvent

T = TypeVar("T")
LINES_KEPT = 50_000
"""Lines that may wait for a slow reader; a log of 1 MiB has fewer unless most are empty."""


class Transport(Enum):
    WEBSOCKET = "websocket"
    SSE = "sse"


class NormalEnd(Enum):
    """What a close with 1000 asks for: it never means "finished" by itself (contract: README §7.3)."""

    AGAIN = "open it again"
    ASK = "read the state first: it may have no future"
    FINAL = "over"


@dataclass(frozen=True, slots=True)
class Route:
    """`absence` names what is remembered when a server answers `Route not found.`."""

    transport: Transport
    path: str
    query: Query | None = None
    absence: str = ""


class Source(Generic[T]):
    """One stream's place and language; also its memory, so make a new one for a new subject.

    `read` takes one websocket message, or one event of an SSE body.
    """

    normal_end = NormalEnd.AGAIN
    is_empty_end_final = False

    def routes(self) -> tuple[Route, ...]:
        """Where to try, in this order; later ones only on servers that lack the earlier."""
        raise NotImplementedError

    def read(self, message: bytes) -> StreamEvent:
        raise NotImplementedError

    def payload(self, value: Any) -> T | None:
        """The typed payload of a `Data` event; None when there is nothing new in it.

        Raises:
            NotDecodable: not what this stream carries.
        """
        raise NotImplementedError

    def merge(self, older: T, newer: T) -> tuple[T, int]:
        """What a reader who comes late gets, and how many lines were lost; snapshots replace each other."""
        del older
        return newer, 0

    def check(self, error: ServerError) -> errors.ApiError | None:
        """The error that makes this stream useless although it stays open."""
        del error
        return None


class WorkspaceSource(Source[Workspace]):
    """Bound to the owner at its opening: open a new one when `owner_id` changes (contract: fleet.md §3.1)."""

    def __init__(self, workspace_id: str) -> None:
        self._path = f"/api/v2/workspaces/{segment(workspace_id)}"

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(Transport.WEBSOCKET, f"{self._path}/watch-ws", absence="workspace-watch-ws"),
            Route(Transport.SSE, f"{self._path}/watch"),
        )

    def read(self, message: bytes) -> StreamEvent:
        return messages.decode_event(message)

    def payload(self, value: Any) -> Workspace:
        found: Workspace = from_python(Workspace, value).value
        return found

    def check(self, error: ServerError) -> errors.ApiError | None:
        if error.message.startswith("Forbidden reading template"):
            return errors.Forbidden(error.message, status=403, path=self._path)
        return None


class MetadataSource(Source[tuple[MetadataItem, ...]]):
    """Does not end with its agent: tie its life to the agent's place in the latest build.

    (contract: agents.md §6).
    """

    def __init__(self, agent_id: str) -> None:
        self._path = f"/api/v2/workspaceagents/{segment(agent_id)}"

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(Transport.WEBSOCKET, f"{self._path}/watch-metadata-ws", absence="metadata-ws"),
            Route(Transport.SSE, f"{self._path}/watch-metadata"),
        )

    def read(self, message: bytes) -> StreamEvent:
        return messages.decode_event(message)

    def payload(self, value: Any) -> tuple[MetadataItem, ...]:
        if value is not None and not isinstance(value, list):
            raise NotDecodable("not a list")
        return tuple(from_python(MetadataItem, item).value for item in value or () if isinstance(item, dict))


class ContainersSource(Source[ContainersResponse]):
    """Open it only after the plain GET answered 200 (contract: agents.md §5.4)."""

    is_empty_end_final = True

    def __init__(self, agent_id: str) -> None:
        self._path = f"/api/v2/workspaceagents/{segment(agent_id)}/containers/watch"

    def routes(self) -> tuple[Route, ...]:
        return (Route(Transport.WEBSOCKET, self._path),)

    def read(self, message: bytes) -> StreamEvent:
        return Data(message)

    def payload(self, value: Any) -> ContainersResponse:
        return decode(ContainersResponse, value).value


class AgentLogSource(Source[tuple[AgentLog, ...]]):
    """Goes on after `last_id`; each line comes once (contract: agents.md §3.4).

    After its end read the workspace; if the agent is still in the latest build, open again, else poll.
    """

    normal_end = NormalEnd.ASK

    def __init__(self, agent_id: str, last_id: int = 0) -> None:
        self._path = f"/api/v2/workspaceagents/{segment(agent_id)}"
        self.last_id = last_id

    def routes(self) -> tuple[Route, ...]:
        query: Query = {"follow": "", "after": self.last_id}
        return (
            Route(Transport.WEBSOCKET, f"{self._path}/logs", query, "agent-logs"),
            Route(Transport.WEBSOCKET, f"{self._path}/startup-logs", query),
        )

    def read(self, message: bytes) -> StreamEvent:
        return Data(message)

    def payload(self, value: Any) -> tuple[AgentLog, ...] | None:
        lines = decode_list(AgentLog, value).value
        fresh = sorted((line for line in lines if line.id > self.last_id), key=lambda line: line.id)
        if not fresh:
            return None
        self.last_id = fresh[-1].id
        return tuple(fresh)

    def merge(
        self, older: tuple[AgentLog, ...], newer: tuple[AgentLog, ...]
    ) -> tuple[tuple[AgentLog, ...], int]:
        return _joined(older, newer)


class BuildLogSource(Source[tuple[BuildLog, ...]]):
    """One line a message. `done` at its end also comes when a server shuts down: ask for the job's status."""

    normal_end = NormalEnd.ASK

    def __init__(self, build_id: str, last_id: int = 0) -> None:
        self._path = f"/api/v2/workspacebuilds/{segment(build_id)}/logs"
        self.last_id = last_id

    def routes(self) -> tuple[Route, ...]:
        return (Route(Transport.WEBSOCKET, self._path, {"follow": "", "after": self.last_id}),)

    def read(self, message: bytes) -> StreamEvent:
        return Data(message)

    def payload(self, value: Any) -> tuple[BuildLog, ...] | None:
        line = decode(BuildLog, value).value
        if line.id <= self.last_id:
            return None
        self.last_id = line.id
        return (line,)

    def merge(
        self, older: tuple[BuildLog, ...], newer: tuple[BuildLog, ...]
    ) -> tuple[tuple[BuildLog, ...], int]:
        return _joined(older, newer)


class ConnectionSource(Source[ConnectionWatchUpdate]):
    """The agent connection watch (contract: agents.md §8); `agent_name` is always sent."""

    normal_end = NormalEnd.ASK

    def __init__(self, workspace_id: str, agent_name: str) -> None:
        self._path = f"/api/v2/workspaces/{segment(workspace_id)}/agent-connection-watch"
        self._query = {"agent_name": agent_name}

    def routes(self) -> tuple[Route, ...]:
        return (Route(Transport.WEBSOCKET, self._path, self._query),)

    def read(self, message: bytes) -> StreamEvent:
        return Data(message)

    def payload(self, value: Any) -> ConnectionWatchUpdate:
        return decode(ConnectionWatchUpdate, value).value


def _joined(older: tuple[T, ...], newer: tuple[T, ...]) -> tuple[tuple[T, ...], int]:
    both = older + newer
    lost = max(0, len(both) - LINES_KEPT)
    return both[lost:], lost
