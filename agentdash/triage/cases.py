"""What one rule looks at: a workspace, an agent, a pool or the deployment, with the facts around it."""

from __future__ import annotations

import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType

from agentdash.state.model import Agent, Build, Job, LogLine, Script, Transition, Workspace
from agentdash.triage.around import Around
from agentdash.triage.baseline import Figures
from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.claims import Claim
from agentdash.triage.clock import Moment, known
from agentdash.triage.facts import Facts
from agentdash.triage.finding import (
    CannotKnow,
    Confidence,
    Evidence,
    Finding,
    Severity,
    Step,
    Subject,
)
from agentdash.triage.pools import Pool
from agentdash.triage.thresholds import Thresholds

Outcome = Iterator[Finding | CannotKnow]
"""What a rule yields: findings, or why it cannot tell."""

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"\{(\w+)\}")


def in_order(proofs: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Proofs in order of time, those without one last."""
    return tuple(sorted(proofs, key=lambda e: (known(e.at) is None, known(e.at) or _FAR)))


class Ground(ABC):
    """What all cases have in common."""

    @property
    @abstractmethod
    def subject(self) -> Subject:
        """What a finding of this case is about."""

    @abstractmethod
    def words(self) -> dict[str, str]:
        """What is filled into texts and commands of the catalogue."""

    def find(
        self,
        rule: str,
        *,
        severity: Severity | None = None,
        since: datetime | None = None,
        evidence: Iterable[Evidence | None] = (),
        causes: Sequence[str] = (),
        suspect: str = "",
        confidence: Confidence = Confidence.CERTAIN,
        subject: Subject | None = None,
        title: str = "",
        cause: str = "",
        next_steps: Sequence[Step] = (),
        likely: Sequence[str] | None = None,
        steps: Sequence[tuple[str, str]] | None = None,
        places: Mapping[str, str] = MappingProxyType({}),
    ) -> Finding:
        """A finding of a rule; what is left out comes from the catalogue.

        Args:
            rule: Id of the rule.
            severity: Where it differs from the catalogue's.
            since: From when on it holds.
            evidence: Proofs in any order; None is passed over.
            causes: Causes seen in this very case; the catalogue's follow.
            suspect: Script, app or resource to look at first.
            confidence: How sure it is.
            subject: Where it is not the case's own.
            title: Where it says more than the catalogue's.
            cause: Rule that explains this one.
            next_steps: Steps before those of the catalogue.
            likely: Causes instead of the catalogue's, where the case refutes some of them.
            steps: Steps instead of the catalogue's, written as they are there.
            places: What is filled in beside the case's own words.
        """
        entry = CATALOGUE[rule]
        words = {"suspect": suspect or "the script", **self.words(), **places}
        proofs = [e for e in evidence if e is not None and e.text]
        return Finding(
            rule=rule,
            title=title or entry.title,
            severity=entry.severity if severity is None else severity,
            confidence=confidence,
            subject=subject or self.subject,
            since=known(since),
            evidence=in_order(proofs),
            causes=tuple(dict.fromkeys((*causes, *(entry.causes if likely is None else likely)))),
            next=(*next_steps, *_steps(entry.next if steps is None else steps, words)),
            reference=entry.reference,
            suspect=suspect,
            cause=cause or rule,
        )

    @staticmethod
    def cannot(rule: str, reason: str) -> CannotKnow:
        """Why the rule cannot be judged."""
        return CannotKnow(rule, reason)


@dataclass(frozen=True)
class Case(Ground):
    """The deployment as a whole."""

    facts: Facts

    @property
    def now(self) -> datetime:
        """Server time."""
        return self.facts.now

    @property
    def limits(self) -> Thresholds:
        """Limits."""
        return self.facts.thresholds

    @property
    def subject(self) -> Subject:
        return Subject("deployment", "deployment")

    def words(self) -> dict[str, str]:
        return {"server": self.facts.server_address()}


@dataclass(frozen=True)
class WorkspaceCase(Ground):
    """One workspace."""

    facts: Around
    workspace: Workspace

    @property
    def now(self) -> Moment:
        """Server time up to which it may be judged."""
        return self.facts.judged

    @property
    def limits(self) -> Thresholds:
        """Limits."""
        return self.facts.thresholds

    @property
    def build(self) -> Build:
        """Its latest build."""
        return self.workspace.build

    @property
    def job(self) -> Job:
        """That build's job."""
        return self.workspace.build.job

    @property
    def subject(self) -> Subject:
        workspace = self.workspace
        return Subject(
            "workspace",
            workspace.id,
            workspace=workspace.full_name,
            template=workspace.template_name,
            workspace_id=workspace.id,
        )

    @property
    def history(self) -> Sequence[Transition]:
        """Transitions of the workspace."""
        return self.facts.history(self.workspace.id)

    @property
    def claim(self) -> Claim | bool:
        """Its claim, if it was a prebuild."""
        return self.facts.claim

    @cached_property
    def is_up(self) -> bool:
        """Whether its start build has succeeded, so that its agents should run."""
        build = self.build
        is_started = build.transition == "start" and build.job.status == "succeeded"
        return is_started and not self.workspace.agents_are_previous

    @property
    def roots(self) -> tuple[Agent, ...]:
        """Its agents without the sub-agents."""
        return tuple(a for a in self.workspace.agents if a.parent_id is None)

    def words(self) -> dict[str, str]:
        workspace, build = self.workspace, self.workspace.build
        return {
            "server": self.facts.server_address(),
            "ws": workspace.full_name,
            "agent": workspace.full_name,
            "build": str(build.number),
            "transition": build.transition or "start",
            "template": workspace.template_name or "the template",
            "preset": build.preset_id or "",
        }

    def usual(self, step: str) -> Figures | None:
        """What is usual for a step of this template."""
        return self.facts.usual(step)

    def build_proof(self, path: str, text: str, at: datetime | None = None) -> Evidence:
        """A proof from the latest build."""
        return Evidence(at, text, f"latest_build.{path}")


@dataclass(frozen=True)
class AgentCase(WorkspaceCase):
    """One agent of a workspace."""

    agent: Agent

    @property
    def subject(self) -> Subject:
        workspace, agent = self.workspace, self.agent
        return Subject(
            "agent",
            agent.key,
            workspace=workspace.full_name,
            agent=agent.name,
            template=workspace.template_name,
            workspace_id=workspace.id,
        )

    @property
    def agent_history(self) -> Sequence[Transition]:
        """Transitions of the agent."""
        return self.facts.history(self.agent.key)

    def words(self) -> dict[str, str]:
        words = super().words()
        return {**words, "agent": f"{self.workspace.full_name}.{self.agent.name}"}

    def last_read_proof(self) -> Evidence | None:
        """When it left the screen, if what is known of it was read before then; None while it is on screen."""
        detail = self.facts.detail(self.agent.id)
        if detail is None or detail.closed_at is None:
            return None
        text = "left the screen: last read before then, not since"
        return Evidence(detail.closed_at, text, "agentdash")

    def proof(self, path: str, text: str, at: datetime | None = None) -> Evidence:
        """A proof from the agent object."""
        return Evidence(at, text, f"agent.{path}")

    def line_proof(self, line: LogLine | None, script_name: str = "") -> Evidence | None:
        """A proof from the agent's log."""
        if line is None:
            return None
        name = script_name or next(
            (s.name for s in self.agent.log_sources if s.id == line.source_id), line.source_id
        )
        return Evidence(line.at, line.text.strip(), f"log: {name}")

    def lines_of(self, script: Script) -> tuple[LogLine, ...] | None:
        """The last lines a script wrote; None if the log was not read."""
        return self.facts.agent_lines(self.agent.id, script.source_id)


@dataclass(frozen=True)
class PoolCase(Case):
    """One prebuild pool."""

    pool: Pool

    @property
    def subject(self) -> Subject:
        pool = self.pool
        return Subject("preset", pool.preset_id, preset=pool.name, template=pool.template_name)

    def words(self) -> dict[str, str]:
        pool = self.pool
        newest = next((w for w in pool.newest_starts if w.build.job.status == "failed"), None)
        member = newest or (pool.prebuilds[0] if pool.prebuilds else None)
        return {
            **super().words(),
            "ws": member.full_name if member is not None else "prebuilds/NAME",
            "template": pool.template_name or "the template",
            "preset": pool.name,
        }

    def counts(self) -> Evidence:
        """The pool in numbers."""
        pool = self.pool
        desired = "?" if pool.desired is None else str(pool.desired)
        text = (
            f"desired {desired}, running {len(pool.running)}, claimable {len(pool.claimable)}, "
            f"starting {len(pool.starting)}, failed {len(pool.failed)}"
        )
        return Evidence(None, text, "presets, workspaces owner:prebuilds")


def _steps(steps: Iterable[tuple[str, str]], words: dict[str, str]) -> Iterator[Step]:
    """Steps of the catalogue with this case's names; those that need a name it has not are left out."""
    quoted = {name: shlex.quote(value) if value else "''" for name, value in words.items()}
    for text, command in steps:
        places = {found.group(1) for found in _PLACE.finditer(text + command)}
        if (text or command) and places <= words.keys():
            yield Step(_filled(text, words), _filled(command, quoted))


def _filled(text: str, words: dict[str, str]) -> str:
    return _PLACE.sub(lambda found: words[found.group(1)], text)
