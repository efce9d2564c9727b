"""What stands around a terminal: title, state, and the line above it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agentdash.feed.shells import Shell, ShellState
from agentdash.present.cells import Cell, Tone
from agentdash.present.times import countdown
from agentdash.state.model import Agent
from agentdash.text.safe import clean
from agentdash.triage.verdict import Kind
from agentdash.ui.widgets.termview import TermView

TITLE_LIMIT = 60
CHOOSING = "move with arrows or hjkl, space or v chooses, V whole lines, y copies, esc ends"
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


def title_cells(shell: Shell, mine: Sequence[Shell], term: TermView) -> list[Cell]:
    """Which of how many, the program's title, where the view is."""
    cells = []
    if len(mine) > 1:
        cells.append(Cell(f"{mine.index(shell) + 1 if shell in mine else 1}/{len(mine)} ", Tone.DIM))
    words = [clean(shell.emulator.title, TITLE_LIMIT), clean(shell.target.where, TITLE_LIMIT)]
    cells.append(Cell("  ".join(dict.fromkeys(word for word in words if word)), Tone.DIM))
    if shell.cast is not None:
        cells.append(Cell(" recording", Tone.WARN))
    if shell.has_rung:
        cells.append(Cell(" bell", Tone.WARN))
    if any(other.has_rung for other in mine if other is not shell):
        cells.append(Cell(" bell in another", Tone.WARN))
    if term.search.text:
        cells.append(Cell(f" {term.search.place or 'no match'}", Tone.ACCENT))
    if term.back:
        cells.append(Cell(f" {term.back} lines back", Tone.ACCENT))
    return [cell for cell in cells if cell.text]


def notice_cells(shell: Shell, agent: Agent, term: TermView, now: datetime) -> list[Cell]:
    """What stands in the way, most pressing first; empty while all is well.

    Args:
        now: Local time.
    """
    status = shell.status
    if term.selection is not None and term.selection.is_keyboard:
        return [Cell(CHOOSING, Tone.ACCENT)]
    if status.state is not ShellState.CONNECTED:
        sentence = status.sentence or str(status.state)
        if status.retry_at is not None:
            sentence += f"; again in {countdown(status.retry_at, now)}"
        return [Cell(sentence, tone_of(status.state))]
    cells = []
    if shell.advice:
        cells.append(Cell(shell.advice, Tone.WARN))
    if shell.foreign_rows:
        rows = f"drawn for {shell.foreign_rows} rows or more: another client has set the size; = sets ours"
        cells.append(Cell(rows, Tone.WARN))
    return cells + lasting_cells(agent)


def lasting_cells(agent: Agent) -> list[Cell]:
    """What the workspace has not got ready for whoever works in it."""
    if agent.lifecycle == "starting":
        return [Cell("start scripts still run: the workspace may not be ready", Tone.WARN)]
    if agent.lifecycle in ("start_error", "start_timeout"):
        return [Cell("a start script failed: the workspace may be incomplete (pane 2)", Tone.WARN)]
    return []
