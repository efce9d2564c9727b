"""`NO_COLOR`: no colour is sent at all, not even greys; bold, dim and reverse tell what a colour would.

Textual's own answer turns colours into greys, which are colours to a terminal too.
"""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


@lru_cache(4096)
def _bare(style: Style) -> Style:
    return style.without_color


class Colourless(LineFilter):
    """Leaves text and its attributes."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text without colours."""
        del background
        return [Segment(text, _bare(style) if style else style, None) for text, style, _ in segments]
