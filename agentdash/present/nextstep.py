"""What to do now: the next step of a verdict in words, with the equal `coder` command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from agentdash.state.model import Agent, Workspace
from agentdash.triage.verdict import Verdict


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a person does now, and the command that does it; either may be empty."""

    text: str
    command: str = ""


def locator(workspace: Workspace, agent: Agent | None = None) -> str:
    """`owner/workspace.agent`, as the `coder` command takes it."""
    return workspace.full_name if agent is None else f"{workspace.full_name}.{agent.name}"


def command(*words: str) -> str:
    """A `coder` command line, safe to paste: names are foreign text."""
    return shlex.join(["coder", *words])


def enter_command(workspace: Workspace, agent: Agent | None) -> str:
    """The command that enters a row."""
    if agent is None:
        return command("show", workspace.full_name)
    return command("ssh", locator(workspace, agent))


def next_step(workspace: Workspace, verdict: Verdict) -> NextStep:
    """The next step for a row: of what was found, else what starts a workspace that is off; empty where nothing is to do."""
    if verdict.finding is not None:
        return next((NextStep(s.text or s.command, s.command) for s in verdict.finding.next), NextStep(""))
    if verdict.kind == "off" and workspace.build.status in ("stopped", "canceled"):
        return NextStep("start it when wanted", command("start", workspace.full_name))
    return NextStep("")
