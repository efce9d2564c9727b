"""`/workspaces` and `/users/{user}/workspace…` of the embedded deployment (contract: fleet.md §1, §2, §10.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentdash.local import queueing, reconciler, search
from agentdash.local.asking import (
    Body,
    body_of,
    deployment_of,
    flag_of,
    invalid,
    page_of,
    user_of,
    viewer_of,
    workspace_of,
)
from agentdash.local.errors import ApiError, CoderJSONResponse, forbidden, not_found
from agentdash.local.records_org import PortShare, Workspace
from agentdash.local.render import port_share_json, workspace_json
from agentdash.local.rights import can, visible_workspaces

_API: Final = "/api/v2"
_LEVELS: Final = ("authenticated", "organization", "public")


def workspace_routes() -> list[Route]:
    """Routes of this module."""
    one = f"{_API}/workspaces/{{workspace_id}}"
    return [
        Route(f"{_API}/workspaces", list_workspaces, methods=["GET"]),
        Route(one, get_workspace, methods=["GET"]),
        Route(f"{_API}/users/{{user}}/workspace/{{name}}", get_workspace_by_name, methods=["GET"]),
        Route(f"{_API}/users/{{user}}/workspaces", create_workspace, methods=["POST"]),
        Route(f"{one}/extend", extend, methods=["PUT"]),
        Route(f"{one}/dormant", put_dormant, methods=["PUT"]),
        Route(f"{one}/favorite", put_favorite, methods=["PUT"]),
        Route(f"{one}/favorite", delete_favorite, methods=["DELETE"]),
        Route(f"{one}/usage", post_usage, methods=["POST"]),
        Route(f"{one}/resolve-autostart", resolve_autostart, methods=["GET"]),
        Route(f"{one}/port-share", list_port_shares, methods=["GET"]),
        Route(f"{one}/port-share", post_port_share, methods=["POST"]),
        Route(f"{one}/port-share", delete_port_share, methods=["DELETE"]),
    ]


async def list_workspaces(request: Request) -> Response:
    """`GET /workspaces?q=&limit=&offset=`: the page, and the count of all that match."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    query = search.parse(request.query_params.get("q", ""))
    limit, offset = page_of(request)
    found = search.select(deployment, viewer, visible_workspaces(deployment, viewer), query)
    page = found[offset : offset + limit] if limit else found[offset:]
    keys = query.agent_metadata_keys
    rows = [workspace_json(deployment, workspace, viewer, with_metadata=keys) for workspace in page]
    return CoderJSONResponse({"workspaces": rows, "count": len(found)})


async def get_workspace(request: Request) -> Response:
    """`GET /workspaces/{id}`; `410` for a deleted one unless `include_deleted=true`."""
    return _answer(request, workspace_of(request))


async def get_workspace_by_name(request: Request) -> Response:
    """`GET /users/{user}/workspace/{name}`."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    name = str(request.path_params["name"])
    include_deleted = flag_of(request, "include_deleted")
    workspace = deployment.find_workspace(user_of(request), name, include_deleted=include_deleted)
    if workspace is None or not can(viewer, "read", workspace):
        raise not_found()
    return CoderJSONResponse(workspace_json(deployment, workspace, viewer))


def _answer(request: Request, workspace: Workspace) -> Response:
    if workspace.is_deleted and not flag_of(request, "include_deleted"):
        raise ApiError(
            410,
            f'Workspace "{workspace.id}" was deleted, you can view this workspace by specifying '
            "'?include_deleted=true' and trying again.",
        )
    return CoderJSONResponse(workspace_json(deployment_of(request), workspace, viewer_of(request)))


async def create_workspace(request: Request) -> Response:
    """`POST /users/{user}/workspaces`: takes an eligible prebuild of the preset, else builds anew."""
    deployment, viewer, user = deployment_of(request), viewer_of(request), user_of(request)
    body = await body_of(request)
    if user is not viewer and "owner" not in viewer.roles:
        raise forbidden()
    name, template_id = str(body.get("name") or ""), str(body.get("template_id") or "")
    template = deployment.templates.get(template_id)
    if not name:
        raise invalid("name", "required", "")
    if template is None:
        raise ApiError(
            400,
            f'Template "{template_id}" doesn\'t exist.',
            validations=[("template_id", "template not found")],
        )
    if deployment.find_workspace(user, name) is not None:
        taken = [("name", "This value is already in use and should be unique.")]
        raise ApiError(409, f'Workspace "{name}" already exists.', validations=taken)
    version = deployment.versions[template.active_version_id]
    default = next((preset for preset in version.presets if preset.is_default), None)
    preset = deployment.find_preset(str(body.get("template_version_preset_id") or "")) or default
    workspace = reconciler.claim_one(deployment, preset, user, name) if preset is not None else None
    if workspace is None:
        preset_id = preset.id if preset is not None else None
        workspace = queueing.create_workspace(deployment, user, name, template.id, preset_id=preset_id)
    return CoderJSONResponse(workspace_json(deployment, workspace, viewer, is_fresh=True), status_code=201)


async def extend(request: Request) -> Response:
    """`PUT /workspaces/{id}/extend` `{"deadline"}`."""
    deployment, workspace = deployment_of(request), workspace_of(request, "update")
    body = await body_of(request)
    build = workspace.latest_build
    if workspace.is_prebuild:
        raise _refused_on_prebuild()
    if build.status != "running" or build.deadline is None:
        raise ApiError(409, "Workspace must be started, current status: " + build.status)
    try:
        deadline = datetime.fromisoformat(str(body.get("deadline")))
    except ValueError:
        raise invalid("deadline", "required", body.get("deadline")) from None
    if deadline.tzinfo is None:
        raise invalid("deadline", "required", body.get("deadline"))
    if build.max_deadline is not None and deadline > build.max_deadline:
        raise ApiError(400, "Cannot extend workspace: deadline is beyond the maximum.")
    build.deadline = deadline
    deployment.touch(workspace)
    return CoderJSONResponse({"message": "Deadline updated to " + str(body["deadline"]) + "."})


async def put_dormant(request: Request) -> Response:
    """`PUT /workspaces/{id}/dormant` `{"dormant": bool}`: `304` when nothing changes."""
    deployment, workspace = deployment_of(request), workspace_of(request, "update")
    if workspace.is_prebuild:
        raise _refused_on_prebuild()
    wanted = bool((await body_of(request)).get("dormant"))
    if wanted == (workspace.dormant_at is not None):
        return Response(status_code=304)
    workspace.dormant_at = deployment.now() if wanted else None
    workspace.deleting_at = None
    return CoderJSONResponse(workspace_json(deployment, workspace, viewer_of(request)))


async def put_favorite(request: Request) -> Response:
    """`PUT /workspaces/{id}/favorite`: own workspaces only."""
    return _favorite(request, is_favorite=True)


async def delete_favorite(request: Request) -> Response:
    """`DELETE /workspaces/{id}/favorite`."""
    return _favorite(request, is_favorite=False)


def _favorite(request: Request, *, is_favorite: bool) -> Response:
    workspace, viewer = workspace_of(request), viewer_of(request)
    if workspace.owner_id != viewer.id:
        raise forbidden("You can only favorite workspaces that you own.", "")
    if is_favorite:
        workspace.favorite_of.add(viewer.id)
    else:
        workspace.favorite_of.discard(viewer.id)
    return Response(status_code=204)


async def post_usage(request: Request) -> Response:
    """`POST /workspaces/{id}/usage`: counts as activity."""
    deployment, workspace = deployment_of(request), workspace_of(request)
    workspace.last_used_at = deployment.now()
    return Response(status_code=204)


async def resolve_autostart(request: Request) -> Response:
    """`GET /workspaces/{id}/resolve-autostart`."""
    workspace_of(request)
    return CoderJSONResponse({"parameter_mismatch": False})


async def list_port_shares(request: Request) -> Response:
    """`GET /workspaces/{id}/port-share` (contract: agents.md §9)."""
    workspace = workspace_of(request)
    return CoderJSONResponse(
        {"shares": [port_share_json(share, workspace.id) for share in workspace.port_shares]}
    )


async def post_port_share(request: Request) -> Response:
    """`POST /workspaces/{id}/port-share`: creates or replaces."""
    workspace = workspace_of(request, "update")
    body = await body_of(request)
    agent_name, port = _share_key(workspace, body)
    level = str(body.get("share_level") or "")
    if level not in _LEVELS:
        raise invalid("share_level", "oneof", level)
    protocol = str(body.get("protocol") or "http")
    if protocol not in {"http", "https"}:
        raise invalid("protocol", "oneof", protocol)
    maximum = deployment_of(request).template_of(workspace).max_port_share_level
    order = ("owner", *_LEVELS)
    if order.index(level) > order.index(maximum):
        raise ApiError(400, "Port sharing level not allowed.")
    share = PortShare(agent_name, port, level, protocol)
    _drop_share(workspace, agent_name, port)
    workspace.port_shares.append(share)
    return CoderJSONResponse(port_share_json(share, workspace.id))


async def delete_port_share(request: Request) -> Response:
    """`DELETE /workspaces/{id}/port-share`, with a body: `200` and nothing in it."""
    workspace = workspace_of(request, "update")
    if not _drop_share(workspace, *_share_key(workspace, await body_of(request))):
        raise not_found()
    return Response(status_code=200)


def _share_key(workspace: Workspace, body: Body) -> tuple[str, int]:
    agent_name, port = str(body.get("agent_name") or ""), body.get("port")
    if not isinstance(port, int) or not 9 <= port <= 65535:
        raise invalid("port", "min", port)
    if all(agent.name != agent_name for agent in workspace.agents):
        raise ApiError(400, "Agent not found.")
    return agent_name, port


def _drop_share(workspace: Workspace, agent_name: str, port: int) -> bool:
    for share in workspace.port_shares:
        if (share.agent_name, share.port) == (agent_name, port):
            workspace.port_shares.remove(share)
            return True
    return False


def _refused_on_prebuild() -> ApiError:
    return ApiError(409, "This action is not supported on prebuilt workspaces.")
