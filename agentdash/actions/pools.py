"""Pausing and resuming the reconciliation of all prebuild pools: a switch of the deployment, not of a row."""

from __future__ import annotations

from agentdash.actions.action import Action
from agentdash.actions.target import Target
from agentdash.state.state import State

POOLS = Target("")
"""What such an action hits: it needs no selection."""

_LASTING = {
    "pause-prebuilds": "Until it is resumed no pool is refilled and nothing expired is deleted; claims go on.",
    "resume-prebuilds": "The reconciler then makes what is missing and deletes what is too much, at once.",
}


def is_pause(action: Action) -> bool:
    """Whether it pauses rather than resumes."""
    return action.id == "pause-prebuilds"


def refusal(action: Action, state: State, *, may_all: bool) -> str:
    """Why it will not work, as a sentence; empty when nothing is known against it (contract: triage.md §5).

    Args:
        action: Pause or resume.
        state: What is known.
        may_all: Whether the user is a site owner, or might be.
    """
    if not may_all:
        return "Only site owners may pause or resume prebuilds."
    entitled = state.server.entitlements
    if entitled is not None and not entitled.get("workspace_prebuilds", False):
        return "This deployment has no licence for prebuilds."
    paused = _is_paused(state)
    if paused is not None and paused is is_pause(action):
        return "The pools are already paused." if paused else "The pools are not paused."
    return ""


def target_words(state: State) -> str:
    """What is hit, in words."""
    host = state.server.host or "this deployment"
    return f"all prebuild pools of {host}"


def affected_words(state: State) -> tuple[str, ...]:
    """What is there now, a line each."""
    prebuilds = [w for w in state.workspaces.values() if w.is_prebuild]
    if not prebuilds:
        return ()
    moving = sum(w.build.is_active for w in prebuilds)
    lines = [f"{len(prebuilds)} unclaimed prebuild{'s' * (len(prebuilds) != 1)}"]
    if moving:
        lines.append(f"{moving} build{'s' * (moving != 1)} queued or running: these go on")
    return tuple(lines)


def lasting_words(action: Action) -> str:
    """What it leads to."""
    return _LASTING[action.id]


def command_words(action: Action) -> str:
    """The equal `coder` command."""
    return "coder prebuilds pause" if is_pause(action) else "coder prebuilds resume"


def _is_paused(state: State) -> bool | None:
    """As last read; None if that is not known."""
    settings = state.deployment.prebuilds.value
    return None if settings is None else settings.reconciliation_paused
