"""The strip under the fleet, next steps, and sentences of empty places."""

from __future__ import annotations

import inspect
import re
import shlex
from typing import Any

import pytest

from agentdash.present import describe
from agentdash.present.empty import empty_fleet, empty_place
from agentdash.present.findings import telling
from agentdash.present.glyphs import ASCII
from agentdash.present.nextstep import NextStep, command, enter_command, next_step
from agentdash.present.verdicts import told_by
from agentdash.state import events as ev
from agentdash.state.freshness import Fact, Freshness, Problem
from agentdash.state.model import Server, Transition, Workspace
from agentdash.state.store import Store
from agentdash.state.views import Row, rows_of
from agentdash.triage import build_verdict
from agentdash.triage import verdict as agent_verdict
from agentdash.triage.catalogue import CATALOGUE
from agentdash.triage.diagnose import diagnose
from agentdash.triage.facts import Facts
from agentdash.triage.finding import Confidence, Finding, Group, Severity, Subject
from agentdash.triage.finding import Evidence as Proof
from agentdash.triage.verdict import verdict
from tests.unit.model_factory import (
    NOW,
    before,
    make_agent,
    make_build,
    make_job,
    make_line,
    make_script,
    make_workspace,
)


def strip(workspace: Workspace, *more: ev.Event, **options: Any) -> describe.Evidence:
    store = Store()
    store.apply([ev.WorkspacesRead((workspace,), NOW, "page"), *more])
    row: Row = next(iter(rows_of(workspace)))
    judged = verdict(workspace, row.agent, NOW, store.state.history.get(row.key, ()))
    return describe.evidence(store.state, row, judged, NOW, **options)


def found(workspace: Workspace, *more: ev.Event, **options: Any) -> describe.Evidence:
    """The strip once the diagnosis has spoken."""
    store = Store()
    store.apply([ev.WorkspacesRead((workspace,), NOW, "page"), *more])
    row: Row = next(iter(rows_of(workspace)))
    facts = Facts(store.state, NOW)
    told = told_by(diagnose(facts), facts)
    judged = told.verdict(row, verdict(workspace, row.agent, NOW))
    return describe.evidence(store.state, row, judged, NOW, **options)


BROKEN: dict[str, Any] = {
    "lifecycle": "start_error",
    "scripts": (
        make_script("install-deps", status="exit_failure", exit_code=127, source_id="s1"),
        make_script("other", status="timed_out"),
    ),
    "healthy": False,
    "health_reason": "agent startup script exited with an error",
}


def test_a_failed_script_with_its_own_last_words() -> None:
    lines = (make_line(1, "npm: not found", source_id="s1"), make_line(2, "else", source_id="s2"))
    told = strip(
        make_workspace(make_agent(**BROKEN), is_prebuild=True, owner_name="prebuilds"),
        ev.LogLinesRead("w1-main", lines),
    )
    assert told.title.text == "✗ S03 install-deps exit 127 +1 · go-7f3a › main"
    assert [fact.text for fact in told.facts] == [
        "11:00:10 connected",
        "other timed out",
        "server says: agent startup script exited with an error",
        "log: npm: not found",
    ]
    assert told.next.text == ""


def test_once_the_diagnosis_has_spoken_its_proof_stands_there_with_the_next_step() -> None:
    lines = (make_line(1, "sh: 4: npm: not found", source_id="s1"), make_line(2, "else", source_id="s2"))
    told = found(make_workspace(make_agent(**BROKEN)), ev.LogLinesRead("w1-main", lines))
    assert told.title.text == "✗ S03 install-deps exit 127 +1 · go-7f3a › main"
    assert any("npm: not found" in fact.text for fact in told.facts)
    assert told.next.text.startswith("next: ")
    assert told.command.startswith("coder ")


def test_a_common_cause_stands_behind_the_title() -> None:
    group = Group("g1", "S03", {"template_version": "web v31"}, 14, 15, 0, 22, 9.0, ())
    told = found(make_workspace(make_agent(**BROKEN)), group=group)
    assert told.title.text.endswith(" · same on 14 of 15 of web v31, 0 of 22 others")


def test_where_there_is_room_for_a_few_proofs_the_latest_stand_before_those_without_a_time() -> None:
    timed = tuple(Proof(before(60 - i), f"t{i}", "log") for i in range(5))
    untimed = tuple(Proof(None, f"u{i}", "resource") for i in range(4))
    full = finding(evidence=(*timed, *untimed))
    assert [e.text for e in telling(full, 4)] == ["t3", "t4", "u0", "u1"]
    assert [e.text for e in telling(finding(evidence=(timed[0], *untimed)), 4)] == ["t0", "u0", "u1", "u2"]
    assert [e.text for e in telling(finding(evidence=timed), 4)] == ["t1", "t2", "t3", "t4"]
    assert telling(finding(), 4) == ()


def finding(**fields: Any) -> Finding:
    return Finding("S03", "x", Severity.FAILED, Confidence.CERTAIN, Subject("agent", "a"), **fields)


def test_facts_stand_in_order_of_time() -> None:
    store = Store()
    store.apply([ev.WorkspacesRead((make_workspace(make_agent(lifecycle="starting")),), before(60), "watch")])
    broken = make_workspace(make_agent(**BROKEN | {"scripts": ()}))
    store.apply([ev.WorkspacesRead((broken,), before(30), "watch")])
    row = next(iter(rows_of(broken)))
    told = describe.evidence(store.state, row, verdict(broken, row.agent, NOW), NOW)
    assert [fact.text for fact in told.facts][:2] == ["11:00:10 connected", "11:59:30 lifecycle start_error"]


def test_a_failed_build_tells_its_steps() -> None:
    job = make_job(
        "failed", error="apply failed", created_at=before(60), started_at=before(50), completed_at=before(10)
    )
    told = strip(make_workspace(build=make_build("failed", job=job)))
    assert [fact.text for fact in told.facts] == [
        "11:59:00 build 3 queued",
        "11:59:10 started",
        "11:59:50 failed",
    ]


def test_a_well_row_needs_nothing() -> None:
    told = strip(make_workspace(make_agent()))
    assert (told.next.text, told.command) == ("", "")


def test_the_strip_in_ascii() -> None:
    told = strip(make_workspace(make_agent(**BROKEN)), glyphs=ASCII)
    assert all(cell.text.isascii() for cell in (told.title, *told.facts, told.next))


@pytest.mark.parametrize(
    ("what", "new", "words"),
    [
        ("status", "disconnected", "disconnected"),
        ("lifecycle", "ready", "lifecycle ready"),
        ("script:install-deps", "exit_failure", "install-deps exit 127"),
        ("script:gone", "ok", "gone ok"),
        ("app:web", "unhealthy", "web unhealthy"),
        ("agent", "new-id", "new agent of a new build"),
        ("owner", "kofi", "claimed by kofi"),
        ("build", "4 stop stopped", "build 4 stop stopped"),
    ],
)
def test_changes_in_words(what: str, new: str, words: str) -> None:
    agent = make_agent(**BROKEN)
    assert describe.change_words(Transition(NOW, what, "", new), agent) == words


def test_what_is_off_is_started_when_wanted() -> None:
    stopped = make_workspace(build=make_build("stopped", "stop"))
    step = next_step(stopped, verdict(stopped, None, NOW))
    assert step == NextStep("start it when wanted", "coder start ada/go-7f3a")


def test_the_rules_that_first_verdicts_name_are_of_the_catalogue() -> None:
    sources = inspect.getsource(agent_verdict) + inspect.getsource(build_verdict)
    named = set(re.findall(r'"([A-Z]\d\d)"', sources))
    assert len(named) > 20
    assert named <= set(CATALOGUE)


def test_commands_are_safe_to_paste_whatever_the_names() -> None:
    workspace = make_workspace(make_agent("main; rm -rf ~"), name="go $(reboot)")
    made = enter_command(workspace, workspace.agents[0])
    assert shlex.split(made) == ["coder", "ssh", "ada/go $(reboot).main; rm -rf ~"]
    assert enter_command(make_workspace(), None) == "coder show ada/go-7f3a"
    assert command("list") == "coder list"


# Empty places


def refused(kind: str, status: int, title: str = "Title", detail: str = "") -> Fact[Any]:
    return Fact(freshness=Freshness.REFUSED, problem=Problem(kind, title, detail, "Ask somebody.", status))


@pytest.mark.parametrize(
    "pane",
    [
        "health",
        "scripts",
        "ports",
        "logs",
        "devcontainers",
        "terminal",
        "apps",
        "metadata",
        "network",
        "build",
        "new",
    ],
)
def test_every_pane_has_one_sentence(pane: str) -> None:
    for agent in (None, make_agent(), make_agent(status="disconnected")):
        for fact in (None, Fact(), refused("Forbidden", 403), refused("ServerError", 500, detail="no.")):
            sentence = empty_place(pane, agent, fact)
            assert sentence
            assert "\n" not in sentence


@pytest.mark.parametrize(
    ("pane", "agent", "fact", "says"),
    [
        ("ports", make_agent(status="disconnected"), None, "the agent is disconnected"),
        ("terminal", make_agent(status="timeout"), None, "past its time limit"),
        ("terminal", make_agent(display_apps=("vscode",)), None, "offers no terminal"),
        ("terminal", make_agent(), None, "Press enter"),
        ("ports", make_agent(), refused("Forbidden", 403), "you have no right"),
        ("ports", make_agent(), refused("RouteNotFound", 404), "older than the feature"),
        ("ports", make_agent(), refused("NotFound", 404), "no longer knows this agent"),
        ("ports", make_agent(), refused("ServerError", 500, "Server error", "boom"), "server error (boom)"),
        ("devcontainers", make_agent(), refused("Forbidden", 403), "switched off in this agent"),
        ("devcontainers", make_agent(parent_id="p"), refused("Forbidden", 403), "parent agent"),
        ("devcontainers", make_agent(), refused("NotFound", 404), "agent is older"),
        (
            "devcontainers",
            make_agent(),
            refused("ServerError", 500, "Server error", "Could not get containers: docker: not found"),
            "docker: not found",
        ),
        ("devcontainers", make_agent(lifecycle="starting"), Fact(), "after its start scripts"),
        ("metadata", make_agent(), Fact(freshness=Freshness.LOADING), "are being read"),
        ("ports", make_agent(), Fact((), Freshness.POLLED, NOW), "none is reported"),
    ],
)
def test_why_a_place_is_empty(pane: str, agent: Any, fact: Any, says: str) -> None:
    assert says in empty_place(pane, agent, fact)


def test_an_empty_fleet_says_why() -> None:
    unknown: Fact[int] = Fact()
    read: Fact[int] = Fact(0, Freshness.POLLED, NOW)
    problem = Problem("ConnectFailed", "Cannot reach the server", "refused", "Check the URL.")
    assert "being read from c.example.com" in empty_fleet(Server(host="c.example.com"), unknown)
    assert (
        empty_fleet(Server(problem=problem), unknown) == "Cannot reach the server (refused). Check the URL."
    )
    assert "Check the URL" in empty_fleet(Server(), unknown.failed(problem))
    assert "no workspace that you may see" in empty_fleet(Server(), read)
    assert "none of 12 does" in empty_fleet(Server(), read, query="npm", total=12)
