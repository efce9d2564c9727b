"""The picture of an emulator: only cells that changed are painted, at most once a frame, and none out of sight."""

from __future__ import annotations

from time import monotonic
from typing import ClassVar

from rich.style import Style as RichStyle
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from agentdash.term.emulator import Emulator
from agentdash.term.modes import SYNC_TIMEOUT_S
from agentdash.ui.widgets.direct import Direct, move_of, moved
from agentdash.ui.widgets.later import later
from agentdash.ui.widgets.termlines import TermLines
from agentdash.ui.widgets.termpace import FRAME_S, Pace
from agentdash.ui.widgets.termpaint import BLANK, Ground, Look, Mark, RowPainter, Stretch, changed_cells
from agentdash.ui.widgets.termsearch import TermSearch
from agentdash.ui.widgets.termselect import TermSelection

_REVERSE, _UNDERLINE = RichStyle(reverse=True), RichStyle(underline=True)
_CURSORS = {"block": Mark.CURSOR, "underline": Mark.UNDERLINE, "bar": Mark.UNDERLINE}


class TermScreen(Widget, can_focus=True, inherit_bindings=False):
    """A terminal's screen with its scrollback, to look at."""

    ALLOW_SELECT = False  # text is chosen here by `TermSelection`, which reaches into the scrollback
    COMPONENT_CLASSES: ClassVar[set[str]] = {"termview--chosen", "termview--hit", "termview--here"}
    DEFAULT_CSS = """
    TermScreen {
        width: 1fr; height: 1fr;
        & > .termview--chosen { background: $secondary-muted; }
        & > .termview--hit { background: $warning-muted; }
        & > .termview--here { text-style: reverse; }
        &:ansi > .termview--chosen { background: transparent; text-style: reverse; }
        &:ansi > .termview--hit { background: transparent; text-style: underline; }
        &:nocolor > .termview--chosen { text-style: reverse; }
        &:nocolor > .termview--hit { text-style: underline; }
    }
    """

    class Moved(Message):
        """Another part of the scrollback is in sight, or a choice of text has come or gone."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.emulator: Emulator | None = None
        self.lines: TermLines | None = None
        self.is_typing = False
        self.back = 0
        """Lines scrolled back into the history."""
        self.search = TermSearch()
        self.sought = ""
        """What was looked for last, also after the search has ended."""
        self.selection: TermSelection | None = None
        self._total = 0
        self._looks: list[Look] = []
        self._is_stale = True
        self._painter = RowPainter()
        self._direct = Direct(self)
        self._has_ground = False
        self._ground_kept: Ground | None = None
        """What a change of colours gives is seen by the library first, which paints all of the widget then."""
        self._marks: tuple[tuple[Mark, RichStyle], ...] = ()
        self._marks_key: object = None
        self._cursor_row = -1
        self._planned = False
        self._pace = Pace()
        self._held_since: float | None = None

    def show(self, emulator: Emulator | None) -> None:
        """Draw another emulator."""
        self.emulator = emulator
        self.lines = None if emulator is None else TermLines(emulator)
        self.back, self.selection, self.search = 0, None, TermSearch()
        self._held_since = None
        if emulator is not None:
            emulator.take_changes()
            self._total = emulator.history_total
        self.repaint()

    # Painting

    def update(self) -> None:
        """Say that the emulator has changed; painted at most once a frame, the first change at once."""
        now = monotonic()
        self._pace.changed(now)
        if self._planned or not self.is_attached or self.emulator is None:
            return
        wait = self._pace.plan(now)
        if wait > 0:
            self._planned = True
            later(self, wait, self._paint_planned)
        else:
            self._paint()

    def _paint_planned(self) -> None:
        wait = self._pace.look(monotonic())
        if wait > 0:
            later(self, wait, self._paint_planned)
        else:
            self._paint()

    def expect(self) -> None:
        """Say that a key was sent: its answer is painted as soon as it is there."""
        self._pace.typed(monotonic())

    @property
    def _is_in_sight(self) -> bool:
        return self.is_attached and self.screen.is_current and bool(self.size) and self.is_on_screen

    def _paint(self) -> None:
        self._planned = False
        emulator = self.emulator
        if emulator is None or not self.is_attached:
            return
        now = monotonic()
        self._pace.painted(now)
        if emulator.modes.synchronized:  # the program says when its picture is whole, unless it forgets to
            self._held_since = self._held_since or now
            if now - self._held_since < SYNC_TIMEOUT_S:
                self._planned = True
                later(self, FRAME_S, self._paint)
                return
        else:
            self._held_since = None
        scrolled, rows = emulator.take_changes()
        grown, self._total = emulator.history_total - self._total, emulator.history_total
        if self.back or self.is_choosing:
            self.back = max(0, min(self.back + grown, emulator.history_len))
        if not self._is_in_sight:
            self._is_stale = True
            return
        everything = self.back or scrolled or self.selection is not None or self._is_stale
        self.refresh_rows(None if everything else {*rows, self._cursor_row, emulator.cursor.y})
        self._cursor_row = emulator.cursor.y

    def repaint(self) -> None:
        """Everything may look different."""
        self._is_stale = True
        self.refresh()

    def refresh_rows(self, rows: set[int] | None = None) -> None:
        """Have those cells of rows painted that look different; of all rows if none are named."""
        width, height = self.size
        if len(self._looks) != height or self._is_stale:
            self.repaint()
            return
        named = range(height) if rows is None else [y for y in rows if 0 <= y < height]
        looks = {y: self._look(y) for y in named}
        if rows is None and self._move(list(looks.values())):
            return
        regions = []
        for y, look in looks.items():
            start, stop = changed_cells(self._looks[y], look, width)
            if start < stop:
                self._looks[y] = look
                regions.append(Region(start, y, stop - start, 1))
        if regions and not self._paint_directly(regions):
            self.refresh(*regions)

    def _paint_directly(self, regions: list[Region]) -> bool:
        """Paint now, if nothing is in the way, on the ground on which the library painted last."""
        if self._ground_kept is None:
            self._ground_kept = self._ground()
        self._painter.use(self._ground_kept)
        self._has_ground = True
        try:
            return self._direct.paint(regions)
        finally:
            self._has_ground = False

    def _move(self, now: list[Look]) -> bool:
        """Have the terminal move its lines, if the picture has scrolled."""
        before, width, height = self._looks, self.size.width, len(now)
        way = move_of(before, now)
        if not way:
            return False
        self._looks = now
        spans = [
            (y, *changed_cells(old, look, width))
            for y, (old, look) in enumerate(zip(moved(before, way, BLANK), now, strict=True))
        ]
        regions = [Region(start, y, stop - start, 1) for y, start, stop in spans if start < stop]
        if not self._direct.move(0, height, way, regions):
            self._looks = before
            return False
        return True

    def _look(self, y: int) -> Look:
        lines = self.lines
        if lines is None:
            return BLANK
        line = self.line_at(y)
        runs = lines.runs(line)
        marks: list[Stretch] = []
        if self.search.count:
            here = self.search.here
            marks += [(start, stop, Mark.HIT) for start, stop in self.search.in_line(line)]
            marks += [(start, stop, Mark.HERE) for at, start, stop in here if at == line]
        if self.selection is not None:
            cells = self.selection.cells(line)
            if cells is not None:
                marks.append((*cells, Mark.CHOSEN))
        cursor = self._cursor_in(line)
        if cursor is not None:
            marks.append(cursor)
        return Look(tuple(runs), tuple(marks)) if runs or marks else BLANK

    def _cursor_in(self, line: int) -> Stretch | None:
        emulator, selection = self.emulator, self.selection
        if selection is not None and selection.is_keyboard:
            at, x = selection.cursor
            return (x, x + 1, Mark.CURSOR) if at == line else None
        if emulator is None or not emulator.modes.cursor_visible or not self.has_focus:
            return None
        if line != emulator.history_total + emulator.cursor.y:
            return None
        x = min(emulator.cursor.x, emulator.columns - 1)
        return (
            x,
            x + 1,
            _CURSORS.get(emulator.modes.cursor_shape, Mark.CURSOR) if self.is_typing else Mark.RESTING,
        )

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows as they were looked at last; kept strips go out as they are."""
        height = self.size.height
        if len(self._looks) != height or self._is_stale:
            self._looks = [self._look(y) for y in range(height)]
            self._is_stale = False
            if self.emulator is not None:
                self._cursor_row = self.emulator.cursor.y
        if not self._has_ground:
            self._ground_kept = self._ground()
            self._painter.use(self._ground_kept)
        strips = [self.render_line(y) for y in crop.line_range]
        start, stop = crop.column_span
        return (
            strips if (start, stop) == (0, self.size.width) else [strip.crop(start, stop) for strip in strips]
        )

    def render_line(self, y: int) -> Strip:
        """One row of the screen or of the scrollback."""
        return self._painter.strip(self._looks[y] if y < len(self._looks) else BLANK)

    def _ground(self) -> Ground:
        app = self.app
        filters = tuple(self.get_line_filters())
        key = app.theme, app.native_ansi_color, filters
        if key != self._marks_key:
            self._marks_key = key
            style = self.get_component_rich_style
            self._marks = (
                (Mark.CURSOR, _REVERSE),
                (Mark.RESTING, _UNDERLINE),
                (Mark.UNDERLINE, _UNDERLINE),
                (Mark.CHOSEN, style("termview--chosen", partial=True)),
                (Mark.HIT, style("termview--hit", partial=True)),
                (Mark.HERE, style("termview--here", partial=True)),
            )
        return Ground(self.size.width, self.rich_style, self.background_colors[1], filters, self._marks)

    # What is in sight

    def line_at(self, y: int) -> int:
        """Number of the line that a row shows, see `TermLines`."""
        return self._total_now() - self.back + y

    def _total_now(self) -> int:
        return 0 if self.emulator is None else self.emulator.history_total

    def visible_text(self) -> list[str]:
        """The lines in sight as text."""
        if self.lines is None or self.emulator is None:
            return []
        return [self.lines.text(self.line_at(y)) for y in range(self.emulator.lines)]

    def scroll_back_to(self, back: int) -> None:
        """Show the picture so many lines before its end."""
        limit = 0 if self.emulator is None else self.emulator.history_len
        back = max(0, min(back, limit))
        if back != self.back:
            self.back = back
            self.refresh_rows()
            self.post_message(self.Moved())

    def reveal(self, line: int, *, centred: bool = False) -> None:
        """Bring a line into sight."""
        emulator = self.emulator
        if emulator is None:
            return
        y = line - self.line_at(0)
        if centred and not 0 <= y < emulator.lines:
            self.scroll_back_to(emulator.history_total + emulator.lines // 2 - line)
        elif y < 0:
            self.scroll_back_to(self.back - y)
        elif y >= emulator.lines:
            self.scroll_back_to(self.back - (y - emulator.lines + 1))

    # Search

    def find(self, text: str, direction: int = -1, *, begin: bool = False) -> bool:
        """Highlight a text and show its next occurrence above (-1) or below (1); an empty text ends the search.

        Args:
            text: What to look for; without capitals, upper and lower case alike.
            direction: Which way.
            begin: Start at the last line in sight instead of where the last search ended.
        """
        lines = self.lines
        self.sought = text or self.sought
        if begin or text != self.search.text:
            self.search = TermSearch(text)
        found: tuple[tuple[int, int, int], ...] = ()
        if lines is not None and text:
            self.search.look(lines)
            found = self.search.step(direction, self.line_at(lines.emulator.lines - 1))
        if found:
            line, start, _ = found[0]
            self.reveal(line, centred=True)
            if self.selection is not None:
                self.selection.cursor = line, start
        self.refresh_rows()
        return bool(found)

    @property
    def is_last_row_found(self) -> bool:
        """Whether the match that is shown stands in the last row."""
        return any(line == self.line_at(self.size.height - 1) for line, _, _ in self.search.here)

    def end_search(self) -> None:
        """Mark no matches any more; `sought` keeps the text."""
        if self.search.text:
            self.search = TermSearch()
            self.refresh_rows()
            self.post_message(self.Moved())

    # Choosing text

    @property
    def is_choosing(self) -> bool:
        """Whether a person chooses text with a cursor of their own."""
        return self.selection is not None and self.selection.is_keyboard

    def choose(self) -> None:
        """Give a person a cursor that chooses text, or take it away."""
        if self.lines is None or self.emulator is None:
            return
        if self.is_choosing:
            self.selection = None
        else:
            self.selection = TermSelection(
                self.lines, self._choice_begins_at(self.emulator), is_keyboard=True
            )
        self.choice_changed()

    def _choice_begins_at(self, emulator: Emulator) -> tuple[int, int]:
        """The hit of a search if it is in sight, else the program's cursor, else the first line in sight."""
        first = self.line_at(0)
        for line, start, _ in self.search.here:
            if first <= line < first + emulator.lines:
                return line, start
        return (first, 0) if self.back else (first + emulator.cursor.y, emulator.cursor.x)

    def begin_choice(self, *, is_lines: bool) -> None:
        """Choose characters or whole lines from the cursor on; once more lets go."""
        if self.selection is not None:
            self.selection.begin(is_lines=is_lines)
            self.choice_changed()

    def let_go(self) -> None:
        """Let go of what is chosen, or choose no longer if nothing is."""
        if self.selection is not None and self.selection.anchor is not None and self.selection.is_keyboard:
            self.selection.anchor = None
            self.choice_changed()
        else:
            self.end_choice()

    def chosen_text(self) -> str:
        """What is chosen; empty if nothing is."""
        return "" if self.selection is None else self.selection.text()

    def end_choice(self) -> None:
        """Choose nothing any more."""
        if self.selection is not None:
            self.selection = None
            self.choice_changed()

    def choice_changed(self) -> None:
        self.refresh_rows()
        self.post_message(self.Moved())
