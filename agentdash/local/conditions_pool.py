"""Prebuild pools in trouble: P01 to P21 (triage catalogue §4.1) and what else shows in pools; the healthy run."""

from __future__ import annotations

from dataclasses import replace

from agentdash.local import plays, queueing, world_people
from agentdash.local.blueprints import Blueprint, DevcontainerPlan, ResourcePlan
from agentdash.local.records_org import PREBUILDS_USER_ID
from agentdash.local.staging import PLAIN, PLAIN_SCRIPT, Condition, Stage, plain

_BAD = plain(
    scripts=(
        replace(
            PLAIN_SCRIPT,
            status="exit_failure",
            exit_code=127,
            lines=(("info", "installing tools"), ("error", "start.sh: line 14: npm: not found")),
        ),
    )
)
_FAILS = plays.with_failing_build(
    PLAIN, "terraform apply: exit status 1", "Error: creating container: no space left on device"
)
_BOX = DevcontainerPlan("api", "/home/coder/api", start_s=8)


def _paused(stage: Stage) -> None:
    stage.pool()
    plays.pause_prebuilds(stage.deployment)


def _unlicensed(stage: Stage) -> None:
    stage.pool()
    stage.deployment.entitlements = {"workspace_prebuilds": False}


def _short(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    preset.desired = 4
    stage.wait(600)


def _hard_limited(stage: Stage) -> None:
    stage.pool(_FAILS, desired=3, wait_s=400)


def _refused(stage: Stage) -> None:
    stage.workspace()
    world_people.add_template(stage.deployment, "pool", PLAIN, desired=2)
    stage.wait(600)


def _refused_or_not(stage: Stage) -> None:
    stage.workspace()
    world_people.add_template(stage.deployment, "pool", PLAIN, desired=2)
    stage.wait(60)


def _backing_off(stage: Stage) -> None:
    preset = stage.pool(desired=3)
    template = stage.deployment.template_of(stage.prebuilds(preset)[0])
    version = stage.deployment.versions[template.active_version_id]
    version.blueprint = _FAILS
    june = stage.world.user("june")
    queueing.claim(stage.deployment, stage.prebuilds(preset)[0], june, "mine")
    stage.wait(90, reconcile=True)


def _never_ready(stage: Stage) -> None:
    stage.pool(_BAD, desired=5)


def _becoming_ready(stage: Stage) -> None:
    slow = plain(scripts=(replace(PLAIN_SCRIPT, duration_s=200),))
    stage.pool(slow, desired=2, wait_s=120)


def _ready_but_gone(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    plays.kill(stage.deployment, stage.prebuilds(preset)[0].agents[0])
    stage.wait(300)


def _sub_agent_not_ready(stage: Stage) -> None:
    preset = stage.pool(plain(devcontainers=(_BOX,)), desired=1)
    sub = stage.prebuilds(preset)[0].agents[1]
    plays.set_lifecycle(stage.deployment, sub, "starting")
    stage.wait(300)


def _failed_left(stage: Stage, age_s: float) -> None:
    """One failed, the template was mended, and the pool filled again."""
    preset = stage.pool(_FAILS, desired=1, wait_s=60)
    template = stage.deployment.template_of(stage.prebuilds(preset)[0])
    stage.deployment.versions[template.active_version_id].blueprint = PLAIN
    stage.wait(180, reconcile=True)
    stage.wait(age_s)


def _failed_pile(stage: Stage) -> None:
    _failed_left(stage, 26 * 3600)


def _failed_lately(stage: Stage) -> None:
    _failed_left(stage, 2 * 3600)


def _parked(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    queueing.queue_build(stage.deployment, stage.prebuilds(preset)[0], "stop", stage.world.user("tara").id)
    stage.wait(180, reconcile=True)
    stage.wait(26 * 3600)


def _last_of_old_version(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    first = stage.prebuilds(preset)[0]
    new = world_people.publish_version(stage.deployment, first.template_id, "pool-v2", PLAIN)
    new.presets[0].desired = 0
    queueing.queue_build(stage.deployment, first, "delete", PREBUILDS_USER_ID)
    stage.wait(900)


def _new_version_just_now(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    first = stage.prebuilds(preset)[0]
    new = world_people.publish_version(stage.deployment, first.template_id, "pool-v2", PLAIN)
    new.presets[0].desired = 0
    stage.wait(60)


def _old_version(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    template = stage.deployment.template_of(stage.prebuilds(preset)[0])
    plays.pause_prebuilds(stage.deployment)
    world_people.publish_version(stage.deployment, template.id, "pool-v2", PLAIN)
    stage.wait(900)


def _delete_failed(stage: Stage) -> None:
    stuck = plays.with_failing_build(
        PLAIN, "terraform apply: exit status 1", "Error: volume in use", on=("delete",)
    )
    preset = stage.pool(stuck, desired=1)
    prebuild = stage.prebuilds(preset)[0]
    queueing.queue_build(stage.deployment, prebuild, "delete", stage.world.user("tara").id)
    stage.wait(60)


def _quota(stage: Stage) -> None:
    error = "insufficient quota"
    stage.pool(plays.with_failing_build(PLAIN, error, error, code="INSUFFICIENT_QUOTA"), desired=1, wait_s=60)


def _churning(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    for _ in range(10):
        queueing.queue_build(stage.deployment, stage.prebuilds(preset)[0], "delete", PREBUILDS_USER_ID)
        stage.wait(120, reconcile=True)


def _much_claimed(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    for index in range(10):
        june = stage.world.user("june")
        queueing.claim(stage.deployment, stage.prebuilds(preset)[0], june, f"mine{index}")
        stage.wait(120, reconcile=True)


def _built_from_nothing(stage: Stage, wait_s: float) -> None:
    """The only prebuild is claimed; the next is not ready when somebody else comes."""
    lines = tuple(("info", f"building step {step} of 28") for step in range(1, 29))
    slow = plain(scripts=(replace(PLAIN_SCRIPT, lines=lines, duration_s=560, timeout_s=900),))
    preset = stage.pool(slow, desired=1, wait_s=620)
    template_id = stage.prebuilds(preset)[0].template_id
    stage.claim(preset)
    stage.wait(60, reconcile=True)
    bruno = stage.world.user("bruno")
    queueing.create_workspace(stage.deployment, bruno, "cold", template_id, preset_id=preset.id)
    stage.wait(wait_s)


def _empty_pool(stage: Stage) -> None:
    _built_from_nothing(stage, 330)


def _empty_for_a_moment(stage: Stage) -> None:
    _built_from_nothing(stage, 60)


def _swamped(stage: Stage) -> None:
    slow = Blueprint((ResourcePlan("aws_instance", "dev", apply_s=900, agents=PLAIN.resources[0].agents),))
    stage.pool(slow, desired=13, wait_s=120)


def _a_few_wait(stage: Stage) -> None:
    slow = Blueprint((ResourcePlan("aws_instance", "dev", apply_s=900, agents=PLAIN.resources[0].agents),))
    stage.pool(slow, desired=5, wait_s=25)


def _no_agent(stage: Stage) -> None:
    stage.pool(Blueprint((ResourcePlan("null_resource", "nothing"),)), desired=1)


def _no_limit(stage: Stage) -> None:
    stage.pool(plain(scripts=(replace(PLAIN_SCRIPT, timeout_s=0),)), desired=1)


def _no_limit_but_no_pool(stage: Stage) -> None:
    stage.workspace(plain(scripts=(replace(PLAIN_SCRIPT, timeout_s=0),)))


def _set_aside(stage: Stage) -> None:
    """A daemon for prebuilds alone, whose jobs do not ask for it; they wait for the others."""
    daemon = stage.deployment.daemons[0]
    daemon.tags = {**daemon.tags, "is_prebuild": "true"}
    stage.pool(Blueprint((ResourcePlan("aws_instance", "dev", apply_s=50),)), desired=1, wait_s=20)


def _canceled_left(stage: Stage) -> None:
    slow = Blueprint((ResourcePlan("aws_instance", "dev", apply_s=600),))
    preset = stage.pool(slow, desired=1, wait_s=60)
    queueing.cancel_build(stage.deployment, stage.prebuilds(preset)[0].latest_build)
    stage.wait(60)


def _healthy(stage: Stage) -> None:
    """Pool filled, one claimed, the pool filled again, the claimed one ready."""
    preset = stage.pool(desired=2)
    stage.claim(preset)
    stage.wait(300, reconcile=True)


def _calm(stage: Stage) -> None:
    """One workspace of each template of the fleet, started hours ago, and one that was stopped in order."""
    names = stage.world.catalogue
    for template_id in (names.web, names.data, names.go, names.vm, names.ai, names.boxes):
        template = stage.deployment.templates[template_id]
        queueing.create_workspace(stage.deployment, stage.world.user("ada"), template.name, template_id)
    stage.wait(1800)
    stopped = queueing.create_workspace(stage.deployment, stage.world.user("bruno"), "away", names.go)
    stage.world.cast["subject"] = [stopped.id]
    stage.wait(600)
    stage.build(stopped, "stop")
    stage.wait(3600)


# near misses


def _resumed(stage: Stage) -> None:
    stage.pool()
    plays.pause_prebuilds(stage.deployment)
    stage.wait(60)
    plays.pause_prebuilds(stage.deployment, False)


def _unlicensed_and_unused(stage: Stage) -> None:
    stage.workspace()
    stage.deployment.entitlements = {"workspace_prebuilds": False}


def _short_for_a_moment(stage: Stage) -> None:
    stage.claim(stage.pool(desired=2))
    stage.wait(20)


def _two_failed(stage: Stage) -> None:
    stage.pool(_FAILS, desired=2, wait_s=40)


def _gone_a_minute(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    plays.kill(stage.deployment, stage.prebuilds(preset)[0].agents[0])
    stage.wait(60)


def _sub_agent_starting(stage: Stage) -> None:
    preset = stage.pool(plain(devcontainers=(_BOX,)), desired=1, wait_s=60)
    plays.set_lifecycle(stage.deployment, stage.prebuilds(preset)[0].agents[1], "starting")
    stage.wait(20)


def _parked_today(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    queueing.queue_build(stage.deployment, stage.prebuilds(preset)[0], "stop", stage.world.user("tara").id)
    stage.wait(180, reconcile=True)
    stage.wait(2 * 3600)


def _deleted(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    queueing.queue_build(stage.deployment, stage.prebuilds(preset)[0], "delete", stage.world.user("tara").id)
    stage.wait(180, reconcile=True)


def _failed_otherwise(stage: Stage) -> None:
    stage.pool(_FAILS, desired=1, wait_s=60)


def _new_version_lately(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    first = stage.prebuilds(preset)[0]
    new = world_people.publish_version(stage.deployment, first.template_id, "pool-v2", PLAIN)
    new.presets[0].desired = 0
    stage.wait(280)


def _no_agent_for_now(stage: Stage) -> None:
    """One is parked, its successor is being built: neither lists an agent, and neither should."""
    slow = Blueprint((replace(PLAIN.resources[0], apply_s=40),))
    preset = stage.pool(slow, desired=1, wait_s=120)
    queueing.queue_build(stage.deployment, stage.prebuilds(preset)[0], "stop", stage.world.user("tara").id)
    stage.wait(60, reconcile=True)
    stage.wait(20, reconcile=True)


def _being_canceled(stage: Stage) -> None:
    slow = Blueprint((ResourcePlan("aws_instance", "dev", apply_s=600),))
    preset = stage.pool(slow, desired=1, wait_s=60)
    build = stage.prebuilds(preset)[0].latest_build
    plays.hang_build(build, ignores_cancel=True)
    queueing.cancel_build(stage.deployment, build)
    stage.wait(60)


def _set_aside_and_asked_for(stage: Stage) -> None:
    daemon = stage.deployment.daemons[0]
    daemon.tags = {**daemon.tags, "is_prebuild": "true"}
    slow = Blueprint((ResourcePlan("aws_instance", "dev", apply_s=50),), tags=(("is_prebuild", "true"),))
    stage.pool(slow, desired=1, wait_s=20)


POOL_CONDITIONS = (
    Condition("P01", "Reconciliation paused", _paused, _resumed),
    Condition("P02", "Feature not entitled", _unlicensed, _unlicensed_and_unused),
    Condition("P03", "Pool short, nothing in flight", _short, _short_for_a_moment),
    Condition("P04", "Preset backing off", _backing_off, _failed_lately),
    Condition("P05", "Preset hard-limited", _hard_limited, _two_failed),
    Condition("P06", "Preset refused", _refused, _refused_or_not),
    Condition("P07", "Running prebuild never ready", _never_ready, _becoming_ready),
    Condition("P08", "Claimable but its agent is gone", _ready_but_gone, _gone_a_minute),
    Condition(
        "P09",
        "Sub-agent keeps a ready prebuild from being claimed",
        _sub_agent_not_ready,
        _sub_agent_starting,
    ),
    Condition("P10", "Failed prebuilds piling up", _failed_pile, _failed_lately),
    Condition("P11", "Parked prebuild forgotten", _parked, _parked_today),
    Condition("P12", "Last prebuild of an old version stays", _last_of_old_version, _new_version_just_now),
    Condition("P14", "Prebuild of an inactive version still running", _old_version, _new_version_lately),
    Condition("P15", "Prebuild delete failed", _delete_failed, _deleted),
    Condition("P16", "Quota blocks prebuilds", _quota, _failed_otherwise),
    Condition("P17", "Pool churns", _churning, _much_claimed),
    Condition("P18", "Pool empty while people create workspaces", _empty_pool, _empty_for_a_moment),
    Condition("P19", "Prebuild jobs swamp the queue", _swamped, _a_few_wait),
    Condition("P20", "Prebuild without an agent", _no_agent, _no_agent_for_now),
    Condition("P21", "Canceled prebuild left over", _canceled_left, _being_canceled),
    Condition("S05", "Start script of a pool without a time limit", _no_limit, _no_limit_but_no_pool),
    Condition("B13", "Prebuild work goes to the wrong provisioners", _set_aside, _set_aside_and_asked_for),
    Condition("healthy", "A pool, a claim, and nothing wrong", _healthy),
    Condition("calm", "A workspace of each template, and nothing wrong", _calm),
)
