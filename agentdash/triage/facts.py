"""What the rules are judged from, frozen: the state, the deployment, a short memory, the server's time.

Also tells why something cannot be known: refused, not licensed, an old server, not read yet (contract: triage.md §5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from immutables import Map

from agentdash.state.deployment import BuildSummary, Deployment, PrebuildsConfig, TemplateVersion
from agentdash.state.freshness import Fact, Freshness
from agentdash.state.logs import LogBook
from agentdash.state.model import Agent, LogLine, Transition, Workspace
from agentdash.state.store import State
from agentdash.triage.baseline import Baseline, learn
from agentdash.triage.claims import Claim, claim_of
from agentdash.triage.entries.entry import Source
from agentdash.triage.memory import Memory
from agentdash.triage.pools import Pool, pools_of
from agentdash.triage.thresholds import Thresholds

READ_LASTS = timedelta(seconds=90)
"""A row not read for longer is judged as of then: what may have changed since is no evidence."""
TAIL_LINES = 2000

_SEES_PREBUILDS = ("owner", "template-admin")
_SEES_PREBUILDS_IN_ORGANIZATION = ("organization-admin", "organization-template-admin")


@dataclass(frozen=True)
class Facts:
    """Input of the rules.

    Attributes:
        state: What is known of the workspaces.
        now: The server's time, from the header `Date`; the laptop's decides nothing.
        deployment: What surrounds the workspaces.
        memory: What was seen before.
        thresholds: Limits.
    """

    state: State
    now: datetime
    deployment: Deployment = field(default_factory=Deployment)
    memory: Memory = field(default_factory=Memory)
    thresholds: Thresholds = field(default_factory=Thresholds)

    # Derived once

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """All prebuild pools."""
        return pools_of(self.state.workspaces.values(), self.deployment)

    @cached_property
    def baseline(self) -> Baseline:
        """What is usual here."""
        limits = self.thresholds
        return learn(
            iter(self.state.workspaces.values()),
            self.deployment.timings,
            least=int(limits.baseline_samples),
            kept=max(1, int(limits.baseline_kept)),
        )

    @cached_property
    def by_version(self) -> dict[str, tuple[Workspace, ...]]:
        """Workspaces by template version id."""
        found: defaultdict[str, list[Workspace]] = defaultdict(list)
        for workspace in self.state.workspaces.values():
            found[workspace.build.template_version_id].append(workspace)
        return {version: tuple(members) for version, members in found.items() if version}

    @cached_property
    def relays_reported(self) -> tuple[int, int]:
        """Connected root agents that report a relay, and how many connected root agents there are."""
        told = [
            bool(agent.latency)
            for workspace in self.state.workspaces.values()
            for agent in workspace.agents
            if agent.status == "connected" and agent.parent_id is None
        ]
        return sum(told), len(told)

    @cached_property
    def config(self) -> PrebuildsConfig:
        """The reconciler's options, or their defaults."""
        return self.deployment.config.value or PrebuildsConfig()

    # By workspace

    def read_at(self, workspace: Workspace) -> datetime:
        """Server time at which the row was last read."""
        seen = self.state.seen.get(workspace.id)
        return self.now if seen is None else min(seen.at, self.now)

    def judged_at(self, workspace: Workspace) -> datetime:
        """Time up to which the row may be judged: not much later than it was read."""
        read_at = self.read_at(workspace)
        try:
            return min(self.now, read_at + READ_LASTS)
        except OverflowError:
            return self.now

    def builds(self, workspace: Workspace) -> tuple[BuildSummary, ...] | None:
        """Its builds, newest first; None if they were not read."""
        fact = self.deployment.builds.get(workspace.id)
        return None if fact is None else fact.value

    def claim(self, workspace: Workspace) -> Claim | bool:
        """Its claim; False if it was no prebuild, True if that cannot be known."""
        return claim_of(workspace, self.builds(workspace), self.history(workspace.id))

    def history(self, key: str) -> Sequence[Transition]:
        """Transitions of a row, oldest first."""
        return self.state.history.get(key, ())

    def agent_lines(self, agent: Agent, source_id: str = "") -> tuple[LogLine, ...] | None:
        """The last lines of an agent's log, of one source if named; None if its log was not read."""
        lines = self._lines(self.state.logs.get(agent.id), self.deployment.agent_logs.get(agent.id))
        if lines is None or not source_id:
            return lines
        return tuple(line for line in lines if line.source_id == source_id)

    def build_lines(self, build_id: str) -> tuple[LogLine, ...] | None:
        """The last lines of a build's log; None if it was not read."""
        return self._lines(self.state.build_logs.get(build_id), self.deployment.build_logs.get(build_id))

    @staticmethod
    def _lines(book: LogBook | None, fact: Fact[Any] | None) -> tuple[LogLine, ...] | None:
        if book is not None and book.lines:
            return tuple(book.lines[-TAIL_LINES:])
        tail = None if fact is None else fact.value
        return None if tail is None else tail.lines

    def version(self, version_id: str) -> TemplateVersion | None:
        """A template version, if it was read."""
        return self.deployment.versions.get(version_id)

    # What cannot be known

    def untold(self, facts: Map[str, Fact[Any]], subject_id: str, what: str) -> str:
        """Why something about one build, agent or workspace is not there, in words."""
        fact = facts.get(subject_id)
        return (None if fact is None else why(fact, what)) or f"{what}: not read yet"

    def sees_prebuilds(self, organization_id: str = "") -> bool | None:
        """Whether this account may see unclaimed prebuilds there; None if that is not known."""
        right = self.deployment.rights.get("read_prebuilds")
        if right is not None:
            return right
        user = self.state.server.user
        if user is None:
            return None
        if user.has_site_role(*_SEES_PREBUILDS):
            return True
        return any(
            role.name in _SEES_PREBUILDS_IN_ORGANIZATION
            and (not organization_id or role.organization_id == organization_id)
            for role in user.roles
            if role.organization_id
        )

    def sees_daemons(self, organization_id: str) -> bool:
        """Whether this account is known to see provisioner daemons, so that a count of 0 means none.

        A site-wide template admin is told true counts in a pending build, though not the list (triage.md §5).
        """
        user = self.state.server.user
        if user is not None and user.has_site_role(*_SEES_PREBUILDS):
            return True
        if user is not None and any(
            role.name in _SEES_PREBUILDS_IN_ORGANIZATION and role.organization_id == organization_id
            for role in user.roles
        ):
            return True
        fact = self.deployment.daemons.get(organization_id)
        if fact is not None and fact.value is not None and fact.freshness is not Freshness.REFUSED:
            return True
        return bool(self.deployment.rights.get(f"read_daemons:{organization_id}"))

    def unknown(self, source: Source) -> str | None:
        """Why a source of the whole deployment cannot be used; None if it can, or belongs to single subjects."""
        simple: dict[str, tuple[Fact[Any], str]] = {
            "settings": (self.deployment.prebuilds, "prebuild settings"),
            "templates": (self.deployment.templates, "templates"),
            "health": (self.deployment.health, "deployment health"),
            "regions": (self.deployment.regions, "regions"),
        }
        if source in simple:
            return why(*simple[source])
        several: dict[str, tuple[Sequence[Fact[Any]], str]] = {
            "presets": (tuple(self.deployment.presets.values()), "presets"),
            "daemons": (tuple(self.deployment.daemons.values()), "provisioner daemons"),
            "jobs": (tuple(self.deployment.jobs.values()), "provisioner jobs"),
        }
        if source in several:
            facts, what = several[source]
            reasons = [why(fact, what) for fact in facts]
            return None if None in reasons else next((r for r in reasons if r), f"{what}: not read yet")
        if source == "entitlements" and self.state.server.entitlements is None:
            return "entitlements: not read yet"
        if source == "fleet" and self.state.fleet.value is None:
            return why(self.state.fleet, "list of workspaces")
        if source == "prebuilds":
            return self._prebuilds_unknown()
        return None

    def _prebuilds_unknown(self) -> str | None:
        if any(w.is_prebuild for w in self.state.workspaces.values()) or self.sees_prebuilds():
            return None
        if self.state.server.user is None:
            return "prebuilds: not known whether this account may see them"
        return "prebuilds: this account may not see them"


def why(fact: Fact[Any], what: str) -> str | None:
    """Why a fact cannot be used, in words; None if it can."""
    problem = fact.problem
    if fact.freshness is Freshness.REFUSED:
        status = f"{problem.status} " if problem is not None and problem.status else ""
        title = problem.title if problem is not None else "refused"
        return f"{what}: {status}{title}"
    if fact.value is not None:
        return None
    if problem is not None:
        return f"{what}: {problem.title}"
    return f"{what}: not read yet"
