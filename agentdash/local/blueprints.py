"""What a template version's builds make: the plan from which the world plays builds and start-ups.

Frozen: a blueprint is shared by all builds of its version. Durations are seconds of the injected clock,
varied by the player within `jitter`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ScriptPlan:
    """One script and how its run goes. `lines` are spread evenly over `duration_s`.

    A line is (level, text); `duration_s` None = never ends by itself.
    """

    display_name: str
    lines: tuple[tuple[str, str], ...] = ()
    duration_s: float | None = 5
    exit_code: int = 0
    status: str = "ok"
    script: str = "#!/bin/sh\nset -eu\n"
    icon: str = ""
    cron: str = ""
    run_on_start: bool = True
    run_on_stop: bool = False
    start_blocks_login: bool = False
    timeout_s: float = 600
    log_path: str = ""


@dataclass(frozen=True, slots=True)
class AppPlan:
    """One app; with a `healthcheck_url` it starts `initializing` and turns healthy after the start."""

    slug: str
    display_name: str
    url: str = ""
    icon: str = ""
    external: bool = False
    command: str = ""
    healthcheck_url: str = ""
    group: str = ""
    subdomain: bool = False
    is_healthy: bool = True
    is_ai: bool = False


@dataclass(frozen=True, slots=True)
class MetadataPlan:
    """One metadata block; `kind` chooses how the world varies it: percent, gib, load, text."""

    key: str
    display_name: str
    kind: str = "percent"
    interval_s: int = 10
    script: str = ""
    base: float = 20.0
    total: float = 100.0
    text: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class DevcontainerPlan:
    """A devcontainer of the template; `error` "" = it comes up and injects its sub-agent."""

    name: str
    folder: str
    start_s: float = 12
    image: str = "mcr.microsoft.com/devcontainers/base:ubuntu"
    lines: tuple[tuple[str, str], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """One agent. `connect_s` None = it never connects."""

    name: str = "main"
    scripts: tuple[ScriptPlan, ...] = ()
    apps: tuple[AppPlan, ...] = ()
    metadata: tuple[MetadataPlan, ...] = ()
    devcontainers: tuple[DevcontainerPlan, ...] = ()
    ports: tuple[tuple[int, str], ...] = ()
    connect_s: float | None = 4
    directory: str = "~/src"
    architecture: str = "amd64"
    operating_system: str = "linux"
    connection_timeout_s: int = 120
    troubleshooting_url: str = ""
    subsystems: tuple[str, ...] = ()
    has_docker: bool = False
    version: str = ""
    instance_id: str = ""
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ResourcePlan:
    """One resource, with the agents that live in it and the seconds its creation takes."""

    type: str
    name: str
    icon: str = ""
    hide: bool = False
    daily_cost: int = 0
    apply_s: float = 3
    metadata: tuple[tuple[str, str, bool], ...] = ()
    agents: tuple[AgentPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """All resources of a build. `error` not "" = builds of `fails_on` fail in their apply stage with it.

    `error_lines` are written at level `error` just before; `jitter` is the share by which durations vary.
    """

    resources: tuple[ResourcePlan, ...] = ()
    init_s: float = 2
    plan_s: float = 3
    graph_s: float = 0.5
    error: str = ""
    error_code: str = ""
    error_lines: tuple[str, ...] = ()
    fails_on: tuple[str, ...] = ("start",)
    jitter: float = 0.25
    has_ai_task: bool = False
    has_external_agent: bool = False
    tags: tuple[tuple[str, str], ...] = ()


def change_agent(blueprint: Blueprint, agent: str, /, **changes: object) -> Blueprint:
    """The blueprint with fields of one agent's plan replaced. Raises `KeyError` when no agent has that name."""
    found = False
    resources = []
    for resource in blueprint.resources:
        agents = []
        for plan in resource.agents:
            if plan.name == agent:
                found = True
                plan = replace(plan, **changes)  # type: ignore[arg-type]  # noqa: PLW2901
            agents.append(plan)
        resources.append(replace(resource, agents=tuple(agents)))
    if not found:
        raise KeyError(agent)
    return replace(blueprint, resources=tuple(resources))


def change_script(blueprint: Blueprint, agent: str, script: str, /, **changes: object) -> Blueprint:
    """The blueprint with fields of one script's plan replaced. Raises `KeyError` when there is none."""
    plan = find_agent_plan(blueprint, agent)
    if all(item.display_name != script for item in plan.scripts):
        raise KeyError(script)
    scripts = tuple(
        replace(item, **changes) if item.display_name == script else item  # type: ignore[arg-type]
        for item in plan.scripts
    )
    return change_agent(blueprint, agent, scripts=scripts)


def find_agent_plan(blueprint: Blueprint, agent: str) -> AgentPlan:
    """The plan of that agent. Raises `KeyError` when there is none."""
    for resource in blueprint.resources:
        for plan in resource.agents:
            if plan.name == agent:
                return plan
    raise KeyError(agent)
