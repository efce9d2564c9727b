"""The command that does what an action does, to learn from, to copy, to put into a ticket. Never holds a token."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from agentdash.actions import pools
from agentdash.actions.action import Action
from agentdash.actions.target import Found, Target, resolve
from agentdash.state.state import State

COMMANDS_SHOWN = 3
_API = 'curl -X {method} -H "Coder-Session-Token: $CODER_SESSION_TOKEN" "$CODER_URL/api/v2{path}"'
_OF_WORKSPACE = {
    "start": "coder start",
    "stop": "coder stop",
    "restart": "coder restart",
    "delete": "coder delete",
    "build-log": "coder show",
}
_OF_AGENT = frozenset({"shell", "terminal-enter", "terminal-new", "copy-command", "open", "shell-reattach"})


def command_for(action: Action, target: Target, state: State) -> str:
    """The equal `coder` command, a `curl` line where there is none, empty where neither makes sense."""
    if action.hits_deployment:
        return pools.command_words(action)
    found = resolve(state, target, is_devcontainer=action.id.startswith("devcontainer-"))
    return "" if found is None else command_of(action, found)


def command_of(action: Action, found: Found) -> str:
    """The same for a target that has been looked up."""
    workspace = found.workspace
    name = shlex.quote(workspace.full_name)
    if action.id in _OF_WORKSPACE:
        return f"{_OF_WORKSPACE[action.id]} {name}"
    if action.id in _OF_AGENT:
        return f"coder ssh {shlex.quote(found.locator)}"
    match action.id:
        case "favorite":
            return f"coder {'unfavorite' if workspace.favorite else 'favorite'} {name}"
        case "extend":
            return f"coder schedule extend {name} 1h"
        case "cancel-build":
            return _call("PATCH", f"/workspacebuilds/{workspace.build.id}/cancel")
        case "devcontainer-recreate" | "devcontainer-delete":
            return _devcontainer(action, found)
        case _:
            return ""


def joined_commands(action: Action, found: Sequence[Found]) -> str:
    """The commands for several targets on one line, shortened when they are many."""
    commands = [line for line in (command_of(action, one) for one in found) if line]
    if len(commands) > COMMANDS_SHOWN:
        rest = len(commands) - COMMANDS_SHOWN + 1
        return "; ".join(commands[: COMMANDS_SHOWN - 1]) + f"; … {rest} more"
    return "; ".join(commands)


def _devcontainer(action: Action, found: Found) -> str:
    if found.agent is None or found.devcontainer is None:
        return ""
    path = f"/workspaceagents/{found.agent.id}/containers/devcontainers/{found.devcontainer.id}"
    if action.id == "devcontainer-recreate":
        return _call("POST", f"{path}/recreate")
    return _call("DELETE", path)


def _call(method: str, path: str) -> str:
    # Ids come from the server: nothing in them may end the quotes.
    safe = "".join(c for c in path if c.isalnum() or c in "-_./")
    return _API.format(method=method, path=safe)
