"""Where rules are known: one list for each kind of case."""

from __future__ import annotations

from collections.abc import Callable

from agentdash.triage.cases import AgentCase, Case, Outcome, PoolCase, Rule, WorkspaceCase

DEPLOYMENT_RULES: list[Rule] = []
POOL_RULES: list[Rule] = []
WORKSPACE_RULES: list[Rule] = []
AGENT_RULES: list[Rule] = []
"""Judged for agents of the latest build only, never for those kept from the build before."""


def deployment_rule(rule: str) -> Callable[[Callable[[Case], Outcome]], Callable[[Case], Outcome]]:
    """Register a rule about the deployment."""

    def register(check: Callable[[Case], Outcome]) -> Callable[[Case], Outcome]:
        DEPLOYMENT_RULES.append(Rule(rule, check))
        return check

    return register


def pool_rule(rule: str) -> Callable[[Callable[[PoolCase], Outcome]], Callable[[PoolCase], Outcome]]:
    """Register a rule about one prebuild pool."""

    def register(check: Callable[[PoolCase], Outcome]) -> Callable[[PoolCase], Outcome]:
        POOL_RULES.append(Rule(rule, check))
        return check

    return register


def workspace_rule(
    rule: str,
) -> Callable[[Callable[[WorkspaceCase], Outcome]], Callable[[WorkspaceCase], Outcome]]:
    """Register a rule about one workspace."""

    def register(check: Callable[[WorkspaceCase], Outcome]) -> Callable[[WorkspaceCase], Outcome]:
        WORKSPACE_RULES.append(Rule(rule, check))
        return check

    return register


def agent_rule(rule: str) -> Callable[[Callable[[AgentCase], Outcome]], Callable[[AgentCase], Outcome]]:
    """Register a rule about one agent."""

    def register(check: Callable[[AgentCase], Outcome]) -> Callable[[AgentCase], Outcome]:
        AGENT_RULES.append(Rule(rule, check))
        return check

    return register
