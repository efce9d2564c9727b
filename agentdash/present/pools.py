"""Prebuild pools: one row a preset with why nobody can claim one, and a line for each instance below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from agentdash.present.cells import EMPTY, MISSING, UNKNOWN, Cell, Tone, joined
from agentdash.present.findings import severity_tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.tables import Head, sign_head
from agentdash.present.times import age, age_word, duration
from agentdash.present.waterfall import Waterfall, short_bars, waterfall
from agentdash.state.model import Agent, Timings, Workspace
from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.claims import Claim
from agentdash.triage.clock import age_s
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Diagnosis, Finding, Severity, naming
from agentdash.triage.pools import Pool, has_failed_start, is_running, is_starting
from agentdash.triage.verdict import Kind

POOL_HEADS = (
    sign_head(),
    Head("preset", "PRESET", width=19, min_width=12, flex=1, priority=100, cut="middle"),
    Head("desired", "DESIRED", width=7, align="right", priority=80),
    Head("running", "RUNNING", width=7, align="right", priority=70),
    Head("claimable", "CLAIMABLE", width=9, align="right", priority=90),
    Head("starting", "STARTING", width=8, align="right", priority=50),
    Head("queued", "QUEUED", width=6, align="right", priority=30),
    Head("failed", "FAILED", width=6, align="right", priority=60),
    Head("claim", "LAST CLAIM", width=10, align="right", priority=20),
    Head("why", "WHY", min_width=16, flex=5, priority=95),
)
INSTANCE_HEADS = (
    sign_head(),
    Head("name", "INSTANCE", width=16, min_width=10, flex=1, priority=100, cut="middle"),
    Head("age", "AGE", width=4, align="right", priority=60),
    Head("what", "STATE", width=22, min_width=12, flex=1, priority=90),
    Head("bars", "START", width=64, min_width=16, flex=4, priority=70),
)


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool with what was found about it.

    Attributes:
        pool: The pool.
        kind: How it is.
        severity: Of the worst finding about it or its instances.
        why: The one cause, in words; empty when nothing is wrong.
        findings: Findings about the pool and its instances, the worst first.
        last_claim: When one was claimed last, as far as is known.
    """

    pool: Pool
    kind: Kind
    severity: Severity
    why: str
    findings: tuple[Finding, ...]
    last_claim: datetime | None

    @property
    def key(self) -> str:
        """Name of the row."""
        return self.pool.preset_id

    @property
    def name(self) -> str:
        """`template / preset`, with the version where it is an old one."""
        pool = self.pool
        text = f"{pool.template_name or '?'} / {pool.name}"
        return text if pool.is_active or not pool.version_name else f"{text} ({pool.version_name})"


def pool_views(facts: Facts, diagnosis: Diagnosis, now: datetime) -> tuple[PoolView, ...]:
    """All pools, those nobody can claim from first.

    Args:
        facts: What was judged.
        diagnosis: What was found.
        now: Server time.
    """
    found: dict[str, list[Finding]] = {}
    for finding in diagnosis.findings:
        subject = finding.subject
        found.setdefault(subject.workspace_id or subject.id, []).append(finding)
    stopped = next((f for f in diagnosis.findings if f.rule in ("P01", "P02")), None)
    views = [_view(facts, pool, found, stopped=stopped, now=now) for pool in facts.pools if _is_shown(pool)]
    views.sort(key=lambda v: (_RANK.get(v.kind, 3), -v.severity, v.name, v.key))
    return tuple(views)


_RANK: dict[Kind, int] = {"broken": 0, "moving": 1, "unknown": 1, "well": 2, "off": 3}


def _is_shown(pool: Pool) -> bool:
    return bool(pool.prebuilds) or (pool.is_active and bool(pool.desired))


def _view(
    facts: Facts, pool: Pool, found: dict[str, list[Finding]], *, stopped: Finding | None, now: datetime
) -> PoolView:
    own = found.get(pool.preset_id, [])
    theirs = [f for w in pool.prebuilds for f in found.get(w.id, [])]
    findings = tuple(sorted((*own, *theirs), key=lambda f: (-f.severity, not f.primary, f not in own)))
    worst = max((f.severity for f in findings), default=Severity.WELL)
    why = _why(facts, pool, own, theirs=theirs, now=now)
    kind = _kind(pool, worst)
    if stopped is not None and (pool.desired or 0) > len(pool.claimable):
        why = f"{stopped.title}  {stopped.rule}"
        kind = "broken"
    return PoolView(pool, kind, worst, why, findings, last_claim(facts, pool))


def _kind(pool: Pool, worst: Severity) -> Kind:
    if not pool.is_active:
        return "moving" if pool.prebuilds else "off"
    if pool.desired is None:
        return "unknown"
    if not pool.desired:
        return "off"
    if pool.claimable:
        return "moving" if len(pool.claimable) < pool.desired or worst >= Severity.FAILED else "well"
    return "moving" if pool.starting and worst < Severity.FAILED else "broken"


def _why(facts: Facts, pool: Pool, own: list[Finding], *, theirs: list[Finding], now: datetime) -> str:
    primary = [f for f in theirs if f.primary and f.severity >= Severity.DEGRADED] or theirs
    stuck = ""
    if pool.running and not pool.claimable:
        stuck = f"{len(pool.running)} running, none claimable"
    if own:
        worst = max(own, key=lambda f: f.severity)
        if worst.severity >= Severity.DEGRADED or not primary:
            return ": ".join(part for part in (stuck, f"{worst.title}  {worst.rule}") if part)
    if primary:
        (rule, cause), count = Counter((f.rule, f.cause) for f in primary).most_common(1)[0]
        example = next(f for f in primary if (f.rule, f.cause) == (rule, cause))
        return ": ".join(part for part in (stuck, _cause_words(example, count)) if part)
    if pool.starting:
        return f"filling{_ready_in(facts, pool, now)}"
    if not pool.is_active and pool.prebuilds:
        return "of an old version"
    short = (pool.desired or 0) - len(pool.running)
    if short > 0:
        return f"{short} short"
    waiting = len(pool.running) - len(pool.claimable)
    return f"{waiting} not ready yet" if waiting > 0 else ""


def _cause_words(finding: Finding, count: int) -> str:
    what = _cause_title(finding)
    return f"{what}  {finding.rule} ×{count}" if count > 1 else f"{what}  {finding.rule}"


def _cause_title(finding: Finding) -> str:
    entry = CATALOGUE.get(finding.cause)
    title = finding.title if entry is None or finding.cause == finding.rule else entry.title
    what = f"{finding.suspect} fails" if finding.suspect and finding.cause in _FAILS else title
    return naming(what, finding.suspect)


_FAILS = frozenset({"S02", "S03", "S04", "D02"})


def _ready_in(facts: Facts, pool: Pool, now: datetime) -> str:
    """`, next ready in about 2m`, by what this template usually takes; empty if that is not known."""
    left = []
    for workspace in pool.starting:
        usual = [
            figures.median_s
            for step in _usual_steps(facts, pool)
            if (figures := facts.baseline.of(workspace, step)) is not None
        ]
        age = age_s(workspace.build.job.created_at, now)
        if usual and age is not None:
            left.append(sum(usual) - age)
    if not left:
        return ""
    soonest = min(left)
    return (
        f", next ready in about {duration(max(10.0, round(soonest, -1)))}"
        if soonest > 0
        else ", later than usual"
    )


def _usual_steps(facts: Facts, pool: Pool) -> list[str]:
    names = {step for scope, step in facts.baseline.figures if scope in (pool.version_id, pool.template_id)}
    return sorted(n for n in names if n in ("queue", "build") or n.startswith(("connect:", "ready:")))


def last_claim(facts: Facts, pool: Pool) -> datetime | None:
    """When an instance of this preset, in any version of the template, was claimed last; None if that is not known."""
    presets = {pool.preset_id}
    if pool.preset is not None:
        presets |= {
            p.id
            for fact in facts.deployment.presets.values()
            for p in fact.value or ()
            if p.name == pool.name and _template_of(facts, p.version_id) == pool.template_id
        }
    times = []
    for workspace in facts.state.workspaces.values():
        if workspace.is_prebuild or workspace.build.preset_id not in presets:
            continue
        claim = facts.claim(workspace)
        if isinstance(claim, Claim) and claim.at is not None:
            times.append(claim.at)
    return max(times, default=None)


def _template_of(facts: Facts, version_id: str) -> str:
    version = facts.version(version_id)
    return "" if version is None else version.template_id


def unhealthy(views: Iterable[PoolView]) -> int:
    """How many pools nobody can claim from, or will soon: the number beside the view's name."""
    return sum(view.kind == "broken" or view.severity >= Severity.FAILED for view in views)


# Rows


def pool_cells(view: PoolView, now: datetime, glyphs: Glyphs = UNICODE) -> tuple[Cell, ...]:
    """Cells of a preset's row, one for each of `POOL_HEADS`."""
    pool = view.pool
    tone = _tone(view)
    plain = Tone.DIM if view.kind in ("well", "off") else Tone.PLAIN
    desired = Cell(str(pool.desired), plain) if pool.desired is not None else UNKNOWN
    claimable = len(pool.claimable)
    is_dry = bool(pool.desired) and claimable == 0
    cells = (
        Cell(glyphs.of(view.kind), tone),
        Cell(view.name, plain),
        desired,
        _number(len(pool.running), plain),
        Cell(str(claimable), tone if is_dry else plain),
        _number(len(pool.starting), plain),
        _number(len(pool.queued), plain),
        _number(len(pool.failed), plain),
        age(view.last_claim, now) if view.last_claim is not None else MISSING,
        Cell(view.why, tone if view.kind != "well" else Tone.DIM) if view.why else MISSING,
    )
    return tuple(glyphs.cell(c) for c in cells)


def _number(count: int, tone: Tone) -> Cell:
    return Cell(str(count), tone if count else Tone.DIM)


def _tone(view: PoolView) -> Tone:
    return {"broken": Tone.BROKEN, "moving": Tone.WARN}.get(view.kind, Tone.DIM)


def signs(view: PoolView, glyphs: Glyphs = UNICODE) -> Cell:
    """A pool as one sign an instance: `●●◐✗·`, missing ones as dots."""
    pool = view.pool
    text = "".join(glyphs.of(instance_kind(view, w)) for w in pool.prebuilds)
    missing = max(0, (pool.desired or 0) - sum(is_running(w) or is_starting(w) for w in pool.prebuilds))
    return Cell(text + glyphs.empty_slot * missing, _tone(view))


def instance_kind(view: PoolView, workspace: Workspace) -> Kind:
    """How one instance is: claimable, under way, broken, or off."""
    if workspace in view.pool.claimable:
        lost = any(
            f.subject.workspace_id == workspace.id and f.severity >= Severity.FAILED for f in view.findings
        )
        return "broken" if lost else "well"
    if has_failed_start(workspace):
        return "broken"
    worst = max((f.severity for f in view.findings if f.subject.workspace_id == workspace.id), default=0)
    if is_starting(workspace) or is_running(workspace):
        return "broken" if worst >= Severity.FAILED else "moving"
    return "broken" if worst >= Severity.FAILED else "off"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a pool with its start."""

    workspace: Workspace
    agent: Agent | None
    kind: Kind
    what: Cell
    fall: Waterfall

    @property
    def key(self) -> str:
        """Row key in the fleet: of its agent, else of the workspace."""
        return self.workspace.id if self.agent is None else self.agent.key


def instances(facts: Facts, view: PoolView, now: datetime) -> tuple[Instance, ...]:
    """The instances of a pool, the broken first, then those under way."""
    made = [_instance(facts, view, workspace, now) for workspace in view.pool.prebuilds]
    return tuple(sorted(made, key=lambda i: (_RANK.get(i.kind, 3), i.workspace.name)))


def _instance(facts: Facts, view: PoolView, workspace: Workspace, now: datetime) -> Instance:
    agent = _first_agent(workspace)
    kind = instance_kind(view, workspace)
    finding = next((f for f in view.findings if f.subject.workspace_id == workspace.id), None)
    if finding is not None and finding.severity >= Severity.NOTE and kind != "well":
        what = Cell(f"{finding.rule} {_cause_title(finding)}", severity_tone(finding.severity))
    else:
        what = Cell(_state_words(workspace, agent, kind), Tone.WARN if kind == "moving" else Tone.DIM)
    fall = waterfall(
        workspace,
        agent,
        timings_of(facts, workspace, agent),
        facts.baseline,
        now,
        history=facts.history(agent.key) if agent is not None else (),
    )
    return Instance(workspace, agent, kind, what, fall)


def _first_agent(workspace: Workspace) -> Agent | None:
    roots = [a for a in workspace.agents if a.parent_id is None]
    return next((a for a in roots if a.lifecycle != "ready"), roots[0] if roots else None)


def _state_words(workspace: Workspace, agent: Agent | None, kind: Kind) -> str:
    if kind == "well":
        return "claimable"
    if workspace.build.job.status == "pending":
        return "queued"
    if workspace.build.is_active or agent is None or workspace.build.status != "running":
        return workspace.build.status
    return agent.lifecycle if agent.status == "connected" else agent.status


def timings_of(facts: Facts, workspace: Workspace, agent: Agent | None) -> Timings | None:
    """Timings of a workspace's build, if they were read for triage or for its agent's pane."""
    fact = facts.deployment.timings.get(workspace.build.id)
    if fact is not None and fact.value is not None:
        return fact.value
    detail = None if agent is None else facts.state.details.get(agent.id)
    found = None if detail is None else detail.timings.value
    return found if found is not None and found.build_id in ("", workspace.build.id) else None


def instance_cells(
    instance: Instance,
    now: datetime,
    glyphs: Glyphs = UNICODE,
    *,
    axis_s: float | None = None,
    room: int = 70,
) -> tuple[Cell, ...]:
    """Cells of an instance's row, one for each of `INSTANCE_HEADS`."""
    tone = {"broken": Tone.BROKEN, "moving": Tone.WARN}.get(instance.kind, Tone.DIM)
    created = instance.workspace.created_at
    cells = (
        Cell(glyphs.of(instance.kind), tone),
        Cell(instance.workspace.name, Tone.DIM if instance.kind == "well" else Tone.PLAIN),
        Cell(age_word(created, now), Tone.DIM) if created is not None else MISSING,
        instance.what,
        short_bars(instance.fall, glyphs, axis_s=axis_s, room=room) if instance.fall.steps else EMPTY,
    )
    return tuple(glyphs.cell(c) for c in cells)


def pool_title(view: PoolView, glyphs: Glyphs = UNICODE) -> Cell:
    """What stands above the instances: name, one sign an instance, the cause."""
    return glyphs.cell(joined(Cell(view.name), signs(view, glyphs), Cell(view.why, _tone(view)), gap="  "))
