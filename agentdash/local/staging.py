"""A stage on which one condition is played, and the list of all that can be.

A condition is written as it happens, from the first build on: `stage.wait(60)`, `plays.kill(…)`. It is played
twice, once to learn how long it takes, and then in the past of the real deployment, so that its end is now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from agentdash.local import queueing, reconciler, vitals, world_people
from agentdash.local.blueprints import (
    AgentPlan,
    Blueprint,
    MetadataPlan,
    ResourcePlan,
    ScriptPlan,
    change_agent,
)
from agentdash.local.clock import ManualClock
from agentdash.local.deployment import Deployment
from agentdash.local.player import Player
from agentdash.local.records_agent import Agent
from agentdash.local.records_build import Build
from agentdash.local.records_org import Preset, Workspace
from agentdash.local.world_fleet import World

PLAIN_SCRIPT = ScriptPlan(
    "Startup Script", (("info", "cloning"), ("info", "done")), duration_s=6, timeout_s=300
)
PLAIN_AGENT = AgentPlan(
    scripts=(PLAIN_SCRIPT,), metadata=(MetadataPlan("cpu", "CPU"),), connect_s=3, has_docker=True
)
PLAIN = Blueprint((ResourcePlan("docker_container", "workspace", agents=(PLAIN_AGENT,)),))


def plain(**changes: object) -> Blueprint:
    """One healthy agent `main`, with fields of its plan replaced."""
    return change_agent(PLAIN, "main", **changes)


class Stage:
    """A deployment with people, templates and daemons, one more template `subject`, and time to spend."""

    def __init__(self, deployment: Deployment, clock: ManualClock) -> None:
        self.deployment = deployment
        self._clock = clock
        player = Player(deployment)
        catalogue = world_people.furnish(deployment, desired_web=None, desired_go=None)
        self.world = World(deployment, player, catalogue, is_staged=True)

    def wait(self, seconds: float, *, reconcile: bool = False) -> None:
        """Let time pass; with `reconcile` the prebuilds reconciler works each minute."""
        left = seconds
        while reconcile and left > 0:
            reconciler.reconcile(self.deployment)
            self.deployment.timeline.play(self._clock, min(60.0, left))
            left -= 60
        self.deployment.timeline.play(self._clock, max(0.0, left))
        vitals.refresh(self.deployment, self.world.player, is_forced=False)

    def workspace(
        self, blueprint: Blueprint = PLAIN, *, owner: str = "ada", name: str = "dev", wait_s: float = 60
    ) -> Workspace:
        """A workspace on a template of its own; the first one is what the condition is about."""
        template_id = world_people.add_template(self.deployment, f"tpl-{name}", blueprint)
        made = queueing.create_workspace(self.deployment, self.world.user(owner), name, template_id)
        self.world.cast.setdefault("subject", []).append(made.id)
        self.wait(wait_s)
        return made

    def agent(self, blueprint: Blueprint = PLAIN, *, wait_s: float = 60) -> Agent:
        """The first agent of such a workspace, once its build has ended."""
        return self.workspace(blueprint, wait_s=wait_s).agents[0]

    def pool(self, blueprint: Blueprint = PLAIN, *, desired: int = 2, wait_s: float = 180) -> Preset:
        """A template with a preset whose pool has been filled by the reconciler for `wait_s` seconds."""
        template_id = world_people.add_template(self.deployment, "pool", blueprint, desired=desired)
        preset = self.world.preset(template_id)
        self.wait(wait_s, reconcile=True)
        self.world.cast["subject"] = [prebuild.id for prebuild in self.prebuilds(preset)]
        return preset

    def prebuilds(self, preset: Preset) -> list[Workspace]:
        """The pool, oldest first."""
        return reconciler.pool(self.deployment, preset)

    def claim(
        self, preset: Preset, *, misses_reinit: bool = False, replaces_compute: bool = False
    ) -> Workspace:
        """June takes the oldest prebuild of the pool."""
        prebuild = self.prebuilds(preset)[0]
        june = self.world.user("june")
        queueing.claim(
            self.deployment,
            prebuild,
            june,
            "mine",
            misses_reinit=misses_reinit,
            replaces_compute=replaces_compute,
        )
        self.world.cast["subject"] = [prebuild.id]
        return prebuild

    def build(self, workspace: Workspace, transition: str) -> Build:
        """The owner asks for a build."""
        return queueing.queue_build(self.deployment, workspace, transition, workspace.owner_id)


Play = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the triage catalogue as a world; `near_miss` looks alike and is not it."""

    rule: str
    title: str
    play: Play
    near_miss: Play | None = None

    @property
    def worlds(self) -> dict[str, Play]:
        """Name of the world → how it is played: `S03`, and `S03-near` where there is a near miss."""
        name = self.rule.lower()
        return {name: self.play} | ({f"{name}-near": self.near_miss} if self.near_miss is not None else {})


def perform(deployment: Deployment, play: Play, seed: int = 7) -> World:
    """Play into an empty deployment so that the end of the play is now on its clock."""
    measured = ManualClock()
    rehearsal = Deployment(measured)
    rehearsal.rng.seed(seed)
    play(Stage(rehearsal, measured))
    live = deployment.clock
    past = ManualClock(live.now() - timedelta(seconds=measured.monotonic()))
    deployment.use_clock(past)
    deployment.rng.seed(seed)
    stage = Stage(deployment, past)
    play(stage)
    deployment.use_clock(live)
    deployment.health_time = deployment.now()
    return stage.world
