"""Builds and their queue in trouble: B01 to B16 (triage catalogue §4.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from agentdash.local import plays, queueing
from agentdash.local.blueprints import Blueprint, ResourcePlan
from agentdash.local.staging import PLAIN, PLAIN_AGENT, Condition, Stage

_ARM = replace(PLAIN, tags=(("arch", "arm64"),))
_SLOW = Blueprint((ResourcePlan("aws_instance", "dev", apply_s=1500, agents=(PLAIN_AGENT,)),))
_FAILS = plays.with_failing_build(
    PLAIN,
    "terraform apply: exit status 1",
    "Error: Unable to create container: no space left on device",
    "  with docker_container.workspace,",
)


def _no_match(stage: Stage) -> None:
    stage.workspace(_ARM, wait_s=90)


def _no_match_yet(stage: Stage) -> None:
    stage.workspace(_ARM, wait_s=10)


def _stale(stage: Stage) -> None:
    stage.workspace(name="before")
    plays.stop_daemons(stage.deployment)
    stage.wait(200)
    stage.workspace(name="late", wait_s=120)
    stage.world.cast["subject"].reverse()


def _stale_but_idle(stage: Stage) -> None:
    stage.workspace()
    plays.stop_daemons(stage.deployment)
    stage.wait(400)


def _queued(stage: Stage) -> None:
    for index in range(5):
        stage.workspace(_SLOW, name=f"busy{index}", wait_s=0.1)
    stage.wait(120)
    stage.world.cast["subject"] = stage.world.cast["subject"][3:]


def _queued_a_moment(stage: Stage) -> None:
    for index in range(5):
        stage.workspace(_SLOW, name=f"busy{index}", wait_s=0.1)
    stage.wait(20)


def _soon_reaped(stage: Stage) -> None:
    stage.workspace(_ARM, wait_s=24 * 60)


def _reaped(stage: Stage) -> None:
    workspace = stage.workspace(_ARM, wait_s=30 * 60 + 10)
    queueing.reap(stage.deployment, workspace.latest_build)
    stage.wait(60)


def _silent(stage: Stage) -> None:
    workspace = stage.workspace(wait_s=4)
    plays.hang_build(workspace.latest_build)
    stage.wait(240)


def _one_resource(stage: Stage) -> None:
    stage.workspace(_SLOW, wait_s=900)


def _canceling(stage: Stage) -> None:
    workspace = stage.workspace(_SLOW, wait_s=60)
    # The daemon is gone: nobody is left to end the run that was asked to stop.
    plays.stop_daemons(stage.deployment)
    plays.hang_build(workspace.latest_build, ignores_cancel=True)
    queueing.cancel_build(stage.deployment, workspace.latest_build)
    stage.wait(11 * 60)


def _failed(stage: Stage) -> None:
    stage.workspace(_FAILS)


def _missing_variable(stage: Stage) -> None:
    error = "missing required template variables: region"
    stage.workspace(plays.with_failing_build(PLAIN, error, error, code="REQUIRED_TEMPLATE_VARIABLES"))


def _log_overflow(stage: Stage) -> None:
    build = stage.workspace().latest_build
    while not build.job.logs_overflowed:
        stage.deployment.append_build_log(build, "Starting workspace", "x" * 1000)


def _daemon_version(stage: Stage) -> None:
    stage.workspace()
    stage.deployment.daemons[0].version = "v2.31.4+0f0f0f0"


def _stop_blocked(stage: Stage) -> None:
    workspace = stage.workspace()
    plays.stop_daemons(stage.deployment)
    stage.build(workspace, "stop")
    stage.wait(12 * 60)


def _autostart_skipped(stage: Stage) -> None:
    workspace = stage.workspace()
    stage.build(workspace, "stop")
    stage.wait(60)
    workspace.autostart_schedule = "CRON_TZ=Europe/Berlin 30 9 * * 1-5"
    workspace.next_start_at = stage.deployment.now() + timedelta(minutes=5)
    stage.wait(15 * 60)


def _autostart_ahead(stage: Stage) -> None:
    workspace = stage.workspace()
    stage.build(workspace, "stop")
    stage.wait(60)
    workspace.autostart_schedule = "CRON_TZ=Europe/Berlin 30 9 * * 1-5"
    workspace.next_start_at = stage.deployment.now() + timedelta(hours=5)


def _canceled_running(stage: Stage) -> None:
    workspace = stage.workspace(_SLOW, wait_s=20)
    queueing.cancel_build(stage.deployment, workspace.latest_build)
    stage.wait(60)


def _canceled_pending(stage: Stage) -> None:
    workspace = stage.workspace(_ARM, wait_s=5)
    queueing.cancel_build(stage.deployment, workspace.latest_build)
    stage.wait(60)


# near misses


def _not_soon_reaped(stage: Stage) -> None:
    stage.workspace(_ARM, wait_s=600)


def _silent_a_minute(stage: Stage) -> None:
    plays.hang_build(stage.workspace(wait_s=4).latest_build)
    stage.wait(60)


def _one_resource_a_while(stage: Stage) -> None:
    stage.workspace(_SLOW, wait_s=50)


def _canceling_lately(stage: Stage) -> None:
    workspace = stage.workspace(_SLOW, wait_s=20)
    plays.hang_build(workspace.latest_build, ignores_cancel=True)
    queueing.cancel_build(stage.deployment, workspace.latest_build)
    stage.wait(60)


def _stop_waits_a_moment(stage: Stage) -> None:
    workspace = stage.workspace()
    plays.stop_daemons(stage.deployment)
    stage.build(workspace, "stop")
    stage.wait(20)


def _fails_with_the_reapers_word(stage: Stage) -> None:
    error = (
        "terraform apply: the provider's own job: Build has been detected as hung, terminated by the reaper"
    )
    stage.workspace(plays.with_failing_build(PLAIN, error, error))


def _missing_value_by_text_only(stage: Stage) -> None:
    error = "missing required template variables: region"
    stage.workspace(plays.with_failing_build(PLAIN, error, error))


def _long_log(stage: Stage) -> None:
    build = stage.workspace().latest_build
    for _ in range(900):
        stage.deployment.append_build_log(build, "Starting workspace", "x" * 1000)


def _daemon_patch(stage: Stage) -> None:
    stage.workspace()
    major, minor, patch = stage.deployment.version.lstrip("v").partition("+")[0].split(".")
    stage.deployment.daemons[0].version = f"v{major}.{minor}.{int(patch) + 2}+0f0f0f0"


BUILD_CONDITIONS = (
    Condition("B01", "No provisioner matches", _no_match, _no_match_yet),
    Condition("B02", "Matching provisioners are stale", _stale, _stale_but_idle),
    Condition("B03", "Queued behind others", _queued, _queued_a_moment),
    Condition("B04", "Will be reaped", _soon_reaped, _not_soon_reaped),
    Condition("B05", "Reaped", _reaped, _fails_with_the_reapers_word),
    Condition("B06", "Running, silent", _silent, _silent_a_minute),
    Condition("B07", "One resource takes all the time", _one_resource, _one_resource_a_while),
    Condition("B08", "Canceling for ever", _canceling, _canceling_lately),
    Condition("B09", "Terraform failed", _failed, _canceled_running),
    Condition("B10", "Missing variable or parameter", _missing_variable, _missing_value_by_text_only),
    Condition("B11", "Job log overflow", _log_overflow, _long_log),
    Condition("B12", "Daemon and server versions differ", _daemon_version, _daemon_patch),
    Condition("B14", "Stop or delete blocked", _stop_blocked, _stop_waits_a_moment),
    Condition("B15", "Autostart silently skipped", _autostart_skipped, _autostart_ahead),
    Condition("B16", "Cancelled while running", _canceled_running, _canceled_pending),
)
