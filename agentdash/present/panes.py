"""What the nine frames of an agent say: number, name, one word of state, how fresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agentdash.present.agent_title import row_freshness
from agentdash.present.apps import app_lines, apps_state
from agentdash.present.cells import EMPTY, Cell, Tone
from agentdash.present.columns import verdict_tone
from agentdash.present.devcontainers import containers_state
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.metadata import metadata_state
from agentdash.present.scripts import script_lines, scripts_state
from agentdash.present.tables import Line, PaneHead
from agentdash.present.times import freshness, is_loading, stream_words
from agentdash.state.detail import AgentDetail
from agentdash.state.freshness import Fact
from agentdash.state.model import Timings
from agentdash.state.state import State
from agentdash.state.views import Row
from agentdash.triage.verdict import Kind, Verdict

NAMES = ("Health", "Scripts", "Ports", "Logs", "Devcontainers", "Terminal", "Apps", "Metadata", "Network")
RESULTS_NEED = "results need Coder 2.17"


def pane_heads(
    state: State,
    row: Row,
    verdict: Verdict,
    now: datetime,
    *,
    glyphs: Glyphs = UNICODE,
    terminal: Cell = EMPTY,
    terminal_kind: Kind = "off",
) -> tuple[PaneHead, ...]:
    """Frames of the nine panes in the order of their digits.

    Args:
        state: All that is known.
        row: The agent's row.
        verdict: Judgement of it.
        now: Server time.
        glyphs: Set of signs.
        terminal: State of the terminal pane, which the state does not know.
        terminal_kind: Its mark.
    """
    agent = row.agent
    if agent is None:
        return tuple(PaneHead(i, name, EMPTY, "off", EMPTY) for i, name in enumerate(NAMES, 1))
    detail = state.details.get(agent.id) or AgentDetail(agent.id)
    read = row_freshness(state, row.workspace.id, now)
    history = state.history.get(row.key, ())
    lines = script_lines(
        agent,
        detail.timings.value,
        now,
        history=history,
        is_loading=is_loading(detail.timings),
        glyphs=glyphs,
    )
    book = state.logs.get(agent.id)
    count = len(book) if book is not None else 0
    ports = len(detail.ports.value or ())
    words = f"{count:,} line{'s' if count != 1 else ''}" if count else ""
    # The Health pane's own first line says it in words; its frame repeats only that it is broken.
    health = Cell("unwell", verdict_tone(verdict, now)) if verdict.severity >= 2 else EMPTY
    states: list[tuple[Cell, Kind, Cell]] = [
        (health, verdict.kind, read),
        (*scripts_state(lines), _results(lines, detail.timings) or read),
        (
            Cell(str(ports) if ports else "", Tone.DIM),
            "well" if ports else "off",
            _dialled(agent.is_connected, detail.ports, now),
        ),
        (
            Cell(words, Tone.WARN if agent.logs_overflowed else Tone.DIM),
            "moving" if agent.logs_overflowed else ("well" if count else "off"),
            stream_words(state.streams.get(f"logs:{agent.id}"), now),
        ),
        (*containers_state(detail.containers.value), _dialled(agent.is_connected, detail.containers, now)),
        (terminal, terminal_kind, EMPTY),
        (*apps_state(agent, app_lines(agent, now, glyphs=glyphs)), read),
        (*metadata_state(detail.metadata.value), freshness(detail.metadata, now)),
        (EMPTY, "well" if agent.latency else "off", freshness(_network(detail), now)),
    ]
    return tuple(
        PaneHead(i, name, glyphs.cell(word), kind, glyphs.cell(fresh))
        for i, (name, (word, kind, fresh)) in enumerate(zip(NAMES, states, strict=True), 1)
    )


def _results(lines: Sequence[Line], timings: Fact[Timings]) -> Cell | None:
    """Why results are missing, on servers that tell them neither with the agent nor with its build."""
    is_old = timings.problem is not None and timings.problem.kind == "RouteNotFound"
    return Cell(RESULTS_NEED, Tone.DIM) if is_old and any(line.kind == "unknown" for line in lines) else None


def _network(detail: AgentDetail) -> Fact[Any]:
    """Once the relays are measured it is that which ages; the settings are read once."""
    return detail.links if detail.links.is_usable or detail.links.problem is not None else detail.connection


def _dialled(is_connected: bool, fact: Fact[Any], now: datetime) -> Cell:
    """Freshness of what only a connected agent can tell: streams of a dead agent stay open (contract: agents.md §1)."""
    if not is_connected:
        return Cell("agent not connected", Tone.DIM)
    return freshness(fact, now)
