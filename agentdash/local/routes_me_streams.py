"""Streams of agents: the claim channel, and RPC (contract: agent-side.md §9, §11)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from agentdash.local import bus as topics
from agentdash.local.agent_tokens import talking_agents
from agentdash.local.errors import ApiError
from agentdash.local.records import Build, Workspace
from agentdash.local.records_org import PREBUILDS_USER_ID
from agentdash.local.routes_me import ME, agent_of
from agentdash.local.rpc_agent import AgentService
from agentdash.local.rpc_socket import RpcRules, check_version, serve_rpc
from agentdash.local.runtime import runtime_of
from agentdash.local.streams import EventStream, routes_of, run_events
from agentdash.local.wire_json import Json
from agentdash.wire.rpc import Handler

REINIT_REASON = "prebuild_claimed"
RPC_RULES = RpcRules(is_probed=False, ping_every_s=15.0, ping_within_s=30.0)
_TRUE_WORDS = frozenset({"1", "t", "T", "TRUE", "true", "True"})


def me_stream_routes() -> Sequence[BaseRoute]:
    """Routes of this module; put them before `routes_me`."""
    return routes_of(((f"{ME}/reinit", reinit), (f"{ME}/rpc", agent_rpc)))


async def agent_rpc(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET me/rpc`: the agent itself, unless another `role` is named (§11)."""
    runtime = runtime_of(scope)
    agent = agent_of(runtime, scope)
    version = check_version(scope, "2.0")
    role = Request({**scope, "type": "http", "method": "GET"}).query_params.get("role", "")
    service = AgentService(runtime, agent)
    is_agent = role in {"", "agent"}
    process: list[int] = []

    def handlers() -> dict[str, Handler]:
        if is_agent:
            process.append(service.connect(version))
        return service.handlers()

    def is_outdated() -> bool:
        return agent not in talking_agents(runtime.workspace_of(agent))

    try:
        await serve_rpc(runtime, scope, receive, send, rules=RPC_RULES, handlers=handlers, until=is_outdated)
    finally:
        for number in process:
            service.disconnect(number)


async def reinit(scope: Scope, receive: Receive, send: Send) -> None:
    """`GET me/reinit`: silent until a ping or a claim. The token is judged once, at opening (§9.2, §9.3)."""
    runtime = runtime_of(scope)
    workspace = runtime.workspace_of(agent_of(runtime, scope))
    query = Request({**scope, "type": "http", "method": "GET"}).query_params
    is_told_at_once = query.get("wait", "") in _TRUE_WORDS and is_claim_to_tell(workspace)
    stream = EventStream(send)

    async def produce() -> None:
        told = {build.id for build in workspace.builds if not build.job.is_active}
        async with runtime.deployment.bus.subscribe(topics.ALL_BUILDS_TOPIC) as news:
            if is_told_at_once:
                await stream.event("data", claim_event(workspace))
            while True:
                await news.wait()
                for build in [build for build in workspace.builds if build.id not in told]:
                    if not build.job.is_active:
                        told.add(build.id)
                        if _is_done_claim(build):
                            await stream.event("data", claim_event(workspace))

    await run_events(stream, receive, produce, runtime.deployment.clock, runtime.stopping)


def is_claim_to_tell(workspace: Workspace) -> bool:
    """What `wait=true` finds: whether a claim is told at once; False means that one is waited for.

    Raises:
        ApiError: 409, when there is nothing to wait for (§9.2).
    """
    if workspace.is_prebuild:
        return False
    if workspace.builds[0].initiator_id != PREBUILDS_USER_ID:
        detail = "This endpoint is only for agents running in prebuilt workspaces."
        raise _not_waiting(detail)
    latest = workspace.latest_build
    if not latest.is_claim:
        if latest.initiator_id == PREBUILDS_USER_ID:
            # The owner has changed, the claim build is not there yet.
            return False
        raise _not_waiting(
            "The prebuild claim for this workspace has already been handled by an earlier build."
        )
    if latest.job.is_active:
        return False
    if not _is_done_claim(latest):
        raise ApiError(409, "Claim build failed permanently.", latest.job.error)
    return not latest.misses_reinit


def claim_event(workspace: Workspace) -> Json:
    """The event's data (§9.1)."""
    return {"workspace_id": workspace.id, "reason": REINIT_REASON, "owner_id": workspace.owner_id}


def _is_done_claim(build: Build) -> bool:
    return build.is_claim and build.job.status == "succeeded"


def _not_waiting(detail: str) -> ApiError:
    return ApiError(409, "Workspace is not a prebuilt workspace waiting to be claimed.", detail)
