"""Plays builds: daemons take jobs from the queue, Terraform talks by stages, agents come up at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agentdash.local import queueing, startup
from agentdash.local.blueprints import AgentPlan, Blueprint, ResourcePlan
from agentdash.local.deployment import Deployment
from agentdash.local.records_agent import Agent
from agentdash.local.records_build import Build, ProvisionerDaemon, ProvisionerTiming, Resource

_PICK_UP_S = 0.4
_INTERRUPT_S = 0.7
_WORDS = {
    "start": ("Starting workspace", "Creating", "Creation", "create"),
    "stop": ("Stopping workspace", "Destroying", "Destruction", "delete"),
    "delete": ("Deleting workspace", "Destroying", "Destruction", "delete"),
}


class Player:
    """Turns queued builds into played ones on the deployment's timeline. One per deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        deployment.dispatch = self.wake

    def wake(self) -> None:
        """Something in the queue changed: look at it soon."""
        self._deployment.timeline.after(_PICK_UP_S, self._assign)

    def plan_of(self, agent: Agent) -> AgentPlan:
        """The plan an agent was made from; an empty one for sub-agents and agents made by hand."""
        build = self._deployment.find_build(agent.build_id)
        if build is not None and agent.parent_id is None:
            for resource in queueing.blueprint_of(self._deployment, build).resources:
                for plan in resource.agents:
                    if plan.name == agent.name:
                        return plan
        return AgentPlan(name=agent.name)

    def _assign(self) -> None:
        deployment = self._deployment
        now = deployment.now()
        busy = {job.worker_id for job in deployment.running_jobs()}
        for job in deployment.pending_jobs():
            build = deployment.find_build(job.workspace_build_id or "")
            if build is None:
                continue
            for daemon in deployment.daemons:
                is_free = daemon.id not in busy and daemon.is_alive and not daemon.is_stale(now)
                if is_free and daemon.can_take(job):
                    busy.add(daemon.id)
                    self._start(build, daemon)
                    break

    def _start(self, build: Build, daemon: ProvisionerDaemon) -> None:
        deployment = self._deployment
        queueing.start_job(deployment, build, daemon)
        workspace = deployment.workspaces[build.workspace_id]
        if workspace.player is not None:
            workspace.player(build)
            return
        if not build.is_claim:
            for older in workspace.builds[-2:-1]:
                for agent in older.visible_agents:
                    startup.shut_down(deployment, agent, self.plan_of(agent))
        deployment.timeline.spawn(self._story(build), lambda: build.job.is_active)

    def _story(self, build: Build) -> Iterator[float]:
        stages = self._stages(build)
        while True:
            while build.is_hung and (build.ignores_cancel or build.job.canceled_at is None):
                yield 5.0
            if build.job.canceled_at is not None:
                yield _INTERRUPT_S
                self._say(build, "Cleaning Up", "", by_daemon=True)
                queueing.finish_job(self._deployment, build, error="canceled")
                return
            delay_s = next(stages, None)
            if delay_s is None:
                return
            yield delay_s

    def _stages(self, build: Build) -> Iterator[float]:
        deployment = self._deployment
        blueprint = queueing.blueprint_of(deployment, build)
        vary = 1 + deployment.rng.uniform(-blueprint.jitter, blueprint.jitter)
        self._say(build, "Setting up", "", by_daemon=True)
        yield 0.2
        yield from self._init(build, blueprint.init_s * vary)
        yield from self._plan(build, blueprint, blueprint.plan_s * vary)
        stage = _WORDS[build.transition][0]
        self._say(build, stage, "", by_daemon=True)
        fails = bool(blueprint.error) and build.transition in blueprint.fails_on
        if build.is_claim and not build.replaces_compute:
            yield from self._keep(build, stage)
        else:
            for plan in blueprint.resources[:-1] if fails else blueprint.resources:
                yield from self._apply(build, plan, plan.apply_s * vary)
        if fails:
            yield from self._fail(build, blueprint, stage)
            return
        yield from self._graph(build, blueprint.graph_s * vary)
        self._say(build, "Cleaning Up", "", by_daemon=True)
        yield 0.1
        self._complete(build, blueprint)

    def _init(self, build: Build, duration_s: float) -> Iterator[float]:
        stage = "Initializing Terraform Directory"
        began = self._deployment.now()
        self._say(build, stage, "", by_daemon=True)
        lines = (
            "Initializing the backend...",
            "Initializing provider plugins...",
            "- Reusing previous version of coder/coder from the dependency lock file",
            "- Using coder/coder v2.11.0 from the shared cache directory",
            "Terraform has been successfully initialized!",
        )
        for line in lines:
            yield duration_s / len(lines)
            self._say(build, stage, line)
        self._time(build, began, "init", ("terraform", "init", "initializing terraform"))

    def _plan(self, build: Build, blueprint: Blueprint, duration_s: float) -> Iterator[float]:
        stage = "Planning Infrastructure"
        self._say(build, stage, "", by_daemon=True)
        is_kept = build.is_claim and not build.replaces_compute
        count = len(blueprint.resources)
        for index, plan in enumerate(blueprint.resources):
            began = self._deployment.now()
            address = f"{plan.type}.{plan.name}"
            yield duration_s / (count + 1)
            self._say(build, stage, f"{address}: Refreshing state...")
            what = (_provider(plan.type), "read", f"data.coder_parameter.p{index}")
            self._time(build, began, "plan", what)
        yield duration_s / (count + 1)
        added = count if build.transition == "start" and not is_kept else 0
        destroyed = 0 if build.transition == "start" else count
        changed = 1 if is_kept else 0
        self._say(build, stage, f"Plan: {added} to add, {changed} to change, {destroyed} to destroy.")
        cost = sum(plan.daily_cost for plan in blueprint.resources)
        if cost:
            for text in (f"Build cost       —   {cost}", "Budget           —   -1", "Credits consumed —   0"):
                self._say(build, "Commit quota", text)

    def _apply(self, build: Build, plan: ResourcePlan, duration_s: float) -> Iterator[float]:
        stage, doing, done, action = _WORDS[build.transition]
        address = f"{plan.type}.{plan.name}"
        began = self._deployment.now()
        self._say(build, stage, f"{address}: {doing}...")
        elapsed_s = 0.0
        while duration_s - elapsed_s > 10:
            yield 10.0
            elapsed_s += 10
            self._say(build, stage, f"{address}: Still {doing.lower()}... [{elapsed_s:.0f}s elapsed]")
        yield duration_s - elapsed_s
        shown = f" [id={self._deployment.rng.getrandbits(48):012x}]" if action == "create" else ""
        self._say(build, stage, f"{address}: {done} complete after {duration_s:.0f}s{shown}")
        self._time(build, began, "apply", (_provider(plan.type), action, address))

    def _keep(self, build: Build, stage: str) -> Iterator[float]:
        """A claim: the machine stays, only the agent learns of its new owner."""
        began = self._deployment.now()
        self._say(build, stage, "coder_agent.main: Modifying...")
        yield 1.2
        self._say(build, stage, "coder_agent.main: Modifications complete after 1s")
        self._time(build, began, "apply", ("coder", "update", "coder_agent.main"))

    def _graph(self, build: Build, duration_s: float) -> Iterator[float]:
        began = self._deployment.now()
        self._say(build, "Graphing Infrastructure", "", by_daemon=True)
        yield duration_s
        self._time(build, began, "graph", ("terraform", "graph", "building terraform dependency graph"))

    def _fail(self, build: Build, blueprint: Blueprint, stage: str) -> Iterator[float]:
        if blueprint.resources:
            last = blueprint.resources[-1]
            self._say(build, stage, f"{last.type}.{last.name}: Creating...")
        yield 1.5
        for line in blueprint.error_lines:
            self._say(build, stage, line, level="error")
        yield 0.3
        self._say(build, "Cleaning Up", "", by_daemon=True)
        build.timings.clear()
        queueing.finish_job(self._deployment, build, blueprint.error, blueprint.error_code)

    def _complete(self, build: Build, blueprint: Blueprint) -> None:
        deployment = self._deployment
        workspace = deployment.workspaces[build.workspace_id]
        came: list[tuple[Agent, AgentPlan]] = []
        for plan in blueprint.resources:
            if build.transition == "start" or plan.hide:
                came += self._make_resource(build, plan)
        build.daily_cost = sum(resource.daily_cost for resource in build.resources)
        build.has_ai_task = blueprint.has_ai_task and build.transition == "start"
        build.has_external_agent = blueprint.has_external_agent and build.transition == "start"
        if workspace.ttl_ms and build.transition == "start":
            build.deadline = deployment.now() + timedelta(milliseconds=workspace.ttl_ms)
        queueing.finish_job(deployment, build)
        if build.is_claim:
            self._cut_old_connections(build)
        for agent, agent_plan in came:
            startup.begin(deployment, build, agent, agent_plan)

    def _make_resource(self, build: Build, plan: ResourcePlan) -> list[tuple[Agent, AgentPlan]]:
        deployment = self._deployment
        resource = Resource(
            id=deployment.new_id(),
            type=plan.type,
            name=plan.name,
            created_at=deployment.now(),
            icon=plan.icon,
            hide=plan.hide,
            daily_cost=plan.daily_cost,
            metadata=list(plan.metadata),
        )
        build.resources.append(resource)
        agents = plan.agents if build.transition == "start" else ()
        made = [(startup.make_agent(deployment, build, resource, agent), agent) for agent in agents]
        resource.agents.extend(agent for agent, _ in made)
        return made

    def _cut_old_connections(self, build: Build) -> None:
        # Agents of the prebuild report their drop on the channel of the owner they connected under, and that
        # is the last thing a watch opened before the claim ever hears (contract: fleet.md §3.1).
        for older in self._deployment.workspaces[build.workspace_id].builds[-2:-1]:
            for agent in older.visible_agents:
                startup.end_process(self._deployment, agent)

    def _say(
        self, build: Build, stage: str, text: str, *, by_daemon: bool = False, level: str = "info"
    ) -> None:
        source = "provisioner_daemon" if by_daemon else "provisioner"
        self._deployment.append_build_log(build, stage, text, level=level, source=source)

    def _time(self, build: Build, began: datetime, stage: str, what: tuple[str, str, str]) -> None:
        build.timings.append(ProvisionerTiming(began, self._deployment.now(), stage, *what))


def _provider(resource_type: str) -> str:
    return resource_type.split("_", 1)[0]
