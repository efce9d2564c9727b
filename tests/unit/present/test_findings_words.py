"""Rows of findings: groups, order, filter, what is put aside, what cannot be judged; and the facts below them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from immutables import Map

from agentdash.present.cells import Tone
from agentdash.present.finding_filter import matcher, query_of_finding, query_of_group
from agentdash.present.findings import (
    CANNOT,
    commands_of,
    finding_title,
    group_key,
    group_words,
    item_cells,
    item_facts,
    item_title,
    items_of,
    need_a_person,
    next_cells,
    severity_kind,
)
from agentdash.present.glyphs import ASCII
from agentdash.state.query import parse
from agentdash.state.state import State
from agentdash.triage.finding import (
    CannotKnow,
    Confidence,
    Diagnosis,
    Evidence,
    Finding,
    Group,
    Severity,
    Step,
    Subject,
)
from tests.unit.model_factory import NOW, before, make_agent, make_workspace


def subject(number: int = 1, **fields: Any) -> Subject:
    values: dict[str, Any] = {
        "workspace": f"ada/web-{number}",
        "agent": "main",
        "template": "web",
        "workspace_id": f"w{number}",
    }
    return Subject("agent", f"w{number}/main", **(values | fields))


def finding(number: int = 1, rule: str = "S03", **fields: Any) -> Finding:
    values: dict[str, Any] = {
        "severity": Severity.FAILED,
        "confidence": Confidence.CERTAIN,
        "subject": subject(number),
        "since": before(2280),
        "cause": rule,
        "primary": True,
        "suspect": "install-deps",
        "evidence": (
            Evidence(before(2300), "connected", "agent.first_connected_at"),
            Evidence(before(2280), "npm: not found", "log: install-deps"),
            Evidence(None, "exit 127", "agent.scripts.status"),
        ),
        "causes": ("a program is missing",),
        "next": (Step("correct it", f"coder ssh ada/web-{number}.main"), Step("or restart")),
    }
    return Finding(rule=rule, title="Start script failed", **(values | fields))


GROUP = Group(
    "g1",
    "S03",
    Map({"template_version": "web v31"}),
    14,
    15,
    0,
    22,
    30.0,
    tuple(finding(n).id for n in (1, 2, 3)),
)
GROUPED = tuple(finding(n, group="g1") for n in (1, 2, 3))


def test_a_group_is_one_row_until_it_is_unfolded() -> None:
    diagnosis = Diagnosis(NOW, GROUPED, (GROUP,))
    (row,) = items_of(diagnosis)
    assert (row.key, len(row.findings)) == (group_key(GROUP), 3)
    rows = items_of(diagnosis, unfolded={row.key})
    assert [r.is_member for r in rows] == [False, True, True, True]
    assert len({r.key for r in rows}) == 4


def test_the_key_of_a_group_outlives_its_number() -> None:
    assert group_key(GROUP) == group_key(replace(GROUP, id="g7", affected=2))


def test_worst_first_and_of_equals_what_hits_most() -> None:
    alone = finding(9, "A05", severity=Severity.FAILED)
    worst = finding(8, "B01", severity=Severity.UNUSABLE)
    note = finding(7, "R04", severity=Severity.NOTE)
    rows = items_of(Diagnosis(NOW, (note, alone, *GROUPED, worst), (GROUP,)))
    assert [r.finding.rule for r in rows if r.finding] == ["B01", "S03", "A05", "R04"]
    assert need_a_person(rows) == 3


def test_one_row_a_workspace_and_the_others_beside_it() -> None:
    second = finding(1, "W01", primary=False, suspect="code", severity=Severity.DEGRADED)
    (row,) = items_of(Diagnosis(NOW, (finding(1), second)))
    assert row.also == (second,)
    assert ("also", "W01 Start script failed: code") in [
        (f.label, f.value.text) for f in item_facts(row, NOW)
    ]


def test_consequences_stand_with_their_cause() -> None:
    effect = finding(1, "W03", suspect="code")
    (row,) = items_of(Diagnosis(NOW, (finding(1, folded=(effect,)),)))
    assert "so" in [f.label for f in item_facts(row, NOW)]


def test_a_group_of_which_one_is_left_is_that_finding() -> None:
    aside = {GROUPED[0].id: "acknowledged", GROUPED[1].id: "acknowledged"}
    (row,) = items_of(Diagnosis(NOW, GROUPED, (GROUP,)), aside=aside)
    assert (row.key, row.group) == (GROUPED[2].id, None)


def test_what_is_put_aside_is_hidden_or_stands_dim_at_the_end() -> None:
    diagnosis = Diagnosis(NOW, (finding(1), finding(2, "A05")))
    aside = {finding(1).id: "acknowledged"}
    assert [r.key for r in items_of(diagnosis, aside=aside)] == [finding(2, "A05").id]
    rows = items_of(diagnosis, aside=aside, show_aside=True)
    assert rows[-1].aside == "acknowledged"
    assert {cell.tone for cell in item_cells(rows[-1], NOW)[:4]} == {Tone.DIM}
    assert need_a_person(rows) == 1


def test_what_cannot_be_judged_is_one_row_with_the_reasons() -> None:
    told = (CannotKnow("P13", "404"), CannotKnow("P01", "not allowed"), CannotKnow("P02", "not allowed"))
    (row,) = items_of(Diagnosis(NOW, (), (), told))
    assert (row.key, row.untold) == (CANNOT, (("404", ("P13",)), ("not allowed", ("P01", "P02"))))
    assert need_a_person([row]) == 0
    assert [c.text for c in item_cells(row, NOW)] == [
        "?",
        "",
        "cannot be judged",
        "404, not allowed",
        "3",
        "",
    ]
    assert [(f.value.text, f.extra.text) for f in item_facts(row, NOW)] == [
        ("404", "P13"),
        ("not allowed", "P01 P02"),
    ]


def test_words_of_a_row() -> None:
    (row,) = items_of(Diagnosis(NOW, (finding(1, confidence=Confidence.LIKELY),)))
    texts = [cell.text for cell in item_cells(row, NOW)]
    assert texts == ["✗", "S2 S03", "Start script failed: install-deps ?", "ada/web-1 › main", "", "35m"]
    (row,) = items_of(Diagnosis(NOW, GROUPED, (GROUP,)))
    assert [c.text for c in item_cells(row, NOW)][3:5] == ["web v31: 14 of 15, else 0 of 22", "×3"]


def test_facts_are_in_order_of_time_and_end_with_what_to_do() -> None:
    (row,) = items_of(Diagnosis(NOW, GROUPED, (GROUP,)))
    facts = [(f.label, f.value.text.strip(), f.extra.text) for f in item_facts(row, NOW)]
    assert facts[0] == (
        "shared",
        "14 of 15 that share web v31, 0 of 22 of the rest",
        "",
    )
    assert ("11:22:00", "npm: not found", "log: install-deps") in facts
    assert ("–", "exit 127", "agent.scripts.status") in facts
    labels = [label for label, _, _ in facts]
    assert labels.index("because") < labels.index("next") < labels.index("all")
    assert facts[-1] == ("all", "ada/web-1, ada/web-2, ada/web-3", "")


def test_how_many_times_as_often_is_said_where_others_have_it_too() -> None:
    assert group_words(replace(GROUP, others=1)).endswith("1 of 22 of the rest: 30 times as often")


def test_a_group_without_others_compares_with_nobody() -> None:
    assert group_words(replace(GROUP, others=0, others_total=0)).endswith("no others to compare with")


def test_the_next_step_stands_alone_and_is_not_told_twice() -> None:
    (row,) = items_of(Diagnosis(NOW, (finding(1),)))
    assert [c.text for c in next_cells(row)] == ["next: correct it", "coder ssh ada/web-1.main"]
    rest = [(f.label, f.value.text) for f in item_facts(row, NOW, skip_steps=1)]
    assert ("then", "or restart") in rest
    assert "next" not in [label for label, _ in rest]


def test_commands_each_once() -> None:
    (row,) = items_of(Diagnosis(NOW, (*GROUPED[:2], replace(GROUPED[2], next=GROUPED[0].next)), (GROUP,)))
    assert commands_of(row) == ["coder ssh ada/web-1.main", "coder ssh ada/web-2.main"]


def test_signs_and_ascii() -> None:
    assert [severity_kind(s) for s in sorted(Severity, reverse=True)] == [
        "broken", "broken", "moving", "off", "well"
    ]  # fmt: skip
    (row,) = items_of(Diagnosis(NOW, (finding(1),)))
    assert all(cell.text.isascii() for cell in item_cells(row, NOW, ASCII))
    assert item_title(row, NOW, ASCII).text.isascii()
    assert finding_title(finding(1), ASCII) == "S03 Start script failed: install-deps . ada/web-1 > main"


# The filter

WEB = make_workspace(make_agent(), id="w1", name="web-1", template_name="web")
STATE = State(workspaces=Map({"w1": WEB}))
POOL = Finding(
    "P05",
    "Preset hard-limited",
    Severity.UNUSABLE,
    Confidence.CERTAIN,
    Subject("preset", "p1", preset="small", template="web"),
)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["S03", "P05"]),
        ("template:web", ["S03", "P05"]),
        ("template:=we", []),
        ("owner:ada", ["S03"]),
        ("npm", ["S03"]),
        ("p05", ["P05"]),
        ("s1", ["P05"]),
        ("!template:web", []),
        ("agent:main", ["S03"]),
        ("name:small", ["P05"]),
        ("is:prebuild", []),
        ("health:bad", ["S03", "P05"]),
    ],
)
def test_the_fleets_language_filters_findings(query: str, wanted: list[str]) -> None:
    matches = matcher(parse(query), STATE)
    assert [f.rule for f in (finding(1), POOL) if matches(f)] == wanted


@pytest.mark.parametrize(
    ("shared", "query"),
    [
        ({"template_version": "web v31"}, "template:=web version:=v31"),
        ({"template_version": "my web v31"}, 'template:"=my web" version:=v31'),
        ({"owner": "ada"}, "owner:=ada"),
        ({"script": "Install deps", "owner": "ada"}, 'script:"Install deps"'),
        ({"agent_version": "v2.30.0"}, "id:w1,w2,w3"),
    ],
)
def test_entering_a_group_is_a_query(shared: dict[str, str], query: str) -> None:
    made = query_of_group(replace(GROUP, shared=shared), GROUPED)
    assert made == query
    parse(made)


def test_entering_a_finding_is_a_query() -> None:
    assert query_of_finding(finding(1)) == "owner:=ada name:=web-1"
    assert query_of_finding(POOL) == "template:=web is:prebuild"
    assert query_of_finding(replace(POOL, subject=Subject("deployment", "prebuilds"))) == ""
