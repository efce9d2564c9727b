"""Shapes that panes are made of: tables without a widget, labelled facts, and what stands on a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentdash.present.cells import EMPTY, Cell
from agentdash.triage.verdict import Kind


@dataclass(frozen=True, slots=True)
class Head:
    """A column of a pane's table. Widths are terminal cells; fields as in `columns.Column`."""

    id: str
    title: str
    width: int | None = None
    min_width: int = 0
    flex: int = 0
    align: Literal["left", "right"] = "left"
    priority: int = 0
    cut: Literal["end", "middle"] = "end"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a pane's table.

    Attributes:
        key: What the row stands for; stable while the thing exists.
        cells: One for each head.
        kind: How the thing is.
    """

    key: str
    cells: tuple[Cell, ...]
    kind: Kind = "well"


@dataclass(frozen=True, slots=True)
class LabelledFact:
    """A fact with its label, e.g. `status  connected since 09:12:03`. Without a label it stands alone."""

    label: str
    value: Cell
    extra: Cell = EMPTY
    """Stands at the right end."""


@dataclass(frozen=True, slots=True)
class PaneHead:
    """What a pane's frame says.

    Attributes:
        number: Its digit.
        name: Its name.
        state: One word of state or count; empty when there is nothing to say.
        kind: Its mark in the strip of names.
        freshness: How its facts are kept.
    """

    number: int
    name: str
    state: Cell
    kind: Kind
    freshness: Cell


def sign_head() -> Head:
    """The column of the state's sign."""
    return Head("sign", "", width=1, priority=100)
