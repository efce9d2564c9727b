"""A rule of the catalogue in words: what `agentdash explain` and the key `e` show."""

from __future__ import annotations

from collections.abc import Mapping

from agentdash.triage.catalogue import WITHOUT_FINDING
from agentdash.triage.entries.entry import Entry


def entry_rows(entry: Entry, limits: Mapping[str, float] | None = None) -> list[tuple[str, str]]:
    """Labels and texts, in the order in which they should be read.

    Args:
        entry: The rule.
        limits: Present values of thresholds, by name.
    """
    limits = limits or {}
    rows = [("severity", entry.severity.label), ("holds when", entry.fires)]
    if not entry.shown:
        rows.append(("not shown", entry.why))
    elif entry.why:
        rows.append(("mind", entry.why))
    if entry.id in WITHOUT_FINDING:
        rows.append(("no finding", WITHOUT_FINDING[entry.id]))
    rows += [("because" if at == 0 else "or", cause) for at, cause in enumerate(entry.causes)]
    for at, (text, command) in enumerate(entry.next):
        rows.append(("next" if at == 0 else "then", text or command))
        if text and command:
            rows.append(("", command))
    if entry.needs:
        rows.append(("judged from", ", ".join(need.replace("_", " ") for need in entry.needs)))
    for name in entry.thresholds:
        value = limits.get(name)
        rows.append(("setting", f"triage.{name}" if value is None else f"triage.{name} = {value:g}"))
    if entry.reference:
        rows.append(("see", entry.reference))
    return [(label, text) for label, text in rows if text]


def entry_lines(entry: Entry, limits: Mapping[str, float] | None = None) -> list[str]:
    """The same as lines of text with a heading."""
    rows = entry_rows(entry, limits)
    width = max(len(label) for label, _ in rows)
    return [f"{entry.id}  {entry.title}", "", *(f"{label.ljust(width)}  {text}" for label, text in rows)]
