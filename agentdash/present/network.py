"""Pane 9, Network: relays with the agent's latency to them, and what the deployment allows."""

from __future__ import annotations

from agentdash.present.cells import EMPTY, MISSING, Cell, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.health import latency_tone
from agentdash.present.tables import Head, LabelledFact, Line, sign_head
from agentdash.state.model import Agent, Connection, DerpRegion
from agentdash.triage.verdict import Kind

HEADS = (
    sign_head(),
    Head("region", "RELAY", width=16, min_width=8, flex=1, priority=90, cut="middle"),
    Head("code", "CODE", width=6, priority=40),
    Head("rtt", "RTT ms", width=6, align="right", priority=80),
    Head("note", "", width=10, min_width=9, priority=60),
)


def region_lines(
    agent: Agent, connection: Connection | None, *, glyphs: Glyphs = UNICODE
) -> tuple[Line, ...]:
    """Relays, the preferred first, then the nearest; those the agent has not measured last."""
    measured = {region.region: region for region in agent.latency}
    known: dict[str, DerpRegion] = {
        region.name: region for region in (connection.regions if connection else ())
    }
    names = sorted(
        {*measured, *known},
        key=lambda name: (
            (not measured[name].preferred, measured[name].ms, name)
            if name in measured
            else (True, 1e12, name)
        ),
    )
    lines = []
    for name in names:
        latency, region = measured.get(name), known.get(name)
        preferred = latency is not None and latency.preferred
        kind: Kind = "well" if latency is not None else "off"
        notes = [
            word
            for word, holds in (
                ("preferred", preferred),
                ("embedded", region is not None and region.embedded),
            )
            if holds
        ]
        cells = (
            Cell(glyphs.of(kind), Tone.DIM),
            Cell(name, Tone.PLAIN if preferred else Tone.DIM),
            Cell(region.code, Tone.DIM) if region is not None else MISSING,
            Cell(f"{latency.ms:.0f}", latency_tone(latency.ms)) if latency is not None else MISSING,
            Cell(" ".join(notes), Tone.DIM) if notes else EMPTY,
        )
        lines.append(Line(name, tuple(glyphs.cell(c) for c in cells), kind))
    return tuple(lines)


def network_facts(
    agent: Agent, connection: Connection | None, *, glyphs: Glyphs = UNICODE
) -> tuple[LabelledFact, ...]:
    """What the deployment allows. What a server does not say is left out: silence is no opinion."""
    if connection is None:
        return ()
    facts = []
    if connection.disable_direct is not None:
        text = "not allowed: all traffic goes through relays" if connection.disable_direct else "allowed"
        facts.append(
            LabelledFact("direct", Cell(text, Tone.WARN if connection.disable_direct else Tone.PLAIN))
        )
    if connection.force_websockets is not None:
        text = "websockets only" if connection.force_websockets else "DERP, websockets as fallback"
        facts.append(LabelledFact("relays", Cell(text)))
    if connection.hostname_suffix:
        facts.append(LabelledFact("names", Cell(f"*.{connection.hostname_suffix}")))
    if agent.is_connected and not agent.latency:
        facts.append(LabelledFact("latency", Cell("the agent has not reported any yet", Tone.DIM)))
    return tuple(LabelledFact(f.label, glyphs.cell(f.value)) for f in facts)
