"""What agents said over HTTP until v2.12; later revisions do not have these routes (contract: agent-side.md §10)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from agentdash.local import bus as topics
from agentdash.local.errors import ApiError, CoderJSONResponse
from agentdash.local.nodes_legacy import serve_agent
from agentdash.local.records import Agent, Script
from agentdash.local.routes_me import ME, agent_of, body_of, log_line
from agentdash.local.runtime import Runtime, runtime_of
from agentdash.local.streams import ACCEPT_FAILED, Socket, routes_of
from agentdash.local.wire_json import Json

STATS_INTERVAL_NS = 30 * 10**9
MAX_METADATA = 2048
_HEALTHS = frozenset({"initializing", "healthy", "unhealthy"})
_SEMVER = re.compile(r"v\d+\.\d+\.\d+.*")


def legacy_routes() -> Sequence[BaseRoute]:
    """Routes of this module; put them before `routes_me`."""
    return (
        Route(f"{ME}/manifest", get_manifest, methods=["GET"]),
        Route(f"{ME}/metadata", get_manifest, methods=["GET"]),
        Route(f"{ME}/app-health", post_app_health, methods=["POST"]),
        Route(f"{ME}/report-stats", post_stats, methods=["POST"]),
        Route(f"{ME}/startup", post_startup, methods=["POST"]),
        Route(f"{ME}/report-lifecycle", post_lifecycle, methods=["POST"]),
        Route(f"{ME}/startup-logs", patch_startup_logs, methods=["PATCH"]),
        Route(f"{ME}/metadata/{{key}}", post_metadata, methods=["POST"]),
        *routes_of(((f"{ME}/coordinate", coordinate),)),
    )


def _who(request: Request) -> tuple[Runtime, Agent]:
    runtime = runtime_of(request.scope)
    return runtime, agent_of(runtime, request.scope)


async def get_manifest(request: Request) -> Response:
    """What the agent is to do; script timeouts in nanoseconds, those of metadata in seconds."""
    runtime, agent = _who(request)
    start = next((script for script in agent.scripts if script.run_on_start), None)
    stop = next((script for script in agent.scripts if script.run_on_stop), None)
    body: Json = {
        "apps": [],
        "derpmap": {},
        "directory": agent.directory,
        "environment_variables": agent.environment_variables or {},
        "git_auth_configs": 0,
        "metadata": [
            {
                "display_name": item.display_name,
                "key": item.key,
                "script": item.script,
                "interval": item.interval_s,
                "timeout": item.timeout_s,
            }
            for item in agent.metadata
        ],
        "motd_file": "",
        "vscode_port_proxy_uri": "",
        **_script_fields("startup", start),
        **_script_fields("shutdown", stop),
    }
    if runtime.revision.version >= (2, 2, 0):
        workspace = runtime.workspace_of(agent)
        body |= {
            "agent_id": agent.id,
            "owner_name": runtime.deployment.owner_of(workspace).username,
            "workspace_id": workspace.id,
            "derp_force_websockets": False,
            "disable_direct_connections": False,
        }
    return CoderJSONResponse(body)


def _script_fields(word: str, script: Script | None) -> Json:
    text, timeout_s = (script.script, script.timeout_s) if script is not None else ("", 0.0)
    return {f"{word}_script": text, f"{word}_script_timeout": int(timeout_s * 1e9)}


async def coordinate(scope: Scope, receive: Receive, send: Send) -> None:
    """The agent's node in, its clients' out."""
    runtime = runtime_of(scope)
    agent = agent_of(runtime, scope)
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)
    await serve_agent(runtime, agent, socket)


async def post_app_health(request: Request) -> Response:
    """Health by app id; the field's name in any case."""
    runtime, agent = _who(request)
    body = {key.lower(): value for key, value in (await body_of(request)).items()}
    healths = body.get("healths")
    if not isinstance(healths, dict) or not healths:
        raise ApiError(400, "Health field is empty")
    apps = {app.id: app for app in agent.apps}
    for app_id, health in healths.items():
        app = apps.get(str(app_id).lower())
        if app is None or not app.healthcheck_url:
            raise ApiError(
                404, "Error setting workspace app health", f"workspace app name {app_id} not found"
            )
        if health not in _HEALTHS:
            raise ApiError(400, "Error setting workspace app health", f"invalid health: {health}")
    for app_id, health in healths.items():
        apps[str(app_id).lower()].health = str(health)
    runtime.deployment.touch_agent(agent)
    return CoderJSONResponse(None)


async def post_stats(request: Request) -> Response:
    """Taken and forgotten; the answer is when to come again."""
    _who(request)
    await body_of(request)
    return CoderJSONResponse({"report_interval": STATS_INTERVAL_NS})


async def post_startup(request: Request) -> Response:
    """Version and directory."""
    runtime, agent = _who(request)
    body = await body_of(request)
    version = str(body.get("version") or "")
    if not _SEMVER.fullmatch(version):
        raise ApiError(400, "Invalid agent version", f"invalid agent semver version {version!r}")
    agent.version, agent.expanded_directory = version, str(body.get("expanded_directory") or "")
    runtime.deployment.touch_agent(agent)
    return CoderJSONResponse(None)


async def post_lifecycle(request: Request) -> Response:
    """One step of the agent's life."""
    runtime, agent = _who(request)
    body = await body_of(request)
    state, moment = str(body.get("state") or ""), _time(body, runtime)
    agent.lifecycle_state = state
    if state == "starting":
        agent.started_at, agent.ready_at = moment, None
    if state in {"ready", "start_error", "start_timeout"}:
        agent.ready_at = moment
    runtime.deployment.touch_agent(agent)
    return Response(status_code=204)


async def patch_startup_logs(request: Request) -> Response:
    """Rows of the only source there was."""
    runtime, agent = _who(request)
    rows = (await body_of(request)).get("logs")
    if not isinstance(rows, list) or not rows:
        raise ApiError(400, "No logs provided.")
    if not agent.log_sources:
        runtime.deployment.add_log_source(agent, "Startup Script")
    lines = [log_line(row) for row in rows]
    if not runtime.deployment.append_logs(agent, agent.log_sources[0].id, lines):
        raise ApiError(413, "Logs limit exceeded")
    return CoderJSONResponse(None)


async def post_metadata(request: Request) -> Response:
    """One metadata value."""
    runtime, agent = _who(request)
    body = await body_of(request)
    item = next((one for one in agent.metadata if one.key == request.path_params["key"]), None)
    if item is not None:
        item.value = str(body.get("value") or "")[:MAX_METADATA]
        item.error = str(body.get("error") or "")[:MAX_METADATA]
        item.collected_at = runtime.deployment.now()
        runtime.deployment.bus.publish(topics.metadata_topic(agent.id))
    return Response(status_code=204)


def _time(body: Mapping[str, object], runtime: Runtime) -> datetime:
    try:
        return datetime.fromisoformat(str(body.get("changed_at") or "")).astimezone(UTC)
    except ValueError:
        return runtime.deployment.now()
