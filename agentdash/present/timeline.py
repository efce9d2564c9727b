"""Start-up as bars on one axis of time: queue, plan, apply, connect, each script.

The three lists of timings have three clocks that may disagree (contract: fleet.md §5), so nothing is subtracted across
them: each list keeps its own offsets and is set down where the step before it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agentdash.present.cells import Cell, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.times import duration
from agentdash.state.model import Agent, Build, Timing, Timings, Transition
from agentdash.text.width import fit
from agentdash.triage.verdict import Kind, script_result, start_began

STAGES = ("init", "plan", "graph", "apply")
MAX_AXIS_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One step. Seconds on the common axis."""

    label: str
    start_s: float
    length_s: float
    kind: Kind = "well"
    is_open: bool = False
    """It has not ended: the length is what has gone by."""
    note: str = ""
    median_s: float | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Bars in order, and how long the axis is."""

    bars: tuple[Bar, ...] = ()

    @property
    def total_s(self) -> float:
        """End of the last bar."""
        return max((bar.start_s + bar.length_s for bar in self.bars), default=0.0)


def startup(
    build: Build,
    agent: Agent | None,
    timings: Timings | None,
    now: datetime,
    history: Sequence[Transition] = (),
) -> Timeline:
    """The start of a build and of one of its agents.

    Args:
        build: The build.
        agent: The agent whose connect and scripts are shown.
        timings: What was measured; on unfinished and failed builds there is little.
        now: Server time, for the step that has not ended.
        history: Transitions of the agent's row.
    """
    bars: list[Bar] = []
    at = _queue(build, now, bars)
    at = _provision(build, timings, now, at, bars)
    if agent is not None and build.status not in ("pending", "starting"):
        at = _connect(agent, timings, now, at, bars)
        _scripts(agent, timings, now, at, bars=bars, history=history)
    return Timeline(tuple(bars))


def _seconds(start: datetime | None, end: datetime | None) -> float:
    if start is None or end is None:
        return 0.0
    return min(MAX_AXIS_S, max(0.0, (end - start).total_seconds()))


def _queue(build: Build, now: datetime, bars: list[Bar]) -> float:
    job = build.job
    if job.created_at is None:
        return 0.0
    waits = job.started_at is None and job.status == "pending"
    length = _seconds(job.created_at, now if waits else job.started_at)
    if waits or job.started_at is not None:
        bars.append(Bar("queue", 0.0, length, "moving" if waits else "well", waits))
    return length


def _provision(build: Build, timings: Timings | None, now: datetime, at: float, bars: list[Bar]) -> float:
    job = build.job
    steps = timings.provisioner if timings is not None else ()
    if steps:
        zero = min(step.started_at for step in steps)
        names = list(dict.fromkeys([*STAGES, *(step.stage for step in steps)]))
        end = at
        for name in names:
            mine = [step for step in steps if step.stage == name]
            if mine:
                start = _seconds(zero, min(step.started_at for step in mine))
                stop = _seconds(zero, max(step.ended_at for step in mine))
                bars.append(
                    Bar(
                        name,
                        at + start,
                        max(0.0, stop - start),
                        note=_slowest(mine) if name == "apply" else "",
                    )
                )
                end = max(end, at + stop)
        return end
    if job.started_at is None:
        return at
    is_open = job.completed_at is None
    length = _seconds(job.started_at, now if is_open else job.completed_at)
    failed = job.status in ("failed", "canceled")
    kind: Kind = "moving" if is_open else ("broken" if failed else "well")
    bars.append(Bar("build", at, length, kind, is_open))
    return at + length


def _slowest(steps: Sequence[Timing]) -> str:
    slowest = max(steps, key=lambda step: step.duration_s)
    return slowest.name if len(steps) > 1 and slowest.name else ""


def _connect(agent: Agent, timings: Timings | None, now: datetime, at: float, bars: list[Bar]) -> float:
    measured = next((t for t in (timings.connections if timings else ()) if t.agent_id == agent.id), None)
    if measured is not None:
        length, is_open = min(MAX_AXIS_S, measured.duration_s), False
    elif agent.created_at is None:
        return at
    else:
        is_open = agent.first_connected_at is None
        length = _seconds(agent.created_at, now if is_open else agent.first_connected_at)
    kind: Kind = "well" if not is_open else ("broken" if agent.status == "timeout" else "moving")
    bars.append(Bar("connect", at, length, kind, is_open))
    return at + length


def _scripts(
    agent: Agent,
    timings: Timings | None,
    now: datetime,
    at: float,
    *,
    bars: list[Bar],
    history: Sequence[Transition],
) -> None:
    measured = [
        t for t in (timings.scripts if timings else ()) if t.stage == "start" and t.agent_id in ("", agent.id)
    ]
    zero = min((t.started_at for t in measured), default=None)
    for t in measured:
        kind: Kind = "broken" if t.status in ("exit_failure", "timed_out") else "well"
        kind = "moving" if t.status == "pipes_left_open" else kind
        bars.append(
            Bar(
                t.name,
                at + _seconds(zero, t.started_at),
                min(MAX_AXIS_S, t.duration_s),
                kind,
                note=_note(agent, t),
            )
        )
    if agent.lifecycle != "starting":
        return
    began = start_began(agent, history)
    ended = {t.name for t in measured}
    bars += [
        Bar(script.name, at, _seconds(began, now), "moving", is_open=True)
        for script in agent.scripts
        if script.run_on_start and script.status is None and script.name not in ended
    ]


def _note(agent: Agent, timing: Timing) -> str:
    if timing.status in ("", "ok"):
        return ""
    script = next((s for s in agent.scripts if s.name == timing.name), None)
    if script is None:
        return timing.status
    return script_result(replace(script, status=timing.status, exit_code=timing.exit_code))


def bar_lines(
    timeline: Timeline, width: int, glyphs: Glyphs = UNICODE, *, label_width: int = 14
) -> tuple[tuple[Cell, ...], ...]:
    """Each bar as cells: label, drawn bar, length, note.

    Args:
        timeline: What to draw.
        width: Cells of the axis.
        glyphs: Set of signs.
        label_width: Cells of the labels.
    """
    width = max(1, width)
    total = timeline.total_s or 1.0
    lines = []
    for bar in timeline.bars:
        tone = {"broken": Tone.BROKEN, "moving": Tone.WARN}.get(bar.kind, Tone.DIM)
        length = duration(bar.length_s) + ("…" if bar.is_open else "")
        cells = (
            Cell(fit(bar.label, label_width), Tone.DIM if bar.kind == "well" else Tone.PLAIN),
            Cell(_drawn(bar, total, width, glyphs), tone),
            Cell(length.rjust(7), Tone.DIM if bar.kind == "well" else Tone.PLAIN),
            Cell(bar.note, tone),
        )
        lines.append(tuple(glyphs.cell(c) for c in cells))
    return tuple(lines)


def _drawn(bar: Bar, total: float, width: int, glyphs: Glyphs) -> str:
    start = min(width - 1, int(bar.start_s / total * width))
    eighths = max(1, round(bar.length_s / total * width * 8))
    whole, part = divmod(eighths, 8)
    full = glyphs.open_bar if bar.is_open else glyphs.bar
    text = full * whole
    if glyphs.bar_part and part and not bar.is_open:
        text += glyphs.bar_part[part - 1]
    elif part and (bar.is_open or not whole):
        text += full
    text = (" " * start + text)[:width].ljust(width)
    if bar.median_s is not None:
        tick = min(width - 1, start + int(bar.median_s / total * width))
        text = text[:tick] + glyphs.tick + text[tick + 1 :]
    return text
