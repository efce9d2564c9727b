"""Shapes that panes are made of: tables without a widget, labelled facts, and what stands on a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agentdash.present.cells import EMPTY, Cell
from agentdash.text.width import cell_width
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


def widest(lines: Iterable[Line], known: Sequence[int] = ()) -> tuple[int, ...]:
    """Cells that the longest text of each column takes, those of `known` at least."""
    found = [*known]
    for line in lines:
        found += [0] * (len(line.cells) - len(found))
        found = [max(width, cell_width(cell.text)) for width, cell in zip(found, line.cells, strict=False)]
    return tuple(found)


def fitted(heads: Sequence[Head], widths: Sequence[int]) -> dict[int, Head]:
    """The columns that have something to say, none wider than that: what they leave over makes cut names whole.

    Args:
        heads: The columns as they are meant to be.
        widths: What the longest text of each takes, see `widest`; empty without rows.

    Returns:
        By the place among all columns.
    """
    if not widths:
        return dict(enumerate(heads))
    return {
        at: _fitted(head, widths[at]) for at, head in enumerate(heads) if widths[at] or head.cut == "middle"
    }


def _fitted(head: Head, text: int) -> Head:
    if head.cut == "middle":
        return replace(head, width=max(head.width or 0, text))
    if head.flex or head.width is None:
        return head
    return replace(head, width=min(head.width, text), min_width=min(head.min_width or head.width, text))
