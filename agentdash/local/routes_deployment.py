"""The deployment itself: server, people, templates, queue, prebuild settings, health (contract: fleet.md §6-§9)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from agentdash.local import rights
from agentdash.local.asking import (
    body_of,
    deployment_of,
    flag_of,
    id_of,
    page_of,
    template_of,
    user_of,
    version_of,
    viewer_of,
)
from agentdash.local.deployment import Deployment
from agentdash.local.errors import ApiError, CoderJSONResponse, forbidden, not_found, route_not_found
from agentdash.local.reconciler import is_running, pool
from agentdash.local.records_build import Job
from agentdash.local.records_org import PREBUILDS_USER_ID, Organization
from agentdash.local.render import presets_json, user_json
from agentdash.local.render_server import (
    buildinfo_json,
    debug_health_json,
    entitlements_json,
    organization_json,
    provisioner_daemon_json,
    provisioner_job_json,
    regions_json,
    template_json,
    template_version_json,
)

_API: Final = "/api/v2"
_HEALTH_CACHE_S: Final = 600
_JOB_STATUSES: Final = {"pending", "running", "succeeded", "canceling", "canceled", "failed", "unknown"}
_JOB_PARAMETERS: Final = {"limit", "ids", "status", "tags", "initiator"}
_DAEMON_PARAMETERS: Final = {"limit", "ids", "tags", "offline", "status", "max_age"}
_MAX_CHECKS_WITH_ID: Final = 10


def deployment_routes() -> list[Route]:
    """Routes of this module."""
    organization = f"{_API}/organizations/{{organization}}"
    table = (
        ("/healthz", healthz, "GET"),
        (f"{_API}/", root, "GET"),
        (f"{_API}/buildinfo", buildinfo, "GET"),
        (f"{_API}/entitlements", entitlements, "GET"),
        (f"{_API}/experiments", experiments, "GET"),
        (f"{_API}/regions", regions, "GET"),
        (f"{_API}/applications/host", applications_host, "GET"),
        (f"{_API}/users", list_users, "GET"),
        (f"{_API}/users/{{user}}", get_user, "GET"),
        (f"{_API}/authcheck", authcheck, "POST"),
        (f"{_API}/organizations", list_organizations, "GET"),
        (organization, get_organization, "GET"),
        (f"{organization}/provisionerjobs", list_jobs, "GET"),
        (f"{organization}/provisionerjobs/{{job_id}}", get_job, "GET"),
        (f"{organization}/provisionerdaemons", list_daemons, "GET"),
        (f"{organization}/templates", list_templates, "GET"),
        (f"{_API}/templates", list_templates, "GET"),
        (f"{_API}/templates/{{template_id}}", get_template, "GET"),
        (f"{_API}/templates/{{template_id}}/prebuilds/invalidate", invalidate_prebuilds, "POST"),
        (f"{_API}/templateversions/{{version_id}}", get_version, "GET"),
        (f"{_API}/templateversions/{{version_id}}/presets", presets, "GET"),
        (f"{_API}/prebuilds/settings", get_prebuild_settings, "GET"),
        (f"{_API}/prebuilds/settings", put_prebuild_settings, "PUT"),
        (f"{_API}/deployment/config", deployment_config, "GET"),
        (f"{_API}/debug/health", debug_health, "GET"),
        (f"{_API}/debug/health/settings", health_settings, "GET"),
    )
    return [Route(path, handler, methods=[method]) for path, handler, method in table]


async def healthz(request: Request) -> Response:
    """`GET /healthz`: the process is up."""
    del request
    return PlainTextResponse("OK")


async def root(request: Request) -> Response:
    """`GET /api/v2/`."""
    del request
    return CoderJSONResponse({"message": "👋"})


async def buildinfo(request: Request) -> Response:
    """`GET /buildinfo`: no login needed."""
    return CoderJSONResponse(buildinfo_json(deployment_of(request)))


async def entitlements(request: Request) -> Response:
    """`GET /entitlements`; a build without licensed code has no such route."""
    deployment = deployment_of(request)
    if deployment.entitlements is None:
        raise route_not_found()
    return CoderJSONResponse(entitlements_json(deployment))


async def experiments(request: Request) -> Response:
    """`GET /experiments`."""
    return CoderJSONResponse(list(deployment_of(request).experiments))


async def regions(request: Request) -> Response:
    """`GET /regions`."""
    return CoderJSONResponse(regions_json(deployment_of(request)))


async def applications_host(request: Request) -> Response:
    """`GET /applications/host`: deprecated."""
    return CoderJSONResponse({"host": deployment_of(request).wildcard_hostname})


# people and rights


async def list_users(request: Request) -> Response:
    """`GET /users`: a member sees only himself."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    limit, offset = page_of(request)
    may_see_all = bool({"owner", "user-admin", "template-admin", "auditor"} & set(viewer.roles))
    people = [user for user in deployment.users.values() if user.id != PREBUILDS_USER_ID]
    found = sorted((user for user in people if may_see_all or user is viewer), key=lambda user: user.username)
    page = found[offset : offset + limit] if limit else found[offset:]
    return CoderJSONResponse({"users": [user_json(user) for user in page], "count": len(found)})


async def get_user(request: Request) -> Response:
    """`GET /users/{user}`: `me`, a name or a UUID."""
    user, viewer = user_of(request), viewer_of(request)
    if user is not viewer and not viewer.roles:
        raise not_found()
    return CoderJSONResponse(user_json(user))


async def authcheck(request: Request) -> Response:
    """`POST /authcheck`: up to ten checks with a `resource_id`."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    checks = (await body_of(request)).get("checks")
    if not isinstance(checks, dict):
        checks = {}
    with_id = sum(1 for check in checks.values() if isinstance(check, dict) and _has_resource_id(check))
    if with_id > _MAX_CHECKS_WITH_ID:
        raise ApiError(
            400, f'Endpoint only supports using "resource_id" field up to {_MAX_CHECKS_WITH_ID} times.'
        )
    return CoderJSONResponse(
        {
            str(name): isinstance(check, dict) and rights.authcheck(deployment, viewer, check)
            for name, check in sorted(checks.items())
        }
    )


def _has_resource_id(check: dict[str, object]) -> bool:
    subject = check.get("object")
    return isinstance(subject, dict) and bool(subject.get("resource_id"))


# organizations and the queue


def _organization_of(request: Request) -> Organization:
    found = deployment_of(request).find_organization(str(request.path_params["organization"]))
    if found is None:
        raise not_found()
    return found


async def list_organizations(request: Request) -> Response:
    """`GET /organizations`."""
    deployment = deployment_of(request)
    default = deployment.organization
    return CoderJSONResponse(
        [organization_json(org, is_default=org is default) for org in deployment.organizations]
    )


async def get_organization(request: Request) -> Response:
    """`GET /organizations/{organization}`."""
    organization = _organization_of(request)
    is_default = organization is deployment_of(request).organization
    return CoderJSONResponse(organization_json(organization, is_default=is_default))


def _require_provisioner_right(request: Request) -> None:
    _organization_of(request)
    if not rights.can_read_provisioners(viewer_of(request)):
        raise not_found()


def _refuse_unknown(request: Request, known: set[str]) -> None:
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        validations = [(name, f'"{name}" is not a valid query param') for name in unknown]
        raise ApiError(400, "Invalid query parameters.", validations=validations)


async def list_jobs(request: Request) -> Response:
    """`GET …/provisionerjobs`: newest first, 50 unless asked otherwise (contract: fleet.md §6.2)."""
    _require_provisioner_right(request)
    _refuse_unknown(request, _JOB_PARAMETERS)
    deployment = deployment_of(request)
    limit, _ = page_of(request)
    jobs = [job for job in deployment.all_jobs() if _is_wanted(request, job)][: limit or 50]
    return CoderJSONResponse([provisioner_job_json(deployment, job) for job in jobs])


def _is_wanted(request: Request, job: Job) -> bool:
    ids, statuses = _csv(request, "ids"), _csv(request, "status")
    if not statuses <= _JOB_STATUSES:
        wrong = min(statuses - _JOB_STATUSES)
        raise ApiError(
            500,
            "Internal error fetching provisioner jobs.",
            f'pq: invalid input value for enum provisioner_job_status: "{wrong}"',
        )
    initiator = request.query_params.get("initiator", "")
    if initiator and len(initiator) != 36:
        detail = f'Query param "initiator" must be a valid uuid: invalid UUID length: {len(initiator)}'
        raise ApiError(400, "Invalid query parameters.", validations=[("initiator", detail)])
    tags = _tags(request)
    return (
        (not ids or job.id in ids)
        and (not statuses or job.status in statuses)
        and (not initiator or job.initiator_id == initiator.lower())
        and all(job.tags.get(key) == value for key, value in tags.items())
    )


def _csv(request: Request, name: str) -> set[str]:
    return {part for part in request.query_params.get(name, "").split(",") if part}


def _tags(request: Request) -> dict[str, object]:
    text = request.query_params.get("tags", "")
    if not text:
        return {}
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise ApiError(400, "Invalid query parameters.", validations=[("tags", str(error))]) from None
    return tags if isinstance(tags, dict) else {}


async def get_job(request: Request) -> Response:
    """`GET …/provisionerjobs/{job}`."""
    _require_provisioner_right(request)
    deployment, wanted = deployment_of(request), id_of(request, "job_id")
    for job in deployment.all_jobs():
        if job.id == wanted:
            return CoderJSONResponse(provisioner_job_json(deployment, job))
    raise not_found()


async def list_daemons(request: Request) -> Response:
    """`GET …/provisionerdaemons`: offline ones only when asked for (contract: fleet.md §6.2)."""
    _require_provisioner_right(request)
    _refuse_unknown(request, _DAEMON_PARAMETERS)
    deployment, now = deployment_of(request), deployment_of(request).now()
    statuses, ids = _csv(request, "status"), _csv(request, "ids")
    with_offline = flag_of(request, "offline") or "offline" in statuses
    rows = [
        provisioner_daemon_json(deployment, daemon)
        for daemon in deployment.daemons
        if (with_offline or not daemon.is_stale(now)) and (not ids or daemon.id in ids)
    ]
    return CoderJSONResponse([row for row in rows if not statuses or row["status"] in statuses])


# templates and prebuilds


async def list_templates(request: Request) -> Response:
    """`GET /templates`, also below an organization: by name."""
    deployment = deployment_of(request)
    found = sorted(deployment.templates.values(), key=lambda template: template.name)
    return CoderJSONResponse([template_json(deployment, template) for template in found])


async def get_template(request: Request) -> Response:
    """`GET /templates/{id}`."""
    return CoderJSONResponse(template_json(deployment_of(request), template_of(request)))


async def get_version(request: Request) -> Response:
    """`GET /templateversions/{id}`."""
    return CoderJSONResponse(template_version_json(deployment_of(request), version_of(request)))


async def presets(request: Request) -> Response:
    """`GET /templateversions/{id}/presets`: `null` when the version has none."""
    return CoderJSONResponse(presets_json(version_of(request).presets))


def _require_prebuilds(deployment: Deployment) -> None:
    if deployment.entitlements is None:
        raise route_not_found()
    if not deployment.entitlements.get("workspace_prebuilds", False):
        raise ApiError(403, "Prebuilt workspaces is a Premium feature. Contact sales!")


async def get_prebuild_settings(request: Request) -> Response:
    """`GET /prebuilds/settings` (contract: fleet.md §7.5)."""
    deployment = deployment_of(request)
    _require_prebuilds(deployment)
    return CoderJSONResponse({"reconciliation_paused": deployment.prebuilds_paused})


async def put_prebuild_settings(request: Request) -> Response:
    """`PUT /prebuilds/settings`: `304` with an empty body when unchanged."""
    deployment = deployment_of(request)
    _require_prebuilds(deployment)
    if not rights.is_owner_role(viewer_of(request)):
        raise forbidden()
    wanted = bool((await body_of(request)).get("reconciliation_paused"))
    if wanted == deployment.prebuilds_paused:
        return Response(status_code=304)
    deployment.prebuilds_paused = wanted
    return CoderJSONResponse({"reconciliation_paused": wanted})


async def deployment_config(request: Request) -> Response:
    """`GET /deployment/config`: owners and auditors; of all options those of the reconciler (nanoseconds)."""
    viewer = viewer_of(request)
    if not (rights.is_owner_role(viewer) or "auditor" in viewer.roles):
        raise forbidden()
    minute = 60 * 10**9
    prebuilds = {
        "reconciliation_interval": minute,
        "reconciliation_backoff_interval": minute,
        "reconciliation_backoff_lookback": 60 * minute,
        "failure_hard_limit": 3,
    }
    return CoderJSONResponse({"config": {"workspace_prebuilds": prebuilds}, "options": []})


async def invalidate_prebuilds(request: Request) -> Response:
    """`POST /templates/{id}/prebuilds/invalidate`: all its running prebuilds get replaced."""
    deployment, template, viewer = deployment_of(request), template_of(request), viewer_of(request)
    _require_prebuilds(deployment)
    if not (rights.is_owner_role(viewer) or rights.is_template_admin(viewer)):
        raise not_found()
    template.prebuilds_invalidated_at = deployment.now()
    version = deployment.versions[template.active_version_id]
    rows = [
        {"template_name": template.name, "template_version_name": version.name, "preset_name": preset.name}
        for preset in version.presets
        if any(is_running(workspace) for workspace in pool(deployment, preset))
    ]
    return CoderJSONResponse({"invalidated": rows})


# health


async def debug_health(request: Request) -> Response:
    """`GET /debug/health`: owners only; the report is kept ten minutes unless `force=true`."""
    deployment = deployment_of(request)
    if not rights.is_owner_role(viewer_of(request)):
        raise forbidden()
    is_old = deployment.now() - deployment.health_time > timedelta(seconds=_HEALTH_CACHE_S)
    if is_old or flag_of(request, "force"):
        deployment.health_time = deployment.now()
    return CoderJSONResponse(debug_health_json(deployment))


async def health_settings(request: Request) -> Response:
    """`GET /debug/health/settings`."""
    deployment = deployment_of(request)
    if not rights.is_owner_role(viewer_of(request)):
        raise forbidden()
    return CoderJSONResponse({"dismissed_healthchecks": list(deployment.dismissed_healthchecks)})
