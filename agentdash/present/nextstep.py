"""What to do now: the next step of a verdict in words, with the equal `coder` command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from agentdash.present.columns import template_words
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


def next_step(workspace: Workspace, agent: Agent | None, verdict: Verdict) -> NextStep:
    """The next step for a row, empty when nothing is to be done."""
    name, where = workspace.full_name, locator(workspace, agent)
    version = " ".join(template_words(workspace)).strip()
    suspect = verdict.suspect or "the script"
    after = "delete the prebuild" if workspace.is_prebuild else "restart the workspace"
    again = command("delete", name) if workspace.is_prebuild else command("restart", name)
    steps: dict[str, NextStep] = {
        "A01": NextStep("wait; if it stays, look at the machine's own log", command("show", name)),
        "A02": NextStep(
            "look at the machine: the agent's program never reached the server", command("restart", name)
        ),
        "A03": NextStep("look at the machine; this template sets no time limit", command("restart", name)),
        "A05": NextStep("wait two minutes, then look at the machine or restart it", command("restart", name)),
        "A07": NextStep("read the build log: the template made no agent", command("show", name)),
        "A09": NextStep("start the machine, or restart the workspace", command("restart", name)),
        "A11": NextStep(
            "start the agent by hand", command("external-workspaces", "agent-instructions", name)
        ),
        "A12": NextStep("a stop script hangs: look at its log", command("logs", name)),
        "B01": NextStep(
            "start a provisioner with these tags, or correct the tags", command("provisioner", "list")
        ),
        "B02": NextStep("restart the provisioners", command("provisioner", "list")),
        "B03": NextStep("wait, or add provisioners", command("provisioner", "jobs", "list")),
        "B05": NextStep("start the build again and watch its log", command("restart", name)),
        "B08": NextStep("the provisioner ends it by force after ten minutes", command("show", name)),
        "B09": NextStep("read the error lines of the build log", command("logs", name)),
        "B10": NextStep("give the missing parameter", command("update", name)),
        "B14": NextStep("read the build log", command("logs", name)),
        "B16": NextStep("somebody cancelled it: start it again when wanted", command("start", name)),
        "D02": NextStep("read the devcontainer's log, then recreate it", command("logs", where)),
        "D07": NextStep("look at the devcontainer, then recreate it", command("show", name)),
        "R02": NextStep("read the log files inside the workspace", command("ssh", where)),
        "R03": NextStep("activate the workspace to keep it", command("start", name)),
        "S02": NextStep(f"read {suspect}'s log; correct it in {version}, then {after}", again),
        "S03": NextStep(f"correct {suspect} in {version}, then {after}", again),
        "S04": NextStep(f"redirect the output of what {suspect} leaves running", command("ssh", where)),
        "S06": NextStep("restart the agent's process, or the workspace", command("restart", name)),
        "S08": NextStep(f"read {suspect}'s log", command("ssh", where)),
        "S09": NextStep("read the stop script's log", command("logs", name)),
        "W01": NextStep(f"read the log of {suspect}", command("ssh", where)),
    }
    found = steps.get(verdict.rule)
    if found is not None:
        return found
    if verdict.kind == "off" and workspace.build.status in ("stopped", "canceled"):
        return NextStep("start it when wanted", command("start", name))
    return NextStep("")
