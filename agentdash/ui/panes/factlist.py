"""From labelled facts to the list widget's own."""

from __future__ import annotations

from collections.abc import Iterable

from agentdash.present.cells import joined
from agentdash.present.tables import LabelledFact
from agentdash.ui.widgets.facts import Fact


def facts_of(facts: Iterable[LabelledFact]) -> list[Fact]:
    """Facts with keys that stay the same while the list keeps its shape."""
    return [
        Fact(
            f"{at}:{fact.label}", fact.label, joined(fact.value, fact.extra, gap="  "), is_wide=not fact.label
        )
        for at, fact in enumerate(facts)
    ]
