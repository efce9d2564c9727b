"""Signs that carry meaning without colour, in two sets: Unicode and ASCII.

Cells are made with Unicode signs; `Glyphs.say` turns these into the stand-ins of the ASCII set, one character for one, so
that spans stay on their letters. Letters of foreign text are left alone: a terminal without UTF-8 draws them as it can.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agentdash.present.cells import Cell


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs, each one cell wide."""

    well: str = "●"
    moving: str = "◐"
    broken: str = "✗"
    off: str = "○"
    unknown: str = "?"
    changed: str = "•"
    missing: str = "–"
    ellipsis: str = "…"
    into: str = "›"
    separator: str = "·"
    empty_slot: str = "·"
    spark: str = "▁▂▃▄▅▆▇█"
    """Levels of a sparkline, lowest first."""
    bar: str = "█"
    bar_part: str = "▏▎▍▌▋▊▉"
    """An eighth to seven eighths of a bar's last cell."""
    open_bar: str = "▒"
    """A step that has not ended."""
    tick: str = "┆"
    """Where the median is."""
    limit: str = "│"
    """Where the p95 is."""
    enter: str = "⏎"
    translation: dict[int, str] = field(default_factory=dict, hash=False, compare=False, repr=False)

    def of(self, kind: str) -> str:
        """Sign of a verdict's kind; `?` for a kind nobody knows."""
        return {"well": self.well, "moving": self.moving, "broken": self.broken, "off": self.off}.get(
            kind, self.unknown
        )

    def say(self, text: str) -> str:
        """A text of ours with its signs from this set."""
        return text.translate(self.translation) if self.translation else text

    def cell(self, cell: Cell) -> Cell:
        """A cell with its signs from this set."""
        if not self.translation or cell.text.isascii():
            return cell
        return replace(cell, text=cell.text.translate(self.translation))


UNICODE = Glyphs()

_ASCII_OF = {
    "●": "*",
    "◐": "o",
    "✗": "x",
    "○": ".",
    "•": "+",
    "–": "-",
    "…": "~",
    "›": ">",
    "·": ".",
    "↑": "^",
    "↓": "v",
    "→": ">",
    "×": "x",
    "⏎": "<",
    "┆": "|",
    "│": "]",
    "█": "#",
    "▒": "=",
    "“": '"',
    "”": '"',
    "’": "'",
    "½": "~",
}

ASCII = Glyphs(
    well="*",
    moving="o",
    broken="x",
    off=".",
    unknown="?",
    changed="+",
    missing="-",
    ellipsis="~",
    into=">",
    separator=".",
    empty_slot=".",
    spark="_.-:=+*#",
    bar="#",
    bar_part="",
    open_bar="=",
    tick="|",
    limit="]",
    enter="<",
    translation=str.maketrans(_ASCII_OF),
)
