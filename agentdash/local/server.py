"""Life of the embedded deployment's server: listen on loopback, serve, end everything that was started.

The listener is our own few lines instead of `uvicorn.Server`: that one takes the signals of the whole process,
polls ten times a second, and closes websockets with codes the real server does not use.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import uvicorn
from starlette.routing import BaseRoute
from uvicorn.server import ServerState

from agentdash.local.application import Application, first_routes
from agentdash.local.auth import Gate, Token, new_token
from agentdash.local.faults import FaultPlan
from agentdash.local.pty_sessions import Limits, PtySessions
from agentdash.local.rates import LIMIT, RateLimiter
from agentdash.local.records import Deployment, User
from agentdash.local.revisions import LATEST, Revision
from agentdash.local.routes_agents import agent_routes
from agentdash.local.routes_devcontainers import devcontainer_routes
from agentdash.local.routes_fleet import fleet_routes
from agentdash.local.routes_identity import identity_routes
from agentdash.local.routes_me import me_routes
from agentdash.local.routes_me_legacy import legacy_routes
from agentdash.local.routes_me_streams import me_stream_routes
from agentdash.local.routes_streams import stream_routes
from agentdash.local.routes_tailnet import tailnet_routes
from agentdash.local.routes_watches import watch_routes
from agentdash.local.runtime import Runtime
from agentdash.local.websocket import PING_INTERVAL_S, PONG_TIMEOUT_S, CoderHttp, uvicorn_options

LOOPBACK = "127.0.0.1"
_DRAIN_S = 1.0
_DRAIN_STEPS = 20
_DRAIN_STEP_S = 0.01


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What tests may want to shorten, and a port other than a random one."""

    port: int = 0
    ping_interval_s: float = PING_INTERVAL_S
    pong_timeout_s: float = PONG_TIMEOUT_S
    rate_limit: int = LIMIT
    pty_limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    url: str
    token: Token
    runtime: Runtime

    @property
    def deployment(self) -> Deployment:
        """What it serves."""
        return self.runtime.deployment

    @property
    def faults(self) -> FaultPlan:
        """What shall go wrong; may be changed at any time."""
        return self.runtime.faults

    def drop_connections(self) -> None:
        """Cut every open connection by TCP, as a killed server does (contract: README.md §7.3)."""
        self.runtime.drop_connections()


@asynccontextmanager
async def serve_in_loop(
    deployment: Deployment,
    *,
    viewer: User | None = None,
    options: ServerOptions | None = None,
    token: Token | None = None,
    routes: Sequence[BaseRoute] | None = None,
    faults: FaultPlan | None = None,
    revision: Revision = LATEST,
) -> AsyncIterator[Served]:
    """Serve a deployment on a random loopback port, in the running loop, until the block is left.

    Args:
        deployment: What is served; its `url` is set. Whoever made it moves its timeline.
        viewer: The user the token belongs to; the first user of the deployment if None.
        options: Times and limits.
        token: The token to accept; a random one if None.
        routes: Routes besides those of agents and streams; those of the fleet if None.
        faults: What shall go wrong; nothing if None.
        revision: The server to behave as; its version is the deployment's from now on.

    On the way out log streams close 1000, event streams end, terminals drop, and every process that a terminal
    started is ended (contract: README.md §7.3).
    """
    options = options or ServerOptions()
    token = token or new_token()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_listen(options.port))
        port = listener.getsockname()[1]
        deployment.url = f"http://{LOOPBACK}:{port}"
        sessions = PtySessions(deployment.clock, options.pty_limits)
        stack.push_async_callback(sessions.close)
        runtime = Runtime(
            deployment=deployment,
            gate=Gate(token, port),
            viewer=viewer or next(iter(deployment.users.values())),
            port=port,
            sessions=sessions,
            faults=faults or FaultPlan(),
            revision=revision,
        )
        if revision is not LATEST:
            deployment.version = revision.build_version
        if not revision.has_route("GET", "/api/v2/prebuilds/settings"):
            deployment.forget_prebuilds()
        state = ServerState()
        runtime.drop_connections = partial(_drop, state)
        fleet = fleet_routes() if routes is None else routes
        of_agents = first_routes(
            me_stream_routes(), legacy_routes(), me_routes(), identity_routes(), tailnet_routes()
        )
        groups = (of_agents, stream_routes(), watch_routes(), agent_routes(), devcontainer_routes(), fleet)
        application = Application(runtime, first_routes(*groups), RateLimiter(options.rate_limit))
        await stack.enter_async_context(_listening(application, listener, options, state, runtime.stopping))
        yield Served(deployment.url, token, runtime)


def _listen(port: int) -> socket.socket:
    # The protocol must be named: asyncio turns Nagle's delay off only for sockets that say they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    return listener


@asynccontextmanager
async def _listening(
    application: Application,
    listener: socket.socket,
    options: ServerOptions,
    state: ServerState,
    stopping: asyncio.Event,
) -> AsyncIterator[None]:
    config = uvicorn.Config(
        application,
        ws_ping_interval=options.ping_interval_s,
        ws_ping_timeout=options.pong_timeout_s,
        **uvicorn_options(),
    )
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: CoderHttp(config, state, {}), sock=listener)
    try:
        yield
    finally:
        server.close()
        stopping.set()
        await _drain(state)


def _drop(state: ServerState) -> None:
    for connection in tuple(state.connections):
        connection.transport.abort()


async def _drain(state: ServerState) -> None:
    """Let streams say good-bye, then cut what is left."""
    if state.tasks:
        await asyncio.wait(set(state.tasks), timeout=_DRAIN_S)
    for task in tuple(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)
    for _ in range(_DRAIN_STEPS):
        # Clients that answer the close frame leave by themselves; idle keep-alive connections never do.
        if not state.connections:
            return
        await asyncio.sleep(_DRAIN_STEP_S)
    _drop(state)
    await asyncio.sleep(0)
