"""Builds: list, one, start, stop, delete, restart, cancel, timings (contract: fleet.md §4, §5, §10)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentdash.local import queueing
from agentdash.local.asking import (
    Body,
    body_of,
    build_of,
    deployment_of,
    invalid,
    page_of,
    require,
    user_of,
    viewer_of,
    workspace_of,
)
from agentdash.local.errors import ApiError, CoderJSONResponse, forbidden, not_found
from agentdash.local.records_build import Build
from agentdash.local.records_org import Workspace
from agentdash.local.render import build_json, timings_json
from agentdash.local.render_build import resource_json
from agentdash.local.rights import can, is_owner_role, is_template_admin

_API: Final = "/api/v2"
_TRANSITIONS: Final = ("start", "stop", "delete")
_REASONS: Final = (
    "dashboard", "cli", "ssh_connection", "vscode_connection", "jetbrains_connection", "task_manual_pause",
)  # fmt: skip


def build_routes() -> list[Route]:
    """Routes of this module."""
    one = f"{_API}/workspacebuilds/{{build_id}}"
    return [
        Route(f"{_API}/workspaces/{{workspace_id}}/builds", list_builds, methods=["GET"]),
        Route(f"{_API}/workspaces/{{workspace_id}}/builds", post_build, methods=["POST"]),
        Route(f"{_API}/workspaces/{{workspace_id}}/timings", workspace_timings, methods=["GET"]),
        Route(
            f"{_API}/users/{{user}}/workspace/{{name}}/builds/{{number}}", build_by_number, methods=["GET"]
        ),
        Route(one, get_build, methods=["GET"]),
        Route(f"{one}/parameters", parameters, methods=["GET"]),
        Route(f"{one}/resources", resources, methods=["GET"]),
        Route(f"{one}/state", state, methods=["GET"]),
        Route(f"{one}/timings", build_timings, methods=["GET"]),
        Route(f"{one}/cancel", cancel, methods=["PATCH"]),
    ]


async def list_builds(request: Request) -> Response:
    """`GET /workspaces/{id}/builds?limit=&offset=&since=`: newest first."""
    deployment, workspace = deployment_of(request), workspace_of(request)
    limit, offset = page_of(request)
    builds = list(reversed(workspace.builds))
    since = request.query_params.get("since", "")
    if since:
        try:
            moment = datetime.fromisoformat(since)
        except ValueError as error:
            detail = 'Query param "since" must be a valid date format (2006-01-02T15:04:05.999999999Z07:00)'
            raise ApiError(
                400, "Query parameters have invalid values.", str(error), [("since", detail)]
            ) from None
        builds = [build for build in builds if build.created_at > moment]
    page = builds[offset : offset + limit] if limit else builds[offset:]
    return CoderJSONResponse([build_json(deployment, build, viewer=viewer_of(request)) for build in page])


async def get_build(request: Request) -> Response:
    """`GET /workspacebuilds/{id}`."""
    return CoderJSONResponse(build_json(deployment_of(request), build_of(request), is_alone=True))


async def build_by_number(request: Request) -> Response:
    """`GET /users/{user}/workspace/{name}/builds/{number}`."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    name, number = str(request.path_params["name"]), str(request.path_params["number"])
    workspace = deployment.find_workspace(user_of(request), name)
    if workspace is None or not can(viewer, "read", workspace):
        raise not_found()
    if not number.isdigit():
        raise ApiError(400, f"Failed to parse build number as integer: {number!r}")
    for build in workspace.builds:
        if build.number == int(number):
            return CoderJSONResponse(build_json(deployment, build, viewer=viewer))
    raise ApiError(404, f'Workspace "{workspace.name}" Build {number} does not exist.')


async def parameters(request: Request) -> Response:
    """`GET /workspacebuilds/{id}/parameters`."""
    return CoderJSONResponse([{"name": name, "value": value} for name, value in build_of(request).parameters])


async def resources(request: Request) -> Response:
    """`GET /workspacebuilds/{id}/resources`: deprecated, still served."""
    build, now = build_of(request), deployment_of(request).now()
    return CoderJSONResponse([resource_json(resource, build, now) for resource in build.visible_resources])


async def state(request: Request) -> Response:
    """`GET /workspacebuilds/{id}/state`: nothing is kept here; template admins get an empty body."""
    build_of(request)
    viewer = viewer_of(request)
    if not (is_owner_role(viewer) or is_template_admin(viewer)):
        raise forbidden()
    return Response(b"", media_type="application/json")


async def build_timings(request: Request) -> Response:
    """`GET /workspacebuilds/{id}/timings`."""
    return _timings(request, build_of(request))


async def workspace_timings(request: Request) -> Response:
    """`GET /workspaces/{id}/timings`: of the latest build."""
    return _timings(request, workspace_of(request).latest_build)


def _timings(request: Request, build: Build) -> Response:
    latest = deployment_of(request).workspaces[build.workspace_id].latest_build
    return CoderJSONResponse(timings_json(build, is_latest=build is latest))


async def cancel(request: Request) -> Response:
    """`PATCH /workspacebuilds/{id}/cancel?expect_status=` (contract: fleet.md §10.2)."""
    deployment, viewer, build = deployment_of(request), viewer_of(request), build_of(request)
    workspace = deployment.workspaces[build.workspace_id]
    expected = request.query_params.get("expect_status", "")
    if expected not in {"", "pending", "running"}:
        validations = [("expect_status", f'Query param "expect_status" has invalid value: "{expected}"')]
        raise ApiError(400, "Invalid expect_status.", validations=validations)
    may_cancel = can(viewer, "update", workspace)
    is_user_allowed = deployment.template_of(workspace).allow_user_cancel_workspace_jobs
    if not may_cancel or (expected != "pending" and not is_user_allowed and not is_owner_role(viewer)):
        raise ApiError(
            403,
            "User is not allowed to cancel workspace builds. Owner role is required, or a template that allows it.",
        )
    if build.job.completed_at is not None:
        raise ApiError(400, "Job has already completed!")
    if build.job.canceled_at is not None:
        raise ApiError(400, "Job has already been marked as canceled!")
    if expected and build.job.status != expected:
        raise ApiError(412, "Job is not in the expected state.")
    queueing.cancel_build(deployment, build)
    return CoderJSONResponse({"message": "Job has been marked as canceled..."})


async def post_build(request: Request) -> Response:
    """`POST /workspaces/{id}/builds`: start, stop, delete, or restart by `on_success` (fleet.md §10.1)."""
    deployment, workspace = deployment_of(request), workspace_of(request)
    body = await body_of(request)
    transition = _transition(body)
    require(viewer_of(request), transition, workspace)
    if workspace.is_deleted:
        raise ApiError(409, "Workspace is deleted.", "Workspace is deleted.")
    version_id = _version_id(request, workspace, body, transition)
    preset_id = _preset_id(request, body)
    values = _parameters(body)
    restart = _restart(request, workspace, body, transition)
    if workspace.latest_build.job.is_active:
        text = "A workspace build is already active."
        raise ApiError(409, text, text)
    viewer = viewer_of(request)

    def start_again() -> None:
        queueing.queue_build(deployment, workspace, "start", viewer.id, version_id=restart[1], reason=reason)

    reason = str(body.get("reason") or "initiator")
    build = queueing.queue_build(
        deployment,
        workspace,
        transition,
        viewer.id,
        version_id=version_id,
        preset_id=preset_id,
        reason=reason,
        parameters=values,
        on_success=start_again if restart[0] else None,
    )
    answer = build_json(deployment, build, is_fresh=True, viewer=viewer)
    return CoderJSONResponse(answer, status_code=201)


def _transition(body: Body) -> str:
    transition = body.get("transition", "")
    if not transition:
        raise invalid("transition", "required", "")
    if transition not in _TRANSITIONS:
        raise invalid("transition", "oneof", transition)
    reason = body.get("reason", "")
    if reason and reason not in _REASONS:
        raise invalid("reason", "oneof", reason)
    return str(transition)


def _version_id(request: Request, workspace: Workspace, body: Body, transition: str) -> str | None:
    deployment = deployment_of(request)
    template = deployment.template_of(workspace)
    if body.get("template_version_id"):
        version = deployment.versions.get(str(body["template_version_id"]))
        if version is None or version.template_id != template.id:
            raise ApiError(
                400,
                "Template version not found.",
                validations=[("template_version_id", "template version not found")],
            )
        if version.job.is_active:
            raise ApiError(406, "The provided template version is still importing.")
        return version.id
    if transition == "start" and template.require_active_version:
        return template.active_version_id
    return None


def _preset_id(request: Request, body: Body) -> str | None:
    wanted = body.get("template_version_preset_id")
    if not wanted:
        return None
    if deployment_of(request).find_preset(str(wanted)) is None:
        raise ApiError(
            400, "Preset not found.", validations=[("template_version_preset_id", "preset not found")]
        )
    return str(wanted)


def _parameters(body: Body) -> list[tuple[str, str]] | None:
    values = body.get("rich_parameter_values")
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(item, dict) for item in values):
        raise ApiError(400, "Request body must be valid JSON.", "json: rich_parameter_values is not a list")
    return [(str(item.get("name", "")), str(item.get("value", ""))) for item in values]


def _restart(request: Request, workspace: Workspace, body: Body, transition: str) -> tuple[bool, str | None]:
    """(whether a start follows, its template version)."""
    follow_up = body.get("on_success")
    if follow_up is None:
        return False, None
    if not isinstance(follow_up, dict) or transition != "stop" or follow_up.get("transition") != "start":
        detail = "on_success is only valid with a start after a stop"
        raise ApiError(400, "Invalid on_success.", validations=[("on_success", detail)])
    return True, _version_id(request, workspace, follow_up, "start")
