"""Every world that can be opened by name: the fleet, the healthy run, each condition and its near miss."""

from __future__ import annotations

from agentdash.local.conditions_agent import AGENT_CONDITIONS
from agentdash.local.conditions_boxes import BOX_CONDITIONS
from agentdash.local.conditions_build import BUILD_CONDITIONS
from agentdash.local.conditions_claim import CLAIM_CONDITIONS
from agentdash.local.conditions_life import LIFE_CONDITIONS
from agentdash.local.conditions_pool import POOL_CONDITIONS
from agentdash.local.conditions_wire import WIRE_CONDITIONS
from agentdash.local.deployment import Deployment
from agentdash.local.staging import Condition, Play, perform
from agentdash.local.world_fleet import World, build_fleet

FLEET = "fleet"
CONDITIONS: tuple[Condition, ...] = (
    *POOL_CONDITIONS,
    *CLAIM_CONDITIONS,
    *BUILD_CONDITIONS,
    *AGENT_CONDITIONS,
    *LIFE_CONDITIONS,
    *BOX_CONDITIONS,
    *WIRE_CONDITIONS,
)
_PLAYS: dict[str, Play] = {name: play for condition in CONDITIONS for name, play in condition.worlds.items()}


def world_names() -> list[str]:
    """Names for `open_world`, the fleet first."""
    return [FLEET, *_PLAYS]


def open_world(name: str, deployment: Deployment, seed: int = 7) -> World:
    """Play a world into an empty deployment, so that now on its clock the condition holds.

    Raises `KeyError` for an unknown name. What the condition is about stands in `world.showing("subject")`.
    """
    if name == FLEET:
        return build_fleet(deployment, seed)
    return perform(deployment, _PLAYS[name], seed)
