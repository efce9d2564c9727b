"""Schema → `state/deployment`. Every string passes the gate of `text/`, through `state/convert`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from immutables import Map

from agentdash.api import schema
from agentdash.state import convert, deployment
from agentdash.state.deployment import BuildSummary, LogTail
from agentdash.state.model import LogLine

TAIL_LINES: Final = 200
"""Lines kept of a log's end, and of the end of each source of an agent that is to blame."""
ERRORS_KEPT: Final = 50
"""Lines of level `error` that are kept of what stands before the end of a build's log."""
_NANOSECONDS: Final = 1_000_000_000
_LONGEST_S: Final = 366 * 86_400
_BAD: Final = frozenset({"error", "warn"})

L = TypeVar("L")


def template(raw: schema.Template) -> deployment.Template:
    """A template."""
    return deployment.Template(
        id=convert.name(raw.id),
        name=convert.name(raw.name),
        organization_id=convert.name(raw.organization_id),
        display_name=convert.name(raw.display_name),
        active_version_id=convert.name(raw.active_version_id),
        deprecated=raw.deprecated,
        deprecation_message=convert.sentence(raw.deprecation_message),
        updated_at=raw.updated_at,
    )


def template_version(raw: schema.TemplateVersion) -> deployment.TemplateVersion:
    """One version of a template."""
    return deployment.TemplateVersion(
        convert.name(raw.id), convert.name(raw.template_id), convert.name(raw.name), raw.created_at
    )


def presets(raw: Iterable[schema.Preset], version_id: str) -> tuple[deployment.Preset, ...]:
    """Presets of a version; a negative number of instances is no number."""
    return tuple(
        deployment.Preset(
            id=convert.name(p.id),
            name=convert.name(p.name),
            version_id=version_id,
            desired=_count(p.desired_prebuild_instances),
            parameters=Map({convert.name(x.name): convert.sentence(x.value) for x in p.parameters}),
            is_default=p.default,
        )
        for p in raw
        if p.id
    )


def prebuilds_config(raw: schema.DeploymentConfig) -> deployment.PrebuildsConfig:
    """Options of the reconciler; what is missing or no time at all is the default."""
    found, usual = raw.config.workspace_prebuilds, deployment.PrebuildsConfig()
    limit = found.failure_hard_limit
    return deployment.PrebuildsConfig(
        interval_s=_seconds(found.reconciliation_interval, usual.interval_s),
        backoff_s=_seconds(found.reconciliation_backoff_interval, usual.backoff_s),
        lookback_s=_seconds(found.reconciliation_backoff_lookback, usual.lookback_s),
        hard_limit=usual.hard_limit if limit is None or limit < 0 else limit,
    )


def daemon(raw: schema.ProvisionerDaemon) -> deployment.ProvisionerDaemon:
    """A provisioner daemon."""
    return deployment.ProvisionerDaemon(
        id=convert.name(raw.id),
        name=convert.name(raw.name),
        organization_id=convert.name(raw.organization_id),
        status=convert.name(raw.status),
        version=convert.name(raw.version),
        api_version=convert.name(raw.api_version),
        key_name=convert.name(raw.key_name or ""),
        tags=_words(raw.tags),
        created_at=raw.created_at,
        last_seen_at=raw.last_seen_at,
        current_job=_daemon_job(raw.current_job),
        previous_job=_daemon_job(raw.previous_job),
    )


def job(raw: schema.ProvisionerJob) -> deployment.ProvisionerJob:
    """An item of the list of provisioner jobs."""
    about = raw.metadata or schema.JobMetadata()
    return deployment.ProvisionerJob(
        id=convert.name(raw.id),
        type=convert.name(raw.type),
        status=convert.name(raw.status),
        transition=convert.name(about.workspace_build_transition),
        initiator_id=convert.name(raw.initiator_id or ""),
        worker_id=convert.name(raw.worker_id or ""),
        worker_name=convert.name(raw.worker_name),
        template_id=convert.name(about.template_id),
        template_name=convert.name(about.template_name),
        workspace_id=convert.name(about.workspace_id or ""),
        workspace_name=convert.name(about.workspace_name),
        created_at=raw.created_at,
        started_at=raw.started_at,
        completed_at=raw.completed_at,
        tags=_words(raw.tags),
        queue_position=raw.queue_position,
        queue_size=raw.queue_size,
    )


def health(raw: schema.HealthReport) -> deployment.HealthReport:
    """The deployment's health; sections that this server does not have are left out."""
    named: tuple[tuple[str, schema.HealthSection | None], ...] = (
        ("access_url", raw.access_url),
        ("database", raw.database),
        ("derp", raw.derp),
        ("provisioner_daemons", raw.provisioner_daemons),
        ("websocket", raw.websocket),
        ("workspace_proxy", raw.workspace_proxy),
    )
    return deployment.HealthReport(
        at=raw.time,
        severity=convert.name(raw.severity),
        sections=tuple(_section(name, section) for name, section in named if section is not None),
    )


def proxies(raw: Iterable[schema.Region]) -> tuple[deployment.ProxyRegion, ...]:
    """The main server and the workspace proxies."""
    return tuple(
        deployment.ProxyRegion(convert.name(r.id), convert.name(r.name or r.display_name), r.healthy)
        for r in raw
    )


def build_summaries(raw: Iterable[schema.Build]) -> tuple[BuildSummary, ...]:
    """Builds of a workspace, newest first, without what they made."""
    bare = (build.model_copy(update={"resources": ()}) for build in raw if build.id)
    found = [deployment.summary_of(convert.build(build)) for build in bare]
    return tuple(sorted(found, key=lambda b: -b.number))


def parameters(raw: Iterable[schema.BuildParameter]) -> Map[str, str]:
    """Parameters of a build by name."""
    return Map({convert.name(p.name): convert.sentence(p.value) for p in raw})


def build_tail(raw: Sequence[schema.BuildLog], known: LogTail | None = None) -> LogTail:
    """The end of a build's log, with the errors that stand before it.

    Args:
        raw: Lines as read: all, or those behind some id of `known`.
        known: What was read before.
    """
    picked = _end_and_errors(raw, lambda line: line.log_level)
    lines = _merged(known, tuple(map(convert.build_log_line, picked)))
    kept = _end_and_errors(lines, lambda line: line.level)
    return LogTail(kept, _is_whole(known) and len(picked) == len(raw) and len(kept) == len(lines))


def agent_tail(
    raw: Sequence[schema.AgentLog], sources: frozenset[str], known: LogTail | None = None
) -> LogTail:
    """The end of an agent's log, and of each source that is to blame: a chatty one does not push them out.

    Args:
        raw: Lines as read: all, or those behind some id of `known`.
        sources: Ids of the sources to blame.
        known: What was read before.
    """
    picked = _ends(raw, sources, lambda line: line.source_id)
    lines = _merged(known, tuple(map(convert.log_line, picked)))
    kept = _ends(lines, sources, lambda line: line.source_id)
    return LogTail(kept, _is_whole(known) and len(picked) == len(raw) and len(kept) == len(lines))


def _is_whole(known: LogTail | None) -> bool:
    return known is None or known.is_whole


def _merged(known: LogTail | None, fresh: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
    """Lines by id; those read twice are one."""
    if known is None or not known.lines:
        return tuple(sorted(fresh, key=lambda line: line.id))
    by_id = {line.id: line for line in (*known.lines, *fresh)}
    return tuple(by_id[line_id] for line_id in sorted(by_id))


def _end_and_errors(lines: Sequence[L], level_of: Callable[[L], str]) -> tuple[L, ...]:
    cut = max(0, len(lines) - TAIL_LINES)
    before = [line for line in lines[:cut] if level_of(line) in _BAD]
    return (*before[-ERRORS_KEPT:], *lines[cut:])


def _ends(lines: Sequence[L], sources: frozenset[str], source_of: Callable[[L], str]) -> tuple[L, ...]:
    if len(lines) <= TAIL_LINES:
        return tuple(lines)
    cut, left = len(lines) - TAIL_LINES, dict.fromkeys(sources, TAIL_LINES)
    before: list[L] = []
    for index in range(len(lines) - 1, -1, -1):
        source = source_of(lines[index])
        if left.get(source, 0) > 0:
            left[source] -= 1
        elif index < cut:
            continue
        if index < cut:
            before.append(lines[index])
    return (*reversed(before), *lines[cut:])


def _section(name: str, raw: schema.HealthSection) -> deployment.HealthSection:
    warnings = [*raw.warnings]
    if isinstance(raw, schema.ProvisionerDaemonsHealth):
        # What is wrong with one daemon stands with it alone.
        warnings += [warning for item in raw.items for warning in item.warnings]
    found = (deployment.HealthWarning(convert.name(w.code), convert.sentence(w.message)) for w in warnings)
    return deployment.HealthSection(
        name=name,
        severity=convert.name(raw.severity),
        warnings=tuple(dict.fromkeys(found)),
        error=convert.sentence(raw.error or ""),
        dismissed=raw.dismissed,
    )


def _daemon_job(raw: schema.DaemonJob | None) -> deployment.DaemonJob | None:
    if raw is None or not raw.id:
        return None
    return deployment.DaemonJob(
        convert.name(raw.id),
        convert.name(raw.status),
        convert.name(raw.template_display_name or raw.template_name),
    )


def _words(raw: dict[str, str]) -> Map[str, str]:
    return Map({convert.name(key): convert.name(value) for key, value in raw.items()})


def _count(raw: int | None) -> int | None:
    return None if raw is None or raw < 0 else raw


def _seconds(nanoseconds: int | None, usual_s: float) -> float:
    if not nanoseconds or not 0 < nanoseconds <= _LONGEST_S * _NANOSECONDS:
        return usual_s
    return nanoseconds / _NANOSECONDS
