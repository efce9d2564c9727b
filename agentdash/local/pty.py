"""`GET /api/v2/workspaceagents/{id}/pty`: checks, upgrade, and the copy between socket and session (pty.md)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from enum import Enum
from functools import partial
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from agentdash.local.auth import Credentials
from agentdash.local.errors import NOT_FOUND, ApiError
from agentdash.local.pages import error_page
from agentdash.local.pty_scripted import ScriptedShell
from agentdash.local.pty_sessions import Input, PtyClient, Shared, Terminal
from agentdash.local.records import Agent
from agentdash.local.runtime import Runtime, ShellRequest, is_uuid, runtime_of
from agentdash.local.streams import ACCEPT_FAILED, Close, RefusalError, Socket, first_of
from agentdash.local.websocket import header_map
from agentdash.wire.pty_input import Broken, InputDecoder, Resized, Typed

FROZEN_S = 12.0
TEXT_CLOSE = Close(1003, "unexpected frame type read (expected MessageBinary): MessageText")
DIAL_CLOSE = Close(1011, "dial workspace agent: agent is unreachable")
_MAX_REASON = 123
_UINT64 = 1 << 64
_UUID_LENGTHS = frozenset({32, 36, 38, 45})
"""Bare, with dashes, in braces, as `urn:uuid:`."""


class PtyFault(Enum):
    """What goes wrong with an agent's terminals, for tests (contract: pty.md §15, 7)."""

    DROP_AT_END = "the end comes without a close frame"
    UNREACHABLE = "101, silence, then 1001 by the liveness probe"
    DIAL_ERROR = "101, then 1011 with a reason"
    MUTE = "open and silent for good, still pinging"


async def pty_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    """The terminal. Checks in the order of pty.md §4; of them the token is this route's own business."""
    runtime = runtime_of(scope)
    agent = _find_agent(runtime, scope)
    _check_rights(runtime, agent, scope)
    request, reconnect = read_parameters(scope["query_string"].decode("latin-1"))
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)
    close = await _dial(runtime, agent, socket)
    if close is None:
        close = await _run_session(runtime, agent, socket, request, reconnect)
    if close is not None:
        await socket.close(Close(close.code, close.reason[:_MAX_REASON]))


async def _dial(runtime: Runtime, agent: Agent, socket: Socket) -> Close | None:
    fault = runtime.pty_faults.get(agent.id)
    if fault is PtyFault.DIAL_ERROR:
        return DIAL_CLOSE
    if fault is PtyFault.UNREACHABLE or agent.is_unreachable:
        await socket.stop_reading()
        # What was sent before may still wait; the loss of the connection comes after it.
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
        raise ClientDisconnected
    return None


async def _run_session(
    runtime: Runtime, agent: Agent, socket: Socket, request: ShellRequest, reconnect: str
) -> Close | None:
    key = (agent.id, reconnect)
    start = partial(_start_terminal, runtime, agent, request)
    try:
        session, client = await runtime.sessions.attach(key, start, request.rows, request.columns)
    except OSError:
        return Close()
    # Traffic through the tunnel counts as use (contract: pty.md §13).
    runtime.workspace_of(agent).last_used_at = runtime.deployment.now()
    copy = _Copy(runtime, agent, socket)
    try:
        return await first_of(copy.output(client), copy.input(client.input), _stop(runtime.stopping, socket))
    except ClientDisconnected:
        return None
    finally:
        runtime.sessions.detach(key, session, client)


async def _stop(stopping: asyncio.Event, socket: Socket) -> None:
    # A server that is shut down ends its terminals without a close frame (contract: README.md §7.3).
    await stopping.wait()
    await socket.abort()


class _Copy:
    """Bytes from one socket to one session and back."""

    def __init__(self, runtime: Runtime, agent: Agent, socket: Socket) -> None:
        self._runtime = runtime
        self._agent = agent
        self._socket = socket

    async def output(self, client: PtyClient) -> Close | None:
        """Send output until the session ends; a client that takes nothing for 25 s is dropped."""
        limit_s = self._runtime.sessions.limits.slow_client_s
        try:
            async for chunk in client.chunks():
                if not self._is_mute():
                    async with asyncio.timeout(limit_s):
                        await self._socket.send_bytes(chunk)
        except TimeoutError:
            await self._socket.abort()
            return None
        if self._runtime.pty_faults.get(self._agent.id) is PtyFault.DROP_AT_END:
            await self._socket.abort()
            return None
        if self._is_mute():
            await self._runtime.stopping.wait()
        return Close()

    async def input(self, terminal: Input) -> Close | None:
        """Type what the client sends; data first, then the size (contract: pty.md §6)."""
        decoder = InputDecoder()
        while True:
            message = await self._socket.receive()
            if message["type"] != "websocket.receive":
                return None
            data = message.get("bytes")
            if data is None:
                return TEXT_CLOSE
            if self._agent.is_unreachable:
                # A frozen agent: the terminal ends 12 s after the first input without an answer (pty.md §11).
                await self._runtime.deployment.clock.sleep(FROZEN_S)
                return Close()
            for item in decoder.feed(data):
                if isinstance(item, Broken):
                    return Close()
                if isinstance(item, Typed) and not self._is_mute():
                    await terminal.write(item.data.encode())
                elif isinstance(item, Resized) and not self._is_mute():
                    terminal.resize(item.height, item.width)

    def _is_mute(self) -> bool:
        # A dead agent ends no stream (contract: agents.md §1): the socket stays open and says nothing.
        is_cut = self._runtime.pty_faults.get(self._agent.id) is PtyFault.MUTE
        is_lost = self._agent.status(self._runtime.deployment.now()) != "connected"
        return is_cut or is_lost or self._agent.is_unreachable


async def _start_terminal(runtime: Runtime, agent: Agent, request: ShellRequest) -> Terminal | Shared:
    workspace = runtime.workspace_of(agent)
    shell = runtime.shells.get(workspace.id)
    if shell is not None and agent.kind == "host":
        return await shell(request)
    if request.container and not any(
        request.container in {container.id, container.name} for container in agent.containers.containers
    ):
        raise FileNotFoundError(request.container)
    owner = runtime.deployment.owner_of(workspace)
    return ScriptedShell(owner.username, workspace.name, request.command)


def _find_agent(runtime: Runtime, scope: Scope) -> Agent:
    agent_id = scope["path_params"]["agent_id"]
    if not is_uuid(agent_id):
        raise RefusalError(
            error_page(500, "Internal Server Error", f'Could not parse agent ID "{agent_id}".')
        )
    agent = runtime.deployment.find_agent(agent_id.lower())
    if agent is None:
        raise _no_application()
    return agent


def _check_rights(runtime: Runtime, agent: Agent, scope: Scope) -> None:
    credentials = Credentials.of(header_map(scope["headers"]), scope["query_string"].decode("latin-1"))
    if not runtime.gate.is_signed_in(credentials, is_pty=True):
        raise ApiError(404, NOT_FOUND)
    if not runtime.can("ssh", runtime.workspace_of(agent)):
        raise _no_application()
    status = agent.status(runtime.deployment.now())
    if status != "connected":
        text = f'Agent state is "{status}", not "connected"'
        raise RefusalError(error_page(404, "Application Unavailable", text))


def _no_application() -> RefusalError:
    text = (
        "The application or workspace you are trying to access does not exist or you do not have permission."
    )
    return RefusalError(error_page(404, "Application Not Found", text))


def read_parameters(query_string: str) -> tuple[ShellRequest, str]:
    """(what to run, reconnect UUID) of a raw query string (contract: pty.md §2).

    Raises:
        ApiError: 400 that names all bad parameters together.
    """
    values = _query_values(query_string)
    faults: list[tuple[str, str]] = []
    reconnect = _reconnect(values.get("reconnect", ()), faults)
    sizes = {name: _size(name, values.get(name, ()), faults) for name in ("height", "width")}
    texts = {name: _single(name, values.get(name, ()), faults) for name in ("container", "container_user")}
    backend = _single("backend_type", values.get("backend_type", ()), faults)
    if faults:
        raise ApiError(400, "Invalid query parameters.", validations=faults)
    command = next(iter(values.get("command", ())), "")
    request = ShellRequest(
        command, texts["container"], texts["container_user"], sizes["height"], sizes["width"], backend
    )
    return request, reconnect


def _query_values(query_string: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for part in query_string.split("&"):
        # Go drops a parameter that holds a raw semicolon, without an error.
        if part and ";" not in part:
            name, _, value = part.partition("=")
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return values


def _single(name: str, values: Sequence[str], faults: list[tuple[str, str]]) -> str:
    if len(values) > 1:
        text = (
            f'Query param "{name}" provided more than once, found {len(values)} times. '
            "Only provide 1 instance of this query param."
        )
        faults.append((name, text))
    return values[0] if values else ""


def _reconnect(values: Sequence[str], faults: list[tuple[str, str]]) -> str:
    text = _single("reconnect", values, faults)
    if not text:
        faults.append(("reconnect", 'Query param "reconnect" is required and cannot be empty'))
        return ""
    try:
        parsed = uuid.UUID(text) if len(text) in _UUID_LENGTHS else None
    except ValueError:
        parsed = None
    if parsed is None:
        faults.append(("reconnect", 'Query param "reconnect" must be a valid uuid'))
        return ""
    return str(parsed)


def _size(name: str, values: Sequence[str], faults: list[tuple[str, str]]) -> int:
    text = _single(name, values, faults)
    if not text:
        return 80
    is_number = text.isascii() and text.isdigit()
    if is_number and int(text) < _UINT64:
        return int(text) & 0xFFFF
    cause = "value out of range" if is_number else "invalid syntax"
    detail = f'must be a valid positive integer: strconv.ParseUint: parsing "{text}": {cause}'
    faults.append((name, f'Query param "{name}" {detail}'))
    return 80
