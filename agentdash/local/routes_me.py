"""`/workspaceagents/me/…`: what an agent asks and tells about itself (contract: agent-side.md §2–§8)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agentdash.local.agent_side import AgentSide, agent_login_error, not_authorized, side_of
from agentdash.local.auth import Credentials
from agentdash.local.errors import ApiError, CoderJSONResponse, forbidden, route_not_found
from agentdash.local.records import Agent, AppStatus, LogSource
from agentdash.local.records_agent import EXTERNAL_SOURCE_ID, MAX_LOGS_LENGTH
from agentdash.local.render import log_source_json
from agentdash.local.runtime import Runtime, is_uuid, runtime_of
from agentdash.local.websocket import header_map
from agentdash.local.wire_json import ZERO_TIME_TEXT, ZERO_UUID, rfc3339
from agentdash.wire.agent_words import APP_STATES, LOG_LEVELS, MAX_APP_MESSAGE

ME = "/api/v2/workspaceagents/me"
MAX_BODY = 4 * 1024 * 1024
_MAX_SOURCE_NAME = 127
_LOGS_FULL_DETAIL = 'pq: new row for relation "workspace_agents" violates check constraint "max_logs_length"'
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def me_routes() -> Sequence[BaseRoute]:
    """Routes of this module; put them before those of agents by id, and streams of `me` before these."""
    return (
        Route(f"{ME}/gitsshkey", get_git_ssh_key, methods=["GET"]),
        Route(f"{ME}/external-auth", get_external_auth, methods=["GET"]),
        Route(f"{ME}/gitauth", get_external_auth, methods=["GET"]),
        Route(f"{ME}/log-source", post_log_source, methods=["POST"]),
        Route(f"{ME}/logs", patch_logs, methods=["PATCH"]),
        Route(f"{ME}/app-status", patch_app_status, methods=["PATCH"]),
        # Else `me` would be taken for an id.
        Route(f"{ME}/{{rest:path}}", no_route, methods=_METHODS),
    )


async def no_route(request: Request) -> Response:
    """Whatever else there is below `me`, the routes of 2023 among it (contract: agent-side.md §1)."""
    del request
    raise route_not_found()


def agent_of(runtime: Runtime, scope: Mapping[str, Any]) -> Agent:
    """The agent whose token a request brought.

    Raises:
        ApiError: 401, in the server's words (contract: agent-side.md §2).
    """
    query = scope["query_string"].decode("latin-1")
    credentials = Credentials.of(header_map(scope["headers"]), query)
    fault = agent_login_error(credentials)
    if fault is not None:
        raise fault
    agent = side_of(runtime).tokens.find(runtime.deployment, credentials.token())
    if agent is None:
        raise not_authorized()
    return agent


async def get_git_ssh_key(request: Request) -> Response:
    """`GET me/gitsshkey`: the owner's key pair (§4)."""
    runtime, agent = _who(request)
    side = side_of(runtime)
    _check_user_data(side, agent)
    pair = side.key_of(runtime.workspace_of(agent).owner_id)
    return CoderJSONResponse({"public_key": pair.public_key, "private_key": pair.private_key})


async def get_external_auth(request: Request) -> Response:
    """`GET me/external-auth` and its older name (§5)."""
    runtime, agent = _who(request)
    side, query = side_of(runtime), request.query_params
    match, provider_id = query.get("match", "") or query.get("url", ""), query.get("id", "")
    if not match and not provider_id:
        raise ApiError(400, "'url' or 'id' must be provided!")
    if match and provider_id:
        raise ApiError(400, "'url' and 'id' cannot be provided together!")
    provider = next((one for one in side.providers if one.id == provider_id or one.matches(match)), None)
    if provider_id:
        provider = next((one for one in side.providers if one.id == provider_id), None)
    if provider is None:
        raise _no_provider(side, match)
    _check_user_data(side, agent)
    owner_id = runtime.workspace_of(agent).owner_id
    clock = runtime.deployment.clock
    first = link = side.links.get((owner_id, provider.id))
    while "listen" in query and (link is None or not link.is_valid(clock.now())):
        # No time limit and no bytes: the request hangs until the owner has logged in.
        await clock.sleep(1.0)
        if runtime.stopping.is_set() or await request.is_disconnected():
            break
        found = side.links.get((owner_id, provider.id))
        link = found if found != first else None
    if link is None or not link.is_valid(clock.now()):
        url = f"{runtime.deployment.url}/external-auth/{provider.id}"
        return CoderJSONResponse(_auth_json(url=url))
    return CoderJSONResponse(_auth_json(provider.type, link.token, link.expires_at))


async def post_log_source(request: Request) -> Response:
    """`POST me/log-source`: 201 also for an id that is there; the row then keeps its first name (§6)."""
    runtime, agent = _who(request)
    body = await body_of(request)
    source_id = str(body.get("id") or ZERO_UUID)
    if not is_uuid(source_id):
        raise ApiError(400, "Request body must be valid JSON.", f"invalid UUID length: {len(source_id)}")
    name, icon = str(body.get("display_name") or ""), str(body.get("icon") or "")
    now = runtime.deployment.now()
    if all(source.id != source_id for source in agent.log_sources):
        agent.log_sources.append(LogSource(source_id, name[:_MAX_SOURCE_NAME], now, icon))
    echoed = LogSource(source_id, name, now, icon)
    return CoderJSONResponse(log_source_json(echoed, agent.id), status_code=201)


async def patch_logs(request: Request) -> Response:
    """`PATCH me/logs`: one batch, whole or not at all (§7)."""
    runtime, agent = _who(request)
    deployment = runtime.deployment
    body = await body_of(request)
    rows = body.get("logs")
    if not isinstance(rows, list) or not rows:
        raise ApiError(400, "No logs provided.")
    source_id = str(body.get("log_source_id") or ZERO_UUID)
    lines = [log_line(row) for row in rows]
    if source_id == ZERO_UUID:
        source_id = EXTERNAL_SOURCE_ID
        if all(source.id != source_id for source in agent.log_sources):
            deployment.add_log_source(agent, "External", "/emojis/1f310.png", source_id)
    size = sum(len(text.encode()) for _, text in lines)
    if agent.logs_length + size > MAX_LOGS_LENGTH:
        detail = _LOGS_FULL_DETAIL if agent.logs_overflowed else ""
        deployment.append_logs(agent, source_id, lines)
        raise ApiError(413, "Logs limit exceeded", detail)
    deployment.append_logs(agent, source_id, lines, goes_on=True)
    return CoderJSONResponse(None)


async def patch_app_status(request: Request) -> Response:
    """`PATCH me/app-status`: each call is a row, newest first (§8)."""
    runtime, agent = _who(request)
    body = await body_of(request)
    set_app_status(
        runtime,
        agent,
        slug=str(body.get("app_slug") or ""),
        state=str(body.get("state") or ""),
        message=str(body.get("message") or ""),
        uri=str(body.get("uri") or ""),
    )
    return CoderJSONResponse(None)


def set_app_status(runtime: Runtime, agent: Agent, *, slug: str, state: str, message: str, uri: str) -> None:
    """Add an app status, by HTTP or RPC.

    Raises:
        ApiError: 400 for a long message, an unknown state or an unknown app.
    """
    if len(message.encode()) > MAX_APP_MESSAGE:
        words = "Message must be less than 160 characters."
        raise ApiError(400, "Message is too long.", words, validations=[("message", words)])
    if state.lower() not in APP_STATES:
        raise ApiError(400, "Failed to parse request.", f"Invalid state: {state}")
    app = next((one for one in agent.apps if one.slug == slug), None)
    if app is None:
        raise ApiError(400, "Failed to get workspace app.", f'No app found with slug "{slug}"')
    deployment = runtime.deployment
    shown = " ".join(_ANSI.sub("", message).split())
    app.statuses.insert(0, AppStatus(deployment.new_id(), deployment.now(), state.lower(), shown, uri))
    deployment.touch_agent(agent)


def _who(request: Request) -> tuple[Runtime, Agent]:
    runtime = runtime_of(request.scope)
    return runtime, agent_of(runtime, request.scope)


def _check_user_data(side: AgentSide, agent: Agent) -> None:
    if agent.workspace_id in side.without_user_data:
        raise forbidden()


def _no_provider(side: AgentSide, url: str) -> ApiError:
    message = f'No matching external auth provider found in Coder for the url "{url}".'
    if not side.providers:
        return ApiError(404, message, "External auth provider not found.")
    regexes = ", ".join(f"{one.id}={_go_quoted(one.regex)}" for one in side.providers)
    detail = (
        f"The configured external auth provider have regex filters that do not match the url. "
        f"Provider url regex: {regexes}"
    )
    return ApiError(404, message, detail)


def _go_quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _auth_json(
    kind: str = "", token: str = "", expires_at: datetime | None = None, url: str = ""
) -> dict[str, object]:
    users = {"gitlab": "oauth2", "bitbucket-cloud": "x-token-auth", "bitbucket-server": "x-token-auth"}
    name = users.get(kind, token)
    return {
        "access_token": token,
        "token_extra": None,
        "url": url,
        "type": kind,
        "expires_at": rfc3339(expires_at) if expires_at else ZERO_TIME_TEXT,
        "username": name,
        "password": token if kind in users else "",
    }


def log_line(row: object) -> tuple[str, str]:
    """Level and text of one row of a batch. Raises `ApiError` 400 for an unknown level."""
    fields = row if isinstance(row, dict) else {}
    level = str(fields.get("level") or "info")
    if level not in LOG_LEVELS:
        raise ApiError(400, "Invalid log level provided.", f'invalid log level: "{level}"')
    return level, str(fields.get("output") or "").replace("\0", "❌")


async def body_of(request: Request) -> Mapping[str, object]:
    """The JSON object of the body. Raises `ApiError` 413 above 4 MiB, 400 for anything else than an object."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            detail = f"Maximum request body size is {MAX_BODY} bytes."
            raise ApiError(413, "Request body too large.", detail)
    try:
        body = json.loads(bytes(data).decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "Request body must be valid JSON.", str(error)) from None
    if not isinstance(body, dict):
        raise ApiError(400, "Request body must be valid JSON.", "json: cannot unmarshal into Go value")
    return cast("Mapping[str, object]", body)
