"""May this be done now, and how strongly to ask first.

What is refused here is refused with a sentence before anything is sent; what is let through may still be refused by the
server, which alone knows all rights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agentdash.actions import pools
from agentdash.actions.action import Action, Danger
from agentdash.actions.command import joined_commands
from agentdash.actions.target import Found, Target, resolve
from agentdash.state.model import User, Workspace
from agentdash.state.state import State

READ_ONLY = "Read-only mode: nothing is changed from here."
UNKNOWN = "It is no longer there."
SHOWN = 12
"""Targets named in the question; the rest is counted."""
IN_TRANSITION = frozenset({"starting", "stopping", "deleting"})
"""Devcontainer statuses that take no action (contract: agents.md §5.2)."""

_LASTING = {
    "stop": "Running processes end; what the template keeps on no volume is lost.",
    "restart": "Running processes end; what the template keeps on no volume is lost, and so are the agent's logs.",
    "delete": "The workspace and everything in it is deleted.",
    "cancel-build": "A build that runs ends as failed; what it has made so far may stay behind.",
    "devcontainer-recreate": "Changes inside the container are lost; its mounted folders stay.",
    "devcontainer-delete": "The container and what is only inside it is removed; its mounted folders stay.",
    "network-node": "The deployment's connection log keeps an entry in your name, as if you had connected to the agent.",
}
_TOLD_FIRST = frozenset({"network-node"})
"""Harmless, and still nothing that a person would want to have done unknowingly."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """The question before harm.

    Attributes:
        title: The question.
        targets: What will be hit, by name.
        affected: Who uses it and what else is touched, a line each.
        lasting: What cannot be undone; may be empty.
        command: The `coder` command that does the same; may be empty.
        verb: What the button says.
        typed: What has to be typed, None if the button is enough.
    """

    title: str
    targets: tuple[str, ...]
    affected: tuple[str, ...] = ()
    lasting: str = ""
    command: str = ""
    verb: str = "Do it"
    typed: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """The answer of `check`.

    Attributes:
        allowed: Whether it may be tried.
        reason: Why not, as a sentence; empty when allowed.
        confirm: What to ask first; None when nothing needs asking.
        targets: Those of the targets that it would hit, one for each thing.
    """

    allowed: bool
    reason: str = ""
    confirm: Confirm | None = None
    targets: tuple[Target, ...] = ()


def check(
    action: Action,
    targets: Sequence[Target],
    state: State,
    *,
    read_only: bool,
    now: datetime,
    strict: bool = False,
) -> Guard:
    """Judge an action on these targets.

    Of several targets those that would be refused are left out, which the question says; if all would be, the first
    refusal is the reason.

    Args:
        read_only: Whether this program may change anything.
        now: Server time.
        strict: Have a name typed for a single target too.
    """
    if action.writes and read_only:
        return Guard(False, READ_ONLY)
    if not action.available:
        return Guard(False, "This version cannot do that yet.")
    if action.hits_deployment:
        return _of_pools(action, state, strict=strict)
    found, refused = _sorted_out(action, targets, state, now)
    if not found:
        return Guard(False, refused[0][1] if refused else "Nothing is selected.")
    kept = tuple(_pinned(action, one) for one in found)
    is_plain = action.danger is Danger.NONE and action.id not in _TOLD_FIRST
    if is_plain and not (action.hits_workspace and len(found) > 1):
        return Guard(True, targets=kept)
    return Guard(True, confirm=_question(action, found, refused, state, now, strict=strict), targets=kept)


def _pinned(action: Action, found: Found) -> Target:
    """The target as it is asked about: while the question stands, another build may follow the one it names."""
    if action.id != "cancel-build":
        return found.target
    return replace(found.target, build=found.workspace.build.id)


def _of_pools(action: Action, state: State, *, strict: bool) -> Guard:
    reason = pools_refusal(action, state)
    if reason:
        return Guard(False, reason)
    verb = action.title.rstrip("…").capitalize()
    question = Confirm(
        title=f"{verb}?",
        targets=(pools.target_words(state),),
        affected=pools.affected_words(state),
        lasting=pools.lasting_words(action),
        command=pools.command_words(action),
        verb=verb,
        typed=verb.split()[0].lower() if strict else None,
    )
    return Guard(True, confirm=question, targets=(pools.POOLS,))


def pools_refusal(action: Action, state: State) -> str:
    """Why the pools cannot be paused or resumed; empty when nothing is known against it."""
    user = state.server.user
    may_all = user is None or user.has_site_role("owner") or _has_custom_role(user)
    return pools.refusal(action, state, may_all=may_all)


def refusal(action: Action, found: Found, user: User | None, now: datetime) -> str:
    """Why an action will not work on one thing, as a sentence; empty when nothing is known against it."""
    rule = _RULES.get(action.id)
    reason = rule(found, user, now) if rule is not None else ""
    return reason or (_prebuild_right(action, found.workspace, user) if action.writes else "")


def _sorted_out(
    action: Action, targets: Sequence[Target], state: State, now: datetime
) -> tuple[list[Found], list[tuple[str, str]]]:
    """Those that may be hit, and (name, reason) of the others; rows of one workspace count once."""
    found: list[Found] = []
    refused: list[tuple[str, str]] = []
    seen: set[str] = set()
    for target in targets:
        one = resolve(state, target, is_devcontainer=action.id.startswith("devcontainer-"))
        if one is None:
            refused.append((target.key, UNKNOWN))
            continue
        subject = one.subject(action)
        if subject in seen:
            continue
        seen.add(subject)
        reason = refusal(action, one, state.server.user, now)
        if reason:
            refused.append((one.name(action), reason))
        else:
            found.append(one)
    return found, refused


# -- rules: one for each action that can fail for a known reason --------------------------------------------------


def _idle(found: Found, _user: User | None = None, _now: datetime | None = None) -> str:
    build = found.workspace.build
    if build.is_active:
        return f"Build {build.number} is {build.status}: wait for it, or cancel it."
    return ""


def _can_start(found: Found, user: User | None, now: datetime) -> str:
    if found.workspace.build.status == "running":
        return "The workspace is already started."
    return _idle(found, user, now)


def _can_stop(found: Found, user: User | None, now: datetime) -> str:
    if found.workspace.build.status == "stopped":
        return "The workspace is already stopped."
    return _idle(found, user, now)


def _can_restart(found: Found, user: User | None, now: datetime) -> str:
    if found.workspace.build.status == "stopped":
        return "The workspace is stopped: start it."
    return _idle(found, user, now)


def _can_cancel(found: Found, user: User | None, _now: datetime) -> str:
    build = found.workspace.build
    if found.target.build and found.target.build != build.id:
        return f"The build that was to be cancelled has ended; build {build.number} was left alone."
    if not build.is_active:
        return "No build is queued or running."
    if build.job.status == "canceling":
        return "The build is already being cancelled."
    is_owner = user is None or user.has_site_role("owner")
    if not found.workspace.template_allow_user_cancel and not is_owner:
        return "The template does not let users cancel builds."
    return ""


def _can_extend(found: Found, user: User | None, now: datetime) -> str:
    build = found.workspace.build
    if found.workspace.is_prebuild:
        return "A prebuild has no autostop to move."
    if build.status != "running":
        return "The workspace is not running."
    if build.deadline is None:
        return "The workspace has no autostop."
    if build.max_deadline is not None and build.deadline >= build.max_deadline:
        return "Autostop is as late as the template allows."
    return _idle(found, user, now)


def _can_favor(found: Found, user: User | None, _now: datetime) -> str:
    if user is not None and found.workspace.owner_id != user.id:
        return "Only your own workspaces can be favourites."
    return ""


def _can_touch_devcontainer(found: Found, _user: User | None, _now: datetime) -> str:
    agent, devcontainer = found.agent, found.devcontainer
    if found.workspace.agents_are_previous:
        return "A build is under way: the workspace has no agents meanwhile."
    if agent is None or devcontainer is None:
        return UNKNOWN
    if not agent.is_connected:
        return f"Agent {agent.name} is {agent.status}: only a connected agent can be asked."
    if devcontainer.status in IN_TRANSITION:
        return f"Devcontainer {devcontainer.name} is {devcontainer.status}: wait until that has ended."
    return ""


def _can_open_shell(found: Found, user: User | None, _now: datetime) -> str:
    agent = found.agent
    if found.workspace.agents_are_previous:
        return "A build is under way: the workspace has no agents meanwhile."
    if agent is None:
        return "The workspace has no agent to open a shell in."
    if not agent.is_connected:
        return f"Agent {agent.name} is {agent.status}: a shell needs a connected one."
    is_owner = user is None or user.has_site_role("owner") or _has_custom_role(user)
    if found.workspace.is_prebuild and not is_owner:
        return "Only site owners may open a shell in a prebuild."
    return ""


def _can_ask_node(found: Found, user: User | None, now: datetime) -> str:
    if found.agent is not None and not found.agent.is_connected and not found.workspace.agents_are_previous:
        return f"Agent {found.agent.name} is {found.agent.status}: only a connected one says how it is connected."
    return _can_open_shell(found, user, now).replace("open a shell in", "ask")


_RULES: dict[str, Callable[[Found, User | None, datetime], str]] = {
    "shell": _can_open_shell,
    "terminal-enter": _can_open_shell,
    "terminal-new": _can_open_shell,
    "terminal-new-with": _can_open_shell,
    "devcontainer-shell": _can_open_shell,
    "network-node": _can_ask_node,
    "start": _can_start,
    "stop": _can_stop,
    "restart": _can_restart,
    "delete": _idle,
    "cancel-build": _can_cancel,
    "extend": _can_extend,
    "favorite": _can_favor,
    "devcontainer-recreate": _can_touch_devcontainer,
    "devcontainer-delete": _can_touch_devcontainer,
}


def _prebuild_right(action: Action, workspace: Workspace, user: User | None) -> str:
    """Who may do what to an unclaimed prebuild is fixed by role (contract: fleet.md §7.2)."""
    if not workspace.is_prebuild or user is None or user.has_site_role("owner"):
        return ""
    roles = {r.name for r in user.roles if r.organization_id == workspace.organization_id}
    if _has_custom_role(user) or "organization-admin" in roles:
        return ""
    if action.right in ("delete", "update"):
        if user.has_site_role("template-admin") or "organization-template-admin" in roles:
            return ""
        return "Only template admins may change prebuilds."
    if action.right in ("start", "stop"):
        return "Only organization admins may start or stop prebuilds; deleting one makes a new one."
    return ""


_KNOWN_ROLES = frozenset(
    {
        "owner",
        "template-admin",
        "user-admin",
        "auditor",
        "member",
        "organization-admin",
        "organization-template-admin",
        "organization-user-admin",
        "organization-auditor",
        "organization-member",
    }
)


def _has_custom_role(user: User) -> bool:
    """A role of the deployment's own may allow anything."""
    return any(role.name not in _KNOWN_ROLES for role in user.roles)


# -- the question -------------------------------------------------------------------------------------------------


def _question(
    action: Action,
    found: list[Found],
    refused: list[tuple[str, str]],
    state: State,
    now: datetime,
    *,
    strict: bool,
) -> Confirm:
    names = [one.name(action) for one in found]
    verb = action.title.rstrip("…").capitalize()
    kind = "devcontainer" if action.id.startswith("devcontainer-") else "workspace"
    title = f"{verb} {names[0]}?" if len(names) == 1 else f"{verb}: {len(names)} {kind}s?"
    used = () if action.id in _TOLD_FIRST else found
    affected = [line for one in used for line in _use_of(one, now, alone=len(found) == 1)]
    affected += [f"{name} is left out: {reason}" for name, reason in refused]
    user = state.server.user
    if user is not None and any(_is_foreign(one.workspace, user) for one in found):
        affected.append("As far as known you have no right to this; the server decides.")
    return Confirm(
        title=title,
        targets=_shortened(names),
        affected=_shortened(affected),
        lasting=_LASTING.get(action.id, ""),
        command=joined_commands(action, found),
        verb=verb,
        typed=_typed(action, names, strict=strict),
    )


def _typed(action: Action, names: list[str], *, strict: bool) -> str | None:
    if len(names) > 1:
        return str(len(names))
    if strict or action.id == "delete":
        return names[0].rpartition("/")[2]
    return None


def _use_of(found: Found, now: datetime, *, alone: bool) -> list[str]:
    """Who or what is at work there."""
    workspace = found.workspace
    prefix = "" if alone else f"{workspace.full_name}: "
    lines = []
    if workspace.is_prebuild:
        lines.append("an unclaimed prebuild: nobody works in it")
    elif workspace.last_used_at is not None and workspace.build.status == "running":
        lines.append(f"last used {_ago(now, workspace.last_used_at)}")
    status = workspace.app_status
    if status is not None and status.state == "working":
        lines.append(f"an app is at work: {status.message}" if status.message else "an app is at work")
    if workspace.dormant_at is not None:
        lines.append("dormant: this wakes it")
    return [prefix + line for line in lines]


def _is_foreign(workspace: Workspace, user: User) -> bool:
    """Somebody else's, without a role that is known to reach it. A share may still allow it."""
    if workspace.is_prebuild or workspace.owner_id == user.id or user.has_site_role("owner"):
        return False
    admin = any(
        r.name == "organization-admin" and r.organization_id == workspace.organization_id for r in user.roles
    )
    return not admin and not _has_custom_role(user)


def _shortened(lines: list[str]) -> tuple[str, ...]:
    if len(lines) <= SHOWN:
        return tuple(lines)
    return (*lines[: SHOWN - 1], f"and {len(lines) - SHOWN + 1} more")


def _ago(now: datetime, then: datetime) -> str:
    minutes = int((now - then).total_seconds() // 60)
    if minutes < 2:
        return "just now"
    if minutes < 120:
        return f"{minutes} minutes ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
