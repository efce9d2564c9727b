"""Schema → model. Every string of the network passes the gate of `text/` here, and nowhere else.

Functions are total: whatever the schema let through becomes a value of the model. Lists that name things by key (agents,
log sources) keep their keys unique, so that no hostile name can shadow another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from immutables import Map

from agentdash.api import schema
from agentdash.state import model
from agentdash.state.convert_detail import (
    agent_node,
    build_log_line,
    connection,
    containers,
    log_line,
    metadata,
    ports,
    shares,
    timings,
)
from agentdash.state.freshness import Problem
from agentdash.state.gate import SENTENCE_LIMIT, name, sentence
from agentdash.state.gate import name as _name
from agentdash.state.gate import sentence as _sentence
from agentdash.text.safe import clean_block

__all__ = [
    "ErrorLike",
    "agent",
    "agent_node",
    "build",
    "build_log_line",
    "connection",
    "containers",
    "features",
    "job",
    "log_line",
    "metadata",
    "name",
    "ports",
    "problem",
    "sentence",
    "shares",
    "timings",
    "user",
    "words",
    "workspace",
]

_NANOSECONDS = 1_000_000_000
ONLY_SOURCE = model.LogSource("", "Startup Script", None)
"""The log's only source on servers before 2.2, whose lines name none (contract: changes.md §4.1)."""
_START_RESULTS = {"ready": "ok", "start_error": "exit_failure", "start_timeout": "timed_out"}
_STOP_RESULTS = {"off": "ok", "shutdown_error": "exit_failure", "shutdown_timeout": "timed_out"}


class ErrorLike(Protocol):
    """What a problem is made of: the base of api/errors, which this room does not import."""

    title: str
    detail: str
    next_step: str
    status: int
    request_id: str


def problem(error: ErrorLike) -> Problem:
    """A typed error in cleaned words."""
    return Problem(
        kind=type(error).__name__,
        title=_name(error.title),
        detail=_sentence(error.detail),
        next_step=_sentence(error.next_step),
        status=error.status or None,
        request_id=_name(error.request_id),
    )


def user(raw: schema.User) -> model.User:
    """Who is logged in."""
    return model.User(
        id=_name(raw.id),
        username=_name(raw.username),
        name=_name(raw.name),
        roles=tuple(model.Role(_name(r.name), _name(r.organization_id)) for r in raw.roles),
        organization_ids=tuple(_name(o) for o in raw.organization_ids),
        status=_name(raw.status),
    )


def features(raw: schema.Entitlements) -> Map[str, bool]:
    """Licensed features by name, and whether each is enabled."""
    return Map({_name(name): feature.enabled for name, feature in raw.features.items()})


def words(raw: Iterable[str]) -> tuple[str, ...]:
    """A list of names, e.g. experiments."""
    return tuple(_name(word) for word in raw)


def workspace(raw: schema.Workspace) -> model.Workspace:
    """A workspace with its latest build's agents."""
    workspace_id = _name(raw.id)
    health = raw.health
    owner_id = _name(raw.owner_id)
    is_prebuild = raw.is_prebuild if raw.is_prebuild is not None else owner_id == model.PREBUILDS_USER_ID
    return model.Workspace(
        id=workspace_id,
        name=_name(raw.name),
        owner_id=owner_id,
        owner_name=_name(raw.owner_name),
        build=build(raw.latest_build, workspace_id),
        agents=_agents(raw.latest_build, workspace_id),
        organization_id=_name(raw.organization_id),
        organization_name=_name(raw.organization_name),
        template_id=_name(raw.template_id),
        template_name=_name(raw.template_name),
        template_display_name=_name(raw.template_display_name),
        template_active_version_id=_name(raw.template_active_version_id),
        template_allow_user_cancel=raw.template_allow_user_cancel_workspace_jobs,
        template_require_active_version=raw.template_require_active_version,
        created_at=raw.created_at,
        last_used_at=raw.last_used_at,
        dormant_at=raw.dormant_at,
        deleting_at=raw.deleting_at,
        outdated=raw.outdated,
        is_prebuild=is_prebuild,
        healthy=None if health is None else health.healthy,
        failing_agents=() if health is None else words(health.failing_agents),
        app_status=None if raw.latest_app_status is None else _app_status(raw.latest_app_status),
        favorite=raw.favorite,
        autostart_schedule=_name(raw.autostart_schedule),
        ttl_s=None if raw.ttl_ms is None else raw.ttl_ms / 1000,
        automatic_updates=_name(raw.automatic_updates),
        task_id=None if raw.task_id is None else _name(raw.task_id),
        next_start_at=raw.next_start_at,
    )


def build(raw: schema.Build, workspace_id: str = "") -> model.Build:
    """A build; its agents belong to the workspace and are left out."""
    matched = raw.matched_provisioners
    return model.Build(
        id=_name(raw.id),
        workspace_id=_name(raw.workspace_id) or workspace_id,
        number=raw.build_number,
        transition=_name(raw.transition),
        status=_name(raw.status),
        job=job(raw.job),
        created_at=raw.created_at,
        updated_at=raw.updated_at,
        reason=_name(raw.reason),
        initiator_id=_name(raw.initiator_id),
        initiator_name=_name(raw.initiator_name),
        template_version_id=_name(raw.template_version_id),
        template_version_name=_name(raw.template_version_name),
        preset_id=None if raw.template_version_preset_id is None else _name(raw.template_version_preset_id),
        resources=tuple(_resource(r) for r in raw.resources or ()),
        deadline=raw.deadline,
        max_deadline=raw.max_deadline,
        daily_cost=raw.daily_cost,
        matched=None
        if matched is None
        else model.MatchedProvisioners(matched.count, matched.available, matched.most_recently_seen),
        has_external_agent=bool(raw.has_external_agent),
        has_ai_task=bool(raw.has_ai_task),
        has_lists=_has_lists(raw),
    )


def _has_lists(raw: schema.Build) -> bool:
    """Whether resources and agents are lists; a resource without agents leaves them out (contract: fleet.md §2.1)."""
    resources = raw.resources
    return resources is not None and not any(r.agents is None and r.knows("agents") for r in resources)


def job(raw: schema.Job) -> model.Job:
    """A provisioner job."""
    return model.Job(
        id=_name(raw.id),
        status=_name(raw.status),
        created_at=raw.created_at,
        started_at=raw.started_at,
        completed_at=raw.completed_at,
        canceled_at=raw.canceled_at,
        error=clean_block(raw.error, SENTENCE_LIMIT * 2),
        error_code=_name(raw.error_code),
        worker_id=_name(raw.worker_id or ""),
        worker_name=_name(raw.worker_name),
        queue_position=raw.queue_position,
        queue_size=raw.queue_size,
        tags=Map({_name(key): _name(value) for key, value in raw.tags.items()}),
        logs_overflowed=raw.logs_overflowed,
    )


def agent(
    raw: schema.Agent, workspace_id: str, parent_name: str | None = None, resource_name: str = ""
) -> model.Agent:
    """An agent.

    Args:
        raw: As the server sends it.
        workspace_id: The workspace it belongs to; an agent read on its own does not say.
        parent_name: Name of the agent that hosts its devcontainer.
        resource_name: Name of the resource it runs on.
    """
    cleaned = _name(raw.name)
    health = raw.health
    sources = tuple(
        model.LogSource(_name(s.id), _name(s.display_name) or _name(s.id)[:8], s.created_at)
        for s in raw.log_sources
    )
    source_names = {source.id: source.name for source in sources}
    scripts = tuple(_script(s, source_names) for s in raw.scripts)
    if not raw.knows("scripts") and (raw.knows("startup_script") or raw.knows("login_before_ready")):
        sources, scripts = (ONLY_SOURCE,), _only_scripts(raw)
    return model.Agent(
        id=_name(raw.id),
        key=model.agent_key(workspace_id, cleaned, parent_name),
        workspace_id=workspace_id,
        name=cleaned,
        status=_name(raw.status),
        lifecycle=_name(raw.lifecycle_state),
        parent_id=None if raw.parent_id is None else _name(raw.parent_id),
        parent_name=parent_name,
        resource_id=_name(raw.resource_id),
        resource_name=resource_name,
        created_at=raw.created_at,
        first_connected_at=raw.first_connected_at,
        last_connected_at=raw.last_connected_at,
        disconnected_at=raw.disconnected_at,
        started_at=raw.started_at,
        ready_at=raw.ready_at,
        healthy=None if health is None else health.healthy,
        health_reason="" if health is None else _sentence(health.reason),
        operating_system=_name(raw.operating_system),
        architecture=_name(raw.architecture),
        version=_name(raw.version),
        api_version=_name(raw.api_version),
        directory=_name(raw.directory),
        expanded_directory=_name(raw.expanded_directory),
        instance_id=_name(raw.instance_id),
        connection_timeout_s=-1 if raw.connection_timeout_seconds is None else raw.connection_timeout_seconds,
        troubleshooting_url=_name(raw.troubleshooting_url),
        startup_script_behavior=_name(raw.startup_script_behavior),
        subsystems=words(raw.subsystems),
        display_apps=None if raw.display_apps is None else words(raw.display_apps),
        logs_length=raw.logs_length,
        logs_overflowed=raw.logs_overflowed,
        latency=tuple(
            model.RegionLatency(_name(region), latency.latency_ms, latency.preferred)
            for region, latency in sorted(raw.latency.items())
            if latency.latency_ms is not None and latency.latency_ms >= 0
        ),
        scripts=scripts,
        log_sources=sources,
        apps=tuple(_app(a) for a in raw.apps),
        metadata=metadata(raw.metadata),
    )


def _agents(raw: schema.Build, workspace_id: str) -> tuple[model.Agent, ...]:
    found = [(a, _name(r.name)) for r in raw.resources or () for a in r.agents or () if a.id]
    names = {_name(a.id): _name(a.name) for a, _ in found}
    agents: list[model.Agent] = []
    keys: set[str] = set()
    ids: set[str] = set()
    for item, resource_name in found:
        parent = None if item.parent_id is None else names.get(_name(item.parent_id))
        made = agent(item, workspace_id, parent, resource_name)
        if made.id in ids:
            continue
        if made.key in keys:
            made = agent(item, workspace_id, f"{parent or ''}#{made.id}", resource_name)
        keys.add(made.key)
        ids.add(made.id)
        agents.append(made)
    return tuple(agents)


def _only_scripts(raw: schema.Agent) -> tuple[model.Script, ...]:
    """The one script each for start and stop of servers up to v2.1; their result is the agent's lifecycle."""
    found: list[model.Script] = []
    if raw.startup_script:
        found.append(
            model.Script(
                id="startup",
                name=ONLY_SOURCE.name,
                source_id=ONLY_SOURCE.id,
                run_on_start=True,
                blocks_login=raw.login_before_ready is False,
                timeout_s=raw.startup_script_timeout_seconds or None,
                status=_START_RESULTS.get(raw.lifecycle_state),
            )
        )
    if raw.shutdown_script:
        found.append(
            model.Script(
                id="shutdown",
                name="Shutdown Script",
                source_id=ONLY_SOURCE.id,
                run_on_stop=True,
                timeout_s=raw.shutdown_script_timeout_seconds or None,
                status=_STOP_RESULTS.get(raw.lifecycle_state),
            )
        )
    return tuple(found)


def _script(raw: schema.Script, source_names: dict[str, str]) -> model.Script:
    source_id = _name(raw.log_source_id)
    shown = _name(raw.display_name) or source_names.get(source_id, "") or "script"
    is_triggered = raw.run_on_start or raw.run_on_stop or bool(raw.cron)
    return model.Script(
        id=_name(raw.id) or source_id,
        name=shown,
        source_id=source_id,
        log_path=_name(raw.log_path),
        cron=_name(raw.cron),
        run_on_start=raw.run_on_start,
        run_on_stop=raw.run_on_stop,
        blocks_login=raw.start_blocks_login,
        timeout_s=raw.timeout / _NANOSECONDS if raw.timeout > 0 else None,
        exit_code=raw.exit_code,
        status=_name(raw.status) or None,
        is_devcontainer=not is_triggered and shown.startswith("Dev Container ("),
    )


def _app(raw: schema.App) -> model.App:
    check = raw.healthcheck
    slug = _name(raw.slug)
    return model.App(
        id=_name(raw.id),
        slug=slug,
        name=_name(raw.display_name) or slug,
        url=_name(raw.url),
        external=raw.external,
        command=_sentence(raw.command),
        subdomain=raw.subdomain,
        subdomain_name=_name(raw.subdomain_name),
        sharing_level=_name(raw.sharing_level),
        health=_name(raw.health) or "disabled",
        healthcheck_url="" if check is None else _name(check.url),
        healthcheck_interval_s=0 if check is None else check.interval,
        healthcheck_threshold=0 if check is None else check.threshold,
        group=_name(raw.group),
        hidden=raw.hidden,
        open_in=_name(raw.open_in),
        tooltip=_sentence(raw.tooltip),
        statuses=tuple(_app_status(s) for s in raw.statuses),
    )


def _app_status(raw: schema.AppStatus) -> model.AppStatus:
    return model.AppStatus(
        state=_name(raw.state),
        message=_sentence(raw.message),
        uri=_sentence(raw.uri),
        created_at=raw.created_at,
        app_id=_name(raw.app_id),
        agent_id=_name(raw.agent_id),
    )


def _resource(raw: schema.Resource) -> model.Resource:
    return model.Resource(
        id=_name(raw.id),
        type=_name(raw.type),
        name=_name(raw.name),
        hide=raw.hide,
        metadata=tuple(
            # A sensitive value arrives in clear and goes no further.
            model.ResourceMetadata(_name(m.key), "" if m.sensitive else _sentence(m.value), m.sensitive)
            for m in raw.metadata
        ),
        daily_cost=raw.daily_cost,
    )
