"""The query language of the filter line: `key:value`, words, `!` in front of either for the reverse.

`template:web health:bad !owner:ada npm` means: template web, unwell, not Ada's, and "npm" somewhere in the row. Terms are
ANDed, as in Coder's own search (contract: fleet.md §1.1); values match as a substring, `=value` exactly; a comma
separates alternatives. The keys follow Coder's where Coder has them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

from agentdash.state.model import Agent, Workspace


@dataclass(frozen=True, slots=True)
class Subject:
    """What a term is asked of: one row."""

    workspace: Workspace
    agent: Agent | None
    severity: int
    """0 well … 4 worst."""
    text: str
    """Everything a person can read in the row, lower case."""


class QueryError(ValueError):
    """A query that cannot be understood; `position` is the offset of the bad term."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class Term:
    """One condition."""

    key: str
    """Empty for plain words."""
    values: tuple[str, ...]
    negative: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; the empty one matches everything."""

    terms: tuple[Term, ...] = ()

    def matches(self, subject: Subject) -> bool:
        """Whether the row satisfies every term."""
        return all(_holds(term, subject) is not term.negative for term in self.terms)


def _agent_field(read: Callable[[Agent], str]) -> Callable[[Subject], str]:
    return lambda s: read(s.agent) if s.agent is not None else ""


def _health(subject: Subject) -> str:
    if subject.severity >= 2:
        return "bad"
    return "soon" if subject.severity == 1 else "well"


def _is(subject: Subject) -> str:
    workspace, agent = subject.workspace, subject.agent
    words = [
        word
        for word, holds in (
            ("prebuild", workspace.is_prebuild),
            ("outdated", workspace.outdated),
            ("dormant", workspace.dormant_at is not None),
            ("favorite", workspace.favorite),
            ("subagent", agent is not None and agent.parent_id is not None),
            ("building", workspace.build.is_active),
            ("task", workspace.task_id is not None),
        )
        if holds
    ]
    return " ".join(words)


KEYS: dict[str, Callable[[Subject], str]] = {
    "agent": _agent_field(lambda a: a.name),
    "arch": _agent_field(lambda a: a.architecture),
    "has-agent": _agent_field(lambda a: a.status),
    "health": _health,
    "id": lambda s: f"{s.workspace.id} {s.agent.id if s.agent else ''}",
    "is": _is,
    "lifecycle": _agent_field(lambda a: a.lifecycle),
    "name": lambda s: s.workspace.name,
    "organization": lambda s: s.workspace.organization_name,
    "os": _agent_field(lambda a: a.operating_system),
    "owner": lambda s: s.workspace.owner_name,
    "resource": _agent_field(lambda a: a.resource_name),
    "script": _agent_field(lambda a: " ".join(f"{s.name} {s.status or ''}" for s in a.scripts)),
    "status": lambda s: s.workspace.build.status,
    "template": lambda s: s.workspace.template_name,
    "version": lambda s: s.workspace.build.template_version_name,
}
"""Key → the text its value is looked for in."""

_WORDS = {
    "health": ("bad", "soon", "well"),
    "is": ("prebuild", "outdated", "dormant", "favorite", "subagent", "building", "task"),
}
"""Keys that have no other values: a typing error must not read as an empty fleet."""

_TERM = re.compile(r'(!?)(?:([A-Za-z_-]+):)?("[^"]*"|\S+)?')
_SPACE = re.compile(r"\s*")


def parse(text: str) -> Query:
    """Parse a query.

    Raises:
        QueryError: For an unknown key or a key without a value, with the position and the nearest known key.
    """
    terms: list[Term] = []
    position = 0
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if position >= len(text):
            return Query(tuple(terms))
        found = _TERM.match(text, position)
        assert found is not None  # every part of the pattern is optional
        bang, key, value = found.group(1), (found.group(2) or "").lower(), found.group(3) or ""
        value = value.strip('"').lower()
        if key and key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            hint = f"; did you mean {near[0]}:" if near else f"; known are {', '.join(KEYS)}"
            raise QueryError(f"no key {key}:{hint}", position)
        if key and not value:
            raise QueryError(_wants_a_value(key), position)
        if value:
            values = tuple(v for v in value.split(",") if v) if key else (value,)
            if not values:
                raise QueryError(_wants_a_value(key), position)
            for word in values:
                if key in _WORDS and not any(word.lstrip("=") in known for known in _WORDS[key]):
                    raise QueryError(f"no {key}:{word}; there are {', '.join(_WORDS[key])}", position)
            terms.append(Term(key, values, bool(bang)))
        position = max(found.end(), position + 1)


def _wants_a_value(key: str) -> str:
    return f"{key}: wants a value, as in {key}:{_WORDS.get(key, ('web',))[0]}"


def _holds(term: Term, subject: Subject) -> bool:
    if not term.key:
        return term.values[0] in subject.text
    have = KEYS[term.key](subject).lower()
    return any(have == value[1:] if value.startswith("=") else value in have for value in term.values)
