"""The panes of an agent in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from agentdash.present import describe
from agentdash.present.cells import Cell, Tone
from agentdash.present.devcontainers import HEADS as CONTAINER_HEADS
from agentdash.present.glyphs import ASCII
from agentdash.present.metadata import full_scale
from agentdash.state import events as ev
from agentdash.state.detail import Reading
from agentdash.state.freshness import Problem, StreamState
from agentdash.state.model import (
    App,
    AppStatus,
    Container,
    ContainerPort,
    Containers,
    Devcontainer,
    MetadataItem,
    Port,
    PortShare,
    RegionLatency,
    Server,
    Timing,
    Timings,
    Transition,
    User,
)
from agentdash.state.store import Store
from agentdash.state.views import rows_of
from agentdash.triage.verdict import verdict
from tests.unit.model_factory import (
    NOW,
    before,
    make_agent,
    make_app,
    make_build,
    make_job,
    make_line,
    make_script,
    make_workspace,
)


def texts(lines: Any) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in lines]


def timing(name: str, seconds: float, start: datetime = NOW, **fields: Any) -> Timing:
    values: dict[str, Any] = {"agent_id": "w1-main", "status": "ok", "exit_code": 0}
    return Timing("start", name, start, start + timedelta(seconds=seconds), **(values | fields))


# Scripts


def test_scripts_as_the_design_shows_them() -> None:
    agent = make_agent(
        lifecycle="starting",
        first_connected_at=before(720),
        started_at=before(719),
        scripts=(
            make_script("dotfiles"),
            make_script("watcher", status=None, exit_code=None),
            make_script("install-deps", status="exit_failure", exit_code=127),
            make_script("backup", run_on_start=False, cron="0 3 * * *", status=None, exit_code=None),
            make_script("Dev Container (app)", is_devcontainer=True),
        ),
    )
    timings = Timings(
        "b1",
        scripts=(timing("dotfiles", 4), timing("install-deps", 38, status="exit_failure", exit_code=127)),
    )
    lines = describe.script_lines(agent, timings, NOW)
    assert texts(lines) == [
        ["✗", "install-deps", "start", "exit 127", "38s"],
        ["◐", "watcher", "start", "running", "10m"],
        ["●", "dotfiles", "start", "ok", "4s"],
        ["○", "backup", "cron", "0 3 * * *", "–"],
    ]
    assert describe.scripts_state(lines) == (Cell("1 failed", Tone.BROKEN), "broken")


def test_results_of_the_last_run_are_called_so() -> None:
    agent = make_agent(lifecycle="starting", scripts=(make_script(status="exit_failure", exit_code=127),))
    again = (Transition(before(20), "lifecycle", "start_error", "starting"),)
    line = describe.script_lines(agent, None, NOW, history=again)[0]
    assert (line.kind, line.cells[3].text, line.cells[4].text) == (
        "moving",
        "running, last run exit 127",
        "10s",
    )


def test_the_first_runs_duration_is_not_told_of_a_later_run() -> None:
    agent = make_agent(scripts=(make_script(status="exit_failure", exit_code=1),))
    timings = Timings("b1", scripts=(timing("install-deps", 38),))
    assert describe.script_lines(agent, timings, NOW)[0].cells[4].text == "–"


def test_servers_before_results_tell_them_by_timings() -> None:
    agent = make_agent(scripts=(make_script(status=None, exit_code=None),))
    timings = Timings("b1", scripts=(timing("install-deps", 38, status="exit_failure", exit_code=2),))
    assert texts(describe.script_lines(agent, timings, NOW)) == [
        ["✗", "install-deps", "start", "exit 2", "38s"]
    ]


def test_timings_of_another_agent_do_not_count() -> None:
    timings = Timings("b1", scripts=(timing("install-deps", 38, agent_id="other"),))
    assert describe.script_lines(make_agent(scripts=(make_script(),)), timings, NOW)[0].cells[4].text == "–"


def test_a_stop_script_runs_while_the_agent_shuts_down() -> None:
    agent = make_agent(
        lifecycle="shutting_down",
        scripts=(make_script("bye", run_on_start=False, run_on_stop=True, status=None),),
    )
    assert describe.script_lines(agent, None, NOW)[0].kind == "moving"


def test_nothing_runs_on_an_agent_that_is_gone() -> None:
    agent = make_agent(status="disconnected", lifecycle="starting", scripts=(make_script(status=None),))
    assert describe.script_lines(agent, None, NOW)[0].kind == "off"


@pytest.mark.parametrize(
    ("scripts", "word", "kind"),
    [
        ((), "", "off"),
        ((make_script(),), "1", "well"),
        ((make_script(status="pipes_left_open"),), "pipes left open", "moving"),
        (
            (make_script("a", status="timed_out"), make_script("b", status="exit_failure")),
            "2 failed",
            "broken",
        ),
    ],
)
def test_the_word_of_the_scripts_pane(scripts: Any, word: str, kind: str) -> None:
    cell, mark = describe.scripts_state(describe.script_lines(make_agent(scripts=scripts), None, NOW))
    assert (cell.text, mark) == (word, kind)


# Ports


def test_ports_with_their_shares_and_news() -> None:
    ports = (Port(3000, "tcp", "vite"), Port(8080, "tcp", "node"), Port(9000, "tcp", ""))
    shares = (
        PortShare("main", 8080, "organization", "http"),
        PortShare("main", 4000, "public", "http"),
        PortShare("other", 3000, "public", "http"),
    )
    lines = describe.port_lines(ports, shares, "main", new={3000})
    assert texts(lines) == [
        ["3000", "tcp", "vite", "", "new"],
        ["4000", "", "none reported", "public", ""],
        ["8080", "tcp", "node", "org", ""],
        ["9000", "tcp", "–", "", ""],
    ]
    assert lines[1].cells[3].tone is Tone.WARN
    assert describe.new_ports(ports[:1], ports) == {8080, 9000}


# Containers


def dev(name: str, status: str, **fields: Any) -> Devcontainer:
    return Devcontainer(f"id-{name}", name, f"/home/{name}", status, **fields)


def test_devcontainers_then_other_containers() -> None:
    held = Container("c1", "busy_curie", "base:1", "running", running=True)
    other = Container(
        "c2", "db", "postgres:17", "Up 3 hours", running=True, ports=(ContainerPort(5432, "tcp", "", 15432),)
    )
    containers = Containers(
        (
            dev("app", "running", dirty=True, container=held, agent_name="app"),
            dev("db", "error", error="pull failed\nmore"),
            dev("new", ""),
            dev("odd", "levitating"),
        ),
        (held, other, Container("c3" * 20, "", "x", "exited", running=False)),
    )
    lines = describe.container_lines(containers)
    assert texts(lines) == [
        ["●", "app", "running", "changed", "app"],
        ["✗", "db", "error", "pull failed", "–"],
        ["◐", "new", "waiting", "", "–"],
        ["?", "odd", "levitating", "", "–"],
        ["●", "db", "Up 3 hours", "postgres:17 15432→5432", "–"],
        ["○", "c3c3c3c3c3c3", "exited", "x", "–"],
    ]
    assert [line.key for line in lines][:2] == ["dev:/home/app", "dev:/home/db"]
    assert all(len(line.cells) == len(CONTAINER_HEADS) for line in lines)


@pytest.mark.parametrize(
    ("given_devcontainers", "word", "kind"),
    [
        ((), "", "off"),
        ((dev("a", "running"),), "1", "well"),
        ((dev("a", "running", dirty=True),), "1 changed", "moving"),
        ((dev("a", "starting"), dev("b", "running", dirty=True)), "1 under way", "moving"),
        ((dev("a", "running", error="postCreate failed"),), "1 broken", "broken"),
    ],
)
def test_the_word_of_the_containers_pane(given_devcontainers: Any, word: str, kind: str) -> None:
    cell, mark = describe.containers_state(Containers(given_devcontainers))
    assert (cell.text, mark) == (word, kind)
    assert describe.containers_state(None)[1] == "off"


# Apps


def test_apps_with_health_sharing_and_what_they_say() -> None:
    apps: tuple[App, ...] = (
        make_app("web", health="healthy", url="http://localhost:8080"),
        make_app("bad", health="unhealthy", sharing_level="public"),
        make_app(
            "claude", command="claude", statuses=(AppStatus("working", "fixing", created_at=before(120)),)
        ),
        make_app("hidden", hidden=True),
    )
    agent = make_agent(apps=apps)
    lines = describe.app_lines(agent, NOW)
    assert texts(lines) == [
        ["●", "web", "healthy", "owner", "", "http://localhost:8080", "–"],
        ["✗", "bad", "unhealthy", "public", "", "–", "–"],
        ["◐", "claude", "no check", "owner", "working: fixing", "$ claude", "2m"],
    ]
    assert describe.apps_state(agent, lines) == (Cell("1 unhealthy", Tone.BROKEN), "broken")


def test_the_health_of_an_absent_agents_apps_is_old() -> None:
    agent = make_agent(status="disconnected", apps=(make_app("web", health="healthy"),))
    line = describe.app_lines(agent, NOW)[0]
    assert (line.kind, line.cells[2].text) == ("unknown", "? was healthy")


# Metadata


def test_metadata_with_values_errors_and_ages() -> None:
    items = (
        MetadataItem("cpu", "CPU", "12%", age_s=3, interval_s=10),
        MetadataItem("disk", "Disk", "3.4/8 GiB", age_s=500, interval_s=10),
        MetadataItem("bad", "Bad", "", error=r"exit 1\nmore", age_s=5, interval_s=10),
        MetadataItem("new", "New", ""),
        MetadataItem("once", "Once", "v1", age_s=99999, interval_s=0),
    )
    lines = describe.metadata_lines(
        items, {"cpu": tuple(Reading(NOW, v) for v in (0.0, 50.0, 100.0))}, spark_width=5
    )
    assert texts(lines) == [
        ["●", "CPU", "12%", "  ▁▅█", ""],
        ["?", "Disk", "3.4/8 GiB", "", "8m20s"],
        ["✗", "Bad", "exit 1", "", "5s"],
        ["○", "New", "not collected yet", "", ""],
        ["●", "Once", "v1", "", "once"],
    ]
    assert describe.metadata_state(items)[0].text == "1 failing"
    assert describe.metadata_state(items[:2])[0].text == "1 stale"
    assert describe.metadata_state(())[1] == "off"


def test_a_sparkline_has_a_threshold_where_there_is_a_whole() -> None:
    cell = describe.spark_cell([10.0, 95.0, 96.0], 3, full=100.0)
    assert [(s.start, s.end, s.tone) for s in cell.spans] == [(1, 2, Tone.WARN), (2, 3, Tone.WARN)]
    assert describe.spark_cell([10.0, 95.0], 3).spans == ()


@pytest.mark.parametrize(
    ("values", "width", "text"),
    [
        ([], 5, ""),
        ([1.0], 5, ""),
        ([1.0, 1.0], 2, "▁▁"),
        ([1.0, 2.0], 0, ""),
        ([0.0, 1.0, 2.0, 3.0], 2, "▁█"),
        ([float("nan"), 1.0, 2.0], 3, " ▁█"),
        ([-1e308, 1e308], 2, "▁▁"),
    ],
)
def test_a_sparkline_of_any_readings(values: list[float], width: int, text: str) -> None:
    assert describe.spark_cell(values, width).text == text


@pytest.mark.parametrize(
    ("value", "full"), [("12%", 100.0), ("3.4/8 GiB", 8.0), ("12", None), ("1/0", None), ("up", None)]
)
def test_what_a_value_is_out_of(value: str, full: float | None) -> None:
    assert full_scale(value) == full


# Health


def health(**fields: Any) -> dict[str, str]:
    agent = make_agent(**fields)
    workspace = make_workspace(agent)
    facts = describe.health_facts(
        workspace, agent, verdict(workspace, agent, NOW), NOW, server=Server(version="v2.38.0+zz")
    )
    return {fact.label: fact.value.text for fact in facts}


def test_the_health_pane_of_a_broken_agent() -> None:
    facts = health(
        lifecycle="start_error",
        healthy=False,
        health_reason="agent startup script exited with an error",
        latency=(RegionLatency("Frankfurt", 34.2, preferred=True),),
        troubleshooting_url="https://example.com/help",
    )
    assert facts[""] == "✗ startup script failed"
    assert facts["status"] == "connected  since 11:00:10"
    assert facts["lifecycle"] == "start_error"
    assert facts["server says"] == "agent startup script exited with an error"
    assert facts["seen"] == "now   RTT 34 ms via DERP Frankfurt"
    assert facts["version"] == "v2.37.1  server v2.38.0"
    assert facts["help"] == "https://example.com/help"
    assert "scripts ended 11:01:40" in facts["timeline"]


def test_a_well_agent_is_not_sent_to_troubleshooting() -> None:
    assert "help" not in health(troubleshooting_url="https://example.com/help")


def test_an_agent_that_never_came_is_told_its_limit() -> None:
    facts = health(
        status="connecting",
        lifecycle="created",
        first_connected_at=None,
        last_connected_at=None,
        created_at=before(30),
    )
    assert facts["time limit"] == "connects within 2m"
    assert facts["seen"] == "never"
    late = health(status="timeout", first_connected_at=None, last_connected_at=None, created_at=before(300))
    assert late["time limit"] == "connects within 2m: passed 3m ago"


def test_since_of_a_reconnect_is_not_the_first_connect() -> None:
    assert health(disconnected_at=before(50))["status"] == "connected"


def test_warnings_before_the_rest_is_trusted() -> None:
    agent = make_agent(logs_overflowed=True, lifecycle="starting", startup_script_behavior="blocking")
    workspace = make_workspace(agent, outdated=True, agents_are_previous=True, dormant_at=NOW)
    assert len(describe.warnings(workspace, agent)) == 5


# Frames, titles


def opened() -> tuple[Store, Any]:
    store = Store()
    agent = make_agent(scripts=(make_script(status="exit_failure", exit_code=127),), lifecycle="start_error")
    workspace = make_workspace(agent)
    store.apply(
        [
            ev.ServerNamed("https://c.example.com", "c.example.com", is_embedded=False),
            ev.ServerAnswered(NOW, "v2.37.1+x", 0.0, 0.1),
            ev.UserRead(User("u", "ada")),
            ev.WorkspacesRead((workspace,), NOW, "watch"),
            ev.StreamChanged("watch:w1", StreamState.LIVE, NOW),
            ev.StreamChanged(f"logs:{agent.id}", StreamState.LIVE, NOW),
            ev.AgentOpened(agent.id),
            ev.LogLinesRead(agent.id, tuple(make_line(n) for n in range(1, 267))),
            ev.PortsRead(agent.id, (Port(8080, "tcp", "node"),), before(12)),
            ev.MetadataRead(agent.id, (MetadataItem("cpu", "CPU", "1%", age_s=1),), NOW),
        ]
    )
    return store, next(iter(rows_of(workspace)))


def test_nine_frames_say_count_and_freshness() -> None:
    store, row = opened()
    heads = describe.pane_heads(
        store.state, row, verdict(row.workspace, row.agent, NOW), NOW, terminal=Cell("connected")
    )
    assert [(h.number, h.name, h.state.text, h.freshness.text) for h in heads] == [
        (1, "Health", "unwell", "live"),
        (2, "Scripts", "1 failed", "live"),
        (3, "Ports", "1", "10 s ago"),
        (4, "Logs", "266 lines", "live"),
        (5, "Devcontainers", "", ""),
        (6, "Terminal", "connected", ""),
        (7, "Apps", "", "live"),
        (8, "Metadata", "1", "live"),
        (9, "Network", "", ""),
    ]
    assert heads[0].kind == "broken"


def test_frames_of_a_workspace_without_agents_are_empty() -> None:
    store, _ = opened()
    row = next(iter(rows_of(make_workspace(id="w9"))))
    heads = describe.pane_heads(store.state, row, verdict(row.workspace, None, NOW), NOW)
    assert len(heads) == 9
    assert {h.state.text for h in heads} == {""}


def test_dialled_panes_of_an_absent_agent_do_not_pretend() -> None:
    store, row = opened()
    gone = make_workspace(make_agent(status="disconnected"))
    row = next(iter(rows_of(gone)))
    heads = describe.pane_heads(store.state, row, verdict(gone, row.agent, NOW), NOW)
    assert heads[2].freshness.text == heads[4].freshness.text == "agent not connected"


def test_the_agents_title_is_a_path_and_its_facts() -> None:
    store, row = opened()
    title = describe.agent_title(store.state, row, verdict(row.workspace, row.agent, NOW), NOW)
    assert [c.text for c in title.left] == ["Fleet", "› go-7f3a › main", "ada"]
    assert [c.text for c in title.right] == ["✗ connected", "live", "web v31", "linux/amd64", "agent v2.37.1"]


def test_the_top_line_of_the_program() -> None:
    store, _ = opened()
    line = describe.top_line(store.state, NOW, rows=412)
    assert [c.text for c in line.left] == ["agentdash", "c.example.com · ada · v2.37.1"]
    assert [c.text for c in line.right] == ["● live", "2 streams", "412 agents", "12:00Z"]


def test_a_server_that_is_not_heard_says_so() -> None:
    store, _ = opened()
    store.apply([ev.ServerFailed(Problem("ConnectFailed", "Cannot reach the server"))])
    assert describe.server_state(store.state, NOW) == Cell("✗ Cannot reach the server", Tone.BROKEN)
    store.apply([ev.FleetFailed(Problem("ConnectFailed", "x"), before(-4))])
    assert describe.server_state(store.state, NOW).text.endswith("retry in 4 s")
    assert describe.server_state(Store().state, NOW).text == "◐ connecting…"


def test_a_server_that_has_not_been_heard_for_longer_than_it_may_is_not_called_live() -> None:
    store, row = opened()
    assert describe.server_state(store.state, before(-17)).text == "● live"
    assert describe.server_state(store.state, before(-22)) == Cell("◐ silent 20 s", Tone.WARN)
    assert describe.row_freshness(store.state, row.workspace.id, before(-22)) == Cell(
        "silent 20 s", Tone.WARN
    )
    assert describe.server_state(store.state, before(-200)).text == "◐ silent 3m"
    store.apply([ev.ServerHeard(before(-15))])
    assert describe.server_state(store.state, before(-22)).text == "● live"
    assert describe.row_freshness(store.state, row.workspace.id, before(-22)).text == "live"


def test_silence_and_the_next_try_are_told_by_the_clock_they_were_noted_by() -> None:
    store = Store()
    store.apply([ev.ServerAnswered(NOW, "v2.37.1", 600.0, 0.1)])
    there = before(-600)
    assert describe.server_state(store.state, there).text == "● live"
    assert describe.server_state(store.state, there + (NOW - before(22))).text == "◐ silent 20 s"
    trouble = Problem("ConnectFailed", "Cannot reach the server")
    store.apply([ev.ServerFailed(trouble), ev.FleetFailed(trouble, before(-4))])
    assert describe.server_state(store.state, there).text.endswith("retry in 4 s")


def test_a_row_that_is_not_watched_tells_when_it_was_read() -> None:
    store = Store()
    store.apply([ev.WorkspacesRead((make_workspace(),), before(200), "page")])
    assert describe.row_freshness(store.state, "w1", NOW).text == "read 3m ago"
    assert describe.row_freshness(store.state, "w9", NOW).text == ""


# Start-up


def test_start_up_is_stitched_from_three_clocks() -> None:
    skewed = before(50_000)
    build = make_build(job=make_job(created_at=before(100), started_at=before(99), completed_at=before(68)))
    agent = make_agent(scripts=(make_script(),))
    timings = Timings(
        "b1",
        provisioner=(
            Timing("plan", "", skewed, skewed + timedelta(seconds=9)),
            Timing("apply", "vm", skewed + timedelta(seconds=9), skewed + timedelta(seconds=31)),
            Timing("apply", "net", skewed + timedelta(seconds=9), skewed + timedelta(seconds=12)),
        ),
        connections=(Timing("connect", "main", before(68), before(54), agent_id="w1-main"),),
        scripts=(timing("install-deps", 38, NOW + timedelta(days=3), status="exit_failure", exit_code=127),),
    )
    timeline = describe.startup(build, agent, timings, NOW)
    assert [(b.label, b.start_s, b.length_s, b.kind, b.note) for b in timeline.bars] == [
        ("queue", 0.0, 1.0, "well", ""),
        ("plan", 1.0, 9.0, "well", ""),
        ("apply", 10.0, 22.0, "well", "vm"),
        ("connect", 32.0, 14.0, "well", ""),
        ("install-deps", 46.0, 38.0, "broken", "exit 127"),
    ]
    drawn = describe.bar_lines(timeline, 40)
    assert [line[2].text.strip() for line in drawn] == ["1s", "9s", "22s", "14s", "38s"]
    assert {len(line[1].text) for line in drawn} == {40}


def test_what_has_not_ended_is_an_open_bar() -> None:
    pending = make_build(
        "pending", job=make_job("pending", created_at=before(30), started_at=None, completed_at=None)
    )
    assert [(b.label, b.length_s, b.is_open) for b in describe.startup(pending, None, None, NOW).bars] == [
        ("queue", 30.0, True)
    ]
    agent = make_agent(
        lifecycle="starting",
        first_connected_at=before(60),
        started_at=before(59),
        scripts=(make_script(status=None),),
    )
    bars = describe.startup(make_build(), agent, None, NOW).bars
    assert [(b.label, b.is_open) for b in bars] == [
        ("queue", False),
        ("build", False),
        ("connect", False),
        ("install-deps", True),
    ]
    assert bars[-1].length_s == 60.0


def test_ascii_bars_hold_only_ascii() -> None:
    timeline = describe.startup(make_build(), make_agent(), None, NOW)
    assert all(cell.text.isascii() for line in describe.bar_lines(timeline, 20, ASCII) for cell in line)
