"""Agents and start-up scripts in trouble: A01 to A12, S01 to S11 (triage catalogue §4.4, §4.5)."""

from __future__ import annotations

from dataclasses import replace

from agentdash.local import plays, queueing, startup, world_people
from agentdash.local.blueprints import Blueprint, ResourcePlan, ScriptPlan, find_agent_plan
from agentdash.local.staging import PLAIN_SCRIPT, Condition, Stage, plain

_NEVER = plain(connect_s=None)
_ENDLESS = replace(PLAIN_SCRIPT, duration_s=None, timeout_s=0)


def _script(**changes: object) -> Blueprint:
    return plain(scripts=(replace(PLAIN_SCRIPT, **changes),))  # type: ignore[arg-type]


_BAD_SCRIPT = _script(
    status="exit_failure",
    exit_code=127,
    lines=(("info", "installing tools"), ("error", "start.sh: line 14: npm: not found")),
)


# connection


def _never_connected(stage: Stage) -> None:
    stage.workspace(_NEVER, wait_s=180)


def _connecting(stage: Stage) -> None:
    stage.workspace(_NEVER, wait_s=80)


def _connecting_a_moment(stage: Stage) -> None:
    stage.workspace(_NEVER, wait_s=40)


def _connects_late(stage: Stage) -> None:
    stage.workspace(plain(connect_s=150), wait_s=260)


def _no_timeout(stage: Stage) -> None:
    stage.workspace(plain(connect_s=None, connection_timeout_s=0), wait_s=240)


def _no_timeout_yet(stage: Stage) -> None:
    stage.workspace(plain(connect_s=None, connection_timeout_s=0), wait_s=100)


def _flapping(stage: Stage) -> None:
    # It goes on: who has not been watching cannot know of it.
    plays.flap(stage.deployment, stage.agent(), times=120)
    stage.wait(290)


def _lost(stage: Stage) -> None:
    plays.kill(stage.deployment, stage.agent())
    stage.wait(300)


def _lost_and_back(stage: Stage) -> None:
    agent = stage.agent()
    plays.kill(stage.deployment, agent)
    stage.wait(60)
    plays.reconnect(stage.deployment, agent)
    stage.wait(60)


def _lost_silently(stage: Stage) -> None:
    plays.drop_link(stage.deployment, stage.agent())
    stage.wait(300)


def _replaced(stage: Stage) -> None:
    workspace = stage.workspace()
    plays.kill(stage.deployment, workspace.agents[0])
    stage.wait(30)

    def rebuild() -> None:
        plays.hang_build(stage.build(workspace, "start"))

    # Agents of the build before are known to those only who have seen them.
    stage.deployment.timeline.after(20, rebuild)


def _no_agent(stage: Stage) -> None:
    stage.workspace(Blueprint((ResourcePlan("null_resource", "nothing"),)))


def _off(stage: Stage) -> None:
    startup.shut_down(stage.deployment, stage.agent())
    stage.wait(300)


def _external(stage: Stage) -> None:
    stage.workspace(
        replace(plain(connect_s=None, connection_timeout_s=0), has_external_agent=True), wait_s=300
    )


def _stuck_shutting_down(stage: Stage) -> None:
    agent = stage.agent()
    plays.set_lifecycle(stage.deployment, agent, "shutting_down")
    stage.wait(60)
    plays.kill(stage.deployment, agent)
    stage.wait(900)


def _shutting_down(stage: Stage) -> None:
    plays.set_lifecycle(stage.deployment, stage.agent(), "shutting_down")
    stage.wait(60)


def _agent_while_stopped(stage: Stage) -> None:
    workspace = stage.workspace()
    started = workspace.latest_build
    stage.build(workspace, "stop")
    stage.wait(60)
    # As servers before August 2026 answered.
    workspace.latest_build.resources.extend(started.resources)


def _stopped(stage: Stage) -> None:
    workspace = stage.workspace()
    stage.build(workspace, "stop")
    stage.wait(60)


# scripts


def _runs_on(stage: Stage) -> None:
    stage.workspace(plain(scripts=(_ENDLESS,)), wait_s=1500)


def _runs_for_a_while(stage: Stage) -> None:
    stage.workspace(plain(scripts=(_ENDLESS,)), wait_s=120)


def _timed_out(stage: Stage) -> None:
    stage.workspace(_script(status="timed_out", timeout_s=60), wait_s=240)


def _failed(stage: Stage) -> None:
    stage.workspace(_BAD_SCRIPT)


def _errors_but_ends_well(stage: Stage) -> None:
    stage.workspace(_script(lines=(("error", "error: cannot find cache, building anew"), ("error", "done"))))


def _pipes(stage: Stage) -> None:
    stage.workspace(_script(status="pipes_left_open"), wait_s=90)


def _never_starts(stage: Stage) -> None:
    agent = stage.agent(_NEVER, wait_s=30)
    startup.connect(stage.deployment, agent)
    stage.wait(180)


def _just_connected(stage: Stage) -> None:
    agent = stage.agent(_NEVER, wait_s=30)
    startup.connect(stage.deployment, agent)
    stage.wait(5)


def _logins_wait(stage: Stage) -> None:
    stage.workspace(plain(scripts=(replace(_ENDLESS, start_blocks_login=True),)), wait_s=60)


def _cron_fails(stage: Stage) -> None:
    nightly = ScriptPlan(
        "Nightly",
        (("error", "pg_dump: not found"),),
        2,
        127,
        "exit_failure",
        cron="0 0 3 * * *",
        run_on_start=False,
    )
    agent = stage.agent(plain(scripts=(PLAIN_SCRIPT, nightly)))
    startup.run_script(stage.deployment, agent, nightly, "cron")
    stage.wait(60)


def _stop_script_fails(stage: Stage) -> None:
    plays.set_lifecycle(stage.deployment, stage.agent(), "shutdown_error")
    stage.wait(60)


def _stops_with(stage: Stage, status: str) -> None:
    stop = ScriptPlan(
        "Sync back",
        (("error", "rsync: connection unexpectedly closed"),),
        0.3,
        12,
        status,
        run_on_start=False,
        run_on_stop=True,
    )
    workspace = stage.workspace(plain(scripts=(PLAIN_SCRIPT, stop)))
    stage.build(workspace, "stop")
    stage.wait(60)


def _stop_script_failed(stage: Stage) -> None:
    _stops_with(stage, "exit_failure")


def _stop_script_ended_well(stage: Stage) -> None:
    _stops_with(stage, "ok")


def _waits_for_unit(stage: Stage) -> None:
    line = ("info", "coder exp sync: waiting for unit 'git-clone' to complete")
    stage.workspace(plain(scripts=(replace(_ENDLESS, lines=(line,)),)), wait_s=1500)


def _sixth(stage: Stage, duration_s: float) -> None:
    """Five starts that take six seconds, and one that takes `duration_s`."""
    template_id = world_people.add_template(stage.deployment, "tpl", plain())
    own = plain(scripts=(replace(PLAIN_SCRIPT, duration_s=duration_s),))
    for name in ("one", "two", "three", "four", "five"):
        queueing.create_workspace(stage.deployment, stage.world.user("ada"), name, template_id)
        stage.wait(60)
    last = queueing.create_workspace(
        stage.deployment, stage.world.user("ada"), "dev", template_id, blueprint=own
    )
    stage.world.cast["subject"] = [last.id]
    stage.wait(duration_s + 60)


def _slower(stage: Stage) -> None:
    _sixth(stage, 90)


def _a_little_slower(stage: Stage) -> None:
    _sixth(stage, 20)


def _no_log_line(stage: Stage) -> None:
    stage.workspace(plain(scripts=(replace(_ENDLESS, lines=()),)), wait_s=300)


# near misses


def _external_connected(stage: Stage) -> None:
    stage.workspace(replace(plain(), has_external_agent=True))


def _just_in_time(stage: Stage) -> None:
    stage.workspace(_script(duration_s=50, timeout_s=60), wait_s=240)


def _logins_do_not_wait(stage: Stage) -> None:
    stage.workspace(plain(scripts=(_ENDLESS,)), wait_s=50)


def _cron_runs(stage: Stage) -> None:
    nightly = ScriptPlan("Nightly", (("info", "dumped"),), 2, cron="0 0 3 * * *", run_on_start=False)
    agent = stage.agent(plain(scripts=(PLAIN_SCRIPT, nightly)))
    startup.run_script(stage.deployment, agent, nightly, "cron")
    stage.wait(60)


def _waits_for_unit_a_moment(stage: Stage) -> None:
    line = ("info", "coder exp sync: waiting for unit 'git-clone' to complete")
    stage.workspace(plain(scripts=(replace(_ENDLESS, lines=(line,)),)), wait_s=90)


def _no_log_line_yet(stage: Stage) -> None:
    stage.workspace(plain(scripts=(replace(_ENDLESS, lines=()),)), wait_s=40)


def _off_and_on(stage: Stage) -> None:
    agent = stage.agent()
    startup.shut_down(stage.deployment, agent)
    stage.wait(60)
    plays.restart(stage.deployment, agent, stage.world.player.plan_of(agent))
    stage.wait(60)


def _heartbeat_late(stage: Stage) -> None:
    """The last contact is older than a heartbeat, but not by enough to call it lost."""
    agent = stage.agent()
    plays.drop_link(stage.deployment, agent)
    plays.make_unreachable(agent, False)
    assert agent.last_connected_at is not None
    stage.wait(28 - (stage.deployment.now() - agent.last_connected_at).total_seconds())


def _still_there_while_rebuilt(stage: Stage) -> None:
    workspace = stage.workspace()
    stage.deployment.timeline.after(20, lambda: plays.hang_build(stage.build(workspace, "start")))


def _template_without_compute(stage: Stage) -> None:
    blueprint = Blueprint((ResourcePlan("null_resource", "nothing"),))
    template_id = world_people.add_template(stage.deployment, "accounts", blueprint)
    for name in ("one", "two", "three", "four"):
        queueing.create_workspace(stage.deployment, stage.world.user("ada"), name, template_id)
    stage.wait(60)


def _cron_leaves_pipes(stage: Stage) -> None:
    nightly = ScriptPlan(
        "Nightly", (("info", "dumped"),), 2, status="pipes_left_open", cron="0 0 3 * * *", run_on_start=False
    )
    agent = stage.agent(plain(scripts=(PLAIN_SCRIPT, nightly)))
    startup.run_script(stage.deployment, agent, nightly, "cron")
    stage.wait(60)


def _start_script_fails_stop_script_does_not(stage: Stage) -> None:
    stop = ScriptPlan("Sync back", (("info", "synced"),), 0.3, run_on_start=False, run_on_stop=True)
    agent = stage.agent(plain(scripts=(*find_agent_plan(_BAD_SCRIPT, "main").scripts, stop)))
    startup.run_script(stage.deployment, agent, stop, "stop")
    stage.wait(60)


AGENT_CONDITIONS = (
    Condition("A01", "Still connecting", _connecting, _connecting_a_moment),
    Condition("A02", "Never connected", _never_connected, _connects_late),
    Condition("A03", "Will never time out", _no_timeout, _no_timeout_yet),
    Condition("A04", "Flapping", _flapping, _lost_and_back),
    Condition("A05", "Lost connection", _lost, _lost_and_back),
    Condition("A05b", "Lost connection without an event", _lost_silently, _heartbeat_late),
    Condition("A06", "Disconnected, but a build is running", _replaced, _still_there_while_rebuilt),
    Condition("A07", "Started, no agent", _no_agent, _template_without_compute),
    Condition("A08", "Agent on a stopped workspace", _agent_while_stopped, _stopped),
    Condition("A09", "Agent off", _off, _off_and_on),
    Condition("A11", "External agent waits for its human", _external, _external_connected),
    Condition("A12", "Stuck shutting down", _stuck_shutting_down, _shutting_down),
    Condition("S01", "Script runs on and on", _runs_on, _runs_for_a_while),
    Condition("S02", "Script timed out", _timed_out, _just_in_time),
    Condition("S03", "Script failed", _failed, _errors_but_ends_well),
    Condition("S04", "Script left its pipes open", _pipes, _cron_leaves_pipes),
    Condition("S06", "Connected, but never starts", _never_starts, _just_connected),
    Condition("S07", "Logins wait", _logins_wait, _logins_do_not_wait),
    Condition("S08", "Cron script fails", _cron_fails, _cron_runs),
    Condition(
        "S09", "Stop script failed or timed out", _stop_script_fails, _start_script_fails_stop_script_does_not
    ),
    Condition("S09b", "Stopped, and the stop script failed", _stop_script_failed, _stop_script_ended_well),
    Condition("S10", "Waiting for another unit", _waits_for_unit, _waits_for_unit_a_moment),
    Condition("S11", "Connected and starting, not one log line", _no_log_line, _no_log_line_yet),
    Condition("S12", "Slower than usual", _slower, _a_little_slower),
)
