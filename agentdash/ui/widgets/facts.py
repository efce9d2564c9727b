"""Labels and values below each other: broken to the width, scrollable, with a cursor if the owner wants one.

Example::

    facts = Facts()
    facts.set_facts([Fact("status", "status", Cell("connected", Tone.WELL)), Fact("seen", "seen", Cell("now"))])
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from agentdash.present.cells import Cell, Tone
from agentdash.text.width import cell_width, pad
from agentdash.ui.widgets.glyphs import UNICODE, Signs
from agentdash.ui.widgets.lineview import LineView
from agentdash.ui.widgets.loglines import wrap
from agentdash.ui.widgets.painting import Ground, fit, part_of, segments, strip_of

MAX_LABEL_WIDTH = 24
LABEL_GAP = 2
SIGN_WIDTH = 1


@dataclass(frozen=True, slots=True)
class Fact:
    """One label with its value.

    Attributes:
        key: What it is, unique in the list; the cursor holds on to it.
        label: Left, dim unless the tone says otherwise. Empty with `is_wide`.
        value: Right of all labels, broken to the width.
        label_tone: Tone of the label.
        is_wide: The value begins at the left edge: headings and sentences.
    """

    key: str
    label: str
    value: Cell
    label_tone: Tone = Tone.DIM
    is_wide: bool = False


class Facts(LineView):
    """List of facts.

    Args:
        is_selectable: Up and down move a cursor over the facts rather than scroll.
        keeps_cursor: The selected fact is marked without the focus too.
        empty: The sentence shown when there are no facts.
        signs: The set of signs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open_fact", "Open", show=False, id="facts-open"),
    ]

    class FactHighlighted(Message):
        """The cursor is on another fact (or on none)."""

        def __init__(self, facts: Facts, key: str | None) -> None:
            super().__init__()
            self.facts = facts
            self.key = key

        @property
        def control(self) -> Facts:
            """The list that says so."""
            return self.facts

    class FactOpened(Message):
        """Enter or a double click on a fact."""

        def __init__(self, facts: Facts, key: str) -> None:
            super().__init__()
            self.facts = facts
            self.key = key

        @property
        def control(self) -> Facts:
            """The list that says so."""
            return self.facts

    def __init__(
        self,
        facts: Iterable[Fact] = (),
        *,
        is_selectable: bool = False,
        keeps_cursor: bool = True,
        empty: str = "",
        signs: Signs = UNICODE,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(empty=empty, signs=signs, name=name, id=id, classes=classes)
        self.is_selectable = is_selectable
        self.keeps_cursor = keeps_cursor
        self._facts = tuple(facts)
        self._lines: list[tuple[int, int, int]] = []
        self._label_width = 0
        self._cursor = 0
        self._break()

    def set_facts(self, facts: Iterable[Fact]) -> None:
        """Show these facts; lines that read the same are not repainted, the cursor stays on its key."""
        facts = tuple(facts)
        if facts == self._facts:
            return
        before = self.cursor_key
        self._facts = facts
        keys = [fact.key for fact in facts]
        self._cursor = keys.index(before) if before in keys else max(0, min(self._cursor, len(facts) - 1))
        height = len(self._lines)
        self._break()
        if len(self._lines) != height and self.styles.is_auto_height:
            self.refresh(layout=True)
        self.set_top(self.top)
        self._tell(before)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is shown."""
        return self._facts

    @property
    def cursor_key(self) -> str | None:
        """Key of the fact under the cursor; None without facts or without a cursor."""
        return self._facts[self._cursor].key if self.is_selectable and self._facts else None

    def move_to(self, key: str) -> bool:
        """Put the cursor on a fact; False if there is none of that key."""
        at = next((i for i, fact in enumerate(self._facts) if fact.key == key), None)
        if at is None:
            return False
        self._go(at)
        return True

    # Lines

    def _break(self) -> None:
        self._label_width, self._lines = self._broken(self.body_width)

    def _broken(self, width: int) -> tuple[int, list[tuple[int, int, int]]]:
        """Width of the labels, and for each line its fact and which part of the value stands there."""
        room = max(1, width - SIGN_WIDTH)
        widest = max((cell_width(fact.label) for fact in self._facts if not fact.is_wide), default=0)
        label_width = min(widest, MAX_LABEL_WIDTH, max(1, room // 2))
        lines = []
        for at, fact in enumerate(self._facts):
            space = room if fact.is_wide else room - label_width - LABEL_GAP
            lines += [(at, start, end) for start, end in wrap(fact.value.text, max(1, space))]
        return label_width, lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Lines of all facts, for lists that are as high as they need to be."""
        del container, viewport
        return max(1, len(self._broken(width - 1)[1]))

    def resized(self) -> None:
        """Break the values anew."""
        self._break()
        super().resized()

    def line_count(self) -> int:
        """Lines of all facts."""
        return len(self._lines)

    def _ground_of(self, fact_index: int) -> Ground:
        return self.cursor_ground if self.is_selectable and fact_index == self._cursor else Ground.BASE

    def line_token(self, index: int) -> object:
        """A piece of a fact and what lies under it."""
        at, start, end = self._lines[index]
        return (self._facts[at], start, end, self._label_width, self._ground_of(at))

    def draw_line(self, index: int, width: int) -> Strip:
        """Draw a piece of a fact."""
        at, start, end = self._lines[index]
        fact, ground = self._facts[at], self._ground_of(at)
        style_of = self.palette.on(ground)
        sign = " " if ground is Ground.BASE else self.signs.cursor
        drawn = [Segment(sign, style_of(Tone.ACCENT))]
        room = width - SIGN_WIDTH
        if not fact.is_wide:
            label = fact.label if start == 0 else ""
            shown = fit(Cell(label, fact.label_tone), self._label_width, ellipsis=self.signs.ellipsis)
            drawn += segments(Cell(pad(shown.text, self._label_width + LABEL_GAP), shown.tone), style_of)
            room -= self._label_width + LABEL_GAP
        if room > 0:
            drawn += segments(fit(part_of(fact.value, start, end), room), style_of)
        return strip_of(drawn, width) if room >= 0 else strip_of(drawn, width - room).crop(0, width)

    # The cursor

    def _go(self, at: int) -> None:
        if not self.is_selectable or not self._facts:
            return
        before = self.cursor_key
        self._cursor = max(0, min(at, len(self._facts) - 1))
        rows = [line for line, (fact, _, _) in enumerate(self._lines) if fact == self._cursor]
        self.show_line(rows[-1])
        self.show_line(rows[0])
        self._tell(before)

    def _tell(self, before: str | None) -> None:
        if self.cursor_key != before and self.is_running:
            self.post_message(self.FactHighlighted(self, self.cursor_key))

    def action_move(self, lines: int) -> None:
        """Move the cursor, or scroll."""
        if self.is_selectable:
            self._go(self._cursor + lines)
        else:
            super().action_move(lines)

    def action_move_first(self) -> None:
        """Go to the first fact."""
        super().action_move_first()
        self._go(0)

    def action_move_last(self) -> None:
        """Go to the last fact."""
        super().action_move_last()
        self._go(len(self._facts) - 1)

    def action_open_fact(self) -> None:
        """Open the fact under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.FactOpened(self, self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor by a click, open by a double click."""
        spot = event.get_content_offset(self)
        if spot is None or spot.x >= self.body_width:
            return
        line = self.top + spot.y
        if line < len(self._lines):
            self._go(self._lines[line][0])
            if event.chain == 2:
                self.action_open_fact()
