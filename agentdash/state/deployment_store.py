"""(deployment, event) → deployment: the part of `state/store` that takes in what surrounds the workspaces."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any, TypeVar, get_args

from immutables import Map

from agentdash.state import deployment_events as ev
from agentdash.state.deployment import Deployment
from agentdash.state.freshness import Fact
from agentdash.state.model import Workspace

T = TypeVar("T")

WHOLE: frozenset[str] = frozenset(get_args(ev.WholePart))
SPARE = 64
"""Entries about builds and agents of the past that are borne before they are forgotten."""


def reduce(deployment: Deployment, event: ev.DeploymentEvent) -> Deployment:
    """The deployment after an event."""
    if isinstance(event, ev.SurroundingsFailed):
        return _failed(deployment, event)
    if isinstance(event, ev.TemplateVersionRead):
        version = event.version
        return replace(deployment, versions=deployment.versions.set(version.id, version))
    if isinstance(event, ev.RightsRead):
        return replace(deployment, rights=deployment.rights.update(event.rights))
    part, subject, value = _reading(event)
    return _put(deployment, part, subject, _fact(deployment, part, subject).read(value, event.at, live=False))


def is_news(old: Deployment, new: Deployment, event: ev.DeploymentEvent) -> bool:
    """Whether anybody could notice the difference: the same answer at a later time is none."""
    if isinstance(event, ev.TemplateVersionRead):
        return old.versions.get(event.version.id) != event.version
    if isinstance(event, ev.RightsRead):
        return old.rights != new.rights
    part: str
    if isinstance(event, ev.SurroundingsFailed):
        part, subject = event.part, event.subject
    else:
        part, subject, _ = _reading(event)
    was, now = _fact(old, part, subject), _fact(new, part, subject)
    return (was.value, was.freshness, was.problem) != (now.value, now.freshness, now.problem)


def pruned(deployment: Deployment, workspaces: Map[str, Workspace]) -> Deployment:
    """Without what belongs to builds, agents and workspaces of the past, once that is much."""
    if not _is_full(deployment, len(workspaces)):
        return deployment
    builds = {w.build.id for w in workspaces.values()}
    agents = {a.id for w in workspaces.values() for a in w.agents}
    return replace(
        deployment,
        timings=_only(deployment.timings, builds),
        build_logs=_only(deployment.build_logs, builds),
        parameters=_only(deployment.parameters, builds),
        builds=_only(deployment.builds, frozenset(workspaces.keys())),
        agent_logs=_only(deployment.agent_logs, agents),
    )


def _is_full(deployment: Deployment, workspaces: int) -> bool:
    d = deployment
    sizes = (len(d.timings), len(d.build_logs), len(d.parameters), len(d.builds), len(d.agent_logs))
    return max(sizes) > 2 * workspaces + SPARE


def _only(facts: Map[str, Fact[T]], subjects: Set[str]) -> Map[str, Fact[T]]:
    return Map({subject: fact for subject, fact in facts.items() if subject in subjects})


def _failed(deployment: Deployment, event: ev.SurroundingsFailed) -> Deployment:
    fact = _fact(deployment, event.part, event.subject)
    failed = fact.failed(event.problem, refused=event.refused, retry_at=event.retry_at)
    return _put(deployment, event.part, event.subject, failed)


def _fact(deployment: Deployment, part: str, subject: str) -> Fact[Any]:
    if part in WHOLE:
        whole: Fact[Any] = getattr(deployment, part)
        return whole
    facts: Map[str, Fact[Any]] = getattr(deployment, part)
    return facts.get(subject) or Fact()


def _put(deployment: Deployment, part: str, subject: str, fact: Fact[Any]) -> Deployment:
    changed: dict[str, Any] = {part: fact}
    if part not in WHOLE:
        facts: Map[str, Fact[Any]] = getattr(deployment, part)
        changed = {part: facts.set(subject, fact)}
    return replace(deployment, **changed)


def _reading(event: Any) -> tuple[str, str, Any]:
    """Part, subject and value of an event that carries a reading."""
    match event:
        case ev.TemplatesRead():
            return "templates", "", Map({t.id: t for t in event.templates})
        case ev.PresetsRead():
            return "presets", event.version_id, event.presets
        case ev.PrebuildsSettingsRead():
            return "prebuilds", "", event.settings
        case ev.PrebuildsConfigRead():
            return "config", "", event.config
        case ev.DaemonsRead():
            return "daemons", event.organization_id, event.daemons
        case ev.JobsRead():
            return "jobs", event.organization_id, event.jobs
        case ev.HealthRead():
            return "health", "", event.report
        case ev.ProxiesRead():
            return "regions", "", event.regions
    return _reading_of_one(event)


def _reading_of_one(event: Any) -> tuple[str, str, Any]:
    match event:
        case ev.BuildsRead():
            return "builds", event.workspace_id, event.builds
        case ev.BuildTimingsRead():
            return "timings", event.build_id, event.timings
        case ev.BuildTailRead():
            return "build_logs", event.build_id, event.tail
        case ev.AgentTailRead():
            return "agent_logs", event.agent_id, event.tail
        case ev.ParametersRead():
            return "parameters", event.build_id, event.parameters
    raise TypeError(f"no reducer for {type(event).__name__}")
