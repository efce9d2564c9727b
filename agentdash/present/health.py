"""Pane 1, Health: the verdict, the times behind it, versions and warnings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from agentdash.present.builds import build_words
from agentdash.present.cells import EMPTY, MISSING, Cell, Span, Tone
from agentdash.present.columns import last_seen, short_version, template_words, verdict_cell
from agentdash.present.findings import group_in_short, severity_tone, telling
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.tables import LabelledFact
from agentdash.present.times import age_word, ago, duration, moment
from agentdash.state.model import Agent, Server, Transition, Workspace
from agentdash.triage.finding import Finding, Group
from agentdash.triage.verdict import Verdict, effective_status

PROOFS_SHOWN = 4
SLOW_MS, BAD_MS = 150, 300
"""Round trips above which Coder's own page turns yellow and red."""


def health_facts(
    workspace: Workspace,
    agent: Agent,
    verdict: Verdict,
    now: datetime,
    *,
    server: Server | None = None,
    history: Sequence[Transition] = (),
    findings: Sequence[Finding] = (),
    group: Group | None = None,
    glyphs: Glyphs = UNICODE,
) -> tuple[LabelledFact, ...]:
    """Facts of the Health pane, the most telling first.

    Args:
        workspace: Its workspace.
        agent: The agent.
        verdict: Judgement of it.
        now: Server time.
        server: For comparing versions.
        history: Transitions of the row.
        findings: All that the diagnosis found about it.
        group: The common cause of what the verdict says.
        glyphs: Set of signs.
    """
    facts = [
        LabelledFact(
            "", verdict_cell(verdict, now, glyphs), Cell(verdict.rule, Tone.DIM) if verdict.rule else EMPTY
        ),
        *_next(verdict),
        LabelledFact("status", _status(agent, now, history)),
        LabelledFact("lifecycle", Cell(agent.lifecycle) if agent.lifecycle else MISSING),
        LabelledFact("seen", _seen(agent, now)),
        *_proof(verdict, group, now),
        *_also(verdict, findings),
        LabelledFact("timeline", _timeline(agent, now)),
        LabelledFact("build", _build(workspace)),
        LabelledFact("version", _version(agent, server)),
    ]
    if agent.health_reason and agent.healthy is False:
        at = next(i for i, fact in enumerate(facts) if fact.label == "seen")
        facts.insert(at, LabelledFact("server says", Cell(agent.health_reason)))
    if agent.first_connected_at is None and agent.connection_timeout_s > 0:
        facts.append(LabelledFact("time limit", _countdown(agent, now)))
    if workspace.build.deadline is not None:
        facts.append(LabelledFact("stops at", Cell(moment(workspace.build.deadline, now))))
    directory = agent.expanded_directory or agent.directory
    if directory:
        facts.append(LabelledFact("directory", Cell(directory)))
    if agent.subsystems:
        facts.append(LabelledFact("subsystems", Cell(" ".join(agent.subsystems))))
    if agent.troubleshooting_url and (verdict.severity or agent.healthy is False):
        facts.append(LabelledFact("help", Cell(agent.troubleshooting_url, Tone.ACCENT)))
    facts += [LabelledFact("note", Cell(text, Tone.WARN)) for text in warnings(workspace, agent)]
    return tuple(LabelledFact(f.label, glyphs.cell(f.value), glyphs.cell(f.extra)) for f in facts)


def _next(verdict: Verdict) -> Iterator[LabelledFact]:
    for step in () if verdict.finding is None else verdict.finding.next[:1]:
        yield LabelledFact("next", Cell(step.text or step.command))
        if step.command and step.text:
            yield LabelledFact("run", Cell(step.command, Tone.ACCENT))


def _proof(verdict: Verdict, group: Group | None, now: datetime) -> Iterator[LabelledFact]:
    spoken = verdict.finding
    if spoken is None:
        return
    for proof in telling(spoken, PROOFS_SHOWN):
        yield LabelledFact("proof" if proof.at is None else moment(proof.at, now), Cell(proof.text))
    if group is not None:
        yield LabelledFact("shared", Cell(group_in_short(group)))


def _also(verdict: Verdict, findings: Sequence[Finding]) -> Iterator[LabelledFact]:
    """What else was found, consequences apart."""
    spoken = verdict.finding
    for finding in findings:
        if finding is not spoken and (spoken is None or finding not in spoken.folded):
            text = f"{finding.rule} {finding.title}"
            yield LabelledFact("also", Cell(text, severity_tone(finding.severity)))


def warnings(workspace: Workspace, agent: Agent) -> tuple[str, ...]:
    """What a person should know before trusting the rest."""
    found = []
    if workspace.agents_are_previous:
        found.append(f"agent of the build before: build {workspace.build.number} is {workspace.build.status}")
    if agent.logs_overflowed:
        found.append("log limit of 1 MiB reached: no more lines arrive")
    if workspace.outdated:
        found.append("template has a newer version")
    if workspace.dormant_at is not None:
        found.append("workspace is dormant")
    if agent.startup_script_behavior == "blocking" and agent.lifecycle == "starting":
        found.append("logins wait for the start scripts")
    return tuple(found)


def _status(agent: Agent, now: datetime, history: Sequence[Transition]) -> Cell:
    status = effective_status(agent, now)
    since = next((c.at for c in reversed(history) if c.what == "status" and c.new == status), None)
    if since is None:
        since = {
            "connecting": agent.created_at,
            "timeout": agent.created_at,
            "disconnected": agent.disconnected_at or agent.last_connected_at,
        }.get(status, agent.first_connected_at if agent.disconnected_at is None else None)
    if not status:
        return MISSING
    if since is None:
        return Cell(status)
    text = f"{status}  since {moment(since, now)}"
    return Cell(text, Tone.PLAIN, (Span(len(status), len(text), Tone.DIM),))


def _seen(agent: Agent, now: datetime) -> Cell:
    at = last_seen(agent)
    seen = "now" if agent.is_connected else ("never" if at is None else ago(at, now))
    rtt = rtt_words(agent)
    return Cell(f"{seen}   {rtt}" if rtt else seen)


def rtt_words(agent: Agent) -> str:
    """`RTT 34 ms via DERP fra`; empty where the agent has reported none, or is not there."""
    rtt = agent.rtt if agent.is_connected else None
    if rtt is None or not math.isfinite(rtt.ms):
        return ""
    return f"RTT {rtt.ms:.0f} ms via DERP {rtt.region}" if rtt.ms >= 1 else f"RTT <1 ms via DERP {rtt.region}"


def latency_tone(ms: float) -> Tone:
    """Yellow above 150 ms; red is for what is broken, and a slow line is not."""
    return Tone.WARN if ms > SLOW_MS else Tone.PLAIN


def _timeline(agent: Agent, now: datetime) -> Cell:
    steps = [
        ("created", agent.created_at),
        ("connected", agent.first_connected_at),
        ("started", agent.started_at),
        (
            "ready" if agent.lifecycle in ("ready", "shutting_down", "off") else "scripts ended",
            agent.ready_at,
        ),
    ]
    words = [f"{name} {moment(at, now)}" for name, at in steps if at is not None]
    return Cell("  ".join(words), Tone.DIM) if words else MISSING


def _build(workspace: Workspace) -> Cell:
    build = workspace.build
    text = build_words(build)
    who = f" by {build.initiator_name}" if build.initiator_name else ""
    reason = f" ({build.reason})" if build.reason and build.reason != "initiator" else ""
    template = f"  {' '.join(template_words(workspace))}".rstrip()
    return Cell(
        text + template + who + reason,
        Tone.PLAIN,
        (Span(len(text), len(text + template + who + reason), Tone.DIM),),
    )


def _version(agent: Agent, server: Server | None) -> Cell:
    if not agent.version:
        return MISSING
    version = short_version(agent.version)
    ours = short_version(server.version) if server is not None else ""
    if ours and version != ours:
        text = f"{version}  server {ours}"
        return Cell(text, Tone.PLAIN, (Span(len(version), len(text), Tone.WARN),))
    return Cell(version)


def _countdown(agent: Agent, now: datetime) -> Cell:
    limit = f"connects within {duration(agent.connection_timeout_s)}"
    if agent.created_at is None:
        return Cell(limit)
    late = now - agent.created_at - timedelta(seconds=min(agent.connection_timeout_s, 10**9))
    if late > timedelta():
        return Cell(f"{limit}: passed {age_word(now - late, now)} ago", Tone.WARN)
    return Cell(limit)
