"""Judges again and again, and anew only what may come out otherwise.

A judgement of a workspace follows from the workspace, from the answers it was given about everything around it, and from the
time (see `around`). The next look asks the same questions of the new facts: where all answers are the same and no answer
about a time has run out, the judgement stands. The deployment, its pools and the groups are judged at every look, by counts
that are kept up to date (see `census`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agentdash.state.model import Workspace
from agentdash.triage.around import MAPS, Around, Question
from agentdash.triage.census import Census
from agentdash.triage.diagnose import (
    NOTHING,
    Judged,
    blocked_rules,
    conclude,
    judge_deployment,
    judge_workspace,
)
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Diagnosis
from agentdash.triage.groups import Attributes, names_of
from agentdash.triage.memory import Change, remember

SHARED = ("pools", "pools_by_preset", "newest_starts", "baseline")
"""What is derived once and never changes, so that it may be handed out; the census goes on changing."""
OF_BASELINE = frozenset({"usual", "usual_below"})
"""Questions that the baseline alone answers: asked of thousands, and it seldom changes."""


@dataclass(slots=True)
class _Standing:
    """A judgement of a workspace, and what it follows from."""

    workspace: Workspace
    judged: Judged
    until: datetime | None
    questions: tuple[Question, ...]


@dataclass(slots=True)
class _Asked:
    """A question, its answer, and the ids of those whose judgement follows from it."""

    answer: Any
    by: set[str]


class _Questions:
    """All questions that standing judgements follow from."""

    def __init__(self) -> None:
        self._of_facts: dict[str, dict[Question, _Asked]] = {}
        """By the name of the question."""
        self._of_maps: dict[str, dict[str, str | tuple[str, ...]]] = {path: {} for path in MAPS}
        """By path and key, who asked: mostly one. The answer stands in the last facts."""

    def __len__(self) -> int:
        return sum(map(len, self._of_facts.values())) + sum(map(len, self._of_maps.values()))

    def add(self, workspace_id: str, asked: dict[Question, Any]) -> None:
        for question, answer in asked.items():
            by_key = self._of_maps.get(question[0])
            if by_key is not None:
                key = question[1]
                others = by_key.get(key)
                by_key[key] = workspace_id if others is None else (*_each(others), workspace_id)
                continue
            alike = self._of_facts.setdefault(question[0], {})
            known = alike.get(question)
            if known is None:
                alike[question] = _Asked(answer, {workspace_id})
            else:
                known.by.add(workspace_id)

    def drop(self, workspace_id: str, questions: Iterable[Question]) -> None:
        for question in questions:
            by_key = self._of_maps.get(question[0])
            if by_key is not None:
                key = question[1]
                left = tuple(who for who in _each(by_key.pop(key)) if who != workspace_id)
                if left:
                    by_key[key] = left
                continue
            alike = self._of_facts[question[0]]
            known = alike[question]
            known.by.discard(workspace_id)
            if not known.by:
                del alike[question]

    def answered_otherwise(self, old: Facts, new: Facts) -> Iterator[str]:
        """Ids of those whose questions have other answers now."""
        for path, by_key in self._of_maps.items():
            was, now = MAPS[path](old), MAPS[path](new)
            if was is now:
                continue
            for key, by in by_key.items():
                before, after = was.get(key), now.get(key)
                if before is not after and before != after:
                    yield from _each(by)
        for name, alike in self._of_facts.items():
            if name in OF_BASELINE and old.baseline is new.baseline:
                continue
            ask = getattr(new, name)
            for question, known in alike.items():
                answer = ask(*question[1:])
                if answer is not known.answer and answer != known.answer:
                    known.answer = answer
                    yield from known.by


def _each(by: str | tuple[str, ...]) -> tuple[str, ...]:
    return (by,) if isinstance(by, str) else by


class Incremental:
    """The engine for a program that keeps watching: the same diagnoses as `diagnose.look`, for less.

    Not to be asked by two at once. What it keeps is as much as the fleet is large.
    """

    def __init__(self) -> None:
        self._last: Facts | None = None
        self._blocked: frozenset[str] = frozenset()
        self._forget()

    def look(self, facts: Facts) -> tuple[Facts, Diagnosis]:
        """Judge everything, and remember.

        Args:
            facts: What is known. With the memory of the last look most of it stands; with another all is judged anew.

        Returns:
            The facts with what is remembered now, and the diagnosis.
        """
        last, self._last = self._last, None  # after a failure half of it would be of this look
        if last is None or not _continues(last, facts):
            last = None
            self._forget()
        changes = list(self._changes(last, facts))
        facts = self._counted(last, facts, changes)
        since_last = changes if last is not None else None
        memory = remember(facts.memory, facts.state, facts.pools, facts.now, since_last)
        facts = facts.remembering(memory)
        blocked = blocked_rules(facts)
        for workspace in self._doubtful(last, facts, changes, blocked):
            self._judge(facts, workspace, blocked)
        judged = [judge_deployment(facts, blocked)]
        judged += [s.judged for s in self._standing.values() if s.judged is not NOTHING]
        diagnosis = conclude(facts, judged, blocked, self._attributes)
        self._last, self._blocked = facts, frozenset(blocked)
        return replace(facts).with_derived(facts, *SHARED), diagnosis

    def kept(self) -> int:
        """How many workspaces and questions are kept."""
        return len(self._standing) + len(self._questions)

    def _forget(self) -> None:
        self._standing: dict[str, _Standing] = {}
        self._questions = _Questions()
        self._census = Census()
        self._attributes: Attributes | None = None

    def _changes(self, last: Facts | None, facts: Facts) -> Iterator[Change]:
        """Workspaces that came, changed or went since the last look."""
        workspaces = facts.state.workspaces
        if last is not None and last.state.workspaces is workspaces:
            return
        for workspace_id, workspace in workspaces.items():
            standing = self._standing.get(workspace_id)
            if standing is None:
                yield None, workspace
            elif standing.workspace is not workspace:
                yield standing.workspace, workspace
        for workspace_id, standing in self._standing.items():
            if workspace_id not in workspaces:
                yield standing.workspace, None

    def _counted(self, last: Facts | None, facts: Facts, changes: list[Change]) -> Facts:
        """The facts, with counts of the whole fleet and what follows from them."""
        names = names_of(facts)
        if self._attributes is None or self._attributes.names != names:
            self._attributes = Attributes(names, facts.state.workspaces.values())
        for old, new in changes:
            self._census.change(old, new)
            known = new or old
            if known is not None:
                self._attributes.change(known.id, new)
        made = replace(facts)
        made.__dict__["census"] = self._census
        if (
            last is not None
            and last.deployment.timings is facts.deployment.timings
            and last.newest_starts == made.newest_starts
        ):
            made.with_derived(last, "baseline")
        # At once: later the census is of another time.
        for name in SHARED:
            getattr(made, name)
        return made

    def _doubtful(
        self, last: Facts | None, facts: Facts, changes: Iterable[Change], blocked: Iterable[str]
    ) -> list[Workspace]:
        """Workspaces that must be judged anew; those that went are let go."""
        workspaces = facts.state.workspaces
        for old, new in changes:
            if old is not None and new is None:
                self._let_go(old.id)
        if last is None or self._blocked != frozenset(blocked):
            return list(workspaces.values())
        doubtful = {new.id for _, new in changes if new is not None}
        doubtful.update(self._questions.answered_otherwise(last, facts))
        now = facts.now
        doubtful.update(
            workspace_id
            for workspace_id, standing in self._standing.items()
            if standing.until is not None and standing.until < now
        )
        return [workspaces[workspace_id] for workspace_id in doubtful]

    def _judge(self, facts: Facts, workspace: Workspace, blocked: dict[str, str]) -> None:
        self._let_go(workspace.id)
        around = Around(facts, workspace)
        judged = judge_workspace(around, workspace, blocked)
        asked = around.questions
        self._questions.add(workspace.id, asked)
        self._standing[workspace.id] = _Standing(workspace, judged, around.validity.until, tuple(asked))

    def _let_go(self, workspace_id: str) -> None:
        standing = self._standing.pop(workspace_id, None)
        if standing is not None:
            self._questions.drop(workspace_id, standing.questions)


def _continues(last: Facts, facts: Facts) -> bool:
    """Whether facts are those of a later look of the same program."""
    return facts.memory is last.memory and facts.now >= last.now and facts.thresholds == last.thresholds
