"""How old servers look: sources without ids, results that nobody tells, places that name the version they need."""

from __future__ import annotations

import pytest

from agentdash.present import describe
from agentdash.present.logline import Sources
from agentdash.present.scripts import script_lines
from agentdash.state import events as ev
from agentdash.state.freshness import Fact, Freshness, Problem
from agentdash.state.model import LogSource, Timing, Timings
from agentdash.state.store import Store
from agentdash.state.views import rows_of
from agentdash.triage.verdict import verdict
from tests.unit.model_factory import NOW, make_agent, make_script, make_workspace

MISSING = Problem(
    "RouteNotFound", "Not offered by this server", "", "Timings of builds came with Coder 2.17; this server is 2.16.", 404
)  # fmt: skip


def test_the_only_source_has_a_name_though_it_has_no_id() -> None:
    sources = Sources(make_agent(log_sources=(LogSource("", "Startup Script"),)))
    for source_id in ("", "00000000-0000-0000-0000-000000000000"):
        found = sources.of(source_id)
        assert found is not None
        assert found.name == "Startup Script"
    assert Sources(make_agent()).of("") is None


@pytest.mark.parametrize(
    ("lifecycle", "timings", "result", "kind"),
    [
        ("ready", None, "not told", "unknown"),
        ("start_error", None, "not told", "unknown"),
        ("start_timeout", None, "not told", "unknown"),
        ("created", None, "not run yet", "off"),
        ("off", None, "not run yet", "off"),
        ("ready", Timings("b1", scripts=(Timing("start", "tools", NOW, NOW, status="ok"),)), "ok", "well"),
    ],
)
def test_a_result_that_nobody_tells(lifecycle: str, timings: Timings | None, result: str, kind: str) -> None:
    script = make_script("tools", status=None, exit_code=None)
    (line,) = script_lines(make_agent(lifecycle=lifecycle, scripts=(script,)), timings, NOW)
    assert (line.cells[3].text, line.kind) == (result, kind)


def test_where_other_results_are_told_one_that_is_missing_has_not_come() -> None:
    scripts = (make_script("tools"), make_script("hangs", status=None, exit_code=None))
    lines = script_lines(make_agent(lifecycle="start_timeout", scripts=scripts), None, NOW)
    assert {line.cells[1].text: line.cells[3].text for line in lines} == {
        "tools": "ok",
        "hangs": "not run yet",
    }
    measured = Timings("b1", scripts=(Timing("start", "tools", NOW, NOW, status="ok"),))
    untold = tuple(make_script(name, status=None, exit_code=None) for name in ("tools", "hangs"))
    lines = script_lines(make_agent(lifecycle="start_timeout", scripts=untold), measured, NOW)
    assert {line.cells[1].text: line.cells[3].text for line in lines} == {
        "tools": "ok",
        "hangs": "not run yet",
    }


def test_a_result_that_may_still_come_is_not_said_to_be_untold() -> None:
    agent = make_agent(scripts=(make_script("tools", status=None, exit_code=None),))
    (line,) = script_lines(agent, None, NOW, is_loading=True)
    assert (line.cells[3].text, line.kind) == ("…", "off")


@pytest.mark.parametrize(
    ("has_result", "words"), [(False, "results need Coder 2.17"), (True, "read just now")]
)
def test_the_frame_of_the_scripts_names_the_version(has_result: bool, words: str) -> None:
    script = make_script("tools") if has_result else make_script("tools", status=None, exit_code=None)
    workspace = make_workspace(make_agent(scripts=(script,)))
    store = Store()
    store.apply(
        [
            ev.WorkspacesRead((workspace,), NOW, "get"),
            ev.AgentOpened("w1-main"),
            ev.FactFailed("w1-main", "timings", MISSING, refused=True),
        ]
    )
    (row,) = rows_of(workspace)
    head = describe.pane_heads(store.state, row, verdict(row.workspace, row.agent, NOW), NOW)[1]
    assert head.freshness.text == words


@pytest.mark.parametrize(
    ("next_step", "sentence"),
    [
        (
            "Devcontainers and containers came with Coder 2.20; this server is 2.16.",
            "Devcontainers and containers would be here, which came with Coder 2.20; this server is 2.16.",
        ),
        (
            "The server is older than this feature, or built without it.",
            "Devcontainers and containers would be here: this server does not offer them; it is older than the feature.",
        ),
    ],
)
def test_an_empty_place_names_the_version(next_step: str, sentence: str) -> None:
    problem = Problem("RouteNotFound", "Not offered by this server", "", next_step, 404)
    fact: Fact[object] = Fact(None, Freshness.REFUSED, None, problem)
    assert describe.empty_place("devcontainers", make_agent(), fact) == sentence
