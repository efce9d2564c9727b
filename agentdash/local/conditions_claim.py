"""Claims of prebuilds in trouble: C01 to C08 (triage catalogue §4.2)."""

from __future__ import annotations

from dataclasses import replace

from agentdash.local import plays, queueing
from agentdash.local.blueprints import AgentPlan, Blueprint, ResourcePlan
from agentdash.local.staging import PLAIN, Condition, Stage, plain

_FAILS = plays.with_failing_build(
    PLAIN, "terraform apply: exit status 1", "Error: creating container: no space left on device"
)
_TWIN = AgentPlan("main", connect_s=3, has_docker=True)


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
    stage.wait(240, reconcile=True)


def _just_claimed(stage: Stage) -> None:
    stage.claim(stage.pool(), misses_reinit=True)
    stage.wait(14, reconcile=True)


def _replaced(stage: Stage) -> None:
    stage.claim(stage.pool(), replaces_compute=True)
    stage.wait(120)


def _two_agents(stage: Stage) -> None:
    both = Blueprint(
        (
            ResourcePlan(
                "docker_container",
                "dev",
                agents=(_TWIN, replace(_TWIN, name="gpu")),
            ),
        )
    )
    preset = stage.pool(both)
    stage.prebuilds(preset)[0].blueprint = Blueprint(
        (
            ResourcePlan(
                "docker_container",
                "dev",
                agents=(_TWIN, replace(_TWIN, name="gpu", connect_s=None)),
            ),
        )
    )
    stage.claim(preset)
    stage.wait(240, reconcile=True)


def _starts_over(stage: Stage) -> None:
    """Every eight minutes the claimed agent hears once more that it was claimed, and so it goes on."""
    workspace = stage.claim(stage.pool())
    stage.wait(120, reconcile=True)
    agent = workspace.agents[0]
    plan = stage.world.player.plan_of(agent)
    for index in range(1, 60):
        stage.deployment.timeline.after(index * 480, lambda: plays.restart(stage.deployment, agent, plan))


def _starts_over_once(stage: Stage) -> None:
    workspace = stage.claim(stage.pool())
    stage.wait(120, reconcile=True)
    agent = workspace.agents[0]
    plan = stage.world.player.plan_of(agent)
    stage.deployment.timeline.after(60, lambda: plays.restart(stage.deployment, agent, plan))


def _instance_identity(stage: Stage) -> None:
    stage.pool(plain(instance_id="i-0c1d2e3f4a5b6c7d8", version="v2.25.1+0c0c0c0"), desired=1)


def _new_instance_identity(stage: Stage) -> None:
    stage.pool(plain(instance_id="i-0c1d2e3f4a5b6c7d8"), desired=1)


def _passed_over(stage: Stage) -> None:
    preset = stage.pool()
    template_id = stage.prebuilds(preset)[0].template_id
    stage.wait(180)
    bruno = stage.world.user("bruno")
    made = queueing.create_workspace(stage.deployment, bruno, "cold", template_id, preset_id=preset.id)
    stage.world.cast["subject"] = [made.id]
    stage.wait(120)


def _other_template(stage: Stage) -> None:
    stage.pool()
    stage.wait(180)
    stage.workspace(name="cold", wait_s=120)


# near misses


def _claim_under_way(stage: Stage) -> None:
    claimed = stage.claim(stage.pool())
    stage.wait(2)
    plays.hang_build(claimed.latest_build)
    stage.wait(20)


def _claimed_well(stage: Stage) -> None:
    stage.claim(stage.pool())
    stage.wait(120, reconcile=True)


def _two_agents_well(stage: Stage) -> None:
    both = Blueprint((ResourcePlan("docker_container", "dev", agents=(_TWIN, replace(_TWIN, name="gpu"))),))
    stage.claim(stage.pool(both))
    stage.wait(240, reconcile=True)


def _fails_long_after_the_claim(stage: Stage) -> None:
    """The claim went well; it is a later build of the same person that fails."""
    claimed = stage.claim(stage.pool())
    stage.wait(120, reconcile=True)
    claimed.blueprint = _FAILS
    stage.build(claimed, "start")
    stage.wait(60)


CLAIM_CONDITIONS = (
    Condition("C01", "Claim build slow", _claim_slow, _claim_under_way),
    Condition("C02", "Claim build failed", _claim_failed, _fails_long_after_the_claim),
    Condition("C03", "Re-initialisation missed", _missed, _just_claimed),
    Condition("C04", "Claim replaced the compute", _replaced, _claimed_well),
    Condition("C05", "Several agents, one token", _two_agents, _two_agents_well),
    Condition("C06", "Starts over again and again", _starts_over, _starts_over_once),
    Condition("C07", "Instance identity and an old agent", _instance_identity, _new_instance_identity),
    Condition("C08", "A ready prebuild was passed over", _passed_over, _other_template),
)
