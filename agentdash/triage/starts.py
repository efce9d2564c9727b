"""Which start of an agent is the present one, and since when, by the server's clock.

`started_at` is the agent's clock and tells no age; a second start within a build shows by a disconnect before it
(contract: agents.md §2.5, triage.md S01).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agentdash.state.model import Agent, Script, Transition
from agentdash.triage.clock import known
from agentdash.triage.verdict import started_again


def is_second_start(agent: Agent, history: Sequence[Transition] = ()) -> bool:
    """Whether the agent's process was started anew within the build."""
    seen = _seen_starting(history)
    if seen is not None:
        return seen.old not in ("", "created")
    # Without a disconnect there was one process only: then a gap between the clocks is skew.
    return known(agent.disconnected_at) is not None and started_again(agent, history)


def start_began(agent: Agent, history: Sequence[Transition] = ()) -> datetime | None:
    """When the present start began (server time); None if that is not known."""
    seen = _seen_starting(history)
    if seen is not None:
        return seen.at
    return known(agent.disconnected_at if is_second_start(agent, history) else agent.first_connected_at)


def is_last_run(agent: Agent, script: Script, history: Sequence[Transition] = ()) -> bool:
    """Whether a script's result may be that of an earlier start: it stays until the script ends anew."""
    if agent.lifecycle != "starting" or script.status is None or not is_second_start(agent, history):
        return False
    for change in reversed(history):
        if change.what == "lifecycle" and change.new == "starting":
            break
        if change.what == f"script:{script.name}":
            return False
    return True


def _seen_starting(history: Sequence[Transition]) -> Transition | None:
    for change in reversed(history):
        if change.what == "lifecycle":
            return change if change.new == "starting" else None
        if change.what == "agent":
            return None
    return None
