"""Pane 8, Metadata: each value with its sparkline and age."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from agentdash.present.cells import EMPTY, Cell, Span, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.shares import first_line
from agentdash.present.tables import Head, Line, sign_head
from agentdash.present.times import duration
from agentdash.state.detail import Reading
from agentdash.state.model import MetadataItem
from agentdash.triage.verdict import Kind

HEADS = (
    sign_head(),
    Head("name", "METADATA", width=14, min_width=9, flex=1, priority=90, cut="middle"),
    Head("value", "VALUE", width=22, min_width=14, flex=1, priority=80),
    Head("spark", "", width=20, min_width=6, flex=1, priority=60),
    Head("age", "AGE", width=5, align="right", priority=50),
)

HIGH_SHARE = 0.9
"""From here on a share is drawn as soon trouble."""


def metadata_lines(
    items: Iterable[MetadataItem],
    readings: Mapping[str, Sequence[Reading]] | None = None,
    *,
    spark_width: int = 20,
    glyphs: Glyphs = UNICODE,
) -> tuple[Line, ...]:
    """Rows of the Metadata pane in the template's order.

    Args:
        items: Latest values.
        readings: Numbers of the last readings by key, oldest first.
        spark_width: Cells of a sparkline.
        glyphs: Set of signs.
    """
    past = readings or {}
    return tuple(_line(item, past.get(item.key, ()), spark_width, glyphs) for item in items)


def metadata_kind(item: MetadataItem) -> Kind:
    """How a value is."""
    if item.error:
        return "broken"
    if item.age_s is None:
        return "off"
    return "unknown" if item.is_stale else "well"


def _line(item: MetadataItem, readings: Sequence[Reading], spark_width: int, glyphs: Glyphs) -> Line:
    kind = metadata_kind(item)
    if item.error:
        value = Cell(first_line(item.error), Tone.BROKEN)
    elif item.age_s is None:
        value = Cell("not collected yet", Tone.DIM)
    else:
        value = Cell(first_line(item.value) or "empty", Tone.DIM if item.is_stale else Tone.PLAIN)
    age = EMPTY
    if item.age_s is not None and (item.is_stale or item.error):
        age = Cell(duration(item.age_s), Tone.WARN)
    elif item.age_s is not None and item.interval_s == 0:
        age = Cell("once", Tone.DIM)
    cells = (
        Cell(glyphs.of(kind), {"broken": Tone.BROKEN, "unknown": Tone.WARN}.get(kind, Tone.DIM)),
        Cell(item.name or item.key, Tone.DIM),
        value,
        spark_cell([r.value for r in readings], spark_width, full=full_scale(item.value), glyphs=glyphs),
        age,
    )
    return Line(item.key, tuple(glyphs.cell(c) for c in cells), kind)


_SCALE = re.compile(r"[-+]?\d+(?:[.,]\d+)?\s*(?:(%)|/\s*(\d+(?:[.,]\d+)?))?")


def full_scale(value: str) -> float | None:
    """What the first number of a value is out of: 100 for `12%`, 8 for `3.4/8 GiB`; None if it says nothing."""
    found = _SCALE.search(value)
    if found is None:
        return None
    if found[1]:
        return 100.0
    whole = float(found[2].replace(",", ".")) if found[2] else 0.0
    return whole if whole > 0 else None


def spark_cell(
    values: Sequence[float], width: int, *, full: float | None = None, glyphs: Glyphs = UNICODE
) -> Cell:
    """The last readings as a sparkline, newest at the right.

    Args:
        values: Readings, oldest first.
        width: Cells.
        full: What they are out of: then the scale begins at 0 and high readings are toned. Without it the scale goes
            from the least to the most of them.
        glyphs: Set of signs.
    """
    if width <= 0:
        return EMPTY
    shown = [v for v in values[-width:] if math.isfinite(v)]
    if len(shown) < 2:
        return EMPTY
    levels = glyphs.spark
    low, high = (0.0, full) if full else (min(shown), max(shown))
    span = high - low
    # Two finite numbers may lie further apart than a float can say.
    is_drawable = 0 < span < math.inf
    steps = (int(max(0.0, min(1.0, (v - low) / span)) * len(levels)) if is_drawable else 0 for v in shown)
    text = "".join(levels[min(len(levels) - 1, step)] for step in steps)
    pad = width - len(text)
    marks = tuple(
        Span(pad + i, pad + i + 1, Tone.WARN) for i, v in enumerate(shown) if full and v >= full * HIGH_SHARE
    )
    return Cell(" " * pad + text, Tone.DIM, marks)


def metadata_state(items: Sequence[MetadataItem] | None) -> tuple[Cell, Kind]:
    """Word and mark of the pane: `1 failing`, `1 stale`, `4`."""
    if not items:
        return EMPTY, "off"
    failing = sum(bool(item.error) for item in items)
    if failing:
        return Cell(f"{failing} failing", Tone.BROKEN), "broken"
    stale = sum(item.is_stale for item in items)
    if stale:
        return Cell(f"{stale} stale", Tone.WARN), "unknown"
    return Cell(str(len(items)), Tone.DIM), "well"
