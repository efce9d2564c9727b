"""The state as JSON, without a screen: `agentdash fleet --json` and `agentdash agent … --json`, schema 1.

Every key is always there; what is not known is null. Times are RFC 3339 in UTC. New keys may be added under schema 1,
none will change its meaning or vanish.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from agentdash.present.columns import last_seen, verdict_text
from agentdash.present.nextstep import locator, next_step
from agentdash.present.verdicts import NOTHING_TOLD, Told
from agentdash.state.freshness import Fact
from agentdash.state.model import (
    Agent,
    App,
    Build,
    Containers,
    LogLine,
    MetadataItem,
    Port,
    PortShare,
    Script,
    Server,
    Transition,
    Workspace,
)
from agentdash.state.state import State
from agentdash.state.views import Row, rows_of
from agentdash.triage.verdict import Verdict, verdict

SCHEMA = 1

Json = dict[str, Any]


def fleet_json(
    state: State, now: datetime, *, workspaces: Iterable[Workspace] | None = None, told: Told = NOTHING_TOLD
) -> Json:
    """All agents, and the workspaces that have none.

    Args:
        state: What was read.
        now: Server time; ages in verdict texts and `generated_at` are told by it.
        workspaces: Only these, in place of all.
        told: What the diagnosis says of rows.
    """
    chosen = list(state.workspaces.values() if workspaces is None else workspaces)
    chosen.sort(key=lambda w: (w.owner_name, w.name, w.id))
    agents, bare = [], []
    for workspace in chosen:
        for row in rows_of(workspace):
            judged = _judged(state, row, now, told)
            if row.agent is None:
                bare.append(workspace_json(workspace, judged, now))
            else:
                agents.append(agent_row_json(workspace, row.agent, judged, now))
    return {
        "schema": SCHEMA,
        "server": server_json(state.server),
        "generated_at": _time(now),
        "agents": agents,
        "workspaces": bare,
    }


def agent_json(
    state: State,
    workspace: Workspace,
    agent: Agent,
    now: datetime,
    *,
    logs: Sequence[LogLine] | None = None,
    told: Told = NOTHING_TOLD,
) -> Json:
    """One agent with everything its panes show. Facts that were not or could not be read are null, with the reason.

    Args:
        state: What was read, the agent's details included.
        workspace: Its workspace.
        agent: The agent.
        now: Server time.
        logs: Its last lines, if they were read.
        told: What the diagnosis says of rows.
    """
    judged = _judged(state, Row(agent.key, workspace, agent), now, told)
    step = next_step(workspace, judged)
    detail = state.details.get(agent.id)
    ports: Fact[tuple[Port, ...]] = detail.ports if detail is not None else Fact()
    shares: Fact[tuple[PortShare, ...]] = detail.shares if detail is not None else Fact()
    containers: Fact[Containers] = detail.containers if detail is not None else Fact()
    metadata: Fact[tuple[MetadataItem, ...]] = detail.metadata if detail is not None else Fact()
    problems = {
        name: fact.problem
        for name, fact in (("ports", ports), ("containers", containers), ("metadata", metadata))
    }
    body = agent_row_json(workspace, agent, judged, now)
    body |= {
        "next": {"text": step.text or None, "command": step.command or None},
        "healthy": agent.healthy,
        "health_reason": agent.health_reason or None,
        "created_at": _time(agent.created_at),
        "first_connected_at": _time(agent.first_connected_at),
        "disconnected_at": _time(agent.disconnected_at),
        "started_at": _time(agent.started_at),
        "ready_at": _time(agent.ready_at),
        "version": agent.version or None,
        "os": agent.operating_system or None,
        "arch": agent.architecture or None,
        "directory": agent.expanded_directory or agent.directory or None,
        "logs_overflowed": agent.logs_overflowed,
        "latency": [
            {"region": r.region, "ms": _finite(r.ms), "preferred": r.preferred} for r in agent.latency
        ],
        "scripts": [_script_json(s) for s in agent.scripts if not s.is_devcontainer],
        "apps": [_app_json(a) for a in agent.apps],
        "ports": None if ports.value is None else _ports_json(ports.value, shares.value or (), agent.name),
        "devcontainers": _devcontainers_json(containers.value),
        "containers": _containers_json(containers.value),
        "metadata": None if metadata.value is None else [_metadata_json(m) for m in metadata.value],
        "logs": None if logs is None else [_log_json(line, agent) for line in logs],
        "unavailable": {name: p.version_needed or p.title for name, p in problems.items() if p is not None},
    }
    return {
        "schema": SCHEMA,
        "server": server_json(state.server),
        "generated_at": _time(now),
        "agent": body,
    }


def server_json(server: Server) -> Json:
    """The deployment; never a token."""
    return {"url": server.url or None, "version": server.version or None}


def agent_row_json(workspace: Workspace, agent: Agent, judged: Verdict, now: datetime) -> Json:
    """One agent as in the fleet."""
    rtt = agent.rtt if agent.is_connected else None
    return {
        "workspace": workspace.full_name,
        "agent": agent.name,
        "parent": agent.parent_name,
        "id": agent.id,
        "status": agent.status or None,
        "lifecycle": agent.lifecycle or None,
        "verdict": verdict_json(judged, now),
        "template": _template_json(workspace),
        "build": build_json(workspace.build),
        "is_prebuild": workspace.is_prebuild,
        "last_seen": _time(last_seen(agent)),
        "latency_ms": None if rtt is None else _finite(rtt.ms),
        "locator": locator(workspace, agent),
        "is_previous_build": workspace.agents_are_previous,
    }


def workspace_json(workspace: Workspace, judged: Verdict, now: datetime) -> Json:
    """A workspace without agents: stopped, failed or pending."""
    return {
        "workspace": workspace.full_name,
        "id": workspace.id,
        "status": workspace.build.status or None,
        "verdict": verdict_json(judged, now),
        "template": _template_json(workspace),
        "build": build_json(workspace.build),
        "is_prebuild": workspace.is_prebuild,
        "last_used_at": _time(workspace.last_used_at),
    }


def verdict_json(judged: Verdict, now: datetime) -> Json:
    """A verdict; `severity` is 0 well … 4 unusable."""
    return {
        "text": verdict_text(judged, now),
        "severity": int(judged.severity),
        "kind": judged.kind,
        "rule": judged.rule or None,
        "since": _time(judged.since),
    }


def build_json(build: Build) -> Json:
    """A build."""
    return {"number": build.number, "status": build.status or None, "transition": build.transition or None}


def _template_json(workspace: Workspace) -> Json:
    return {"name": workspace.template_name or None, "version": workspace.build.template_version_name or None}


def _script_json(script: Script) -> Json:
    return {
        "name": script.name,
        "on_start": script.run_on_start,
        "on_stop": script.run_on_stop,
        "cron": script.cron or None,
        "status": script.status,
        "exit_code": script.exit_code,
        "log_path": script.log_path or None,
    }


def _app_json(app: App) -> Json:
    latest = app.statuses[0] if app.statuses else None
    return {
        "slug": app.slug,
        "name": app.name or None,
        "health": app.health or None,
        "sharing": app.sharing_level or None,
        "url": app.url or None,
        "status": None
        if latest is None
        else {"state": latest.state, "message": latest.message, "at": _time(latest.created_at)},
    }


def _ports_json(ports: Iterable[Port], shares: Iterable[PortShare], agent_name: str) -> list[Json]:
    levels = {share.port: share.level for share in shares if share.agent_name == agent_name}
    return [
        {"port": p.port, "network": p.network, "process": p.process or None, "shared": levels.get(p.port)}
        for p in ports
    ]


def _devcontainers_json(containers: Containers | None) -> list[Json] | None:
    if containers is None:
        return None
    return [
        {
            "name": d.name or None,
            "folder": d.workspace_folder,
            "status": d.status or None,
            "changed": d.dirty,
            "error": d.error or None,
            "agent": d.agent_name or None,
            "container": None if d.container is None else d.container.name,
        }
        for d in containers.devcontainers
    ]


def _containers_json(containers: Containers | None) -> list[Json] | None:
    if containers is None:
        return None
    return [
        {"id": c.id, "name": c.name, "image": c.image, "status": c.status, "running": c.running}
        for c in containers.containers
    ]


def _metadata_json(item: MetadataItem) -> Json:
    return {
        "key": item.key,
        "name": item.name or None,
        "value": None if item.age_s is None else item.value,
        "error": item.error or None,
        "age_s": item.age_s,
        "stale": item.is_stale,
    }


def _log_json(line: LogLine, agent: Agent) -> Json:
    source = next((s.name for s in agent.log_sources if s.id == line.source_id), None)
    return {
        "id": line.id,
        "at": _time(line.at),
        "level": line.level,
        "source": source or line.source_id or None,
        "text": line.text,
    }


def _judged(state: State, row: Row, now: datetime, told: Told) -> Verdict:
    history: tuple[Transition, ...] = state.history.get(row.key, ())
    seen = state.seen.get(row.workspace.id)
    first = verdict(row.workspace, row.agent, now, history, read_at=None if seen is None else seen.at)
    return told.verdict(row, first)


def _finite(number: float) -> float | None:
    """JSON knows no infinity."""
    return round(number, 3) if math.isfinite(number) else None


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
