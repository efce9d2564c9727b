"""Pane 8: metadata with sparklines."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on

from agentdash.present.describe import empty_place
from agentdash.present.metadata import HEADS, metadata_lines
from agentdash.present.tables import Line
from agentdash.ui.panes.base import TablePane
from agentdash.ui.panes.view import AgentView
from agentdash.ui.widgets.grid import Grid


class MetadataPane(TablePane):
    """Values, their last readings as a sparkline, and how old they are."""

    NAME = "Metadata"
    SCOPE = "metadata"
    HEADS = HEADS

    def lines(self, view: AgentView) -> Sequence[Line]:
        """One row a value."""
        detail = view.detail
        spark = next((p.width for p in self.grid.placed if p.column.id == "spark"), 10)
        return metadata_lines(
            detail.metadata.value or (), detail.readings, spark_width=spark, glyphs=view.glyphs
        )

    def empty(self, view: AgentView) -> str:
        """Why there are none."""
        return empty_place("metadata", view.agent, view.detail.metadata)

    @on(Grid.RowOpened)
    def copy_row(self, message: Grid.RowOpened) -> None:
        """Enter copies."""
        message.stop()
        self.do_metadata_copy()

    def do_metadata_copy(self) -> None:
        """y"""
        items = () if self.view is None else self.view.detail.metadata.value or ()
        item = next((i for i in items if i.key == self.cursor_key), None)
        self.agent_screen.copy_text("" if item is None else item.value, "value")
