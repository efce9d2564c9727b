"""A rule's page of the catalogue, as sections of an overlay."""

from __future__ import annotations

from collections.abc import Iterable

from agentdash.present.explain import entry_rows
from agentdash.triage.catalogue import CATALOGUE
from agentdash.ui.widgets.help import HelpSection


def explain_sections(rules: Iterable[str]) -> list[HelpSection]:
    """One section a rule; unknown ones are passed over."""
    return [
        HelpSection(f"{entry.id}  {entry.title}", tuple(entry_rows(entry)))
        for rule in dict.fromkeys(rules)
        if (entry := CATALOGUE.get(rule)) is not None
    ]
