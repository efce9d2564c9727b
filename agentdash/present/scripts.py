"""Pane 2, Scripts: name, when it runs, how its latest run ended and how long it took; failed ones first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agentdash.present.cells import MISSING, Cell, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.tables import Head, Line, sign_head
from agentdash.present.times import age_word, duration_cell, with_dim_unit
from agentdash.state.model import Agent, Script, Timing, Timings, Transition
from agentdash.triage.verdict import Kind, is_last_run, script_result, start_began, started_again

HEADS = (
    sign_head(),
    Head("name", "SCRIPT", width=20, min_width=14, flex=2, priority=90, cut="middle"),
    Head("when", "WHEN", width=5, priority=50),
    Head("result", "RESULT", width=10, min_width=8, flex=1, priority=80),
    Head("time", "TIME", width=6, align="right", priority=60),
)

STARTED = frozenset({"ready", "start_error", "start_timeout"})
"""Lifecycles in which the start scripts have run."""
_ORDER: dict[Kind, int] = {"broken": 0, "moving": 1, "unknown": 2, "well": 3, "off": 4}


def script_lines(
    agent: Agent,
    timings: Timings | None,
    now: datetime,
    *,
    history: Sequence[Transition] = (),
    is_loading: bool = False,
    glyphs: Glyphs = UNICODE,
) -> tuple[Line, ...]:
    """Rows of the Scripts pane. Entries that stand for a devcontainer are not scripts and are left out.

    Args:
        agent: The agent.
        timings: Timings of its build: durations, and on servers before 2.33 the only results.
        now: Server time.
        history: Transitions of the agent's row: tells a second start from the first.
        is_loading: Whether the timings are still being read, which may tell what the agent does not.
        glyphs: Set of signs.
    """
    lines = [
        _line(agent, script, timings, now, history=history, is_loading=is_loading, glyphs=glyphs)
        for script in agent.scripts
        if not script.is_devcontainer
    ]
    return tuple(sorted(lines, key=lambda line: (_ORDER[line.kind], line.cells[1].text, line.key)))


def script_key(script: Script) -> str:
    """Stable within a build; servers before 2.16 have no script ids."""
    return script.id or script.source_id or script.name


def script_kind(agent: Agent, script: Script, status: str | None, history: Sequence[Transition]) -> Kind:
    """How a script is, its result being `status`."""
    if is_running(agent, script, history):
        return "moving"
    if status in ("exit_failure", "timed_out"):
        return "broken"
    if status == "ok":
        return "well"
    if status is None:
        return "off"
    return "moving" if status == "pipes_left_open" else "unknown"


def is_running(agent: Agent, script: Script, history: Sequence[Transition] = ()) -> bool:
    """Inferred, as the server has no such word: part of the start that is under way, without a result of this start."""
    if not agent.is_connected:
        return False
    if agent.lifecycle == "starting" and script.run_on_start:
        return script.status is None or is_last_run(agent, script, history)
    return agent.lifecycle == "shutting_down" and script.run_on_stop and script.status is None


def _line(
    agent: Agent,
    script: Script,
    timings: Timings | None,
    now: datetime,
    *,
    history: Sequence[Transition],
    is_loading: bool,
    glyphs: Glyphs,
) -> Line:
    timing = _timing(agent, script, timings)
    status, result = script.status, script_result(script)
    if status is None and timing is not None and timing.status and not started_again(agent, history):
        # Before 2.33 the agent object has no results.
        status = timing.status
        result = script_result(Script("", "", "", status=timing.status, exit_code=timing.exit_code))
    kind = script_kind(agent, script, status, history)
    if kind == "off" and script.run_on_start and _is_untold(agent, timings):
        kind, result = ("off", UNICODE.ellipsis) if is_loading else ("unknown", "")
    tone = Tone.DIM if kind in ("well", "off") else Tone.PLAIN
    if kind == "moving" and is_running(agent, script, history):
        began = start_began(agent, history)
        time = MISSING if began is None else _elapsed(began, now)
        result_cell = Cell("running" if status is None else f"running, last run {result}", Tone.WARN)
    else:
        time = duration_cell(timing.duration_s) if timing is not None else MISSING
        result_cell = _result(script, kind, result)
    cells = (
        Cell(glyphs.of(kind), _tone(kind)),
        Cell(script.name or script_key(script)[:8], tone),
        Cell(when(script), Tone.DIM),
        glyphs.cell(result_cell),
        glyphs.cell(Cell(time.text, Tone.DIM) if tone is Tone.DIM else time),
    )
    return Line(script_key(script), cells, kind)


def _is_untold(agent: Agent, timings: Timings | None) -> bool:
    """Whether the start scripts have run and nobody tells how: servers before 2.17, and before 2.33 after a second start."""
    is_told = any(script.status for script in agent.scripts) or bool(timings is not None and timings.scripts)
    return agent.lifecycle in STARTED and not is_told


def _elapsed(began: datetime, now: datetime) -> Cell:
    word = age_word(began, now)
    return with_dim_unit("<10s" if word == "now" else word)


def _result(script: Script, kind: Kind, result: str) -> Cell:
    if kind == "unknown" and not result:
        return Cell("not told", Tone.DIM)
    if kind == "off" and result:
        return Cell(result, Tone.DIM)
    if kind == "off":
        return Cell(script.cron, Tone.DIM) if script.cron else Cell("not run yet", Tone.DIM)
    return Cell(result, _tone(kind))


def _tone(kind: Kind) -> Tone:
    return {"broken": Tone.BROKEN, "moving": Tone.WARN, "unknown": Tone.PLAIN}.get(kind, Tone.DIM)


def when(script: Script) -> str:
    """What makes the script run: `start`, `stop`, `cron`, joined by `+`; `hand` if nothing does."""
    words = [
        word
        for word, holds in (
            ("start", script.run_on_start),
            ("stop", script.run_on_stop),
            ("cron", script.cron),
        )
        if holds
    ]
    return "+".join(words) or "hand"


def _timing(agent: Agent, script: Script, timings: Timings | None) -> Timing | None:
    """The measured run of a script, as far as it is the run whose result is shown: the server keeps the first one only."""
    if timings is None:
        return None
    for timing in timings.scripts:
        if timing.name != script.name or (timing.agent_id and timing.agent_id != agent.id):
            continue
        same = script.status is None or (timing.status, timing.exit_code) == (script.status, script.exit_code)
        return timing if same else None
    return None


def scripts_state(lines: Sequence[Line]) -> tuple[Cell, Kind]:
    """Word and mark of the pane: `3 failed`, `2 running`, `5`."""
    failed = sum(line.kind == "broken" for line in lines)
    if failed:
        return Cell(f"{failed} failed", Tone.BROKEN), "broken"
    moving = sum(line.kind == "moving" for line in lines)
    if moving:
        running = sum(line.cells[3].text.startswith("running") for line in lines)
        return Cell(f"{running} running" if running else "pipes left open", Tone.WARN), "moving"
    return Cell(str(len(lines)) if lines else "", Tone.DIM), "well" if lines else "off"
