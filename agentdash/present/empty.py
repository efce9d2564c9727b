"""An empty place says one sentence: what would be here, why there is nothing, what to press (ui.md, Look)."""

from __future__ import annotations

from typing import Any

from agentdash.state.freshness import Fact, Freshness, Problem
from agentdash.state.model import Agent, Server

_WHAT = {
    "health": "The agent's health",
    "scripts": "Scripts of the template",
    "ports": "Listening ports",
    "logs": "Log lines of the agent",
    "devcontainers": "Devcontainers and containers",
    "terminal": "A shell in the workspace",
    "apps": "Apps of the template",
    "metadata": "Metadata values of the template",
    "network": "Relays and latencies",
    "build": "The build's log",
}

_NONE = {
    "health": "Nothing is known of this agent yet.",
    "scripts": "The template gives this agent no scripts.",
    "ports": "Listening ports would be here: none is reported, though well-known ones such as 22 and 5432 never are.",
    "logs": "Log lines would be here: the agent has written none yet.",
    "devcontainers": "Devcontainers and containers would be here: the agent sees none.",
    "apps": "The template gives this agent no apps.",
    "metadata": "The template defines no metadata for this agent.",
    "network": "The deployment names no relays.",
    "build": "The build has written no lines yet.",
    "terminal": "Press enter to open a shell here.",
}

_DIALLED = frozenset({"ports", "devcontainers", "terminal"})
"""Panes whose facts come from the agent itself."""


def empty_place(pane: str, agent: Agent | None, fact: Fact[Any] | None = None) -> str:
    """The sentence for a pane with nothing in it.

    Args:
        pane: `health`, `scripts`, `ports`, `logs`, `devcontainers`, `terminal`, `apps`, `metadata`, `network`, `build`.
        agent: Whose pane it is.
        fact: The pane's fact, if it has one: why it is empty.
    """
    what = _WHAT.get(pane, "Facts")
    if pane in _DIALLED and agent is not None:
        if not agent.is_connected:
            return f"{what} would be here: the agent is {_away(agent)}, and only a connected one has them."
        if pane == "terminal" and agent.display_apps is not None and "web_terminal" not in agent.display_apps:
            return "The template offers no terminal for this agent; press enter to try all the same."
    if fact is not None:
        if fact.problem is not None:
            return _because(pane, what, fact.problem, agent)
        if fact.freshness in (Freshness.UNKNOWN, Freshness.LOADING):
            if pane == "devcontainers" and agent is not None and agent.lifecycle in ("created", "starting"):
                return f"{what} would be here: the agent lists them only after its start scripts have ended."
            return f"{what} are being read."
    return _NONE.get(pane, "Nothing here.")


def _away(agent: Agent) -> str:
    return {
        "connecting": "still connecting",
        "timeout": "not connected and past its time limit",
        "disconnected": "disconnected",
    }.get(agent.status, agent.status or "in an unknown state")


def _because(pane: str, what: str, problem: Problem, agent: Agent | None) -> str:
    if problem.kind in ("RouteNotFound", "ServerTooOld"):
        _, _, since = problem.version_needed.partition(" came with ")
        if since:
            return f"{what} would be here, which came with {since}"
        return f"{what} would be here: this server does not offer them; it is older than the feature."
    if pane == "devcontainers" and problem.status in (403, 404):
        if agent is not None and agent.parent_id is not None:
            return (
                "Devcontainers are listed by the parent agent; one inside a devcontainer has none of its own."
            )
        if problem.kind == "NotFound":
            return f"{what} would be here: the agent is older than the feature."
        return f"{what} would be here: the feature is switched off in this agent."
    if (
        pane == "devcontainers"
        and problem.status == 500
        and "containers" in (problem.title + problem.detail).lower()
    ):
        return f"{what} would be here: {problem.detail or 'no docker or podman answers in the workspace'}"
    if problem.status in (401, 403):
        return _sentence(what, "you have no right to read them", problem.next_step)
    if problem.status == 404:
        return _sentence(
            what, "the server no longer knows this agent, or hides it from you", "Press esc and open it anew."
        )
    reason = problem.title[:1].lower() + problem.title[1:]
    if problem.detail:
        reason = f"{reason} ({problem.detail})"
    return _sentence(what, reason, problem.next_step or "Press ctrl+r to read again.")


def _sentence(what: str, why: str, then: str) -> str:
    return f"{what} would be here: {why.rstrip('.')}. {then}".strip()


def empty_fleet(server: Server, fleet: Fact[int], *, query: str = "", total: int = 0) -> str:
    """The sentence of a fleet without rows.

    Args:
        server: The deployment.
        fleet: Freshness of the list.
        query: The filter; when it hides everything, that is the reason.
        total: Rows there are without the filter.
    """
    if query and total:
        return (
            f"Agents that match “{query}” would be here: none of {total} does. Press esc to clear the filter."
        )
    if server.problem is not None:
        problem = server.problem
        detail = f" ({problem.detail})" if problem.detail else ""
        return f"{problem.title}{detail}. {problem.next_step}".strip()
    if fleet.problem is not None:
        return _sentence("Your fleet", fleet.problem.title, fleet.problem.next_step)
    if fleet.freshness in (Freshness.UNKNOWN, Freshness.LOADING):
        where = f" from {server.host}" if server.host else ""
        return f"Workspaces are being read{where}."
    return "There is no workspace that you may see. Make one with `coder create`, or ask for the right to see others."
