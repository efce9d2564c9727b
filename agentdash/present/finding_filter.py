"""The filter of findings: the fleet's query language, asked of what a finding is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agentdash.state.query import Query, Subject, Term
from agentdash.state.state import State
from agentdash.triage.finding import Finding, Group

_WITHOUT_WORKSPACE: dict[str, Callable[[Finding], str]] = {
    "template": lambda f: f.subject.template,
    "health": lambda f: "bad" if f.severity >= 2 else "soon",
    "name": lambda f: f.subject.preset,
}
"""Keys that hold for findings about a pool, a template or the deployment; the others never match those."""


def matcher(query: Query, state: State) -> Callable[[Finding], bool]:
    """Whether a finding matches a query."""

    def matches(finding: Finding) -> bool:
        if not query.terms:
            return True
        text = readable(finding)
        workspace = state.workspaces.get(finding.subject.workspace_id)
        if workspace is None:
            return all(_holds(term, finding, text) is not term.negative for term in query.terms)
        agent = workspace.agent(finding.subject.id) if finding.subject.kind == "agent" else None
        if agent is None and workspace.agents:
            agent = workspace.agents[0]
        return query.matches(Subject(workspace, agent, int(finding.severity), text))

    return matches


def readable(finding: Finding) -> str:
    """Everything a person can read in a finding's row and proofs, lower case."""
    parts = (
        finding.rule,
        finding.severity.label,
        finding.title,
        finding.suspect,
        finding.subject.title,
        finding.subject.template,
        *(e.text for e in finding.evidence),
    )
    return " ".join(parts).lower()


def _holds(term: Term, finding: Finding, text: str) -> bool:
    if not term.key:
        return term.values[0] in text
    read = _WITHOUT_WORKSPACE.get(term.key)
    have = read(finding).lower() if read is not None else ""
    return any(have == v[1:] if v.startswith("=") else bool(have) and v in have for v in term.values)


def query_of_group(group: Group, findings: Iterable[Finding] = ()) -> str:
    """The filter of the fleet that shows those who share what a group shares; else the affected ones, by id."""
    for name, value in group.shared.items():
        if name == "template_version":
            template, _, version = value.rpartition(" ")
            if template:
                return f"{_term('template', value=template)} {_term('version', value=version)}"
        elif name == "script":
            return _term("script", value=value, is_exact=False)
        elif name in ("template", "owner", "organization"):
            return _term(name, value=value)
    ids = dict.fromkeys(f.subject.workspace_id for f in findings if f.subject.workspace_id)
    return f"id:{','.join(ids)}" if ids else ""


def query_of_finding(finding: Finding) -> str:
    """The filter of the fleet that shows what a finding is about; empty for the deployment."""
    subject = finding.subject
    if subject.workspace:
        owner, _, name = subject.workspace.partition("/")
        return f"{_term('owner', value=owner)} {_term('name', value=name)}"
    if not subject.template:
        return ""
    return _term("template", value=subject.template) + (" is:prebuild" if subject.kind == "preset" else "")


def _term(key: str, *, value: str, is_exact: bool = True) -> str:
    wanted = ("=" if is_exact else "") + value.replace('"', "")
    return f'{key}:"{wanted}"' if " " in wanted else f"{key}:{wanted}"
