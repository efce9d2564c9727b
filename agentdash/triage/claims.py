"""Which workspaces were prebuilds once, and which build claimed them (contract: triage.md §4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agentdash.state.deployment import BuildSummary
from agentdash.state.model import PREBUILDS_USER_ID, Transition, Workspace

PREBUILDS_USER_NAME = "prebuilds"


@dataclass(frozen=True, slots=True)
class Claim:
    """A workspace that was claimed.

    Attributes:
        number: Number of the build that claimed it; None if there is none yet.
        is_latest: Whether that build is the latest one: the workspace is "just claimed".
        at: When it was claimed (server time).
    """

    number: int | None
    is_latest: bool
    at: datetime | None


def claim_of(
    workspace: Workspace, builds: Sequence[BuildSummary] | None, history: Sequence[Transition] = ()
) -> Claim | bool:
    """The claim of a workspace.

    Args:
        workspace: The workspace.
        builds: Its builds, if they were read.
        history: Transitions of the workspace.

    Returns:
        The claim; False if it never was a prebuild; True if that cannot be known without its builds.
    """
    build = workspace.build
    if workspace.is_prebuild:
        return False
    changed = next(
        (c.at for c in history if c.what == "owner" and c.old == PREBUILDS_USER_NAME),
        None,
    )
    if builds:
        by_number = {b.number: b for b in builds}
        by_number.setdefault(build.number, _as_summary(workspace))
        first = by_number.get(1)
        if first is not None:
            if first.initiator_id != PREBUILDS_USER_ID:
                return False
            users = [n for n, b in by_number.items() if b.initiator_id != PREBUILDS_USER_ID]
            if not users:
                return Claim(None, False, changed)
            number = min(users)
            return Claim(number, number == build.number, by_number[number].created_at)
    if build.number <= 1:
        if build.initiator_id == PREBUILDS_USER_ID:
            return Claim(None, False, changed)
        return False
    if changed is not None:
        # Without its builds: a prebuild has one build of its own, so the claim's is the second.
        is_claim = build.number == 2 and build.initiator_id != PREBUILDS_USER_ID
        return Claim(2 if build.number >= 2 else None, is_claim, changed)
    # A claim always names its preset.
    return build.preset_id is not None


def _as_summary(workspace: Workspace) -> BuildSummary:
    build = workspace.build
    return BuildSummary(
        build.id,
        workspace.id,
        build.number,
        build.transition,
        build.status,
        build.job.status,
        created_at=build.created_at,
        initiator_id=build.initiator_id,
    )
