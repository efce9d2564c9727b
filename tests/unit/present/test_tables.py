"""Columns of a pane as wide as what stands in them."""

from __future__ import annotations

from collections.abc import Sequence

from agentdash.present import metadata, ports
from agentdash.present.cells import EMPTY, Cell
from agentdash.present.tables import Head, Line, fitted, widest
from agentdash.ui.panes.base import _column
from agentdash.ui.widgets.columns import lay_out


def widths(heads: Sequence[Head], room: int, *rows: tuple[str, ...]) -> dict[str, int]:
    lines = [Line(str(at), tuple(Cell(text) for text in row)) for at, row in enumerate(rows)]
    found = fitted(heads, widest(lines))
    return {p.column.id: p.width for p in lay_out([_column(head) for head in found.values()], room)}


def test_a_name_is_whole_while_other_columns_have_nothing_to_say() -> None:
    row = ("*", "Load average", "0.61 0.52 0.48", "▁▂▃▄▅▆▇█", "")
    assert widths(metadata.HEADS, 44, row)["name"] >= len("Load average")
    assert "age" not in widths(metadata.HEADS, 44, row)


def test_a_process_takes_what_shares_and_marks_leave_over() -> None:
    assert widths(ports.HEADS, 27, ("8080", "tcp", "code-server", "", ""))["process"] == 16
    shared = widths(ports.HEADS, 34, ("8080", "tcp", "code-server", "org", "new"))
    assert shared == {"port": 4, "network": 3, "process": 13, "share": 3, "mark": 3}


def test_without_rows_the_columns_are_as_they_are_meant() -> None:
    assert list(fitted(ports.HEADS, ()).values()) == list(ports.HEADS)


def test_widths_grow_and_do_not_shrink() -> None:
    wide = widest([Line("a", (Cell("12345"), EMPTY))])
    assert widest([Line("a", (Cell("1"), Cell("x")))], wide) == (5, 1)
