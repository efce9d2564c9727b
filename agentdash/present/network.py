"""Pane 9, Network: relays as seen from here and from the agent, which way traffic goes, what the agent says itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agentdash.present.cells import MISSING, UNKNOWN, Cell, Span, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.health import latency_tone
from agentdash.present.links import RelayRow, ms_words
from agentdash.present.tables import LabelledFact
from agentdash.present.times import ago
from agentdash.state.freshness import Fact, Freshness
from agentdash.state.model import Agent, AgentNode, Connection
from agentdash.text.width import cell_width, cut_middle, pad

ROOMY = 60
"""From this width on headings and notes are written out."""
NAME_WIDTH = 32
NARROW_NAME = 8
VALUE_WIDTH = 7
HERE_WIDTH = 9
"""As wide as the longest word for a trouble."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Columns at one width; `note` 0 means that there is no room for notes."""

    gap: str
    name: int
    here_head: str
    agent_head: str
    agent: int
    note: int


def relay_table(
    rows: Sequence[RelayRow], width: int, *, is_measuring: bool = False, glyphs: Glyphs = UNICODE
) -> tuple[Cell, ...]:
    """A heading and a line for each relay, none wider than `width`; empty without relays.

    The name gives way first, then the notes; both latencies always stay.
    """
    if not rows:
        return ()
    is_roomy = width >= ROOMY
    notes = [_notes(row, is_roomy) for row in rows]
    layout = _layout(rows, notes, width)
    head = (Cell("relay", Tone.DIM), Cell(layout.here_head, Tone.DIM), Cell(layout.agent_head, Tone.DIM))
    lines = [_line(layout, (Cell(" "), *head), "")]
    lines += [
        _line(layout, (_sign(row), _name(row), _here(row, is_measuring), _there(row)), note)
        for row, note in zip(rows, notes, strict=True)
    ]
    return tuple(glyphs.cell(line) for line in lines)


def _layout(rows: Sequence[RelayRow], notes: Sequence[str], width: int) -> _Layout:
    here_head, agent_head, gap = ("from here", "from agent", 2) if width >= ROOMY else ("here", "agent", 1)
    agent = max(len(agent_head), VALUE_WIDTH)
    fixed = 2 + gap + HERE_WIDTH + gap + agent
    note = max(map(cell_width, notes))
    longest = min(NAME_WIDTH, max(cell_width(row.name) for row in rows))
    name = min(longest, width - fixed - (gap + note if note else 0))
    if name < min(longest, NARROW_NAME):
        name, note = max(1, min(longest, width - fixed)), 0
    return _Layout(" " * gap, name, here_head, agent_head, agent, note)


def _line(layout: _Layout, cells: tuple[Cell, Cell, Cell, Cell], note: str) -> Cell:
    sign, name, here, there = cells
    parts = [
        sign,
        Cell(" "),
        _padded(Cell(cut_middle(name.text, layout.name), name.tone), layout.name),
        Cell(layout.gap),
        _padded(here, HERE_WIDTH, right=True),
        Cell(layout.gap),
        _padded(there, layout.agent, right=True),
    ]
    if note and layout.note:
        parts += [Cell(layout.gap), Cell(note, Tone.DIM)]
    return _glued(parts)


def _sign(row: RelayRow) -> Cell:
    if row.here_trouble:
        return Cell(UNICODE.broken, Tone.WARN)
    return Cell(UNICODE.well if row.is_home else UNICODE.separator, Tone.PLAIN if row.is_home else Tone.DIM)


def _name(row: RelayRow) -> Cell:
    return Cell(row.name, Tone.PLAIN if row.is_home else Tone.DIM)


def _here(row: RelayRow, is_measuring: bool) -> Cell:
    if row.is_stun_only:
        return MISSING
    if row.here_trouble:
        return Cell(row.here_trouble, Tone.WARN)
    if row.here_ms is not None:
        return Cell(ms_words(row.here_ms), latency_tone(row.here_ms))
    return Cell(UNICODE.ellipsis, Tone.DIM) if is_measuring else UNKNOWN


def _there(row: RelayRow) -> Cell:
    if row.agent_ms is not None:
        return Cell(ms_words(row.agent_ms), Tone.DIM if row.is_last_word else latency_tone(row.agent_ms))
    return MISSING if row.is_stun_only else UNKNOWN


def _notes(row: RelayRow, is_roomy: bool) -> str:
    words = ["home"] if row.is_home else []
    if is_roomy:
        words += ["embedded"] if row.is_embedded else []
        words += ["STUN only"] if row.is_stun_only else []
        words += ["by websocket"] if row.websocket else []
    return f" {UNICODE.separator} ".join(words)


def _padded(cell: Cell, width: int, *, right: bool = False) -> Cell:
    text = pad(cell.text, width, "right" if right else "left")
    start = len(text) - len(text.lstrip()) if right else 0
    return Cell(text, Tone.PLAIN, (Span(start, start + len(cell.text), cell.tone),))


def _glued(parts: Sequence[Cell]) -> Cell:
    text, spans = "", list[Span]()
    for part in parts:
        spans.append(Span(len(text), len(text) + len(part.text), part.tone))
        spans += [Span(len(text) + s.start, len(text) + s.end, s.tone) for s in part.spans]
        text += part.text
    return Cell(text.rstrip(), Tone.PLAIN, tuple(s for s in spans if s.start < len(text.rstrip())))


def network_facts(
    agent: Agent, connection: Connection | None, node: AgentNode | None = None, *, glyphs: Glyphs = UNICODE
) -> tuple[LabelledFact, ...]:
    """Which way traffic may go, and by what; empty before the connection has been read."""
    if connection is None:
        return ()
    facts = [
        LabelledFact("path", _path(connection, node)),
        LabelledFact("relays by", _transport(connection)),
    ]
    if node is not None and node.forced_websockets:
        names = {region.id: region.name for region in connection.regions}
        for region_id, why in sorted(node.forced_websockets.items()):
            name = names.get(region_id, f"relay {region_id}")
            facts.append(
                LabelledFact("websocket", Cell(f"to {name}: {why}" if why else f"to {name}", Tone.WARN))
            )
    if connection.hostname_suffix:
        facts.append(LabelledFact("names", Cell(f"*.{connection.hostname_suffix}")))
    if agent.is_connected and not agent.latency:
        facts.append(LabelledFact("latency", Cell("the agent has not reported any yet", Tone.DIM)))
    return tuple(LabelledFact(f.label, glyphs.cell(f.value)) for f in facts)


def _path(connection: Connection, node: AgentNode | None) -> Cell:
    if connection.disable_direct:
        return Cell("relayed: direct is switched off", Tone.WARN)
    if node is not None and not node.endpoints:
        return Cell("relayed: no endpoint for direct", Tone.WARN)
    if node is not None:
        count = len(node.endpoints)
        return Cell(f"direct over {count} endpoint{'s' * (count != 1)}, else relayed")
    if connection.disable_direct is None:
        return Cell("? not told by this server", Tone.DIM)
    return Cell("direct where it comes about, else relayed")


def _transport(connection: Connection) -> Cell:
    if connection.force_websockets is None:
        return Cell("? not told by this server", Tone.DIM)
    return Cell(
        "websockets only, as the deployment wants" if connection.force_websockets else "DERP, else websockets"
    )


def node_facts(
    fact: Fact[AgentNode],
    connection: Connection | None,
    now: datetime,
    *,
    key: str,
    refusal: str = "",
    glyphs: Glyphs = UNICODE,
) -> tuple[LabelledFact, ...]:
    """What the agent says itself, or how to ask it.

    Args:
        fact: The answer.
        connection: Names the regions.
        now: Server time.
        key: What to press to ask; empty if no key is bound.
        refusal: Why it cannot be asked now, as a sentence.
        glyphs: Set of signs.
    """
    facts = []
    if fact.value is not None:
        facts += _said(fact.value, fact.at, connection, now)
    elif fact.freshness is Freshness.LOADING:
        facts.append(LabelledFact("its node", Cell("being asked…", Tone.DIM)))
    if fact.problem is not None and fact.freshness is not Freshness.LOADING:
        problem = fact.problem
        words = f"{problem.title}: {problem.detail}" if problem.detail else problem.title
        facts.append(
            LabelledFact("its node", Cell(f"{words.rstrip('.')}. {problem.next_step}".strip(), Tone.WARN))
        )
    if not facts:
        facts.append(LabelledFact("its node", _how_to_ask(key, refusal)))
    return tuple(LabelledFact(f.label, glyphs.cell(f.value)) for f in facts)


def _how_to_ask(key: str, refusal: str) -> Cell:
    if refusal:
        return Cell(refusal, Tone.DIM)
    log = "leaves a connection log entry"
    if not key:
        return Cell(f"the palette can ask; {log}", Tone.DIM)
    text = f"{key} asks; {log}"
    return Cell(text, Tone.DIM, (Span(0, len(key), Tone.ACCENT),))


def _said(
    node: AgentNode, at: datetime | None, connection: Connection | None, now: datetime
) -> list[LabelledFact]:
    names = {region.id: region.name for region in (connection.regions if connection else ())}
    home = names.get(node.home_id, f"relay {node.home_id}")
    when = node.as_of or at
    asked = f"asked {ago(at, now)}" if at is not None else ""
    said = f"as of {ago(when, now)}" if node.as_of is not None and when is not None else ""
    aside = ", ".join(word for word in (said, asked) if word)
    text = f"home {home}"
    value = f"{text}  {aside}" if aside else text
    facts = [LabelledFact("its node", Cell(value, Tone.PLAIN, (Span(len(text), len(value), Tone.DIM),)))]
    measured = sorted(node.latency_ms.items(), key=lambda item: item[1])
    words = "  ".join(f"{names.get(number, number)} {ms_words(ms)}" for number, ms in measured)
    facts.append(LabelledFact("it measures", Cell(words) if words else UNKNOWN))
    endpoints = "  ".join(node.endpoints) or "none: direct connections are blocked there"
    facts.append(LabelledFact("endpoints", Cell(endpoints, Tone.PLAIN if node.endpoints else Tone.WARN)))
    return facts
