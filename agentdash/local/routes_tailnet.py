"""`/tailnet` and `/workspaceagents/{id}/coordinate` (contract: tailnet.md §4)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from agentdash.local.errors import not_found
from agentdash.local.nodes_legacy import serve_client
from agentdash.local.rpc_socket import RpcRules, check_version, serve_rpc
from agentdash.local.rpc_tailnet import user_handlers
from agentdash.local.runtime import runtime_of
from agentdash.local.streams import ACCEPT_FAILED, Socket, routes_of

_COORDINATE_DEFAULT = "1.0"
"""Of the time before dRPC; served until v2.15 and refused ever since."""


def tailnet_routes() -> Sequence[BaseRoute]:
    """Routes of this module."""
    return routes_of(
        (
            ("/api/v2/tailnet", tailnet),
            ("/api/v2/workspaceagents/{agent_id}/coordinate", coordinate_agent),
        )
    )


async def tailnet(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /tailnet`: any agent the user may reach by ssh."""
    runtime = runtime_of(scope)
    check_version(scope, "2.0")
    await serve_rpc(runtime, scope, receive, send, rules=RpcRules(), handlers=lambda: user_handlers(runtime))


async def coordinate_agent(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET …/coordinate`: this agent alone."""
    runtime = runtime_of(scope)
    agent = runtime.agent(scope["path_params"]["agent_id"])
    if not runtime.can("ssh", runtime.workspace_of(agent)):
        raise not_found()
    if runtime.revision.rpc_version == (0, 0):
        # Before dRPC a version was no parameter.
        socket = Socket(scope, receive, send)
        await socket.accept(runtime.gate, ACCEPT_FAILED)
        await serve_client(runtime, agent, socket)
        return
    check_version(scope, _COORDINATE_DEFAULT)
    await serve_rpc(
        runtime, scope, receive, send, rules=RpcRules(), handlers=lambda: user_handlers(runtime, agent)
    )
