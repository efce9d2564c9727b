"""Each word of the vocabulary does what it says."""

from __future__ import annotations

import pytest

from agentdash.local import devcontainers, plays, queueing, staging, startup
from agentdash.local.blueprints import (
    AgentPlan,
    Blueprint,
    DevcontainerPlan,
    MetadataPlan,
    ResourcePlan,
    ScriptPlan,
    change_agent,
    change_script,
)
from agentdash.local.clock import ManualClock
from agentdash.local.player import Player
from agentdash.local.records import MAX_LOGS_LENGTH, Agent, Deployment, Workspace
from agentdash.local.world_people import furnish, publish_version

PLAN = AgentPlan(
    scripts=(ScriptPlan("Install", (("info", "one"), ("error", "two"))), ScriptPlan("Serve", duration_s=2)),
    metadata=(MetadataPlan("cpu", "CPU"),),
    connect_s=3,
)


class Stage:
    """A furnished deployment with one workspace of a plan."""

    def __init__(self, blueprint: Blueprint | None = None) -> None:
        self.clock = ManualClock()
        self.deployment = Deployment(self.clock)
        self.player = Player(self.deployment)
        catalogue = furnish(self.deployment)
        plan = blueprint or Blueprint((ResourcePlan("docker_container", "dev", agents=(PLAN,)),))
        publish_version(self.deployment, catalogue.web, "web-test", plan)
        user = self.deployment.find_user("ada")
        assert user is not None
        self.workspace: Workspace = queueing.create_workspace(self.deployment, user, "dev", catalogue.web)

    def wait(self, seconds: float = 60) -> None:
        self.deployment.timeline.play(self.clock, seconds)

    @property
    def agent(self) -> Agent:
        return self.workspace.agents[0]

    @property
    def status(self) -> str:
        return self.agent.status(self.deployment.now())


def with_plan(**changes: object) -> Blueprint:
    return change_agent(
        Blueprint((ResourcePlan("docker_container", "dev", agents=(PLAN,)),)), "main", **changes
    )


def test_kill_is_told_at_once_and_silence_after_thirty_seconds() -> None:
    stage = Stage()
    stage.wait()
    plays.kill(stage.deployment, stage.agent)
    assert stage.status == "disconnected"
    plays.reconnect(stage.deployment, stage.agent)
    assert stage.status == "connected"
    plays.drop_link(stage.deployment, stage.agent)
    stage.wait(10)
    assert stage.status == "connected"
    stage.wait(40)
    assert stage.status == "disconnected"
    assert stage.agent.disconnected_time(stage.deployment.now()) == stage.agent.last_connected_at


def test_agent_that_never_connects_times_out() -> None:
    stage = Stage(with_plan(connect_s=None, connection_timeout_s=30))
    stage.wait(20)
    assert stage.status == "connecting"
    stage.wait(40)
    assert stage.status == "timeout"
    assert stage.agent.health_reason(stage.deployment.now()) == "agent is taking too long to connect"


@pytest.mark.parametrize(
    ("first", "second", "lifecycle"),
    [
        (("ok", 2), ("ok", 4), "ready"),
        (("exit_failure", 2), ("timed_out", 4), "start_error"),
        (("timed_out", 2), ("exit_failure", 4), "start_timeout"),
        (("pipes_left_open", 2), ("ok", 4), "start_error"),
    ],
)
def test_of_several_failures_the_first_decides(
    first: tuple[str, float], second: tuple[str, float], lifecycle: str
) -> None:
    scripts = tuple(
        ScriptPlan(
            name, duration_s=after_s, timeout_s=after_s, status=status, exit_code=status == "exit_failure"
        )
        for name, (status, after_s) in (("a", first), ("b", second))
    )
    stage = Stage(with_plan(scripts=scripts))
    stage.wait()
    assert stage.agent.lifecycle_state == lifecycle
    results = {script.display_name: script.status for script in stage.agent.scripts}
    assert results == {"a": first[0], "b": second[0]}


def test_script_without_end_keeps_the_agent_starting() -> None:
    stage = Stage(change_script(with_plan(), "main", "Serve", duration_s=None))
    stage.wait(7200)
    assert stage.agent.lifecycle_state == "starting"
    assert stage.agent.find_script("Install").status == "ok"
    assert stage.agent.find_script("Serve").status is None


def test_restart_keeps_first_timings_and_starts_again() -> None:
    stage = Stage()
    stage.wait()
    timings = list(stage.agent.script_timings)
    first_start = stage.agent.started_at
    plays.kill(stage.deployment, stage.agent)
    plays.restart(stage.deployment, stage.agent, PLAN)
    stage.wait(0.05)
    assert (stage.status, stage.agent.lifecycle_state) == ("connected", "ready")
    stage.wait(1)
    assert stage.agent.lifecycle_state == "starting"
    assert stage.agent.ready_at is None
    stage.wait()
    assert stage.agent.lifecycle_state == "ready"
    assert stage.agent.started_at != first_start
    assert stage.agent.script_timings == timings


def test_log_overflow_rejects_the_batch_and_all_later_ones() -> None:
    stage = Stage()
    stage.wait()
    plays.overflow_logs(stage.deployment, stage.agent)
    length, count = stage.agent.logs_length, len(stage.agent.logs)
    assert MAX_LOGS_LENGTH - 100_000 < length <= MAX_LOGS_LENGTH
    plays.say(stage.deployment, stage.agent, "Startup Script", "x")
    assert (stage.agent.logs_length, len(stage.agent.logs)) == (length, count)


def test_log_lines_are_cut_and_ids_rise_over_the_whole_deployment() -> None:
    stage = Stage()
    stage.wait()
    plays.say(stage.deployment, stage.agent, "Other", "é" * 3000 + "\0")
    plays.say(stage.deployment, stage.agent, "Other", "a\0b")
    long, short = stage.agent.logs[-2:]
    assert len(long.output) == 1024
    assert short.output == "a\N{REPLACEMENT CHARACTER}b"
    assert short.id > long.id


def test_metadata_arrives_and_unknown_key_is_an_error() -> None:
    stage = Stage()
    stage.wait()
    plays.set_metadata(stage.deployment, stage.agent, "cpu", "97%", error="run cmd: exit status 3")
    item = stage.agent.metadata[0]
    assert (item.value, item.error, item.collected_at) == (
        "97%",
        "run cmd: exit status 3",
        stage.deployment.now(),
    )
    with pytest.raises(KeyError):
        plays.set_metadata(stage.deployment, stage.agent, "nope", "")


def test_dead_daemons_leave_the_queue_standing_and_live_ones_take_it() -> None:
    stage = Stage()
    plays.stop_daemons(stage.deployment)
    stage.wait(300)
    build = stage.workspace.latest_build
    assert build.status == "pending"
    assert stage.deployment.queue_position(build.job) == (0, 0)
    plays.revive_daemons(stage.deployment)
    stage.wait()
    assert build.status == "running"


def test_queue_ranks_people_before_prebuilds_and_by_age() -> None:
    stage = Stage()
    stage.wait()
    deployment = stage.deployment
    for daemon in deployment.daemons[1:]:
        daemon.is_alive, daemon.last_seen_at = False, None
    user = deployment.find_user("bruno")
    assert user is not None
    waiting = [
        queueing.create_workspace(deployment, owner, f"q{index}", stage.workspace.template_id)
        for index, owner in enumerate((user, deployment.prebuilds_user(), user))
    ]
    positions = [deployment.queue_position(workspace.latest_build.job) for workspace in waiting]
    assert positions == [(1, 3), (3, 3), (2, 3)]
    stage.wait(1)
    assert deployment.queue_position(waiting[2].latest_build.job) == (1, 2)


def test_canceled_while_running_ends_as_failed() -> None:
    stage = Stage()
    stage.wait(3)
    build = stage.workspace.latest_build
    queueing.cancel_build(stage.deployment, build)
    assert build.status == "canceling"
    stage.wait(10)
    assert (build.status, build.job.error) == ("failed", "canceled")
    assert build.job.canceled_at is not None


def test_canceled_while_pending_is_canceled() -> None:
    stage = Stage()
    build = stage.workspace.latest_build
    queueing.cancel_build(stage.deployment, build)
    assert build.status == "canceled"
    stage.wait()
    assert build.status == "canceled"


def test_failing_build_fails_with_its_lines() -> None:
    stage = Stage(
        plays.with_failing_build(with_plan(), "terraform apply: exit status 1", "Error: quota", code="X")
    )
    stage.wait()
    job = stage.workspace.latest_build.job
    assert (job.status, job.error, job.error_code) == ("failed", "terraform apply: exit status 1", "X")
    assert [line.output for line in stage.workspace.latest_build.logs if line.log_level == "error"] == [
        "Error: quota"
    ]


def test_hung_build_is_silent_until_reaped() -> None:
    stage = Stage()
    stage.wait(3)
    build = stage.workspace.latest_build
    plays.hang_build(build)
    lines = len(build.logs)
    stage.wait(400)
    assert (build.status, len(build.logs)) == ("starting", lines)
    queueing.reap(stage.deployment, build)
    assert build.status == "failed"


BOX = DevcontainerPlan("api", "/home/coder/api", start_s=6)


def test_devcontainer_states_and_recreation_keep_the_sub_agent() -> None:
    stage = Stage(with_plan(devcontainers=(BOX,)))
    stage.wait()
    (item,) = stage.agent.containers.devcontainers
    sub = stage.workspace.agents[1]
    assert (item.status, item.agent_id, sub.parent_id) == ("running", sub.id, stage.agent.id)
    plays.make_dirty(stage.deployment, stage.agent, "api")
    devcontainers.start(stage.deployment, stage.agent, item, BOX)
    assert (item.status, item.container) == ("starting", None)
    assert sub.status(stage.deployment.now()) == "disconnected"
    stage.wait(30)
    assert (item.status, item.dirty, sub.status(stage.deployment.now())) == ("running", False, "connected")
    assert stage.workspace.agents[1] is sub


def test_failed_devcontainer_makes_the_start_fail_and_is_a_script_row() -> None:
    broken = DevcontainerPlan("api", "/home/coder/api", error="exit status 1")
    stage = Stage(with_plan(devcontainers=(broken,)))
    stage.wait()
    (item,) = stage.agent.containers.devcontainers
    row = stage.agent.find_script("Dev Container (api)")
    assert row.id == item.id
    assert (item.status, item.error, row.exit_code) == ("error", "exit status 1", 1)
    assert stage.agent.lifecycle_state == "start_error"
    assert len(stage.workspace.agents) == 1


def test_deleted_devcontainer_takes_its_sub_agent_along() -> None:
    stage = Stage(with_plan(devcontainers=(BOX,)))
    stage.wait()
    sub = stage.workspace.agents[1]
    devcontainers.delete(stage.deployment, stage.agent, stage.agent.containers.devcontainers[0])
    assert stage.workspace.agents == [stage.agent]
    assert stage.deployment.find_agent(sub.id) is None


def test_shut_down_runs_stop_scripts_and_ends_off() -> None:
    bye = ScriptPlan("Bye", (("info", "bye"),), duration_s=0.4, run_on_start=False, run_on_stop=True)
    plan_scripts = (*PLAN.scripts, bye)
    stage = Stage(with_plan(scripts=plan_scripts))
    stage.wait()
    agent = stage.agent
    startup.shut_down(stage.deployment, agent, stage.player.plan_of(agent))
    stage.wait(5)
    assert (agent.lifecycle_state, stage.status) == ("off", "disconnected")
    assert agent.find_script("Bye").status == "ok"
    assert agent.health_reason(stage.deployment.now()) == "agent is not running"


def test_clock_skew_moves_only_the_agents_own_times() -> None:
    stage = Stage()
    stage.wait()
    first, started = stage.agent.first_connected_at, stage.agent.started_at
    plays.skew_clock(stage.agent, -90)
    assert started is not None
    assert stage.agent.started_at is not None
    assert (started - stage.agent.started_at).total_seconds() == 90
    assert stage.agent.first_connected_at == first


def claimed_stage(
    *, misses_reinit: bool = False, replaces_compute: bool = False
) -> tuple[staging.Stage, Workspace]:
    clock = ManualClock()
    stage = staging.Stage(Deployment(clock), clock)
    workspace = stage.claim(stage.pool(), misses_reinit=misses_reinit, replaces_compute=replaces_compute)
    stage.wait(60)
    return stage, workspace


def test_claim_keeps_the_compute_and_starts_the_agent_over() -> None:
    _, workspace = claimed_stage()
    actions = {(row.action, row.resource) for row in workspace.latest_build.timings if row.stage == "apply"}
    assert actions == {("update", "coder_agent.main")}
    assert workspace.agents[0].lifecycle_state == "ready"


def test_claim_whose_signal_is_lost_stays_created() -> None:
    stage, workspace = claimed_stage(misses_reinit=True)
    (agent,) = workspace.agents
    assert (agent.status(stage.deployment.now()), agent.lifecycle_state) == ("connected", "created")
    assert agent.started_at is None


def test_claim_that_replaces_the_compute_shows_it_in_the_timings() -> None:
    _, workspace = claimed_stage(replaces_compute=True)
    actions = {(row.action, row.resource) for row in workspace.latest_build.timings if row.stage == "apply"}
    assert actions == {("create", "docker_container.workspace")}


def test_delete_can_fail_too() -> None:
    error = "terraform apply: exit status 1"
    stage = Stage(plays.with_failing_build(with_plan(), error, "Error: in use", on=("delete",)))
    stage.wait()
    assert stage.agent.lifecycle_state == "ready"
    queueing.queue_build(stage.deployment, stage.workspace, "delete", stage.workspace.owner_id)
    stage.wait()
    assert stage.workspace.latest_build.status == "failed"
    assert not stage.workspace.is_deleted


def test_new_process_of_the_parent_gives_sub_agents_new_ids() -> None:
    stage = Stage(with_plan(devcontainers=(BOX,)))
    stage.wait()
    old = stage.workspace.agents[1]
    assert old.latency
    plays.restart(stage.deployment, stage.agent, stage.player.plan_of(stage.agent))
    assert stage.workspace.agents == [stage.agent]
    stage.wait()
    new = stage.workspace.agents[1]
    assert (new.name, new.id != old.id) == (old.name, True)
