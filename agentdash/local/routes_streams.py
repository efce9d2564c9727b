"""Streams of the embedded deployment: logs, metadata, containers, workspaces, builds (contract: README.md §7)."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from agentdash.local import bus as topics
from agentdash.local.errors import ApiError, CoderJSONResponse
from agentdash.local.pty import pty_endpoint
from agentdash.local.records import Agent, Workspace
from agentdash.local.render import (
    agent_logs_json,
    build_log_json,
    build_logs_text,
    containers_json,
    metadata_json,
    workspace_json,
)
from agentdash.local.routes_agents import (
    agent_logs_after,
    dial,
    get_logs,
    lines_after,
    read_containers,
    wants_text,
)
from agentdash.local.runtime import Runtime, runtime_of
from agentdash.local.streams import (
    ACCEPT_FAILED,
    EVENT_RULES,
    EVENTS_FAILED,
    LOG_RULES,
    SEND_TIMEOUT_S,
    UPGRADE_FAILED,
    Close,
    EventStream,
    Socket,
    Stream,
    StreamRules,
    compact_json,
    routes_of,
    run_events,
    run_one_way,
)
from agentdash.local.waiting import first_of

RECHECK_S = 60.0
METADATA_TICK_S = 1.0
METADATA_TICKS = 5
"""Ticks without news after which the metadata are sent all the same (contract: agents.md §6)."""

Emit = Callable[[str, object], Awaitable[None]]


def stream_routes() -> Sequence[BaseRoute]:
    """Routes of this module; put them before others of the same paths."""
    agent = "/api/v2/workspaceagents/{agent_id}"
    workspace = "/api/v2/workspaces/{workspace_id}"
    table: tuple[tuple[str, Stream], ...] = (
        (f"{agent}/logs", agent_logs),
        (f"{agent}/startup-logs", agent_logs),
        (f"{agent}/watch-metadata", metadata_sse),
        (f"{agent}/watch-metadata-ws", metadata_ws),
        (f"{agent}/containers/watch", containers_watch),
        (f"{agent}/pty", pty_endpoint),
        (f"{workspace}/watch", workspace_sse),
        (f"{workspace}/watch-ws", workspace_ws),
        ("/api/v2/workspacebuilds/{build_id}/logs", build_logs),
    )
    return routes_of(table)


async def agent_logs(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET …/logs`, followed when `follow` is present, whatever its value (contract: agents.md §3)."""
    runtime = runtime_of(scope)
    request = Request({**scope, "type": "http", "method": "GET"})
    agent = runtime.agent(request.path_params["agent_id"])
    wants_text(request)
    if "follow" not in request.query_params:
        await (await get_logs(request))(scope, receive, send)
        return
    after = agent_logs_after(request.query_params.get("after", ""))
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)

    async def produce() -> Close:
        cursor, is_first = after, True
        async with runtime.deployment.bus.subscribe(topics.logs_topic(agent.id)) as news:
            while True:
                is_current = runtime.deployment.is_in_latest_build(agent)
                lines = lines_after(agent.logs, cursor)
                if lines or is_first:
                    await socket.send_text(compact_json(agent_logs_json(lines)) + "\n", split=True)
                    cursor, is_first = lines[-1].id if lines else cursor, False
                if not is_current:
                    return Close()
                await _wait(runtime, news)

    await run_one_way(socket, produce, LOG_RULES, runtime.stopping)


async def build_logs(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /workspacebuilds/{id}/logs`; follow sends one object per message (contract: fleet.md §4.1)."""
    runtime = runtime_of(scope)
    request = Request({**scope, "type": "http", "method": "GET"})
    build = runtime.build(request.path_params["build_id"])
    is_text = wants_text(request)
    after = _build_logs_after(request.query_params.get("after", ""))
    if "follow" not in request.query_params:
        lines = build.logs[bisect_right(build.logs, after, key=lambda line: line.id) :]
        if is_text:
            await PlainTextResponse(build_logs_text(lines))(scope, receive, send)
        else:
            rows = [build_log_json(line) for line in lines]
            await CoderJSONResponse(rows)(scope, receive, send)
        return
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, ACCEPT_FAILED)

    async def produce() -> Close:
        cursor = after
        async with runtime.deployment.bus.subscribe(topics.build_logs_topic(build.id)) as news:
            while True:
                has_ended = not build.job.is_active
                for line in build.logs[bisect_right(build.logs, cursor, key=lambda item: item.id) :]:
                    await socket.send_text(compact_json(build_log_json(line)) + "\n", split=True)
                    cursor = line.id
                if has_ended:
                    return Close(1000, "done")
                await _wait(runtime, news)

    rules = StreamRules(on_stop=Close(1000, "done"))
    await run_one_way(socket, produce, rules, runtime.stopping)


async def containers_watch(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET …/containers/watch`: a snapshot for each change of a devcontainer (contract: agents.md §5.4)."""
    runtime = runtime_of(scope)
    agent = runtime.agent(scope["path_params"]["agent_id"])
    await dial(runtime, agent)
    failure = "Internal error watching agent's containers."
    answer = await read_containers(runtime, agent, failure)
    if answer.failure is not None and answer.failure[0] != 500:
        raise ApiError(500, failure, answer.failure[1])
    socket = Socket(scope, receive, send)
    await socket.accept(runtime.gate, UPGRADE_FAILED)
    if answer.failure is not None:
        # Without a container engine the real stream ends at once and without a word.
        await socket.close(Close())
        return

    async def produce() -> None:
        last: object = None
        async with runtime.deployment.bus.subscribe(topics.containers_topic(agent.id)) as news:
            while True:
                body = containers_json(await read_containers(runtime, agent, failure))
                if last is None or body["devcontainers"] != last:
                    last = body["devcontainers"] or []
                    if agent.status(runtime.deployment.now()) == "connected":
                        await socket.send_text(compact_json(body) + "\n")
                await news.wait()

    await run_one_way(socket, produce, LOG_RULES, runtime.stopping)


async def metadata_sse(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET …/watch-metadata` (contract: agents.md §6)."""
    runtime = runtime_of(scope)
    agent = runtime.agent(scope["path_params"]["agent_id"])
    await _serve_events(runtime, receive, send, lambda emit: _metadata_events(runtime, agent, emit))


async def metadata_ws(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET …/watch-metadata-ws`: the same events, no JSON ping."""
    runtime = runtime_of(scope)
    agent = runtime.agent(scope["path_params"]["agent_id"])
    await _serve_event_socket(
        runtime, Socket(scope, receive, send), lambda emit: _metadata_events(runtime, agent, emit)
    )


async def _metadata_events(runtime: Runtime, agent: Agent, emit: Emit) -> None:
    """At once, again after 1 s, then each second with news and each fifth without."""
    clock = runtime.deployment.clock
    await emit("data", metadata_json(agent, clock.now()))
    await clock.sleep(METADATA_TICK_S)
    await emit("data", metadata_json(agent, clock.now()))
    sent, ticks = _metadata_state(agent), 0
    while True:
        await clock.sleep(METADATA_TICK_S)
        ticks += 1
        state = _metadata_state(agent)
        if state != sent or ticks >= METADATA_TICKS:
            sent, ticks = state, 0
            await emit("data", metadata_json(agent, clock.now()))


def _metadata_state(agent: Agent) -> list[object]:
    return [(item.key, item.value, item.error, item.collected_at) for item in agent.metadata]


async def workspace_sse(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /workspaces/{id}/watch` (contract: fleet.md §3.1)."""
    runtime = runtime_of(scope)
    workspace = runtime.workspace(scope["path_params"]["workspace_id"])
    await _serve_events(runtime, receive, send, lambda emit: _workspace_events(runtime, workspace, emit))


async def workspace_ws(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET /workspaces/{id}/watch-ws`."""
    runtime = runtime_of(scope)
    workspace = runtime.workspace(scope["path_params"]["workspace_id"])
    await _serve_event_socket(
        runtime, Socket(scope, receive, send), lambda emit: _workspace_events(runtime, workspace, emit)
    )


async def _workspace_events(runtime: Runtime, workspace: Workspace, emit: Emit) -> None:
    # The owner is the one of now: after a claim this stream goes deaf, as the real one does.
    topic = topics.workspace_topic(workspace.id, workspace.owner_id)
    async with runtime.deployment.bus.subscribe(topic) as news:
        await emit("ping", None)
        while True:
            await emit("data", workspace_json(runtime.deployment, workspace, runtime.viewer))
            await news.wait()


async def _serve_events(
    runtime: Runtime, receive: Receive, send: Send, produce: Callable[[Emit], Awaitable[None]]
) -> None:
    stream = EventStream(send)

    async def emit(kind: str, data: object) -> None:
        await (stream.ping() if kind == "ping" else stream.event(kind, data))

    async def run() -> None:
        await produce(emit)

    await run_events(stream, receive, run, runtime.deployment.clock, runtime.stopping)


async def _serve_event_socket(
    runtime: Runtime, socket: Socket, produce: Callable[[Emit], Awaitable[None]]
) -> None:
    await socket.accept(runtime.gate, EVENTS_FAILED)

    async def emit(kind: str, data: object) -> None:
        message = compact_json({"type": kind, "data": data}) + "\n"
        await asyncio.wait_for(socket.send_text(message), SEND_TIMEOUT_S)

    async def run() -> Close | None:
        await produce(emit)
        return EVENT_RULES.on_stop

    await run_one_way(socket, run, EVENT_RULES, runtime.stopping)


async def _wait(runtime: Runtime, news: topics.Subscription) -> None:
    """Wait for news, but look again once a minute in case one was lost (contract: agents.md §3.3)."""
    await first_of(news.wait(), runtime.deployment.clock.sleep(RECHECK_S))


def _build_logs_after(text: str) -> int:
    try:
        return int(text) if text else -1
    except ValueError:
        message = 'Query param "after" must be an integer.'
        raise ApiError(400, message, validations=[("after", "Must be an integer")]) from None
