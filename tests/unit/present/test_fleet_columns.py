"""Rows of the fleet: what stands in each column, and that the healthy recede."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentdash.present.cells import Cell, Tone
from agentdash.present.columns import (
    COLUMNS,
    DEFAULT,
    NARROW,
    agent_name,
    columns_of,
    default_columns,
    haystack,
    row_cells,
    template_words,
    verdict_cell,
    verdict_text,
)
from agentdash.present.glyphs import ASCII
from agentdash.present.shares import first_line, share_of
from agentdash.state.model import Agent, MetadataItem, RegionLatency, Workspace
from agentdash.state.views import Row, rows_of
from agentdash.triage.finding import Severity
from agentdash.triage.verdict import Verdict, verdict
from tests.unit.model_factory import NOW, before, make_agent, make_build, make_script, make_workspace

ALL = columns_of(COLUMNS)


def rows(workspace: Workspace) -> list[Row]:
    return list(rows_of(workspace))


def cells_of(row: Row, **options: Any) -> dict[str, Cell]:
    judged = verdict(row.workspace, row.agent, NOW)
    return dict(zip(COLUMNS, row_cells(row, ALL, judged, NOW, **options), strict=True))


def agent_cells(**fields: Any) -> dict[str, Cell]:
    return cells_of(rows(make_workspace(make_agent(**fields)))[0])


BROKEN: dict[str, Any] = {
    "lifecycle": "start_error",
    "scripts": (make_script("install-deps", status="exit_failure", exit_code=127),),
    "latency": (RegionLatency("Frankfurt", 34.2, preferred=True),),
}


def test_the_row_that_the_design_shows() -> None:
    workspace = make_workspace(make_agent(**BROKEN), owner_name="prebuilds")
    row = rows(workspace)[0]
    cells = row_cells(row, columns_of(DEFAULT), verdict(workspace, row.agent, NOW), NOW)
    assert [c.text for c in cells] == [
        "✗ install-deps exit 127",
        "go-7f3a › main",
        "prebuilds",
        "web v31",
        "start_error",
        "34",
        "now",
        "–",
    ]


def test_a_well_row_is_dim_throughout() -> None:
    assert {cell.tone for cell in agent_cells().values()} == {Tone.DIM}
    assert not any(cell.spans for cell in agent_cells().values())


def test_only_the_verdict_of_a_broken_row_carries_the_tone() -> None:
    cells = agent_cells(**BROKEN)
    assert cells.pop("verdict").tone is Tone.BROKEN
    assert {cell.tone for cell in cells.values()} <= {Tone.PLAIN, Tone.DIM}
    assert cells["agent"].tone is Tone.PLAIN


def test_a_row_under_way_is_yellow_in_its_verdict_and_dim_beside_it() -> None:
    cells = agent_cells(lifecycle="starting")
    assert cells.pop("verdict").tone is Tone.WARN
    assert {cell.tone for cell in cells.values()} == {Tone.DIM}


def test_recovered_is_green_for_a_minute() -> None:
    well = Verdict("ready", Severity.WELL, "well", before(30))
    assert verdict_cell(well, NOW).tone is Tone.WELL
    assert verdict_cell(replace(well, since=before(90)), NOW).tone is Tone.DIM


def test_what_is_not_known_is_neither_red_nor_yellow() -> None:
    assert agent_cells(status="roaming")["verdict"] == Cell("? roaming", Tone.PLAIN)


@pytest.mark.parametrize(
    ("judged", "text"),
    [
        (Verdict("starting", Severity.NOTE, "moving", before(720), age_style="for"), "starting 10m"),
        (Verdict("starting", Severity.NOTE, "moving", before(2), age_style="for"), "starting"),
        (
            Verdict("lost connection", Severity.UNUSABLE, "broken", before(2280), age_style="ago"),
            "lost connection 35m ago",
        ),
        (
            Verdict("starting", Severity.NOTE, "moving", before(720), age_style="for", note="(median 2m10s)"),
            "starting 10m (median 2m10s)",
        ),
        (Verdict("ready", Severity.WELL, "well", before(720)), "ready"),
        (Verdict("lost connection", Severity.UNUSABLE, "broken", None, age_style="ago"), "lost connection"),
    ],
)
def test_ages_are_put_behind_the_words(judged: Verdict, text: str) -> None:
    assert verdict_text(judged, NOW) == text


def test_sub_agents_are_named_under_their_parent() -> None:
    main = make_agent("main")
    app = make_agent("app", parent_id=main.id, parent_name="main")
    parent, child = rows(make_workspace(main, app))
    assert agent_name(parent) == "go-7f3a › main"
    assert agent_name(child) == "go-7f3a › main/app"


def test_a_workspace_without_agents_has_dashes_where_an_agent_would_speak() -> None:
    cells = cells_of(rows(make_workspace(build=make_build("stopped", "stop")))[0])
    assert cells["verdict"].text == "○ stopped"
    assert cells["agent"].text == "go-7f3a"
    assert cells["status"].text == "stopped"
    for name in ("lifecycle", "rtt", "seen", "cpu", "os", "version"):
        assert cells[name].text == "–", name


@pytest.mark.parametrize(
    ("fields", "column", "text"),
    [
        ({"latency": (RegionLatency("x", 0.4, preferred=True),)}, "rtt", "<1"),
        (
            {
                "latency": (
                    RegionLatency("x", 80.0, preferred=False),
                    RegionLatency("y", 12.6, preferred=True),
                )
            },
            "rtt",
            "13",
        ),
        (
            {"status": "disconnected", "disconnected_at": before(2280), "last_connected_at": before(2290)},
            "seen",
            "35m",
        ),
        ({"status": "disconnected", "latency": (RegionLatency("x", 5.0, preferred=True),)}, "rtt", "–"),
        ({"last_connected_at": before(600)}, "seen", "10m"),
        ({"version": "v2.36.1+1a2b3c4"}, "version", "v2.36.1"),
        ({"version": ""}, "version", "–"),
        ({"latency": (RegionLatency("x", float("inf"), preferred=True),)}, "rtt", "–"),
        ({"latency": (RegionLatency("x", float("nan"), preferred=True),)}, "rtt", "–"),
        ({"operating_system": "linux", "architecture": ""}, "os", "linux"),
        ({"resource_name": "dev"}, "resource", "dev"),
        ({"metadata": (MetadataItem("cpu", "CPU", "71.4%", age_s=3),)}, "cpu", "71%"),
        ({"metadata": (MetadataItem("0_cpu_usage", "", "1.72/2 cores (86%)", age_s=3),)}, "cpu", "86%"),
        ({"metadata": (MetadataItem("x", "CPU Usage", "0.5/2 cores", age_s=3),)}, "cpu", "25%"),
        ({"metadata": (MetadataItem("cpu_count", "CPU count", "8", age_s=3),)}, "cpu", "–"),
        ({"metadata": (MetadataItem("cpu", "CPU", "", error="exit 1"),)}, "cpu", "?"),
        ({"metadata": (MetadataItem("cpu", "CPU", r"idle\nnow", age_s=3),)}, "cpu", "idle"),
        ({"metadata": (MetadataItem("ram", "RAM", "3.4/8 GiB", age_s=3),)}, "memory", "42%"),
        ({"metadata": (MetadataItem("cpu", "CPU", "5%", age_s=3),), "status": "disconnected"}, "cpu", "–"),
    ],
)
def test_a_cell(fields: dict[str, Any], column: str, text: str) -> None:
    assert agent_cells(**fields)[column].text == text


@pytest.mark.parametrize(
    ("value", "share"),
    [
        ("12%", 12.0),
        ("7,5 %", 7.5),
        ("1.7/2 cores (86%)", 86.0),
        ("3.4/8 GiB", 42.5),
        ("3/0", None),
        ("up", None),
        ("", None),
    ],
)
def test_the_share_in_a_value(value: str, share: float | None) -> None:
    assert share_of(value) == share


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("web", "v31", ("web", "v31")),
        ("web", "web-v31", ("web", "v31")),
        ("web", "web", ("web", "web")),
        ("web", "website", ("web", "website")),
        ("web", "web-", ("web", "web-")),
        ("", "v31", ("", "v31")),
    ],
)
def test_a_version_does_not_repeat_the_templates_name(
    name: str, version: str, words: tuple[str, str]
) -> None:
    workspace = make_workspace(template_name=name, build=make_build(template_version_name=version))
    assert template_words(workspace) == words


def test_kinds_of_workspaces() -> None:
    workspace = make_workspace(is_prebuild=True, outdated=True, task_id="t", dormant_at=NOW)
    assert cells_of(rows(workspace)[0])["kind"].text == "prebuild task outdated dormant"


def test_the_agents_of_the_build_before_are_dim() -> None:
    agent = make_agent(**BROKEN)
    workspace = make_workspace(agent, agents_are_previous=True, build=make_build("failed"))
    cells = cells_of(rows(workspace)[0])
    assert {c.tone for name, c in cells.items() if name != "verdict"} == {Tone.DIM}


def test_ascii_rows_hold_only_ascii() -> None:
    child = make_agent("app", parent_id="w1-main", parent_name="main")
    for row in rows(make_workspace(make_agent(**BROKEN), child)):
        assert all(cell.text.isascii() for cell in cells_of(row, glyphs=ASCII).values())


def test_unknown_columns_are_passed_over_and_narrow_screens_have_fewer() -> None:
    assert [c.id for c in columns_of(["verdict", "gone", "cpu"])] == ["verdict", "cpu"]
    assert [c.id for c in default_columns(120)] == list(DEFAULT)
    assert [c.id for c in default_columns(80)] == list(NARROW)


@pytest.mark.parametrize("column", list(COLUMNS.values()), ids=list(COLUMNS))
def test_every_column_sorts_and_draws_any_row(column: Any) -> None:
    some: list[tuple[Workspace, Agent | None]] = [
        (make_workspace(build=make_build("")), None),
        (make_workspace(make_agent()), make_agent()),
        (
            make_workspace(),
            make_agent(status="", lifecycle="", created_at=None, last_connected_at=None, version=""),
        ),
    ]
    keys = [column.sort_key(w, a) for w, a in some if column.sort_key is not None]
    known = [k for k in keys if k is not None]
    assert len(sorted(known)) == len(known)
    for workspace, agent in some:
        row = Row("k", workspace, agent)
        assert row_cells(row, (column,), verdict(workspace, agent, NOW), NOW)[0].text
    assert column.title.strip()
    assert column.help.endswith(".")
    assert column.width is None or (column.min_width or column.width) <= column.width


def test_the_haystack_holds_what_a_person_can_read() -> None:
    row = rows(make_workspace(make_agent(**BROKEN)))[0]
    text = haystack(row, verdict(row.workspace, row.agent, NOW), NOW)
    for word in ("install-deps exit 127", "go-7f3a › main", "ada", "web v31", "start_error", "linux"):
        assert word in text
    assert text == text.lower()


def test_the_first_line_that_says_something() -> None:
    assert first_line("\n  \nreal\nmore") == "real"
    assert first_line(r"one\ntwo") == "one"
    assert first_line("") == ""
