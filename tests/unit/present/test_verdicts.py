"""What a row says once the diagnosis has spoken: its words, its severity, and what it does not repeat."""

from __future__ import annotations

from typing import Any

from agentdash.present.verdicts import NOTHING_TOLD, Told, told_by
from agentdash.state.model import Agent, Workspace
from agentdash.state.state import State
from agentdash.state.views import Row, rows_of
from agentdash.triage.baseline import Baseline, Figures
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Confidence, Diagnosis, Finding, Group, Severity, Subject
from agentdash.triage.verdict import Verdict, verdict
from tests.unit.model_factory import (
    NOW,
    before,
    make_agent,
    make_build,
    make_job,
    make_script,
    make_workspace,
)


def finding(rule: str, title: str, severity: Severity = Severity.FAILED, **fields: Any) -> Finding:
    subject = Subject("agent", "w1/main", "ada/go-7f3a", "main", workspace_id="w1")
    values: dict[str, Any] = {"cause": rule, "subject": subject} | fields
    return Finding(rule, title, severity, Confidence.CERTAIN, **values)


def row_of(workspace: Workspace, agent: Agent | None = None) -> Row:
    return next(r for r in rows_of(workspace) if agent is None or r.agent is agent)


def said(workspace: Workspace, *findings: Finding, about: str = "w1/main", **told: Any) -> Verdict:
    row = row_of(workspace)
    first = verdict(workspace, row.agent, NOW)
    return Told({about: findings}, **told).verdict(row, first)


def broken(**fields: Any) -> Workspace:
    script = make_script("install-deps", status="exit_failure", exit_code=127)
    return make_workspace(make_agent(lifecycle="start_error", scripts=(script,)), **fields)


def test_without_a_diagnosis_the_first_verdict_stands() -> None:
    workspace = broken()
    row = row_of(workspace)
    first = verdict(workspace, row.agent, NOW)
    assert NOTHING_TOLD.verdict(row, first) is first


def test_the_same_in_both_is_said_in_the_short_words_and_is_as_bad_as_was_found() -> None:
    found = finding("S03", "install-deps failed: exit 127", Severity.UNUSABLE, suspect="install-deps")
    told = said(broken(), found)
    assert told.text == "install-deps exit 127"
    assert (told.rule, told.severity, told.finding) == ("S03", Severity.UNUSABLE, found)


def test_a_proof_that_was_read_replaces_the_short_words() -> None:
    job = make_job("failed", error="terraform apply: exit status 1")
    workspace = make_workspace(build=make_build("failed", job=job))
    found = finding("B09", "Build failed: no space left on device", suspect="the disk is full")
    told = said(workspace, found, about="w1")
    assert told.text == "Build failed: no space left on device: the disk is full"
    assert told.kind == "broken"


def test_a_pools_trouble_is_told_by_what_it_comes_from() -> None:
    cause = finding("S03", "install-deps failed: exit 127", Severity.UNUSABLE, suspect="install-deps")
    pool = finding("P07", "Prebuild runs but is never ready", Severity.UNUSABLE, primary=True, cause="S03")
    told = said(broken(), cause, pool)
    assert told.text == "install-deps exit 127"
    assert told.rule == "P07"
    assert told.finding is pool


def test_what_hinders_nobody_leaves_a_ready_row_ready() -> None:
    ready = make_workspace(make_agent())
    assert said(ready, finding("V01", "Agent is older than the server", Severity.DEGRADED)).text == "ready"
    assert said(ready, finding("S12", "Start took 74 s", Severity.NOTE)).text == "ready"
    told = said(ready, finding("W02", "App Web is still initializing", Severity.DEGRADED, suspect="Web"))
    assert (told.text, told.severity, told.kind) == (
        "App Web is still initializing",
        Severity.DEGRADED,
        "moving",
    )
    assert said(ready, finding("C05", "Several agents behind one token")).severity is Severity.FAILED


def test_a_lesser_finding_does_not_hide_a_worse_first_verdict() -> None:
    lost = make_workspace(
        make_agent(status="disconnected", disconnected_at=before(900), last_connected_at=before(900))
    )
    told = said(lost, finding("D03", "Devcontainer api runs with an error", Severity.DEGRADED))
    assert (told.text, told.severity) == ("lost connection", Severity.UNUSABLE)


def test_the_findings_severity_governs_where_both_name_the_rule() -> None:
    lost = make_workspace(
        make_agent(status="disconnected", disconnected_at=before(900), last_connected_at=before(900))
    )
    told = said(lost, finding("A05", "Agent lost its connection", Severity.DEGRADED))
    assert (told.text, told.age_style, told.severity) == ("lost connection", "ago", Severity.DEGRADED)


def test_a_sub_agent_does_not_speak_for_its_workspace() -> None:
    main = make_agent()
    sub = make_agent("app", parent_name="main", parent_id=main.id)
    workspace = make_workspace(main, sub)
    found = finding("C05", "Several agents behind one token")
    told = Told({"w1": (found,)})
    assert told.about(row_of(workspace, main)) == (found,)
    assert told.about(row_of(workspace, sub)) == ()


def test_what_takes_its_time_is_held_against_what_is_usual() -> None:
    workspace = make_workspace(make_agent(lifecycle="starting", started_at=before(700)), template_id="t1")
    baseline = Baseline({("t1", "ready:main"): Figures(130.0, 200.0, 9)}, 5)
    told = said(workspace, baseline=baseline)
    assert (told.text, told.note) == ("starting", "(median 2m10s)")
    assert said(workspace, baseline=Baseline({}, 5)).note == ""
    assert said(make_workspace(make_agent()), baseline=baseline).note == ""


def test_the_group_of_what_is_said_and_consequences_are_found_by_row() -> None:
    inner = finding("W01", "App Web is unhealthy", Severity.DEGRADED)
    outer = finding("A05", "Agent lost its connection", group="g1", folded=(inner,))
    group = Group("g1", "A05", {"node": "rack-2"}, 3, 3, 0, 9, 4.0, (outer.id,))
    pool = finding("P03", "Pool is short", subject=Subject("preset", "p1"))
    told = told_by(Diagnosis(NOW, (outer, pool), (group,)), Facts(State(), NOW))
    assert dict(told.findings) == {"w1/main": (outer, inner)}
    judged = told.verdict(row_of(make_workspace(make_agent())), Verdict("ready", Severity.WELL, "well"))
    assert told.group_of(judged) is group
    assert told.group_of(Verdict("ready", Severity.WELL, "well")) is None
