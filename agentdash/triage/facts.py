"""What the rules are judged from, frozen: the state, the deployment, a short memory, the server's time.

Also tells why something cannot be known: refused, not licensed, an old server, not read yet (contract: triage.md §5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from immutables import Map

from agentdash.state.deployment import (
    BuildSummary,
    Deployment,
    PrebuildsConfig,
    ProvisionerDaemon,
    TemplateVersion,
)
from agentdash.state.freshness import Fact, Freshness
from agentdash.state.logs import LogBook
from agentdash.state.model import PREBUILDS_USER_ID, LogLine, Transition, Workspace
from agentdash.state.state import State
from agentdash.triage.baseline import SPARE, Baseline, Figures, Start, learn
from agentdash.triage.census import Census
from agentdash.triage.claims import Claim, claim_of
from agentdash.triage.clock import known, latest
from agentdash.triage.entries.entry import Source
from agentdash.triage.memory import Memory
from agentdash.triage.pools import Pool, pools_in
from agentdash.triage.thresholds import Thresholds

TAIL_LINES = 2000
FEW = 3
"""So many agents without a relay may be chance."""

_DERIVED = ("census", "pools", "pools_by_preset", "newest_starts", "baseline")
"""What is derived from facts at the first use."""

Part = Literal["builds", "timings", "build_logs", "agent_logs", "parameters"]
"""Parts of the deployment that tell of one build, agent or workspace."""

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
    def census(self) -> Census:
        """The fleet counted."""
        return Census(self.state.workspaces.values())

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """All prebuild pools."""
        return pools_in(self.census, self.deployment)

    @cached_property
    def baseline(self) -> Baseline:
        """What is usual here."""
        limits, timings = self.thresholds, self.deployment.timings
        least, kept = int(limits.baseline_samples), max(1, int(limits.baseline_kept))
        return learn(self.newest_starts, timings, least=least, kept=kept)

    @cached_property
    def newest_starts(self) -> tuple[Start, ...]:
        """What the baseline is learned from, beside the timings."""
        return self.census.newest_starts(SPARE * max(1, int(self.thresholds.baseline_kept)))

    def remembering(self, memory: Memory) -> Facts:
        """These facts with another memory; nothing that is derived once follows from the memory."""
        return replace(self, memory=memory).with_derived(self)

    def with_derived(self, other: Facts, *names: str) -> Facts:
        """These facts, with what was derived once from equal ones: all of it, or what is named."""
        known = other.__dict__
        self.__dict__.update({name: known[name] for name in names or _DERIVED if name in known})
        return self

    @cached_property
    def pools_by_preset(self) -> Mapping[str, Pool]:
        """Pools by the id of their preset."""
        return {pool.preset_id: pool for pool in self.pools}

    # Questions. Those about one subject are asked through `Around`, which notes them: each answer must be a value that
    # can be compared, and must follow from these facts and the arguments alone, without `now`.

    def config(self) -> PrebuildsConfig:
        """The reconciler's options, or their defaults."""
        return self.deployment.config.value or PrebuildsConfig()

    def server_version(self) -> str:
        """Version of the server, as it says."""
        return self.state.server.version

    def server_address(self) -> str:
        """Where the server is."""
        return self.state.server.url or self.state.server.host

    def health_codes(self) -> tuple[str, ...]:
        """Codes of the deployment's own health check."""
        report = self.deployment.health.value
        return () if report is None else report.codes()

    def daemons(self, organization_id: str) -> tuple[ProvisionerDaemon, ...] | None:
        """Provisioner daemons of an organization; None if they were not read."""
        fact = self.deployment.daemons.get(organization_id)
        return None if fact is None or fact.freshness is Freshness.REFUSED else fact.value

    def pool(self, preset_id: str | None) -> Pool | None:
        """The pool of a preset."""
        return None if preset_id is None else self.pools_by_preset.get(preset_id)

    def pools_of_version(self, version_id: str) -> tuple[Pool, ...]:
        """The pools of a template version."""
        return tuple(pool for pool in self.pools if version_id and pool.version_id == version_id)

    def promoted(self, active_version_id: str) -> tuple[datetime | None, bool]:
        """A time by which a version was active, and whether that is proven by a prebuild made of it."""
        pools = self.pools_of_version(active_version_id)
        made = [at for pool in pools for w in pool.prebuilds if (at := known(w.created_at)) is not None]
        if made:
            return min(made), True
        return self.promoted_by(active_version_id), False

    def promoted_by(self, active_version_id: str) -> datetime | None:
        """A time by which the active version had been promoted: it and its template have not changed since."""
        version = self.version(active_version_id)
        if version is None or known(version.created_at) is None:
            return None
        templates = self.deployment.templates.value
        template = None if templates is None else templates.get(version.template_id)
        return latest(version.created_at, None if template is None else template.updated_at)

    def removed(self, template_name: str, since: datetime) -> datetime | None:
        """When a prebuild of a template was removed last since then, by the provisioner jobs."""
        return latest(
            *(
                job.completed_at
                for fact in self.deployment.jobs.values()
                for job in fact.value or ()
                if job.initiator_id == PREBUILDS_USER_ID
                and job.transition == "delete"
                and job.status == "succeeded"
                and job.template_name == template_name
                and job.completed_at is not None
                and job.completed_at >= since
            )
        )

    def relays_reported(self) -> tuple[bool, bool]:
        """Whether any connected root agent reports a relay, and whether more than a few are connected."""
        return self.census.count("relay") > 0, self.census.count("connected") > FEW

    def ran(self, version_id: str, agent: str, script: str) -> tuple[int, int]:
        """On how many agents of a version a script failed, and on how many it ended."""
        by = version_id, agent, script
        return self.census.count("script failed", *by), self.census.count("script ended", *by)

    def connected(self, version_id: str, agent: str) -> tuple[int, int]:
        """How many root agents of that name and version never connected, and how many there are."""
        return self.census.count("never connected", version_id, agent), self.census.count(
            "root", version_id, agent
        )

    def running(self, template_id: str) -> tuple[int, int]:
        """How many running workspaces of a template have agents, and how many there are."""
        return self.census.count("running with agents", template_id), self.census.count(
            "running", template_id
        )

    def usual(self, version_id: str, template_id: str, step: str) -> Figures | None:
        """What is usual for a step."""
        return self.baseline.usual(version_id, template_id, step)

    def usual_below(self, version_id: str, template_id: str, step: str, limit_s: float) -> Figures | None:
        """What is usual for a step if its median is below the limit: else nothing, so that small moves are no news."""
        figures = self.usual(version_id, template_id, step)
        return figures if figures is not None and figures.median_s < limit_s else None

    def builds(self, workspace_id: str) -> tuple[BuildSummary, ...] | None:
        """Builds of a workspace, newest first; None if they were not read."""
        fact = self.deployment.builds.get(workspace_id)
        return None if fact is None else fact.value

    def claim(self, workspace: Workspace) -> Claim | bool:
        """Its claim; False if it was no prebuild, True if that cannot be known."""
        return claim_of(workspace, self.builds(workspace.id), self.history(workspace.id))

    def history(self, key: str) -> Sequence[Transition]:
        """Transitions of a row, oldest first."""
        return self.state.history.get(key, ())

    def agent_lines(self, agent_id: str) -> tuple[LogLine, ...] | None:
        """The last lines of an agent's log; None if its log was not read."""
        return self._lines(self.state.logs.get(agent_id), self.deployment.agent_logs.get(agent_id))

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

    def untold(self, part: Part, subject_id: str, what: str) -> str:
        """Why something about one build, agent or workspace is not there, in words."""
        facts: Map[str, Fact[Any]] = getattr(self.deployment, part)
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
        if self.census.count("prebuild") or self.sees_prebuilds():
            return None
        if self.state.server.user is None:
            return "prebuilds: not known whether this account may see them"
        return "prebuilds: this account may not see them"


def why(fact: Fact[Any], what: str) -> str | None:
    """Why a fact cannot be used, in words; None if it can."""
    problem = fact.problem
    if fact.freshness is Freshness.REFUSED:
        if problem is not None and problem.version_needed:
            needed = problem.version_needed
            return f"{what}: {needed[:1].lower()}{needed[1:].rstrip('.')}"
        status = f"{problem.status} " if problem is not None and problem.status else ""
        title = problem.title if problem is not None else "refused"
        return f"{what}: {status}{title}"
    if fact.value is not None:
        return None
    if problem is not None:
        return f"{what}: {problem.title}"
    return f"{what}: not read yet"
