"""The diagnosis as JSON, schema 1: `agentdash triage --json`. Its shape is held by `schemas/triage.json`.

Every key is always there; what is not known is null. Times are RFC 3339 in UTC. New keys may be added under schema 1,
none will change its meaning or vanish.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from agentdash.present.export import server_json
from agentdash.state.state import State
from agentdash.triage.finding import CannotKnow, Diagnosis, Evidence, Finding, Group, Step, Subject

SCHEMA = 1
Json = dict[str, Any]


def triage_json(
    state: State,
    diagnosis: Diagnosis,
    now: datetime,
    *,
    findings: Iterable[Finding] | None = None,
) -> Json:
    """All findings, groups, and what could not be judged.

    Args:
        state: What was read; of it the server is told.
        diagnosis: What was found.
        now: Server time.
        findings: Only these with their consequences, in place of all; groups keep their counts.
    """
    chosen = tuple(diagnosis.findings if findings is None else findings)
    shown = {f.id for f in chosen}
    groups = [g for g in diagnosis.groups if shown & set(g.findings)]
    return {
        "schema": SCHEMA,
        "server": server_json(state.server),
        "generated_at": _time(now),
        "findings": [one for finding in chosen for one in _with_consequences(finding)],
        "groups": [_group_json(group, shown) for group in groups],
        "cannot_know": [_cannot_json(told) for told in diagnosis.cannot_know],
    }


def triage_schema() -> Json:
    """The JSON schema of the above (draft 2020-12)."""
    text = resources.files("agentdash.present").joinpath("schemas/triage.json").read_text(encoding="utf-8")
    loaded: Json = json.loads(text)
    return loaded


def finding_json(finding: Finding, *, consequence_of: str | None = None) -> Json:
    """One finding."""
    return {
        "id": finding.id,
        "rule": finding.rule,
        "title": finding.title,
        "severity": finding.severity.label or "S4",
        "confidence": str(finding.confidence),
        "subject": _subject_json(finding.subject),
        "since": _time(finding.since),
        "evidence": [_evidence_json(e) for e in finding.evidence],
        "causes": list(finding.causes),
        "next": [_step_json(step) for step in finding.next],
        "primary": finding.primary,
        "group": finding.group,
        "suspect": finding.suspect or None,
        "cause": finding.cause or finding.rule,
        "consequence_of": consequence_of,
        "reference": finding.reference or None,
    }


def _with_consequences(finding: Finding) -> list[Json]:
    own = finding_json(finding)
    return [own, *(finding_json(f, consequence_of=finding.id) for f in finding.folded)]


def _subject_json(subject: Subject) -> Json:
    return {
        "kind": subject.kind,
        "workspace": subject.workspace or None,
        "agent": subject.agent or None,
        "preset": subject.preset or None,
        "template": subject.template or None,
        "id": subject.id,
        "workspace_id": subject.workspace_id or None,
    }


def _evidence_json(evidence: Evidence) -> Json:
    return {"at": _time(evidence.at), "text": evidence.text, "source": evidence.source or None}


def _step_json(step: Step) -> Json:
    return {"text": step.text or None, "command": step.command or None}


def _group_json(group: Group, shown: set[str]) -> Json:
    return {
        "id": group.id,
        "cause": group.cause,
        "shared": dict(group.shared.items()),
        "with": group.affected,
        "with_total": group.affected_total,
        "without": group.others,
        "without_total": group.others_total,
        "lift": group.lift if math.isfinite(group.lift) else None,
        "findings": [finding_id for finding_id in group.findings if finding_id in shown],
    }


def _cannot_json(told: CannotKnow) -> Json:
    return {"rule": told.rule, "why": told.why}


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
