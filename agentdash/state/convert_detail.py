"""Schema → model for what is read of an opened agent: logs, ports, containers, network, timings, metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from immutables import Map

from agentdash.api import schema
from agentdash.state import model
from agentdash.state.gate import name as _name
from agentdash.state.gate import sentence as _sentence
from agentdash.text.safe import clean_block
from agentdash.text.sgr import parse

SENTENCE_LIMIT = 2048
_LONGEST_ID = 9
_NO_LATENCY_S = 600.0
"""What takes longer than this, or is no number at all, is no latency."""
_NEVER_COLLECTED_S = 4_000_000_000
"""Ages above this many seconds (126 years) mean "never" (contract: agents.md §6)."""


class NodeLike(Protocol):
    """A node as api/tailnet gives it, which this room does not import."""

    @property
    def home_region(self) -> int: ...
    @property
    def latency_s(self) -> Mapping[str, float]: ...
    @property
    def forced_websockets(self) -> Mapping[int, str]: ...
    @property
    def endpoints(self) -> tuple[str, ...]: ...
    @property
    def as_of(self) -> datetime | None: ...


def metadata(raw: Iterable[schema.MetadataItem]) -> tuple[model.MetadataItem, ...]:
    """A complete snapshot of an agent's metadata, in the template's order."""
    return tuple(_metadata_item(item) for item in raw)


def log_line(raw: schema.AgentLog) -> model.LogLine:
    """A line of an agent's log; colours become spans, anything else of a terminal's language becomes text."""
    styled = parse(raw.output)
    return model.LogLine(
        raw.id, raw.created_at, _name(raw.source_id), _name(raw.level) or "info", styled.text, styled.spans
    )


def build_log_line(raw: schema.BuildLog) -> model.LogLine:
    """A line of a build's log; its stage stands in place of a source."""
    styled = parse(raw.output)
    return model.LogLine(
        raw.id, raw.created_at, _name(raw.stage), _name(raw.log_level) or "info", styled.text, styled.spans
    )


def ports(raw: schema.ListeningPorts) -> tuple[model.Port, ...]:
    """Listening ports by number; the server sends them in no order."""
    found = (model.Port(p.port, _name(p.network), _name(p.process_name)) for p in raw.ports)
    return tuple(sorted(found, key=lambda p: (p.port, p.network)))


def shares(raw: schema.PortShares) -> tuple[model.PortShare, ...]:
    """Shared ports of a workspace."""
    return tuple(
        model.PortShare(_name(s.agent_name), s.port, _name(s.share_level), _name(s.protocol))
        for s in raw.shares
    )


def containers(raw: schema.ContainersResponse) -> model.Containers:
    """Devcontainers by folder, containers by name."""
    devcontainers = (_devcontainer(d) for d in raw.devcontainers)
    plain = (_container(c) for c in raw.containers)
    return model.Containers(
        devcontainers=tuple(sorted(devcontainers, key=lambda d: d.workspace_folder)),
        containers=tuple(sorted(plain, key=lambda c: (not c.running, c.name))),
        warnings=tuple(_sentence(w) for w in raw.warnings),
    )


def connection(raw: schema.ConnectionInfo) -> model.Connection:
    """Network settings of the deployment."""
    regions = () if raw.derp_map is None else raw.derp_map.regions.values()
    return model.Connection(
        regions=tuple(
            model.DerpRegion(
                r.region_id,
                _name(r.region_code),
                _name(r.region_name),
                r.embedded_relay,
                tuple(_name(n.host_name) for n in r.nodes),
                stun_only=bool(r.nodes) and all(n.stun_only for n in r.nodes),
            )
            for r in sorted(regions, key=lambda r: r.region_id)
        ),
        # A server of before the field has no opinion; False would be one.
        force_websockets=raw.derp_force_websockets if raw.knows("derp_force_websockets") else None,
        disable_direct=raw.disable_direct_connections if raw.knows("disable_direct_connections") else None,
        hostname_suffix=_name(raw.hostname_suffix),
    )


def agent_node(raw: NodeLike) -> model.AgentNode:
    """An agent's word about its connection. Latencies come in seconds by region id and address family."""
    latencies = Map[int, float]()
    for key, seconds in raw.latency_s.items():
        region, _, _family = key.partition("-")
        if not region.isdecimal() or len(region) > _LONGEST_ID or not 0 <= seconds < _NO_LATENCY_S:
            continue
        known = latencies.get(int(region))
        latencies = latencies.set(
            int(region), seconds * 1000 if known is None else min(known, seconds * 1000)
        )
    return model.AgentNode(
        home_id=raw.home_region,
        latency_ms=latencies,
        forced_websockets=Map({region: _sentence(why) for region, why in raw.forced_websockets.items()}),
        endpoints=tuple(_name(endpoint) for endpoint in raw.endpoints),
        as_of=raw.as_of,
    )


def timings(raw: schema.BuildTimings, build_id: str) -> model.Timings:
    """Timings of a build. Entries without both times say nothing and are left out."""
    provisioner = [
        model.Timing(
            _name(step.stage),
            _name(step.resource),
            step.started_at,
            step.ended_at,
            source=_name(step.source),
            action=_name(step.action),
        )
        for step in raw.provisioner_timings
        if step.started_at and step.ended_at
    ]
    scripts = [
        model.Timing(
            _name(s.stage),
            _name(s.display_name),
            s.started_at,
            s.ended_at,
            agent_id=_name(s.workspace_agent_id),
            agent_name=_name(s.workspace_agent_name),
            exit_code=s.exit_code,
            status=_name(s.status),
        )
        for s in raw.agent_script_timings
        if s.started_at and s.ended_at
    ]
    connections = [
        model.Timing(
            _name(c.stage),
            _name(c.workspace_agent_name),
            c.started_at,
            c.ended_at,
            agent_id=_name(c.workspace_agent_id),
            agent_name=_name(c.workspace_agent_name),
        )
        for c in raw.agent_connection_timings
        if c.started_at and c.ended_at
    ]
    by_start = lambda timing: timing.started_at  # noqa: E731  # one key for three lists
    return model.Timings(
        build_id,
        tuple(sorted(provisioner, key=by_start)),
        tuple(sorted(scripts, key=by_start)),
        tuple(sorted(connections, key=by_start)),
    )


def _metadata_item(raw: schema.MetadataItem) -> model.MetadataItem:
    result, description = raw.result, raw.description
    never = result.collected_at is None or result.age > _NEVER_COLLECTED_S
    value = parse(result.value.strip("\n").replace("\n", " ⏎ ")).text
    key = _name(description.key)
    return model.MetadataItem(
        key=key,
        name=_name(description.display_name) or key,
        value="" if never else value,
        error=_sentence(result.error.strip().replace("\n", ": ")),
        age_s=None if never else max(0, result.age),
        interval_s=description.interval,
        timeout_s=description.timeout,
    )


def _devcontainer(raw: schema.Devcontainer) -> model.Devcontainer:
    hosted = raw.agent
    return model.Devcontainer(
        id=_name(raw.id),
        name=_name(raw.name) or _name(raw.workspace_folder).rsplit("/", 1)[-1],
        workspace_folder=_name(raw.workspace_folder),
        status=_name(raw.status),
        dirty=raw.dirty,
        config_path=_name(raw.config_path),
        subagent_id=None if raw.subagent_id is None else _name(raw.subagent_id),
        agent_id=None if hosted is None else _name(hosted.id),
        agent_name="" if hosted is None else _name(hosted.name),
        agent_directory="" if hosted is None else _name(hosted.directory),
        container=None if raw.container is None else _container(raw.container),
        error=clean_block(raw.error, SENTENCE_LIMIT),
    )


def _container(raw: schema.Container) -> model.Container:
    return model.Container(
        id=_name(raw.id),
        name=_name(raw.name),
        image=_name(raw.image),
        status=_name(raw.status),
        running=raw.running,
        created_at=raw.created_at,
        ports=tuple(
            model.ContainerPort(p.port, _name(p.network), _name(p.host_ip), p.host_port or None)
            for p in raw.ports
        ),
        labels=Map({_name(key): _name(value) for key, value in raw.labels.items()}),
        volumes=Map({_name(key): _name(value) for key, value in raw.volumes.items()}),
    )
