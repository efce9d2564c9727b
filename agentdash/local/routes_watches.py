"""Watches beside the main streams: an agent on its way up, all builds, the relay map."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from agentdash.local import bus as topics
from agentdash.local.errors import ApiError
from agentdash.local.records import Agent, Build
from agentdash.local.render import Json
from agentdash.local.routes_agents import connection_json
from agentdash.local.runtime import Runtime, runtime_of
from agentdash.local.streams import (
    ACCEPT_FAILED,
    LOG_RULES,
    Close,
    Socket,
    StreamRules,
    compact_json,
    routes_of,
    run_one_way,
)


def watch_routes() -> Sequence[BaseRoute]:
    """Routes of this module."""
    return routes_of(
        (
            ("/api/v2/workspaces/{workspace_id}/agent-connection-watch", connection_watch),
            ("/api/experimental/watch-all-workspacebuilds", all_builds),
            ("/api/v2/derp-map", derp_map),
        )
    )


async def connection_watch(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /workspaces/{id}/agent-connection-watch` (contract: agents.md §8)."""
    runtime = runtime_of(scope)
    workspace = runtime.workspace(scope["path_params"]["workspace_id"])
    wanted = Request({**scope, "type": "http", "method": "GET"}).query_params.get("agent_name", "")
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)

    async def say(message: Json) -> None:
        await socket.send_text(compact_json({"error": None, **message}) + "\n", split=True)

    async def produce() -> Close:
        told: tuple[object, object] = (None, None)
        topic = topics.workspace_topic(workspace.id, workspace.owner_id)
        async with runtime.deployment.bus.subscribe(topic) as news:
            while True:
                build = workspace.latest_build
                job = {"transition": build.transition, "job_status": build.job.status}
                if job != told[0]:
                    await say({"build_update": job})
                    told = job, None
                if build.transition == "start" and build.job.status == "succeeded":
                    found = _named_agent(build, wanted)
                    if not isinstance(found, Agent):
                        await say({"error": found})
                        return Close(1000, "error")
                    update = {"lifecycle": found.lifecycle_state, "id": found.id}
                    if update != told[1]:
                        await say({"agent_update": update})
                        told = job, update
                await news.wait()

    await run_one_way(socket, produce, LOG_RULES, runtime.stopping)


def _named_agent(build: Build, wanted: str) -> Agent | Json:
    agents = build.visible_agents
    if not agents:
        return {"code": 3, "retryable": False, "message": "No agents found for the workspace."}
    if not wanted and len(agents) > 1:
        message = "More than one agent found; specify agent_name."
        return {"code": 1, "retryable": False, "message": message}
    for agent in agents:
        if wanted in {"", agent.name}:
            return agent
    return {"code": 2, "retryable": False, "message": f'Agent "{wanted}" not found.'}


async def all_builds(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /api/experimental/watch-all-workspacebuilds`: finished builds (contract: fleet.md §3.2)."""
    runtime = runtime_of(scope)
    deployment = runtime.deployment
    if "workspace-build-updates" not in deployment.experiments:
        raise ApiError(
            403,
            "Workspace Build Updates Channel functionality requires enabling the "
            "'workspace-build-updates' experiment.",
        )
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)

    async def produce() -> None:
        told = {build.id for job, build in deployment.workspace_jobs() if not job.is_active}
        async with deployment.bus.subscribe(topics.ALL_BUILDS_TOPIC) as news:
            while True:
                await news.wait()
                for job, build in list(deployment.workspace_jobs()):
                    if build.id not in told and job.status in {"succeeded", "failed", "canceled"}:
                        told.add(build.id)
                        await socket.send_text(compact_json(_build_event(runtime, build)) + "\n")

    await run_one_way(socket, produce, LOG_RULES, runtime.stopping)


def _build_event(runtime: Runtime, build: Build) -> Json:
    return {
        "workspace_id": build.workspace_id,
        "workspace_name": runtime.deployment.workspaces[build.workspace_id].name,
        "build_id": build.id,
        "transition": build.transition,
        "job_status": build.job.status,
        "build_number": build.number,
    }


async def derp_map(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /derp-map`: the relay map in one binary message, then nothing, since it never changes here."""
    runtime = runtime_of(scope)
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)

    async def produce() -> Close:
        body = connection_json(runtime.port)["derp_map"]
        await socket.send_bytes((compact_json(body) + "\n").encode())
        await runtime.stopping.wait()
        return Close(1001)

    await run_one_way(socket, produce, StreamRules(on_stop=Close(1001)), runtime.stopping)
