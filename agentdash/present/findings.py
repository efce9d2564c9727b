"""Findings in words and cells: rows of the list, and below it everything about the one that is selected.

The list is worst first: a common cause is one row with counts on both sides, a finding that stands alone is a row too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agentdash.present.cells import EMPTY, MISSING, Cell, Span, Tone
from agentdash.present.glyphs import UNICODE, Glyphs
from agentdash.present.tables import LabelledFact
from agentdash.present.times import age, moment
from agentdash.triage.finding import (
    Confidence,
    Diagnosis,
    Evidence,
    Finding,
    Group,
    Severity,
    Subject,
    naming,
)
from agentdash.triage.precedence import rank
from agentdash.triage.verdict import Kind

LIFT_TOLD = 1.5
CANNOT = "cannot"
"""Key of the row that says what could not be judged."""
_NAMES = {
    "template_version": "template version",
    "agent_version": "agent version",
    "node": "node",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the list: a common cause, a finding, or what could not be judged.

    Attributes:
        key: Id of the group or of the finding.
        findings: What it stands for, the worst first; empty for what could not be judged.
        group: The common cause, if it is one.
        is_member: Shown below its group.
        aside: Why it is put aside, in a word; empty otherwise.
        also: Other findings of the same workspace or subject, which are told with it.
        untold: Reasons why rules could not be judged, each with their ids.
    """

    key: str
    findings: tuple[Finding, ...] = ()
    group: Group | None = None
    is_member: bool = False
    aside: str = ""
    also: tuple[Finding, ...] = ()
    untold: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def finding(self) -> Finding | None:
        """The finding, or the worst one of the group."""
        return self.findings[0] if self.findings else None

    @property
    def severity(self) -> Severity:
        """Of the worst finding."""
        return max((f.severity for f in self.findings), default=Severity.WELL)


def items_of(
    diagnosis: Diagnosis,
    *,
    matches: Callable[[Finding], bool] = lambda _: True,
    aside: Mapping[str, str] | None = None,
    unfolded: frozenset[str] | set[str] = frozenset(),
    show_aside: bool = False,
) -> tuple[Item, ...]:
    """The rows: groups and single findings worst first, then what was put aside, then what could not be judged.

    Args:
        diagnosis: What was found.
        matches: The filter.
        aside: Why findings are put aside, by their id.
        unfolded: Keys of groups (`group_key`) whose findings are shown one by one.
        show_aside: Whether what was put aside is shown, at the end.
    """
    aside = aside or {}
    homes: dict[str, list[Finding]] = {}
    for finding in diagnosis.findings:
        homes.setdefault(finding.subject.home, []).append(finding)
    wanted = [
        f
        for members in homes.values()
        for f in (next((m for m in members if m.primary), members[0]),)
        if any(map(matches, members))
    ]

    def item(finding: Finding, *, is_member: bool = False, why: str = "") -> Item:
        also = tuple(f for f in homes[finding.subject.home] if f is not finding)
        return Item(finding.id, (finding,), is_member=is_member, aside=why, also=also)

    shown = [f for f in wanted if f.id not in aside]
    by_group: dict[str, list[Finding]] = {}
    for finding in shown:
        by_group.setdefault(finding.group or "", []).append(finding)
    groups = {g.id: g for g in diagnosis.groups}
    blocks: list[tuple[Item, ...]] = []
    for group_id, members in by_group.items():
        group = groups.get(group_id)
        if group is None or len(members) < 2:
            blocks += [(item(f),) for f in members]
            continue
        key = group_key(group)
        below = tuple(item(f, is_member=True) for f in members) if key in unfolded else ()
        blocks.append((Item(key, tuple(members), group), *below))
    blocks.sort(key=lambda block: _order(block[0]))
    items = [one for block in blocks for one in block]
    if show_aside:
        items += [item(f, why=aside[f.id]) for f in wanted if f.id in aside]
    return (*items, *_cannot_know(diagnosis))


def _order(item: Item) -> tuple[int, int, int]:
    """Worst first; of equals what hits most, then what the engine put first."""
    finding = item.finding
    return (-item.severity, -len(item.findings), rank(finding.rule) if finding is not None else 0)


def group_key(group: Group) -> str:
    """Name of a group that outlives a refresh: its number does not."""
    return f"group:{group.cause}:{' '.join(f'{k}={v}' for k, v in sorted(group.shared.items()))}"


def _cannot_know(diagnosis: Diagnosis) -> tuple[Item, ...]:
    reasons: dict[str, list[str]] = {}
    for told in diagnosis.cannot_know:
        reasons.setdefault(told.why, []).append(told.rule)
    untold = tuple((why, tuple(sorted(set(rules)))) for why, rules in sorted(reasons.items()))
    return (Item(CANNOT, untold=untold),) if untold else ()


def need_a_person(items: Iterable[Item]) -> int:
    """How many rows are more than notes: the number beside the view's name."""
    return sum(item.severity >= Severity.DEGRADED and not item.is_member and not item.aside for item in items)


# Signs and tones


def severity_kind(severity: Severity) -> Kind:
    """Which sign a severity has."""
    if severity >= Severity.FAILED:
        return "broken"
    return {Severity.DEGRADED: "moving", Severity.NOTE: "off"}.get(severity, "well")  # type: ignore[return-value]


def severity_tone(severity: Severity) -> Tone:
    """Red for what is broken or will be, yellow for what is less than it should be; a note recedes."""
    if severity >= Severity.FAILED:
        return Tone.BROKEN
    return Tone.WARN if severity is Severity.DEGRADED else Tone.DIM


# Rows

COLUMNS = ("sign", "rule", "what", "where", "count", "since")


def subject_words(subject: Subject) -> str:
    """What a finding is about, in a few words."""
    if subject.kind == "deployment":
        return "the deployment"
    if subject.kind == "template" and subject.template:
        return f"template {subject.template}"
    if subject.kind in ("provisioner", "proxy"):
        return f"{subject.kind} {subject.title}"
    return subject.title


def item_cells(item: Item, now: datetime, glyphs: Glyphs = UNICODE) -> tuple[Cell, ...]:
    """Cells of a row, one for each of `COLUMNS`."""
    finding = item.finding
    if finding is None:
        count = str(len(_untold_rules(item)))
        words = _cannot_words(item)
        cells = (Cell(glyphs.unknown), EMPTY, Cell("cannot be judged"), Cell(words), Cell(count), EMPTY)
        return tuple(glyphs.cell(replace(c, tone=Tone.DIM)) for c in cells)
    tone = Tone.DIM if item.aside else severity_tone(item.severity)
    plain = Tone.DIM if item.aside or item.severity <= Severity.NOTE else Tone.PLAIN
    where = (
        Cell(_group_where(item.group), plain)
        if item.group is not None
        else Cell(subject_words(finding.subject), plain)
    )
    since = min((f.since for f in item.findings if f.since is not None), default=None)
    title = finding.title if not item.aside else f"{finding.title} ({item.aside})"
    cells = (
        Cell(glyphs.of(severity_kind(item.severity)), tone),
        Cell(f"{item.severity.label} {finding.rule}", tone, (Span(0, 3, Tone.DIM),)),
        Cell(_titled(title, finding), tone),
        where,
        Cell(f"×{len(item.findings)}" if item.group is not None else "", plain),
        age(since, now) if since is not None else MISSING,
    )
    return tuple(glyphs.cell(c) for c in cells)


def _titled(title: str, finding: Finding) -> str:
    text = naming(title, finding.suspect)
    return f"{text} ?" if finding.confidence is Confidence.LIKELY else text


def _group_where(group: Group | None) -> str:
    if group is None:
        return ""
    counts = f"{group.affected} of {group.affected_total}, else {group.others} of {group.others_total}"
    return f"{shared_words(group, most=1)}: {counts}"


def shared_words(group: Group, *, most: int = 3) -> str:
    """What a group shares: `web v31`, `node rack-2 and region Frankfurt`."""
    words = []
    for name, found in list(group.shared.items())[:most]:
        value = found
        if name == "template_version":
            # A version that repeats the template's name does so once.
            template, _, version = found.rpartition(" ")
            value = f"{template} {version.removeprefix(f'{template}-')}".strip()
        bare = name in ("template_version", "template") or (name == "preset" and "/" in value)
        words.append(value if bare else f"{_NAMES.get(name, name)} {value}")
    return " and ".join(words)


def group_words(group: Group) -> str:
    """A group in a sentence, with counts on both sides and the lift."""
    text = f"{group.affected} of {group.affected_total} that share {shared_words(group)}"
    if not group.others_total:
        return f"{text}; there are no others to compare with"
    text += f", {group.others} of {group.others_total} of the rest"
    if group.others and math.isfinite(group.lift) and group.lift >= LIFT_TOLD:
        text += f": {group.lift:.0f} times as often"
    return text


def group_in_short(group: Group) -> str:
    """A group in a few words: `same on 14 of 15 of web v31, 0 of 22 others`."""
    text = f"same on {group.affected} of {group.affected_total} of {shared_words(group, most=1)}"
    return f"{text}, {group.others} of {group.others_total} others" if group.others_total else text


# Details of the selected one


def item_title(item: Item, now: datetime, glyphs: Glyphs = UNICODE) -> Cell:
    """Sign, rule, title and subject."""
    finding = item.finding
    if finding is None:
        rules = len(_untold_rules(item))
        text = f"{glyphs.unknown} {rules} rule{'s' * (rules != 1)} cannot be judged"
        return glyphs.cell(Cell(text, Tone.DIM))
    sign = glyphs.of(severity_kind(item.severity))
    lead = f"{sign} {finding.rule} {_titled(finding.title, finding).removesuffix(' ?')}"
    where = f"{len(item.findings)} times" if item.group is not None else subject_words(finding.subject)
    words = [lead, where]
    if finding.since is not None:
        words.append(f"since {moment(finding.since, now)}")
    if finding.confidence is Confidence.LIKELY:
        words.append("likely")
    text = f" {glyphs.separator} ".join(words)
    return glyphs.cell(Cell(text, severity_tone(item.severity), (Span(len(lead), len(text), Tone.PLAIN),)))


def finding_title(finding: Finding, glyphs: Glyphs = UNICODE) -> str:
    """Rule, title and subject in a line: `S03 Install failed: exit 127 · ada/web › main`."""
    return glyphs.say(f"{finding.rule} {_titled(finding.title, finding)} · {subject_words(finding.subject)}")


def item_facts(
    item: Item,
    now: datetime,
    *,
    group: Group | None = None,
    glyphs: Glyphs = UNICODE,
    skip_steps: int = 0,
) -> tuple[LabelledFact, ...]:
    """Evidence in order of time, causes, next steps with their commands, consequences.

    Args:
        item: The row.
        now: Server time.
        group: The common cause of a single finding's row.
        glyphs: Set of signs.
        skip_steps: So many next steps stand elsewhere.
    """
    finding = item.finding
    if finding is None:
        facts = [
            LabelledFact("because" if at == 0 else "", Cell(why), Cell(" ".join(rules), Tone.DIM))
            for at, (why, rules) in enumerate(item.untold)
        ]
        return tuple(LabelledFact(f.label, glyphs.cell(f.value), f.extra) for f in facts)
    facts = []
    shared = item.group or group
    if shared is not None:
        facts.append(LabelledFact("shared", Cell(group_words(shared))))
    if item.group is not None:
        facts.append(LabelledFact("example", Cell(subject_words(finding.subject))))
    facts += [
        LabelledFact(moment(e.at, now), Cell(e.text), Cell(e.source, Tone.DIM)) for e in finding.evidence
    ]
    for at, cause in enumerate(finding.causes[:CAUSES_SHOWN]):
        facts.append(LabelledFact("because" if at == 0 else "or", Cell(cause, Tone.DIM)))
    for at, step in enumerate(finding.next[skip_steps:], skip_steps):
        facts.append(LabelledFact("next" if at == 0 else "then", Cell(step.text or step.command)))
        if step.command and step.text:
            facts.append(LabelledFact("", Cell(f"{' ' * COMMAND_INDENT}{step.command}", Tone.ACCENT)))
    facts += [
        LabelledFact("so" if at < len(finding.folded) else "also", Cell(_in_short(f), Tone.DIM))
        for at, f in enumerate((*finding.folded, *item.also))
    ]
    if item.group is not None:
        facts.append(LabelledFact("all", Cell(_subjects(item.findings), Tone.DIM)))
    if finding.reference:
        facts.append(LabelledFact("see", Cell(finding.reference, Tone.DIM)))
    return tuple(LabelledFact(glyphs.say(f.label), glyphs.cell(f.value), glyphs.cell(f.extra)) for f in facts)


UNTIMED_KEPT = 2


def telling(finding: Finding, most: int) -> tuple[Evidence, ...]:
    """The proofs to be shown where there is room for a few: the latest, and before all others what has a time."""
    timed = [e for e in finding.evidence if e.at is not None]
    untimed = [e for e in finding.evidence if e.at is None]
    beside = min(len(untimed), max(UNTIMED_KEPT, most - len(timed)))
    return (*timed[-max(0, most - beside) :], *untimed[:beside])[:most]


def next_cells(item: Item, glyphs: Glyphs = UNICODE) -> tuple[Cell, ...]:
    """The first next step and its command; nothing where there is none."""
    finding = item.finding
    step = finding.next[0] if finding is not None and finding.next else None
    if step is None:
        return ()
    words = f"next: {step.text or step.command}"
    cells = [Cell(words, Tone.PLAIN, (Span(0, 5, Tone.DIM),))]
    if step.command and step.text:
        cells.append(Cell(step.command, Tone.ACCENT))
    return tuple(glyphs.cell(c) for c in cells)


def _in_short(finding: Finding) -> str:
    return f"{finding.rule} {_titled(finding.title, finding)}"


CAUSES_SHOWN = 4
COMMAND_INDENT = 10
_SUBJECTS_SHOWN = 8


def _subjects(findings: Sequence[Finding]) -> str:
    names = list(dict.fromkeys(f.subject.workspace or subject_words(f.subject) for f in findings))
    rest = len(names) - _SUBJECTS_SHOWN
    return ", ".join(names[:_SUBJECTS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _untold_rules(item: Item) -> list[str]:
    return sorted({rule for _, rules in item.untold for rule in rules})


def _cannot_words(item: Item) -> str:
    """The reasons in short, each as far as its first colon."""
    return ", ".join(dict.fromkeys(why.partition(":")[0] for why, _ in item.untold))


def commands_of(item: Item) -> list[str]:
    """Commands that the findings advise first, each once."""
    commands = (next((s.command for s in f.next if s.command), "") for f in item.findings)
    return list(dict.fromkeys(c for c in commands if c))
