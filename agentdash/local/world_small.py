"""A world of one workspace: the stage on which a single condition, or its near miss, is played."""

from __future__ import annotations

from agentdash.local import queueing, world_people
from agentdash.local.blueprints import AgentPlan, Blueprint, MetadataPlan, ResourcePlan, ScriptPlan
from agentdash.local.clock import ManualClock
from agentdash.local.deployment import Deployment
from agentdash.local.player import Player
from agentdash.local.records_agent import Agent
from agentdash.local.records_org import Workspace
from agentdash.local.world_fleet import World

SUBJECT = "subject"
PLAIN = Blueprint(
    (
        ResourcePlan(
            "docker_container",
            "workspace",
            agents=(
                AgentPlan(
                    scripts=(
                        ScriptPlan("Startup Script", (("info", "hello"), ("info", "done")), timeout_s=300),
                    ),
                    metadata=(MetadataPlan("cpu", "CPU"),),
                    connect_s=3,
                ),
            ),
        ),
    )
)


def small_world(
    deployment: Deployment,
    blueprint: Blueprint = PLAIN,
    *,
    owner: str = "ada",
    name: str = "dev",
    desired: int | None = None,
) -> World:
    """People, templates, daemons, and one workspace of `blueprint` whose first build has just been queued.

    It is the only version of a template named `subject`; with `desired` that version has a preset with such a
    pool, and nothing but `reconciler.reconcile` fills it (then `owner` gets no workspace).
    """
    player = Player(deployment)
    catalogue = world_people.furnish(deployment, desired_web=None, desired_go=None)
    world = World(deployment, player, catalogue)
    template_id = world_people.add_template(deployment, SUBJECT, blueprint, desired=desired)
    if desired is None:
        made = queueing.create_workspace(deployment, world.user(owner), name, template_id)
        world.cast[SUBJECT] = [made.id]
    return world


def subject(world: World) -> Workspace:
    """The one workspace."""
    return world.showing(SUBJECT)[0]


def subject_agent(world: World, name: str = "main") -> Agent:
    """Its agent of that name. Raises `KeyError` while there is none."""
    for agent in subject(world).agents:
        if agent.name == name:
            return agent
    raise KeyError(name)


def wait(world: World, seconds: float) -> None:
    """Let time pass on the world's `ManualClock`. Raises `TypeError` for another clock."""
    clock = world.deployment.clock
    if not isinstance(clock, ManualClock):
        raise TypeError("only a ManualClock can be moved")
    world.deployment.timeline.play(clock, seconds)
