"""The forty workspaces of the scripted fleet: who has what, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agentdash.local import world_boxes
from agentdash.local import world_templates as plans
from agentdash.local.blueprints import Blueprint, MetadataPlan, change_agent, change_script, find_agent_plan
from agentdash.local.plays import with_failing_build


@dataclass(frozen=True, slots=True)
class Part:
    """One workspace: owner, name, template (a field of `Catalogue`), what it shall show, its own plan if any.

    `hours` = hours since its last start.
    """

    owner: str
    name: str
    template: str
    shows: str = "healthy"
    hours: float = 3.0
    blueprint: Callable[[], Blueprint] | None = None


def _disk_full() -> Blueprint:
    blueprint = change_script(
        plans.WEB,
        "main",
        "Install dependencies",
        lines=(
            plans.info("\x1b[1mnpm ci\x1b[0m --no-audit"),
            plans.warn("deprecated inflight@1.0.6: This module is not supported, and leaks memory."),
            plans.err("npm \x1b[31merror\x1b[0m code ENOSPC"),
            plans.err("npm \x1b[31merror\x1b[0m nospc ENOSPC: no space left on device, write"),
            plans.err("npm error nospc There appears to be insufficient space on your system to finish."),
            plans.info("A complete log of this run can be found in: /home/coder/.npm/_logs/"),
        ),
        duration_s=11,
        status="exit_failure",
        exit_code=228,
    )
    disk = MetadataPlan("disk", "Home disk", "text", interval_s=60, text="49.6/50.0 GiB (99%)")
    metadata = tuple(
        disk if item.key == "disk" else item for item in find_agent_plan(blueprint, "main").metadata
    )
    return change_agent(blueprint, "main", metadata=metadata)


def _conda_hangs() -> Blueprint:
    return change_script(
        plans.DATA,
        "main",
        "Conda environment",
        lines=(
            plans.info("Channels: conda-forge, pytorch"),
            plans.info("Solving environment: \\ "),
            plans.info("Solving environment: failed with repodata from current_repodata.json, retrying"),
            plans.info("Solving environment: | "),
        ),
        status="timed_out",
        timeout_s=300,
    )


def _never_connects() -> Blueprint:
    return change_agent(plans.VM, "main", connect_s=None)


def _image_missing() -> Blueprint:
    return with_failing_build(
        plans.GO,
        "terraform apply: exit status 1",
        "Error: Waiting for rollout to finish: 1 replicas wanted; 0 replicas Ready",
        "  with kubernetes_deployment.main,",
        '  on main.tf line 214, in resource "kubernetes_deployment" "main":',
        "Error: ErrImagePull: registry.example.com/platform:1.27-rc1: manifest unknown",
    )


def _site_box_broken() -> Blueprint:
    return change_agent(
        world_boxes.BOXES, "main", devcontainers=(world_boxes.API_BOX, world_boxes.BROKEN_BOX)
    )


def _pipes_open() -> Blueprint:
    return change_script(
        plans.GO,
        "main",
        "Install tools",
        lines=(*plans.GO_TOOLS.lines, plans.info("starting file watcher in the background")),
        status="pipes_left_open",
    )


def _slow_vm() -> Blueprint:
    scripts = tuple(
        replace(script, duration_s=240, lines=script.lines * 12)
        if script.display_name == "apt packages"
        else script
        for script in find_agent_plan(plans.VM, "main").scripts
    )
    return change_agent(plans.VM, "main", scripts=scripts)


CAST: tuple[Part, ...] = (
    Part("ada", "shop-frontend", "web", hours=6.2),
    Part("bruno", "checkout", "web", hours=4.1),
    Part("chen", "search", "web", hours=2.4),
    Part("dalia", "shop-frontend", "web", "stopped", hours=26),
    Part("emil", "cart", "web", "start_error", hours=1.2, blueprint=_disk_full),
    Part("farah", "spike", "data", "canceled_pending", hours=1.9),
    Part("gus", "try-rapids", "data", "canceled_running", hours=2.5),
    Part("gus", "shop", "web", "starting", hours=0.004),
    Part("kofi", "storefront", "web", "claimed", hours=3.0),
    Part("june", "storefront", "web", "claiming", hours=0.001),
    Part("hana", "embeddings", "data", hours=7.5),
    Part("ivo", "forecast", "data", "start_timeout", hours=2.1, blueprint=_conda_hangs),
    Part("june", "churn", "data", "stopped", hours=30),
    Part("kofi", "vision", "data", "disconnected", hours=6.8),
    Part("mara", "notebook", "data", hours=3.3),
    Part("ada", "gateway", "go", hours=5.6),
    Part("chen", "ledger", "go", hours=3.9),
    Part("emil", "billing", "go", hours=8.0),
    Part("ops", "infra", "go", hours=4.4),
    Part("hana", "events", "go", "pipes_left_open", hours=2.8, blueprint=_pipes_open),
    Part("farah", "ledger-api", "go", "build_failed", hours=0.6, blueprint=_image_missing),
    Part("gus", "kernel", "vm", hours=7.1),
    Part("ivo", "toolchain", "vm", "timeout", hours=0.4, blueprint=_never_connects),
    Part("bruno", "bench", "vm", "slow_start", hours=0.03, blueprint=_slow_vm),
    Part("dalia", "clang", "vm", "link_lost", hours=5.2),
    Part("tara", "release", "vm", hours=2.2),
    Part("mara", "arm-build", "vm", "pending", hours=0.12),
    Part("june", "fix-login", "ai", "ai_working", hours=0.5),
    Part("kofi", "upgrade-react", "ai", "ai_waiting", hours=1.4),
    Part("ada", "flaky-tests", "ai", "ai_failed", hours=2.0),
    Part("chen", "monorepo", "boxes", "sub_agents", hours=4.8),
    Part("emil", "api-next", "boxes", "devcontainer_error", hours=1.6, blueprint=_site_box_broken),
)
"""32 workspaces of people; the two pools, three and five prebuilds, make them 40."""
