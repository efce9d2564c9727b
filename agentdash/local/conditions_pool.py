"""Prebuild pools and claims in trouble: P01 to P21, C01 to C07 (triage catalogue §4.1, §4.2), and the healthy run."""

from __future__ import annotations

from dataclasses import replace

from agentdash.local import plays, queueing, world_people
from agentdash.local.blueprints import AgentPlan, Blueprint, DevcontainerPlan, ResourcePlan
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


def _failed_pile(stage: Stage) -> None:
    stage.pool(_FAILS, desired=4, wait_s=600)


def _parked(stage: Stage) -> None:
    preset = stage.pool(desired=2)
    queueing.queue_build(stage.deployment, stage.prebuilds(preset)[0], "stop", stage.world.user("tara").id)
    stage.wait(26 * 3600)


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


def _swamped(stage: Stage) -> None:
    plays.stop_daemons(stage.deployment)
    stage.pool(desired=12, wait_s=700)


def _no_agent(stage: Stage) -> None:
    stage.pool(Blueprint((ResourcePlan("null_resource", "nothing"),)), desired=1)


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


# claims


def _claim_slow(stage: Stage) -> None:
    preset = stage.pool()
    claimed = stage.claim(preset)
    stage.wait(2)
    plays.hang_build(claimed.latest_build)
    stage.wait(120)


def _claim_failed(stage: Stage) -> None:
    preset = stage.pool()
    stage.prebuilds(preset)[0].blueprint = _FAILS
    stage.claim(preset)
    stage.wait(60)


def _missed(stage: Stage) -> None:
    stage.claim(stage.pool(), misses_reinit=True)
    stage.wait(240)


def _just_claimed(stage: Stage) -> None:
    stage.claim(stage.pool(), misses_reinit=True)
    stage.wait(14)


def _replaced(stage: Stage) -> None:
    stage.claim(stage.pool(), replaces_compute=True)
    stage.wait(120)


def _two_agents(stage: Stage) -> None:
    both = Blueprint(
        (
            ResourcePlan(
                "docker_container",
                "dev",
                agents=(AgentPlan("main", connect_s=3), AgentPlan("gpu", connect_s=3)),
            ),
        )
    )
    preset = stage.pool(both)
    stage.prebuilds(preset)[0].blueprint = Blueprint(
        (
            ResourcePlan(
                "docker_container",
                "dev",
                agents=(AgentPlan("main", connect_s=3), AgentPlan("gpu", connect_s=None)),
            ),
        )
    )
    stage.claim(preset)
    stage.wait(240)


POOL_CONDITIONS = (
    Condition("P01", "Reconciliation paused", _paused),
    Condition("P02", "Feature not entitled", _unlicensed),
    Condition("P03", "Pool short, nothing in flight", _short),
    Condition("P04", "Preset backing off", _backing_off),
    Condition("P05", "Preset hard-limited", _hard_limited),
    Condition("P07", "Running prebuild never ready", _never_ready, _becoming_ready),
    Condition("P08", "Claimable but its agent is gone", _ready_but_gone),
    Condition("P09", "Sub-agent keeps a ready prebuild from being claimed", _sub_agent_not_ready),
    Condition("P10", "Failed prebuilds piling up", _failed_pile),
    Condition("P11", "Parked prebuild forgotten", _parked),
    Condition("P14", "Prebuild of an inactive version still running", _old_version),
    Condition("P15", "Prebuild delete failed", _delete_failed),
    Condition("P16", "Quota blocks prebuilds", _quota),
    Condition("P19", "Prebuild jobs swamp the queue", _swamped),
    Condition("P20", "Prebuild without an agent", _no_agent),
    Condition("P21", "Canceled prebuild left over", _canceled_left),
    Condition("C01", "Claim build slow", _claim_slow),
    Condition("C02", "Claim build failed", _claim_failed),
    Condition("C03", "Re-initialisation missed", _missed, _just_claimed),
    Condition("C04", "Claim replaced the compute", _replaced),
    Condition("C05", "Several agents, one token", _two_agents),
    Condition("healthy", "A pool, a claim, and nothing wrong", _healthy),
)
