"""Pane 7, Apps: health, who may open them, where they are, and what AI apps say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agentdash.present.cells import EMPTY, MISSING, Cell, Span, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.tables import Head, Line, sign_head
from agentdash.present.times import age
from agentdash.state.model import Agent, App
from agentdash.triage.verdict import Kind

HEADS = (
    sign_head(),
    Head("name", "APP", width=14, min_width=8, flex=1, priority=90, cut="middle"),
    Head("health", "HEALTH", width=12, min_width=9, priority=80),
    Head("share", "SHARED", width=7, priority=40),
    Head("says", "SAYS", min_width=10, flex=2, priority=60),
    Head("where", "WHERE", min_width=10, flex=2, priority=50, cut="middle"),
    Head("age", "AGE", width=4, align="right", priority=30),
)

_KINDS: dict[str, Kind] = {
    "healthy": "well",
    "disabled": "well",
    "": "well",
    "initializing": "moving",
    "unhealthy": "broken",
}
_LEVELS = {"owner": "owner", "authenticated": "users", "organization": "org", "public": "public"}


def app_lines(agent: Agent, now: datetime, *, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """Rows of the Apps pane in the template's order; hidden apps are left out."""
    return tuple(_line(agent, app, now, glyphs) for app in agent.apps if not app.hidden)


def app_kind(agent: Agent, app: App) -> Kind:
    """How an app is. What is known of an app of an absent agent is old (contract: triage.md W03)."""
    if not agent.is_connected and app.health not in ("disabled", ""):
        return "unknown"
    kind = _KINDS.get(app.health, "unknown")
    if kind == "well" and app.statuses:
        return {"failure": "broken", "working": "moving"}.get(app.statuses[0].state, kind)  # type: ignore[return-value]
    return kind


def _line(agent: Agent, app: App, now: datetime, glyphs: Glyphs) -> Line:
    kind = app_kind(agent, app)
    tone = {"broken": Tone.BROKEN, "moving": Tone.WARN, "unknown": Tone.PLAIN}.get(kind, Tone.DIM)
    spoken = app.statuses[0] if app.statuses else None
    says = EMPTY
    if spoken is not None:
        text = f"{spoken.state}: {spoken.message}" if spoken.message else spoken.state
        says = Cell(text, Tone.PLAIN, (Span(0, len(spoken.state), tone),))
    cells = (
        Cell(glyphs.of(kind), tone),
        Cell(app.name or app.slug, Tone.DIM if kind == "well" else Tone.PLAIN),
        _health(agent, app),
        Cell(
            _LEVELS.get(app.sharing_level, app.sharing_level),
            Tone.WARN if app.sharing_level == "public" else Tone.DIM,
        ),
        says,
        where(app),
        age(spoken.created_at, now) if spoken is not None else MISSING,
    )
    return Line(app.slug or app.id, tuple(glyphs.cell(c) for c in cells), kind)


def _health(agent: Agent, app: App) -> Cell:
    if app.health in ("disabled", ""):
        return Cell("no check", Tone.DIM)
    if not agent.is_connected:
        return Cell(f"? was {app.health}", Tone.DIM)
    tone = {"unhealthy": Tone.BROKEN, "initializing": Tone.WARN}.get(app.health, Tone.DIM)
    return Cell(app.health, tone)


def where(app: App) -> Cell:
    """Command of a terminal app, else the address behind it."""
    if app.command:
        return Cell(f"$ {app.command}", Tone.DIM)
    return Cell(app.url, Tone.DIM) if app.url else MISSING


def apps_state(agent: Agent, lines: Sequence[Line]) -> tuple[Cell, Kind]:
    """Word and mark of the pane: `1 unhealthy`, `working`, `3`."""
    broken = [line for line in lines if line.kind == "broken"]
    if broken:
        return Cell(f"{len(broken)} unhealthy", Tone.BROKEN), "broken"
    if any(line.kind == "moving" for line in lines):
        working = any(app.statuses and app.statuses[0].state == "working" for app in agent.apps)
        return Cell("working" if working else "initializing", Tone.WARN), "moving"
    return Cell(str(len(lines)) if lines else "", Tone.DIM), "well" if lines else "off"
