"""`POST /workspaceagents/{aws,azure,google}-instance-identity` (contract: agent-side.md §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agentdash.local.agent_side import side_of
from agentdash.local.errors import ApiError, CoderJSONResponse
from agentdash.local.identities import IdentityError
from agentdash.local.records import Agent, Build
from agentdash.local.routes_me import body_of
from agentdash.local.runtime import Runtime, runtime_of

_BASE = "/api/v2/workspaceagents"


def identity_routes() -> Sequence[BaseRoute]:
    """Routes of this module; put them before those of agents by id. None of them wants a token."""
    return (
        Route(f"{_BASE}/aws-instance-identity", post_aws, methods=["POST"]),
        Route(f"{_BASE}/azure-instance-identity", post_azure, methods=["POST"]),
        Route(f"{_BASE}/google-instance-identity", post_google, methods=["POST"]),
    )


async def post_aws(request: Request) -> Response:
    """A document and its signature by AWS."""
    runtime = runtime_of(request.scope)
    body = await _required(request, "signature", "document")
    authority = side_of(runtime).identities
    return await _exchanged(
        runtime, body, "AWS", lambda: authority.check_aws(str(body["signature"]), str(body["document"]))
    )


async def post_azure(request: Request) -> Response:
    """A document signed by Azure's metadata service."""
    runtime = runtime_of(request.scope)
    body = await _required(request, "signature", "encoding")
    authority = side_of(runtime).identities
    return await _exchanged(runtime, body, "Azure", lambda: authority.check_azure(str(body["signature"])))


async def post_google(request: Request) -> Response:
    """A token signed by Google."""
    runtime = runtime_of(request.scope)
    body = await _required(request, "json_web_token")
    authority = side_of(runtime).identities
    token, now = str(body["json_web_token"]), runtime.deployment.now()
    return await _exchanged(runtime, body, "GCP", lambda: authority.check_google(token, now))


async def _required(request: Request, *names: str) -> Mapping[str, object]:
    body = await body_of(request)
    missing = [name for name in names if not body.get(name)]
    if missing:
        problem = 'Validation failed for tag "required" with value: ""'
        raise ApiError(400, "Validation failed.", validations=[(name, problem) for name in missing])
    return body


async def _exchanged(
    runtime: Runtime, body: Mapping[str, object], cloud: str, check: Callable[[], str]
) -> Response:
    try:
        # Keys are made when they are first needed, and that takes a while.
        instance_id = await asyncio.to_thread(check)
    except IdentityError as error:
        raise ApiError(401, f"Invalid {cloud} identity.", str(error)) from None
    agent = _agent_of(runtime, instance_id, str(body.get("agent_name") or "").strip())
    token = side_of(runtime).tokens.token_of(runtime.deployment, agent)
    return CoderJSONResponse({"session_token": token})


def _agent_of(runtime: Runtime, instance_id: str, name: str) -> Agent:
    found = [
        (build, agent)
        for workspace in runtime.deployment.live_workspaces()
        for build in _last_succeeded(workspace.builds)
        for agent in build.visible_agents
        if agent.parent_id is None and instance_id and agent.instance_id == instance_id
    ]
    if not found:
        raise ApiError(404, f'Instance with id "{instance_id}" not found.')
    if name:
        found = [pair for pair in found if pair[1].name == name]
        if not found:
            raise ApiError(404, f'No agent found with instance ID "{instance_id}" and name "{name}".')
    if len(found) > 1:
        names = ", ".join(sorted(agent.name for _, agent in found))
        raise ApiError(
            409,
            f'Multiple agents found with instance ID "{instance_id}". Set CODER_AGENT_NAME to one of: {names}',
        )
    build, agent = found[0]
    if runtime.workspace_of(agent).latest_build is not build:
        raise ApiError(
            400,
            f'Resource found for id "{instance_id}", but isn\'t registered on the latest history.',
        )
    return agent


def _last_succeeded(builds: Sequence[Build]) -> list[Build]:
    return [build for build in reversed(builds) if build.job.status == "succeeded"][:1]
