"""The scripted fleet in motion: something happens every few seconds, on the deployment's own clock.

`build_fleet` makes it, `run` lets it live, `large_fleet` makes a big still one for benches.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from agentdash.local import plays, queueing, reconciler, startup, vitals
from agentdash.local.clock import ManualClock
from agentdash.local.large_fleet import large_fleet
from agentdash.local.records_agent import Agent
from agentdash.local.records_org import Workspace
from agentdash.local.world_fleet import World, build_fleet

__all__ = ["World", "build_fleet", "large_fleet", "play", "run", "set_in_motion"]

RECONCILE_S = 60.0
REAP_PENDING_S = 30 * 60.0
REAP_HUNG_S = 5 * 60.0
_CLAIMED_KEPT = 2
_BUILDS_KEPT = 20
_REST_S = 720.0
"""Nobody is disturbed twice within this time: three changes of state in ten minutes would be flapping."""
_REACHABLE = ("healthy", "sub_agents")
_CLAIM_NAMES = ("checkout-fix", "banner", "a11y", "wishlist", "gift-cards", "returns")
_CLAIMERS = ("bruno", "dalia", "hana", "ivo", "kofi", "june")
_WORK = (
    "Reading the code around the failing test",
    "Running the test suite",
    "Editing src/auth/session.ts",
    "Test passes locally, running the linter",
    "Writing the commit message",
    "Rebasing onto main",
)
_CHATTER = (
    ("info", "\x1b[32mGET\x1b[0m /api/cart 200 in 12ms"),
    ("info", "\x1b[32mGET\x1b[0m /api/products?page=2 200 in 31ms"),
    ("info", "\x1b[36m[vite]\x1b[0m hmr update /src/components/Cart.tsx"),
    ("info", "\x1b[33mPOST\x1b[0m /api/checkout 422 in 8ms"),
    ("error", "\x1b[33mwarn\x1b[0m slow query: 412ms SELECT * FROM orders WHERE …"),
)


async def run(world: World, rng: random.Random | None = None) -> None:
    """Let the fleet live until cancelled; the only task that a world needs."""
    set_in_motion(world, rng)
    await world.deployment.timeline.run()


def play(world: World, clock: ManualClock, duration_s: float) -> None:
    """For tests: let `duration_s` seconds pass at once. Call `set_in_motion` before to have movers."""
    world.deployment.timeline.play(clock, duration_s)


def set_in_motion(world: World, rng: random.Random | None = None) -> None:
    """Plan the movers; from then on the timeline never runs empty."""
    movers = _Movers(world, rng or random.Random(world.deployment.rng.random()))  # noqa: S311
    movers.plan()


class _Movers:
    """What moves, and how often."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._deployment = world.deployment
        self._rng = rng
        self._claimed: list[Workspace] = []
        self._disturbed_s: dict[str, float] = {}

    def plan(self) -> None:
        """Put every mover on the timeline."""
        steady: tuple[tuple[float, Callable[[], object]], ...] = (
            (5.0, lambda: vitals.refresh(self._deployment, self._world.player, is_forced=False)),
            (RECONCILE_S, lambda: reconciler.reconcile(self._deployment)),
            (60.0, self._reap),
        )
        lively: tuple[tuple[float, Callable[[], object]], ...] = (
            (7.0, self._chat),
            (21.0, self._work),
            (67.0, self._lose_and_find),
            (90.0, self._rebuild),
            (240.0, self._claim),
            (300.0, self._cron),
        )
        timeline = self._deployment.timeline
        if self._world.is_staged:
            steady, lively = steady[:1], ()
        for interval_s, call in steady:
            timeline.every(lambda interval_s=interval_s: interval_s, _ignore(call))  # type: ignore[misc]
        for mean_s, call in lively:
            timeline.every(lambda mean_s=mean_s: mean_s * self._rng.uniform(0.6, 1.4), _ignore(call))  # type: ignore[misc]

    def _calm_agents(self, *, is_rested: bool = False) -> list[Agent]:
        """Root agents that are well; `is_rested` = and were left alone for so long that it is no flapping."""
        now, now_s = self._deployment.now(), self._deployment.clock.monotonic()
        return [
            agent
            for what in _REACHABLE
            for workspace in self._world.showing(what)
            if not is_rested or now_s - self._disturbed_s.get(workspace.id, -_REST_S) >= _REST_S
            for agent in workspace.agents
            if agent.parent_id is None
            and agent.status(now) == "connected"
            and agent.lifecycle_state == "ready"
        ]

    def _chat(self) -> None:
        agents = [agent for agent in self._calm_agents() if len(agent.log_sources) > 2]
        if agents:
            level, text = self._rng.choice(_CHATTER)
            plays.say(self._deployment, self._rng.choice(agents), "Dev server", text, level)

    def _work(self) -> None:
        for workspace in self._world.showing("ai_working"):
            for agent in workspace.agents:
                plays.post_app_status(self._deployment, agent, "ccw", "working", self._rng.choice(_WORK))

    def _lose_and_find(self) -> None:
        agents = self._calm_agents(is_rested=True)
        if not agents:
            return
        agent = self._rng.choice(agents)
        self._disturbed_s[agent.workspace_id] = self._deployment.clock.monotonic()
        process = agent.process + 1
        plays.kill(self._deployment, agent)

        def back() -> None:
            if self._deployment.find_agent(agent.id) is agent and agent.process == process:
                plays.reconnect(self._deployment, agent)

        self._deployment.timeline.after(self._rng.uniform(8, 25), back)

    def _rebuild(self) -> None:
        calm = {agent.workspace_id for agent in self._calm_agents(is_rested=True)}
        candidates = [ws for ws in self._world.showing("healthy") if ws.id in calm]
        if not candidates:
            return
        workspace = self._rng.choice(candidates)
        self._disturbed_s[workspace.id] = self._deployment.clock.monotonic()
        self._deployment.forget_builds(workspace, _BUILDS_KEPT)

        def start_again() -> None:
            queueing.queue_build(self._deployment, workspace, "start", workspace.owner_id)

        queueing.queue_build(self._deployment, workspace, "stop", workspace.owner_id, on_success=start_again)

    def _claim(self) -> None:
        world, deployment = self._world, self._deployment
        user = world.user(self._rng.choice(_CLAIMERS))
        taken = {ws.name for ws in deployment.live_workspaces() if ws.owner_id == user.id}
        names = [name for name in _CLAIM_NAMES if name not in taken]
        if not names:
            return
        preset = world.preset(world.catalogue.web)
        claimed = reconciler.claim_one(deployment, preset, user, self._rng.choice(names))
        if claimed is None:
            return
        self._claimed.append(claimed)
        deployment.forget_deleted(_BUILDS_KEPT)
        while len(self._claimed) > _CLAIMED_KEPT:
            oldest = self._claimed.pop(0)
            if not oldest.is_deleted and not oldest.latest_build.job.is_active:
                queueing.queue_build(deployment, oldest, "delete", oldest.owner_id)

    def _cron(self) -> None:
        for agent in self._calm_agents():
            for script in self._world.player.plan_of(agent).scripts:
                if script.cron:
                    startup.run_script(self._deployment, agent, script, "cron")

    def _reap(self) -> None:
        deployment = self._deployment
        now = deployment.now()
        for job in [*deployment.pending_jobs(), *deployment.running_jobs()]:
            build = deployment.find_build(job.workspace_build_id or "")
            if build is None:
                continue
            last = build.logs[-1].created_at if build.logs else job.started_at or job.created_at
            limit_s = REAP_PENDING_S if job.started_at is None else REAP_HUNG_S
            if (now - last).total_seconds() > limit_s:
                queueing.reap(deployment, build)
                self._retry_later(build.workspace_id, build.template_version_id)

    def _retry_later(self, workspace_id: str, version_id: str) -> None:
        """Its owner tries again: the fleet keeps a workspace in the queue."""
        if workspace_id not in self._world.cast.get("pending", []):
            return
        workspace = self._deployment.workspaces[workspace_id]

        def again() -> None:
            if not workspace.latest_build.job.is_active:
                queueing.queue_build(
                    self._deployment, workspace, "start", workspace.owner_id, version_id=version_id
                )

        self._deployment.timeline.after(45, again)


def _ignore(call: Callable[[], object]) -> Callable[[], None]:
    def made() -> None:
        call()

    return made
