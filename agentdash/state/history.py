"""Short history of each row: what changed and when, for verdicts with a past and for the mark of what is new."""

from __future__ import annotations

from datetime import datetime

from agentdash.state.model import Agent, Transition, Workspace

KEPT = 24
"""Transitions kept of one row."""


def workspace_transitions(old: Workspace, new: Workspace, at: datetime) -> list[Transition]:
    """What changed on the workspace itself."""
    changes = []
    if old.build.id != new.build.id or old.build.status != new.build.status:
        changes.append(Transition(at, "build", _build(old), _build(new)))
    if old.owner_id != new.owner_id:
        changes.append(Transition(at, "owner", old.owner_name, new.owner_name))
    return changes


def agent_transitions(old: Agent, new: Agent, at: datetime) -> list[Transition]:
    """What changed on one agent, matched by key: a new id is a new life of the same row."""
    changes = []
    if old.id != new.id:
        changes.append(Transition(at, "agent", old.id, new.id))
    if old.status != new.status:
        changes.append(Transition(at, "status", old.status, new.status))
    if old.lifecycle != new.lifecycle:
        changes.append(Transition(at, "lifecycle", old.lifecycle, new.lifecycle))
    if old.scripts != new.scripts:
        before = {script.id: script for script in old.scripts}
        for script in new.scripts:
            was = before.get(script.id)
            if was is not None and (was.status, was.exit_code) != (script.status, script.exit_code):
                changes.append(Transition(at, f"script:{script.name}", was.status or "", script.status or ""))
    if old.apps != new.apps:
        health = {app.slug: app.health for app in old.apps}
        changes += [
            Transition(at, f"app:{app.slug}", health[app.slug], app.health)
            for app in new.apps
            if app.slug in health and health[app.slug] != app.health
        ]
    return changes


def _build(workspace: Workspace) -> str:
    build = workspace.build
    return f"{build.number} {build.transition} {build.status}"
