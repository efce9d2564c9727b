"""`/workspaceagents/…` that answers once: agent, logs, ports, containers, connection (contract: agents.md)."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from agentdash.local import bus as topics
from agentdash.local.errors import ApiError, CoderJSONResponse
from agentdash.local.records import Agent, Containers, LogLine, Port
from agentdash.local.render import (
    Json,
    agent_json,
    agent_logs_json,
    agent_logs_text,
    containers_json,
    ports_json,
)
from agentdash.local.runtime import Runtime, runtime_of

DIAL_TIMEOUT_S = 30.0
MIN_PORT = 9
_MAIL_AND_LOGIN = (20, 21, 22, 23, 25, 53, 110, 143, 179, 389, 465, 587, 636, 989, 990, 993, 995)
_DATABASES = (3306, 3389, 5432, 27017, 27018, 27019, 28017)
IGNORED_PORTS = frozenset((*_MAIL_AND_LOGIN, *_DATABASES))
_BASE = "/api/v2/workspaceagents"
_AFTER_FAULT = "Must be an integer greater than or equal to zero"
_INT64 = 1 << 63


def agent_routes() -> Sequence[BaseRoute]:
    """Routes of this module; the streams among them stand in `routes_streams`."""
    return (
        Route(f"{_BASE}/connection", get_connection, methods=["GET"]),
        Route(f"{_BASE}/{{agent_id}}", get_agent, methods=["GET"]),
        Route(f"{_BASE}/{{agent_id}}/connection", get_connection, methods=["GET"]),
        Route(f"{_BASE}/{{agent_id}}/listening-ports", get_ports, methods=["GET"]),
        Route(f"{_BASE}/{{agent_id}}/containers", get_containers, methods=["GET"]),
    )


async def get_agent(request: Request) -> Response:
    """`GET /workspaceagents/{id}` (contract: agents.md §2)."""
    runtime = runtime_of(request.scope)
    agent = runtime.agent(request.path_params["agent_id"])
    return CoderJSONResponse(agent_json(agent, runtime.deployment.now()))


async def get_connection(request: Request) -> Response:
    """`GET /workspaceagents/{id}/connection` and without an id; the answer is the same (§7)."""
    runtime = runtime_of(request.scope)
    agent_id = request.path_params.get("agent_id")
    if agent_id is not None:
        runtime.agent(agent_id)
    return CoderJSONResponse(connection_json(runtime.port))


def connection_json(port: int) -> Json:
    """Connection info with one region, our own relay in name only."""
    node = {
        "Name": "999b",
        "RegionID": 999,
        "HostName": "127.0.0.1",
        "STUNPort": -1,
        "DERPPort": port,
        "ForceHTTP": True,
    }
    region = {
        "EmbeddedRelay": True,
        "RegionID": 999,
        "RegionCode": "coder",
        "RegionName": "Coder Embedded Relay",
        "Nodes": [node],
    }
    return {
        "derp_map": {"Regions": {"999": region}},
        "derp_force_websockets": False,
        "disable_direct_connections": False,
        "hostname_suffix": "coder",
    }


async def get_ports(request: Request) -> Response:
    """`GET …/listening-ports` (§4)."""
    runtime = runtime_of(request.scope)
    agent = runtime.agent(request.path_params["agent_id"])
    await dial(runtime, agent)
    ports = await agent.providers.ports() if agent.providers.ports is not None else agent.ports
    return CoderJSONResponse(ports_json(visible_ports(ports, agent)))


def visible_ports(ports: Sequence[Port], agent: Agent) -> list[Port]:
    """What the server lets through: no system ports, none of the agent's own apps, no port twice (§4)."""
    hidden = {number for app in agent.apps if (number := _url_port(app.url)) is not None}
    shown: dict[int, Port] = {}
    for port in ports:
        if port.port >= MIN_PORT and port.port not in IGNORED_PORTS and port.port not in hidden:
            shown.setdefault(port.port, port)
    return list(shown.values())


async def get_containers(request: Request) -> Response:
    """`GET …/containers` (§5.1)."""
    runtime = runtime_of(request.scope)
    agent = runtime.agent(request.path_params["agent_id"])
    labels = [_label(text) for text in request.query_params.getlist("label")]
    await dial(runtime, agent)
    answer = await read_containers(runtime, agent, "Internal error fetching containers.")
    if answer.failure is not None:
        status, message, detail = answer.failure
        raise ApiError(status, message, detail)
    return CoderJSONResponse(containers_json(answer, labels))


async def dial(runtime: Runtime, agent: Agent) -> None:
    """Stand for the tunnel to the agent.

    Raises:
        ApiError: 400 when the agent is not connected; 500 after 30 s when it only seems so (§1).
    """
    status = agent.status(runtime.deployment.now())
    if status != "connected":
        raise ApiError(400, f'Agent state is "{status}", it must be in the "connected" state.')
    if agent.is_unreachable:
        await runtime.deployment.clock.sleep(DIAL_TIMEOUT_S)
        raise ApiError(500, "Internal error dialing workspace agent.", "agent is unreachable")


async def read_containers(runtime: Runtime, agent: Agent, failure: str) -> Containers:
    """What the agent says about containers; nothing before its start scripts have ended (§5.3).

    Raises:
        ApiError: 500 with `failure` when that takes more than 30 s.
    """
    if agent.containers.failure is None or agent.providers.containers is not None:
        await _wait_for_scan(runtime, agent, failure)
    if agent.providers.containers is not None:
        return await agent.providers.containers()
    return agent.containers


async def _wait_for_scan(runtime: Runtime, agent: Agent, failure: str) -> None:
    deployment = runtime.deployment
    workspace = runtime.workspace_of(agent)
    topic = topics.workspace_topic(workspace.id, agent.owner_id_at_connect or workspace.owner_id)
    async with deployment.bus.subscribe(topic) as changes:
        late = asyncio.ensure_future(deployment.clock.sleep(DIAL_TIMEOUT_S))
        try:
            while agent.lifecycle_state in {"created", "starting"}:
                news = asyncio.ensure_future(changes.wait())
                try:
                    await asyncio.wait({news, late}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    news.cancel()
                if late.done():
                    raise ApiError(500, failure, "context deadline exceeded")
        finally:
            late.cancel()


async def get_logs(request: Request) -> Response:
    """`GET …/logs` without `follow` (§3.1, §3.2)."""
    runtime = runtime_of(request.scope)
    agent = runtime.agent(request.path_params["agent_id"])
    after = agent_logs_after(request.query_params.get("after", ""))
    lines = lines_after(agent.logs, after)
    if wants_text(request):
        return PlainTextResponse(agent_logs_text(agent, lines))
    return CoderJSONResponse(agent_logs_json(lines))


def agent_logs_after(text: str) -> int:
    """The `after` parameter.

    Raises:
        ApiError: 400 unless it is a 64-bit integer of at least 0; "" means 0.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or int(text) >= _INT64:
        message = 'Query param "after" must be an integer greater than or equal to zero.'
        raise ApiError(400, message, validations=[("after", _AFTER_FAULT)])
    return int(text)


def wants_text(request: Request) -> bool:
    """Whether `format=text` was asked for.

    Raises:
        ApiError: 400 for another format, and for text together with `follow`.
    """
    form = request.query_params.get("format", "")
    if form not in {"", "json", "text"}:
        raise ApiError(400, "Invalid format parameter.", 'Allowed values are "json" and "text".')
    if form == "text" and "follow" in request.query_params:
        message = "Text format is not supported with follow mode."
        raise ApiError(400, message, "Use format=json or omit the follow parameter.")
    return form == "text"


def lines_after(lines: Sequence[LogLine], after: int) -> Sequence[LogLine]:
    """Lines with a larger id; `lines` are in order of id."""
    return lines[bisect_right(lines, after, key=lambda line: line.id) :]


def _label(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or "=" in value:
        raise ApiError(400, "Invalid label format", f"invalid label: {text}")
    return name, value


def _url_port(url: str) -> int | None:
    netloc = url.partition("://")[2].partition("/")[0]
    port = netloc.rpartition(":")[2]
    return int(port) if port.isdigit() else None
