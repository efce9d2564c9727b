"""Filtered, sorted, grouped lists of row keys.

A row is an agent, or a workspace that has none (stopped, failed, pending). Sub-agents stand under their parent, and a
family is sorted by its worst member, so a broken devcontainer lifts the whole family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from agentdash.state.model import Agent, Workspace
from agentdash.state.query import Query, Subject
from agentdash.state.state import State

SortKey = Callable[[Workspace, Agent | None], Any]
"""Gives a value to sort by; None sorts last whichever way."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the fleet."""

    key: str
    workspace: Workspace
    agent: Agent | None
    indent: int = 0
    family: str = ""
    """Key of the row at the head of the family; empty for that row itself."""


def rows_of(workspace: Workspace) -> Iterator[Row]:
    """A workspace's rows in order of display: each agent, its sub-agents under it."""
    if not workspace.agents:
        yield Row(workspace.id, workspace, None)
        return
    known = {agent.id for agent in workspace.agents}
    children: dict[str, list[Agent]] = {}
    tops = []
    for agent in workspace.agents:
        if agent.parent_id in known and agent.parent_id != agent.id:
            children.setdefault(agent.parent_id or "", []).append(agent)
        else:
            tops.append(agent)
    shown: set[str] = set()
    # A server may send parents in a circle: whoever has not been reached from a top then heads a family itself.
    for head in (*tops, *workspace.agents):
        below = [(head, 0)]
        while below:
            agent, indent = below.pop()
            if agent.key in shown:
                continue
            shown.add(agent.key)
            yield Row(agent.key, workspace, agent, indent, head.key if indent else "")
            below += [(child, indent + 1) for child in reversed(children.get(agent.id, ()))]


def all_rows(state: State) -> Iterator[Row]:
    """Every row, in no particular order of workspaces."""
    for workspace in state.workspaces.values():
        yield from rows_of(workspace)


def filtered(
    rows: Iterable[Row],
    query: Query,
    severity_of: Callable[[Row], int],
    text_of: Callable[[Row], str],
) -> list[Row]:
    """Rows that match. A matching sub-agent does not bring its parent along: it keeps its indent."""
    if not query.terms:
        return list(rows)
    return [
        row
        for row in rows
        if query.matches(Subject(row.workspace, row.agent, severity_of(row), text_of(row)))
    ]


def sorted_rows(
    rows: Iterable[Row],
    severity_of: Callable[[Row], int],
    sort_key: SortKey | None = None,
    *,
    reverse: bool = False,
) -> list[str]:
    """Keys in order: by the sort key, else worst first; owner, name and agent decide between equals."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(row.family or row.key, []).append(row)
    ordered: list[tuple[Any, list[Row]]] = []
    for family in families.values():
        family.sort(key=lambda row: (row.indent, row.agent.name if row.agent else ""))
        first = family[0]
        tie = (first.workspace.owner_name, first.workspace.name, first.agent.name if first.agent else "")
        if sort_key is None:
            ordered.append(((-max(severity_of(row) for row in family), *tie), family))
        else:
            ordered.append(((sort_key(first.workspace, first.agent), *tie), family))
    if sort_key is None:
        ordered.sort(key=lambda item: item[0], reverse=reverse)
    else:
        known = [item for item in ordered if item[0][0] is not None]
        known.sort(key=lambda item: item[0][1:])
        known.sort(key=lambda item: item[0][0], reverse=reverse)
        unknown = [item for item in ordered if item[0][0] is None]
        ordered = known + sorted(unknown, key=lambda item: item[0][1:])
    return [row.key for _, family in ordered for row in family]
