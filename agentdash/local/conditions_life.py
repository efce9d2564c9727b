"""Run time, network, apps, server: R, N, W, V (triage catalogue §4.6, §4.8 to §4.10)."""

from __future__ import annotations

from dataclasses import replace

from agentdash.local import plays
from agentdash.local.blueprints import AppPlan, MetadataPlan
from agentdash.local.deployment import SERVER_VERSION
from agentdash.local.staging import Condition, Stage, plain

_CHECKED = AppPlan("web", "Web", "http://localhost:3000", healthcheck_url="http://localhost:3000/healthz")


# run time


def _metadata_failing(stage: Stage) -> None:
    failing = MetadataPlan(
        "cpu", "CPU", "text", text="sh: coder: not found", error="run cmd: exit status 127"
    )
    stage.workspace(plain(metadata=(failing,)))


def _metadata_stale(stage: Stage) -> None:
    agent = stage.agent()
    agent.frozen_metadata.add("cpu")
    stage.wait(300)


def _metadata_once(stage: Stage) -> None:
    agent = stage.agent(
        plain(metadata=(MetadataPlan("kernel", "Kernel", "text", interval_s=0, text="6.8.0"),))
    )
    stage.wait(600)
    assert agent.metadata[0].value == "6.8.0"


def _overflow(stage: Stage) -> None:
    plays.overflow_logs(stage.deployment, stage.agent())


def _dormant(stage: Stage) -> None:
    workspace = stage.workspace()
    stage.build(workspace, "stop")
    stage.wait(60)
    plays.make_dormant(stage.deployment, workspace, deleting_in_s=20 * 3600)


def _stops_soon(stage: Stage) -> None:
    plays.set_deadline(stage.deployment, stage.workspace(), in_s=600, max_in_s=600)


def _stops_tonight(stage: Stage) -> None:
    plays.set_deadline(stage.deployment, stage.workspace(), in_s=9 * 3600)


def _disk_full(stage: Stage) -> None:
    disk = MetadataPlan("disk", "Home disk", "text", text="49.6/50.0 GiB (99%)")
    stage.workspace(plain(metadata=(disk,)))
    for _ in range(4):
        stage.wait(15)


def _restarts(stage: Stage, times: int) -> None:
    agent = stage.agent()
    plan = stage.world.player.plan_of(agent)
    # It goes on: who has not been watching cannot know of it.
    for index in range(1, times + 1):
        stage.deployment.timeline.after(index * 120, lambda: plays.restart(stage.deployment, agent, plan))


def _restart_loop(stage: Stage) -> None:
    _restarts(stage, 60)


def _restarted_twice(stage: Stage) -> None:
    _restarts(stage, 2)


def _skewed(stage: Stage) -> None:
    plays.skew_clock(stage.agent(), by_s=-95)


# network, apps, server


def _no_relay(stage: Stage) -> None:
    plays.set_latency(stage.agent(), None)
    stage.wait(300)


def _high_latency(stage: Stage) -> None:
    plays.set_latency(stage.agent(), 412.5)


def _unreachable(stage: Stage) -> None:
    plays.make_unreachable(stage.agent())


def _app_unhealthy(stage: Stage) -> None:
    stage.workspace(plain(apps=(replace(_CHECKED, is_healthy=False),)), wait_s=180)


def _app_initializing(stage: Stage) -> None:
    agent = stage.agent(plain(apps=(_CHECKED,)))
    plays.set_app_health(stage.deployment, agent, "web", "initializing")
    stage.wait(300)


def _app_of_dead_agent(stage: Stage) -> None:
    agent = stage.agent(plain(apps=(_CHECKED,)))
    plays.kill(stage.deployment, agent)
    stage.wait(20)


def _no_wildcard(stage: Stage) -> None:
    stage.deployment.wildcard_hostname = ""
    stage.workspace(plain(apps=(replace(_CHECKED, subdomain=True),)))


def _wildcard(stage: Stage) -> None:
    stage.workspace(plain(apps=(replace(_CHECKED, subdomain=True),)))


def _old_agent(stage: Stage) -> None:
    stage.workspace(plain(version="v2.32.1+0a0a0a0"))


def _unhealthy_server(stage: Stage) -> None:
    stage.workspace()
    plays.warn_health(stage.deployment, "database", "error", "EDB02", "Database is slow: 412 ms.")


def _server_restarted(stage: Stage) -> None:
    for name in ("one", "two", "three", "four"):
        stage.workspace(name=name)
    for workspace in list(stage.deployment.live_workspaces()):
        plays.kill(stage.deployment, workspace.agents[0])
    stage.wait(20)


def _unknown_values(stage: Stage) -> None:
    plays.set_lifecycle(stage.deployment, stage.agent(), "hibernating")


# near misses


def _disk_filling(stage: Stage) -> None:
    disk = MetadataPlan("disk", "Home disk", "text", text="41.0/50.0 GiB (82%)")
    stage.workspace(plain(metadata=(disk,)))
    for _ in range(4):
        stage.wait(15)


def _skewed_a_little(stage: Stage) -> None:
    plays.skew_clock(stage.agent(), by_s=-2)


def _no_relay_yet(stage: Stage) -> None:
    plays.set_latency(stage.agent(), None)
    stage.wait(30)


def _fair_latency(stage: Stage) -> None:
    plays.set_latency(stage.agent(), 90)


def _reachable_again(stage: Stage) -> None:
    agent = stage.agent()
    plays.make_unreachable(agent)
    stage.wait(60)
    plays.make_unreachable(agent, False)


def _app_healthy(stage: Stage) -> None:
    stage.workspace(plain(apps=(_CHECKED,)), wait_s=180)


def _app_initializing_lately(stage: Stage) -> None:
    agent = stage.agent(plain(apps=(_CHECKED,)), wait_s=15)
    plays.set_app_health(stage.deployment, agent, "web", "initializing")
    stage.wait(5)


def _dismissed_warning(stage: Stage) -> None:
    stage.workspace()
    plays.warn_health(stage.deployment, "database", "error", "EDB02", "Database is slow: 412 ms.")
    stage.deployment.dismissed_healthchecks.append("database")


def _one_of_four_lost(stage: Stage) -> None:
    for name in ("one", "two", "three", "four"):
        stage.workspace(name=name)
    plays.kill(stage.deployment, next(stage.deployment.live_workspaces()).agents[0])
    stage.wait(20)


def _much_log(stage: Stage) -> None:
    agent = stage.agent()
    for number in range(500):
        plays.say(stage.deployment, agent, "Startup Script", f"line {number} of a long log")


def _asleep(stage: Stage) -> None:
    stage.build(stage.workspace(), "stop")
    stage.wait(26 * 3600)


def _app_of_agent_that_came_back(stage: Stage) -> None:
    agent = stage.agent(plain(apps=(_CHECKED,)))
    plays.kill(stage.deployment, agent)
    stage.wait(20)
    plays.reconnect(stage.deployment, agent)
    stage.wait(60)


def _metadata_a_little_late(stage: Stage) -> None:
    agent = stage.agent()
    agent.frozen_metadata.add("cpu")
    stage.wait(50)


def _same_release_built_again(stage: Stage) -> None:
    stage.workspace(plain(version=f"{SERVER_VERSION.partition('+')[0]}+ffffff0"))


def _no_value_told(stage: Stage) -> None:
    """An older server leaves things out: what is missing is not unknown."""
    agent = stage.agent()
    agent.process += 1
    agent.lifecycle_state = ""


LIFE_CONDITIONS = (
    Condition("R01", "Metadata failing", _metadata_failing, _metadata_once),
    Condition("R01b", "Metadata stale", _metadata_stale, _metadata_a_little_late),
    Condition("R02", "Agent log overflow", _overflow, _much_log),
    Condition("R03", "Dormant or being deleted", _dormant, _asleep),
    Condition("R04", "Stops soon", _stops_soon, _stops_tonight),
    Condition("R05", "Out of memory or disk", _disk_full, _disk_filling),
    Condition("R06", "Restart loop", _restart_loop, _restarted_twice),
    Condition("R07", "Clock skew", _skewed, _skewed_a_little),
    Condition("N01", "No relay map from the agent", _no_relay, _no_relay_yet),
    Condition("N02", "High latency", _high_latency, _fair_latency),
    Condition("N06", "Says connected, does not answer", _unreachable, _reachable_again),
    Condition("W01", "App unhealthy", _app_unhealthy, _app_healthy),
    Condition("W02", "App initializing for ever", _app_initializing, _app_initializing_lately),
    Condition("W03", "Stale verdict", _app_of_dead_agent, _app_of_agent_that_came_back),
    Condition("W04", "No wildcard host", _no_wildcard, _wildcard),
    Condition("V01", "Agent older than the server", _old_agent, _same_release_built_again),
    Condition("V02", "Deployment unhealthy", _unhealthy_server, _dismissed_warning),
    Condition("V06", "Server restarted", _server_restarted, _one_of_four_lost),
    Condition("V07", "Unknown value", _unknown_values, _no_value_told),
)
