"""Agents, their logs, ports, containers and metadata → the JSON of the wire (contract: agents.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from agentdash.local.records import (
    Agent,
    App,
    AppStatus,
    Container,
    Containers,
    Devcontainer,
    LogLine,
    LogSource,
    MetadataItem,
    Port,
    Script,
)
from agentdash.local.wire_json import (
    NEVER_COLLECTED_AGE_S,
    ZERO_TIME_TEXT,
    Json,
    rfc3339,
    without_empty,
)


def agent_json(agent: Agent, now: datetime, *, with_metadata: Sequence[str] = ()) -> Json:
    """The agent object (contract: agents.md §2.1); `with_metadata` = keys asked by `include_agent_metadata`."""
    reason = agent.health_reason(now)
    contact = agent.last_contact(now)
    gone = agent.disconnected_time(now)
    optional = {
        "first_connected_at": agent.first_connected_at and rfc3339(agent.first_connected_at),
        "last_connected_at": contact and rfc3339(contact),
        "disconnected_at": gone and rfc3339(gone),
        "started_at": agent.started_at and rfc3339(agent.started_at),
        "ready_at": agent.ready_at and rfc3339(agent.ready_at),
        "instance_id": agent.instance_id,
        "directory": agent.directory,
        "expanded_directory": agent.expanded_directory,
        "latency": {
            region: {"preferred": latency.preferred, "latency_ms": latency.latency_ms}
            for region, latency in agent.latency.items()
        },
        "metadata": [
            metadata_item_json(item, now, blank_script=True)
            for item in agent.metadata
            if item.key in with_metadata
        ],
    }
    health: Json = {"healthy": not reason}
    if reason:
        health["reason"] = reason
    return {
        "id": agent.id,
        "parent_id": agent.parent_id,
        "created_at": rfc3339(agent.created_at),
        "updated_at": rfc3339(agent.updated_time(now)),
        "status": agent.status(now),
        "lifecycle_state": agent.lifecycle_state,
        "name": agent.name,
        "resource_id": agent.resource_id,
        "architecture": agent.architecture,
        "environment_variables": agent.environment_variables,
        "operating_system": agent.operating_system,
        "logs_length": agent.logs_length,
        "logs_overflowed": agent.logs_overflowed,
        "version": agent.version,
        "api_version": agent.api_version,
        "apps": [app_json(app, agent) for app in agent.apps],
        "connection_timeout_seconds": agent.connection_timeout_s,
        "troubleshooting_url": agent.troubleshooting_url,
        "subsystems": list(agent.subsystems),
        "health": health,
        "display_apps": list(agent.display_apps),
        "log_sources": [log_source_json(source, agent.id) for source in agent.log_sources],
        "scripts": [script_json(script) for script in sorted(agent.scripts, key=lambda script: script.id)],
        "startup_script_behavior": agent.startup_script_behavior(),
        **without_empty(dict(optional)),
    }


def log_source_json(source: LogSource, agent_id: str) -> Json:
    """One element of `log_sources[]`."""
    return {
        "workspace_agent_id": agent_id,
        "id": source.id,
        "created_at": rfc3339(source.created_at),
        "display_name": source.display_name,
        "icon": source.icon,
    }


def script_json(script: Script) -> Json:
    """One element of `scripts[]`; `timeout` in nanoseconds."""
    result: Json = {
        "id": script.id,
        "log_source_id": script.log_source_id,
        "log_path": script.log_path,
        "script": script.script,
        "cron": script.cron,
        "run_on_start": script.run_on_start,
        "run_on_stop": script.run_on_stop,
        "start_blocks_login": script.start_blocks_login,
        "timeout": round(script.timeout_s * 1_000_000_000),
        "display_name": script.display_name,
    }
    if script.status is not None:
        result["exit_code"] = script.exit_code
        result["status"] = script.status
    return result


def app_json(app: App, agent: Agent) -> Json:
    """One element of `apps[]`."""
    optional = {
        "url": app.url,
        "display_name": app.display_name,
        "command": app.command,
        "icon": app.icon,
        "subdomain_name": app.subdomain_name,
        "group": app.group,
        "tooltip": app.tooltip,
    }
    return {
        "id": app.id,
        "external": app.external,
        "slug": app.slug,
        "subdomain": app.subdomain,
        "sharing_level": app.sharing_level,
        "healthcheck": {
            "url": app.healthcheck_url,
            "interval": app.healthcheck_interval_s,
            "threshold": app.healthcheck_threshold,
        },
        "health": app.health,
        "hidden": app.hidden,
        "open_in": app.open_in,
        "statuses": [app_status_json(status, app.id, agent) for status in app.statuses],
        **without_empty(dict(optional)),
    }


def app_status_json(status: AppStatus, app_id: str, agent: Agent) -> Json:
    """One element of `apps[].statuses`, also `latest_app_status`."""
    return {
        "id": status.id,
        "created_at": rfc3339(status.created_at),
        "workspace_id": agent.workspace_id,
        "agent_id": agent.id,
        "app_id": app_id,
        "state": status.state,
        "message": status.message,
        "uri": status.uri,
        "icon": "",
        "needs_user_attention": False,
    }


def agent_log_json(line: LogLine) -> Json:
    """One agent log line (contract: agents.md §3.2)."""
    return {
        "id": line.id,
        "created_at": rfc3339(line.created_at),
        "output": line.output,
        "level": line.level,
        "source_id": line.source_id,
    }


def agent_logs_json(lines: Iterable[LogLine]) -> list[Json]:
    """The array of `GET …/logs` and of one follow message."""
    return [agent_log_json(line) for line in lines]


def agent_logs_text(agent: Agent, lines: Iterable[LogLine]) -> str:
    """`format=text`: one line each, times cut to seconds (contract: agents.md §3.2)."""
    rows = []
    for line in lines:
        source = agent.source_name(line.source_id)
        bar = f"|{source}" if source else ""
        moment = rfc3339(line.created_at.replace(microsecond=0))
        rows.append(f"{moment} [{line.level}] [agent.{agent.name}{bar}] {line.output}\n")
    return "".join(rows)


def metadata_item_json(item: MetadataItem, now: datetime, *, blank_script: bool = False) -> Json:
    """One element of the metadata stream's array (contract: agents.md §6)."""
    never = item.collected_at is None
    age = (
        NEVER_COLLECTED_AGE_S if item.collected_at is None else int((now - item.collected_at).total_seconds())
    )
    return {
        "result": {
            "collected_at": ZERO_TIME_TEXT if item.collected_at is None else rfc3339(item.collected_at),
            "age": age if never else max(0, age),
            "value": item.value,
            "error": item.error,
        },
        "description": {
            "display_name": item.display_name,
            "key": item.key,
            "script": "" if blank_script else item.script,
            "interval": item.interval_s,
            "timeout": item.timeout_s,
        },
    }


def metadata_json(agent: Agent, now: datetime) -> list[Json]:
    """The complete array that the metadata streams send."""
    return [metadata_item_json(item, now) for item in agent.metadata]


def ports_json(ports: Iterable[Port]) -> Json:
    """`GET …/listening-ports`; the filters of the contract (agents.md §4) are the caller's."""
    return {
        "ports": [
            {"process_name": port.process_name, "network": port.network, "port": port.port} for port in ports
        ]
    }


def container_json(container: Container) -> Json:
    """One element of `containers[]`."""
    ports: list[Json] = []
    for port in container.ports:
        row: Json = {"port": port.port, "network": port.network}
        if port.host_port is not None:
            row |= {"host_ip": port.host_ip, "host_port": port.host_port}
        ports.append(row)
    return {
        "created_at": rfc3339(container.created_at),
        "id": container.id,
        "name": container.name,
        "image": container.image,
        "labels": container.labels,
        "running": container.running,
        "ports": ports,
        "status": container.status,
        "volumes": dict(container.volumes),
    }


def devcontainer_json(devcontainer: Devcontainer) -> Json:
    """One element of `devcontainers[]` (contract: agents.md §5.2)."""
    optional: Json = {"config_path": devcontainer.config_path, "error": devcontainer.error}
    if devcontainer.container is not None:
        optional["container"] = container_json(devcontainer.container)
    if devcontainer.agent_id is not None:
        optional["agent"] = {
            "id": devcontainer.agent_id,
            "name": devcontainer.agent_name,
            "directory": devcontainer.agent_directory,
        }
    return {
        "id": devcontainer.id,
        "name": devcontainer.name,
        "workspace_folder": devcontainer.workspace_folder,
        "subagent_id": devcontainer.subagent_id,
        "status": devcontainer.status,
        "dirty": devcontainer.dirty,
        **without_empty(optional),
    }


def containers_json(answer: Containers, labels: Iterable[tuple[str, str]] = ()) -> Json:
    """`GET …/containers` and each watch frame; `labels` filter the containers only (agents.md §5.1)."""
    wanted = tuple(labels)
    shown = [
        container
        for container in answer.containers
        if all((container.labels or {}).get(key) == value for key, value in wanted)
    ]
    body: Json = {
        "devcontainers": [
            devcontainer_json(item)
            for item in sorted(answer.devcontainers, key=lambda item: item.workspace_folder)
        ]
        or None,
        "containers": [container_json(container) for container in shown],
    }
    if answer.warnings:
        body["warnings"] = list(answer.warnings)
    return body
