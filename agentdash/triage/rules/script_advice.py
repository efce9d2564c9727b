"""What to do about a script that failed: by what its telling line means, and where its log is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agentdash.state.model import Script
from agentdash.triage.cases import AgentCase
from agentdash.triage.evidence import NEAR, Telling
from agentdash.triage.rules.running import telling

_WHOLE_PATH = re.compile(r"^~?/[\w./+-]+$", re.ASCII)
"""A path that a shell takes as one word; a relative one is below a directory that the API does not tell."""
_GIT = re.compile(r"\bgit\b|could not read username|publickey|external[- ]auth", re.IGNORECASE)
_PROVIDER = re.compile(r"/external-auth/([\w-]{1,64})", re.ASCII)
_SSH_KEY = re.compile(r"permission denied \(publickey\)", re.IGNORECASE)
_SAME_BY_CODE: Mapping[int, frozenset[str]] = {
    126: frozenset({"the file cannot be executed", "a right is missing"}),
    127: frozenset({"a program is missing"}),
    137: frozenset({"killed, most likely for memory", "out of memory"}),
    139: frozenset({"a program crashed"}),
    -1: frozenset({"killed, most likely for memory", "out of memory"}),
}
_EXIT = {
    126: "exit 126: the file is not executable",
    127: "exit 127: a program was not found",
    137: "exit 137: killed, most likely for memory",
    139: "exit 139: a program crashed",
    -1: "killed by a signal",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """Steps as the catalogue writes them, and what is filled in beside the case's own words."""

    steps: tuple[tuple[str, str], ...]
    places: Mapping[str, str]


def log_command(script: Script | None) -> tuple[str, dict[str, str]]:
    """The command that shows a script's log, and its places: the file if its path is known, else what was sent of it."""
    if script is not None and _WHOLE_PATH.match(script.log_path):
        return "coder ssh {agent} -- cat {log_path}", {"log_path": script.log_path}
    return "coder logs {ws}", {}


def causes_of(script: Script | None, found: Telling | None) -> list[str]:
    """Why a script failed, by its log and its exit code; what both say is said once."""
    causes = [found.cause] if found is not None and found.cause else []
    code = script.exit_code if script is not None else None
    if code in _EXIT and not _SAME_BY_CODE[code] & set(causes):
        causes.append(_EXIT[code])
    return causes


def advice(
    case: AgentCase, script: Script | None, found: Telling | None, *, fails_elsewhere: bool | None
) -> Advice:
    """What to do about a failed start script.

    Args:
        case: The agent.
        script: The script, if one is to blame.
        found: The telling line of its log.
        fails_elsewhere: Whether it fails on other agents of the version too; None if there are none.
    """
    command, places = log_command(script)
    places["agent"] = f"{case.workspace.full_name}.{case.agent.name}"
    if found is not None and found.cause == "the disk is full":
        return Advice((("free or enlarge the disk", "coder ssh {agent} -- df -h"), _read(command)), places)
    is_login = found is not None and found.cause == "logging in failed" and _GIT.search(found.line.text)
    if found is not None and is_login and not case.workspace.is_prebuild:
        lines = (case.lines_of(script) if script is not None else None) or ()
        said = "\n".join((*(ln.text for ln in lines[-NEAR:]), found.line.text))
        return Advice((*_log_in(said, places), _read(command)), places)
    if fails_elsewhere is False:
        text = "read the log of {suspect}: others of this version run it well, so look at what differs here"
        return Advice(((text, command),), places)
    return Advice((("read the log of {suspect} and correct it in {template}", command),), places)


def others_failing(case: AgentCase, script: Script) -> tuple[int, int]:
    """On how many other agents of the version it failed, and on how many it ended."""
    bad, others = case.facts.ran(case.agent.name, script.name)
    own = [
        s.status
        for a in case.workspace.agents
        if a.name == case.agent.name
        for s in a.scripts
        if s.name == script.name and s.status is not None
    ]
    return max(0, bad - own.count("exit_failure")), max(0, others - len(own))


def failure_advice(case: AgentCase, script: Script) -> Advice:
    """What to do about a script that ended with an error."""
    bad, others = others_failing(case, script)
    return advice(case, script, telling(case, script), fails_elsewhere=bad > 0 if others else None)


def _read(command: str) -> tuple[str, str]:
    return ("read the log of {suspect}", command)


def _log_in(line: str, places: dict[str, str]) -> tuple[tuple[str, str], ...]:
    again = ("then start the scripts again", "coder restart {ws}")
    if _SSH_KEY.search(line):
        return (("add the account's SSH key to the git server", "coder publickey"), again)
    provider = _PROVIDER.search(line)
    if provider is None:
        return (("log in to the git server, on the page {server}/settings/external-auth", ""), again)
    places["provider"] = provider.group(1)
    return (
        (
            "log in to the git server, on the page {server}/external-auth/{provider}",
            "coder ssh {agent} -- coder external-auth access-token {provider}",
        ),
        again,
    )
