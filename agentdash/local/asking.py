"""What a fleet handler wants to know of a request: who asks, for which thing, with which parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from starlette.requests import Request

from agentdash.local.deployment import Deployment
from agentdash.local.errors import ApiError, bad_uuid, not_found
from agentdash.local.records_build import Build
from agentdash.local.records_org import Template, TemplateVersion, User, Workspace
from agentdash.local.rights import can

Body = Mapping[str, object]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def deployment_of(request: Request) -> Deployment:
    """The deployment, put into the request's state by the server core."""
    return cast("Deployment", request.state.deployment)


def viewer_of(request: Request) -> User:
    """The user that asks, put into the request's state by the server core."""
    return cast("User", request.state.viewer)


def id_of(request: Request, name: str) -> str:
    """A UUID of the path, lower case. Raises `ApiError` 400 for anything else."""
    text = str(request.path_params[name])
    if not _UUID.fullmatch(text):
        raise bad_uuid(text)
    return text.lower()


def workspace_of(request: Request, action: str = "read") -> Workspace:
    """The workspace of the path, deleted ones included.

    Raises:
        ApiError: 400 malformed id; 404 unknown or unreadable; 403 readable, but `action` is not allowed.
    """
    workspace = deployment_of(request).workspaces.get(id_of(request, "workspace_id"))
    if workspace is None:
        raise not_found()
    require(viewer_of(request), action, workspace)
    return workspace


def build_of(request: Request) -> Build:
    """The build of the path. Raises `ApiError` 400, 404."""
    build = deployment_of(request).find_build(id_of(request, "build_id"))
    if build is None:
        raise not_found()
    require(viewer_of(request), "read", deployment_of(request).workspaces[build.workspace_id])
    return build


def template_of(request: Request) -> Template:
    """The template of the path. Raises `ApiError` 400, 404."""
    template = deployment_of(request).templates.get(id_of(request, "template_id"))
    if template is None:
        raise not_found()
    return template


def version_of(request: Request) -> TemplateVersion:
    """The template version of the path. Raises `ApiError` 400, 404."""
    version = deployment_of(request).versions.get(id_of(request, "version_id"))
    if version is None:
        raise not_found()
    return version


def require(user: User, action: str, workspace: Workspace) -> None:
    """Raise 404 for what the user may not read, 403 for what he may read but not do."""
    if not can(user, "read", workspace):
        raise not_found()
    if not can(user, action, workspace):
        raise ApiError(403, f"You do not have permission to {action} this workspace.")


def user_of(request: Request) -> User:
    """The `{user}` of the path: UUID, name or `me`. Raises `ApiError` 404."""
    found = deployment_of(request).find_user(str(request.path_params["user"]), viewer_of(request))
    if found is None:
        raise not_found()
    return found


async def body_of(request: Request) -> Body:
    """The JSON object of the body. Raises `ApiError` 400 for anything else."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise ApiError(400, "Request body must be valid JSON.", str(error)) from None
    if not isinstance(body, dict):
        raise ApiError(400, "Request body must be valid JSON.", "json: cannot unmarshal into Go value")
    return cast("Body", body)


def page_of(request: Request) -> tuple[int, int]:
    """(limit, offset); limit 0 = everything. Raises `ApiError` 400 (contract: README.md §5)."""
    problems: list[tuple[str, str]] = []
    values = [_count_parameter(request, name, problems) for name in ("limit", "offset")]
    if problems:
        raise ApiError(400, "Query parameters have invalid values.", validations=problems)
    return values[0], values[1]


def _count_parameter(request: Request, name: str, problems: list[tuple[str, str]]) -> int:
    text = request.query_params.get(name, "")
    if text == "":
        return 0
    if not text.isascii() or not text.isdigit() or int(text) > 2**31 - 1:
        problems.append((name, f'Query param "{name}" must be a valid 32-bit positive integer: {text!r}'))
        return 0
    return int(text)


def flag_of(request: Request, name: str) -> bool:
    """A boolean URL parameter; anything but a true word is False."""
    return request.query_params.get(name, "").lower() in {"true", "1", "t"}


def invalid(field: str, tag: str, value: object) -> ApiError:
    """400 `Validation failed.` with the words of the server's validator."""
    detail = f'Validation failed for tag "{tag}" with value: "{value}"'
    return ApiError(400, "Validation failed.", validations=[(field, detail)])
