"""What stands around a terminal: title, state, and the line above it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agentdash.feed.shells import Shell, ShellState
from agentdash.present.cells import Cell, Tone
from agentdash.state.model import Agent
from agentdash.text.width import cell_width, cut
from agentdash.triage.verdict import Kind
from agentdash.ui.shell_words import number_of, program, says
from agentdash.ui.widgets.termview import TermView

GAP = 2
LEAST_TITLE = 12
"""Cells that the program's title keeps beside many marks."""
LASTING = {
    "starting": ("scripts run", "start scripts still run: the workspace may not be ready"),
    "start_error": ("script failed", "a start script failed: the workspace may be incomplete (pane 2)"),
    "start_timeout": (
        "script late",
        "a start script takes too long: the workspace may be incomplete (pane 2)",
    ),
}
"""What a workspace lacks for whoever works in it, by lifecycle: a mark for the title, and the sentence."""
_TONES = {
    ShellState.CONNECTED: Tone.DIM,
    ShellState.LOST: Tone.BROKEN,
    ShellState.REFUSED: Tone.BROKEN,
    ShellState.ENDED: Tone.DIM,
    ShellState.DETACHED: Tone.DIM,
}
_KINDS: dict[ShellState, Kind] = {
    ShellState.CONNECTED: "well",
    ShellState.LOST: "broken",
    ShellState.REFUSED: "broken",
    ShellState.ENDED: "off",
    ShellState.DETACHED: "off",
}


def tone_of(state: ShellState) -> Tone:
    """How a state is drawn."""
    return _TONES.get(state, Tone.WARN)


def kind_of(shell: Shell | None) -> Kind:
    """The mark of a shell; `off` without one."""
    return "off" if shell is None else _KINDS.get(shell.status.state, "moving")


def title_cells(shell: Shell, mine: Sequence[Shell], term: TermView, agent: Agent, room: int) -> list[Cell]:
    """Which of how many, the program's title as far as there is room, and marks of what is so just now.

    Args:
        mine: The shells of its agent.
        room: Cells for all of it.
    """
    number = number_of(shell, mine)
    marks = [] if not (choosing := choosing_word(term)) else [Cell(choosing, Tone.ACCENT)]
    if term.search.text:
        marks.append(Cell(term.search.place or "no match", Tone.ACCENT))
    if term.back:
        marks.append(Cell(f"{term.back} lines back", Tone.ACCENT))
    if shell.cast is not None:
        marks.append(Cell("recording", Tone.WARN))
    if shell.has_rung:
        marks.append(Cell("bell", Tone.WARN))
    if any(other.has_rung for other in mine if other is not shell):
        marks.append(Cell("bell in another", Tone.WARN))
    if agent.lifecycle in LASTING:
        marks.append(Cell(LASTING[agent.lifecycle][0], Tone.WARN))
    taken = sum(cell_width(text) + GAP for text in (number, *(mark.text for mark in marks)) if text)
    words = cut(program(shell), max(LEAST_TITLE, room - taken))
    cells = [Cell(number, Tone.DIM), Cell(words, Tone.DIM), *marks]
    shown = [cell for cell in cells if cell.text]
    return [Cell(" " * GAP * (at > 0) + cell.text, cell.tone) for at, cell in enumerate(shown)]


def choosing_word(term: TermView) -> str:
    """What is being chosen with the keyboard; empty if nothing is."""
    selection = term.selection
    if selection is None or not selection.is_keyboard:
        return ""
    if selection.anchor is None:
        return "choosing: go where it begins"
    return "choosing lines" if selection.is_lines else "choosing characters"


def notice_cells(shell: Shell, term: TermView, lasting: str, now: datetime) -> list[Cell]:
    """What stands in the way, most pressing first; empty while all is well, and while text is chosen under it.

    Args:
        lasting: What the workspace lacks, if that is still to be told.
        now: Local time.
    """
    if term.is_choosing:
        return []
    state = shell.status.state
    if state is not ShellState.CONNECTED:
        return [Cell(says(shell, now), tone_of(state))]
    cells = []
    if shell.advice:
        cells.append(Cell(shell.advice, Tone.WARN))
    if shell.foreign_rows:
        rows = f"drawn for {shell.foreign_rows} rows or more: another client has set the size; = sets ours"
        cells.append(Cell(rows, Tone.WARN))
    return cells + ([Cell(lasting, Tone.WARN)] if lasting else [])
