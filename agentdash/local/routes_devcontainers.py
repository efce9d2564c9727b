"""Recreate and delete a devcontainer (contract: agents.md §5.5, §5.6)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agentdash.local import bus as topics
from agentdash.local import devcontainers, queueing
from agentdash.local.blueprints import DevcontainerPlan
from agentdash.local.errors import ApiError, CoderJSONResponse, bad_uuid, forbidden
from agentdash.local.records import Agent, Deployment, Devcontainer
from agentdash.local.routes_agents import dial
from agentdash.local.runtime import Runtime, is_uuid, runtime_of

TRANSITIONING = frozenset({"starting", "stopping", "deleting"})
STOP_S = 1.5
REMOVE_S = 0.5
_PATH = "/api/v2/workspaceagents/{agent_id}/containers/devcontainers/{devcontainer_id}"


def devcontainer_routes() -> Sequence[BaseRoute]:
    """Routes of this module."""
    return (
        Route(f"{_PATH}/recreate", recreate, methods=["POST"]),
        Route(_PATH, delete, methods=["DELETE"]),
    )


async def recreate(request: Request) -> Response:
    """`POST …/recreate`: accepted at once, the work goes on behind it."""
    runtime, agent, item = await _find(request)
    if item.status in TRANSITIONING:
        raise _in_transition("recreate", "restarted", item)
    deployment = runtime.deployment
    if agent.providers.recreate is not None:
        await agent.providers.recreate(item.id)
    else:
        devcontainers.start(deployment, agent, item, plan_of(deployment, agent, item))
    deployment.bus.publish(topics.containers_topic(agent.id))
    body = {
        "message": "Devcontainer recreation initiated",
        "detail": f'Recreation process for devcontainer "{item.name}" has started.',
    }
    return CoderJSONResponse(body, status_code=202)


async def delete(request: Request) -> Response:
    """`DELETE …`: answers once the container and its sub-agent are gone."""
    runtime, agent, item = await _find(request)
    if item.status in TRANSITIONING:
        raise _in_transition("delete", "deleted", item)
    deployment = runtime.deployment
    if agent.providers.delete is not None:
        await agent.providers.delete(item.id)
    else:
        for status, delay_s in (("stopping", STOP_S), ("deleting", REMOVE_S)):
            item.status = status
            deployment.bus.publish(topics.containers_topic(agent.id))
            await deployment.clock.sleep(delay_s)
        devcontainers.delete(deployment, agent, item)
    deployment.bus.publish(topics.containers_topic(agent.id))
    return Response(status_code=204)


def plan_of(deployment: Deployment, agent: Agent, item: Devcontainer) -> DevcontainerPlan:
    """How the template plans that devcontainer; a plain plan for one that was found by itself."""
    build = deployment.find_build(agent.build_id)
    resources = queueing.blueprint_of(deployment, build).resources if build is not None else ()
    for resource in resources:
        for plan in resource.agents:
            for planned in plan.devcontainers:
                if plan.name == agent.name and planned.name == item.name:
                    return planned
    return DevcontainerPlan(item.name, item.workspace_folder)


async def _find(request: Request) -> tuple[Runtime, Agent, Devcontainer]:
    runtime = runtime_of(request.scope)
    agent = runtime.agent(request.path_params["agent_id"])
    if not runtime.can("update", runtime.workspace_of(agent)):
        raise forbidden()
    wanted = request.path_params["devcontainer_id"]
    if not is_uuid(wanted):
        raise bad_uuid(wanted)
    await dial(runtime, agent)
    for item in agent.containers.devcontainers:
        if item.id == wanted.lower():
            return runtime, agent, item
    raise ApiError(404, "Devcontainer not found.", f'Could not find devcontainer with ID: "{wanted}"')


def _in_transition(verb: str, participle: str, item: Devcontainer) -> ApiError:
    detail = f'Devcontainer "{item.name}" is currently {item.status} and cannot be {participle}.'
    return ApiError(409, f"Unable to {verb} transitioning devcontainer", detail)
