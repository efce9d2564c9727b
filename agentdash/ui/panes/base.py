"""Panes of an agent: a frame with a scope for keys, refreshed from an `AgentView`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.widget import Widget

from agentdash.present.tables import Head, Line, PaneHead, fitted, widest
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.columns import Column
from agentdash.ui.widgets.frame import Pane
from agentdash.ui.widgets.glyphs import Signs
from agentdash.ui.widgets.grid import Grid, GridRow

if TYPE_CHECKING:
    from agentdash.ui.screens.agent import AgentScreen


class AgentPane(Pane):
    """One of the nine panes.

    Args:
        number: Its digit.
        signs: The set of signs.
    """

    NAME: ClassVar[str] = ""
    SCOPE: ClassVar[str] = ""

    def __init__(self, number: int, *, signs: Signs) -> None:
        super().__init__(self.NAME, str(number), signs=signs, id=f"pane-{self.SCOPE}")
        self.view: AgentView | None = None

    @property
    def scope(self) -> str:
        """Where keys belong while the focus is inside."""
        return self.SCOPE

    @property
    def agent_screen(self) -> AgentScreen:
        """The screen around it, typed."""
        return self.screen  # type: ignore[return-value]  # panes live nowhere else

    def show(self, view: AgentView, head: PaneHead) -> None:
        """Show an agent as it is now."""
        self.view = view
        self.set_title_state(*([head.state] if head.state.text else []))
        self.set_freshness(head.freshness.text, head.freshness.tone)
        self.refresh_content(view)

    def refresh_content(self, view: AgentView) -> None:
        """Show the content; what reads the same is not repainted."""
        raise NotImplementedError

    def focus_target(self) -> Widget:
        """The widget that gets the focus with the pane."""
        raise NotImplementedError


class TablePane(AgentPane):
    """A pane that is a table."""

    HEADS: ClassVar[tuple[Head, ...]] = ()
    INDENTED: ClassVar[str] = "name"

    def __init__(self, number: int, *, signs: Signs) -> None:
        super().__init__(number, signs=signs)
        self.grid = Grid(has_header=False, keeps_cursor=False, signs=signs)
        self._lines: dict[str, Line] = {}
        self._keys: list[str] = []
        self._widths: tuple[int, ...] = ()
        self._heads: dict[int, Head] = {}

    def compose(self) -> Sequence[Widget]:
        """The table."""
        return [self.grid]

    def on_mount(self) -> None:
        """Set the columns."""
        self._set_heads(fitted(self.HEADS, ()))

    def _set_heads(self, heads: dict[int, Head]) -> None:
        if heads != self._heads:
            self._heads = heads
            self.grid.set_columns([_column(head) for head in heads.values()], indented=self.INDENTED)

    def focus_target(self) -> Widget:
        """The table."""
        return self.grid

    def lines(self, view: AgentView) -> Sequence[Line]:
        """The rows."""
        raise NotImplementedError

    def empty(self, view: AgentView) -> str:
        """The sentence when there are none."""
        raise NotImplementedError

    def refresh_content(self, view: AgentView) -> None:
        """Show rows; those that are equal stay as they are painted."""
        lines = {line.key: line for line in self.lines(view)}
        changed = {key for key, line in lines.items() if self._lines.get(key) != line}
        # Until the table knows of the new rows it may paint an old one again.
        self._lines = self._lines | lines
        if not lines:
            self.grid.set_empty(self.empty(view))
        keys = list(lines)
        # Columns grow with what stands in them and do not shrink with it: a table that jumps cannot be read.
        self._widths = widest(lines.values(), self._widths if keys == self._keys else ())
        self._set_heads(fitted(self.HEADS, self._widths))
        if keys != self._keys:
            self._keys = keys
            self.grid.set_rows(keys, self._row)
        else:
            self.grid.update_rows(changed)
        self._lines = lines

    def _row(self, key: str) -> GridRow:
        line = self._lines[key]
        return GridRow(key, tuple(line.cells[at] for at in self._heads))

    @property
    def cursor_key(self) -> str | None:
        """Key of the row under the cursor."""
        return self.grid.cursor_key

    def say(self, text: str) -> None:
        """A notice."""
        self.agent_screen.say(text)


def _column(head: Head) -> Column:
    return Column(
        head.id, head.title, head.width, head.min_width, head.flex, head.align, head.priority, head.cut
    )
