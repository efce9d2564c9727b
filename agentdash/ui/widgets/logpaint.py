"""How one row of a log is drawn: prefix, source in its hue, text with its own colours and the hits of a search."""

from __future__ import annotations

from itertools import pairwise

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.strip import Strip

from agentdash.present.cells import Cell, Span, Tone
from agentdash.text.sgr import StyleSpan
from agentdash.text.width import cell_width, cut
from agentdash.ui.widgets.colours import hues, legible
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.loglines import LogLine
from agentdash.ui.widgets.logsearch import Hits
from agentdash.ui.widgets.painting import Ground, Palette, line_strip, segments, strip_of

SIGN_WIDTH = 1
"""Cells left of the prefix: the sign of a chosen line."""
PREFIX_GAP = 2


def prefix_width(line: LogLine) -> int:
    """Cells before the text of a line, the sign not counted."""
    cells = line.prefix if line.source is None else (*line.prefix, line.source)
    return sum(cell_width(cell.text) + 1 for cell in cells) - 1 + PREFIX_GAP if cells else 0


class LogPainter:
    """Draws rows in the colours of a palette.

    Args:
        palette: Colours by tone and ground.
        signs: The set of signs.
        terminal: What the sixteen terminal colours look like; None leaves them to the user's terminal.
    """

    def __init__(self, palette: Palette, signs: Signs, terminal: TerminalTheme | None) -> None:
        self._palette = palette
        self._signs = signs
        self._terminal = terminal

    def row(
        self, line: LogLine, piece: tuple[int, int], ground: Ground, hits: Hits, width: int, *, row: int
    ) -> Strip:
        """Draw one row of a line.

        Args:
            line: What to draw.
            piece: Start and end of the text that this row shows.
            ground: What lies under the line.
            hits: What a search found in the line.
            width: Cells of the row.
            row: Which row of the line; only the first has the prefix.
        """
        if line.is_gap:
            return self._gap(line, ground, width)
        style_of = self._palette.on(ground)
        sign = " " if ground is Ground.BASE else self._signs.cursor
        drawn = [Segment(sign, style_of(Tone.ACCENT)), *self._prefix(line, ground, row)]
        start, end = piece
        drawn += self._text(line, start, end, ground, hits)
        wide = SIGN_WIDTH + prefix_width(line) + cell_width(line.text[start:end])
        if wide < width:
            drawn.append(Segment(" " * (width - wide), style_of(Tone.PLAIN)))
        strip = strip_of(drawn, max(wide, width))
        return strip if wide <= width else strip.crop(0, width)

    def cut_mark(self, strip: Strip, ground: Ground, width: int) -> Strip:
        """Show at the right edge that the line goes on."""
        mark = Segment(self._signs.ellipsis, self._palette.style(Tone.DIM, ground))
        return Strip([*strip.crop(0, width - 1), mark], width)

    def _gap(self, line: LogLine, ground: Ground, width: int) -> Strip:
        rule = self._signs.rule
        sentence = cut(line.text.strip(" ─-"), max(0, width - 8), self._signs.ellipsis)
        text = f" {rule * 2} {sentence} "
        cell = Cell(text + rule * max(0, width - 1 - cell_width(text)), line.tone)
        return line_strip((cell,), width, self._palette.on(ground), ellipsis=self._signs.ellipsis)

    def _prefix(self, line: LogLine, ground: Ground, row: int) -> list[Segment]:
        style_of = self._palette.on(ground)
        width = prefix_width(line)
        if not width:
            return []
        if row:
            return [Segment(" " * (width - PREFIX_GAP) + self._signs.more + " ", style_of(Tone.DIM))]
        blank = Segment(" ", style_of(Tone.PLAIN))
        drawn = []
        for cell in line.prefix:
            drawn += [*segments(cell, style_of), blank]
        if line.source is not None:
            drawn += [Segment(line.source.text, self._hue(line.hue, ground)), blank]
        return [*drawn, blank]

    def _text(self, line: LogLine, start: int, end: int, ground: Ground, hits: Hits) -> list[Segment]:
        base = self._palette.style(line.tone, ground)
        if not line.spans and not hits:
            return [Segment(line.text[start:end], base)] if end > start else []
        points = {start, end}
        for span in line.spans:
            points.update((span.start, span.end))
        for hit in hits:
            points.update(hit)
        drawn = []
        for left, right in pairwise(sorted(point for point in points if start <= point <= end)):
            style = base
            for span in line.spans:
                if span.start <= left < span.end:
                    style = self._span_style(span, line.tone, ground)
            if any(low <= left < high for low, high in hits):
                # The hit has the text's own tone: a colour of the line might vanish on the ground of a hit.
                style = self._palette.style(line.tone, Ground.MATCH)
            drawn.append(Segment(line.text[left:right], style))
        return drawn

    def _span_style(self, span: Span | StyleSpan, tone: Tone, ground: Ground) -> Style:
        if isinstance(span, Span):
            return self._palette.style(span.tone, ground)
        base, look = self._palette.style(tone, ground), span.style
        style = base + Style(
            bold=look.bold or None,
            dim=look.dim or None,
            italic=look.italic or None,
            underline=look.underline or None,
            strike=look.strike or None,
            reverse=look.reverse or None,
        )
        under = None if look.bg is None else self._foreign(look.bg)
        color = None if look.fg is None else self._foreign(look.fg)
        if color is None and under is not None and base.color is not None:
            color = Color.from_rich_color(base.color)
        if color is not None:
            background = self._palette.ground_color(ground) if under is None else under
            style += Style.from_color(legible(color, background).rich_color)
        if under is not None:
            style += Style(bgcolor=under.rich_color)
        return style

    def _foreign(self, color: int | tuple[int, int, int]) -> Color:
        """A colour that a line brought along."""
        if isinstance(color, tuple):
            return Color(*color)
        if self._terminal is None and color < 16:
            return Color(0, 0, 0, ansi=color)
        return Color(*RichColor.from_ansi(color).get_truecolor(self._terminal))

    def _hue(self, hue: int, ground: Ground) -> Style:
        colors = hues(self._palette.ground_color(Ground.BASE))
        color = legible(colors[hue % len(colors)], self._palette.ground_color(ground))
        return self._palette.style(Tone.PLAIN, ground) + Style.from_color(color.rich_color)
