"""Columns of the fleet as data: titles, widths, what stands in a cell and what it is sorted by.

The healthy recede: a well row is dim throughout, a row under way keeps only its verdict's tone, and only a row that needs
a person is written in plain text (ui.md, Look).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from agentdash.present.builds import build_words
from agentdash.present.cells import MISSING, Cell, Span, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.shares import CPU, MEMORY, metadata_share, share_key
from agentdash.present.times import age, age_word, ago
from agentdash.state.model import Agent, Workspace
from agentdash.state.views import Row
from agentdash.triage.finding import Severity
from agentdash.triage.verdict import Verdict

NEWLY = timedelta(seconds=60)
"""How long the recovered are green."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a column's cell is made from: a row with its verdict at a moment (server time)."""

    row: Row
    verdict: Verdict
    now: datetime
    glyphs: Glyphs = UNICODE

    @property
    def workspace(self) -> Workspace:
        """The row's workspace."""
        return self.row.workspace

    @property
    def agent(self) -> Agent | None:
        """The row's agent, if it has one."""
        return self.row.agent


SortKey = Callable[[Workspace, Agent | None], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the fleet. Widths are terminal cells.

    Attributes:
        id: Name for sorting, settings and `:columns`.
        title: Heading.
        help: What stands in it, one sentence.
        cell: Makes the cell.
        sort_key: Value to sort by, None last; no key: by severity.
        width: Wanted width; None means `min_width` and what `flex` brings.
        min_width: Narrowest useful width; 0 means `width`.
        flex: Share of the room that is left over.
        align: Words left, numbers right.
        priority: Columns of the lowest priority vanish first.
        cut: Names are cut in the middle, sentences at the end.
        largest_first: Which way round the first press of the sort key sorts.
    """

    id: str
    title: str
    help: str
    cell: Callable[[Subject], Cell]
    sort_key: SortKey | None = None
    width: int | None = None
    min_width: int = 0
    flex: int = 0
    align: Literal["left", "right"] = "left"
    priority: int = 0
    cut: Literal["end", "middle"] = "end"
    largest_first: bool = False


# Verdict and name


def verdict_text(verdict: Verdict, now: datetime) -> str:
    """The verdict's line with its age: `starting 10m`, `lost connection 35m ago`."""
    text = verdict.text
    if verdict.since is not None and verdict.age_style == "ago":
        text = f"{text} {ago(verdict.since, now)}"
    elif verdict.since is not None and verdict.age_style == "for":
        word = age_word(verdict.since, now)
        text = text if word == "now" else f"{text} {word}"
    return f"{text} {verdict.note}" if verdict.note else text


def verdict_tone(verdict: Verdict, now: datetime) -> Tone:
    """What the verdict means in colour; well is grey, and green only while it is new."""
    if verdict.severity is Severity.WELL:
        is_new = verdict.kind == "well" and verdict.since is not None and now - verdict.since < NEWLY
        return Tone.WELL if is_new else Tone.DIM
    if verdict.kind in ("broken", "off") and verdict.severity >= Severity.DEGRADED:
        return Tone.BROKEN
    return Tone.PLAIN if verdict.kind == "unknown" else Tone.WARN


def row_tone(verdict: Verdict) -> Tone:
    """Tone of the cells beside the verdict."""
    return Tone.PLAIN if verdict.severity >= Severity.DEGRADED else Tone.DIM


def verdict_cell(verdict: Verdict, now: datetime, glyphs: Glyphs = UNICODE) -> Cell:
    """Sign and words of a verdict."""
    sign = glyphs.of(verdict.kind)
    return Cell(f"{sign} {glyphs.say(verdict_text(verdict, now))}", verdict_tone(verdict, now))


def agent_name(row: Row, glyphs: Glyphs = UNICODE) -> str:
    """`workspace › agent`, `workspace › parent/agent`; the workspace alone where there is no agent."""
    agent = row.agent
    if agent is None:
        return row.workspace.name
    name = f"{agent.parent_name}/{agent.name}" if agent.parent_name else agent.name
    return f"{row.workspace.name} {glyphs.into} {name}"


def _agent(s: Subject) -> Cell:
    text = agent_name(s.row, s.glyphs)
    if s.row.indent and s.agent is not None:
        # The parent stands above it: only the last name is new.
        return Cell(text, Tone.PLAIN, (Span(0, len(text) - len(s.agent.name) - 1, Tone.DIM),))
    return Cell(text)


# Cells of one fact


def _words(text: str) -> Cell:
    return Cell(text) if text else MISSING


def template_words(workspace: Workspace) -> tuple[str, str]:
    """Template and version; a version that repeats the template's name does so once (`web-v31` of `web` is `v31`)."""
    name, version = workspace.template_name, workspace.build.template_version_name
    rest = version.removeprefix(name)
    if name and rest and rest != version and rest[0] in "-_. @":
        version = rest[1:] or version
    return name, version


def _template(s: Subject) -> Cell:
    name, version = template_words(s.workspace)
    text = f"{name} {version}".strip()
    if not text:
        return MISSING
    return Cell(text, Tone.PLAIN, (Span(len(name), len(text), Tone.DIM),) if name and version else ())


def _lifecycle(s: Subject) -> Cell:
    return MISSING if s.agent is None else _words(s.agent.lifecycle)


def _status(s: Subject) -> Cell:
    return _words(s.workspace.build.status) if s.agent is None else _words(s.agent.status)


def _rtt(s: Subject) -> Cell:
    rtt = s.agent.rtt if s.agent is not None and s.agent.is_connected else None
    if rtt is None or not math.isfinite(rtt.ms):
        return MISSING
    return Cell(str(round(rtt.ms)) if rtt.ms >= 1 else "<1")


def last_seen(agent: Agent) -> datetime | None:
    """When the server last heard the agent, as it says."""
    times = [t for t in (agent.last_connected_at, agent.disconnected_at) if t is not None]
    return max(times, default=None)


def _seen(s: Subject) -> Cell:
    if s.agent is None:
        return MISSING
    if s.agent.is_connected and s.verdict.text != "silent":
        return Cell("now")
    return age(last_seen(s.agent), s.now)


def _build(s: Subject) -> Cell:
    build = s.workspace.build
    return Cell(build_words(build), Tone.PLAIN, (Span(0, len(f"#{build.number}"), Tone.DIM),))


def _used(s: Subject) -> Cell:
    return age(s.workspace.last_used_at, s.now)


def _os_arch(s: Subject) -> Cell:
    if s.agent is None:
        return MISSING
    return _words("/".join(word for word in (s.agent.operating_system, s.agent.architecture) if word))


def _version(s: Subject) -> Cell:
    return MISSING if s.agent is None else _words(short_version(s.agent.version))


def short_version(version: str) -> str:
    """A version without its build: `v2.36.1+1a2b3c4` is `v2.36.1`."""
    return version.split("+", 1)[0]


def _kind(s: Subject) -> Cell:
    words = []
    if s.workspace.is_prebuild:
        words.append("prebuild")
    if s.workspace.task_id:
        words.append("task")
    if s.workspace.outdated:
        words.append("outdated")
    if s.workspace.dormant_at is not None:
        words.append("dormant")
    return _words(" ".join(words))


def _text(read: Callable[[Workspace, Agent | None], str]) -> Callable[[Subject], Cell]:
    return lambda s: _words(read(s.workspace, s.agent))


def _by_agent(read: Callable[[Agent], Any]) -> SortKey:
    return lambda _, agent: None if agent is None else read(agent)


COLUMNS: dict[str, Column] = {
    column.id: column
    for column in (
        Column(
            "verdict", "  VERDICT", "What is wrong, worst first.", lambda s: verdict_cell(s.verdict, s.now, s.glyphs),
            width=34, min_width=18, flex=3, priority=100,
        ),
        Column(
            "agent", "AGENT", "Workspace and agent.", _agent, lambda w, a: (w.name, a.name if a else ""),
            width=20, min_width=14, flex=2, priority=90, cut="middle",
        ),
        Column(
            "owner", "OWNER", "Owner of the workspace.", _text(lambda w, _: w.owner_name), lambda w, _: w.owner_name,
            width=10, min_width=6, flex=1, priority=50, cut="middle",
        ),
        Column(
            "template", "TEMPLATE", "Template and its version.", _template,
            lambda w, _: template_words(w),
            width=12, min_width=8, flex=1, priority=60, cut="middle",
        ),
        Column(
            "lifecycle", "LIFECYCLE", "What the agent says it is doing.", _lifecycle, _by_agent(lambda a: a.lifecycle),
            width=12, min_width=9, priority=40,
        ),
        Column(
            "rtt", "RTT", "Milliseconds from the agent to its relay.", _rtt,
            _by_agent(lambda a: a.rtt.ms if a.rtt else None),
            width=4, align="right", priority=30, largest_first=True,
        ),
        Column(
            "seen", "SEEN", "When the server last heard the agent.", _seen, _by_agent(last_seen),
            width=4, align="right", priority=70, largest_first=True,
        ),
        Column(
            "cpu", "CPU", "Metadata of the template that is named like a processor's use.",
            lambda s: metadata_share(s.agent, CPU), share_key(CPU),
            width=5, align="right", priority=20, largest_first=True,
        ),
        Column(
            "memory", "MEM", "Metadata of the template that is named like memory in use.",
            lambda s: metadata_share(s.agent, MEMORY), share_key(MEMORY),
            width=5, align="right", priority=19, largest_first=True,
        ),
        Column(
            "status", "STATUS", "Connection of the agent, or the build of a workspace without agents.", _status,
            _by_agent(lambda a: a.status), width=12, min_width=9, priority=35,
        ),
        Column(
            "build", "BUILD", "Number, transition and status of the latest build.", _build,
            lambda w, _: w.build.number, width=18, min_width=10, priority=15, largest_first=True,
        ),
        Column(
            "used", "USED", "When the workspace was last used.", _used, lambda w, _: w.last_used_at,
            width=4, align="right", priority=14, largest_first=True,
        ),
        Column(
            "os", "OS/ARCH", "Operating system and architecture.", _os_arch, _by_agent(lambda a: a.operating_system),
            width=12, min_width=8, priority=10,
        ),
        Column(
            "version", "VERSION", "Version of the agent.", _version, _by_agent(lambda a: a.version),
            width=9, min_width=7, priority=16,
        ),
        Column(
            "org", "ORG", "Organization.", _text(lambda w, _: w.organization_name), lambda w, _: w.organization_name,
            width=10, min_width=6, priority=9, cut="middle",
        ),
        Column(
            "resource", "RESOURCE", "Resource the agent runs in.", _text(lambda _, a: a.resource_name if a else ""),
            _by_agent(lambda a: a.resource_name), width=12, min_width=6, priority=8, cut="middle",
        ),
        Column(
            "kind", "KIND", "Prebuild, task, outdated, dormant.", _kind,
            lambda w, _: (not w.is_prebuild, not w.outdated), width=9, min_width=8, priority=12,
        ),
    )
}  # fmt: skip
"""Every column by id, in the order of the column chooser."""

DEFAULT = ("verdict", "agent", "owner", "template", "lifecycle", "rtt", "seen", "cpu")
"""As drawn at 120 columns; what does not fit vanishes by priority."""
NARROW = ("verdict", "agent", "template", "seen")
"""At 80 columns and below."""


def columns_of(ids: Iterable[str]) -> tuple[Column, ...]:
    """Columns by id; ids that nobody knows, as from an old settings file, are passed over."""
    return tuple(COLUMNS[name] for name in ids if name in COLUMNS)


def default_columns(width: int) -> tuple[Column, ...]:
    """The set for a screen of so many cells."""
    return columns_of(DEFAULT if width >= 100 else NARROW)


def row_cells(
    row: Row, columns: Sequence[Column], verdict: Verdict, now: datetime, glyphs: Glyphs = UNICODE
) -> tuple[Cell, ...]:
    """The cells of one row.

    Args:
        row: Workspace and agent.
        columns: What to show.
        verdict: Judgement of the row.
        now: Server time.
        glyphs: Set of signs.
    """
    subject = Subject(row, verdict, now, glyphs)
    tone = row_tone(verdict)
    if row.workspace.agents_are_previous:
        tone = Tone.DIM
    cells = []
    for column in columns:
        cell = glyphs.cell(column.cell(subject))
        if column.id != "verdict" and tone is Tone.DIM:
            cell = Cell(cell.text, Tone.DIM) if cell.spans or cell.tone is not Tone.DIM else cell
        cells.append(cell)
    return tuple(cells)


def haystack(row: Row, verdict: Verdict, now: datetime) -> str:
    """Everything a person can read in the row, lower case, for plain words of the filter (`state/views.filtered`)."""
    workspace, agent = row.workspace, row.agent
    words = [
        verdict_text(verdict, now),
        verdict.suspect,
        workspace.full_name,
        agent_name(row),
        workspace.template_name,
        workspace.template_display_name,
        workspace.build.template_version_name,
        " ".join(template_words(workspace)),
        workspace.build.status,
        workspace.organization_name,
    ]
    if agent is not None:
        words += [
            agent.status,
            agent.lifecycle,
            agent.resource_name,
            agent.operating_system,
            agent.architecture,
        ]
        words += [agent.version, agent.health_reason]
    return " ".join(words).lower()
