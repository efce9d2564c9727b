"""All fleet routes in one list: workspaces, builds, and the deployment around them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from agentdash.local.deployment import Deployment
from agentdash.local.errors import ApiError, api_error_handler
from agentdash.local.records_org import User
from agentdash.local.routes_builds import build_routes
from agentdash.local.routes_deployment import deployment_routes
from agentdash.local.routes_workspaces import workspace_routes


def fleet_routes() -> list[Route]:
    """Routes whose handlers read `request.state.deployment` and `request.state.viewer`.

    Streams and build logs are not among them. Handlers raise `ApiError`.
    """
    return [*workspace_routes(), *build_routes(), *deployment_routes()]


def fleet_app(deployment: Deployment, viewer: User) -> ASGIApp:
    """The fleet routes alone, without token, streams or headers: for tests of the answers themselves."""
    app = Starlette(routes=fleet_routes(), exception_handlers={ApiError: api_error_handler})

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"deployment": deployment, "viewer": viewer}
        await app(scope, receive, send)

    return with_state
