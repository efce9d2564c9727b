"""The start of a workspace as bars against what is usual: queue, plan, apply, connect, each script.

Each bar stands on one axis of time, with a tick at the median and one at the p95 of the template's last good starts. A
bar's part behind the p95 is told apart; what has not ended is open. The regression is named in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agentdash.present.cells import Cell, Span, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.timeline import MAX_AXIS_S, STAGES, Bar, startup
from agentdash.present.times import duration
from agentdash.state.model import Agent, Timings, Transition, Workspace
from agentdash.text.width import cell_width, cut_middle, pad
from agentdash.triage.baseline import Baseline, Figures
from agentdash.triage.clock import age_s, span_s
from agentdash.triage.verdict import Kind

LABEL_WIDTH = 14
LENGTH_WIDTH = 7
USUAL_WIDTH = 22
SLOWER = 1.5
"""A step is named as slower when it is beyond the p95 and took so many times the median."""
LEAST_S = 5.0
"""Seconds lost below which nothing is named: nobody waits for them."""
LEAST_AXIS_S = 0.001
"""A start shorter than this is drawn as if it took so long."""
_BEFORE_AGENT = ("queue", "build", *STAGES)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a start with what is usual for it."""

    bar: Bar
    usual: Figures | None = None

    @property
    def is_slow(self) -> bool:
        """Slower than usual by so much that somebody would notice."""
        usual = self.usual
        if usual is None:
            return False
        lost = self.bar.length_s - usual.median_s
        return (
            self.bar.length_s > usual.p95_s
            and self.bar.length_s > SLOWER * usual.median_s
            and lost >= LEAST_S
        )

    @property
    def lost_s(self) -> float:
        """Seconds more than usual; 0 if that is not known."""
        return max(0.0, self.bar.length_s - self.usual.median_s) if self.usual is not None else 0.0


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Steps in order."""

    steps: tuple[Step, ...] = ()

    @property
    def axis_s(self) -> float:
        """Length of the axis: to the end of the last bar, or to where it usually ends."""
        ends = [s.bar.start_s + max(s.bar.length_s, _usual_end(s)) for s in self.steps]
        return min(MAX_AXIS_S, max(ends, default=0.0))

    @property
    def total_s(self) -> float:
        """From the first wish to the end of the last step."""
        return max((s.bar.start_s + s.bar.length_s for s in self.steps), default=0.0)

    @property
    def usual_s(self) -> float | None:
        """What the known steps take together usually, scripts at the same time; None if nothing is known."""
        before = [s.usual.median_s for s in self.steps if s.usual is not None and not _is_script(s)]
        scripts = [s.usual.median_s for s in self.steps if s.usual is not None and _is_script(s)]
        return sum(before) + max(scripts, default=0.0) if before or scripts else None


def _usual_end(step: Step) -> float:
    """The p95, unless one bad start in the past would make all bars short."""
    usual = step.usual
    return 0.0 if usual is None else min(usual.p95_s, 2 * max(usual.median_s, step.bar.length_s))


def _is_script(step: Step) -> bool:
    return step.bar.label not in (*_BEFORE_AGENT, "connect")


def waterfall(
    workspace: Workspace,
    agent: Agent | None,
    timings: Timings | None,
    baseline: Baseline,
    now: datetime,
    *,
    history: Sequence[Transition] = (),
) -> Waterfall:
    """The start of a workspace's latest build and of one of its agents.

    Args:
        workspace: The workspace.
        agent: The agent whose connect and scripts are shown.
        timings: What was measured, if it was read.
        baseline: What is usual.
        now: Server time.
        history: Transitions of the agent's row.
    """
    if workspace.build.transition != "start":
        return Waterfall()
    if workspace.agents_are_previous:
        agent = None
    bars = list(startup(workspace.build, agent, timings, now, history).bars)
    if agent is not None:
        bars += _scripts_as_one(agent, bars, now)
        bars += _devcontainer(agent, bars, now)
    return Waterfall(tuple(_with_usual(bar, workspace, agent, baseline) for bar in bars))


def _scripts_as_one(agent: Agent, bars: list[Bar], now: datetime) -> list[Bar]:
    """Without the timings of single scripts their common time is known: from start to ready, by the agent's clock."""
    if any(bar.label not in (*_BEFORE_AGENT, "connect") for bar in bars) or not agent.scripts:
        return []
    at = max((bar.start_s + bar.length_s for bar in bars), default=0.0)
    if agent.lifecycle == "starting":
        seconds = age_s(agent.first_connected_at, now)
        if seconds is None:
            return []
        return [Bar("scripts", at, min(seconds, MAX_AXIS_S), "moving", is_open=True)]
    seconds = span_s(agent.started_at, agent.ready_at)
    if seconds is None:
        return []
    kind: Kind = "broken" if agent.lifecycle in ("start_error", "start_timeout") else "well"
    return [
        Bar("scripts", at, min(seconds, MAX_AXIS_S), kind, note=agent.lifecycle if kind == "broken" else "")
    ]


def _devcontainer(agent: Agent, bars: list[Bar], now: datetime) -> list[Bar]:
    """The devcontainer that is brought up now: after all scripts, one after another (contract: triage.md §1)."""
    waiting = [s for s in agent.scripts if s.is_devcontainer and s.status is None]
    seconds = age_s(agent.first_connected_at, now)
    if agent.lifecycle != "starting" or not waiting or seconds is None or any(b.is_open for b in bars):
        return []
    connected = max(
        (b.start_s + b.length_s for b in bars if b.label in (*_BEFORE_AGENT, "connect")), default=0.0
    )
    at = max((b.start_s + b.length_s for b in bars), default=0.0)
    length = min(MAX_AXIS_S, max(0.0, seconds - (at - connected)))
    return [Bar(waiting[0].name, at, length, "moving", is_open=True)]


def _with_usual(bar: Bar, workspace: Workspace, agent: Agent | None, baseline: Baseline) -> Step:
    if bar.label in _BEFORE_AGENT:
        step = bar.label
    elif agent is None:
        return Step(bar)
    elif bar.label == "connect":
        step = f"connect:{agent.name}"
    elif bar.label == "scripts":
        step = f"ready:{agent.name}"
    else:
        step = f"script:{agent.name}:{bar.label}"
    usual = baseline.of(workspace, step)
    return Step(replace(bar, median_s=None if usual is None else usual.median_s), usual)


# Drawn


def step_lines(fall: Waterfall, width: int, glyphs: Glyphs = UNICODE) -> tuple[Cell, ...]:
    """One line a step: label, bar, length, what is usual, note. As wide as `width` where there is room for a bar."""
    labels = min(LABEL_WIDTH, max((len(s.bar.label) for s in fall.steps), default=0))
    notes = max((len(s.bar.note) for s in fall.steps), default=0)
    room = width - labels - LENGTH_WIDTH - 3
    has_usual = room - USUAL_WIDTH >= 20 and any(s.usual is not None for s in fall.steps)
    room -= (USUAL_WIDTH + 2) if has_usual else 0
    room -= notes + 1 if notes and room - notes >= 20 else 0
    room = max(8, room)
    total = max(LEAST_AXIS_S, fall.axis_s)
    return tuple(_line(step, total, room, labels, glyphs, has_usual=has_usual) for step in fall.steps)


def _line(step: Step, total: float, room: int, labels: int, glyphs: Glyphs, *, has_usual: bool) -> Cell:
    bar = step.bar
    tone = _tone(step)
    label = pad(cut_middle(bar.label, labels, glyphs.ellipsis), labels)
    drawn, spans = _drawn(step, total, room, glyphs)
    length = (duration(bar.length_s) + (glyphs.ellipsis if bar.is_open else "")).rjust(LENGTH_WIDTH)
    text = f"{label} {drawn} {length}"
    found = [Span(0, len(label), Tone.DIM if tone is Tone.DIM else Tone.PLAIN)]
    found += [Span(s.start + labels + 1, s.end + labels + 1, s.tone) for s in spans]
    found.append(Span(len(text) - LENGTH_WIDTH, len(text), Tone.DIM if tone is Tone.DIM else Tone.PLAIN))
    if has_usual:
        words = (
            ""
            if step.usual is None
            else f"usual {duration(step.usual.median_s)}, p95 {duration(step.usual.p95_s)}"
        )
        start = len(text)
        text += f"  {words[:USUAL_WIDTH].ljust(USUAL_WIDTH)}"
        found.append(Span(start, len(text), Tone.DIM))
    if bar.note:
        start = len(text)
        text += f" {bar.note}"
        found.append(Span(start, len(text), tone))
    return glyphs.cell(
        Cell(text.rstrip(), Tone.PLAIN, tuple(s for s in found if s.start < len(text.rstrip())))
    )


def _tone(step: Step) -> Tone:
    bar = step.bar
    if bar.kind == "broken":
        return Tone.BROKEN
    return Tone.WARN if bar.kind == "moving" or step.is_slow else Tone.DIM


def _drawn(step: Step, total: float, width: int, glyphs: Glyphs) -> tuple[str, list[Span]]:
    bar, usual = step.bar, step.usual
    start = min(width - 1, int(bar.start_s / total * width))
    eighths = max(1, round(bar.length_s / total * width * 8))
    whole, part = divmod(eighths, 8)
    full = glyphs.open_bar if bar.is_open else glyphs.bar
    text = full * whole
    if part and glyphs.bar_part and not bar.is_open:
        text += glyphs.bar_part[part - 1]
    elif part and (bar.is_open or not whole):
        text += full
    end = min(width, start + len(text))
    text = (" " * start + text)[:width].ljust(width)
    spans = [Span(start, end, _tone(step))]
    if usual is None:
        return text, spans
    limit = start + int(min(usual.p95_s, MAX_AXIS_S) / total * width)
    if step.is_slow and bar.kind == "well":
        # What is usual recedes: the eye goes to what is too much.
        spans = [Span(start, min(limit, end), Tone.DIM), Span(min(limit, end), end, Tone.WARN)]
    for seconds, sign in ((usual.p95_s, glyphs.limit), (usual.median_s, glyphs.tick)):
        at = start + int(min(seconds, MAX_AXIS_S) / total * width)
        if at < width:
            text = text[:at] + sign + text[at + 1 :]
            spans.append(Span(at, at + 1, Tone.PLAIN))
    return text, spans


# In words


def regression(fall: Waterfall, what: str = "this template") -> Cell:
    """What took longer than usual, in words; empty when nothing did or nothing is known.

    Args:
        fall: The start.
        what: Of what the usual figures are, such as `web`.
    """
    slow = sorted((s for s in fall.steps if s.is_slow), key=lambda s: -s.lost_s)
    if not slow:
        return Cell("")
    worst = slow[0]
    usual = worst.usual
    assert usual is not None  # it would not be slow
    verb = "has run for" if worst.bar.is_open else "took"
    times = worst.bar.length_s / usual.median_s if usual.median_s > 0 else 0.0
    factor = f", {times:.1f} times as long" if times >= SLOWER else ""
    text = (
        f"{worst.bar.label} {verb} {duration(worst.bar.length_s)}, usually {duration(usual.median_s)} "
        f"(p95 {duration(usual.p95_s)}, last {usual.samples} of {what}){factor}"
    )
    others = [s.bar.label for s in slow[1:3]]
    if others:
        text += f"; slower too: {', '.join(others)}"
    return Cell(text, Tone.WARN)


def total_words(fall: Waterfall) -> Cell:
    """The whole start: `2m10s, median 1m50s`."""
    if not fall.steps:
        return Cell("")
    is_open = any(s.bar.is_open for s in fall.steps)
    text = duration(fall.total_s) + ("…" if is_open else "")
    usual = fall.usual_s
    return Cell(text if usual is None else f"{text}  median {duration(usual)}", Tone.DIM)


# In one line


def short_bars(
    fall: Waterfall, glyphs: Glyphs = UNICODE, *, axis_s: float | None = None, room: int = 70
) -> Cell:
    """A start in one line: `queue ▏1s  plan ▎9s  apply ▌22s  connect ▍14s  scripts ██████ 38s ✗`.

    Without room for all steps the shortest are left out, and the whole is told.

    Args:
        fall: The start.
        glyphs: Set of signs.
        axis_s: Seconds that all bars together stand for; the whole start if None.
        room: Cells there are.
    """
    steps = _gathered(fall.steps)
    total = max(LEAST_AXIS_S, axis_s or 0.0, fall.total_s)
    for most in range(len(steps), 0, -1):
        kept = sorted(steps, key=_weight)[-most:]
        shown = [s for s in steps if s in kept]
        end = "" if most == len(steps) else f"  of {duration(fall.total_s)}"
        left = room - cell_width(_in_short(shown, 1.0, 0, glyphs).text) - len(end)
        if left >= 0 or most == 1:
            cell = _in_short(shown, total, max(0, min(left, SHORT_BARS)), glyphs)
            spans = (*cell.spans, Span(len(cell.text), len(cell.text + end), Tone.DIM))
            return glyphs.cell(Cell(cell.text + end, Tone.PLAIN, spans))
    return Cell("")


SHORT_BARS = 16


def _weight(step: Step) -> tuple[bool, float]:
    return (step.bar.kind == "broken" or step.bar.is_open or step.is_slow, step.bar.length_s)


def _in_short(steps: Sequence[Step], total: float, width: int, glyphs: Glyphs) -> Cell:
    text, spans = "", list[Span]()
    for step in steps:
        bar, tone = step.bar, _tone(step)
        text += "  " if text else ""
        start = len(text)
        text += f"{bar.label} "
        spans.append(Span(start, len(text), Tone.DIM))
        start = len(text)
        drawn = _short_bar(bar, total, width, glyphs)
        text += drawn if len(drawn) == 1 and drawn in glyphs.bar_part else f"{drawn} "
        text += duration(bar.length_s) + (glyphs.ellipsis if bar.is_open else "")
        text += f" {glyphs.broken}" if bar.kind == "broken" else ""
        spans.append(Span(start, len(text), tone))
    return Cell(text, Tone.PLAIN, tuple(spans))


def _short_bar(bar: Bar, total: float, width: int, glyphs: Glyphs) -> str:
    eighths = max(1, round(bar.length_s / total * width * 8))
    whole, part = divmod(eighths, 8)
    full = glyphs.open_bar if bar.is_open else glyphs.bar
    if part and glyphs.bar_part and not bar.is_open:
        return full * whole + glyphs.bar_part[part - 1]
    return full * max(1, whole)


def _gathered(steps: Sequence[Step]) -> list[Step]:
    """All scripts as one step, init and graph with the plan."""
    scripts = [s for s in steps if _is_script(s)]
    plans = [s for s in steps if s.bar.label in ("init", "plan", "graph")]
    gathered: list[Step] = []
    for step in steps:
        if step in plans:
            if step is plans[0]:
                gathered.append(_as_one("plan", plans))
        elif step in scripts:
            if step is scripts[0]:
                gathered.append(_as_one("scripts", scripts))
        else:
            gathered.append(step)
    return gathered


_WORSE: dict[Kind, int] = {"broken": 2, "moving": 1}


def _as_one(label: str, steps: Sequence[Step]) -> Step:
    start = min(s.bar.start_s for s in steps)
    end = max(s.bar.start_s + s.bar.length_s for s in steps)
    worst = max(steps, key=lambda s: _WORSE.get(s.bar.kind, 0))
    slow = next((s for s in steps if s.is_slow), None)
    merged = Bar(label, start, end - start, worst.bar.kind, is_open=any(s.bar.is_open for s in steps))
    if slow is not None and merged.kind == "well":
        merged = replace(merged, kind="moving")
    return Step(merged)
