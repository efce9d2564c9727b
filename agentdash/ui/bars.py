"""The line of views, alike in the first frame and after it."""

from __future__ import annotations

from collections.abc import Mapping

from agentdash.actions.action import key_label
from agentdash.present.cells import Cell, Span, Tone
from agentdash.ui.keys import KeyTable
from agentdash.ui.widgets.glyphs import ASCII, Signs


def key_word(key: str, signs: Signs) -> str:
    """A key as the set of signs can show it."""
    label = key_label(key)
    return label if signs is not ASCII else label.replace("⏎", "enter")


def view_cells(keys: KeyTable, signs: Signs, present: str, counts: Mapping[str, str]) -> list[Cell]:
    """Key, name and count of each view; the present one is bright."""
    cells = []
    for action in keys.actions:
        if not action.id.startswith("view-"):
            continue
        view = action.id.removeprefix("view-")
        key = key_word(action.keys[0], signs) if action.keys else ""
        text = " ".join(word for word in (key, action.title, counts.get(view, "")) if word)
        tone = Tone.BRIGHT if view == present else Tone.DIM
        cells.append(Cell(text, tone, (Span(0, len(key), Tone.ACCENT),)))
    return cells
