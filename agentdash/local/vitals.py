"""Metadata values that move as on living machines."""

from __future__ import annotations

import math
import random

from agentdash.local import bus as topics
from agentdash.local.blueprints import MetadataPlan
from agentdash.local.deployment import Deployment
from agentdash.local.player import Player
from agentdash.local.records_agent import Agent

_WAVE_S = 240.0


def refresh(deployment: Deployment, player: Player, *, is_forced: bool = True) -> int:
    """Collect the metadata that is due on every connected scripted agent; returns how many agents changed."""
    changed = 0
    for workspace in deployment.live_workspaces():
        for agent in workspace.agents:
            if agent.kind == "scripted" and agent.metadata and agent.is_beating:
                changed += _collect(deployment, agent, player, is_forced=is_forced)
    return changed


def _collect(deployment: Deployment, agent: Agent, player: Player, *, is_forced: bool) -> bool:
    now = deployment.now()
    plans = {plan.key: plan for plan in player.plan_of(agent).metadata}
    has_changed = False
    for item in agent.metadata:
        plan = plans.get(item.key)
        if plan is None or item.key in agent.frozen_metadata:
            continue
        if item.collected_at is not None and not is_forced:
            age_s = (now - item.collected_at).total_seconds()
            if item.interval_s == 0 or age_s < item.interval_s:
                continue
        item.value = value_at(plan, deployment.clock.monotonic(), deployment.rng, phase=_phase(agent))
        item.error = plan.error
        item.collected_at = now
        has_changed = True
    if has_changed:
        deployment.bus.publish(topics.metadata_topic(agent.id))
    return has_changed


def value_at(plan: MetadataPlan, at_s: float, rng: random.Random, phase: float = 0.0) -> str:
    """The text of one metadata value: a slow wave around the plan's base with a little noise."""
    if plan.kind == "text":
        return plan.text
    wave = math.sin(2 * math.pi * (at_s / _WAVE_S + phase))
    level = plan.base * (1 + 0.35 * wave) + rng.gauss(0, plan.base * 0.06)
    level = min(max(level, 0.0), plan.total)
    if plan.kind == "gib":
        return f"{level:.1f}/{plan.total:.0f} GiB ({100 * level / plan.total:.0f}%)"
    if plan.kind == "load":
        return f"{level:.2f}"
    return f"{level:.0f}%"


def _phase(agent: Agent) -> float:
    return int(agent.id[:4], 16) / 0xFFFF
