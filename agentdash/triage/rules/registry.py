"""Where rules are known: one list for each kind of case.

A rule may say for which states it can hold at all, so that a well fleet of thousands costs little: what is picked by
state is looked up once for each pair of states.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import lru_cache

from agentdash.triage.cases import AgentCase, Case, Outcome, PoolCase, WorkspaceCase


@dataclass(frozen=True)
class Rule:
    """A rule that can be judged.

    Attributes:
        id: In the catalogue.
        check: Its function.
        first: States of the job, or of the agent, in which it can hold; empty for all.
        second: Transitions of the build, or lifecycles of the agent, likewise.
        is_for_up: Whether it holds only while the workspace should run; for agents.
        is_on_screen: Whether it is judged from what is read of an agent on screen only.
    """

    id: str
    check: Callable[..., Outcome] = field(repr=False)
    first: frozenset[str] = frozenset()
    second: frozenset[str] = frozenset()
    is_for_up: bool = False
    is_on_screen: bool = False

    def fits(self, first: str, second: str) -> bool:
        """Whether it can hold in these states."""
        return (not self.first or first in self.first) and (not self.second or second in self.second)


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
    rule: str, *, jobs: Collection[str] = (), transitions: Collection[str] = ()
) -> Callable[[Callable[[WorkspaceCase], Outcome]], Callable[[WorkspaceCase], Outcome]]:
    """Register a rule about one workspace, for these states of its job and these transitions."""

    def register(check: Callable[[WorkspaceCase], Outcome]) -> Callable[[WorkspaceCase], Outcome]:
        WORKSPACE_RULES.append(Rule(rule, check, frozenset(jobs), frozenset(transitions)))
        return check

    return register


def agent_rule(
    rule: str,
    *,
    statuses: Collection[str] = (),
    lifecycles: Collection[str] = (),
    is_for_up: bool = True,
    is_on_screen: bool = False,
) -> Callable[[Callable[[AgentCase], Outcome]], Callable[[AgentCase], Outcome]]:
    """Register a rule about one agent, for these states and lifecycles of it."""

    def register(check: Callable[[AgentCase], Outcome]) -> Callable[[AgentCase], Outcome]:
        made = Rule(rule, check, frozenset(statuses), frozenset(lifecycles), is_for_up, is_on_screen)
        AGENT_RULES.append(made)
        return check

    return register


@lru_cache(maxsize=256)
def workspace_rules(job: str, transition: str) -> tuple[Rule, ...]:
    """Rules that can hold for a workspace whose latest build is in these states."""
    return tuple(rule for rule in WORKSPACE_RULES if rule.fits(job, transition))


@lru_cache(maxsize=2048)
def agent_rules(status: str, lifecycle: str, is_up: bool, is_on_screen: bool) -> tuple[Rule, ...]:
    """Rules that can hold for an agent in these states."""
    return tuple(
        rule
        for rule in AGENT_RULES
        if rule.fits(status, lifecycle)
        and (is_up or not rule.is_for_up)
        and (is_on_screen or not rule.is_on_screen)
    )
