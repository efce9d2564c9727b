"""Templates, queue, health and the server itself → the JSON of the wire (contract: fleet.md §6-§9)."""

from __future__ import annotations

import uuid

from agentdash.local.deployment import Deployment, HealthSection
from agentdash.local.records_build import Job, ProvisionerDaemon
from agentdash.local.records_org import PREBUILDS_USER_ID, Organization, Template, TemplateVersion
from agentdash.local.render_build import job_json
from agentdash.local.wire_json import ZERO_UUID, Json, rfc3339, time_or_null

PROVISIONER_API_VERSION = "1.18"
RELAY_REGION_ID = 999
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def buildinfo_json(deployment: Deployment) -> Json:
    """`GET /buildinfo` (contract: README.md §9)."""
    return {
        "external_url": "https://github.com/coder/coder",
        "version": deployment.version,
        "dashboard_url": deployment.url,
        "telemetry": False,
        "workspace_proxy": False,
        "agent_api_version": "1.0",
        "provisioner_api_version": PROVISIONER_API_VERSION,
        "upgrade_message": "",
        "deployment_id": deployment.deployment_id,
        "webpush_public_key": "BIlocalembeddeddeploymenthasnowebpushkey",
    }


def regions_json(deployment: Deployment) -> Json:
    """`GET /regions`: the main server, then the workspace proxies."""
    regions: list[Json] = [_region(deployment, deployment.deployment_id, "primary", is_healthy=True)]
    for name, is_healthy in deployment.proxies.items():
        proxy_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{deployment.deployment_id}"))
        regions.append(_region(deployment, proxy_id, name, is_healthy=is_healthy))
    return {"regions": regions}


def _region(deployment: Deployment, region_id: str, name: str, *, is_healthy: bool) -> Json:
    is_primary = region_id == deployment.deployment_id
    return {
        "id": region_id,
        "name": name,
        "display_name": "Default" if is_primary else name.title(),
        "icon_url": "/emojis/1f3e1.png",
        "healthy": is_healthy,
        "path_app_url": deployment.url if is_primary else f"https://{name}.example.com",
        "wildcard_hostname": deployment.wildcard_hostname if is_primary else "",
    }


def entitlements_json(deployment: Deployment) -> Json:
    """`GET /entitlements` of a licensed build."""
    features: Json = {
        name: {"entitlement": "entitled" if is_enabled else "not_entitled", "enabled": is_enabled}
        for name, is_enabled in (deployment.entitlements or {}).items()
    }
    users = sum(1 for user in deployment.users.values() if user.id != PREBUILDS_USER_ID)
    features["user_limit"] = {"entitlement": "entitled", "enabled": True, "limit": 100, "actual": users}
    return {
        "features": features,
        "warnings": [],
        "errors": [],
        "has_license": True,
        "trial": False,
        "require_telemetry": False,
        "refreshed_at": rfc3339(deployment.now()),
    }


def organization_json(organization: Organization, *, is_default: bool) -> Json:
    """One element of `GET /organizations`."""
    return {
        "id": organization.id,
        "name": organization.name,
        "display_name": organization.display_name,
        "icon": "",
        "description": "",
        "created_at": rfc3339(organization.created_at),
        "updated_at": rfc3339(organization.created_at),
        "is_default": is_default,
    }


def template_json(deployment: Deployment, template: Template) -> Json:
    """One element of `GET /templates`."""
    nothing = {"P50": None, "P95": None}
    return {
        "id": template.id,
        "created_at": rfc3339(template.created_at),
        "updated_at": rfc3339(template.updated_at),
        "organization_id": template.organization_id,
        "organization_name": deployment.organization.name,
        "organization_display_name": deployment.organization.display_name,
        "organization_icon": "",
        "name": template.name,
        "display_name": template.display_name,
        "provisioner": template.provisioner,
        "active_version_id": template.active_version_id,
        "active_user_count": template.active_user_count,
        "build_time_stats": {"delete": nothing, "start": nothing, "stop": nothing},
        "description": template.description,
        "deprecated": False,
        "deprecation_message": "",
        "deleted": False,
        "icon": template.icon,
        "default_ttl_ms": template.default_ttl_ms,
        "activity_bump_ms": 3_600_000,
        "time_til_autostop_notify_ms": 0,
        "autostop_requirement": {"days_of_week": [], "weeks": 1},
        "autostart_requirement": {"days_of_week": list(_WEEKDAYS)},
        "created_by_id": template.created_by_id,
        "created_by_name": deployment.users[template.created_by_id].username,
        "allow_user_autostart": True,
        "allow_user_autostop": True,
        "allow_user_cancel_workspace_jobs": template.allow_user_cancel_workspace_jobs,
        "failure_ttl_ms": 0,
        "time_til_dormant_ms": 0,
        "time_til_dormant_autodelete_ms": 0,
        "require_active_version": template.require_active_version,
        "max_port_share_level": template.max_port_share_level,
        "cors_behavior": "simple",
        "use_classic_parameter_flow": False,
        "agents_allowed": True,
        "disable_module_cache": False,
    }


def template_version_json(deployment: Deployment, version: TemplateVersion) -> Json:
    """`GET /templateversions/{id}`: what a dashboard reads of it."""
    template = deployment.templates[version.template_id]
    author = deployment.users[template.created_by_id]
    return {
        "id": version.id,
        "template_id": version.template_id,
        "organization_id": template.organization_id,
        "created_at": rfc3339(version.created_at),
        "updated_at": rfc3339(version.created_at),
        "name": version.name,
        "message": version.message,
        "job": job_json(deployment, version.job),
        "readme": "",
        "created_by": {"id": author.id, "username": author.username, "name": author.name},
        "archived": False,
        "has_external_agent": version.blueprint.has_external_agent,
    }


# the queue


def provisioner_job_json(deployment: Deployment, job: Job) -> Json:
    """One element of `…/provisionerjobs`: a job with filled `metadata` (contract: fleet.md §6.2)."""
    body = job_json(deployment, job)
    build = deployment.find_build(job.workspace_build_id) if job.workspace_build_id is not None else None
    # A job outlives what it was for: its build may have been deleted, and a dry run has no version of its own here.
    version = deployment.versions.get(build.template_version_id if build else job.template_version_id or "")
    template = None if version is None else deployment.templates.get(version.template_id)
    metadata: Json = {
        "template_version_name": version.name if version is not None else "",
        "template_id": template.id if template is not None else ZERO_UUID,
        "template_name": template.name if template is not None else "",
        "template_display_name": template.display_name if template is not None else "",
        "template_icon": template.icon if template is not None else "",
    }
    if build is not None:
        workspace = deployment.workspaces[build.workspace_id]
        metadata |= {
            "workspace_id": workspace.id,
            "workspace_name": workspace.name,
            "workspace_build_transition": build.transition,
        }
    body["metadata"] = metadata
    if job.worker_id is not None:
        names = {daemon.id: daemon.name for daemon in deployment.daemons}
        body["worker_name"] = names.get(job.worker_id, "")
    if job.status == "pending":
        now = deployment.now()
        workers = [d.id for d in deployment.daemons if d.can_take(job) and not d.is_stale(now)]
        if workers:
            body["available_workers"] = workers
    return body


def provisioner_daemon_json(
    deployment: Deployment, daemon: ProvisionerDaemon, *, is_bare: bool = False
) -> Json:
    """One element of `…/provisionerdaemons`; `is_bare` as in the health report: key, status, jobs null."""
    now = deployment.now()
    mine = [] if is_bare else [job for job in deployment.all_jobs() if job.worker_id == daemon.id]
    current = next((job for job in mine if job.is_active), None)
    previous = next((job for job in mine if not job.is_active), None)
    status = "offline" if daemon.is_stale(now) else "busy" if current is not None else "idle"
    return {
        "id": daemon.id,
        "organization_id": deployment.organization.id,
        "key_id": daemon.key_id,
        "created_at": rfc3339(daemon.created_at),
        "last_seen_at": time_or_null(daemon.last_seen(now)),
        "name": daemon.name,
        "version": daemon.version,
        "api_version": daemon.api_version,
        "provisioners": list(daemon.provisioners),
        "tags": dict(daemon.tags),
        "key_name": None if is_bare else daemon.key_name,
        "status": None if is_bare else status,
        "current_job": None if is_bare else _daemon_job_json(deployment, current),
        "previous_job": None if is_bare else _daemon_job_json(deployment, previous),
    }


def _daemon_job_json(deployment: Deployment, job: Job | None) -> Json | None:
    if job is None:
        return None
    build = deployment.find_build(job.workspace_build_id) if job.workspace_build_id is not None else None
    version = deployment.versions[build.template_version_id if build else job.template_version_id or ""]
    template = deployment.templates[version.template_id]
    return {
        "id": job.id,
        "status": job.status,
        "template_name": template.name,
        "template_icon": template.icon,
        "template_display_name": template.display_name,
    }


# health


def derp_region_json(deployment: Deployment) -> Json:
    """The embedded relay as a region of the DERP map."""
    host, _, port = deployment.url.rpartition("://")[2].partition(":")
    return {
        "EmbeddedRelay": True,
        "RegionID": RELAY_REGION_ID,
        "RegionCode": "coder",
        "RegionName": "Coder Embedded Relay",
        "Nodes": [
            {
                "Name": f"{RELAY_REGION_ID}b",
                "RegionID": RELAY_REGION_ID,
                "HostName": host,
                "STUNPort": -1,
                "DERPPort": int(port) if port.isdigit() else 80,
                "ForceHTTP": True,
            }
        ],
    }


def derp_map_json(deployment: Deployment) -> Json:
    """The DERP map of `/derp-map` and of the connection info."""
    return {"Regions": {str(RELAY_REGION_ID): derp_region_json(deployment)}}


def connection_info_json(deployment: Deployment) -> Json:
    """`…/connection` (contract: agents.md §7)."""
    return {
        "derp_map": derp_map_json(deployment),
        "derp_force_websockets": False,
        "disable_direct_connections": False,
        "hostname_suffix": "coder",
    }


def debug_health_json(deployment: Deployment) -> Json:
    """`GET /debug/health` (contract: fleet.md §8)."""
    facts: dict[str, Json] = {
        "derp": _derp_health_json(deployment),
        "access_url": {
            "access_url": deployment.url,
            "reachable": True,
            "status_code": 200,
            "healthz_response": "OK",
        },
        "websocket": {"body": "", "code": 101},
        "database": {"reachable": True, "latency": "91.4µs", "latency_ms": 0, "threshold_ms": 15},
        "workspace_proxy": {"workspace_proxies": {"regions": []}},
        "provisioner_daemons": {
            "items": [
                {
                    "provisioner_daemon": provisioner_daemon_json(deployment, daemon, is_bare=True),
                    "warnings": [],
                }
                for daemon in deployment.daemons
            ]
        },
    }
    sections = {name: deployment.health.get(name, HealthSection()) for name in facts}
    severities = [section.severity for section in sections.values()]
    worst = next((level for level in ("error", "warning") if level in severities), "ok")
    body: Json = {
        "time": rfc3339(deployment.health_time),
        "healthy": worst != "error",
        "severity": worst,
        "coder_version": deployment.version,
    }
    for name, section in sections.items():
        part: Json = {
            "severity": section.severity,
            "warnings": [{"code": code, "message": message} for code, message in section.warnings],
            "dismissed": name in deployment.dismissed_healthchecks,
            **facts[name],
            **section.extra,
        }
        if name != "provisioner_daemons":
            part["healthy"] = section.severity != "error"
        if section.error:
            part["error"] = section.error
        body[name] = part
    return body


def _derp_health_json(deployment: Deployment) -> Json:
    region = derp_region_json(deployment)
    nodes = region["Nodes"]
    assert isinstance(nodes, list)
    log = ["derphttp.Client.Connect: connecting to " + deployment.url + "/derp"]
    report: Json = {
        "healthy": True,
        "severity": "ok",
        "warnings": [],
        "node": nodes[0],
        "node_info": {"TokenBucketBytesPerSecond": 0, "TokenBucketBytesBurst": 0},
        "can_exchange_messages": True,
        "round_trip_ping": "204.5µs",
        "round_trip_ping_ms": 0,
        "uses_websocket": False,
        "client_logs": [log, log],
        "client_errs": [[], []],
        "stun": {"Enabled": False, "CanSTUN": False, "Error": None},
    }
    regions: Json = {
        str(RELAY_REGION_ID): {
            "healthy": True,
            "severity": "ok",
            "warnings": [],
            "region": region,
            "node_reports": [report],
        }
    }
    return {
        "regions": regions,
        "netcheck": _netcheck_json(),
        "netcheck_logs": ["netcheck: [v1] report: udp=false"],
    }


def _netcheck_json() -> Json:
    latency = {str(RELAY_REGION_ID): 331_559}
    return {
        "UDP": False,
        "IPv6": False,
        "IPv4": True,
        "IPv6CanSend": False,
        "IPv4CanSend": False,
        "OSHasIPv6": True,
        "ICMPv4": False,
        "MappingVariesByDestIP": None,
        "HairPinning": None,
        "UPnP": False,
        "PMP": False,
        "PCP": False,
        "PreferredDERP": RELAY_REGION_ID,
        "RegionLatency": latency,
        "RegionV4Latency": latency,
        "RegionV6Latency": {},
        "GlobalV4": "",
        "GlobalV6": "",
        "CaptivePortal": None,
    }
