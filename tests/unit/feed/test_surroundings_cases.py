"""What is asked about single workspaces: only of the unwell and the moving, newest first, so many a minute."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentdash.api import errors
from agentdash.feed import surroundings
from agentdash.feed.surroundings import WorkspaceQuestions
from agentdash.feed.surroundings_cases import Ask, Cases, in_turn, with_shown
from agentdash.state import events as ev
from agentdash.state.deployment import BuildSummary, LogTail, summary_of
from agentdash.state.deployment_events import BuildsRead
from agentdash.state.freshness import Freshness
from agentdash.state.model import PREBUILDS_USER_ID, Agent, Job, LogLine, Script, Workspace
from tests.unit.feed.fakes import NOON, World, a_build, a_workspace, an_agent, lines

WELL = {"baseline_builds": 0}


def asking(**settings: Any) -> World:
    return World(**({"surroundings_settle_s": 0.0, **WELL} | settings))


def ago(seconds: float) -> Any:
    return NOON - timedelta(seconds=seconds)


def a_job(status: str = "succeeded", age_s: float = 30, **changes: Any) -> Job:
    job = Job("j", status, created_at=ago(age_s + 60), started_at=ago(age_s + 50))
    if status in ("succeeded", "failed"):
        job = replace(job, completed_at=ago(age_s))
    return replace(job, **changes)


def failed(workspace_id: str = "w1", age_s: float = 30, template: str = "t1") -> Workspace:
    build = a_build(workspace_id, status="failed", job=a_job("failed", age_s))
    return a_workspace(workspace_id, template_id=template, build=build, agents=())


def with_agent(workspace_id: str = "w1", **changes: Any) -> Workspace:
    agent: Agent = an_agent(workspace_id, **changes)
    build = a_build(workspace_id, job=a_job())
    return a_workspace(workspace_id, template_id="t1", build=build, agents=(agent,))


def script(status: str | None, **changes: Any) -> Script:
    return Script("x", "Startup", "s1", run_on_start=True, status=status, **changes)


def kinds(world: World, *workspaces: Workspace) -> set[str]:
    world.know(*workspaces)
    return {ask.kind for ask in Cases(world.settings).wanted(world.state, NOON)}


def asked(world: World) -> list[str]:
    return [name for name, _ in world.source.calls]


# What is wanted


def test_nothing_is_asked_about_what_is_well() -> None:
    stopped = a_workspace("w2", build=a_build("w2", transition="stop", job=a_job(age_s=99_999)), agents=())
    assert kinds(asking(), with_agent(), stopped, with_agent("w3", scripts=(script("ok"),))) == set()


@pytest.mark.parametrize(
    ("workspace", "wanted"),
    [
        (failed(), {"build_logs", "builds"}),
        (with_agent(lifecycle="start_error"), {"agent_logs", "timings"}),
        (with_agent(lifecycle="start_timeout"), {"agent_logs", "timings"}),
        (with_agent(lifecycle="shutdown_error"), {"agent_logs", "timings"}),
        (with_agent(scripts=(script("exit_failure"),)), {"agent_logs", "timings"}),
        (with_agent(lifecycle="starting", first_connected_at=ago(61)), {"agent_logs", "timings"}),
        (with_agent(lifecycle="starting", first_connected_at=ago(30)), {"timings"}),
        (with_agent(status="disconnected", disconnected_at=ago(121)), {"agent_logs", "timings"}),
        (with_agent(status="disconnected", disconnected_at=ago(60)), {"timings"}),
        (with_agent(status="connecting", lifecycle="created"), {"timings"}),
    ],
)
def test_what_is_asked_about_what_is_unwell(workspace: Workspace, wanted: set[str]) -> None:
    assert kinds(asking(), workspace) == wanted


@pytest.mark.parametrize(("age_s", "wanted"), [(5, set()), (61, {"build_logs"})])
def test_the_log_of_a_build_is_read_once_it_takes_long(age_s: float, wanted: set[str]) -> None:
    job = a_job("running", started_at=ago(age_s))
    running = a_workspace(build=a_build(status="starting", job=job), agents=())
    assert kinds(asking(), running) == wanted


def test_a_queued_build_has_no_log() -> None:
    assert kinds(asking(), a_workspace(build=a_build(status="pending", job=a_job("pending")))) == set()


def test_a_stop_of_a_moment_ago_has_timings_of_its_scripts_with_the_start_before() -> None:
    build = a_build(status="stopped", transition="stop", job=a_job(), number=2)
    world = asking()
    assert kinds(world, a_workspace(build=build, agents=())) == {"builds"}
    before = (
        summary_of(build),
        BuildSummary("start", build.workspace_id, 1, "start", "running", "succeeded"),
    )
    world.store.apply([BuildsRead(build.workspace_id, before, NOON)])
    wanted = Cases(world.settings).wanted(world.state, NOON)
    assert {(ask.kind, ask.subject) for ask in wanted} == {
        ("builds", build.workspace_id),
        ("timings", "start"),
    }


def test_agents_of_the_build_before_are_not_asked_about() -> None:
    unwell = with_agent(lifecycle="start_error")
    assert kinds(asking(), replace(unwell, agents_are_previous=True)) == set()


def test_builds_tell_whether_a_workspace_was_claimed() -> None:
    build = a_build(number=2, preset_id="p1", created_at=ago(60), job=a_job())
    claimed = a_workspace(build=build)
    assert kinds(asking(), claimed) == {"builds", "timings"}
    assert kinds(asking(), replace(claimed, is_prebuild=True)) == set()
    old = replace(claimed, build=replace(build, created_at=ago(90_000)))
    assert kinds(asking(), old) == set()


def test_parameters_are_asked_where_a_prebuild_may_have_been_passed_over() -> None:
    build = a_build(template_version_id="v1", initiator_id="u1", created_at=ago(60), job=a_job())
    made = a_workspace(build=build)
    world = asking()
    assert kinds(world, made) == set()
    pool = replace(
        with_agent("p"), build=a_build("p", template_version_id="v1", job=a_job()), is_prebuild=True
    )
    assert kinds(world, pool, made) == {"parameters"}
    assert kinds(world, replace(made, build=replace(build, initiator_id=PREBUILDS_USER_ID))) == set()
    assert kinds(world, replace(made, build=replace(build, preset_id="p1"))) == set()


def test_the_newest_good_builds_of_each_template_are_for_comparison() -> None:
    world = asking(baseline_builds=2)
    rows = [
        replace(with_agent(f"w{n}"), build=a_build(f"w{n}", job=a_job(age_s=n)), template_id=f"t{n % 2}")
        for n in range(1, 9)
    ]
    world.know(*rows, failed("bad"))
    found = [a for a in Cases(world.settings).wanted(world.state, NOON) if a.kind == "timings"]
    assert {a.subject for a in found} == {"w1-b1", "w2-b1", "w3-b1", "w4-b1"}


def test_sources_to_blame_are_those_of_what_failed_or_has_not_ended() -> None:
    container = Script("dc", "Dev Container (api)", "", status="exit_failure", is_devcontainer=True)
    sources = (replace(an_agent().log_sources[0], id="s9", name="Dev Container (api)"),)
    agent = {"lifecycle": "start_error", "scripts": (script(None), container), "log_sources": sources}
    world = asking()
    world.know(with_agent(**agent))
    wanted = Cases(world.settings).wanted(world.state, NOON)
    assert next(a for a in wanted if a.kind == "agent_logs").sources == {"s1", "s9"}


def test_timings_of_prebuilds_on_screen_come_before_others() -> None:
    world = asking()
    ready = replace(with_agent("w1", lifecycle="ready"), is_prebuild=True)
    broken = replace(
        with_agent("w2", lifecycle="start_error", scripts=(script("exit_failure"),)), is_prebuild=True
    )
    mine = with_agent("w3", lifecycle="ready")
    world.know(ready, broken, mine)
    wanted = Cases(world.settings).wanted(world.state, NOON)
    for visible in ((), ("w1", "w2", "w3")):
        assert with_shown(wanted, world.state, frozenset(visible)) == wanted
    shown = with_shown(wanted, world.state, frozenset({"w1", "w2", "gone"}))
    assert [(ask.kind, ask.workspace_id) for ask in in_turn(shown, {})][:2] == [
        ("timings", "w2"),
        ("timings", "w1"),
    ]
    # What is asked again when something changes still is.
    (own,) = (ask for ask in wanted if ask.kind == "timings")
    assert own.mark in {ask.mark for ask in shown}


def test_a_workspace_that_is_gone_is_not_asked_about() -> None:
    world = asking()
    world.know(failed())
    cases = Cases(world.settings)
    assert cases.wanted(world.state, NOON)
    world.store.apply([ev.WorkspaceGone("w1")])
    assert cases.wanted(world.state, NOON) == []


# The order


def an_ask(subject: str, group: str = "t1", urgency: int = 0, age_s: float = 0) -> Ask:
    return Ask("build_logs", subject, subject, group, "m", ago(age_s), urgency)


def test_the_newest_goes_first_and_templates_take_turns() -> None:
    asks = [an_ask(f"a{n}", "t1", age_s=n) for n in range(3)]
    asks += [an_ask("b0", "t2", age_s=500), an_ask("later", "t0", urgency=2)]
    assert [a.subject for a in in_turn(asks, {})] == ["a0", "b0", "a1", "a2", "later"]


def test_what_has_waited_for_long_comes_first_in_the_end() -> None:
    asks = [an_ask("new", "t1"), an_ask("old", "t1", urgency=3, age_s=900)]
    assert [a.subject for a in in_turn(asks, {("build_logs", "old"): 100.0})] == ["new", "old"]
    waited = {("build_logs", "old"): 200.0}
    assert [a.subject for a in in_turn([*asks, an_ask("x", "t0", 1)], waited)][:2] == ["new", "old"]


# The pace


async def test_so_many_a_minute_and_no_more() -> None:
    world = asking(cases_per_minute=30, cases_at_once=10)
    world.know(*(with_agent(f"w{n}", status="connecting", lifecycle="created") for n in range(200)))
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(1)
        assert len(world.source.asked("timings")) == 10
        await world.clock.advance(60)
        assert len(world.source.calls) in range(38, 42)
        await world.clock.advance(60)
        assert len(world.source.calls) in range(68, 72)


async def test_what_is_looked_at_does_not_wait_for_the_pace() -> None:
    world = asking(cases_at_once=2)
    made = [replace(with_agent(f"w{n}", lifecycle="ready"), is_prebuild=True) for n in range(5)]
    world.know(*made)
    questions = WorkspaceQuestions(world.ctx)
    questions.visible = frozenset(w.id for w in made)
    async with world.doing(questions.run):
        await world.clock.advance(1)
    assert len(world.source.asked("timings")) == 5


async def test_a_log_counts_as_two() -> None:
    world = asking(cases_per_minute=30, cases_at_once=10)
    world.know(*(failed(f"w{n}") for n in range(200)))
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(1)
        assert len(world.source.asked("build_tail")) == 5
        await world.clock.advance(50)
        assert len(world.source.calls) in range(16, 20)


async def test_a_slow_server_is_asked_less() -> None:
    world = asking(cases_per_minute=60, cases_at_once=5)
    world.know(*(failed(f"w{n}") for n in range(200)))
    quick = world.source.build_tail

    async def slow(build_id: str, known: LogTail | None) -> LogTail:
        await world.clock.sleep(4.0)
        return await quick(build_id, known)

    world.source.build_tail = slow  # type: ignore[method-assign]
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(400)
        assert 20 < len(world.source.asked("build_tail")) < 40


async def test_each_is_asked_once_until_something_changes() -> None:
    world = asking()
    world.know(with_agent(lifecycle="start_error", scripts=(script("exit_failure"),)))
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(600)
        assert asked(world).count("agent_tail") == asked(world).count("timings") == 1
        world.know(with_agent(lifecycle="start_timeout", scripts=(script("timed_out"),)))
        await world.clock.advance(10)
        assert asked(world).count("agent_tail") == asked(world).count("timings") == 2
        world.know(with_agent(lifecycle="ready", scripts=(script("ok"),)))
        await world.clock.advance(600)
        assert asked(world).count("agent_tail") == 2


async def test_the_log_of_a_stuck_build_is_gone_on_with() -> None:
    world = asking()
    job = a_job("running", started_at=ago(500))
    world.know(a_workspace(build=a_build(status="starting", job=job), agents=()))
    given: list[LogTail | None] = []

    async def tail(build_id: str, known: LogTail | None) -> LogTail:
        given.append(known)
        return LogTail(lines(*range(1, len(given) + 1)))

    world.source.build_tail = tail  # type: ignore[method-assign]
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(65)
    assert [0 if known is None else len(known.lines) for known in given] == [0, 1, 2]
    assert len(world.state.deployment.build_logs["w1-b1"].value.lines) == 3  # type: ignore[union-attr]


async def test_a_log_on_screen_is_left_to_its_stream() -> None:
    world = asking()
    world.know(with_agent(lifecycle="start_error"))
    world.store.apply([ev.LogLinesRead("w1-main-1", (LogLine(1, NOON, "s1", "info", "x"),))])
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(30)
        assert "agent_tail" not in asked(world)
        world.store.apply([ev.AgentOpened("w1-main-1"), ev.AgentClosed("w1-main-1", NOON)])
        await world.clock.advance(10)
        assert "agent_tail" in asked(world)


async def test_nothing_ever_dials_an_agent() -> None:
    world = asking(baseline_builds=5)
    world.know(
        failed("w1"), with_agent("w2", lifecycle="start_error"), with_agent("w3", status="disconnected"), with_agent("w4")
    )  # fmt: skip
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(300)
    assert not {"ports", "containers", "watch_containers", "metadata"} & set(asked(world))


# Answers


async def test_answers_become_facts() -> None:
    world = asking()
    world.source.histories["w1"] = (BuildSummary("b", "w1", 1, "start", "failed", "failed"),)
    world.source.tails["w1-b1"] = LogTail(lines(1, 2), is_whole=True)
    world.know(failed())
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(5)
    known = world.state.deployment
    assert known.builds["w1"].value == world.source.histories["w1"]
    assert known.build_logs["w1-b1"].value == world.source.tails["w1-b1"]
    assert known.build_logs["w1-b1"].freshness is Freshness.POLLED


async def test_a_refusal_of_one_is_its_own_and_final_until_it_changes() -> None:
    world = asking()
    world.source.errors["build_tail:w1-b1"] = errors.NotFound("gone", status=404)
    world.know(failed("w1"), failed("w2"))
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(4000)
    assert world.source.asked("build_tail").count("w1-b1") == 1
    known = world.state.deployment.build_logs
    assert known["w1-b1"].freshness is Freshness.REFUSED
    assert known["w2-b1"].freshness is Freshness.POLLED


async def test_a_route_that_an_old_server_lacks_is_asked_for_once() -> None:
    world = asking(baseline_builds=5)
    world._post([ev.BuildInfoRead("v2.10.0", "", "", False)])
    world.source.errors["timings"] = errors.RouteNotFound("", status=404)
    world.know(*(with_agent(f"w{n}") for n in range(5)))
    questions = WorkspaceQuestions(world.ctx)
    async with world.doing(questions.run):
        await world.clock.advance(60)
        assert asked(world).count("timings") == 1
        facts = world.state.deployment.timings
        assert {fact.freshness for fact in facts.values()} == {Freshness.REFUSED}
        assert len(facts) == 5
        del world.source.errors["timings"]
        world._post([ev.BuildInfoRead("v2.30.0", "", "", False)])
        await world.clock.advance(30)
        facts = world.state.deployment.timings
        assert {fact.freshness for fact in facts.values()} == {Freshness.POLLED}


async def test_a_restart_of_the_server_is_survived() -> None:
    world = asking()
    world.source.errors["build_tail"] = world.source.errors["builds"] = errors.ConnectFailed("refused")
    world.know(*(failed(f"w{n}") for n in range(10)))
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(120)
        assert len(world.source.calls) < 20
        world.source.errors.clear()
        await world.clock.advance(90)
        facts = world.state.deployment.build_logs
        assert [fact.freshness for fact in facts.values()] == [Freshness.POLLED] * 10


async def test_a_trouble_with_one_holds_up_no_other() -> None:
    world = asking()
    world.source.errors["build_tail:w1-b1"] = errors.ServerError("boom", status=500)
    world.know(failed("w1"), failed("w2"))
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(10)
        facts = world.state.deployment.build_logs
        assert facts["w1-b1"].freshness is Freshness.STALE
        assert facts["w2-b1"].freshness is Freshness.POLLED
        world.source.errors.clear()
        await world.clock.advance(60)
        assert world.state.deployment.build_logs["w1-b1"].freshness is Freshness.POLLED


async def test_a_large_fleet_is_looked_through_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "MANY", 1)
    world = asking()
    world.know(failed("w1"))
    answered = asyncio.Event()
    quick = world.source.build_tail

    async def tail(build_id: str, known: LogTail | None) -> LogTail:
        answered.set()
        return await quick(build_id, known)

    world.source.build_tail = tail  # type: ignore[method-assign]
    async with world.doing(WorkspaceQuestions(world.ctx).run):
        await world.clock.advance(0)
        await asyncio.wait_for(answered.wait(), 10)
