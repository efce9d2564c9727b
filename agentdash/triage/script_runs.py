"""What the results of scripts mean: which failed, in which words, and of which run of the agent they tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agentdash.state.model import Agent, Script, Transition

RESTART_GAP = timedelta(minutes=2)
"""A start this much later than the first connection is a second start."""


def failing_scripts(agent: Agent) -> tuple[Script, ...]:
    """Scripts whose latest run failed or timed out: start scripts first, devcontainers last, then by name."""
    bad = [s for s in agent.scripts if s.status in ("exit_failure", "timed_out")]
    return tuple(sorted(bad, key=lambda s: (s.is_devcontainer, not s.run_on_start, s.name)))


def script_result(script: Script) -> str:
    """How a script's latest run ended, in words; empty while it has not.

    -1 means killed by a signal; 255 means there is no exit code (contract: agents.md §2.5).
    """
    if script.status == "timed_out":
        return "timed out"
    if script.status == "pipes_left_open":
        return "left pipes open"
    if script.status == "exit_failure":
        if script.exit_code == -1:
            return "killed by a signal"
        if script.exit_code is None or script.exit_code == 255:
            return "failed"
        return f"exit {script.exit_code}"
    return script.status or ""


def start_began(agent: Agent, history: Sequence[Transition] = ()) -> datetime | None:
    """When the present start began, by the server's clock: `started_at` is the agent's and tells no age."""
    seen = seen_to_become(history, "lifecycle", agent.lifecycle)
    if seen is not None:
        return seen
    return agent.disconnected_at if started_again(agent, history) else agent.first_connected_at


def is_last_run(agent: Agent, script: Script, history: Sequence[Transition] = ()) -> bool:
    """Whether a script's result may be that of an earlier start: it stays until the script ends anew (agents.md §2.5)."""
    if agent.lifecycle != "starting" or script.status is None or not started_again(agent, history):
        return False
    for change in reversed(history):
        if change.what == "lifecycle" and change.new == "starting":
            break
        if change.what == f"script:{script.name}":
            return False
    return True


def started_again(agent: Agent, history: Sequence[Transition] = ()) -> bool:
    """Whether the agent's process was started anew within the build, so that script results may be those of the last run."""
    for change in reversed(history):
        if change.what == "lifecycle" and change.new == "starting":
            return change.old not in ("", "created")
    if agent.started_at is None or agent.first_connected_at is None:
        return False
    # Two clocks: only a gap that no sane skew explains counts.
    return agent.started_at - agent.first_connected_at > RESTART_GAP


def seen_to_become(history: Sequence[Transition], what: str, present: str | None) -> datetime | None:
    """When this last changed, if it changed to what it is now, in the present agent's life."""
    for change in reversed(history):
        if change.what == what:
            return change.at if present is None or change.new == present else None
        if change.what == "agent":
            return None
    return None
