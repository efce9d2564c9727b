"""Actions carried out: success, refusal, partial failure, lost answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentdash.actions.guard import check
from agentdash.actions.registry import REGISTRY, action
from agentdash.actions.run import Runner, is_uncertain
from agentdash.actions.target import Target
from agentdash.api import errors
from agentdash.state.events import ActionChanged, Event, FactFailed, FactLoading, NodeRead
from agentdash.state.model import ActionRecord, AgentNode, Build, Job, Workspace
from tests.unit.actions.known import NOON, a_build, a_state, a_workspace, active

MAIN = Target("w1/main")
STOPPED = a_build(status="stopped", transition="stop")


class FakeDoer:
    """Notes what it was asked to do; `errors` by call, first one first."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.errors: dict[str, list[errors.ApiError]] = {}
        self.can_server_restart = False
        self.statuses: list[str] = []
        self.gate: asyncio.Event | None = None

    async def _do(self, *call: Any) -> None:
        self.done.append(call)
        if self.gate is not None:
            await self.gate.wait()
        waiting = self.errors.get(call[0], [])
        if waiting:
            raise waiting.pop(0)

    async def set_prebuilds_paused(self, paused: bool) -> None:
        await self._do("pause" if paused else "resume")

    async def restart_by_server(self, workspace_id: str) -> Build:
        await self._do("restart_by_server", workspace_id)
        return a_build(number=13)

    async def start(self, workspace_id: str) -> Build:
        await self._do("start", workspace_id)
        return a_build(number=14)

    async def stop(self, workspace_id: str) -> Build:
        await self._do("stop", workspace_id)
        return a_build(id="b13", number=13, job=Job("j", "pending"))

    async def delete(self, workspace_id: str) -> Build:
        await self._do("delete", workspace_id)
        return a_build(number=13)

    async def build(self, build_id: str) -> Build:
        await self._do("build", build_id)
        return a_build(job=Job("j", self.statuses.pop(0) if self.statuses else "succeeded"))

    async def cancel(self, build_id: str) -> None:
        await self._do("cancel", build_id)

    async def extend(self, workspace_id: str, deadline: datetime) -> None:
        await self._do("extend", workspace_id, deadline)

    async def set_favorite(self, workspace_id: str, favorite: bool) -> None:
        await self._do("favorite", workspace_id, favorite)

    async def recreate_devcontainer(
        self, agent_id: str, devcontainer_id: str, container_id: str | None
    ) -> None:
        await self._do("recreate", agent_id, devcontainer_id, container_id)

    async def delete_devcontainer(self, agent_id: str, devcontainer_id: str) -> None:
        await self._do("delete_devcontainer", agent_id, devcontainer_id)

    async def agent_node(self, agent_id: str) -> AgentNode:
        await self._do("agent_node", agent_id)
        return AgentNode(999, endpoints=("10.0.0.5:41641",))


class Bench:
    """A runner on fakes."""

    def __init__(self, *workspaces: Workspace, read_only: bool = False, **state: Any) -> None:
        self.doer = FakeDoer()
        self.state = a_state(*workspaces, **state)
        self.records: list[ActionRecord] = []
        self.facts: list[Event] = []
        self.touched: list[str] = []
        self.slept: list[float] = []
        self.runner = Runner(
            self.doer,
            self._post,
            lambda: self.state,
            touch=self.touched.append,
            now=lambda: NOON,
            sleep=self._sleep,
            read_only=read_only,
        )

    def _post(self, events: Sequence[Event]) -> None:
        self.records += [e.record for e in events if isinstance(e, ActionChanged)]
        self.facts += [e for e in events if not isinstance(e, ActionChanged)]

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(self, action_id: str, *targets: Target) -> tuple[ActionRecord, ...]:
        return await self.runner.run(action(action_id), targets or (MAIN,))

    async def one(self, action_id: str, target: Target = MAIN) -> ActionRecord:
        return (await self.run(action_id, target))[0]


def test_every_writing_action_runs_here() -> None:
    runner = Bench().runner
    shells = {a.id for a in REGISTRY if a.right == "ssh"} - {"network-node"}
    assert {a.id for a in REGISTRY if runner.can(a)} == {a.id for a in REGISTRY if a.writes} - shells


async def test_success_is_told_from_begin_to_end() -> None:
    bench = Bench()
    record = await bench.one("stop")
    assert bench.doer.done == [("stop", "w1")]
    assert [r.outcome for r in bench.records] == ["running", "done"]
    assert len({r.id for r in bench.records}) == 1
    assert record.target == "ada/dev-w1"
    assert record.command == "coder stop ada/dev-w1"
    assert record.detail == "Build 13 is queued."
    assert record.ended_at == NOON
    assert bench.touched == ["w1"]
    assert not bench.runner.is_busy


@pytest.mark.parametrize(
    ("action_id", "workspace", "call"),
    [
        ("start", a_workspace(build=STOPPED), ("start", "w1")),
        ("delete", a_workspace(), ("delete", "w1")),
        ("cancel-build", a_workspace(build=active()), ("cancel", "b1")),
        ("favorite", a_workspace(), ("favorite", "w1", True)),
        ("favorite", a_workspace(favorite=True), ("favorite", "w1", False)),
        ("extend", a_workspace(build=a_build(deadline=NOON)), ("extend", "w1", NOON + timedelta(hours=1))),
    ],
)
async def test_what_is_called(action_id: str, workspace: Workspace, call: tuple[Any, ...]) -> None:
    bench = Bench(workspace)
    assert (await bench.one(action_id)).outcome == "done"
    assert bench.doer.done == [call]


async def test_extension_stops_at_what_the_template_allows() -> None:
    latest = NOON + timedelta(minutes=20)
    bench = Bench(a_workspace(build=a_build(deadline=NOON, max_deadline=latest)))
    await bench.one("extend")
    assert bench.doer.done == [("extend", "w1", latest)]


async def test_devcontainers() -> None:
    bench = Bench()
    target = Target("w1/main", devcontainer="d1")
    assert (await bench.one("devcontainer-recreate", target)).target == "app"
    await bench.one("devcontainer-delete", target)
    assert bench.doer.done == [("recreate", "w1-main", "d1", None), ("delete_devcontainer", "w1-main", "d1")]


async def test_restart_by_a_server_that_can() -> None:
    bench = Bench()
    bench.doer.can_server_restart = True
    record = await bench.one("restart")
    assert bench.doer.done == [("restart_by_server", "w1")]
    assert "server starts it" in record.detail


async def test_restart_by_stop_wait_and_start() -> None:
    bench = Bench()
    bench.doer.statuses = ["running", "running", "succeeded"]
    bench.doer.errors["build"] = [errors.ConnectFailed("blip"), errors.ServerError("x", status=502)]
    record = await bench.one("restart")
    assert record.outcome == "done"
    calls = [call[0] for call in bench.doer.done]
    assert calls == ["stop", "build", "build", "build", "build", "build", "start"]
    assert [r.outcome for r in bench.records] == ["running", "running", "done"]
    assert "leave it stopped" in bench.records[1].detail


async def test_restart_does_not_start_after_a_stop_that_failed() -> None:
    bench = Bench()
    bench.doer.statuses = ["failed"]
    record = await bench.one("restart")
    assert record.outcome == "failed"
    assert "not started" in record.detail
    assert ("start", "w1") not in bench.doer.done


async def test_restart_waits_for_a_stop_only_so_long() -> None:
    bench = Bench()
    bench.doer.statuses = ["running"] * 10_000
    record = await bench.one("restart")
    assert record.outcome == "failed"
    assert "in time" in record.detail


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(errors.TimedOut("lost"), "unknown"), (errors.Forbidden("no", status=403), "failed")],
)
async def test_restart_says_that_it_is_stopped_when_the_start_goes_wrong(
    error: errors.ApiError, outcome: str
) -> None:
    bench = Bench()
    bench.doer.errors["start"] = [error]
    record = await bench.one("restart")
    assert record.outcome == outcome
    assert record.detail.startswith("It is stopped")


async def test_a_refusal_of_the_server_is_told_in_words() -> None:
    bench = Bench()
    bench.doer.errors["stop"] = [errors.Conflict("A workspace build is already active.", status=409)]
    record = await bench.one("stop")
    assert record.outcome == "failed"
    assert "already active" in record.detail
    assert bench.touched == ["w1"]


@pytest.mark.parametrize("error", [errors.TimedOut("20 s"), errors.ConnectFailed("cut")])
async def test_a_lost_answer_is_an_unknown_outcome_and_read_again(error: errors.ApiError) -> None:
    bench = Bench()
    bench.doer.errors["delete"] = [error]
    record = await bench.one("delete")
    assert record.outcome == "unknown"
    assert bench.doer.done == [("delete", "w1")]
    assert bench.touched == ["w1"]


def test_which_errors_leave_it_open() -> None:
    assert is_uncertain(errors.ServerError("", status=504))
    assert not is_uncertain(errors.ServerError("", status=500))
    assert not is_uncertain(errors.Redirected("https://other"))
    assert not is_uncertain(errors.Forbidden("", status=403))
    assert is_uncertain(errors.MalformedAnswer(""))


async def test_what_the_guard_refuses_is_not_sent() -> None:
    bench = Bench(a_workspace(build=active()))
    record = await bench.one("stop")
    assert (record.outcome, bench.doer.done) == ("failed", [])
    assert "Build 12" in record.detail
    bench = Bench(read_only=True)
    assert "Read-only" in (await bench.one("stop")).detail
    assert bench.doer.done == []
    assert (await Bench().one("zoom")).outcome == "failed"
    assert (await Bench().one("stop", Target("w9/main"))).detail == "It is no longer there."


async def test_a_build_that_followed_the_one_in_question_is_left_alone() -> None:
    bench = Bench(a_workspace(build=active()))
    asked = check(action("cancel-build"), [MAIN], bench.state, read_only=False, now=NOON)
    assert asked.allowed
    bench.state = a_state(a_workspace(build=active(id="b2", number=13)))
    (record,) = await bench.run("cancel-build", *asked.targets)
    assert (record.outcome, bench.doer.done) == ("failed", [])
    assert record.detail == "The build that was to be cancelled has ended; build 13 was left alone."
    bench.state = a_state(a_workspace(build=active()))
    (record,) = await bench.run("cancel-build", *asked.targets)
    assert (record.outcome, bench.doer.done) == ("done", [("cancel", "b1")])


def fleet(count: int) -> tuple[tuple[Workspace, ...], tuple[Target, ...]]:
    workspaces = tuple(a_workspace(f"w{n}") for n in range(1, count + 1))
    return workspaces, tuple(Target(f"{w.id}/main") for w in workspaces)


async def test_a_row_of_targets_is_paced_and_each_counts_once() -> None:
    workspaces, targets = fleet(3)
    bench = Bench(*workspaces)
    records = await bench.run("stop", *targets, Target("w1/side"))
    assert [r.target for r in records] == ["ada/dev-w1", "ada/dev-w2", "ada/dev-w3"]
    assert bench.slept == [0.3, 0.3]
    assert bench.touched == ["w1", "w2", "w3"]


async def test_a_row_goes_on_after_one_failure_and_ends_after_several() -> None:
    workspaces, targets = fleet(6)
    bench = Bench(*workspaces)
    bench.doer.errors["stop"] = [errors.Forbidden("no", status=403)] * 3
    records = await bench.run("stop", *targets)
    assert len(bench.doer.done) == 3
    assert [r.outcome for r in records] == ["failed"] * 6
    assert records[-1].detail.startswith("Not tried")


async def test_those_left_out_do_not_end_the_row() -> None:
    workspaces, targets = fleet(6)
    busy = tuple(replace(w, build=active()) if w.id < "w5" else w for w in workspaces)
    bench = Bench(*busy)
    records = await bench.run("stop", *targets)
    assert [r.outcome for r in records] == ["failed"] * 4 + ["done"] * 2


async def test_asked_too_often_waits_and_tries_once_more() -> None:
    bench = Bench()
    bench.doer.errors["stop"] = [errors.RateLimited("slow down", status=429, retry_after_s=30)]
    assert (await bench.one("stop")).outcome == "done"
    assert bench.slept == [30]
    bench.doer.errors["stop"] = [errors.RateLimited("slow down", status=429, retry_after_s=3000)]
    assert (await bench.one("stop")).outcome == "failed"


async def test_the_caller_may_go_away_and_close_ends_it() -> None:
    bench = Bench()
    bench.doer.gate = asyncio.Event()
    call = asyncio.create_task(bench.run("stop"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert bench.runner.is_busy
    await bench.runner.close()
    assert bench.records[-1].outcome == "unknown"
    assert not bench.runner.is_busy


# An agent's own word


async def test_what_the_agent_says_becomes_a_fact_of_it() -> None:
    bench = Bench()
    assert (await bench.one("network-node")).outcome == "done"
    assert bench.doer.done == [("agent_node", "w1-main")]
    loading, read = bench.facts
    assert loading == FactLoading("w1-main", "node")
    assert isinstance(read, NodeRead)
    assert (read.agent_id, read.node.home_id, read.at) == ("w1-main", 999, NOON)


async def test_why_the_agent_says_nothing_is_a_fact_too() -> None:
    bench = Bench()
    bench.doer.errors["agent_node"] = [errors.NotFound("Resource not found", status=404)]
    record = await bench.one("network-node")
    assert record.outcome == "failed"
    assert "Resource not found" in record.detail
    failed = bench.facts[-1]
    assert isinstance(failed, FactFailed)
    assert (failed.fact, failed.refused, failed.problem.status) == ("node", True, 404)


async def test_nothing_is_kept_of_an_agent_that_nobody_looks_at() -> None:
    bench = Bench()
    assert (await bench.one("network-node", Target("w1/side"))).outcome == "done"
    assert bench.facts == []


async def test_read_only_asks_no_agent() -> None:
    bench = Bench(read_only=True)
    assert (await bench.one("network-node")).outcome == "failed"
    assert bench.doer.done == []
