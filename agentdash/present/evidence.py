"""The strip under the fleet: the verdict of the row under the cursor, its facts in order of time, the next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agentdash.present.cells import Cell, Span, Tone
from agentdash.present.columns import agent_name, verdict_text, verdict_tone
from agentdash.present.findings import group_in_short, telling
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.logline import last_line_of
from agentdash.present.nextstep import next_step
from agentdash.present.shares import first_line
from agentdash.present.times import moment
from agentdash.state.model import Agent, Transition
from agentdash.state.state import State
from agentdash.state.views import Row
from agentdash.triage.finding import Evidence as Proof
from agentdash.triage.finding import Group
from agentdash.triage.verdict import Verdict, failing_scripts, script_result

FACTS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the strip shows.

    Attributes:
        title: Sign, rule, verdict and subject.
        facts: What is known, oldest first.
        next: The next step in words; empty when nothing is to be done.
        command: The equal `coder` command, to be copied.
    """

    title: Cell
    facts: tuple[Cell, ...]
    next: Cell
    command: str


def evidence(
    state: State,
    row: Row,
    verdict: Verdict,
    now: datetime,
    *,
    group: Group | None = None,
    glyphs: Glyphs = UNICODE,
) -> Evidence:
    """Evidence of one row: the proof of what was found; where nothing was, what is known of it.

    Args:
        state: For the row's history and the log of the suspect.
        row: The row.
        verdict: Judgement of it.
        now: Server time.
        group: The common cause of what the verdict says.
        glyphs: Set of signs.
    """
    rule = f"{verdict.rule} " if verdict.rule else ""
    lead = f"{glyphs.of(verdict.kind)} {rule}{verdict_text(verdict, now)}"
    text = f"{lead} {glyphs.separator} {agent_name(row, glyphs)}"
    title = Cell(text, verdict_tone(verdict, now), (Span(len(lead), len(text), Tone.PLAIN),))
    if group is not None:
        text += f" {glyphs.separator} {group_in_short(group)}"
        title = Cell(text, title.tone, title.spans)
    step = next_step(row.workspace, verdict)
    found = verdict.finding
    if found is not None and found.evidence:
        facts = [_proof(proof, now) for proof in telling(found, FACTS_SHOWN)]
    else:
        facts = [*_timed_facts(state, row, now), *_untimed_facts(state, row, verdict)]
    said = Cell(f"next: {step.text}", Tone.PLAIN, (Span(0, 5, Tone.DIM),)) if step.text else Cell("")
    return Evidence(glyphs.cell(title), tuple(glyphs.cell(f) for f in facts), glyphs.cell(said), step.command)


def _proof(proof: Proof, now: datetime) -> Cell:
    if proof.at is None:
        return Cell(proof.text)
    time = moment(proof.at, now)
    return Cell(f"{time} {proof.text}", Tone.PLAIN, (Span(0, len(time), Tone.DIM),))


def _timed_facts(state: State, row: Row, now: datetime) -> list[Cell]:
    """Facts by the server's clock, oldest first, each time told once."""
    found: dict[tuple[datetime, str], None] = {}
    agent, build = row.agent, row.workspace.build
    if agent is None or row.workspace.agents_are_previous:
        job = build.job
        steps = [(job.created_at, f"build {build.number} queued"), (job.started_at, "started")]
        steps += [(job.canceled_at, "cancelled"), (job.completed_at, job.status)]
        found.update({(at, what): None for at, what in steps if at is not None})
    else:
        steps = [(agent.first_connected_at, "connected")]
        if agent.status != "connected":
            steps += [(agent.disconnected_at, "disconnected")]
            if agent.first_connected_at is None:
                steps += [(agent.created_at, "agent created")]
        for app in agent.apps:
            for status in app.statuses[:1]:
                words = f"{app.name or app.slug} {status.state}: {status.message}".rstrip(": ")
                steps.append((status.created_at, words))
        found.update({(at, what): None for at, what in steps if at is not None})
        for change in state.history.get(row.key, ()):
            found[change.at, change_words(change, agent)] = None
    ordered = sorted(found, key=lambda fact: fact[0])[-FACTS_SHOWN:]
    cells = []
    for at, what in ordered:
        time = moment(at, now)
        cells.append(Cell(f"{time} {what}", Tone.PLAIN, (Span(0, len(time), Tone.DIM),)))
    return cells


def change_words(change: Transition, agent: Agent | None = None) -> str:
    """A change in words: `lifecycle start_error`, `install-deps exit 127`."""
    kind, _, name = change.what.partition(":")
    if kind == "script":
        script = next((s for s in agent.scripts if s.name == name), None) if agent is not None else None
        result = script_result(script) if script is not None and script.status == change.new else change.new
        return f"{name} {result}".strip()
    if kind == "app":
        return f"{name} {change.new}"
    if kind == "agent":
        return "new agent of a new build"
    if kind == "owner":
        return f"claimed by {change.new}"
    return f"{change.what} {change.new}".strip() if kind != "status" else change.new


def _untimed_facts(state: State, row: Row, verdict: Verdict) -> list[Cell]:
    """What carries no time: script results, the server's own reason, the last line of the suspect's log."""
    agent, build = row.agent, row.workspace.build
    cells = []
    if agent is None:
        error = first_line(build.job.error)
        if error and error not in verdict.text:
            cells.append(Cell(error))
        return cells
    told = {change.what for change in state.history.get(row.key, ())}
    for script in failing_scripts(agent):
        words = f"{script.name} {script_result(script)}"
        if f"script:{script.name}" not in told and not verdict.text.startswith(words):
            cells.append(Cell(words))
    if agent.healthy is False and agent.health_reason:
        cells.append(Cell(f"server says: {agent.health_reason}", Tone.PLAIN, (Span(0, 12, Tone.DIM),)))
    suspect = next((s for s in agent.scripts if s.name == verdict.suspect), None)
    if suspect is not None:
        line = last_line_of(state.logs.get(agent.id), suspect.source_id)
        if line is not None:
            cells.append(Cell(f"log: {line.text}", Tone.PLAIN, (Span(0, 4, Tone.DIM),)))
    return cells
